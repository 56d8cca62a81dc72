"""Routes that search: _search, _count, _msearch, validate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.dsl.parse import parse_count, parse_search
from pipeline.telemetry import names
from query_api.elastic.reading import render
from query_api.elastic.reading.hit_fields import check_fields
from query_api.elastic.reading.sort_values import with_search_after
from query_api.elastic.reading.source import SOURCE_PARAMETERS
from query_api.elastic.wire import errors
from query_api.elastic.wire.blocks import Level, check_block
from query_api.elastic.wire.call import Call, Reply, parse_json, token_of
from query_api.elastic.wire.names import OPTIONS, SEARCHED, Options, Target, options_of, resolve, searchers_of
from query_api.elastic.wire.router import Body, Route, route
from query_api.fanout.ports import PartitionSearcher
from query_api.fanout.scatter import AllFailedError, Answer, Scatter, Searched
from query_api.fanout.services import Services
from schemas.errors import ErrorKind, SedimentError, illegal_argument, invalid
from schemas.limits import RESULT_WINDOW_MAX
from schemas.query import SearchRequest, SourceFilter
from schemas.routing import partition_of

NAMES_TRACED = 200  # characters of the indices' names in a span
_REASONS = {ErrorKind.TIMEOUT: "timeout", ErrorKind.UNAVAILABLE: "unreachable"}
_AT_LEAST = (
    ("batched_reduce_size", "batchedReduceSize", 2),
    ("pre_filter_shard_size", "preFilterShardSize", 1),
    ("max_concurrent_shard_requests", "maxConcurrentShardRequests", 1),
)
_MSEARCH_MAX = 1_000  # searches in one _msearch


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched, where, and how the answer is written."""

    targets: Sequence[Target]
    request: SearchRequest
    parameters: Mapping[str, str]


def _window(targets: Sequence[Target]) -> int:
    limits = [t.state.setting("max_result_window", "") for t in targets]
    return min((int(text) if text.isdigit() else RESULT_WINDOW_MAX for text in limits), default=RESULT_WINDOW_MAX)


def ask(services: Services, question: Question) -> Answer:
    """Run one search over all its partitions."""
    request, parameters = with_search_after(question.request, question.targets), question.parameters
    check_fields(request, question.targets)
    if request.stored_fields:
        request = replace(request, source=SourceFilter())  # what the mapping stores is read from the source
    indices = [Searched(t.name, asked(services, t, parameters.get("routing")), t.filter()) for t in question.targets]
    limit_ms = services.settings.limits.search_timeout_ms
    deadline_ms = limit_ms if request.timeout_ms is None else min(limit_ms, request.timeout_ms)
    started = services.monotonic()
    scatter = Scatter(
        services.pools.partitions,
        services.monotonic,
        started + deadline_ms / 1000,
        typed_keys=parameters.get("typed_keys", "false") != "false",
        metrics=services.metrics,
        tracer=services.tracer,
    )
    named = ",".join(one.name for one in indices)[:NAMES_TRACED]
    partitions = sum(len(one.searchers) for one in indices)
    outcome = "failed"
    try:
        with services.tracer.span(names.SPAN_SEARCH, index=named, partitions=partitions):
            answer = scatter.search(indices, request)
        outcome = "timed_out" if answer.timed_out else "partial" if answer.failures else "whole"
    finally:
        _measure(services, indices, scatter, outcome, started)
    if answer.failures and parameters.get("allow_partial_search_results") == "false":
        raise AllFailedError(answer.failures, "query")
    return answer


def _measure(services: Services, indices: Sequence[Searched], scatter: Scatter, outcome: str, started: float) -> None:
    metrics = services.metrics
    for one in indices:
        metrics.add(names.SEARCH_REQUESTS, index=one.name, outcome=outcome)
        metrics.observe(names.SEARCH_SECONDS, services.monotonic() - started, index=one.name)
    for failure in scatter.failures:
        reason = _REASONS.get(failure.error.kind, "error")
        metrics.add(names.PARTITION_FAILURES, index=failure.index, reason=reason)


