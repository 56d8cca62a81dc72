"""``_stats`` and its like: documents, bytes, segments, and what this process did with each index since it began."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pipeline.catalog.state import IndexState
from pipeline.telemetry import names
from query_api.elastic.admin.indices import states
from query_api.elastic.wire.blocks import Level, check_blocks
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import OPTIONS, SEARCHED, Options
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import freshness_of
from query_api.fanout.services import Services
from schemas.errors import illegal_argument
from schemas.results import Freshness

# Sections by the name in the path -> the name in the answer.
_SECTIONS: Final = {
    "docs": "docs", "store": "store", "indexing": "indexing", "get": "get", "search": "search", "merge": "merges", "refresh": "refresh",
    "flush": "flush", "warmer": "warmer", "query_cache": "query_cache", "fielddata": "fielddata", "completion": "completion",
    "segments": "segments", "translog": "translog", "request_cache": "request_cache", "recovery": "recovery",
}  # fmt: skip
_NAMELESS: Final = frozenset({"suggest"})  # taken, and shown nowhere, as in OpenSearch
_CACHE: Final = {"memory_size_in_bytes": 0, "evictions": 0}


def sections_of(text: str, path: str) -> frozenset[str]:
    """The sections that a path names, as the answer calls them; all where it names none. Raises ``illegal_argument``."""
    named = [n for n in text.split(",") if n]
    unknown = [n for n in named if n not in _SECTIONS and n not in _NAMELESS and n != "_all"]
    if unknown:
        shown = ", ".join(f"[{n}]" for n in unknown)
        ending = "s" if len(unknown) > 1 else ""
        raise illegal_argument(f"request [{path}] contains unrecognized metric{ending}: {shown}")
    if "_all" in named or not named:
        return frozenset(_SECTIONS.values())
    return frozenset(_SECTIONS[n] for n in named if n in _SECTIONS)


def totals(
    services: Services, answered: Sequence[Freshness], indices: Iterable[str] | None, sections: frozenset[str]
) -> dict[str, Any]:
    """Figures of some partitions; ``indices``: what this process did with these (None: with all). There is nothing but the log to be
    translated, no field data, no cache of queries that would be counted: those are 0.
    """
    indices = [s.name for s in services.indices.indices()] if indices is None else list(indices)

    def counted(metric: names.Counter, **labels: str) -> int:
        return int(sum(services.metrics.value(metric, index=i, **labels) or 0 for i in indices))

    def spent_ms(metric: names.Histogram) -> int:
        return int(1000 * sum(services.metrics.value(metric, "_sum", index=i) or 0 for i in indices))

    searched = sum(counted(names.SEARCH_REQUESTS, outcome=o) for o in ("whole", "partial", "timed_out", "failed"))
    refused = sum(counted(names.INGEST_DOCUMENTS, outcome=o) for o in ("rejected", "conflict"))
    every: dict[str, Any] = {
        "docs": {"count": sum(f.documents for f in answered), "deleted": 0},
        "store": {"size_in_bytes": sum(f.bytes for f in answered), "reserved_in_bytes": 0},
        "indexing": {
            "index_total": counted(names.INGEST_DOCUMENTS, outcome="accepted"),
            "index_time_in_millis": spent_ms(names.INGEST_SECONDS),
            "index_failed": refused,
            "is_throttled": False,
        },
        "get": {"current": 0},
        "search": {
            "open_contexts": len(services.contexts.all("scroll")) + len(services.contexts.all("pit")),
            "query_total": searched,
            "query_time_in_millis": spent_ms(names.SEARCH_SECONDS),
        },
        "merges": {"current": 0},
        "refresh": {"listeners": 0},
        "flush": {"periodic": 0},
        "warmer": {"current": 0, "total": 0, "total_time_in_millis": 0},
        "query_cache": {"memory_size_in_bytes": 0, "total_count": 0, "evictions": 0},
        "fielddata": dict(_CACHE),
        "completion": {"size_in_bytes": 0},
        "segments": {"count": sum(f.segments for f in answered)},
        "translog": {"uncommitted_operations": sum(f.applied - f.durable for f in answered)},
        "request_cache": dict(_CACHE),
        "recovery": {"current_as_source": 0, "current_as_target": sum(f.state == "recovering" for f in answered)},
    }
    return {name: value for name, value in every.items() if name in sections}


def stats(services: Services, call: Call) -> Reply:
    """Documents, bytes and segments of indices, or those sections that the path names."""
    sections = sections_of(call.path.get("metric", ""), call.route_path)
    level = call.text("level", "indices")
    if level not in {"cluster", "indices", "shards"}:
        raise illegal_argument(f"level parameter must be one of [cluster] or [indices] or [shards] but was [{level}]")
    found = states(services, call, Options(forbid_closed=call.flag("forbid_closed_indices", default=True)))
    check_blocks(found, Level.METADATA_READ)
    per_index: dict[str, Any] = {}
    everything: list[Freshness] = []
    for state in found:
        answered = [f for f in freshness_of(services, state) if isinstance(f, Freshness)]
        everything += answered
        numbers = totals(services, answered, [state.name], sections)
        per_index[state.name] = {"uuid": state.uuid, "primaries": numbers, "total": numbers}
        if level == "shards":
            per_index[state.name]["shards"] = _per_shard(services, state, answered, sections)
    numbers = totals(services, everything, [s.name for s in found], sections)
    total = sum(s.partitions * (1 + s.replicas) for s in found)
    body: dict[str, Any] = {
        "_shards": {
            "total": total,
            "successful": len(everything),
            "failed": sum(s.partitions for s in found) - len(everything),
        },
        "_all": {"primaries": numbers, "total": numbers},
    }
    if level != "cluster":
        body["indices"] = per_index
    return Reply(body)


def _per_shard(
    services: Services, state: IndexState, answered: Sequence[Freshness], sections: frozenset[str]
) -> dict[str, Any]:
    routing = {"state": "STARTED", "primary": True, "node": services.cluster_uuid, "relocating_node": None}
    shown: dict[str, Any] = {}
    for one in answered:
        numbers = totals(services, [one], (), sections & {"docs", "store", "segments", "translog"})
        shown[str(one.partition)] = [{"routing": routing, **numbers, "commit": {"num_docs": one.documents}}]
    return shown


def segments(services: Services, call: Call) -> Reply:
    """How many segments each partition has."""
    found = states(services, call, SEARCHED)
    answered = {s.name: [f for f in freshness_of(services, s) if isinstance(f, Freshness)] for s in found}
    total = sum(s.partitions for s in found)
    alive = sum(map(len, answered.values()))
    shown = {
        name: {
            "shards": {
                str(f.partition): [
                    {
                        "routing": {"state": "STARTED", "primary": True, "node": services.cluster_uuid},
                        "num_committed_segments": f.segments,
                        "num_search_segments": f.segments,
                        "segments": {},
                    }
                ]
                for f in partitions
            }
        }
        for name, partitions in answered.items()
    }
    return Reply({"_shards": {"total": total, "successful": alive, "failed": total - alive}, "indices": shown})


_STATS: Final = OPTIONS | {
    "level", "fields", "fielddata_fields", "completion_fields", "groups", "include_segment_file_sizes", "include_unloaded_segments",
    "forbid_closed_indices",
}  # fmt: skip
ROUTES: Sequence[Route] = (
    *(
        route("GET", prefix + suffix, stats, _STATS)
        for prefix in ("/_stats", "/{index}/_stats")
        for suffix in ("", "/{metric}")
    ),
    route("GET", "/_segments", segments, OPTIONS | {"verbose"}),
    route("GET", "/{index}/_segments", segments, OPTIONS | {"verbose"}),
)
