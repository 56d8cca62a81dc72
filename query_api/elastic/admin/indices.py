"""Routes of indices: create, delete, get, mapping, settings, refresh and its like."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipeline.analysis.definitions.analyzer_set import analyzer_set
from pipeline.catalog.aliases import parse_alias, render_alias
from pipeline.catalog.state import IndexState
from pipeline.dsl.parse import parse_query
from query_api.elastic.admin import settings as index_settings
from query_api.elastic.wire import errors
from query_api.elastic.wire.blocks import Level, check_block, check_blocks
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.names import (
    OPTIONS,
    SEARCHED,
    Options,
    check_name,
    missing,
    options_of,
    resolve,
    searchers_of,
)
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.freshness import freshness_of, status_of
from query_api.fanout.services import Services
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.mapping import Field, IndexMapping, render_mapping
from schemas.mapping_rules.checks import checked_mapping

ACKNOWLEDGED: Mapping[str, Any] = {"acknowledged": True}
RELEASING = frozenset(
    {"blocks.read_only", "blocks.read_only_allow_delete", "blocks.metadata"}
)  # may always be taken away
CREATED_SECONDS = 30.0  # how long an answer waits for the partitions of a new index
LIVE_POLL_SECONDS = 0.005


def states(services: Services, call: Call, defaults: Options | None = None) -> list[IndexState]:
    """The indices that the path names; all where it names none. Dead letters are left out."""
    targets = resolve(services.indices, call.path.get("index", "_all"), options_of(call, defaults))
    return [t.state for t in targets if not t.dead]


def create_index(services: Services, call: Call) -> Reply:
    """Create an index with settings and mappings."""
    name = call.path["index"]
    check_name(name)
    body = call.json_object()
    for key in body:
        if key not in {"settings", "mappings", "aliases"}:
            raise invalid("parse", f"unknown key [{key}] for create index")
    aliases = checked_aliases(_given(body, "aliases"))
    mappings = _given(body, "mappings")
    if not isinstance(mappings, dict):
        raise invalid("mapper_parsing", f"Failed to parse mapping: expected an object but found [{token_of(mappings)}]")
    wanted = index_settings.normalise(_given(body, "settings"))
    checked_mapping(mappings)  # refused here rather than after it has reached the control log
    state = services.indices.create(name, wanted, mappings, aliases)
    live = _wait_until_live(services, state, min(call.seconds("timeout", CREATED_SECONDS), CREATED_SECONDS))
    return Reply({"acknowledged": True, "shards_acknowledged": live, "index": name})


def _given(body: Mapping[str, Any], name: str) -> Any:
    """A part of a body; a null or an empty list is as good as none."""
    return {} if body.get(name) in (None, []) else body[name]


def checked_aliases(aliases: Any) -> dict[str, Any]:
    """The REST form of aliases, if it can be read, with queries that can be. Raises INVALID."""
    if not isinstance(aliases, dict):
        raise invalid("parsing", f"expected an object of aliases but found [{token_of(aliases)}]")
    found = {name: parse_alias(name, body) for name, body in aliases.items()}
    for one in found.values():
        if one.filter is not None:
            parse_query(dict(one.filter))
    return {name: render_alias(one) for name, one in found.items()}


def _wait_until_live(services: Services, state: IndexState, seconds: float) -> bool:
    """Whether every partition answers and has read its log: a topic that was taken over may take longer."""
    end = services.monotonic() + seconds
    pause = threading.Event()
    while status_of(freshness_of(services, state)) == "yellow":
        if services.monotonic() >= end:
            return False
        pause.wait(LIVE_POLL_SECONDS)
    return True


def delete_index(services: Services, call: Call) -> Reply:
    """Delete indices with their topics and data."""
    required = services.indices.state().setting("action.destructive_requires_name", "false") == "true"
    if required and any("*" in part or part == "_all" for part in call.path["index"].split(",")):
        raise illegal_argument("Wildcard expressions or all indices are not allowed")
    found = states(services, call, Options(closed=True, aliases=False))
    for state in found:
        check_block(state, Level.METADATA_WRITE, deletes=True)
    for state in found:
        services.indices.delete(state.name)
    return Reply(ACKNOWLEDGED)


def get_index(services: Services, call: Call) -> Reply:
    """Settings and mappings of indices."""
    found = states(services, call)
    if call.method == "HEAD" and not found:
        raise missing(call.path["index"])
    check_blocks(found, Level.METADATA_READ)
    return Reply(
        {
            s.name: {
                "aliases": {name: render_alias(alias) for name, alias in s.aliases.items()},
                "mappings": render_mapping(s.mapping),
                "settings": _settings(call, s),
            }
            for s in found
        }
    )


def _settings(call: Call, state: IndexState, names: str = "_all") -> dict[str, Any]:
    flat = _select(index_settings.shown(state), names)
    return flat if call.flag("flat_settings") else index_settings.nest(flat)


def _select(flat: dict[str, str], names: str) -> dict[str, str]:
    patterns = [n for n in names.split(",") if n]
    if not patterns or {"_all", "*"} & set(patterns):
        return flat
    return {k: v for k, v in flat.items() if any(fnmatchcase(k, p.replace("[", "[[]")) for p in patterns)}


def get_settings(services: Services, call: Call) -> Reply:
    """Settings of indices, or those that a name pattern selects."""
    names = call.path.get("name", "_all")
    answer: dict[str, Any] = {}
    found = states(services, call, Options(closed=True))
    check_blocks(found, Level.METADATA_READ)
    for state in found:
        answer[state.name] = {"settings": _settings(call, state, names)}
        if call.flag("include_defaults"):
            flat = _select(index_settings.defaults(state), names)
            answer[state.name]["defaults"] = flat if call.flag("flat_settings") else index_settings.nest(flat)
    return Reply({k: v for k, v in answer.items() if v["settings"] or v.get("defaults")})


def put_settings(services: Services, call: Call) -> Reply:
    """Change dynamic settings."""
    wanted = index_settings.normalise(call.required_object())
    if not wanted:
        raise invalid("action_request_validation", "Validation Failed: 1: no settings to update;")
    found = states(services, call, Options(closed=True, allow_no_indices=False))
    if wanted.keys() - RELEASING:
        check_blocks(found, Level.METADATA_WRITE)
    for state in found:
        index_settings.check_dynamic(state, wanted)
    for state in found:
        kept = state.settings if call.flag("preserve_existing") else {}
        services.indices.put_settings(state.name, {k: v for k, v in wanted.items() if k not in kept})
    return Reply(ACKNOWLEDGED)


def get_mapping(services: Services, call: Call) -> Reply:
    """Mappings of indices."""
    found = states(services, call)
    check_blocks(found, Level.METADATA_READ)
    return Reply({s.name: {"mappings": render_mapping(s.mapping)} for s in found})


def put_mapping(services: Services, call: Call) -> Reply:
    """Add fields to mappings."""
    body = call.required_object()
    update = checked_mapping(body)
    found = states(services, call, Options(allow_no_indices=False))
    check_blocks(found, Level.METADATA_WRITE)
    for state in found:
        analyzer_set(state.mapping.analysis).check_mapping(update)
        services.indices.put_mapping(state.name, body)
    return Reply(ACKNOWLEDGED)


def get_field_mapping(services: Services, call: Call) -> Reply:
    """Definitions of single fields, by name or pattern."""
    patterns = [p for p in call.path["fields"].split(",") if p]
    return Reply({s.name: {"mappings": _field_mappings(s.mapping, patterns)} for s in states(services, call)})


def _field_mappings(mapping: IndexMapping, patterns: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in mapping.leaves():
        if any(fnmatchcase(one.path, p.replace("[", "[[]")) for p in patterns):
            found[one.path] = {
                "full_name": one.path,
                "mapping": {one.path.rpartition(".")[2]: _definition(mapping, one)},
            }
    return found


def _definition(mapping: IndexMapping, one: Field) -> dict[str, Any]:
    multi = {
        f.path.rpartition(".")[2]: _definition(mapping, f)
        for f in mapping.fields.values()
        if f.source == one.path != f.path
    }
    return {"type": one.type.value, **one.parameters, **({"fields": multi} if multi else {})}


def _on_partitions(services: Services, call: Call, work: Callable[[Any], None]) -> Reply:
    """Do something to every partition; one that cannot is counted and named, the others go on."""
    total = 0
    failures: list[dict[str, Any]] = []
    for target in resolve(services.indices, call.path.get("index", "_all"), options_of(call, SEARCHED)):
        for searcher in searchers_of(services.topology, target):
            total += 1
            try:
                work(searcher)
            except SedimentError as error:
                failures.append(errors.shard_failure(target.name, searcher.partition, error))
    shards: dict[str, Any] = {"total": total, "successful": total - len(failures), "failed": len(failures)}
    return Reply({"_shards": {**shards, "failures": failures} if failures else shards})


def refresh(services: Services, call: Call) -> Reply:
    """Make everything that is applied visible to searches."""
    return _on_partitions(services, call, lambda searcher: searcher.refresh())


def flush(services: Services, call: Call) -> Reply:
    """Make everything that is applied durable in the index, so that a restart has nothing to read again."""
    if call.flag("force") and not call.flag("wait_if_ongoing", default=True):
        raise invalid(
            "action_request_validation", "Validation Failed: 1: wait_if_ongoing must be true for a force flush;"
        )
    return _on_partitions(services, call, lambda searcher: searcher.flush())


def force_merge(services: Services, call: Call) -> Reply:
    """Merge each partition until it has at most ``max_num_segments`` segments (1), or just take its deleted documents away.

    Where both are asked for, the latter, as in OpenSearch.
    """
    wanted = call.integer("max_num_segments")
    if wanted is not None and wanted < 1 and wanted != -1:
        raise illegal_argument(f"max_num_segments must be at least 1, or -1 for the default, not [{wanted}]")
    for name in ("flush", "primary_only", "wait_for_completion"):
        call.flag(name)
    if call.flag("only_expunge_deletes"):
        return _on_partitions(services, call, lambda searcher: searcher.expunge_deletes())
    segments_max = wanted if wanted is not None and wanted > 0 else 1
    return _on_partitions(services, call, lambda searcher: searcher.force_merge(segments_max))


def clear_cache(services: Services, call: Call) -> Reply:
    """Accepted for the clients' sake: caches are bounded and hold nothing that could be out of date."""
    return _on_partitions(services, call, lambda searcher: None)


