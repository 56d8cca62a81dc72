"""Scrolls: the pages of one search on the state that its first page saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from query_api.elastic.reading import render
from query_api.elastic.reading.asking import Question, measured, ready, searched
from query_api.elastic.reading.keeping import Sliced, closed, keep_alive
from query_api.elastic.reading.sort_values import given_back
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.router import Body, Route, route
from query_api.fanout.contexts import Context
from query_api.fanout.scatter import SHARD_DOC, Answer
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.query import SearchRequest, SortKey

KIND: Final = "scroll"
_BY_SCORE: Final = SortKey("_score", descending=True)


@dataclass(slots=True)
class Scroll:
    """A search that goes on: the question as it is shown, what the partitions are asked, and the last hit that was shown."""

    question: Question
    request: SearchRequest
    partitions: int
    after: Sequence[Any] | None = None
    over: bool = False


def check(call: Call, request: SearchRequest) -> None:
    """Raises ``action_request_validation`` for what a scroll cannot be."""
    faults = [
        words
        for wrong, words in (
            (
                call.parameters.get("request_cache", "false") != "false",
                "[request_cache] cannot be used in a scroll context",
            ),
            (request.size == 0, "[size] cannot be [0] in a scroll context"),
            (request.offset > 0, "using [from] is not allowed in a scroll context"),
            (request.search_after is not None, "`search_after` cannot be used in a scroll context."),
            (request.track_total_hits == 0, "disabling [track_total_hits] is not allowed in a scroll context"),
        )
        if wrong
    ]
    if faults:
        text = "".join(f"{i}: {words};" for i, words in enumerate(faults, 1))
        raise invalid("action_request_validation", f"Validation Failed: {text}")


def begin(services: Services, call: Call, question: Question, cut: Sliced, started: float) -> dict[str, Any]:
    """The first page, and the context that the next ones are asked of."""
    check(call, question.request)
    keep_s = keep_alive("scroll", call.text("scroll"))
    question = replace(question, request=replace(question.request, track_total_hits=-1))
    asked = ready(question)
    total = replace(asked, sort=(*(asked.sort or (_BY_SCORE,)), SortKey(SHARD_DOC)))
    if not asked.sort:
        total = replace(total, track_scores=True)
    scroll = Scroll(question, cut.applied(total), 0)
    indices = searched(services, question)
    scroll.partitions = sum(len(one.searchers) for one in indices)
    opened: list[Context] = []

    def search(scatter: Any) -> Answer:
        views = scatter.views(indices, scroll.request)
        answer: Answer = scatter.search_views(views, scroll.request, scroll.partitions)
        opened.append(services.contexts.open(KIND, views, scroll, keep_s))
        return answer

    answer = measured(services, question, search)
    _remember(scroll, answer)
    return {"_scroll_id": opened[0].id, **_page(services, scroll, answer, started, call.parameters)}


def _remember(scroll: Scroll, answer: Answer) -> None:
    scroll.over = not answer.hits
    if answer.hits:
        row = answer.hits[-1].row
        place = scroll.question.targets[answer.hits[-1].place]
        scroll.after = tuple(given_back(v, k, place) for v, k in zip(row.sort, scroll.request.sort, strict=True))


def _page(
    services: Services, scroll: Scroll, answer: Answer, started: float, parameters: Mapping[str, str]
) -> dict[str, Any]:
    took = int((services.monotonic() - started) * 1000)
    shown = scroll.question
    return render.search_answer(answer, shown.request, shown.targets, took=took, parameters=parameters)


def _next(services: Services, context: Context) -> Answer:
    """The page after the last one."""
    scroll: Scroll = context.content
    request = replace(scroll.request, search_after=scroll.after, aggregations={})
    views = [view.asking(_narrowed(view.request, request)) for view in context.views]
    answer = measured(
        services, scroll.question, lambda scatter: scatter.search_views(views, request, scroll.partitions)
    )
    _remember(scroll, answer)
    return answer


def _narrowed(first: SearchRequest, page: SearchRequest) -> SearchRequest:
    """What an index was asked first (an alias may leave a part of it only, its settings may differ), on the next page."""
    return replace(page, query=first.query, post_filter=first.post_filter, highlight=first.highlight)


def scroll(services: Services, call: Call) -> Reply:
    """The next page of a scroll."""
    started = services.monotonic()
    body = call.json_object()
    for name in body:
        if name not in {"scroll", "scroll_id"}:
            raise illegal_argument(f"Unknown parameter [{name}] in request body or parameter is of the wrong type")
    identity = str(body.get("scroll_id") or call.path.get("scroll_id") or call.text("scroll_id"))
    if not identity:
        raise invalid("action_request_validation", "Validation Failed: 1: scrollId is missing;")
    text = str(body.get("scroll") or call.text("scroll"))
    context = services.contexts.get(KIND, identity, keep_alive("scroll", text) if text else None)
    with context.lock:
        answer = _next(services, context)
    return Reply({"_scroll_id": context.id, **_page(services, context.content, answer, started, call.parameters)})


def clear(services: Services, call: Call) -> Reply:
    """Forget scrolls."""
    return closed(services, call, KIND, "scroll_id")


_PARAMETERS: Final = {"scroll", "scroll_id", "rest_total_hits_as_int"}
ROUTES: Sequence[Route] = (
    route("GET POST", "/_search/scroll", scroll, _PARAMETERS),
    route("GET POST", "/_search/scroll/{scroll_id}", scroll, _PARAMETERS),
    route("DELETE", "/_search/scroll", clear, body=Body.ANY),
    route("DELETE", "/_search/scroll/{scroll_id}", clear, body=Body.ANY),
)
