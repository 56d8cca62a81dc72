"""What the cluster says of itself: /, _cluster, _cat, _nodes, _stats."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog.state import IndexState
from query_api.elastic.admin.indices import states
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import OPTIONS, Options, known
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import color_of, freshness_of
from query_api.fanout.services import Services
from schemas.errors import illegal_argument
from schemas.results import Freshness

COMPATIBLE_NUMBER = "2.19.0"


def info(services: Services, call: Call) -> Reply:
    """Who answers, and which version it is compatible with."""
    settings = services.settings
    return Reply({
        "name": settings.node_name,
        "cluster_name": settings.cluster_name,
        "cluster_uuid": services.cluster_uuid,
        "version": {
            "distribution": "opensearch",
            "number": COMPATIBLE_NUMBER,
            "build_type": "sediment",
            "build_hash": f"sediment-{services.version}",
            "build_date": "2025-01-01T00:00:00.000000Z",
            "build_snapshot": False,
            "lucene_version": "9.12.1",
            "minimum_wire_compatibility_version": "7.10.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "The OpenSearch Project: https://opensearch.org/",
    })  # fmt: skip


HEALTH_SECONDS = 30.0  # the longest that _cluster/health waits for a status, and how long if it is not told
HEALTH_POLL_SECONDS = 0.05
_RANK = {"green": 0, "yellow": 1, "red": 2}


_NOT_THERE: Mapping[str, Any] = {
    "status": "red", "number_of_shards": 0, "number_of_replicas": 0, "active_primary_shards": 0, "active_shards": 0,
    "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": 0,
}  # fmt: skip


def health(services: Services, call: Call) -> Reply:
    """Whether every partition answers."""
    level = call.text("level", "cluster")
    if level not in {"cluster", "indices", "shards"}:
        raise illegal_argument(f"level parameter must be one of [cluster] or [indices] or [shards] but was [{level}]")
    wanted = call.text("wait_for_status", "red").lower()
    if wanted not in _RANK:
        raise illegal_argument(f"unknown cluster health status [{wanted}]")
    per_index = _health_when(services, call, wanted)
    worst = _worst(per_index)
    active = sum(h["active_shards"] for h in per_index.values())
    wanted_shards = active + sum(h["unassigned_shards"] for h in per_index.values())
    late = _RANK[worst] > _RANK[wanted] or bool(_absent(services, call)) or _too_few_nodes(call.text("wait_for_nodes"))
    body: dict[str, Any] = {
        "cluster_name": services.settings.cluster_name,
        "status": worst,
        "timed_out": late,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "discovered_master": True,
        "discovered_cluster_manager": True,
        "active_primary_shards": active,
        "active_shards": active,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": sum(h["unassigned_shards"] for h in per_index.values()),
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0 * active / wanted_shards if wanted_shards else 100.0,
    }
    if level != "cluster":
        body["indices"] = per_index
    return Reply(body, 408 if late else 200)


def _absent(services: Services, call: Call) -> list[str]:
    """Names without a pattern that nothing has."""
    names = [n for n in call.path.get("index", "").split(",") if n and "*" not in n and not n.startswith("-")]
    return [n for n in names if n != "_all" and not known(services.indices, n)]


def _worst(per_index: Mapping[str, Mapping[str, Any]]) -> str:
    return max((h["status"] for h in per_index.values()), key=_RANK.__getitem__, default="green")


def _health_when(services: Services, call: Call, wanted: str) -> dict[str, Mapping[str, Any]]:
    """The indices' health as soon as it is as good as wanted, or at the timeout."""
    end = services.monotonic() + min(call.seconds("timeout", HEALTH_SECONDS), HEALTH_SECONDS)
    pause = threading.Event()
    while True:
        found = states(services, call, Options(ignore_unavailable=True, closed=True, hidden=True))
        per_index: dict[str, Mapping[str, Any]] = {s.name: _index_health(services, s) for s in found}
        absent = _absent(services, call)
        late = services.monotonic() >= end
        if late and absent:
            return {**per_index, **dict.fromkeys(absent, _NOT_THERE)}
        if late or (not absent and _RANK[_worst(per_index)] <= _RANK[wanted]):
            return per_index
        pause.wait(HEALTH_POLL_SECONDS)


def _too_few_nodes(text: str) -> bool:
    digits = text.lstrip("><=ge(t)l")
    return digits.isascii() and digits.isdigit() and int(digits[:9]) > 1 and not text.startswith(("<", "l"))


def _index_health(services: Services, state: IndexState) -> dict[str, Any]:
    answered = freshness_of(services, state)
    alive = sum(isinstance(f, Freshness) for f in answered)
    return {
        "status": color_of(state, answered),
        "number_of_shards": state.partitions,
        "number_of_replicas": state.replicas,
        "active_primary_shards": alive,
        "active_shards": alive,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": state.partitions * (1 + state.replicas) - alive,
    }


def cluster_stats(services: Services, call: Call) -> Reply:
    """How much there is in all."""
    found = list(services.indices.indices())
    partitions = [f for s in found for f in freshness_of(services, s) if isinstance(f, Freshness)]
    return Reply({
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": services.settings.cluster_name,
        "cluster_uuid": services.cluster_uuid,
        "timestamp": services.clock_ms(),
        "status": max((color_of(s, freshness_of(services, s)) for s in found), key=_RANK.__getitem__, default="green"),
        "indices": {
            "count": len(found),
            "shards": {"total": sum(s.partitions for s in found), "primaries": sum(s.partitions for s in found)},
            "docs": {"count": sum(f.documents for f in partitions), "deleted": 0},
            "store": {"size_in_bytes": sum(f.bytes for f in partitions)},
            "segments": {"count": sum(f.segments for f in partitions)},
        },
        "nodes": {
            "count": {"total": 1, "data": 1, "cluster_manager": 1, "ingest": 1},
            "versions": [COMPATIBLE_NUMBER],
            "discovery_types": {"single-node": 1},
            "packaging_types": [{"type": "sediment", "count": 1}],
        },
    })  # fmt: skip


_HEALTH = OPTIONS | {
    "level", "local", "wait_for_status", "wait_for_nodes", "wait_for_events", "wait_for_active_shards", "awareness_attribute",
    "wait_for_no_relocating_shards", "wait_for_no_initializing_shards", "ensure_node_commissioned",
}  # fmt: skip
ROUTES: Sequence[Route] = (
    route("GET", "/", info),
    route("GET", "/_cluster/health", health, _HEALTH),
    route("GET", "/_cluster/health/{index}", health, _HEALTH),
    route("GET", "/_cluster/stats", cluster_stats),
    route("GET", "/_cluster/stats/nodes/{node}", cluster_stats),
)