_FLAT = OPTIONS | {"flat_settings", "local", "include_defaults", "include_type_name"}
_WAIT = {"wait_for_active_shards", "include_type_name"}
_MAPPING = OPTIONS | {"local", "include_type_name", "write_index_only"}
_MERGE = {"max_num_segments", "only_expunge_deletes", "flush", "primary_only", "wait_for_completion"}
ROUTES: Sequence[Route] = (
    route("PUT", "/{index}", create_index, _WAIT, where=Where.WRITE),
    route("DELETE", "/{index}", delete_index, OPTIONS, where=Where.WRITE),
    route("GET", "/{index}", get_index, _FLAT),
    route("GET", "/_mapping", get_mapping, _MAPPING),
    route("GET", "/{index}/_mapping", get_mapping, _MAPPING),
    route("PUT POST", "/{index}/_mapping", put_mapping, _MAPPING, where=Where.WRITE),
    route("GET", "/_mapping/field/{fields}", get_field_mapping, _MAPPING | {"include_defaults"}),
    route("GET", "/{index}/_mapping/field/{fields}", get_field_mapping, _MAPPING | {"include_defaults"}),
    route("GET", "/_settings", get_settings, _FLAT),
    route("GET", "/_settings/{name}", get_settings, _FLAT),
    route("GET", "/{index}/_settings", get_settings, _FLAT),
    route("GET", "/{index}/_settings/{name}", get_settings, _FLAT),
    route("PUT", "/_settings", put_settings, _FLAT | {"preserve_existing"}, where=Where.WRITE),
    route("PUT", "/{index}/_settings", put_settings, _FLAT | {"preserve_existing"}, where=Where.WRITE),
    route("GET POST", "/_refresh", refresh, OPTIONS, where=Where.WRITE),
    route("GET POST", "/{index}/_refresh", refresh, OPTIONS, where=Where.WRITE),
    *(
        route(methods, f"{prefix}/{name}", handler, OPTIONS | parameters, where=Where.WRITE)
        for name, methods, handler, parameters in (
            ("_flush", "GET POST", flush, {"force", "wait_if_ongoing"}),
            ("_forcemerge", "POST", force_merge, _MERGE),
            ("_cache/clear", "POST", clear_cache, {"query", "fielddata", "fields", "request", "file"}),
        )
        for prefix in ("", "/{index}")
    ),
)
