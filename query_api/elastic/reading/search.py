"""Routes that search: _search, _count, _msearch, validate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pipeline.dsl.parse import parse_count, parse_search
from query_api.elastic.reading import point_in_time, render, scroll
from query_api.elastic.reading.asking import Question, ask, targets_of
from query_api.elastic.reading.keeping import parse_slice
from query_api.elastic.reading.source import SOURCE_PARAMETERS
from query_api.elastic.wire import errors
from query_api.elastic.wire.call import Call, Reply, check_duplicates, parse_json, token_of
from query_api.elastic.wire.names import OPTIONS, SEARCHED, Options, Target, options_of, resolve
from query_api.elastic.wire.router import Body, Route, Where, route
from query_api.fanout.scatter import Answer
from query_api.fanout.services import Services
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.limits import RESULT_WINDOW_MAX
from schemas.query import SearchRequest

_AT_LEAST = (
    ("batched_reduce_size", "batchedReduceSize", 2),
    ("pre_filter_shard_size", "preFilterShardSize", 1),
    ("max_concurrent_shard_requests", "maxConcurrentShardRequests", 1),
)
_MSEARCH_MAX = 1_000  # searches in one _msearch
PLAIN_BYTES_MAX = 4_096
PLAIN_REQUESTS_MAX = 1_024


def _window(targets: Sequence[Target]) -> int:
    limits = [t.state.setting("max_result_window", "") for t in targets]
    return min((int(text) if text.isdigit() else RESULT_WINDOW_MAX for text in limits), default=RESULT_WINDOW_MAX)


def _targets(services: Services, call: Call) -> list[Target]:
    return targets_of(services, call.path.get("index", "_all"), options_of(call, SEARCHED))


def _answer(services: Services, question: Question, started: float) -> dict[str, Any]:
    return _shown(services, question, ask(services, question), started)


def _shown(services: Services, question: Question, answer: Answer, started: float) -> dict[str, Any]:
    took = int((services.monotonic() - started) * 1000)
    return render.search_answer(answer, question.request, question.targets, took=took, parameters=question.parameters)


def search(services: Services, call: Call) -> Reply:
    """Search, sort, aggregate, highlight."""
    started = services.monotonic()
    body = call.json()
    kept, cut = _taken_out(body)
    context = None if kept is None else point_in_time.named(services, call, kept)
    if context is not None:
        point_in_time.tell_ties_apart(context, body)
    targets = _targets(services, call) if context is None else context.content.targets
    plain = context is None and cut is None and kept is None and is_plain(call)
    request = (
        plain_request(call, _window(targets)) if plain else _request(call, body, services.clock_ms(), _window(targets))
    )
    _check_boosted(services, call, request)
    question = Question(targets, request, call.parameters)
    sliced = parse_slice(cut, targets)
    if context is not None:
        answer = point_in_time.search(services, context, question, sliced)
        return Reply({"pit_id": context.id, **_shown(services, question, answer, started)})
    if call.text("scroll"):
        return Reply(scroll.begin(services, call, question, sliced, started))
    if cut is not None:
        raise illegal_argument("[slice] can only be used with [scroll] or [point-in-time] requests")
    return Reply(_answer(services, question, started))


def _check_boosted(services: Services, call: Call, request: SearchRequest) -> None:
    """Raises ``index_not_found`` where a boost is for what there is not."""
    for name, _ in request.indices_boost:
        resolve(services.indices, name, replace(options_of(call, SEARCHED), forbid_closed=False))


def _request(call: Call, body: Any, now_ms: int, window: int) -> SearchRequest:
    _check_search_parameters(call)
    if body:
        check_duplicates(call.body)
    return parse_search(body, now_ms=now_ms, parameters=_without_timeout(call), result_window_max=window)


def is_plain(call: Call) -> bool:
    """Whether the same bytes always mean the same request: small ones that do not speak of the clock (nor hide it in escapes)."""
    body = call.body
    if len(body) > PLAIN_BYTES_MAX or b"now" in body or b"\\" in body:
        return False
    return not any("now" in value for value in call.parameters.values())


def plain_request(call: Call, window: int) -> SearchRequest:
    """The request, parsed once: what follows from its query tree is kept by the tree's identity, and so stays warm."""
    return _remembered(call.body, tuple(sorted(call.parameters.items())), window)


@lru_cache(maxsize=PLAIN_REQUESTS_MAX)
def _remembered(body: bytes, parameters: tuple[tuple[str, str], ...], window: int) -> SearchRequest:
    call = Call("", "", "", dict(parameters), {}, body)
    return _request(call, call.json(), 0, window)


def _taken_out(body: Any) -> tuple[Any, Any]:
    """``pit`` and ``slice`` of a body, which say where to search, not for what."""
    return (body.pop("pit", None), body.pop("slice", None)) if isinstance(body, dict) else (None, None)


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
    for name, shown, low in _AT_LEAST:
        value = call.integer(name)
        if value is not None and value < low:
            raise illegal_argument(f"{shown} must be >= {low}")


def count(services: Services, call: Call) -> Reply:
    """How many documents match."""
    body = call.json()
    if body:
        check_duplicates(call.body)
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
        value = parse_json(body) if body.strip() else None
        if value:
            check_duplicates(body)
        request = parse_search(
            value,
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
            failed["error"] = f"{errors.type_of(error.code)}[{error.message}]"
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
    route("GET POST", "/_search", search, _SEARCH, where=Where.QUICK),
    route("GET POST", "/{index}/_search", search, _SEARCH, where=Where.QUICK),
    route("GET POST", "/_count", count, _QUERY, where=Where.QUICK),
    route("GET POST", "/{index}/_count", count, _QUERY, where=Where.QUICK),
    route("GET POST", "/_msearch", msearch, _MSEARCH, body=Body.LINES),
    route("GET POST", "/{index}/_msearch", msearch, _MSEARCH, body=Body.LINES),
    route("GET POST", "/_validate/query", validate, _QUERY | {"explain", "rewrite", "all_shards"}),
    route("GET POST", "/{index}/_validate/query", validate, _QUERY | {"explain", "rewrite", "all_shards"}),
)