def asked(services: Services, target: Target, given: str | None) -> Sequence[PartitionSearcher]:
    """The partitions that a search with such a routing asks."""
    searchers, routing = searchers_of(services.topology, target), target.routing(given)
    if routing is None or (not routing and not target.via) or target.dead or not searchers:
        return searchers
    wanted = {partition_of(one.encode("utf-8", "replace"), len(searchers)) for one in routing.split(",")}
    return [s for i, s in enumerate(searchers) if i in wanted]


def _targets(services: Services, call: Call) -> list[Target]:
    return targets_of(services, call.path.get("index", "_all"), options_of(call, SEARCHED))


def targets_of(services: Services, expression: str, options: Options) -> list[Target]:
    """The indices that may be searched. Raises ``cluster_block`` for one that may not."""
    targets = resolve(services.indices, expression, options)
    for target in targets:
        check_block(target.state, Level.READ)
    return targets


def _answer(services: Services, question: Question, started: float) -> dict[str, Any]:
    answer = ask(services, question)
    took = int((services.monotonic() - started) * 1000)
    return render.search_answer(answer, question.request, question.targets, took=took, parameters=question.parameters)


def search(services: Services, call: Call) -> Reply:
    """Search, sort, aggregate, highlight."""
    started = services.monotonic()
    body = call.json()
    targets = _targets(services, call)
    _check_search_parameters(call)
    request = parse_search(
        body,
        now_ms=services.clock_ms(),
        parameters=_without_timeout(call),
        result_window_max=_window(targets),
    )
    return Reply(_answer(services, Question(targets, request, call.parameters), started))


def _without_timeout(call: Call) -> Mapping[str, str]:
    """An empty ``timeout`` means none; names that only this side reads are harmless."""
    return {k: v for k, v in call.parameters.items() if not (k == "timeout" and not v)}


def _check_search_parameters(call: Call) -> None:
    for name in ("rest_total_hits_as_int", "typed_keys", "allow_partial_search_results", "ccs_minimize_roundtrips"):
        call.flag(name)
    for name in ("size", "from", "terminate_after"):
        call.integer(name)
    kind = call.text("search_type", "query_then_fetch")
    if kind not in {"query_then_fetch", "dfs_query_then_fetch"}:
        raise illegal_argument(f"No search type for [{kind}]")
    if "scroll" in call.parameters:
        raise illegal_argument("[scroll] is not supported: page with [search_after]")
    for name, shown, low in _AT_LEAST:
        value = call.integer(name)
        if value is not None and value < low:
            raise illegal_argument(f"{shown} must be >= {low}")


def count(services: Services, call: Call) -> Reply:
    """How many documents match."""
    body = call.json()
    targets = _targets(services, call)
    request = parse_count(body, now_ms=services.clock_ms(), parameters=call.parameters)
    answer = ask(services, Question(targets, request, call.parameters))
    return Reply({"count": answer.total, "_shards": render.shards(answer)})


_HEADER_FIELDS = frozenset({
    "index", "indices", "search_type", "preference", "routing", "allow_partial_search_results", "ignore_unavailable",
    "allow_no_indices", "expand_wildcards", "ignore_throttled", "request_cache", "ccs_minimize_roundtrips", "cancel_after_time_interval",
})  # fmt: skip


def msearch(services: Services, call: Call) -> Reply:
    """Several searches in one request; one answer each."""
    started = services.monotonic()
    pairs = _pairs(call.body)
    responses = [_one(services, call, header, body) for header, body in pairs]
    took = int((services.monotonic() - started) * 1000)
    return Reply({"took": took, "responses": responses})


