"""``_reindex``: copy what a query finds in some indices into another one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from pipeline.dsl.parse import parse_search
from pipeline.ingest.ports import Op, WriteOptions
from query_api.elastic.batches.by_query import most_of
from query_api.elastic.batches.pages import Wanted, pages
from query_api.elastic.batches.work import Work, check_slices, columns, page_size, progress, run
from query_api.elastic.reading.asking import targets_of
from query_api.elastic.reading.keeping import parse_slice
from query_api.elastic.reading.source import filter_source, parse_wanted
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.names import SEARCHED, known
from query_api.elastic.wire.router import Route, Where, route
from query_api.elastic.writing.actions import check_pipeline
from query_api.elastic.writing.writes import destination
from query_api.fanout.scatter import Shown
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.query import SourceFilter

_BODY: Final = frozenset({"source", "dest", "conflicts", "max_docs", "size", "script"})
_SOURCE: Final = frozenset({"index", "query", "_source", "size", "slice", "remote", "sort"})
_DEST: Final = frozenset({"index", "op_type", "version_type", "routing", "pipeline"})


def _object(body: Mapping[str, Any], name: str, known_names: frozenset[str]) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise invalid("parsing", f"[{name}] must be an object, found [{token_of(value)}]")
    for one in value:
        if one not in known_names:
            raise invalid("x_content_parse", f"[{name}] unknown field [{one}]")
    return value


def _check(body: Mapping[str, Any], source: Mapping[str, Any], dest: Mapping[str, Any]) -> None:
    for given, name, why in (
        (body, "script", "write the changed documents with [_bulk]"),
        (source, "remote", "reindex from an index of this cluster"),
        (source, "sort", "documents are copied in the order of the log"),
    ):
        if given.get(name) is not None:
            raise illegal_argument(f"[{name}] is not supported in a reindex: {why}")
    if dest.get("op_type", "index") not in {"index", "create"}:
        raise illegal_argument(f"opType must be 'create' or 'index', found: [{dest['op_type']}]")
    if dest.get("version_type", "internal") not in {"internal", "external", "external_gt", "external_gte"}:
        raise illegal_argument(f"No version type match [{dest['version_type']}]")
    routing = dest.get("routing", "keep")
    if routing not in {"keep", "discard"} and not str(routing).startswith("="):
        raise illegal_argument(f"Unsupported routing value [{routing}]: use [keep], [discard] or [=value]")
    check_pipeline(str(dest.get("pipeline") or ""))


def reindex(services: Services, call: Call) -> Reply:
    """Copy documents from some indices into another one."""
    check_slices(call)
    body = call.required_object()
    for name in body:
        if name not in _BODY:
            raise invalid("x_content_parse", f"[reindex] unknown field [{name}]")
    source, dest = _object(body, "source", _SOURCE), _object(body, "dest", _DEST)
    _check(body, source, dest)
    names = source.get("index")
    expression = ",".join(map(str, names)) if isinstance(names, list) else str(names or "")
    if not expression or not dest.get("index"):
        what = "use _all if you really want to copy from all existing indexes" if not expression else "index is missing"
        raise invalid("action_request_validation", f"Validation Failed: 1: {what};")
    targets = targets_of(services, expression, SEARCHED)
    to = str(dest["index"])
    there = {str(state.name) for state in known(services.indices, to)} or {to}
    if there & {t.state.name for t in targets if not t.dead}:
        reason = f"reindex cannot write into an index its reading from [{to}]"
        raise invalid("action_request_validation", f"Validation Failed: 1: {reason};")
    given = {"query": source["query"]} if source.get("query") is not None else None
    request = parse_search(given, now_ms=services.clock_ms())
    wanted = Wanted(
        targets, request.query, page_size(call, given=source.get("size")), most_of(call, body),
        parse_slice(source.get("slice"), targets), SourceFilter(),
    )  # fmt: skip
    if body.get("conflicts") is not None:
        call.parameters = {**call.parameters, "conflicts": str(body["conflicts"])}
    shown = parse_wanted(source.get("_source"))
    description = f"reindex from [{expression}] to [{to}]"
    return run(services, call, "reindex", description, lambda work: _copy(services, wanted, dest, shown, work))


def _copy(services: Services, wanted: Wanted, dest: Mapping[str, Any], shown: SourceFilter, work: Work) -> None:
    for total, hits in pages(services, wanted, services.clock_ms()):
        work.total = total
        if hits:
            to = destination(services, str(dest["index"]), create=True)
            op = Op.CREATE if dest.get("op_type") == "create" else Op.INDEX
            options = {i: _options(h, dest, to.routed) for i, h in enumerate(hits)}
            sources = [_source(h, shown) for h in hits]
            work.page(services, to.state, columns([op] * len(hits), [h.hit.id for h in hits], sources, options))
        progress(work, "reindex", len(hits))


def _options(one: Shown, dest: Mapping[str, Any], routed: Any) -> WriteOptions:
    how = str(dest.get("routing") or "keep")
    routing = one.hit.routing if how == "keep" else None if how == "discard" else how[1:]
    kind = str(dest.get("version_type") or "internal")
    if kind == "internal":
        return WriteOptions(routing=routed(routing))
    return WriteOptions(
        version=one.hit.version,
        version_type=kind.replace("_gt", "") if kind == "external_gt" else kind,
        routing=routed(routing),
    )


def _source(one: Shown, shown: SourceFilter) -> bytes:
    source = one.hit.source or b"{}"
    if not shown.includes and not shown.excludes:
        return source
    return orjson.dumps(filter_source(source, shown))


_PARAMETERS: Final = {
    "refresh", "wait_for_active_shards", "wait_for_completion", "requests_per_second", "scroll", "slices", "max_docs", "size",
    "conflicts",
}  # fmt: skip
ROUTES: Sequence[Route] = (route("POST", "/_reindex", reindex, _PARAMETERS, where=Where.WRITE),)
