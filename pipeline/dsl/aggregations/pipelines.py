"""The parameters of aggregations of aggregations, and whether they stand where they can."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.sort import parse_sort
from pipeline.dsl.values import (
    Read,
    is_array,
    parsing,
    read_object,
    to_bool,
    to_duration_ms,
    to_float,
    to_int,
    to_text,
    token,
)
from schemas.aggregations import (
    Aggregation,
    CompositeAggregation,
    DateHistogramAggregation,
    FilterAggregation,
    GlobalAggregation,
    HistogramAggregation,
    Metric,
    MissingAggregation,
    Pipeline,
    TopHitsAggregation,
)
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.limits import CLAUSES_MAX

SIBLINGS: Final = (
    "avg_bucket", "extended_stats_bucket", "max_bucket", "min_bucket", "percentiles_bucket", "stats_bucket", "sum_bucket",
)  # fmt: skip
OF_HISTOGRAMS: Final = ("cumulative_sum", "derivative", "serial_diff")
SCRIPTED: Final = ("bucket_script", "bucket_selector", "moving_fn", "scripted_metric")
_CALENDAR_MS: Final = {
    "second": 1e3, "1s": 1e3, "minute": 6e4, "1m": 6e4, "hour": 3.6e6, "1h": 3.6e6, "day": 8.64e7, "1d": 8.64e7, "week": 6.048e8,
    "1w": 6.048e8, "month": 2.629746e9, "1M": 2.629746e9, "quarter": 7.889238e9, "1q": 7.889238e9, "year": 3.1556952e10,
    "1y": 3.1556952e10,
}  # fmt: skip
_SINGLE: Final = (FilterAggregation, GlobalAggregation, MissingAggregation)


def _path(name: str, value: Any) -> str:
    """``buckets_path``: a path, an array of one, or an object of one."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if is_array(value):
        if len(value) != 1:
            raise illegal_argument(f"[{name}] must have one path here but has [{len(value)}]")
        value = value[0]
    return to_text(name, value)


def _gap_policy(name: str, value: Any) -> str:
    text = to_text(name, value)
    if text not in {"skip", "insert_zeros", "keep_values"}:
        raise illegal_argument(f"Invalid gap policy: [{text}], accepted values: [insert_zeros, skip]")
    return text


def _positive(shown: str) -> Read:
    def read(name: str, value: Any) -> int:
        number = to_int(name, value)
        if number <= 0:
            raise illegal_argument(f"[{shown}] must be a positive, non-zero integer.")
        return number

    return read


def _not_negative(name: str, value: Any) -> int:
    number = to_int(name, value)
    if number < 0:
        raise illegal_argument(f"[{name}] must be a non-negative integer: [{number}]")
    return number


def _unit(name: str, value: Any) -> float:
    text = to_text(name, value)
    return _CALENDAR_MS[text] if text in _CALENDAR_MS else to_duration_ms(name, text)


def _percents(name: str, value: Any) -> tuple[float, ...]:
    if not is_array(value):
        raise parsing(f"[{name}] must be an array of numbers but found [{token(value)}]")
    if len(value) > CLAUSES_MAX:
        raise illegal_argument(f"[{name}] has [{len(value)}] numbers, at most [{CLAUSES_MAX}] are allowed")
    numbers = tuple(to_float(name, one) for one in value)
    for number in numbers:
        if not 0 <= number <= 100:
            raise illegal_argument(f"percent must be in [0,100], got [{number}]")
    return numbers


_COMMON: Final[Mapping[str, Read]] = {"buckets_path": _path, "gap_policy": _gap_policy, "format": to_text}
_OPTIONS: Final[Mapping[str, Mapping[str, Read]]] = {
    "extended_stats_bucket": {"sigma": to_float},
    "percentiles_bucket": {"percents": _percents, "keyed": to_bool},
    "derivative": {"unit": _unit},
    "serial_diff": {"lag": _positive("lag")},
}


