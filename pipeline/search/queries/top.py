"""A plan on all segments of a view, best first: only the k best documents, skipping what cannot be among them.

The plans this is for are one term, any of several terms, all of them, a phrase, each on one field and perhaps under filters; others
are scored wholly by ``evaluate``. Both ways give the same documents with the same scores (they add in float64: see ``score_kernels``).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise, repeat
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pipeline.analysis.scratch import frozen
from pipeline.search.kernels.first_kernels import first_of_terms
from pipeline.search.kernels.heap_kernels import finish, push_scores
from pipeline.search.kernels.view_kernels import ALL, ANY, PHRASE, top_of_view
from pipeline.search.queries.evaluate import SegmentQueries, TermWeights
from pipeline.search.queries.filters import TermsPlan, numbers_of
from pipeline.search.queries.limits import Limits
from pipeline.search.queries.plan import Combine, PhraseScore, Plan, TermScore
from pipeline.search.queries.selection import Matches
from pipeline.search.queries.tables import FieldTable, Tables
from schemas.mapping import INVERTED_TYPES, FieldType, IndexMapping
from schemas.results import RowHit

NO_SHIFTS: Final = frozen(np.empty(0, np.int64))


class Ranked(NamedTuple):
    """A document among the best: its score, its segment's number, its document number, its record's offset."""

    score: float
    segment: int
    document: int
    offset: int


class Heap:
    """The k best documents so far; of equal scores, those of lower offsets. k may be 0."""

    __slots__ = ("finished", "places", "scores", "size")

    def __init__(self, k: int) -> None:
        self.scores = np.empty(k, np.float32)
        self.places = np.empty((3, k), np.int64)  # see ``heap_kernels.finish``
        self.size = 0
        self.finished = False

    def push(self, segment: SegmentQueries, matches: Matches) -> None:
        """Offer all matches of a segment."""
        if len(self.scores) == 0:
            return
        self.size = push_scores(
            matches.documents, matches.scores, segment.reader.offsets(), segment.number << 32,
            self.scores, self.places[0], self.places[1], self.size,
        )  # fmt: skip

    def hits(self, *, with_sort: bool = False) -> list[RowHit]:
        """Best first; the score is the sort value too, where there is one. Nothing may be offered afterwards."""
        if not self.finished:
            finish(self.scores, self.places, self.size)
            self.finished = True
        scores, places = self.scores, self.places
        if self.size < len(scores):
            scores, places = scores[: self.size], places[:, : self.size]
        score = scores.tolist()
        offset, segment, document = places.tolist()
        sort: Iterable[Any] = zip(score, strict=True) if with_sort else repeat(())
        return list(map(RowHit, segment, document, score, sort, offset))


class Shape(Struct, frozen=True):
    """A plan that can be pruned: terms of one field under ``limits`` (filters only); ``mode`` says how they match (``view_kernels``).

    ``leaves`` are scored: each term, or the phrase they make.
    """

    field: str
    terms: tuple[bytes, ...]
    leaves: Sequence[TermScore | PhraseScore]
    mode: int = ANY
    limits: tuple[Combine, ...] = ()


def shape_of(plan: Plan, mapping: IndexMapping) -> Shape | None:
    """How the plan can be pruned; None: it cannot."""
    if isinstance(plan, TermScore):
        field = mapping.get(plan.field)
        known = field is not None and field.type in INVERTED_TYPES
        return Shape(plan.field, (plan.term,), (plan,)) if known else None
    if isinstance(plan, PhraseScore):
        return _shape_of_phrase(plan, mapping)
    if not isinstance(plan, Combine):
        return None
    if not plan.should and len(plan.must) == 1:
        inner = shape_of(plan.must[0], mapping)
        return None if inner is None else replace(inner, limits=(*inner.limits, *_limits(plan)))
    return _shape_of_terms(plan, mapping)


def _shape_of_phrase(plan: PhraseScore, mapping: IndexMapping) -> Shape | None:
    field = mapping.get(plan.field)
    if field is None or field.type is not FieldType.TEXT or not plan.is_plain:
        return None
    return Shape(plan.field, tuple(plan.terms), (plan,), PHRASE)


def _shape_of_terms(plan: Combine, mapping: IndexMapping) -> Shape | None:
    """Terms of one field: all of them (must), or any (should)."""
    if plan.should and (plan.must or plan.least != 1):
        return None
    leaves = [p for p in plan.must or plan.should if isinstance(p, TermScore)]
    if not leaves or len(leaves) < len(plan.must or plan.should) or len({t.field for t in leaves}) > 1:
        return None
    if shape_of(leaves[0], mapping) is None:
        return None
    terms = tuple(t.term for t in leaves)
    return Shape(leaves[0].field, terms, leaves, ALL if plan.must else ANY, _limits(plan))


def _limits(plan: Combine) -> tuple[Combine, ...]:
    if not (plan.filter or plan.must_not):
        return ()
    return (Combine(filter=plan.filter, must_not=plan.must_not),)


class TopSearch:
    """One pruned search over the segments of a view."""

    __slots__ = (
        "_filters", "_inverse", "_limits", "_mode", "_ordered", "_postings", "_rows", "_shifts", "_slop", "_weights"
    )  # fmt: skip

    def __init__(
        self,
        shape: Shape,
        weights: TermWeights,
        table: FieldTable,
        limits: Limits,
        *,
        ordered: bool,
    ) -> None:
        self._mode = shape.mode
        self._filters = shape.limits
        self._limits = limits
        self._rows = table.rows
        self._ordered = ordered
        self._postings = table.find(shape.terms).postings
        self._inverse = weights.inverse(shape.field)
        self._shifts, self._slop = NO_SHIFTS, 0
        found = [weights.of(leaf) for leaf in shape.leaves]
        if shape.mode == PHRASE:
            (phrase,) = shape.leaves
            assert isinstance(phrase, PhraseScore)
            found *= len(shape.terms)
            self._shifts, self._slop = frozen(np.array(phrase.positions, np.int64)), phrase.slop
        self._weights = np.array(found, np.float32)

    def run(self, heap: Heap, wanted: int) -> int:
        """Fill the heap (none of it where it has no places); returns how many documents match: exactly, where that is below
        ``wanted``; any number from ``wanted`` on means: at least so many; 0 where nothing is wanted.
        """
        limited = self._limits.of(self._filters) if self._filters else self._limits.none
        heap.size, hits = top_of_view(
            self._rows, self._postings, self._weights, self._inverse, limited.rows, self._mode, self._shifts, self._slop,
            self._ordered, wanted, heap.scores, heap.places,
        )  # fmt: skip
        heap.finished = True
        del limited  # until here, as its rows hold addresses
        return hits if wanted else 0


def first_rows(plan: TermsPlan, score: float, tables: Tables, heap: Heap, wanted: int) -> int:
    """Fill the heap with the first live documents that the plan selects, all of one score, in segments whose rows come in the order
    of their offsets; returns how many there are, as ``TopSearch.run`` does.
    """
    table, hits = tables.field(plan.field), 0
    for place, segment in enumerate(tables.segments):
        room = len(heap.scores) - heap.size
        if not room and hits >= wanted:
            break
        terms = segment.terms(plan.field)
        if terms is None:
            continue
        documents = np.empty(room, np.uint32)
        count, found = first_of_terms(table.rows[place], numbers_of(terms, plan), wanted - hits, documents)
        hits += found
        documents = documents[:count]
        heap.push(segment, Matches(documents, np.full(count, score, np.float32)))
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
