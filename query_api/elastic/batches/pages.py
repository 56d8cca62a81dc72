"""All documents that a query finds on one state of some indices, a page at a time, in the order of the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from query_api.elastic.reading.asking import Question, measured, ready, searched
from query_api.elastic.reading.keeping import Sliced
from query_api.elastic.reading.own import own_request
from query_api.elastic.wire.names import Target
from query_api.fanout.scatter import SHARD_DOC, AllFailedError, Answer, Scatter, Shown, View
from query_api.fanout.services import Services
from schemas.query import Node, SearchRequest, SortKey, SourceFilter


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents, how many at once, how many in all (None: all), with which parts of their sources."""

    targets: Sequence[Target]
    query: Node
    page: int
    most: int | None = None
    cut: Sliced = field(default_factory=Sliced)
    source: SourceFilter = field(default_factory=SourceFilter)
    routing: str | None = None


def pages(services: Services, wanted: Wanted, now_ms: int) -> Iterator[tuple[int, Sequence[Shown]]]:
    """(how many documents there are in all, the hits of a page), until there are no more. Raises where a partition does not answer:
    what was done to the pages before stays done.
    """
    request = SearchRequest(
        query=wanted.query, size=wanted.page, sort=(SortKey(SHARD_DOC),), track_total_hits=-1, source=wanted.source,
        seq_no_primary_term=True, version=True, now_ms=now_ms,
    )  # fmt: skip
    parameters = {"allow_partial_search_results": "false", **({"routing": wanted.routing} if wanted.routing else {})}
    question = Question(wanted.targets, wanted.cut.applied(request), parameters)
    asked, indices = ready(question), searched(services, question)
    count = sum(len(one.searchers) for one in indices)
    views: list[View] = []
    found = 0
    while wanted.most is None or found < wanted.most:

        def search(scatter: Scatter, request: SearchRequest = asked) -> Answer:
            if not views:
                views.extend(scatter.views(indices, request))
                if scatter.failures:
                    raise AllFailedError(tuple(scatter.failures), "query")
            targets = [wanted.targets[v.place] for v in views]
            now = [v.asking(own_request(t, request)) for v, t in zip(views, targets, strict=True)]
            return scatter.search_views(now, request, count)

        answer = measured(services, question, search)
        hits = answer.hits if wanted.most is None else answer.hits[: wanted.most - found]
        total = answer.total if wanted.most is None else min(answer.total, wanted.most)
        if not hits:
            if not found:
                yield total, ()
            return
        yield total, hits
        found += len(hits)
        asked = replace(asked, search_after=answer.hits[-1].row.sort)
        if len(answer.hits) < wanted.page:
            return
