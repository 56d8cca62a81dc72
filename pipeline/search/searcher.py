"""Search one partition at one point in time: statistics, the best rows, and what is shown of them.

    statistics   the request's plans → live counts of their terms here          (added up over partitions by the caller)
    query        plans + the index's statistics → the best offset + size rows, the total, aggregation partials
    fetch        rows → ids, sources, fields, highlights, explanations

Sorted by score, a plan of terms of one field takes the pruned way (``queries.top``), everything else the exhaustive one, segment by
segment. Totals are exact up to ``track_total_hits`` either way.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from msgspec import structs

from pipeline.search.aggregations.collect import collect_aggregations
from pipeline.search.aggregations.partials import owned, size_of
from pipeline.search.cache import SearchCache
from pipeline.search.collect import SortedCollector
from pipeline.search.columns import Columns
from pipeline.search.fetch import fetch_hits
from pipeline.search.kernels.count_kernels import documents_of_row
from pipeline.search.kernels.view_kernels import CELLS, FOUND
from pipeline.search.queries.compile import compile_query
from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.expand import expand
from pipeline.search.queries.filters import TermsPlan
from pipeline.search.queries.limits import Limits
from pipeline.search.queries.plan import (
    Combine,
    Constant,
    Context,
    Everything,
    Plan,
    Survey,
    TermScore,
    expanding_leaves,
    survey,
)
from pipeline.search.queries.selection import Matches, Selection, constant
from pipeline.search.queries.tables import Tables
from pipeline.search.queries.top import Heap, TopSearch, first_rows, in_order, shape_of
from pipeline.search.sort import Rows, Sorter
from pipeline.search.statistics import Scales, Weights, gather
from pipeline.segments.view import PartitionView
from schemas.aggregations import wants_scores
from schemas.ids import IndexName, PartitionId
from schemas.mapping import IndexMapping
from schemas.query import Node, SearchRequest, SortKey
from schemas.results import FetchedHit, QueryResult, RowHit, Statistics

COUNT_ALL: Final = np.iinfo(np.int64).max
PLANS_KEPT: Final = 256
LARGE_PLANS_KEPT: Final = 4
SMALL_SET_MAX: Final = 256
ANSWER_BYTES: Final = 1 << 10  # about what an answer takes besides its aggregations
ANSWER_KEY_CHARACTERS_MAX: Final = 16_384
NO_AGGREGATIONS: Final[Mapping[str, Any]] = {}


@dataclass(slots=True)
class _Found:
    """What looking at every match has gathered so far."""

    total: int = 0
    timed_out: bool = False
    terminated_early: bool = False


@dataclass(slots=True)
class Bound:
    """A query's plan under the statistics of the whole index."""

    statistics: Statistics
    plan: Plan
    weights: Weights
    search: TopSearch | None = None
    looked: bool = False  # whether ``search`` says if there is a quick way


@dataclass(slots=True)
class Prepared:
    """A query tree that met a view: its plan, this partition's statistics for it, and what followed from statistics last."""

    node: Node  # held, so that its identity stays its own
    now_ms: int
    plan: Plan
    survey: Survey
    statistics: Statistics | None = None
    bound: Bound | None = None


