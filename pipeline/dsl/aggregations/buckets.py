"""The parameters of the aggregations that make buckets of a field's values."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.values import (
    Read,
    is_array,
    parsing,
    read_object,
    shown,
    to_bool,
    to_duration_ms,
    to_float,
    to_int,
    to_object,
    to_scalar,
    to_text,
    token,
)
from schemas.aggregations import (
    Aggregation,
    DateHistogramAggregation,
    HistogramAggregation,
    RangeAggregation,
    RangeBucket,
    RareTermsAggregation,
    TermsAggregation,
)
from schemas.errors import illegal_argument
from schemas.limits import BUCKETS_MAX, CLAUSES_MAX

RARE_DOCUMENTS_MAX: Final = 100
Order = tuple[tuple[str, bool], ...]
_KEYS: Final = {"_term": "_key", "_time": "_key"}
_CALENDAR: Final = {
    alias: unit
    for unit, aliases in {
        "second": ("second", "1s"),
        "minute": ("minute", "1m"),
        "hour": ("hour", "1h"),
        "day": ("day", "1d"),
        "week": ("week", "1w"),
        "month": ("month", "1M"),
        "quarter": ("quarter", "1q"),
        "year": ("year", "1y"),
    }.items()
    for alias in aliases
}
_OFFSET: Final = re.compile(r"([+-]?)(.*)", re.DOTALL)


def _field(read: Mapping[str, Any]) -> str:
    if not read.get("field"):
        raise illegal_argument("Required one of fields [field, script], but none were specified. ")
    field: str = read["field"]
    return field


def _order(name: str, value: Any) -> Order:
    """(key, ascending) pairs; the key is the last tie breaker unless it is there already."""
    keys: list[tuple[str, bool]] = []
    for one in value if is_array(value) else [value]:
        if not isinstance(one, Mapping):
            raise parsing(f"Unexpected token [{token(one)}] for [order]")
        if len(one) != 1:
            raise parsing(
                "Must specify at least one field for [order]"
                if not one
                else "Only one field may be given in an object of [order]: use an array"
            )
        for key, direction in one.items():
            if not isinstance(direction, str):
                raise parsing(f"Unexpected token [{token(direction)}] for [order]")
            if direction.lower() not in {"asc", "desc"}:
                raise parsing(f"Unknown order direction [{shown(direction)}]")
            keys.append((_KEYS.get(str(key), str(key)), direction.lower() == "asc"))
    if not keys:
        raise parsing("Must specify at least one field for [order]")
    if len(keys) > CLAUSES_MAX:
        raise parsing(f"[order] has [{len(keys)}] keys, at most [{CLAUSES_MAX}] are allowed")
    if not any(key == "_key" for key, _ in keys):
        keys.append(("_key", True))
    return tuple(keys)


def _at_least(smallest: int, shown_name: str, aggregation: str) -> Read:
    """A reader of whole numbers that are not smaller."""
    words = "greater than 0" if smallest else "greater than or equal to 0"

    def read(name: str, value: Any) -> int:
        number = to_int(name, value)
        if number < smallest:
            raise illegal_argument(f"[{shown_name}] must be {words}. Found [{number}] in [{aggregation}]")
        return number

    return read


def _values(name: str, value: Any) -> Any:
    """``include`` and ``exclude``: a regular expression or exact values."""
    if isinstance(value, Mapping) and "pattern" in value:
        value = value["pattern"]
    if isinstance(value, Mapping):
        return _partition(name, value)
    if is_array(value):
        return tuple(to_scalar(name, one) for one in value)
    text = to_text(name, value)
    if len(text) > 1000:
        raise illegal_argument(
            f"The length of regex [{len(text)}] used in the [{name}] has exceeded the allowed maximum of [1000]. "
            "This maximum can be set by changing the [index.max_regex_length] index level setting."
        )
    return text


def _partition(name: str, value: Mapping[str, Any]) -> dict[str, int]:
    """One of several parts of the values, by hash."""
    read = read_object(name, value, {"partition": to_int, "num_partitions": to_int})
    if name != "include" or len(read) < 2:
        raise illegal_argument(
            f"Missing [partition] or [num_partitions] parameter for partition-based [{name}]"
            if name == "include"
            else "partitions can only be included"
        )
    if not 0 <= read["partition"] < read["num_partitions"]:
        raise illegal_argument(f"[partition] must be in [0, {read['num_partitions']}) but was [{read['partition']}]")
    return read


TERMS_KEPT: Final = (
    "size", "shard_size", "min_doc_count", "order", "missing", "include", "exclude", "format", "value_type",
)  # fmt: skip


def terms_readers(name: str) -> Mapping[str, Read]:
    """The parameters of ``terms``."""
    return {
        "field": to_text,
        "size": _at_least(1, "size", name),
        "shard_size": _at_least(1, "shardSize", name),
        "min_doc_count": _at_least(0, "minDocCount", name),
        "shard_min_doc_count": _at_least(0, "shardMinDocCount", name),
        "order": _order,
        "missing": to_scalar,
        "include": _values,
        "exclude": _values,
        "format": to_text,
        "value_type": to_text,
        "execution_hint": to_text,
        "collect_mode": to_text,
        "show_term_doc_count_error": to_bool,
    }


def parse_terms(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``terms``."""
    read = read_object("terms", parameters, terms_readers(name))
    field = _field(read)
    return TermsAggregation(field=field, **{k: read[k] for k in TERMS_KEPT if k in read}, **common)


