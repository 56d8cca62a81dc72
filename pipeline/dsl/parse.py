"""The body of ``_search`` and ``_count``, with the URL's parameters laid over it, to a search request.

Bodies come from outside: whatever JSON they are, the answer is a request or a ``SedimentError``.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from pipeline.dsl.aggregations.parse import parse_aggregations
from pipeline.dsl.compounds import parse_query
from pipeline.dsl.query_string import parse_url_query
from pipeline.dsl.sort import check_search_after, parse_search_after, parse_sort, parse_url_sort
from pipeline.dsl.source import (
    is_source_wanted,
    parse_doc_value_fields,
    parse_highlight,
    parse_source,
    parse_stored_fields,
    url_source,
)
from pipeline.dsl.values import (
    parsing,
    shown,
    to_bool,
    to_boost,
    to_duration_ms,
    to_float,
    to_int,
    token,
)
from schemas.errors import illegal_argument
from schemas.limits import RESULT_WINDOW_MAX
from schemas.query import SearchRequest, SourceFilter

_SCALAR: Final = ("VALUE_STRING", "VALUE_NUMBER", "VALUE_BOOLEAN")
_OBJECT: Final = ("START_OBJECT",)
_ARRAY: Final = ("START_ARRAY",)
_ANY: Final = _SCALAR + _OBJECT + _ARRAY
_TEXTS: Final = ("VALUE_STRING", "START_ARRAY")
_LISTED: Final = _ARRAY + _OBJECT
# Elasticsearch has these and they change what is found: they are not passed over in silence.
_UNSUPPORTED: Final = frozenset({
    "collapse", "derived", "rescore", "runtime_mappings", "script_fields", "search_pipeline", "slice", "suggest", "knn",
})  # fmt: skip
# These do not change what is found, or are read elsewhere (``pit``).
_IGNORED: Final = frozenset({"profile", "stats", "pit", "ext", "include_named_queries_score"})


def _not_negative(name: str, value: Any) -> int:
    number = to_int(name, value)
    if number < 0:
        raise illegal_argument(f"[{name}] parameter cannot be negative, found [{number}]")
    return number


def _total_hits(name: str, value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, str) and value in {"true", "false"}):
        return -1 if to_bool(name, value) else 0
    limit = to_int(name, value)
    if limit < -1:
        raise illegal_argument(f"[track_total_hits] parameter must be positive or equals to -1, got {limit}")
    return limit


def _timeout(name: str, value: Any) -> int | None:
    ms = to_duration_ms(name, value)
    return None if ms < 0 else int(ms)


def _terminate_after(name: str, value: Any) -> int:
    number = to_int(name, value)
    if number < 0:
        raise illegal_argument("terminateAfter must be > 0")
    return number


def _query(name: str, value: Any) -> Any:
    return parse_query(value)


def _indices_boost(name: str, value: Any) -> tuple[tuple[str, float], ...]:
    """``[{"a": 2.0}, …]``, or the older ``{"a": 2.0, …}``."""
    if isinstance(value, Mapping):
        return tuple((index, to_boost(name, factor)) for index, factor in value.items())
    for one in value:
        if not isinstance(one, Mapping) or len(one) != 1:
            raise parsing(f"[{name}] must be an array of objects of one index and its factor each")
    return tuple((index, to_boost(name, factor)) for one in value for index, factor in one.items())


def _one(parse: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: parse(value)


# body key -> (field of SearchRequest, tokens it may begin with, reader)
_KEYS: Final[Mapping[str, tuple[str, tuple[str, ...], Callable[[str, Any], Any]]]] = {
    "query": ("query", _OBJECT, _query),
    "post_filter": ("post_filter", _OBJECT, _query),
    "from": ("offset", _SCALAR, _not_negative),
    "size": ("size", _SCALAR, _not_negative),
    "sort": ("sort", _ANY, _one(parse_sort)),
    "search_after": ("search_after", _ARRAY, _one(parse_search_after)),
    "track_scores": ("track_scores", _SCALAR, to_bool),
    "track_total_hits": ("track_total_hits", _SCALAR, _total_hits),
    "min_score": ("min_score", _SCALAR, to_float),
    "aggs": ("aggregations", _OBJECT, _one(parse_aggregations)),
    "aggregations": ("aggregations", _OBJECT, _one(parse_aggregations)),
    "_source": ("source", _ANY, _one(parse_source)),
    "docvalue_fields": ("docvalue_fields", _ARRAY, parse_doc_value_fields),
    "fields": ("fields", _ARRAY, parse_doc_value_fields),
    "stored_fields": ("stored_fields", _TEXTS, _one(parse_stored_fields)),
    "highlight": ("highlight", _OBJECT, _one(parse_highlight)),
    "indices_boost": ("indices_boost", _LISTED, _indices_boost),
    "explain": ("explain", _SCALAR, to_bool),
    "version": ("version", _SCALAR, to_bool),
    "seq_no_primary_term": ("seq_no_primary_term", _SCALAR, to_bool),
    "_sediment": ("provenance", _SCALAR, to_bool),
    "timeout": ("timeout_ms", _SCALAR, _timeout),
    "terminate_after": ("terminate_after", _SCALAR, _terminate_after),
}
# URL parameters that are read as the body's key of the same name.
_URL_KEYS: Final = (
    "from", "size", "track_scores", "track_total_hits", "explain", "version", "seq_no_primary_term", "timeout", "terminate_after",
    "min_score", "_sediment",
)  # fmt: skip


def parse_search(
    body: Any,
    *,
    now_ms: int,
    parameters: Mapping[str, str] | None = None,
    result_window_max: int = RESULT_WINDOW_MAX,
) -> SearchRequest:
    """The request that a ``_search`` body (None: no body) and URL parameters describe.

    ``result_window_max`` is the index's ``max_result_window``. Raises ``SedimentError`` only.
    """
    parameters = parameters or {}
    given = _read_body(body)
    for name in _URL_KEYS:
        if parameters.get(name) not in {None, ""} or (name in parameters and name == "version"):
            target, _, read = _KEYS[name]
            given[target] = read(name, parameters[name] or "true")
    if parameters.get("q"):
        given["query"] = parse_url_query(parameters)
    if parameters.get("sort"):
        given["sort"] = parse_url_sort(parameters["sort"])
    for name in ("docvalue_fields", "stored_fields"):
        if parameters.get(name):
            given[name] = _KEYS[name][2](name, parameters[name].split(","))
    stored = given.get("stored_fields")
    default = SourceFilter(enabled=is_source_wanted(stored))
    given["source"] = url_source(parameters, given.get("source", default))
    request = SearchRequest(**given, now_ms=now_ms)
    _check(request, result_window_max)
    return request


def parse_count(body: Any, *, now_ms: int, parameters: Mapping[str, str] | None = None) -> SearchRequest:
    """The request that counts what a ``_count`` body matches: no hits, an exact total."""
    if body is not None and not isinstance(body, Mapping):
        raise parsing(f"Expected [START_OBJECT] but found [{token(body)}]")
    for name in body or {}:
        if name != "query":
            raise parsing(f"request does not support [{shown(name)}]")
    wanted = {"q", "df", "default_operator", "analyzer", "lenient", "min_score", "terminate_after"}
    kept = {k: v for k, v in (parameters or {}).items() if k in wanted}
    request = parse_search(body, now_ms=now_ms, parameters=kept)
    return replace(request, size=0, track_total_hits=-1)


def _read_body(body: Any) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if body is None:
        return given
    if not isinstance(body, Mapping):
        raise parsing(f"Expected [START_OBJECT] but found [{token(body)}]")
    for name, value in body.items():
        if name in _UNSUPPORTED:
            raise illegal_argument(f"[{name}] is not supported: leave it out")
        if name in _IGNORED:
            continue
        kind = token(value)
        target, tokens, read = _KEYS.get(name, ("", (), to_bool))
        if kind not in tokens:
            raise parsing(f"Unknown key for a {kind} in [{shown(name)}].")
        if target == "aggregations" and target in given:
            raise parsing("Found two aggregation definitions: [aggs] and [aggregations]")
        given[target] = read(name, value)
    return given


def _check(request: SearchRequest, window_max: int) -> None:
    window = request.offset + request.size
    if window > window_max:
        raise illegal_argument(
            f"Result window is too large, from + size must be less than or equal to: [{window_max}] "
            f"but was [{window}]. See the scroll api for a more efficient way to request large data "
            "sets. This limit can be set by changing the [index.max_result_window] index level "
            "setting."
        )
    check_search_after(request.search_after, request.sort, request.offset)


__all__ = ["parse_count", "parse_query", "parse_search"]
