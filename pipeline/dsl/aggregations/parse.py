"""``aggs``: named aggregations, nested in each other, with every parameter checked."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pipeline.dsl.aggregations.buckets import (
    parse_date_histogram,
    parse_date_range,
    parse_histogram,
    parse_range,
    parse_rare_terms,
    parse_terms,
)
from pipeline.dsl.aggregations.compounds import parse_composite, parse_multi_terms
from pipeline.dsl.aggregations.metrics import (
    PLAIN,
    parse_cardinality,
    parse_extended_stats,
    parse_median_absolute_deviation,
    parse_metric,
    parse_percentile_ranks,
    parse_percentiles,
    parse_weighted_avg,
)
from pipeline.dsl.aggregations.pipelines import (
    OF_HISTOGRAMS,
    SCRIPTED,
    SIBLINGS,
    check_places,
    parse_bucket_sort,
    parse_pipeline,
    refuse_script,
)
from pipeline.dsl.aggregations.top_hits import parse_top_hits
from pipeline.dsl.compounds import parse_query
from pipeline.dsl.values import (
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
UNSUPPORTED: Final = frozenset({
    "adjacency_matrix", "auto_date_histogram", "children", "diversified_sampler", "geo_bounds", "geo_centroid", "geo_distance",
    "geohash_grid", "geotile_grid", "ip_range", "matrix_stats", "moving_avg", "nested", "parent", "reverse_nested", "sampler",
    "significant_terms", "significant_text", "variable_width_histogram",
})  # fmt: skip
_OTHER_KEY: Final = "_other_"


def parse_aggregations(body: Any) -> dict[str, Aggregation]:
    """The aggregations of an ``aggs`` object by name. Raises ``parsing``, ``illegal_argument`` …"""
    found = _several(body, 0)
    check_places(found)
    return found


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
        raise parsing(
            f"[{kind}] aggregation is not supported: use one of [{', '.join(sorted(PARSERS.keys() - {*SCRIPTED}))}]"
        )
    if kind not in PARSERS:
        raise parsing(f"Unknown aggregation type [{shown(kind)}]{suggestion(kind, PARSERS)}")
    if kind == "global" and depth:
        raise illegal_argument(
            f"Aggregator [{name}] of type [global] cannot be used as a sub-aggregation: put it on the top level"
        )
    found = PARSERS[kind](name, parameters, {"children": children, "meta": meta})
    if isinstance(found, Metric) and children:
        raise illegal_argument(f"Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations")
    return found


def _plain(kind: str, name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    return parse_metric(kind, parameters, common)


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
    "cardinality": parse_cardinality,
    "extended_stats": parse_extended_stats,
    "median_absolute_deviation": parse_median_absolute_deviation,
    "percentile_ranks": parse_percentile_ranks,
    "percentiles": parse_percentiles,
    "weighted_avg": parse_weighted_avg,
    "bucket_sort": parse_bucket_sort,
    "composite": parse_composite,
    "multi_terms": parse_multi_terms,
    "rare_terms": parse_rare_terms,
    "top_hits": parse_top_hits,
    **{kind: partial(parse_pipeline, kind) for kind in (*SIBLINGS, *OF_HISTOGRAMS)},
    **{kind: partial(refuse_script, kind) for kind in SCRIPTED},
    **{kind: partial(_plain, kind) for kind in PLAIN},
}
