"""Points in time: one state of some indices, searched again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from query_api.elastic.reading.asking import Question, measured, ready, searched, targets_of
from query_api.elastic.reading.keeping import Sliced, closed, identities, keep_alive
from query_api.elastic.reading.own import own_request
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.names import OPTIONS, SEARCHED, Target, options_of
from query_api.elastic.wire.router import Body, Route, route
from query_api.fanout.contexts import Context
from query_api.fanout.scatter import SHARD_DOC, AllFailedError, Answer, Scatter
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.query import SearchRequest

KIND: Final = "pit"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is searched at a point in time. ``ties``: equal hits are told apart by a last sort value (Elasticsearch; OpenSearch has none)."""

    targets: Sequence[Target]
    partitions: int
    ties: bool


def open_(services: Services, call: Call, *, ties: bool) -> tuple[Context, dict[str, Any]]:
    """Keep the newest state of some indices. Raises where a partition does not answer, unless that is allowed."""
    text = call.text("keep_alive")
    if not text:
        raise invalid("action_request_validation", "Validation Failed: 1: keep alive not specified;")
    keep_s = keep_alive("keep_alive", text)
    targets = targets_of(services, call.path["index"], options_of(call, SEARCHED))
    question = Question(targets, SearchRequest(), call.parameters)
    indices = searched(services, question)
    scatter = Scatter(services.pools.partitions, services.monotonic, services.monotonic())
    views = scatter.views(indices, question.request)
    count = sum(len(one.searchers) for one in indices)
    if scatter.failures and (not views or not call.flag("allow_partial_pit_creation", default=True)):
        raise AllFailedError(tuple(scatter.failures), "create_pit")
    shards = {
        "total": count,
        "successful": len(views),
        "skipped": 0,
        "failed": count - len(views),
    }
    return services.contexts.open(KIND, views, Moment(targets, count, ties), keep_s), shards


def create(services: Services, call: Call) -> Reply:
    """Keep the state of indices that searches see now (OpenSearch)."""
    context, shards = open_(services, call, ties=False)
    return Reply({"pit_id": context.id, "_shards": shards, "creation_time": context.created_ms})


def create_elastic(services: Services, call: Call) -> Reply:
    """Keep the state of indices that searches see now (Elasticsearch)."""
    context, shards = open_(services, call, ties=True)
    return Reply({"id": context.id, "_shards": shards})


def named(services: Services, call: Call, value: Any) -> Context:
    """The point in time that the body of a search names. Raises ``search_context_missing``."""
    if not isinstance(value, dict):
        raise invalid("parsing", f"[pit] must be an object, found [{token_of(value)}]")
    for name in value:
        if name not in {"id", "keep_alive"}:
            raise invalid("x_content_parse", f"[point_in_time] unknown field [{name}]")
    if not value.get("id"):
        raise illegal_argument("[pit] needs the [id] of a point in time")
    faults = [
        f"[{name}] cannot be used with point in time"
        for name in ("index", "routing", "preference", "scroll")
        if call.path.get(name) or call.parameters.get(name)
    ]
    if faults:
        text = "".join(f"{i}: {words};" for i, words in enumerate(faults, 1))
        raise invalid("action_request_validation", f"Validation Failed: {text}")
    keep = value.get("keep_alive")
    keep_s = None if keep is None else keep_alive("keep_alive", str(keep))
    return services.contexts.get(KIND, str(value["id"]), keep_s)


def tell_ties_apart(context: Context, body: Any) -> None:
    """Add the last sort value to a body that sorts, unless its ``search_after`` has none."""
    if not context.content.ties or not isinstance(body, dict) or not body.get("sort"):
        return
    keys, after = body["sort"], body.get("search_after")
    keys = keys if isinstance(keys, list) else [keys]
    if SHARD_DOC not in keys and (not isinstance(after, list) or len(after) > len(keys)):
        body["sort"] = [*keys, SHARD_DOC]


def search(services: Services, context: Context, question: Question, cut: Sliced) -> Answer:
    """Search a point in time."""
    moment: Moment = context.content
    request = cut.applied(ready(question))
    views = [view.asking(own_request(moment.targets[view.place], request)) for view in context.views]
    return measured(services, question, lambda scatter: scatter.search_views(views, request, moment.partitions))


def delete(services: Services, call: Call) -> Reply:
    """Let points in time go (OpenSearch)."""
    found = identities(services, call, KIND, "pit_id")
    gone = services.contexts.close(KIND, found)
    return Reply({"pits": [{"pit_id": one, "successful": one in gone} for one in found]})


def delete_all(services: Services, call: Call) -> Reply:
    """Let all points in time go (OpenSearch)."""
    gone = services.contexts.close(KIND, [one.id for one in services.contexts.all(KIND)])
    return Reply({"pits": [{"pit_id": one, "successful": True} for one in gone]})


def delete_elastic(services: Services, call: Call) -> Reply:
    """Let a point in time go (Elasticsearch)."""
    return closed(services, call, KIND, "id")


def all_(services: Services, call: Call) -> Reply:
    """All points in time."""
    found = services.contexts.all(KIND)
    if not found:
        return Reply({"pits": []})
    return Reply(
        {
            "pits": [
                {"pit_id": one.id, "creation_time": one.created_ms, "keep_alive": int(one.keep_s * 1000)}
                for one in found
            ]
        }
    )


_OPEN: Final = OPTIONS | {"keep_alive", "preference", "routing", "allow_partial_pit_creation"}
ROUTES: Sequence[Route] = (
    route("POST", "/{index}/_search/point_in_time", create, _OPEN),
    route("POST", "/{index}/_pit", create_elastic, _OPEN),
    route("GET", "/_search/point_in_time/_all", all_),
    route("DELETE", "/_search/point_in_time/_all", delete_all),
    route("DELETE", "/_search/point_in_time", delete, body=Body.JSON),
    route("DELETE", "/_pit", delete_elastic),
)