def parse_rare_terms(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``rare_terms``; ``precision`` says nothing here: counts are exact."""
    wanted = ("field", "missing", "include", "exclude", "format", "value_type")
    readers = {k: v for k, v in terms_readers(name).items() if k in wanted}
    read = read_object("rare_terms", parameters, {**readers, "max_doc_count": to_int, "precision": to_float})
    field, most = _field(read), read.get("max_doc_count", 1)
    if not 1 <= most <= RARE_DOCUMENTS_MAX:
        raise illegal_argument(f"[max_doc_count] must be in (0,{RARE_DOCUMENTS_MAX}]. Found [{most}] in [{name}]")
    return RareTermsAggregation(
        field=field, max_doc_count=most, **{k: read[k] for k in wanted[1:] if k in read}, **common
    )


def _bounds(name: str, value: Any) -> tuple[Any, Any]:
    read = read_object("bounds", to_object(name, value), {"min": to_scalar, "max": to_scalar})
    return read.get("min"), read.get("max")


def _number_bounds(name: str, value: Any) -> tuple[float | None, float | None]:
    low, high = (None if one is None else to_float(name, one) for one in _bounds(name, value))
    return low, high


def _check_bounds(name: str, kind: str, bounds: Mapping[str, Any]) -> None:
    extended = bounds.get("extended_bounds")
    hard = bounds.get("hard_bounds")
    for what, pair in (("extended_bounds", extended), ("hard_bounds", hard)):
        if pair and all(isinstance(x, int | float) for x in pair) and pair[0] > pair[1]:
            raise illegal_argument(
                f"[{what}.min][{pair[0]}] cannot be greater than [{what}.max][{pair[1]}] "
                f"for {kind} aggregation [{name}]"
            )


def parse_histogram(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``histogram``."""
    readers: Mapping[str, Read] = {
        "field": to_text,
        "interval": to_float,
        "offset": to_float,
        "min_doc_count": _at_least(0, "minDocCount", name),
        "missing": to_float,
        "order": _order,
        "extended_bounds": _number_bounds,
        "hard_bounds": _number_bounds,
        "keyed": to_bool,
        "format": to_text,
        "value_type": to_text,
    }
    read = read_object("histogram", parameters, readers)
    field = _field(read)
    interval = read.get("interval", 0.0)
    if interval <= 0:
        raise illegal_argument(f"[interval] must be >0 for histogram aggregation [{name}]")
    _check_bounds(name, "histogram", read)
    extended = read.get("extended_bounds")
    if extended is not None and None in extended:
        raise illegal_argument(f"[extended_bounds] needs both [min] and [max] for histogram aggregation [{name}]")
    kept = ("min_doc_count", "missing", "order", "extended_bounds", "hard_bounds", "keyed", "format")
    return HistogramAggregation(
        field=field,
        interval=interval,
        shift=read.get("offset", 0.0),
        **{k: read[k] for k in kept if k in read},
        **common,
    )


def calendar_interval(name: str, value: Any) -> str:
    """A calendar unit by its name or ``1x``."""
    text = to_text(name, value)
    if text not in _CALENDAR:
        raise illegal_argument(f"The supplied interval [{shown(text)}] could not be parsed as a calendar interval.")
    return _CALENDAR[text]


def fixed_interval(name: str, value: Any) -> int:
    """A width in ms."""
    text = f"{value}ms" if isinstance(value, int) and not isinstance(value, bool) else value
    ms = to_duration_ms(f"date_histogram.{name.replace('_i', 'I')}", text)
    if ms < 1:
        raise illegal_argument("Zero or negative time interval not supported")
    return int(ms)


def one_interval(name: str, value: Any) -> tuple[str, int]:
    """The older ``interval``: a calendar unit by its name or ``1x``, else a fixed width."""
    text = to_text(name, value)
    if text in _CALENDAR:
        return _CALENDAR[text], 0
    return "", fixed_interval(name, value)


def shift_ms(name: str, value: Any) -> int:
    """``offset``: a duration with a sign, or ms."""
    if isinstance(value, int) and not isinstance(value, bool):
        return to_int(name, value)
    found = _OFFSET.fullmatch(to_text(name, value))
    sign, text = (found[1], found[2]) if found else ("", "")
    ms = to_duration_ms("DateHistogramAggregationBuilder.parseOffset", text)
    return int(-ms if sign == "-" else ms)


def parse_date_histogram(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``date_histogram``. Bounds stay as they are written: their format is the field's."""
    readers: Mapping[str, Read] = {
        "field": to_text,
        "interval": one_interval,
        "calendar_interval": calendar_interval,
        "fixed_interval": fixed_interval,
        "time_zone": to_text,
        "offset": shift_ms,
        "min_doc_count": _at_least(0, "minDocCount", name),
        "missing": to_scalar,
        "order": _order,
        "extended_bounds": _bounds,
        "hard_bounds": _bounds,
        "keyed": to_bool,
        "format": to_text,
        "value_type": to_text,
    }
    read = read_object("date_histogram", parameters, readers)
    field = _field(read)
    given = [k for k in ("interval", "calendar_interval", "fixed_interval") if k in read]
    if not given:
        raise illegal_argument("Invalid interval specified, must be non-null and non-empty")
    if len(given) > 1:
        raise illegal_argument(f"Cannot use [{given[-1]}] with [{given[0]}] configuration option.")
    calendar, fixed = read.get("interval", ("", 0))
    _check_bounds(name, "date_histogram", read)
    extended = read.get("extended_bounds")
    if extended is not None and None in extended:
        raise illegal_argument(f"[extended_bounds] needs both [min] and [max] for date_histogram aggregation [{name}]")
    kept = (
        "time_zone", "min_doc_count", "missing", "order", "extended_bounds", "hard_bounds", "keyed", "format",
    )  # fmt: skip
    return DateHistogramAggregation(
        field=field,
        calendar_interval=read.get("calendar_interval", calendar),
        fixed_interval_ms=read.get("fixed_interval", fixed),
        shift_ms=read.get("offset", 0),
        **{k: read[k] for k in kept if k in read},
        **common,
    )


def _range_buckets(end: Read) -> Read:
    readers: Mapping[str, Read] = {
        "key": to_text,
        "from": end,
        "to": end,
        "from_as_string": to_text,
        "to_as_string": to_text,
        "doc_count": to_float,
    }

    def read(name: str, value: Any) -> tuple[RangeBucket, ...]:
        if not is_array(value):
            raise parsing(f"[range] [{name}] must be an array but found [{token(value)}]")
        if len(value) > BUCKETS_MAX:
            raise illegal_argument(f"[{len(value)}] ranges, at most [{BUCKETS_MAX}] are allowed")
        buckets = [read_object("range", to_object(name, one), readers) for one in value]
        return tuple(
            RangeBucket(
                b.get("key"),
                b.get("from", b.get("from_as_string")),
                b.get("to", b.get("to_as_string")),
            )
            for b in buckets
        )

    return read


def _range(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any], *, date: bool) -> Aggregation:
    readers: dict[str, Read] = {
        "field": to_text,
        "ranges": _range_buckets(to_scalar if date else to_float),
        "missing": to_scalar,
        "keyed": to_bool,
        "format": to_text,
        "value_type": to_text,
    }
    if date:
        readers["time_zone"] = to_text
    kind = "date_range" if date else "range"
    read = read_object(kind, parameters, readers)
    field = _field(read)
    if not read.get("ranges"):
        raise illegal_argument(f"No [ranges] specified for the [{name}] aggregation")
    kept = ("missing", "keyed", "format", "time_zone")
    return RangeAggregation(
        field=field,
        ranges=read["ranges"],
        date=date,
        **{k: read[k] for k in kept if k in read},
        **common,
    )


def parse_range(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``range``."""
    return _range(name, parameters, common, date=False)


def parse_date_range(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``date_range``. Ends stay as they are written: their format is the field's."""
    return _range(name, parameters, common, date=True)
