"""A search over the partitions of one or several indices: statistics, query, merge, fetch; with one deadline.

A partition that fails or is late is left out and named in ``failures``; only if all fail does the search fail. Statistics
are summed over the partitions of one index, so that a score depends neither on how an index is split nor on the indices
that are searched with it.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar

from msgspec import Struct, structs

from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from query_api.fanout.aggregations.reduce import PendingHits, reduce_with_hits
from query_api.fanout.ports import PartitionSearcher, PointInTime
from query_api.fanout.ranking import merge_hits
from schemas.aggregations import wants_scores
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import IndexName, LogOffset
from schemas.query import Bool, Node, SearchRequest, expands
from schemas.results import FetchedHit, QueryResult, RowHit, Statistics

T = TypeVar("T")
SHARD_DOC = "_shard_doc"  # the sort key that orders equal hits: by view, then by the offset of the record
PLACE_SHIFT = 48  # bits of an offset in a place; as in ``pipeline.search.sort``


@dataclass(frozen=True, slots=True)
class Searched:
    """One index with those who answer for it. ``own``: what it is asked of a request, where that is not the same for all indices."""

    name: IndexName
    searchers: Sequence[PartitionSearcher]
    own: Callable[[SearchRequest], SearchRequest] = lambda request: request


def narrowed(request: SearchRequest, condition: Node | None) -> SearchRequest:
    """The request on the documents that a filter leaves; their scores stay as they are."""
    if condition is None:
        return request
    return replace(request, query=Bool(must=(request.query,), filter=(condition,)))


@dataclass(frozen=True, slots=True)
class Failure:
    """A partition that is missing from the answer, and why."""

    index: IndexName
    partition: int
    error: SedimentError


class Shown(Struct, frozen=True):
    """A hit of the page. ``place`` counts the indices of the search, ``view`` the partitions that were asked."""

    place: int
    view: int
    row: RowHit
    hit: FetchedHit


@dataclass(frozen=True, slots=True)
class InnerHits:
    """Hits of an aggregation: what is shown of each (``request``), the hits, and the list in the aggregations that takes them."""

    request: SearchRequest
    hits: Sequence[Shown]
    target: list[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found."""

    partitions: int
    failures: Sequence[Failure]
    results: Sequence[QueryResult]
    hits: Sequence[Shown]
    total: int
    total_exact: bool
    max_score: float | None
    aggregations: Mapping[str, Any] = field(default_factory=dict)
    inner: Sequence[InnerHits] = ()

    @property
    def timed_out(self) -> bool:
        """Some partition did not look at everything, or did not answer in time."""
        return any(r.timed_out for r in self.results) or any(f.error.kind is ErrorKind.TIMEOUT for f in self.failures)

    @property
    def terminated_early(self) -> bool:
        """Some partition stopped at ``terminate_after``."""
        return any(r.terminated_early for r in self.results)


class AllFailedError(SedimentError):
    """No partition answered."""

    def __init__(self, failures: Sequence[Failure], phase: str) -> None:
        first = failures[0].error
        super().__init__(first.kind, "search_phase_execution", "all shards failed")
        self.failures = failures
        self.phase = phase


class View(Struct, frozen=True):
    """A partition at the offset that this search sees, and what it is asked."""

    place: int  # of its index
    index: IndexName
    partition: int
    view: PointInTime
    request: SearchRequest
    ordinal: int = 0  # among all views of the search

    def asking(self, request: SearchRequest) -> "View":
        """The same state, asked something else. ``search_after`` may hold the place of a hit among all views (``_shard_doc``)."""
        return structs.replace(self, request=_from_here(request, self.partition, self.ordinal))


