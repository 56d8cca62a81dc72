"""A plan on all segments of a view, best first: only the k best documents, skipping what cannot be among them.

The plans this is for are one term, any of several terms, all of them, each on one field and perhaps under filters; others are
scored wholly by ``evaluate``. Both ways give the same documents with the same scores (they add in float64: see ``score_kernels``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.search.kernels.top_kernels import push_scores
from pipeline.search.kernels.view_kernels import (
    ALIVE,
    BITS,
    BLOCKS,
    COLUMNS,
    DATA,
    DATA_SIZE,
    DOCUMENTS,
    IMPACT,
    LAST,
    NORMS,
    NUMBER,
    OFFSET,
    OFFSETS,
    sort_best_first,
    top_of_view,
)
from pipeline.search.queries.evaluate import SegmentQueries, TermWeights
from pipeline.search.queries.plan import Combine, Plan, TermScore
from pipeline.search.queries.selection import Matches
from pipeline.segments.columns.postings import Postings
from pipeline.segments.columns.terms import Terms
from schemas.mapping import INVERTED_TYPES, IndexMapping
from schemas.results import RowHit

TERMS_KEPT: Final = 4_096


class Ranked(NamedTuple):
    """A document among the best: its score, its segment's number, its document number, its record's offset."""

    score: float
    segment: int
    document: int
    offset: int


class Heap:
    """The k best documents so far; of equal scores, those of lower offsets. k may be 0."""

    def __init__(self, k: int) -> None:
        self.scores = np.zeros(k, np.float32)
        self.offsets = np.zeros(k, np.int64)
        self.rows = np.zeros(k, np.int64)
        self.size = 0
        self.sorted = False

    def push(self, segment: SegmentQueries, matches: Matches) -> None:
        """Offer all matches of a segment."""
        if len(self.scores) == 0:
            return
        self.sorted = False
        self.size = push_scores(
            matches.documents, matches.scores, segment.reader.offsets(), segment.number << 32,
            self.scores, self.offsets, self.rows, self.size,
        )  # fmt: skip

    def hits(self, *, with_sort: bool = False) -> list[RowHit]:
        """Best first; the score is the sort value too, where there is one."""
        size = self.size
        if not self.sorted:
            sort_best_first(self.scores, self.offsets, self.rows, size)
            self.sorted = True
        found = zip(self.scores[:size].tolist(), self.rows[:size].tolist(), self.offsets[:size].tolist(), strict=True)
        if with_sort:
            return [RowHit(row >> 32, row & 0xFFFFFFFF, score, (score,), offset) for score, row, offset in found]
        return [RowHit(row >> 32, row & 0xFFFFFFFF, score, (), offset) for score, row, offset in found]


@dataclass(frozen=True, slots=True)
class Shape:
    """A plan that can be pruned: terms of one field, any or all of them, under ``limits`` (filters only)."""

    terms: Sequence[TermScore]
    every: bool = False
    limits: Sequence[Combine] = ()


def shape_of(plan: Plan, mapping: IndexMapping) -> Shape | None:
    """How the plan can be pruned; None: it cannot."""
    if isinstance(plan, TermScore):
        field = mapping.get(plan.field)
        return Shape((plan,)) if field is not None and field.type in INVERTED_TYPES else None
    if not isinstance(plan, Combine):
        return None
    if not plan.should and len(plan.must) == 1:
        inner = shape_of(plan.must[0], mapping)
        return None if inner is None else replace(inner, limits=(*inner.limits, *_limits(plan)))
    return _shape_of_terms(plan, mapping)


def _shape_of_terms(plan: Combine, mapping: IndexMapping) -> Shape | None:
    """Terms of one field: all of them (must), or any (should)."""
    if plan.should and (plan.must or plan.least != 1):
        return None
    parts = plan.must or plan.should
    terms = [p for p in parts if isinstance(p, TermScore)]
    if not terms or len(terms) < len(parts) or len({t.field for t in terms}) > 1 or shape_of(terms[0], mapping) is None:
        return None
    return Shape(tuple(terms), every=bool(plan.must), limits=_limits(plan))


def _limits(plan: Combine) -> tuple[Combine, ...]:
    if not (plan.filter or plan.must_not):
        return ()
    return (Combine(filter=plan.filter, must_not=plan.must_not),)


class FieldTable:
    """Where the arrays of one field lie in every segment of a view (see ``view_kernels``), and what is known of its terms."""

    def __init__(self, path: str, segments: Sequence[SegmentQueries]) -> None:
        self.rows = np.zeros((len(segments), COLUMNS), np.int64)
        self._dictionaries: list[tuple[Terms, Postings] | None] = []
        self._kept: list[object] = []  # the arrays whose addresses are in the table
        self._terms: dict[bytes, NDArray[np.int64]] = {}
        for place, segment in enumerate(segments):
            terms, postings = segment.reader.terms(path), segment.reader.postings(path)
            if terms is None or postings is None:
                self._dictionaries.append(None)
                continue
            self._dictionaries.append((terms, postings))
            self._fill(self.rows[place], segment, postings, segment.norms(path))

    def _fill(
        self, row: NDArray[np.int64], segment: SegmentQueries, postings: Postings, norms: NDArray[np.uint8]
    ) -> None:
        offsets = segment.reader.offsets()
        arrays: dict[int, NDArray[Any]] = {
            DATA: postings.data, LAST: postings.block_last, OFFSET: postings.block_offset, BITS: postings.block_bits,
            IMPACT: postings.block_impact, NORMS: norms, OFFSETS: offsets,
        }  # fmt: skip
        if segment.view.dead:
            arrays[ALIVE] = segment.view.alive
        for column, array in arrays.items():
            assert array.flags.c_contiguous
            row[column] = address(array)
        row[DATA_SIZE], row[BLOCKS] = len(postings.data), len(postings.block_last)
        row[DOCUMENTS], row[NUMBER] = segment.size, segment.number
        self._kept.append(arrays)

    def blocks(self, term: bytes) -> NDArray[np.int64]:
        """int64[segments, 3]: first block, end block and df of a term in every segment; zeros where it is not there."""
        found = self._terms.get(term)
        if found is None:
            found = np.zeros((len(self._dictionaries), 3), np.int64)
            for place, known in enumerate(self._dictionaries):
                number = -1 if known is None else known[0].lookup(term)
                if known is not None and number >= 0:
                    postings = known[1]
                    found[place] = postings.block_term[number], postings.block_term[number + 1], postings.df[number]
            if len(self._terms) >= TERMS_KEPT:
                self._terms.clear()
            self._terms[term] = found
        return found


def address(array: NDArray[Any]) -> int:
    """Where an array's bytes lie. The array must be kept alive while they are read."""
    found: int = array.__array_interface__["data"][0]
    return found


