"""Routes of single documents: index, create, get, source, delete, update, mget."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from pipeline.catalog.state import IndexState
from pipeline.ingest.ports import Op, Result
from query_api.elastic.reading.source import (
    SOURCE_PARAMETERS,
    filter_source,
    parse_wanted,
    provenance,
    render_document,
    stored_values,
    wanted_source,
)
from query_api.elastic.wire import errors
from query_api.elastic.wire.blocks import Level, check_block
from query_api.elastic.wire.call import Call, Reply, parse_json, token_of
from query_api.elastic.wire.names import Target, one
from query_api.elastic.wire.router import Route, Where, route
from query_api.elastic.writing.actions import (
    Actions,
    check_identity,
    check_pipeline,
    not_an_alias,
    options_from,
    validation,
)
from query_api.elastic.writing.writes import (
    PARAMETERS,
    ItemFrame,
    check_routing,
    columns,
    destination,
    offsets_header,
    refresh_partitions,
    single,
    touched,
    write,
    write_call,
)
from query_api.fanout.lookup import Wanted, get_documents, refresh_for
from query_api.fanout.services import Services
from schemas.errors import SedimentError, conflict, illegal_argument, invalid, not_found
from schemas.query import SourceFilter
from schemas.results import Document

_UPDATE_FIELDS = frozenset({
    "doc", "upsert", "doc_as_upsert", "detect_noop", "script", "scripted_upsert", "_source", "if_seq_no", "if_primary_term", "lang",
})  # fmt: skip


def _demands(call: Call) -> dict[str, Any]:
    values: dict[str, Any] = {n: call.integer(n) for n in ("version", "if_seq_no", "if_primary_term")}
    values["version_type"] = call.text("version_type") or None
    return values


def _write(services: Services, call: Call, op: Op, key: str | None, source: bytes | None) -> Reply:
    """One write, as a request of one row."""
    how = write_call(services, call)
    name = call.path["index"]
    check_pipeline(call.text("pipeline"))
    if call.flag("require_alias") and name not in services.indices.state().aliases:
        raise not_an_alias(name)
    options = options_from(_demands(call), call.parameters.get("routing"))
    encoded = None if key is None else key.encode("utf-8", "replace")
    check_identity(op, encoded, options)
    to = destination(services, name, create=op is not Op.DELETE or options.version_type != "internal")
    state, options = to.state, replace(options, routing=to.routed(options.routing, key or ""))
    actions = Actions([int(op)], [name], [encoded], [source], {0: options})
    outcomes = write(services, how, state, columns(actions, range(1)))
    noop = int(outcomes.results[0]) == Result.NOOP
    if how.refresh and how.wait and not noop:
        refresh_partitions(services, state, touched(outcomes))
    answer = single(ItemFrame(state, how.refresh == "true" and not noop), outcomes)
    if noop:
        answer["_shards"] = {"total": 0, "successful": 0, "failed": 0}
    headers = offsets_header([(state.name, outcomes)])
    status = {"created": 201, "accepted": 202, "not_found": 404}.get(answer["result"], 200)
    if status == 201:
        headers["location"] = f"/{state.name}/_doc/{_quoted(answer['_id'])}"
    return Reply(answer, status, headers)


def _quoted(text: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415  # used for a header only

    return quote(text, safe="")


def _body(call: Call) -> bytes:
    if not call.body.strip():
        raise validation("source is missing")
    return call.body


def index_document(services: Services, call: Call) -> Reply:
    """Index a document: create it or replace it."""
    kind = call.text("op_type", "index")
    if kind not in {"index", "create"}:
        raise illegal_argument(f"opType must be 'create' or 'index', found: [{kind}]")
    key = call.path.get("id")
    if key is None and call.parameters.get("version") and call.text("version_type").startswith("external"):
        raise validation("an id must be provided if version type or value are set")
    op = Op.CREATE if kind == "create" else Op.INDEX
    return _write(services, call, op, key, _body(call))


def create_document(services: Services, call: Call) -> Reply:
    """Create a document; 409 if it is there."""
    return _write(services, call, Op.CREATE, call.path.get("id"), _body(call))


def delete_document(services: Services, call: Call) -> Reply:
    """Delete a document."""
    return _write(services, call, Op.DELETE, call.path["id"], None)


def check_update_body(source: bytes) -> dict[str, Any]:
    """What ``_update`` takes. Raises for scripts, unknown fields, and a body without ``doc``."""
    value = parse_json(source)
    if not isinstance(value, dict):
        raise invalid(
            "parsing", f"Failed to parse object: expecting token of type [START_OBJECT] but found [{token_of(value)}]"
        )
    _check_update_fields(value)
    if value.get("doc") is None:
        if value.get("doc_as_upsert") in (True, "true"):
            raise validation("doc must be specified if doc_as_upsert is enabled")
        raise validation("script or doc is missing")
    return value


def _check_update_fields(value: Mapping[str, Any]) -> None:
    for name in value:
        if name not in _UPDATE_FIELDS:
            raise invalid("x_content_parse", f"[UpdateRequest] unknown field [{name}]")
    if value.get("script") is not None:
        raise illegal_argument("scripted updates are not supported: send the changed fields in [doc]")
    for name in ("doc", "upsert"):
        if value.get(name) is not None and not isinstance(value[name], dict):
            raise invalid(
                "x_content_parse", f"[UpdateRequest] {name} doesn't support values of type: {token_of(value[name])}"
            )
    for name in ("doc_as_upsert", "detect_noop", "scripted_upsert"):
        if value.get(name) not in (None, True, False, "true", "false"):
            raise invalid(
                "x_content_parse", f"[UpdateRequest] {name} doesn't support values of type: {token_of(value[name])}"
            )


def update_document(services: Services, call: Call) -> Reply:
    """Change a document by a partial one."""
    if not call.body.strip():
        raise validation("script or doc is missing")
    body = check_update_body(call.body)
    wanted = wanted_source(call, parse_wanted(body.get("_source", False)))
    reply = _write(services, call, Op.UPDATE, call.path["id"], call.body)
    given = body.get("_source") is not None or any(p in call.parameters for p in SOURCE_PARAMETERS)
    if given and wanted.enabled and reply.status in {200, 201}:
        to = destination(services, call.path["index"], create=False)
        state, routing = to.state, to.routed(call.parameters.get("routing"))
        document = _read(services, Target(state), Wanted(call.path["id"], routing))
        if document is not None:
            reply.value["get"] = _shown(document, state, wanted)
    return reply


def _shown(document: Document, state: IndexState, wanted: SourceFilter) -> dict[str, Any]:
    shown = render_document(state.name, document, state.primary_term, wanted)
    return {k: v for k, v in shown.items() if k not in {"_index", "_id", "_version"}}


def shown_source(services: Services, state: IndexState, key: str, routing: str | None, wanted: Any) -> dict[str, Any]:
    """``get`` of an update in a bulk."""
    document = _read(services, Target(state), Wanted(key, routing))
    plain = {"found": False} if document is None else _shown(document, state, parse_wanted(wanted))
    shown: dict[str, Any] = orjson.loads(orjson.dumps(plain))
    return shown


def _read(services: Services, target: Target, wanted: Wanted, *, realtime: bool = True) -> Document | None:
    return get_documents(
        services.topology,
        target.state.name,
        [wanted],
        realtime=realtime,
        dead=target.dead,
    )[0]


def _find(services: Services, call: Call) -> tuple[Target, Document | None]:
    target = one(services.indices, call.path["index"])
    check_block(target.state, Level.READ)
    wanted = Wanted(call.path["id"], target.routing(call.parameters.get("routing")))
    if not target.dead:
        check_routing(target.state, wanted.id, wanted.routing)
    if call.flag("refresh") and not target.dead:
        refresh_for(services.topology, target.state.name, [wanted])
    document = _read(services, target, wanted, realtime=call.flag("realtime", default=True))
    version = call.integer("version")
    if document is not None and version is not None and version != document.version:
        raise conflict(
            "version_conflict_engine",
            f"[{document.id}]: version conflict, current version [{document.version}] is different than the one provided [{version}]",
            index=target.name,
            index_uuid=target.state.uuid,
        )
    return target, document


def get_document(services: Services, call: Call) -> Reply:
    """A document by its id, as applied: newer than what searches see."""
    target, document = _find(services, call)
    if document is None:
        missing = {"_index": target.name, "_id": call.path["id"], "found": False}
        return Reply(missing, 404)
    return Reply(_rendered(call, target, document))


def _rendered(call: Call, target: Target, document: Document) -> dict[str, Any]:
    names = [n for n in call.text("stored_fields").split(",") if n]
    shown = wanted_source(call, SourceFilter(enabled=not names or "_source" in names))
    answer = render_document(target.name, document, target.state.primary_term, shown)
    if names:
        fields = stored_values(document.source, target.state.mapping, names)
        if fields:
            answer["fields"] = fields
    if call.flag("_sediment"):
        answer["_sediment"] = provenance(document.provenance)
    return answer


def get_source(services: Services, call: Call) -> Reply:
    """The source of a document and nothing else."""
    target, document = _find(services, call)
    shown = wanted_source(call)
    if document is None or not shown.enabled or not target.state.mapping.source_enabled:
        what = f"[{target.name}]/[{call.path['id']}]"
        raise not_found(
            "resource_not_found", f"Document not found {what}" if document is None else f"Source not found {what}"
        )
    value = filter_source(document.source, shown)
    return Reply(content=bytes(document.source)) if isinstance(value, orjson.Fragment) else Reply(value)


def mget(services: Services, call: Call) -> Reply:
    """Documents by id, of one or several indices."""
    if not call.body.strip():
        raise invalid("parse", "request body or source parameter is required")
    body = call.json_object()
    for name in body:
        if name not in {"docs", "ids"}:
            raise invalid("parsing", f"unexpected token [{token_of(body[name])}], expected [docs] or [ids]")
    entries = [_entry(call, e) for e in _list(body, "docs")] + [_entry(call, {"_id": i}) for i in _list(body, "ids")]
    if not entries:
        raise validation("no documents to get")
    missing = ["index is missing" for e in entries if not e["_index"]] + [
        "id is missing" for e in entries if e["_id"] is None
    ]
    if missing:
        raise validation(*missing)
    return Reply({"docs": [_mget_one(services, call, e) for e in entries]})


def _list(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise invalid("parsing", f"expected [START_ARRAY] in [{name}] but found [{token_of(value)}]")
    return value


_ENTRY_FIELDS = frozenset({"_index", "_id", "routing", "_source", "stored_fields", "version", "version_type"})


def _entry(call: Call, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise illegal_argument("docs array element should include an object")
    for name in given:
        if name not in _ENTRY_FIELDS:
            raise invalid("parse", f"failed to parse multi get request. unknown field [{name}]")
    for name in ("_index", "_id", "routing"):
        if isinstance(given.get(name), (dict, list)):
            raise invalid("parse", f"failed to parse multi get request. [{name}] must be a simple value")
    key = given.get("_id")
    routing = given.get("routing", call.parameters.get("routing"))
    stored = given.get("stored_fields", call.text("stored_fields"))
    names = stored.split(",") if isinstance(stored, str) else stored
    return {
        "_index": str(given.get("_index") or call.path.get("index", "")),
        "_id": None if key is None else _plain(key),
        "routing": None if routing is None else _plain(routing),
        "names": [str(n) for n in names if n] if isinstance(names, list) else [],
        "source": parse_wanted(given["_source"]) if given.get("_source") is not None else None,
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _mget_one(services: Services, call: Call, entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        target = one(services.indices, entry["_index"])
        check_block(target.state, Level.READ)
        wanted = Wanted(entry["_id"], target.routing(entry["routing"]))
        if not target.dead:
            check_routing(target.state, wanted.id, wanted.routing)
        if call.flag("refresh") and not target.dead:
            refresh_for(services.topology, target.state.name, [wanted])
        document = _read(services, target, wanted, realtime=call.flag("realtime", default=True))
    except SedimentError as error:
        body = errors.body(error)["error"]
        return {"_index": entry["_index"], "_id": entry["_id"], "error": body}
    if document is None:
        return {"_index": target.name, "_id": entry["_id"], "found": False}
    names = entry["names"]
    shown = wanted_source(call, SourceFilter(enabled=not names or "_source" in names))
    answer = render_document(target.name, document, target.state.primary_term, entry["source"] or shown)
    fields = stored_values(document.source, target.state.mapping, names) if names else {}
    return {**answer, "fields": fields} if fields else answer


_WRITE = PARAMETERS | {"version", "version_type", "if_seq_no", "if_primary_term", "op_type"}
_READ = SOURCE_PARAMETERS | {
    "realtime", "refresh", "routing", "preference", "stored_fields", "version", "version_type", "_sediment",
}  # fmt: skip
ROUTES: Sequence[Route] = (
    route("PUT POST", "/{index}/_doc/{id}", index_document, _WRITE, where=Where.WRITE),
    route("POST", "/{index}/_doc", index_document, _WRITE, where=Where.WRITE),
    route("PUT POST", "/{index}/_create/{id}", create_document, _WRITE, where=Where.WRITE),
    route("DELETE", "/{index}/_doc/{id}", delete_document, _WRITE, where=Where.WRITE),
    route("POST", "/{index}/_update/{id}", update_document, _WRITE | {"retry_on_conflict", "lang"}, where=Where.WRITE),
    route("GET", "/{index}/_doc/{id}", get_document, _READ, where=Where.QUICK),
    route("GET", "/{index}/_source/{id}", get_source, _READ, where=Where.QUICK),
    route("GET POST", "/_mget", mget, _READ),
    route("GET POST", "/{index}/_mget", mget, _READ),
)
