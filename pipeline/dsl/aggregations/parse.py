"""``aggs``: named aggregations, nested in each other, with every parameter checked."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.dsl.aggregations.buckets import (
    parse_date_histogram,
    parse_date_range,
    parse_histogram,
    parse_range,
    parse_terms,
)
from pipeline.dsl.compounds import parse_query
from pipeline.dsl.values import (
    Read,
    is_array,
    parsing,
    read_object,
    shown,
    suggestion,
    to_scalar,
    to_text,
    token,
    unknown_field,
)
from schemas.aggregations import (
    Aggregation,
    FilterAggregation,
    FiltersAggregation,
    GlobalAggregation,
    Metric,
    MissingAggregation,
)
from schemas.errors import illegal_argument
from schemas.limits import AGGREGATION_DEPTH_MAX, CLAUSES_MAX

# (name of the aggregation, its parameters, children and meta as arguments) -> the aggregation
AggregationParser = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Aggregation]
METRICS: Final = ("avg", "max", "min", "stats", "sum", "value_count")
UNSUPPORTED: Final = frozenset({
    "adjacency_matrix", "auto_date_histogram", "avg_bucket", "bucket_script", "bucket_selector", "bucket_sort", "cardinality",
    "children", "composite", "cumulative_sum", "derivative", "diversified_sampler", "extended_stats", "extended_stats_bucket",
    "geo_bounds", "geo_centroid", "geo_distance", "geohash_grid", "geotile_grid", "ip_range", "matrix_stats", "max_bucket",
    "median_absolute_deviation", "min_bucket", "moving_avg", "moving_fn", "multi_terms", "nested", "parent", "percentile_ranks",
    "percentiles", "percentiles_bucket", "rare_terms", "reverse_nested", "sampler", "scripted_metric", "serial_diff",
    "significant_terms", "significant_text", "stats_bucket", "sum_bucket", "top_hits", "variable_width_histogram", "weighted_avg",
})  # fmt: skip
_OTHER_KEY: Final = "_other_"


def parse_aggregations(body: Any) -> dict[str, Aggregation]:
    """The aggregations of an ``aggs`` object by name. Raises ``parsing``, ``illegal_argument`` …"""
    return _several(body, 0)


def _several(body: Any, depth: int) -> dict[str, Aggregation]:
    if not isinstance(body, Mapping):
        raise parsing(
            f"Unexpected token {token(body)} in [aggs]: aggregations definitions must start with "
            "the name of the aggregation."
        )
    if depth >= AGGREGATION_DEPTH_MAX:
        raise illegal_argument(f"aggregations are nested more than [{AGGREGATION_DEPTH_MAX}] deep")
    if len(body) > CLAUSES_MAX:
        raise illegal_argument(f"[{len(body)}] aggregations side by side, at most [{CLAUSES_MAX}] are allowed")
    return {name: _one(name, given, depth) for name, given in body.items()}


def _one(name: str, body: Any, depth: int) -> Aggregation:
    if not name or any(c in name for c in "[]>"):
        raise parsing(
            f"Invalid aggregation name [{shown(name)}]. Aggregation names can contain any character "
            "except '[', ']', and '>'"
        )
    if not isinstance(body, Mapping):
        raise parsing(f"Aggregation definition for [{name} starts with a [{token(body)}], expected a [START_OBJECT].")
    kind, parameters = "", {}
    children: dict[str, Aggregation] | None = None
    meta: Mapping[str, Any] | None = None
    for key, value in body.items():
        if not isinstance(value, Mapping):
            raise parsing(f"Expected [START_OBJECT] under [{shown(key)}], but got a [{token(value)}] in [{name}]")
        if key == "meta":
            meta = value
        elif key in {"aggs", "aggregations"}:
            if children is not None:
                raise parsing(f"Found two sub aggregation definitions under [{name}]")
            children = _several(value, depth + 1)
        elif kind:
            raise parsing(f"Found two aggregation type definitions in [{name}]: [{kind}] and [{shown(key)}]")
        else:
            kind, parameters = key, dict(value)
    if not kind:
        raise parsing(f"Missing definition for aggregation [{name}]")
    return _build(name, kind, parameters, children or {}, meta, depth)


def _build(
    name: str,
    kind: str,
    parameters: Mapping[str, Any],
    children: Mapping[str, Aggregation],
    meta: Mapping[str, Any] | None,
    depth: int,
) -> Aggregation:
    if kind in UNSUPPORTED:
        raise parsing(f"[{kind}] aggregation is not supported: use one of [{', '.join(sorted(PARSERS))}]")
    if kind not in PARSERS:
        raise parsing(f"Unknown aggregation type [{shown(kind)}]{suggestion(kind, PARSERS)}")
    if kind in METRICS and children:
        raise illegal_argument(f"Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations")
    if kind == "global" and depth:
        raise illegal_argument(
            f"Aggregator [{name}] of type [global] cannot be used as a sub-aggregation: put it on the top level"
        )
    return PARSERS[kind](name, parameters, {"children": children, "meta": meta})


def _metric(kind: str) -> AggregationParser:
    readers: Mapping[str, Read] = {
        "field": to_text,
        "missing": to_scalar,
        "format": to_text,
        "value_type": to_text,
    }

    def parse(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
        read = read_object(kind, parameters, readers)
        if not read.get("field"):
            raise illegal_argument("Required one of fields [field, script], but none were specified. ")
        return Metric(
            kind=kind,
            field=read["field"],
            missing=read.get("missing"),
            format=read.get("format", ""),
            **common,
        )

    return parse


def _filter(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    return FilterAggregation(query=parse_query(parameters), **common)


def _filters(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    queries: list[tuple[str | None, Any]] | None = None
    other: str | None = None
    for key, value in parameters.items():
        if key == "filters" and isinstance(value, Mapping):
            queries = [(k, parse_query(value[k])) for k in sorted(value)]  # as shown: by key
        elif key == "filters" and is_array(value):
            queries = [(None, parse_query(one)) for one in value]
        elif key == "other_bucket" and isinstance(value, bool):
            other = (other or _OTHER_KEY) if value else None
        elif key == "other_bucket_key" and isinstance(value, str):
            other = value
        elif key in {"filters", "other_bucket", "other_bucket_key"}:
            raise parsing(f"Unknown key for a {token(value)} in [{name}]: [{key}].")
        else:
            unknown_field("filters", key, ("filters", "other_bucket", "other_bucket_key"))
    if not queries:
        raise illegal_argument("[filters] cannot be empty.")
    if len(queries) > CLAUSES_MAX:
        raise illegal_argument(
            f"Number of filters is too large, must be less than or equal to: [{CLAUSES_MAX}] but was [{len(queries)}]."
        )
    return FiltersAggregation(queries=queries, other_bucket_key=other, **common)


def _global(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    read_object("global", parameters, {})
    return GlobalAggregation(**common)


def _missing(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    readers = {"field": to_text, "missing": to_scalar, "value_type": to_text}
    read = read_object("missing", parameters, readers)
    if not read.get("field"):
        raise illegal_argument("Required one of fields [field, script], but none were specified. ")
    return MissingAggregation(field=read["field"], missing=read.get("missing"), **common)


PARSERS: Final[Mapping[str, AggregationParser]] = {
    "date_histogram": parse_date_histogram,
    "date_range": parse_date_range,
    "filter": _filter,
    "filters": _filters,
    "global": _global,
    "histogram": parse_histogram,
    "missing": _missing,
    "range": parse_range,
    "terms": parse_terms,
    **{kind: _metric(kind) for kind in METRICS},
}
