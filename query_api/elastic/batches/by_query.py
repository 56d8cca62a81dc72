"""``_delete_by_query`` and ``_update_by_query``: each document as it was found, unless it has changed since."""

from collections.abc import Sequence
from typing import Any, Final

from pipeline.dsl.parse import parse_search
from pipeline.ingest.ports import Op, WriteOptions
from query_api.elastic.batches.pages import Wanted, pages
from query_api.elastic.batches.work import Work, check_slices, columns, page_size, progress, run
from query_api.elastic.reading.asking import targets_of
from query_api.elastic.reading.keeping import parse_slice
from query_api.elastic.wire.blocks import Level, check_block
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import OPTIONS, SEARCHED, options_of
from query_api.elastic.wire.router import Route, Where, route
from query_api.elastic.writing.actions import check_pipeline
from query_api.fanout.scatter import Shown
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.query import SourceFilter

_BODY: Final = frozenset({"query", "max_docs", "size", "slice", "conflicts", "script"})
_URL: Final = ("q", "df", "default_operator", "analyzer", "lenient", "analyze_wildcard")


def _wanted(services: Services, call: Call, body: dict[str, Any], *, source: bool) -> Wanted:
    for name in body:
        if name not in _BODY:
            raise invalid("parsing", f"unknown field [{name}]: use one of [{', '.join(sorted(_BODY))}]")
    if body.get("script") is not None:
        raise illegal_argument("scripts are not supported: write the changed documents with [_bulk]")
    targets = targets_of(services, call.path["index"], options_of(call, SEARCHED))
    for target in targets:
        if target.dead:
            raise illegal_argument(f"[{target.name}] holds dead letters and is read only")
        check_block(target.state, Level.WRITE)
    given = {"query": body["query"]} if body.get("query") is not None else None
    parameters = {name: call.parameters[name] for name in _URL if name in call.parameters}
    request = parse_search(given, now_ms=services.clock_ms(), parameters=parameters)
    return Wanted(
        targets, request.query, page_size(call), most_of(call, body), parse_slice(body.get("slice"), targets),
        SourceFilter(enabled=source), call.parameters.get("routing"),
    )  # fmt: skip


def most_of(call: Call, body: dict[str, Any]) -> int | None:
    """``max_docs`` of the URL or the body (formerly ``size``). Raises ``illegal_argument``."""
    given = [
        v
        for v in (call.integer("max_docs"), body.get("max_docs"), body.get("size"), call.integer("size"))
        if v is not None
    ]
    if not given or given[0] == -1:
        return None
    if isinstance(given[0], bool) or not isinstance(given[0], int) or given[0] < 1:
        raise illegal_argument(f"[max_docs] parameter must be greater than 0, found [{given[0]}]")
    return given[0]


def _changes(services: Services, wanted: Wanted, op: Op, work: Work) -> None:
    kind = "delete" if op is Op.DELETE else "update"
    for total, hits in pages(services, wanted, services.clock_ms()):
        work.total = total
        for place in sorted({h.place for h in hits}):
            state = wanted.targets[place].state
            _write(services, [h for h in hits if h.place == place], op, work, state)
        progress(work, kind, len(hits))


def _write(services: Services, hits: Sequence[Shown], op: Op, work: Work, state: Any) -> None:
    found = [h.hit for h in hits]
    options = {
        i: WriteOptions(if_seq_no=h.seq_no, if_primary_term=state.primary_term, routing=h.routing)
        for i, h in enumerate(found)
    }
    sources = [None if op is Op.DELETE else h.source for h in found]
    work.page(services, state, columns([op] * len(found), [h.id for h in found], sources, options))


def delete_by_query(services: Services, call: Call) -> Reply:
    """Delete what a query finds; what has changed since is a conflict."""
    body = call.json_object()
    if body.get("query") is None and not call.text("q"):
        raise invalid("action_request_validation", "Validation Failed: 1: query is missing;")
    return _by_query(services, call, body, Op.DELETE)


def update_by_query(services: Services, call: Call) -> Reply:
    """Index what a query finds again as it is, so that a changed mapping takes hold; what has changed since is a conflict."""
    check_pipeline(call.text("pipeline"))
    return _by_query(services, call, call.json_object(), Op.INDEX)


def _by_query(services: Services, call: Call, body: dict[str, Any], op: Op) -> Reply:
    check_slices(call)
    if body.get("conflicts") is not None:
        call.parameters = {**call.parameters, "conflicts": str(body["conflicts"])}
    wanted = _wanted(services, call, body, source=op is not Op.DELETE)
    kind = "delete" if op is Op.DELETE else "update"
    description = f"{kind}-by-query [{call.path['index']}]"
    return run(services, call, kind, description, lambda work: _changes(services, wanted, op, work))


_PARAMETERS: Final = OPTIONS | set(_URL) | {
    "conflicts", "max_docs", "size", "scroll", "scroll_size", "search_timeout", "search_type", "slices", "refresh", "routing", "preference",
    "wait_for_completion", "wait_for_active_shards", "request_cache", "pipeline", "sort", "terminate_after", "version", "stats", "from",
    "requests_per_second",
}  # fmt: skip
ROUTES: Sequence[Route] = (
    route("POST", "/{index}/_delete_by_query", delete_by_query, _PARAMETERS, where=Where.WRITE),
    route("POST", "/{index}/_update_by_query", update_by_query, _PARAMETERS, where=Where.WRITE),
)
