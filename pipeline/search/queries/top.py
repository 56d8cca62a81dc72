"""A plan on all segments of a view, best first: only the k best documents, skipping what cannot be among them.

The plans this is for are one term, any of several terms, all of them, each on one field and perhaps under filters; others are
scored wholly by ``evaluate``. Both ways give the same documents with the same scores (they add in float64: see ``score_kernels``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.search.kernels.top_kernels import count_any, push_scores, top_of_all, top_of_any, top_of_term
from pipeline.search.queries.evaluate import SegmentQueries, TermWeights
from pipeline.search.queries.plan import Combine, Plan, TermScore
from pipeline.search.queries.selection import Matches
from pipeline.segments.columns.postings import Postings
from schemas.mapping import INVERTED_TYPES, IndexMapping

NO_MASK = frozen(np.empty(0, np.bool_))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document among the best: its score, its segment's number, its document number, its record's offset."""

    score: float
    segment: int
    document: int
    offset: int


class Heap:
    """The k best documents so far; of equal scores, those of lower offsets. k is at least 1."""

    def __init__(self, k: int) -> None:
        self.scores = np.zeros(k, np.float32)
        self.offsets = np.zeros(k, np.int64)
        self.rows = np.zeros(k, np.int64)
        self.size = 0

    def push(self, segment: SegmentQueries, matches: Matches) -> None:
        """Offer all matches of a segment."""
        self.size = push_scores(
            matches.documents, matches.scores, segment.reader.offsets(), segment.number << 32,
            self.scores, self.offsets, self.rows, self.size,
        )  # fmt: skip

    def ranked(self) -> list[Ranked]:
        """Best first."""
        size = self.size
        order = np.lexsort((self.offsets[:size], -self.scores[:size]))
        scores, rows, offsets = self.scores[order].tolist(), self.rows[order].tolist(), self.offsets[order].tolist()
        return [
            Ranked(score, row >> 32, row & 0xFFFFFFFF, offset)
            for score, row, offset in zip(scores, rows, offsets, strict=True)
        ]


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


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A shape's terms in one segment: where their blocks lie; which documents count."""

    segment: SegmentQueries
    postings: Postings
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    weights: NDArray[np.float32]
    df: NDArray[np.int64]
    mask: NDArray[np.bool_]


class TopSearch:
    """One pruned search over the segments of a view."""

    def __init__(
        self, shape: Shape, weights: TermWeights, segments: Sequence[SegmentQueries], *, ordered: bool
    ) -> None:
        self._shape = shape
        self._weights = weights
        self._ordered = ordered
        self._blocks = [b for s in segments if (b := self._blocks_of(s)) is not None]

    def _blocks_of(self, segment: SegmentQueries) -> _Blocks | None:
        """None: nothing matches in this segment."""
        found = [(t, segment.postings_of(t.field, t.term)) for t in self._shape.terms]
        known = [(t, f) for t, f in found if f is not None]
        if not known or (self._shape.every and len(known) < len(found)):
            return None
        mask = self._mask(segment)
        if mask is None:
            return None
        known.sort(key=lambda pair: pair[1][3])  # the rarest first
        return _Blocks(
            segment,
            known[0][1][0],
            np.array([f[1] for _, f in known], np.int64),
            np.array([f[2] for _, f in known], np.int64),
            np.array([self._weights.of(t) for t, _ in known], np.float32),
            np.array([f[3] for _, f in known], np.int64),
            mask,
        )

    def _mask(self, segment: SegmentQueries) -> NDArray[np.bool_] | None:
        """The documents that count; empty: all do; None: none does."""
        allowed = segment.alive
        for limit in self._shape.limits:
            allowed = allowed.both(segment.restriction(limit))
        if allowed.nothing:
            return None
        return NO_MASK if allowed.everything else frozen(allowed.as_mask())

    def count(self, wanted: int) -> int:
        """How many documents match; any number from ``wanted`` on means: at least so many."""
        if not self._shape.every and self._greatest_df() >= wanted:
            return wanted
        if self._shape.every:
            heap = Heap(1)
            return self._top_of_all(heap, wanted)
        total = 0
        for b in self._blocks:
            if len(b.first) == 1 and len(b.mask) == 0:
                total += int(b.df[0])
            else:
                total += count_any(
                    b.postings.data, b.postings.block_last, b.postings.block_offset, b.postings.block_bits,
                    b.first, b.end, b.mask, b.segment.size, wanted - total,
                )  # fmt: skip
            if total >= wanted:
                break
        return total

    def _greatest_df(self) -> int:
        """At least so many documents match, as far as is known without looking."""
        return sum(int(b.df.max()) for b in self._blocks if len(b.mask) == 0)

    def run(self, heap: Heap, wanted: int) -> int:
        """Fill the heap; returns the count as ``count`` does (0 where ``wanted`` is 0)."""
        if self._shape.every:
            return self._top_of_all(heap, wanted)
        total = self.count(wanted) if wanted else 0
        inverse = self._weights.inverse(self._shape.terms[0].field)
        for b in self._blocks:
            p, norms, offsets = b.postings, b.segment.norms(self._shape.terms[0].field), b.segment.reader.offsets()
            if len(b.first) == 1:
                heap.size = top_of_term(
                    p.data, p.block_last, p.block_offset, p.block_bits, p.block_impact,
                    int(b.first[0]), int(b.end[0]), b.weights[0], inverse, norms, b.mask, offsets,
                    b.segment.number << 32, self._ordered, heap.scores, heap.offsets, heap.rows, heap.size,
                )  # fmt: skip
                continue
            heap.size = top_of_any(
                p.data, p.block_last, p.block_offset, p.block_bits, p.block_impact, b.first, b.end, b.weights,
                inverse, norms, b.mask, offsets, b.segment.number << 32, self._ordered,
                heap.scores, heap.offsets, heap.rows, heap.size,
            )  # fmt: skip
        return total

    def _top_of_all(self, heap: Heap, wanted: int) -> int:
        inverse = self._weights.inverse(self._shape.terms[0].field)
        hits = 0
        for b in self._blocks:
            p, norms, offsets = b.postings, b.segment.norms(self._shape.terms[0].field), b.segment.reader.offsets()
            heap.size, hits = top_of_all(
                p.data, p.block_last, p.block_offset, p.block_bits, p.block_impact, b.first, b.end, b.weights,
                inverse, norms, b.mask, offsets, b.segment.number << 32, self._ordered,
                heap.scores, heap.offsets, heap.rows, heap.size, hits, wanted,
            )  # fmt: skip
        return hits


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
