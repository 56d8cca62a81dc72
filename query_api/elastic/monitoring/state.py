"""The state of the cluster as OpenSearch shows it, and its settings."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.catalog import templates
from pipeline.catalog.state import IndexState
from query_api.elastic.admin import settings as index_settings
from query_api.elastic.admin.indices import ACKNOWLEDGED, states
from query_api.elastic.metadata.templates import shown as template_shown
from query_api.elastic.wire.blocks import BLOCKS, blocks_of
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.names import OPTIONS, Options
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.fields.wildcards import fits_any
from schemas.mapping import render_mapping

_METRICS: Final = frozenset(
    {
        "_all",
        "version",
        "cluster_manager_node",
        "master_node",
        "nodes",
        "routing_table",
        "routing_nodes",
        "metadata",
        "blocks",
    }
)
_SCOPES: Final = ("persistent", "transient")
_EFFECTIVE: Final = frozenset({"action.auto_create_index", "action.destructive_requires_name"})
# what is about several nodes and says nothing to one
_HINTS: Final = (
    "cluster.routing.",
    "cluster.max_shards_per_node",
    "cluster.info.update.interval",
    "indices.recovery.",
    "cluster.indices.close.enable",
)


def state(services: Services, call: Call) -> Reply:
    """Indices with their mappings, settings, aliases and partitions; templates; the node."""
    wanted = {n for n in call.path.get("metric", "_all").split(",") if n}
    wrong = sorted(wanted - _METRICS)
    if wrong:
        raise illegal_argument(f"request [{call.route_path}] contains unrecognized metric: [{wrong[0]}]")
    found = states(services, call, Options(closed=True, hidden=True))
    node, settings = services.cluster_uuid, services.settings
    parts: dict[str, Any] = {
        "version": services.indices.state().version,
        "cluster_manager_node": node,
        "master_node": node,
        "blocks": _blocks(found),
        "nodes": {node: {"name": settings.node_name, "transport_address": f"{settings.host}:{settings.port}"}},
        "metadata": _metadata(services, found, flat=call.flag("flat_settings")),
        "routing_table": {"indices": {s.name: {"shards": _shards(s, node)} for s in found}},
    }
    shown = {name: part for name, part in parts.items() if "_all" in wanted or name in wanted}
    return Reply({"cluster_name": settings.cluster_name, "cluster_uuid": node, "state_uuid": node, **shown})


def _blocks(found: Sequence[IndexState]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for one in found:
        blocks: dict[str, Any] = {
            str(BLOCKS[name].number): {
                "description": BLOCKS[name].words,
                "retryable": False,
                "levels": sorted(level.value for level in BLOCKS[name].levels),
            }
            for name in blocks_of(one)
        }
        if one.closed:
            blocks["4"] = {"description": "index closed", "retryable": False, "levels": ["read", "write"]}
        if blocks:
            shown[one.name] = blocks
    return {"indices": shown} if shown else {}


def _metadata(services: Services, found: Sequence[IndexState], *, flat: bool) -> dict[str, Any]:
    legacy = templates.templates_of(services.indices.state(), templates.LEGACY)
    return {
        "cluster_uuid": services.cluster_uuid,
        "templates": {one.name: template_shown(one, flat=flat) for one in legacy},
        "indices": {s.name: _index(s, flat=flat) for s in found},
    }


def _index(one: IndexState, *, flat: bool) -> dict[str, Any]:
    named = index_settings.shown(one)
    return {
        "version": one.schema_version,
        "mapping_version": one.schema_version,
        "settings_version": 1,
        "aliases_version": 1,
        "routing_num_shards": one.partitions,
        "state": "close" if one.closed else "open",
        "settings": named if flat else index_settings.nest(named),
        "mappings": {"_doc": render_mapping(one.mapping)},
        "aliases": sorted(one.aliases),
        "primary_terms": {str(n): one.primary_term for n in range(one.partitions)},
    }


def _shards(one: IndexState, node: str) -> dict[str, Any]:
    return {
        str(n): [
            {"state": "STARTED", "primary": True, "node": node, "relocating_node": None, "shard": n, "index": one.name}
        ]
        for n in range(one.partitions)
    }


def _scoped(services: Services, scope: str) -> dict[str, str]:
    known = services.indices.state().settings
    return {name.removeprefix(f"{scope}."): text for name, text in known.items() if name.startswith(f"{scope}.")}


def _settings_shown(call: Call, flat: Mapping[str, str]) -> dict[str, Any]:
    if call.flag("flat_settings"):
        return dict(flat)
    root: dict[str, Any] = {}
    for dotted, value in sorted(flat.items()):
        *parents, name = dotted.split(".")
        node = root
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = value
    return root


def get_settings(services: Services, call: Call) -> Reply:
    """Settings of the cluster."""
    body = {scope: _settings_shown(call, _scoped(services, scope)) for scope in _SCOPES}
    if call.flag("include_defaults"):
        body["defaults"] = _settings_shown(call, _defaults(services))
    return Reply(body)


def _defaults(services: Services) -> dict[str, str]:
    settings = services.settings
    return {
        "action.auto_create_index": "true" if settings.index.auto_create else "false",
        "action.destructive_requires_name": "false",
        "cluster.name": settings.cluster_name,
        "node.name": settings.node_name,
        "http.port": str(settings.port),
        "path.data": settings.data,
    }


def put_settings(services: Services, call: Call) -> Reply:
    """Change settings of the cluster; null takes one away."""
    body = call.required_object()
    changes: dict[str, str | None] = {}
    for scope, given in body.items():
        if scope not in _SCOPES:
            raise invalid("x_content_parse", f"[cluster_update_settings_request] unknown field [{scope}]")
        if not isinstance(given, dict):
            raise invalid("parsing", f"[{scope}] must be an object, found [{token_of(given)}]")
        for name, value in index_settings.flatten(given):
            changes |= _change(services, scope, name, value)
    if not changes and not any(body.values()):
        raise invalid("action_request_validation", "Validation Failed: 1: no settings to update;")
    services.indices.put_cluster_settings(changes)
    shown = {
        scope: _settings_shown(
            call,
            {k.removeprefix(f"{scope}."): v for k, v in changes.items() if v is not None and k.startswith(f"{scope}.")},
        )
        for scope in _SCOPES
    }
    return Reply({**ACKNOWLEDGED, **shown})


def _change(services: Services, scope: str, name: str, value: Any) -> dict[str, str | None]:
    if value is None:
        gone = [known for known in _scoped(services, scope) if fits_any([name], known)]
        return {f"{scope}.{known}": None for known in gone}
    if name not in _EFFECTIVE and not name.startswith(_HINTS):
        raise illegal_argument(f"{scope} setting [{name}], not recognized")
    text = (
        ("true" if value else "false")
        if isinstance(value, bool)
        else ",".join(map(str, value))
        if isinstance(value, list)
        else str(value)
    )
    if name == "action.destructive_requires_name" and text not in {"true", "false"}:
        raise illegal_argument(f"Failed to parse value [{text}] as only [true] or [false] are allowed.")
    return {f"{scope}.{name}": text}


def pending_tasks(services: Services, call: Call) -> Reply:
    """Nothing: changes of the cluster's state are not queued."""
    return Reply({"tasks": []})


_STATE: Final = OPTIONS | {"flat_settings", "local", "wait_for_metadata_version", "wait_for_timeout"}
_SETTINGS: Final = {"flat_settings", "include_defaults"}
ROUTES: Sequence[Route] = (
    route("GET", "/_cluster/state", state, _STATE),
    route("GET", "/_cluster/state/{metric}", state, _STATE),
    route("GET", "/_cluster/state/{metric}/{index}", state, _STATE),
    route("GET", "/_cluster/settings", get_settings, _SETTINGS),
    route("PUT", "/_cluster/settings", put_settings, _SETTINGS, where=Where.WRITE),
    route("GET", "/_cluster/pending_tasks", pending_tasks, {"local"}),
)
