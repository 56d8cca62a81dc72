"""Keys and values of aggregations as Elasticsearch shows them: ``key``, ``key_as_string``, ``value_as_string``."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.json_columns.addresses import format_ip
from pipeline.json_columns.date_texts import format_dates
from pipeline.search.aggregations.buckets.keys import values_of
from pipeline.search.aggregations.buckets.rounding import offsets_of
from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.partials import Buckets, Keys, Shown
from schemas.aggregations import CompositeAggregation
from schemas.mapping import DATE_FORMAT_DEFAULT

LONG_MIN, LONG_MAX = -(1 << 63), (1 << 63) - 1
REMEMBERED_DATES_MAX: Final = 1024  # of one aggregation
I64 = NDArray[np.int64]
_PATTERN: Final = re.compile(r"(?P<before>[^#0,.]*)(?P<number>[#0,]*(?:\.[#0]*)?)(?P<after>.*)", re.DOTALL)


def java_double(value: float) -> str:
    """``Double.toString``: 50.0, 1.0E10."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    digits, _, exponent = np.format_float_scientific(value, unique=True, trim="0").partition("e")
    return f"{digits}E{int(exponent)}"


def decimal_format(value: float, pattern: str) -> str:
    """Java's DecimalFormat, as far as people use it: ``0.00``, ``#,##0.##``, ``$0``, ``0.0%``."""
    found = _PATTERN.fullmatch(pattern)
    if found is None or not found["number"]:
        return java_double(value)
    whole, _, fraction = found["number"].partition(".")
    if found["after"].startswith("%"):
        value *= 100
    text = f"{abs(value):.{len(fraction)}f}"
    left, _, right = text.partition(".")
    least = fraction.count("0")
    right = right[:least] + right[least:].rstrip("0")
    needed = whole.replace(",", "").count("0")
    left = left.lstrip("0").rjust(needed, "0")
    if "," in whole:
        size = len(whole) - whole.rindex(",") - 1
        left = _in_groups(left, size) if size else left
    sign = "-" if value < 0 and any(c not in "0." for c in text) else ""
    return f"{sign}{found['before']}{left}{'.' if right else ''}{right}{found['after']}"


def _in_groups(digits: str, size: int) -> str:
    head = len(digits) % size
    groups = [digits[i : i + size] for i in range(head, len(digits), size)]
    return ",".join(([digits[:head]] if head else []) + groups)


def date_texts(ms: I64, shown: Shown) -> Sequence[str]:
    """Dates in the format and time zone of an aggregation; the intervals of a dashboard come again and again, so they are remembered."""
    form = shown.format or DATE_FORMAT_DEFAULT
    if len(ms) <= REMEMBERED_DATES_MAX:
        return _remembered_texts(ms.astype(np.int64, copy=False).tobytes(), form, shown.zone)
    return _formatted(ms, form, shown.zone)


def _formatted(ms: I64, form: str, zone: str) -> list[str]:
    return format_dates(ms, form, offsets_of(zone).at(ms) if zone else None)


@lru_cache(maxsize=64)
def _remembered_texts(ms: bytes, form: str, zone: str) -> tuple[str, ...]:
    return tuple(_formatted(np.frombuffer(ms, np.int64), form, zone))


def date_text(ms: int, shown: Shown) -> str:
    """One date likewise."""
    return date_texts(np.array([ms]), shown)[0]


def as_string(value: float, shown: Shown) -> str | None:
    """What is shown beside a number: None where nothing is."""
    match shown.type:
        case "date":
            return date_text(int(min(max(value, LONG_MIN), LONG_MAX)), shown)
        case "boolean":
            return "true" if value else "false"
        case "long" | "double" | "" if shown.format:
            return decimal_format(value, shown.format)
        case _:
            return None


def texts_of(values: Sequence[float], shown: Shown) -> list[str]:
    """What is shown beside each of several numbers; nothing where nothing is."""
    if shown.type == "date":
        return list(date_texts(np.array([int(min(max(value, LONG_MIN), LONG_MAX)) for value in values]), shown))
    return [text for text in (as_string(value, shown) for value in values) if text is not None]


def keys_shown(keys: Keys, places: I64, shown: Shown, counts: I64) -> list[dict[str, Any]]:
    """Buckets with the keys at these places: ``key``, where there is one ``key_as_string``, ``doc_count``."""
    if shown.type == "compound":
        return _compounds_shown(keys, places, shown, counts)
    if not isinstance(keys, Names):
        chosen = keys[places]
        return numbers_shown(chosen.astype(np.float64) if shown.type == "double" else chosen, shown, counts)
    names = keys.texts(places)
    texts = map(format_ip, names) if shown.type == "ip" else [name.decode(errors="surrogatepass") for name in names]
    return [{"key": text, "doc_count": count} for text, count in zip(texts, counts.tolist(), strict=True)]


def numbers_shown(keys: NDArray[Any], shown: Shown, counts: I64) -> list[dict[str, Any]]:
    """Buckets with these keys."""
    if shown.type == "date":
        texts = date_texts(keys.astype(np.int64), shown)
    elif shown.format or shown.type == "boolean":
        texts = [as_string(key, shown) or "" for key in keys.tolist()]
    else:
        return [{"key": key, "doc_count": count} for key, count in zip(keys.tolist(), counts.tolist(), strict=True)]
    return [
        {"key_as_string": text, "key": key, "doc_count": count}
        for text, key, count in zip(texts, keys.tolist(), counts.tolist(), strict=True)
    ]


def _compounds_shown(keys: Keys, places: I64, shown: Shown, counts: I64) -> list[dict[str, Any]]:
    """Buckets of ``multi_terms``: keys as arrays, and joined by bars."""
    buckets: list[dict[str, Any]] = []
    for key, count in zip(_compounds(keys, places, shown), counts.tolist(), strict=True):
        parts = [_part_shown(value, part, part.format) for value, part in zip(key, shown.parts, strict=True)]
        text = "|".join({True: "true", False: "false"}[p] if isinstance(p, bool) else _plain(p) for p in parts)
        buckets.append({"key": parts, "key_as_string": text, "doc_count": count})
    return buckets


def _plain(value: Any) -> str:
    return java_double(value) if isinstance(value, float) else str(value)


def _compounds(keys: Keys, places: I64, shown: Shown) -> list[list[Any]]:
    if not isinstance(keys, Names):  # there are none
        return []
    return [values_of(name, shown.parts) for name in keys.texts(places)]


def composite_keys(agg: CompositeAggregation, partial: Buckets, places: I64) -> list[list[Any]]:
    """The keys of ``composite``, a list of values each: dates as numbers where the request gives no format."""
    formats = [source.format for source in agg.sources]
    return [
        [_part_shown(v, part, form) for v, part, form in zip(key, partial.shown.parts, formats, strict=True)]
        for key in _compounds(partial.keys, places, partial.shown)
    ]


def _part_shown(value: Any, part: Shown, form: str) -> Any:
    """A part of a compound key."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return format_ip(value) if part.type == "ip" else value.decode(errors="surrogatepass")
    if part.type == "boolean":
        return bool(value)
    return as_string(value, part) if form else value