def _pairs(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    if not data.strip():
        raise invalid("parse", "request body or source parameter is required")
    if not data.endswith(b"\n"):
        raise illegal_argument("The msearch request must be terminated by a newline [\\n]")
    lines = data.split(b"\n")[:-1]
    pairs: list[tuple[dict[str, Any], bytes]] = []
    for at in range(0, len(lines), 2):
        if at + 1 >= len(lines):
            raise invalid(
                "action_request_validation",
                "Validation Failed: 1: no requests added;" if not pairs else "the last search has no body",
            )
        header = parse_json(lines[at]) if lines[at].strip() else {}
        if not isinstance(header, dict):
            raise illegal_argument(f"Malformed search header, expected START_OBJECT but found [{token_of(header)}]")
        for name in header:
            if name not in _HEADER_FIELDS:
                raise illegal_argument(f"key [{name}] is not supported in the metadata section")
        pairs.append((header, lines[at + 1]))
    if len(pairs) > _MSEARCH_MAX:
        raise illegal_argument(f"too many searches in one request: at most {_MSEARCH_MAX}")
    return pairs


def _one(services: Services, call: Call, header: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    started = services.monotonic()
    try:
        index = header.get("index", header.get("indices"))
        expression = (
            ",".join(map(str, index)) if isinstance(index, list) else str(index or call.path.get("index", "_all"))
        )
        targets = targets_of(services, expression, _header_options(header))
        parameters = {**call.parameters, **{k: str(header[k]) for k in ("routing",) if header.get(k)}}
        request = parse_search(
            parse_json(body) if body.strip() else None,
            now_ms=services.clock_ms(),
            parameters={},
            result_window_max=_window(targets),
        )
        return {**_answer(services, Question(targets, request, parameters), started), "status": 200}
    except SedimentError as error:
        status, value = errors.render(error)
        return {"error": value["error"], "status": status}


def _header_options(header: Mapping[str, Any]) -> Options:
    texts = {k: ",".join(map(str, v)) if isinstance(v, list) else str(v).lower() for k, v in header.items()}
    return options_of(Call("GET", "", "", texts, {}), SEARCHED)


def validate(services: Services, call: Call) -> Reply:
    """Whether a query can be parsed."""
    targets = _targets(services, call)
    total = {"total": 1, "successful": 1, "failed": 0}
    try:
        parse_count(call.json(), now_ms=services.clock_ms(), parameters=call.parameters)
    except SedimentError as error:
        failed: dict[str, Any] = {"_shards": total, "valid": False}
        if call.flag("explain"):
            failed["error"] = f"{errors.type_of(error.code)}: {error.message}"
        return Reply(failed)
    valid: dict[str, Any] = {"_shards": total, "valid": True}
    if call.flag("explain"):
        valid["explanations"] = [{"index": t.name, "valid": True} for t in targets]
    return Reply(valid)


_QUERY = OPTIONS | {
    "q", "df", "analyzer", "analyze_wildcard", "default_operator", "lenient", "routing", "preference", "min_score", "terminate_after",
}  # fmt: skip
_SEARCH = _QUERY | SOURCE_PARAMETERS | {
    "from", "size", "sort", "explain", "version", "seq_no_primary_term", "stored_fields", "docvalue_fields", "track_scores",
    "track_total_hits", "rest_total_hits_as_int", "typed_keys", "search_type", "request_cache", "batched_reduce_size", "scroll",
    "allow_partial_search_results", "ccs_minimize_roundtrips", "max_concurrent_shard_requests", "pre_filter_shard_size", "_sediment",
    "cancel_after_time_interval", "include_named_queries_score", "phase_took", "search_pipeline", "verbose_pipeline",
}  # fmt: skip
_MSEARCH = {
    "search_type", "max_concurrent_searches", "typed_keys", "pre_filter_shard_size", "rest_total_hits_as_int", "routing",
    "max_concurrent_shard_requests", "ccs_minimize_roundtrips", "cancel_after_time_interval",
}  # fmt: skip
ROUTES: Sequence[Route] = (
    route("GET POST", "/_search", search, _SEARCH),
    route("GET POST", "/{index}/_search", search, _SEARCH),
    route("GET POST", "/_count", count, _QUERY),
    route("GET POST", "/{index}/_count", count, _QUERY),
    route("GET POST", "/_msearch", msearch, _MSEARCH, body=Body.LINES),
    route("GET POST", "/{index}/_msearch", msearch, _MSEARCH, body=Body.LINES),
    route("GET POST", "/_validate/query", validate, _QUERY | {"explain", "rewrite", "all_shards"}),
    route("GET POST", "/{index}/_validate/query", validate, _QUERY | {"explain", "rewrite", "all_shards"}),
)