@dataclass(slots=True)
class Scatter:
    """One search on its way. ``deadline`` is of the monotonic clock."""

    pool: ThreadPoolExecutor
    monotonic: Callable[[], float]
    deadline: float
    typed_keys: bool = False
    metrics: Metrics | None = None
    tracer: Tracer | None = None
    failures: list[Failure] = field(default_factory=list)

    def search(self, indices: Sequence[Searched], request: SearchRequest) -> Answer:
        """All steps. Raises ``AllFailedError`` where no partition could answer."""
        count = sum(len(one.searchers) for one in indices)
        return self.search_views(self.views(indices, request), request, count)

    def search_views(self, views: Sequence[View], request: SearchRequest, count: int) -> Answer:
        """The steps after the views are taken: a point in time may be searched again and again. ``request`` says how what the views
        answer becomes one page.
        """
        self._check_any(views, count, "query")
        statistics = self._statistics(views, request)
        results = self._each(views, lambda v: self._query(v, statistics[v.place]))
        alive = [(n, v, r) for n, (v, r) in enumerate(zip(views, results, strict=True)) if r is not None]
        self._check_any(alive, count, "query")
        merged = merge_hits([r for _, _, r in alive], request)
        page = merged.hits
        fetched = self._fetch([v for _, v, _ in alive], [(m.result, m.hit) for m in page], statistics)
        shown = [
            Shown(alive[m.result][1].place, alive[m.result][0], m.hit, hit)
            for m, hit in zip(page, fetched, strict=True)
            if hit is not None
        ]
        aggregations, pending = self._aggregations([r for _, _, r in alive], request)
        return Answer(
            partitions=count,
            failures=tuple(self.failures),
            results=[r for _, _, r in alive],
            hits=shown,
            total=merged.total,
            total_exact=merged.total_exact,
            max_score=merged.max_score,
            aggregations=aggregations,
            inner=self._inner([(n, v) for n, v, _ in alive], pending, statistics),
        )

    def _query(self, v: View, statistics: Statistics) -> QueryResult:
        """One partition's best rows, within a span and timed."""
        started = self.monotonic()
        if self.tracer is None:
            found = v.view.query(v.request, statistics)
        else:
            with self.tracer.span(names.SPAN_PARTITION, index=v.index, partition=v.partition) as span:
                found = v.view.query(v.request, statistics)
                span.set_attribute("hits", found.total)
        if self.metrics is not None:
            self.metrics.observe(names.PARTITION_SEARCH_SECONDS, self.monotonic() - started, index=v.index)
        return _placed(found, v)

    def _aggregations(
        self, results: Sequence[QueryResult], request: SearchRequest
    ) -> tuple[Mapping[str, Any], Sequence[PendingHits]]:
        if not request.aggregations:
            return {}, ()
        try:
            return reduce_with_hits(request.aggregations, [r.aggregations for r in results], typed_keys=self.typed_keys)
        except SedimentError as error:
            failure = Failure(results[0].index if results else IndexName("_all"), -1, error)
            raise AllFailedError((failure,), "fetch") from error

    def _inner(
        self, views: Sequence[tuple[int, View]], pending: Sequence[PendingHits], statistics: Mapping[int, Statistics]
    ) -> list[InnerHits]:
        """The hits of aggregations' buckets, fetched as these ask for them; views with their numbers among all."""
        found: list[InnerHits] = []
        for agg in {id(one.agg): one.agg for one in pending}.values():
            mine = [one for one in pending if one.agg is agg]
            own = [
                structs.replace(v, request=replace(agg.hits, query=v.request.query, now_ms=v.request.now_ms))
                for _, v in views
            ]
            hits = iter(self._fetch(own, [row for one in mine for row in one.rows], statistics))
            for one in mine:
                shown = [
                    Shown(views[result][1].place, views[result][0], row, hit)
                    for (result, row), hit in zip(one.rows, islice(hits, len(one.rows)), strict=True)
                    if hit is not None
                ]
                found.append(InnerHits(agg.hits, shown, one.target))
        return found

    def views(self, indices: Sequence[Searched], request: SearchRequest) -> list[View]:
        """The newest state of every partition; one that cannot be asked is among the failures."""
        found: list[View] = []
        for place, one in enumerate(indices):
            asked = one.own(request)
            for searcher in one.searchers:
                try:
                    view = searcher.view()
                except SedimentError as error:
                    self.failures.append(Failure(one.name, searcher.partition, error))
                else:
                    ordinal = len(found)
                    own = _from_here(asked, searcher.partition, ordinal)
                    found.append(View(place, one.name, searcher.partition, view, own, ordinal))
        return found

    def _check_any(self, alive: Sequence[Any], count: int, phase: str) -> None:
        if not alive and count:
            raise AllFailedError(tuple(self.failures), phase)

    def _statistics(self, views: Sequence[View], request: SearchRequest) -> dict[int, Statistics]:
        summed: dict[int, Statistics] = {v.place: Statistics() for v in views}
        if not needs_scores(request):
            return summed
        parts = self._each(views, lambda v: v.view.statistics(v.request), quiet=True)
        seen: set[int] = set()
        for v, part in zip(views, parts, strict=True):
            if part is not None:
                # the first one's as it is: of an index of one partition it is all, and its weights stay prepared
                summed[v.place] = summed[v.place].plus(part) if v.place in seen else part
                seen.add(v.place)
        return summed

    def _fetch(
        self,
        views: Sequence[View],
        page: Sequence[tuple[int, RowHit]],
        statistics: Mapping[int, Statistics],
    ) -> list[FetchedHit | None]:
        """The page's documents in its order; None where a partition failed meanwhile. Raises where none can be had."""
        places: dict[int, list[int]] = {}
        for at, (result, _) in enumerate(page):
            places.setdefault(result, []).append(at)
        rows = {id(views[result]): [page[at][1] for at in ats] for result, ats in places.items()}

        def fetch(v: View) -> Sequence[FetchedHit]:
            return v.view.fetch(v.request, rows[id(v)], statistics[v.place])

        found: list[FetchedHit | None] = [None] * len(page)
        answers = self._each([views[result] for result in places], fetch)
        if places and all(one is None for one in answers):
            raise AllFailedError(tuple(self.failures), "fetch")
        for ats, hits in zip(places.values(), answers, strict=True):
            for at, hit in zip(ats, hits or (), strict=False):  # nothing where the partition failed
                found[at] = hit
        return found

    def _each(self, views: Sequence[View], ask: Callable[[View], T], *, quiet: bool = False) -> list[T | None]:
        """Ask all at the same time; None for those that fail. The first is asked by this thread."""
        if len(views) == 1:
            return [self._one(views[0], lambda: ask(views[0]), quiet=quiet)]
        waiting = [self.pool.submit(copy_context().run, ask, v) for v in views[1:]]
        answers = [self._one(views[0], lambda: ask(views[0]), quiet=quiet)] if views else []
        for v, future in zip(views[1:], waiting, strict=True):
            answers.append(self._one(v, lambda f=future: self._await(f), quiet=quiet))  # type: ignore[misc]
        return answers

    def _await(self, future: "Future[T]") -> T:
        try:
            return future.result(timeout=max(0.0, self.deadline - self.monotonic()))
        except LateError:
            future.cancel()
            raise SedimentError(
                ErrorKind.TIMEOUT, "timeout", "the partition did not answer before the deadline"
            ) from None

    def _one(self, v: View, answer: Callable[[], T], *, quiet: bool) -> T | None:
        try:
            return answer()
        except SedimentError as error:
            if not quiet:  # the query step will meet the same error, and says it once
                self.failures.append(Failure(v.index, v.partition, error))
            return None


