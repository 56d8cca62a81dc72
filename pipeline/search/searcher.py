"""Search one partition at one point in time: statistics, the best rows, and what is shown of them.

    statistics   the request's plans → live counts of their terms here          (added up over partitions by the caller)
    query        plans + the index's statistics → the best offset + size rows, the total, aggregation partials
    fetch        rows → ids, sources, fields, highlights, explanations

Sorted by score, a plan of terms of one field takes the pruned way (``queries.top``), everything else the exhaustive one, segment by
segment. Totals are exact up to ``track_total_hits`` either way.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.collect import collect_aggregations
from pipeline.search.cache import SearchCache
from pipeline.search.collect import SortedCollector
from pipeline.search.fetch import fetch_hits
from pipeline.search.queries.compile import compile_query
from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.expand import expand
from pipeline.search.queries.plan import Combine, Constant, Context, Everything, Plan, expanding_leaves
from pipeline.search.queries.selection import Matches, Selection, constant
from pipeline.search.queries.top import Heap, TopSearch, in_order, shape_of
from pipeline.search.sort import Rows, Sorter
from pipeline.search.statistics import Weights, gather
from pipeline.segments.view import PartitionView
from schemas.ids import IndexName, PartitionId
from schemas.mapping import IndexMapping
from schemas.query import Node, SearchRequest, SortKey
from schemas.results import FetchedHit, QueryResult, RowHit, Statistics

COUNT_ALL: Final = np.iinfo(np.int64).max
PLANS_KEPT: Final = 16


@dataclass(slots=True)
class _Found:
    """What the query step has gathered so far."""

    total: int = 0
    timed_out: bool = False
    terminated_early: bool = False


class Searcher:
    """One view of one partition. ``cache`` is the partition's: what it keeps serves the next view too."""

    def __init__(
        self,
        view: PartitionView,
        cache: SearchCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.view = view
        self._clock = clock
        kept = cache or SearchCache()
        self._segments = [SegmentQueries(i, s, kept) for i, s in enumerate(view.segments)]
        self._plans: dict[int, tuple[Node, int, Plan]] = {}
        self._in_order, self._ordered = in_order(self._segments)

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
        kept = self._plans.get(id(node))
        if kept is not None and kept[0] is node and kept[1] == now_ms:
            return kept[2]  # the steps of one search compile the same tree
        plan = compile_query(node, Context(self.view.mapping, self.view.index, now_ms))
        if len(self._plans) >= PLANS_KEPT:
            self._plans.clear()
        self._plans[id(node)] = (node, now_ms, plan)
        return plan

    # ------------------------------------------------------------------ statistics

    def statistics(self, request: SearchRequest) -> Statistics:
        """How frequent the terms of the request are here."""
        nodes = [request.query, *(h.query for h in request.highlight if h.query is not None)]
        plans = [self.compile(node, request.now_ms) for node in nodes]
        if request.post_filter is not None:
            plans.append(Constant(self.compile(request.post_filter, request.now_ms)))
        return gather(plans, self._segments, self.view.documents)

    # ------------------------------------------------------------------ query

    def count(self, query: Node, now_ms: int = 0) -> int:
        """How many live documents match."""
        plan = self._alone(query, now_ms)
        return sum(self._live(s, plan).count() for s in self._segments)

    def _alone(self, query: Node, now_ms: int) -> Plan:
        """The plan of a query that is asked of this partition only."""
        plan = self.compile(query, now_ms)
        if next(expanding_leaves(plan), None) is None:
            return plan
        return expand(plan, gather([plan], self._segments, self.view.documents))

    def _live(self, segment: SegmentQueries, plan: Plan) -> Selection:
        return segment.select(plan).both(segment.alive)

    def query(self, request: SearchRequest, statistics: Statistics) -> QueryResult:
        """The best ``offset + size`` rows, the total, aggregation partials."""
        plan = expand(self.compile(request.query, request.now_ms), statistics)
        weights = Weights(statistics, self.view.mapping)
        if request.search_after or not is_by_score(request.sort):
            return self._by_keys(request, plan, weights)
        heap = Heap(max(1, request.offset + request.size))
        found = _Found()
        aggregations: Mapping[str, Any] = {}
        pruned = self._pruned(request, plan, weights, heap)
        if pruned is None:
            found, aggregations = self._every(request, plan, weights, heap.push, scored=True)
            pruned = found.total
        ranked = heap.ranked() if request.offset + request.size else []
        hits = [RowHit(r.segment, r.document, r.score, tuple(r.score for _ in request.sort), r.offset) for r in ranked]
        best = ranked[0].score if ranked else None
        return self._result(request, pruned, found, best, hits, aggregations)

    def _result(
        self,
        request: SearchRequest,
        total: int,
        found: _Found,
        best: float | None,
        hits: Sequence[RowHit],
        aggregations: Mapping[str, Any],
    ) -> QueryResult:
        limit = COUNT_ALL if request.track_total_hits < 0 else request.track_total_hits
        return QueryResult(
            index=self.view.index,
            partition=self.view.partition,
            total=min(total, limit),
            total_exact=total <= limit and limit > 0,
            max_score=best,
            hits=hits,
            aggregations=aggregations,
            visible=self.view.visible,
            timed_out=found.timed_out,
            terminated_early=found.terminated_early,
        )

    def _pruned(self, request: SearchRequest, plan: Plan, weights: Weights, heap: Heap) -> int | None:
        """Fill the heap the quick way and return the total (above ``track_total_hits``: any number); None: there is none."""
        if request.aggregations or request.min_score is not None or request.terminate_after:
            return None
        if request.post_filter is not None:
            after = expand(self.compile(request.post_filter, request.now_ms), weights.statistics)
            plan = Combine(must=(plan,), filter=(after,))
        wanted = COUNT_ALL if request.track_total_hits < 0 else request.track_total_hits
        wanted = wanted if wanted in {0, COUNT_ALL} else wanted + 1
        if isinstance(plan, Everything | Constant):
            return self._same_score(plan, heap)
        shape = shape_of(plan, self.view.mapping)
        if shape is None:
            return None
        search = TopSearch(shape, weights, self._in_order, ordered=self._ordered)
        if request.offset + request.size == 0:
            return search.count(wanted)
        return search.run(heap, wanted)

    def _same_score(self, plan: Everything | Constant, heap: Heap) -> int:
        """All matches have one score: the first rows are the best."""
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
        collector = SortedCollector(sorters, max(k, 1), request.search_after)
        scored = request.track_scores or any(key.field == "_score" for key in request.sort)
        greatest: list[float] = []

        def add(segment: SegmentQueries, matches: Matches) -> None:
            if request.track_scores and len(matches):
                greatest.append(float(matches.scores.max()))
            if k:
                collector.add(Rows(segment, matches.documents, matches.scores if scored else None))

        found, aggregations = self._every(request, plan, weights, add, scored=scored)
        rows = collector.ranked() if k else []
        hits = [
            RowHit(r.row.segment, r.row.document, r.row.score if scored else None, r.values, r.row.offset) for r in rows
        ]
        return self._result(request, found.total, found, max(greatest, default=None), hits, aggregations)

    def _every(
        self,
        request: SearchRequest,
        plan: Plan,
        weights: Weights,
        add: Callable[[SegmentQueries, Matches], None],
        *,
        scored: bool,
    ) -> tuple[_Found, Mapping[str, Any]]:
        """Every live match, segment by segment, to ``add`` and to the aggregations."""
        found = _Found()
        deadline = None if request.timeout_ms is None else self._clock() + request.timeout_ms / 1000
        after = None
        if request.post_filter is not None:
            after = expand(self.compile(request.post_filter, request.now_ms), weights.statistics)
        aggregated: list[NDArray[np.uint32]] = [np.empty(0, np.uint32) for _ in self._segments]
        for segment in self._in_order:
            if deadline is not None and self._clock() >= deadline:
                found.timed_out = True
                break
            matches = self._matches(segment, request, plan, weights, scored=scored)
            if request.terminate_after and found.total + len(matches) >= request.terminate_after:
                left = request.terminate_after - found.total
                matches = Matches(matches.documents[:left], matches.scores[:left])
                found.terminated_early = True
            aggregated[segment.number] = matches.documents
            if after is not None:
                matches = matches.keep(segment.select(after))
            found.total += len(matches)
            add(segment, matches)
            if found.terminated_early:
                break
        return found, self._aggregate(request, aggregated)

    def _matches(
        self, segment: SegmentQueries, request: SearchRequest, plan: Plan, weights: Weights, *, scored: bool
    ) -> Matches:
        if not scored and request.min_score is None:
            return constant(self._live(segment, plan), 0.0)
        matches = segment.score(plan, weights).keep(segment.alive)
        if request.min_score is None:
            return matches
        enough = matches.scores >= np.float32(request.min_score)
        return Matches(matches.documents[enough], matches.scores[enough])

    def _aggregate(self, request: SearchRequest, documents: list[NDArray[np.uint32]]) -> Mapping[str, Any]:
        if not request.aggregations:
            return {}

        def evaluate(node: Node, segment: int) -> NDArray[np.uint32]:
            plan = self._alone(node, request.now_ms)
            return self._live(self._segments[segment], plan).as_documents()

        partials: Mapping[str, Any] = collect_aggregations(
            request.aggregations, self.view, documents, evaluate, now_ms=request.now_ms
        )
        return partials

    # ------------------------------------------------------------------ fetch

    def fetch(self, request: SearchRequest, hits: Sequence[RowHit], statistics: Statistics) -> Sequence[FetchedHit]:
        """The rows as they are shown, in the order given."""
        plan = expand(self.compile(request.query, request.now_ms), statistics)
        weights = Weights(statistics, self.view.mapping)
        return fetch_hits(self.view, self._segments, request, plan, weights, hits)


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