class TopSearch:
    """One pruned search over the segments of a view."""

    def __init__(
        self,
        shape: Shape,
        weights: TermWeights,
        segments: Sequence[SegmentQueries],
        table: FieldTable,
        *,
        ordered: bool,
    ) -> None:
        self._shape = shape
        self._segments = segments
        self._table = table
        self._ordered = ordered
        self._blocks = np.stack([table.blocks(t.term) for t in shape.terms])
        self._inverse = weights.inverse(shape.terms[0].field)
        self._weights = np.array([weights.of(t) for t in shape.terms], np.float32)
        self._no_masks = np.zeros(len(segments), np.int64)

    def _masks(self) -> tuple[NDArray[np.int64], Sequence[NDArray[np.bool_]]]:
        """By segment: the address of a mask of the documents that count, 0 where all live ones do, -1 where none; and the masks."""
        if not self._shape.limits:
            return self._no_masks, ()
        masks: list[NDArray[np.bool_]] = []
        found = np.zeros(len(self._segments), np.int64)
        for place, segment in enumerate(self._segments):
            allowed = segment.allowed(self._shape.limits)
            if allowed.nothing:
                found[place] = -1
            elif not allowed.everything:
                masks.append(allowed.as_mask())
                found[place] = address(masks[-1])
        return found, masks

    def run(self, heap: Heap, wanted: int) -> int:
        """Fill the heap (none of it where it has no places); returns how many documents match: exactly, where that is below
        ``wanted``; any number from ``wanted`` on means: at least so many; 0 where nothing is wanted.
        """
        masks, kept = self._masks()
        heap.size, hits = top_of_view(
            self._table.rows, self._blocks, self._weights, self._inverse, masks, self._shape.every, self._ordered, wanted,
            heap.scores, heap.offsets, heap.rows,
        )  # fmt: skip
        heap.sorted = True
        del kept
        return int(hits) if wanted else 0


def exhaustive(parts: Iterable[tuple[SegmentQueries, Matches]], heap: Heap) -> int:
    """The slow twin of ``TopSearch.run``: all matches of all segments into the heap; returns how many there are."""
    total = 0
    for segment, matches in parts:
        heap.push(segment, matches)
        total += len(matches)
    return total


def in_order(segments: Sequence[SegmentQueries]) -> tuple[list[SegmentQueries], bool]:
    """The segments by their first offset, and whether all rows are then in order of offset."""
    ordered = sorted(segments, key=lambda s: s.reader.meta.offset_min)
    return ordered, all(s.rows_in_order for s in ordered) and all(
        before.reader.meta.offset_max < after.reader.meta.offset_min for before, after in pairwise(ordered)
    )
