"""The parameters of the aggregations that compute something of a field's values."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.values import (
    Read,
    is_array,
    parsing,
    read_object,
    to_bool,
    to_float,
    to_int,
    to_object,
    to_scalar,
    to_text,
    token,
)
from schemas.aggregations import Aggregation, Cardinality, ExtendedStats, Metric, Quantiles, WeightedAverage
from schemas.errors import illegal_argument
from schemas.limits import CLAUSES_MAX

PLAIN: Final = ("avg", "max", "min", "stats", "sum", "value_count")
PERCENTS: Final = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
PRECISION_THRESHOLD_MAX: Final = 40_000
COMPRESSION_MAX: Final = 1_000.0
_FIELD: Final[Mapping[str, Read]] = {"field": to_text, "missing": to_scalar, "format": to_text, "value_type": to_text}


def _read(kind: str, parameters: Mapping[str, Any], others: Mapping[str, Read]) -> dict[str, Any]:
    """The parameters of a metric of one field, ``value_type`` left out."""
    read = read_object(kind, parameters, {**_FIELD, **others})
    if not read.get("field"):
        raise illegal_argument("Required one of fields [field, script], but none were specified. ")
    read.pop("value_type", None)
    return read


def parse_metric(kind: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """avg, max, min, stats, sum, value_count."""
    return Metric(kind=kind, **_read(kind, parameters, {}), **common)


def parse_extended_stats(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``extended_stats``."""
    read = _read("extended_stats", parameters, {"sigma": to_float})
    if read.get("sigma", 0.0) < 0:
        raise illegal_argument(f"[sigma] must be greater than or equal to 0. Found [{read['sigma']}] in [{name}]")
    return ExtendedStats(**read, **common)


def parse_cardinality(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``cardinality``."""
    read = _read(
        "cardinality", parameters, {"precision_threshold": to_int, "execution_hint": to_text, "rehash": to_bool}
    )
    read.pop("execution_hint", None)
    read.pop("rehash", None)
    threshold = read.get("precision_threshold", 0)
    if threshold < 0:
        raise illegal_argument(
            f"[precisionThreshold] must be greater than or equal to 0. Found [{threshold}] in [{name}]"
        )
    if threshold:
        read["precision_threshold"] = min(threshold, PRECISION_THRESHOLD_MAX)
    return Cardinality(**read, **common)


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    if not is_array(value):
        raise parsing(f"[{name}] must be an array of numbers but found [{token(value)}]")
    if len(value) > CLAUSES_MAX:
        raise illegal_argument(f"[{name}] has [{len(value)}] numbers, at most [{CLAUSES_MAX}] are allowed")
    return tuple(sorted({to_float(name, one) for one in value}))


def _compression(name: str, value: Any) -> float:
    number = to_float(name, value)
    if number < 0:
        raise illegal_argument(f"[compression] must be greater than or equal to 0. Found [{number}]")
    return min(number, COMPRESSION_MAX)


def _tdigest(name: str, value: Any) -> float:
    read = read_object("tdigest", to_object(name, value), {"compression": _compression})
    compression: float = read.get("compression", 100.0)
    return compression


def _digits(name: str, value: Any) -> int:
    given = to_object(name, value).get("number_of_significant_value_digits", 3)
    if given is None:
        raise parsing("[hdr] number_of_significant_value_digits doesn't support values of type: VALUE_NULL")
    read = read_object(name, value, {"number_of_significant_value_digits": to_int})
    digits: int = read.get("number_of_significant_value_digits", 3)
    if not 0 <= digits <= 5:
        raise illegal_argument("[numberOfSignificantValueDigits] must be between 0 and 5")
    return digits


def _quantiles(kind: str, points: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    if points in parameters and parameters[points] is None:
        raise parsing(f"[{kind}] {points} doesn't support values of type: VALUE_NULL")
    readers = {points: _numbers, "keyed": to_bool, "tdigest": _tdigest, "hdr": _digits}
    read = _read(kind, parameters, readers)
    if "tdigest" in read and "hdr" in read:
        raise illegal_argument("Only one percentiles method should be declared.")
    if not read.get(points, PERCENTS):
        raise illegal_argument(f"[{points}] must not be empty")
    found = {"kind": kind, "field": read["field"]}
    renamed = {points: "points", "tdigest": "compression", "hdr": "digits"}
    return found | {renamed.get(name, name): value for name, value in read.items()}


def parse_percentiles(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``percentiles``."""
    found = {"points": PERCENTS, **_quantiles("percentiles", "percents", parameters)}
    for percent in found["points"]:
        if not 0 <= percent <= 100:
            raise illegal_argument(f"percent must be in [0,100], got [{percent}]: [{name}]")
    return Quantiles(**found, **common)


def parse_percentile_ranks(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``percentile_ranks``."""
    found = _quantiles("percentile_ranks", "values", parameters)
    if "points" not in found:
        raise illegal_argument(f"[values] must not be null: [{name}]")
    return Quantiles(**found, **common)


def parse_median_absolute_deviation(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``median_absolute_deviation``."""
    kind = "median_absolute_deviation"
    read = _read(kind, parameters, {"compression": to_float})
    if read.get("compression", 1.0) <= 0:
        raise illegal_argument(f"[compression] must be greater than 0. Found [{read['compression']}] in [{name}]")
    return Quantiles(kind=kind, **{"compression": 1000.0, **read}, **common)


def parse_weighted_avg(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``weighted_avg``."""
    readers: Mapping[str, Read] = {"value": _operand, "weight": _operand, "format": to_text, "value_type": to_text}
    read = read_object("weighted_avg", parameters, readers)
    for part in ("value", "weight"):
        if part not in read:
            raise illegal_argument(f"[{part}] must not be null: [{name}]")
    value, weight = read["value"], read["weight"]
    return WeightedAverage(
        field=value["field"],
        missing=value.get("missing"),
        weight=weight["field"],
        weight_missing=weight.get("missing"),
        format=read.get("format", ""),
        **common,
    )


def _operand(name: str, value: Any) -> dict[str, Any]:
    return _read(name, to_object(name, value), {})