def _place_key(request: SearchRequest) -> int | None:
    """Which sort key is the place of a document among all views."""
    return next((i for i, key in enumerate(request.sort) if key.field == SHARD_DOC), None)


def _placed(result: QueryResult, view: View) -> QueryResult:
    """The result with the places of its hits among all views, where hits are sorted by them: a partition knows its own number only."""
    at = _place_key(view.request)
    if at is None:
        return result
    hits = [
        structs.replace(h, sort=(*h.sort[:at], _place(view.ordinal, h.offset), *h.sort[at + 1 :])) for h in result.hits
    ]
    return structs.replace(result, hits=hits)


def _place(view: int, offset: int) -> int:
    return (view << PLACE_SHIFT) + offset


def _from_here(request: SearchRequest, partition: int, ordinal: int) -> SearchRequest:
    """``search_after`` as a partition compares: of two hits that are equal but for their places, one view's all come before the
    next one's.
    """
    at = _place_key(request)
    after = request.search_after
    if at is None or after is None or len(after) != len(request.sort) or not isinstance(after[at], int):
        return request
    view, offset = after[at] >> PLACE_SHIFT, after[at] & ((1 << PLACE_SHIFT) - 1)
    own = _place(partition, offset) if view == ordinal else 1 << 62 if ordinal < view else -1
    return replace(request, search_after=(*after[:at], own, *after[at + 1 :]))


def needs_scores(request: SearchRequest) -> bool:
    """Whether any score is looked at, or a clause stands for terms of the whole index: else no partition need be asked for statistics."""
    if request.explain or request.min_score is not None or request.track_scores or expands(request):
        return True
    scored = not request.sort or any(key.field == "_score" for key in request.sort)
    return (scored and request.size > 0) or wants_scores(request.aggregations)


def visible_offsets(answer: Answer) -> Mapping[tuple[IndexName, int], LogOffset]:
    """Up to which offset each partition was searched."""
    return {(r.index, r.partition): r.visible for r in answer.results}
