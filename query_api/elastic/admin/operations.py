"""Long work on an index over REST: replay, verify, what a document was made of, dead letters sent again."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pipeline.dsl.parse import parse_search
from pipeline.json_columns.dates import parse_date
from pipeline.replay.ports import Event, Job, Operations, Redriven
from query_api.elastic.reading.asking import Question, ask
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.names import Target, exact
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, unavailable
from schemas.ids import IndexName
from schemas.mapping import DATE_FORMAT_DEFAULT

ACCEPTED: Final = 202
PAGE: Final = 1_000  # dead letters read at once
RECENT: Final = 10
_OFFSET_MAX: Final = (1 << 63) - 1
_ORDER: Final = [{"partition": "asc"}, {"offset": "asc"}]  # records of one key keep their order


def operations_of(services: Services) -> Operations:
    """What does the work here. Raises UNAVAILABLE where nothing does."""
    if services.operations is None:
        raise unavailable(
            "operations_unavailable", "this process does not rebuild indices: ask the one that serves them"
        )
    return services.operations


def job_shown(job: Job) -> dict[str, Any]:
    """A job as JSON. ``progress``: from 0 to 1."""
    whole = job.end - job.begin
    return {
        "id": job.id,
        "kind": job.kind,
        "index": job.index,
        "partition": job.partition,
        "state": job.state,
        "begin": job.begin,
        "position": job.position,
        "end": job.end,
        "progress": 1.0 if whole <= 0 else round(min(1.0, max(0.0, (job.position - job.begin) / whole)), 4),
        "records_per_second": round(job.records_per_second, 1),
        "eta_seconds": None if job.eta_s is None else round(job.eta_s, 1),
        "started": job.started_ms,
        "message": job.message,
        "report": dict(job.report),
    }


def recent_jobs(services: Services, index: IndexName) -> list[dict[str, Any]]:
    """The newest jobs of an index without their reports; none where this process has no operations."""
    if services.operations is None:
        return []
    found = services.operations.jobs(index)[:RECENT]
    return [{k: v for k, v in job_shown(j).items() if k != "report"} for j in found]


def event_shown(event: Event) -> dict[str, Any]:
    """An event as JSON; the value is text where it is UTF-8, else base64, as in dead letters."""
    return {
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "timestamp": event.timestamp_ms,
        "op": event.op,
        "result": event.result,
        "version": event.version,
        "reason": event.reason,
        "headers": dict(event.headers),
        **_value_shown(event.value),
    }


def _value_shown(value: bytes | None) -> dict[str, str | None]:
    try:
        return {"value": None if value is None else value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value or b"").decode()}


def redriven_shown(one: Redriven) -> dict[str, Any]:
    """A dead letter that was sent again, with both offsets."""
    return {
        "id": one.id,
        "key": one.key,
        "partition": one.partition,
        "offset": one.offset,
        "new_offset": one.new_offset,
        "result": one.result,
        "reason": one.reason,
    }


def _body(call: Call, known: Sequence[str]) -> dict[str, Any]:
    body = call.json_object()
    for name in body:
        if name not in known:
            raise illegal_argument(f"unknown field [{name}]: use one of [{', '.join(known)}]")
    return body


def _whole(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _OFFSET_MAX:
        raise illegal_argument(f"[{name}] must be a whole number from 0 on, not [{value}]")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise illegal_argument(f"[{name}] must be true or false, not {token_of(value)}")
    return value


def _timestamp(body: Mapping[str, Any]) -> int | None:
    value = body.get("from_timestamp")
    if isinstance(value, str):
        return parse_date(value, DATE_FORMAT_DEFAULT)
    return _whole(body, "from_timestamp")


def _rate(body: Mapping[str, Any]) -> float:
    value = body.get("rate") or 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _OFFSET_MAX:
        raise illegal_argument(f"[rate] must be a number of records per second, 0 for no bound, not [{value}]")
    return float(value)


def replay(services: Services, call: Call) -> Reply:
    """Rebuild an index beside the live one and swap it in; answers at once with the jobs."""
    body = _body(call, ("partition", "from", "from_timestamp", "rate"))
    state = exact(services.indices, call.path["index"])
    offset, timestamp = _whole(body, "from"), _timestamp(body)
    if offset is not None and timestamp is not None:
        raise illegal_argument("[from] and [from_timestamp] exclude each other: give one of them")
    jobs = operations_of(services).replay(
        state.name,
        partition=_whole(body, "partition"),
        from_offset=offset,
        from_timestamp_ms=timestamp,
        rate=_rate(body),
    )
    return Reply({"index": state.name, "jobs": [job_shown(j) for j in jobs]}, ACCEPTED)


def verify(services: Services, call: Call) -> Reply:
    """Compare an index with a rebuild from its log; answers at once with the jobs."""
    body = _body(call, ("partition", "deep"))
    state = exact(services.indices, call.path["index"])
    jobs = operations_of(services).verify(state.name, partition=_whole(body, "partition"), deep=_flag(body, "deep"))
    return Reply({"index": state.name, "jobs": [job_shown(j) for j in jobs]}, ACCEPTED)


def jobs(services: Services, call: Call) -> Reply:
    """Running and recent replays and verifications of an index, newest first."""
    state = exact(services.indices, call.path["index"])
    found = operations_of(services).jobs(state.name)
    return Reply({"index": state.name, "jobs": [job_shown(j) for j in found]})


def history(services: Services, call: Call) -> Reply:
    """The events that made a document, as far as the log reaches, oldest first."""
    state = exact(services.indices, call.path["index"])
    events = operations_of(services).history(state.name, call.path["id"], routing=call.parameters.get("routing"))
    shown = [event_shown(e) for e in events]
    return Reply({"index": state.name, "id": call.path["id"], "events": shown})


def redrive(services: Services, call: Call) -> Reply:
    """Send the dead letters that a query finds again, in the order of their offsets."""
    body = _body(call, ("query", "dry_run"))
    state = exact(services.indices, call.path["index"])
    dry_run = _flag(body, "dry_run")
    operations = operations_of(services)
    for searcher in services.topology.partitions(state.name):
        searcher.refresh()
    letters = list(_dead_letters(services, Target(state, dead=True), body.get("query"), call.text("q")))
    done = operations.redrive(state.name, letters, dry_run=dry_run) if letters else []
    counts: dict[str, int] = {}
    for one in done:
        counts[one.result or "found"] = counts.get(one.result or "found", 0) + 1
    return Reply(
        {
            "index": state.name,
            "dry_run": dry_run,
            "total": len(done),
            "results": counts,
            "redriven": [redriven_shown(one) for one in done],
        }
    )


def _dead_letters(services: Services, target: Target, query: Any, words: str) -> Iterator[str]:
    """Ids of all dead letters that a query (else words in the query language of the URL, else nothing) finds, page by page."""
    after: list[Any] | None = None
    parameters = {"q": words} if words else {}
    while True:
        body: dict[str, Any] = {"sort": _ORDER, "size": PAGE, "_source": False, "track_total_hits": False}
        if query is not None:
            body["query"] = query
        if after is not None:
            body["search_after"] = after
        request = parse_search(body, now_ms=services.clock_ms(), parameters=parameters, result_window_max=PAGE)
        answer = ask(services, Question([target], request, {"allow_partial_search_results": "false"}))
        yield from (one.hit.id for one in answer.hits)
        if len(answer.hits) < PAGE:
            return
        after = list(answer.hits[-1].row.sort)


_INDEX: Final = "/_sediment/indices/{index}"
ROUTES: Sequence[Route] = (
    route("POST", f"{_INDEX}/_replay", replay, where=Where.WRITE),
    route("POST", f"{_INDEX}/_verify", verify, where=Where.WRITE),
    route("GET", f"{_INDEX}/_jobs", jobs),
    route("GET", f"{_INDEX}/_history/{{id}}", history, {"routing"}),
    route("POST", f"{_INDEX}/_redrive", redrive, {"q"}, where=Where.WRITE),
)