class Searcher:
    """One view of one partition. ``cache`` is the partition's: what it keeps serves the next view too."""

    def __init__(
        self,
        view: PartitionView,
        cache: SearchCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        remember_answers: bool = True,
    ) -> None:
        self.view = view
        self._clock = clock
        self._kept = kept = cache or SearchCache()
        self._kept_answers = remember_answers
        self._state = (
            view.index, view.topic, view.partition, view.visible, view.schema_version,
            tuple((s.reader.meta.id, s.deletes) for s in view.segments),
        )  # fmt: skip
        self._segments = [SegmentQueries(i, s, kept) for i, s in enumerate(view.segments)]
        self._columns = [Columns(s.reader, kept) for s in view.segments]
        self._plans: dict[int, Prepared] = {}
        self._in_order, self._ordered = in_order(self._segments)
        self._tables = Tables(self._in_order)
        self._limits = Limits(self._tables, kept)
        self._documents = view.documents
        self._scales = Scales(view.mapping)

    @property
    def index(self) -> IndexName:
        """The index."""
        return self.view.index

    @property
    def partition(self) -> PartitionId:
        """The partition."""
        return self.view.partition

    @property
    def mapping(self) -> IndexMapping:
        """The fields as this view knows them."""
        return self.view.mapping

    def compile(self, node: Node, now_ms: int) -> Plan:
        """The plan of a query. Raises ``SedimentError`` where the query does not fit the mapping."""
        return self._prepared(node, now_ms).plan

    def _prepared(self, node: Node, now_ms: int) -> Prepared:
        """A query tree that met this view; the steps of one search, and a request that is asked again, prepare it once."""
        kept = self._plans.get(id(node))
        if kept is not None and kept.node is node and kept.now_ms == now_ms:
            return kept
        plan = compile_query(node, Context(self.view.mapping, self.view.index, now_ms))
        prepared = Prepared(node, now_ms, plan, survey(plan))
        if len(self._plans) >= (PLANS_KEPT if prepared.survey.values_max <= SMALL_SET_MAX else LARGE_PLANS_KEPT):
            self._plans.clear()
        self._plans[id(node)] = prepared
        return prepared

    def _bound(self, node: Node, now_ms: int, statistics: Statistics) -> Bound:
        """A prepared query that met the statistics of the whole index."""
        prepared = self._prepared(node, now_ms)
        bound = prepared.bound
        if bound is None or bound.statistics is not statistics:
            plan = prepared.plan if prepared.survey.settled else expand(prepared.plan, statistics)
            bound = prepared.bound = Bound(statistics, plan, Weights(statistics, self._scales))
        return bound

    # ------------------------------------------------------------------ statistics

    def statistics(self, request: SearchRequest) -> Statistics:
        """How frequent the terms of the request are here."""
        if not request.highlight and request.post_filter is None:
            prepared = self._prepared(request.query, request.now_ms)
            if prepared.statistics is None:
                prepared.statistics = gather((prepared.survey,), self._tables, self._documents)
            return prepared.statistics
        nodes = [request.query, *(h.query for h in request.highlight if h.query is not None)]
        surveys = [self._prepared(node, request.now_ms).survey for node in nodes]
        if request.post_filter is not None:
            surveys.append(survey(Constant(self.compile(request.post_filter, request.now_ms))))
        return gather(surveys, self._tables, self._documents)

    # ------------------------------------------------------------------ query

    def count(self, query: Node, now_ms: int = 0) -> int:
        """How many live documents match."""
        plan = self._alone(query, now_ms)
        return sum(self._live(s, plan).count() for s in self._segments)

    def _alone(self, query: Node, now_ms: int) -> Plan:
        """The plan of a query that is asked of this partition only."""
        prepared = self._prepared(query, now_ms)
        if not prepared.survey.expanding:
            return prepared.plan
        return expand(prepared.plan, gather((prepared.survey,), self._tables, self._documents))

    def _live(self, segment: SegmentQueries, plan: Plan) -> Selection:
        return segment.select(plan).both(segment.alive)

    def query(self, request: SearchRequest, statistics: Statistics) -> QueryResult:
        """The best ``offset + size`` rows, the total, aggregation partials. What shows no rows is remembered for this view."""
        if request.size or request.offset:
            return self._query(request, statistics)
        key = self._answer_key(request)
        if key is None:
            return self._query(request, statistics)

        def size(result: QueryResult) -> int:
            return ANSWER_BYTES + len(key[1]) + sum(map(size_of, result.aggregations.values()))

        def look() -> QueryResult:
            result = self._query(request, statistics)
            return structs.replace(result, aggregations={name: owned(one) for name, one in result.aggregations.items()})

        return self._kept.get_answer(key, size, look)

    def _answer_key(self, request: SearchRequest) -> tuple[Hashable, bytes] | None:
        """Under what an answer without rows is remembered; None where it depends on scores or on the clock."""
        if request.timeout_ms is not None or request.min_score is not None or wants_scores(request.aggregations):
            return None
        if not self._kept_answers or next(expanding_leaves(self.compile(request.query, request.now_ms)), None):
            return None
        key = answer_key(request)
        return None if key is None else (self._state, key)

    def _query(self, request: SearchRequest, statistics: Statistics) -> QueryResult:
        bound = self._bound(request.query, request.now_ms, statistics)
        plan, weights = bound.plan, bound.weights
        if request.search_after or (request.sort and not is_by_score(request.sort)):
            return self._by_keys(request, plan, weights)
        k = request.offset + request.size
        scored = wants_scores(request.aggregations)
        if request.aggregations and not k:
            found, aggregations = self._every(request, plan, weights, None, scored=scored)
            return self._result(request, found.total, None, (), found, aggregations)
        heap = Heap(k)
        late: _Found | None = None
        aggregations = NO_AGGREGATIONS
        total = self._pruned(request, bound, heap)
        if total is None:

            def push(rows: Rows) -> None:
                if rows.scores is not None:
                    heap.push(rows.segment, Matches(rows.documents, rows.scores))

            late, aggregations = self._every(request, plan, weights, push, scored=bool(k))
            total = late.total
        hits = heap.hits(with_sort=bool(request.sort))
        best = hits[0].score if hits else None
        return self._result(request, total, best, hits, late, aggregations)

    def _result(
        self,
        request: SearchRequest,
        total: int,
        best: float | None,
        hits: Sequence[RowHit],
        found: _Found | None,
        aggregations: Mapping[str, Any],
    ) -> QueryResult:
        limit = COUNT_ALL if request.track_total_hits < 0 else request.track_total_hits
        view = self.view
        late, early = (False, False) if found is None else (found.timed_out, found.terminated_early)
        return QueryResult(
            view.index, view.partition, min(total, limit), 0 < limit >= total, best, hits, aggregations, view.visible,
            late, early,
        )  # fmt: skip

    def _pruned(self, request: SearchRequest, bound: Bound, heap: Heap) -> int | None:
        """Fill the heap the quick way and return the total (above ``track_total_hits``: any number); None: there is none."""
        if request.aggregations or request.min_score is not None or request.terminate_after:
            return None
        limit = request.track_total_hits
        wanted = COUNT_ALL if limit < 0 else limit + 1 if limit else 0
        plan = bound.plan
        if request.post_filter is None:
            if not bound.looked:
                bound.search, bound.looked = self._search(plan, bound.weights), True
            search = bound.search
        else:
            after = expand(self.compile(request.post_filter, request.now_ms), bound.statistics)
            plan = Combine(must=(plan,), filter=(after,))
            search = self._search(plan, bound.weights)
        if search is not None:
            return search.run(heap, wanted)
        return self._same_score(plan, heap, wanted) if isinstance(plan, Everything | Constant) else None

    def _search(self, plan: Plan, weights: Weights) -> TopSearch | None:
        """The quick way for a plan, if there is one."""
        shape = shape_of(plan, self.view.mapping)
        if shape is None:
            return None
        return TopSearch(shape, weights, self._tables.field(shape.field), self._limits, ordered=self._ordered)

    def _same_score(self, plan: Everything | Constant, heap: Heap, wanted: int) -> int:
        """All matches have one score: the first rows are the best."""
        if self._ordered and isinstance(plan, Constant) and isinstance(plan.inner, TermsPlan):
            return first_rows(plan.inner, plan.score, self._tables, heap, wanted)
        total = 0
        k = len(heap.scores)
        for segment in self._in_order:
            live = self._live(segment, plan)
            total += live.count()
            if heap.size < k or not self._ordered:
                some = first_documents(live, k) if segment.rows_in_order else live
                heap.push(segment, constant(some, plan.score))
        return total

    def _by_keys(self, request: SearchRequest, plan: Plan, weights: Weights) -> QueryResult:
        sorters = [Sorter(key, self.view.mapping, self.view.partition, request.now_ms) for key in request.sort]
        k = request.offset + request.size
        collector = SortedCollector(sorters, max(k, 1), request.search_after, self._columns)
        scored = request.track_scores or any(key.field == "_score" for key in request.sort)
        needed = scored or wants_scores(request.aggregations)
        greatest: list[float] = []

        def add(rows: Rows) -> None:
            if request.track_scores and rows.scores is not None and len(rows.scores):
                greatest.append(float(rows.scores.max()))
            if k:
                collector.add(rows if scored else Rows(rows.segment, rows.selection, None))

        found, aggregations = self._every(request, plan, weights, add, scored=needed)
        best = collector.ranked() if k else []
        hits = [
            RowHit(r.row.segment, r.row.document, r.row.score if scored else None, r.values, r.row.offset) for r in best
        ]
        return self._result(request, found.total, max(greatest, default=None), hits, found, aggregations)

    def _every(
        self,
        request: SearchRequest,
        plan: Plan,
        weights: Weights,
        add: Callable[[Rows], None] | None,
        *,
        scored: bool,
    ) -> tuple[_Found, Mapping[str, Any]]:
        """Every live match, segment by segment, to ``add`` and to the aggregations."""
        found = _Found()
        deadline = None if request.timeout_ms is None else self._clock() + request.timeout_ms / 1000
        after = None
        if request.post_filter is not None:
            after = expand(self.compile(request.post_filter, request.now_ms), weights.statistics)
        counted = bool(request.track_total_hits or request.terminate_after)
        matched: list[Rows | None] = [None] * len(self._segments)
        unscored = not scored and request.min_score is None
        for place, segment in enumerate(self._in_order):
            if deadline is not None and self._clock() >= deadline:
                found.timed_out = True
                break
            rows = self._rows(place, segment, plan) if unscored else self._scored(segment, request, plan, weights)
            if request.terminate_after and found.total + rows.count() >= request.terminate_after:
                rows = rows.first(request.terminate_after - found.total)
                found.terminated_early = True
            matched[segment.number] = rows
            if after is not None:
                rows = rows.keep(segment.select(after))
            if counted:
                found.total += rows.count()
            if add is not None:
                add(rows)
            if found.terminated_early:
                break
        return found, self._aggregate(request, matched)

    def _rows(self, place: int, segment: SegmentQueries, plan: Plan) -> Rows:
        return Rows(segment, self._selected(place, segment, plan), None)

    def _selected(self, place: int, segment: SegmentQueries, plan: Plan) -> Selection:
        """The live rows of a segment, the ``place``-th in order, that match; those of one term without looking for it in each segment."""
        if not isinstance(plan, TermScore):
            return self._live(segment, plan)
        table = self._tables.field(plan.field)
        if table.is_boolean:
            return self._live(segment, plan)
        at = FOUND + CELLS * place
        first, end, frequency = table.find((plan.term,)).postings[0, at : at + 3].tolist()
        documents = np.empty(frequency, np.uint32)
        documents_of_row(table.rows[place], first, end, documents)
        found = Selection(segment.size, documents)
        return found.both(segment.alive) if segment.view.dead else found

    def _scored(self, segment: SegmentQueries, request: SearchRequest, plan: Plan, weights: Weights) -> Rows:
        """The live rows that match, with their scores, those below ``min_score`` left out."""
        matches = segment.score(plan, weights).keep(segment.alive)
        documents, scores = matches.documents, matches.scores
        if request.min_score is not None:
            enough = scores >= np.float32(request.min_score)
            documents, scores = documents[enough], scores[enough]
        return Rows(segment, Selection(segment.size, documents), scores)

    def _aggregate(self, request: SearchRequest, matched: Sequence[Rows | None]) -> Mapping[str, Any]:
        if not request.aggregations:
            return {}

        def evaluate(node: Node, segment: int) -> Selection:
            return self._live(self._segments[segment], self._alone(node, request.now_ms))

        partials: Mapping[str, Any] = collect_aggregations(
            request.aggregations, self.view, matched, evaluate, self._columns, now_ms=request.now_ms
        )
        return partials

    # ------------------------------------------------------------------ fetch

    def fetch(self, request: SearchRequest, hits: Sequence[RowHit], statistics: Statistics) -> Sequence[FetchedHit]:
        """The rows as they are shown, in the order given."""
        bound = self._bound(request.query, request.now_ms, statistics)
        return fetch_hits(self.view, self._segments, request, bound.plan, bound.weights, hits)


def answer_key(request: SearchRequest) -> bytes | None:
    """What tells requests apart that are answered alike; None where an answer depends on the clock or the request is large.

    Written out with the names of its types, since values that are equal in Python (1, true, 1.0) are not the same to ask for.
    """
    text = repr(replace(request, now_ms=0))
    if len(text) > ANSWER_KEY_CHARACTERS_MAX or "now" in text.replace("now_ms", ""):
        return None
    return text.encode("utf-8", "replace")


def is_by_score(sort: Sequence[SortKey]) -> bool:
    """Whether the order is the natural one: best scores first."""
    return not sort or (len(sort) == 1 and sort[0].field == "_score" and sort[0].descending)


def first_documents(selection: Selection, k: int) -> Selection:
    """The k first documents of a selection."""
    if selection.documents is not None:
        return Selection(selection.size, selection.documents[:k])
    if selection.mask is None:
        return Selection(selection.size, np.arange(min(k, selection.size), dtype=np.uint32))
    part = max(4096, 4 * k)
    while True:
        found = np.flatnonzero(selection.mask[:part])
        if len(found) >= k or part >= selection.size:
            return Selection(selection.size, found[:k].astype(np.uint32))
        part *= 8
