"""The one node: what it is, and how it is."""

from collections.abc import Sequence
from typing import Any, Final

from query_api.elastic.admin.cluster import COMPATIBLE_NUMBER
from query_api.elastic.monitoring.machine import Machine
from query_api.elastic.monitoring.stats import sections_of, totals
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import freshness_of
from query_api.fanout.services import Services
from schemas.errors import illegal_argument
from schemas.results import Freshness

_METRICS: Final = frozenset({
    "_all", "settings", "os", "process", "jvm", "thread_pool", "transport", "http", "plugins", "ingest", "aggregations", "indices",
    "search_pipelines",
})  # fmt: skip
_STATS_METRICS: Final = frozenset(
    {"_all", "indices", "os", "process", "fs", "http", "thread_pool", "jvm", "transport", "breaker"}
)


def nodes_info(services: Services, call: Call) -> Reply:
    """The one node."""
    _check(call, _METRICS)
    settings = services.settings
    address = f"{settings.host}:{settings.port}"
    one = {
        "name": settings.node_name,
        "transport_address": address,
        "host": settings.host,
        "ip": settings.host,
        "version": COMPATIBLE_NUMBER,
        "build_type": "sediment",
        "build_hash": f"sediment-{services.version}",
        "roles": ["cluster_manager", "data", "ingest", "remote_cluster_client"],
        "settings": {"client.type": "node"} if call.flag("flat_settings") else {"client": {"type": "node"}},
        "plugins": [],
        "modules": [],
        "http": {"bound_address": [address], "publish_address": address},
    }
    counts = {"total": 1, "successful": 1, "failed": 0}
    return Reply({"_nodes": counts, "cluster_name": settings.cluster_name, "nodes": {services.cluster_uuid: one}})


def _check(call: Call, known: frozenset[str]) -> None:
    given = [n for n in call.path.get("metric", "").split(",") if n]
    wrong = [n for n in given if n not in known]
    if wrong:
        raise illegal_argument(f"request [{call.route_path}] contains unrecognized metric: [{wrong[0]}]")


def _info(services: Services, call: Call) -> Reply:
    """The one node: all nodes, a node, or metrics of all nodes, as the path says."""
    named = call.path.get("node", "").split(",")
    if all(n in _METRICS for n in named):
        call.path = {"metric": ",".join(named)}
    return nodes_info(services, call)


def nodes_stats(services: Services, call: Call) -> Reply:
    """Memory, disk, files and load of the node, and what its indices come to."""
    _check(call, _STATS_METRICS)
    settings, machine = services.settings, Machine.now(services.settings.data)
    found = [f for s in services.indices.indices() for f in freshness_of(services, s) if isinstance(f, Freshness)]
    parts: dict[str, Any] = {
        "indices": totals(services, found, None, sections_of("", "")),
        "os": {
            "timestamp": services.clock_ms(),
            "cpu": {
                "percent": machine.cpu_percent,
                "load_average": dict(zip(("1m", "5m", "15m"), machine.loads, strict=True)),
            },
            "mem": {
                "total_in_bytes": machine.memory_total,
                "free_in_bytes": machine.memory_total - machine.memory_used,
                "used_in_bytes": machine.memory_used,
                "used_percent": machine.memory_percent,
                "free_percent": 100 - machine.memory_percent,
            },
        },
        "process": {
            "timestamp": services.clock_ms(),
            "open_file_descriptors": machine.files,
            "max_file_descriptors": machine.files_max,
            "mem": {"resident_in_bytes": machine.process_bytes},
        },
        "fs": {
            "timestamp": services.clock_ms(),
            "total": {
                "total_in_bytes": machine.disk_total,
                "free_in_bytes": machine.disk_free,
                "available_in_bytes": machine.disk_free,
            },
        },
    }
    wanted = [n for n in call.path.get("metric", "_all").split(",") if n]
    shown = parts if "_all" in wanted else {name: part for name, part in parts.items() if name in wanted}
    one = {
        "timestamp": services.clock_ms(),
        "name": settings.node_name,
        "transport_address": f"{settings.host}:{settings.port}",
        "host": settings.host,
        "ip": f"{settings.host}:{settings.port}",
        "roles": ["cluster_manager", "data", "ingest", "remote_cluster_client"],
        **shown,
    }
    counts = {"total": 1, "successful": 1, "failed": 0}
    return Reply({"_nodes": counts, "cluster_name": settings.cluster_name, "nodes": {services.cluster_uuid: one}})


_INFO: Final = {"flat_settings"}
_STATS: Final = {
    "level",
    "types",
    "fields",
    "completion_fields",
    "fielddata_fields",
    "groups",
    "include_segment_file_sizes",
}
ROUTES: Sequence[Route] = (
    route("GET", "/_nodes", nodes_info, _INFO),
    route("GET", "/_nodes/{node}", _info, _INFO),
    route("GET", "/_nodes/{node}/{metric}", nodes_info, _INFO),
    *(
        route("GET", prefix + suffix, nodes_stats, _STATS)
        for prefix in ("/_nodes/stats", "/_nodes/{node}/stats")
        for suffix in ("", "/{metric}", "/{metric}/{index_metric}")
    ),
)
