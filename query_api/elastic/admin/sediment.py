"""Our own routes under /_sediment, and /health, /metrics."""

from collections.abc import Sequence
from typing import Any

from pipeline.catalog.state import IndexState
from pipeline.telemetry import names
from pipeline.telemetry.metrics import CONTENT_TYPE
from query_api.elastic.admin.operations import recent_jobs
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import exact
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import freshness_of, status_of
from query_api.fanout.services import Services
from schemas.errors import SedimentError
from schemas.results import Freshness
from schemas.settings import LimitSettings

DIGEST_DIGITS = 12
_RANK = {"green": 0, "yellow": 1, "red": 2}


def _partition(number: int, one: Freshness | SedimentError) -> dict[str, Any]:
    if not isinstance(one, Freshness):
        return {"partition": number, "state": "unavailable", "reason": one.message}
    return {
        "partition": one.partition,
        "state": one.state,
        "reason": one.reason,
        "applied": one.applied,
        "visible": one.visible,
        "durable": one.durable,
        "begin": one.begin,
        "end": one.end,
        "lag": one.end - one.applied,
        "documents": one.documents,
        "segments": one.segments,
        "bytes": one.bytes,
        "dead_letters": one.dead_letters,
        "schema_version": one.schema_version,
        "digest": one.digest,
        "digest_offset": one.digest_offset,
    }


def _index(services: Services, state: IndexState) -> dict[str, Any]:
    answered = freshness_of(services, state)
    shown = [_partition(n, f) for n, f in enumerate(answered)]
    summed = {
        k: sum(p.get(k, 0) for p in shown) for k in ("documents", "segments", "bytes", "dead_letters", "lag", "applied")
    }
    return {
        "index": state.name,
        "uuid": state.uuid,
        "topic": state.topic,
        "status": status_of(answered),
        "schema_version": state.schema_version,
        **summed,
        "partitions": shown,
        "jobs": _jobs(services, state),
    }


def _jobs(services: Services, state: IndexState) -> list[dict[str, Any]]:
    try:
        return recent_jobs(services, state.name)
    except SedimentError:
        return []  # the index was deleted meanwhile


def partitions(services: Services, call: Call) -> Reply:
    """Offsets, lag and size of each partition of an index."""
    return Reply(_index(services, exact(services.indices, call.path["index"])))


def status(services: Services, call: Call) -> Reply:
    """Every index with its partitions."""
    return Reply(
        {
            "cluster_name": services.settings.cluster_name,
            "version": services.version,
            "timestamp": services.clock_ms(),
            "indices": [_index(services, s) for s in services.indices.indices()],
        }
    )


def health(services: Services, call: Call) -> Reply:
    """Whether this process can do its work, and if not, why: 200 while it can serve, else 503."""
    checks = [c() for c in services.checks]
    found = [{"name": c.name, "status": c.status, "reason": c.reason} for c in checks]
    for state in services.indices.indices():
        found += _index_checks(state, freshness_of(services, state), services.settings.limits)
    worst = max((c["status"] for c in found), key=_RANK.__getitem__, default="green")
    body = {"status": worst, "reasons": [c for c in found if c["status"] != "green"], "checks": found}
    return Reply(body, 503 if worst == "red" else 200)


def _index_checks(
    state: IndexState, answered: Sequence[Freshness | SedimentError], limits: LimitSettings
) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for number, one in enumerate(answered):
        name = f"partition {state.name}/{number}"
        if not isinstance(one, Freshness):
            found.append({"name": name, "status": "red", "reason": one.message})
        elif one.state == "stopped":
            found.append({"name": name, "status": "red", "reason": one.reason or "stopped"})
        elif one.state != "live":
            reason = one.reason or f"{one.end - one.applied} records to go"
            found.append({"name": name, "status": "yellow", "reason": f"{one.state}: {reason}"})
        elif one.end - one.applied > limits.lag_records:
            reason = f"{one.end - one.applied} records behind the log"
            found.append({"name": name, "status": "yellow", "reason": reason})
        elif one.dead_letters > limits.dead_letters:
            reason = f"{one.dead_letters} dead letters: see why in {state.name}.dead, then send them again (sediment redrive)"
            found.append({"name": name, "status": "yellow", "reason": reason})
        else:
            found.append({"name": name, "status": "green", "reason": ""})
    return found


def metrics(services: Services, call: Call) -> Reply:
    """All metrics in Prometheus' text format."""
    for state in services.indices.indices():
        _show_digests(services, state)
    return Reply(content=services.metrics.exposition(), content_type=CONTENT_TYPE)


def _show_digests(services: Services, state: IndexState) -> None:
    """A digest as a number that a gauge can hold: its first 48 bits, which a float64 holds exactly."""
    for one in freshness_of(services, state):
        if isinstance(one, Freshness) and one.digest:
            labels = {"index": state.name, "partition": str(one.partition)}
            services.metrics.set(names.PARTITION_DIGEST, int(one.digest[:DIGEST_DIGITS], 16), **labels)
            services.metrics.set(names.PARTITION_DIGEST_OFFSET, one.digest_offset, **labels)


ROUTES: Sequence[Route] = (
    route("GET", "/_sediment/indices/{index}/partitions", partitions),
    route("GET", "/_sediment/status", status),
    route("GET", "/health", health),
    route("GET", "/metrics", metrics),
)
