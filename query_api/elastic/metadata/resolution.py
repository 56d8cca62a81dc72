"""Which indices and aliases an expression finds, and which partitions a search of them asks."""

from collections.abc import Sequence
from typing import Any, Final

from query_api.elastic.reading.asking import asked, targets_of
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import OPTIONS, SEARCHED, Options, Target, options_of, resolve
from query_api.elastic.wire.router import Route, route
from query_api.fanout.services import Services


def resolve_index(services: Services, call: Call) -> Reply:
    """Indices and aliases that a name or pattern finds."""
    targets = resolve(services.indices, call.path["name"], options_of(call, Options(ignore_unavailable=True)))
    direct = [t.state for t in targets if not t.via and not t.dead]
    every = services.indices.state().aliases
    named = {alias for t in targets for alias in (t.via or t.state.aliases)}
    indices: list[dict[str, Any]] = []
    for state in sorted(direct, key=lambda s: s.name):
        aliases = {"aliases": sorted(state.aliases)} if state.aliases else {}
        indices.append({"name": state.name, **aliases, "attributes": ["closed" if state.closed else "open"]})
    return Reply(
        {
            "indices": indices,
            "aliases": [{"name": alias, "indices": list(every[alias])} for alias in sorted(named)],
            "data_streams": [],
        }
    )


def search_shards(services: Services, call: Call) -> Reply:
    """The partitions that a search would ask."""
    targets = targets_of(services, call.path.get("index", "_all"), options_of(call, SEARCHED))
    settings, node = services.settings, services.cluster_uuid
    shards = [
        [_shard(target, searcher.partition, node)]
        for target in targets
        for searcher in asked(services, target, call.parameters.get("routing"))
    ]
    address = f"{settings.host}:{settings.port}"
    return Reply(
        {
            "nodes": {node: {"name": settings.node_name, "transport_address": address, "attributes": {}}},
            "indices": {t.name: _parts(t) for t in targets},
            "shards": shards,
        }
    )


def _shard(target: Target, number: int, node: str) -> dict[str, Any]:
    return {
        "state": "STARTED",
        "primary": True,
        "node": node,
        "relocating_node": None,
        "shard": number,
        "index": target.name,
    }


def _parts(target: Target) -> dict[str, Any]:
    if not target.via:
        return {}
    conditions = [one.filter for one in target.aliases()]
    aliases: dict[str, Any] = {"aliases": sorted(target.via)}
    if None in conditions:
        return aliases
    return {**aliases, "filter": conditions[0] if len(conditions) == 1 else {"bool": {"should": conditions}}}


_SHARDS: Final = OPTIONS | {"routing", "preference", "local"}
ROUTES: Sequence[Route] = (
    route("GET", "/_resolve/index/{name}", resolve_index, OPTIONS),
    route("GET POST", "/_search_shards", search_shards, _SHARDS),
    route("GET POST", "/{index}/_search_shards", search_shards, _SHARDS),
)