def parse_pipeline(kind: str, name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """Any that has a ``buckets_path``."""
    read = read_object(kind, parameters, {**_COMMON, **_OPTIONS.get(kind, {})})
    path = read.pop("buckets_path", "")
    if not path:
        raise parsing(f"Missing required field [buckets_path] for pipeline aggregation [{name}]")
    if "unit" in read:
        read["unit_ms"] = read.pop("unit")
    return Pipeline(kind=kind, path=path, options=read, **common)


def parse_bucket_sort(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``bucket_sort``."""
    readers: Mapping[str, Read] = {
        "sort": lambda _, value: tuple((key.field, key.descending) for key in parse_sort(value)),
        "from": _not_negative,
        "size": _positive("size"),
        "gap_policy": _gap_policy,
    }
    read = read_object("bucket_sort", parameters, readers)
    if not read.get("sort") and "size" not in read and not read.get("from"):
        raise invalid(
            "action_request_validation",
            f"Validation Failed: 1: [{name}] is configured to perform nothing. Please set either of [sort, size, from] to use "
            "bucket_sort;",
        )
    return Pipeline(kind="bucket_sort", options=read, **common)


def refuse_script(kind: str, name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """Those that are made of a script: there are none here."""
    if kind == "moving_fn" and "window" in parameters:
        _positive("window")("window", parameters["window"])
    raise illegal_argument(
        f"[{kind}] aggregation [{name}] needs a script, and scripts are not supported: use one of "
        f"[{', '.join((*SIBLINGS, *OF_HISTOGRAMS, 'bucket_sort'))}], or compute it from the answer"
    )


def _misplaced(name: str, agg: Pipeline, what: str) -> SedimentError:
    message = f"Validation Failed: 1: {agg.kind} aggregation [{name}] must {what};"
    return invalid("action_request_validation", message)


def check_places(
    aggregations: Mapping[str, Aggregation], above: Aggregation | None = None, *, several: bool = False
) -> None:
    """Raise where an aggregation cannot stand: ``several``: something above makes several buckets."""
    for name, agg in aggregations.items():
        if isinstance(agg, Pipeline):
            _check_pipeline(name, agg, aggregations, above)
            continue
        if isinstance(agg, CompositeAggregation) and several:
            raise illegal_argument(
                f"[composite] aggregation [{name}] cannot be used with a parentAggregation that makes several buckets: put it on the top "
                "level, or in a [filter]"
            )
        check_places(agg.children, agg, several=several or not isinstance(agg, _SINGLE))


def _check_pipeline(name: str, agg: Pipeline, beside: Mapping[str, Aggregation], above: Aggregation | None) -> None:
    if agg.children:
        raise illegal_argument(f"Aggregator [{name}] of type [{agg.kind}] cannot accept sub-aggregations")
    if agg.kind in SIBLINGS:
        first = agg.path.partition(">")[0]
        known = [one for one in beside if first == one or first.startswith((f"{one}.", f"{one}["))]
        if not known:
            raise invalid(
                "action_request_validation",
                f"Validation Failed: 1: buckets_path aggregation does not exist for aggregation [{name}]: {agg.path};",
            )
        target = beside[max(known, key=len)]
        if isinstance(target, (Metric, TopHitsAggregation, Pipeline, *_SINGLE)):
            raise invalid(
                "action_request_validation",
                "Validation Failed: 1: The first aggregation in buckets_path must be a multi-bucket aggregation for "
                f"aggregation [{name}] for buckets path: {agg.path};",
            )
        return
    if agg.kind in OF_HISTOGRAMS:
        if not isinstance(above, HistogramAggregation | DateHistogramAggregation):
            missing = "" if above is not None else " but doesn't have a parent"
            raise _misplaced(name, agg, f"have a histogram, date_histogram or auto_date_histogram as parent{missing}")
    elif above is None:
        raise _misplaced(name, agg, "be declared inside of another aggregation")
