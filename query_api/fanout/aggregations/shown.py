"""Keys and values of aggregations as Elasticsearch shows them: ``key``, ``key_as_string``, ``value_as_string``."""

import re
from typing import Any, Final

import numpy as np

from pipeline.json_columns.addresses import format_ip
from pipeline.json_columns.dates import format_date
from pipeline.search.aggregations.buckets.rounding import offsets_of
from pipeline.search.aggregations.partials import Shown
from schemas.mapping import DATE_FORMAT_DEFAULT

_PATTERN: Final = re.compile(r"(?P<before>[^#0,.]*)(?P<number>[#0,]*(?:\.[#0]*)?)(?P<after>.*)", re.DOTALL)
# how the offset of UTC is printed, and how another is
_OFFSETS: Final = (("+00:00", "{:+03d}:{:02d}"), ("+0000", "{:+03d}{:02d}"), ("Z", "{:+03d}:{:02d}"))


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


def date_text(ms: int, shown: Shown) -> str:
    """A date in the format and time zone of an aggregation."""
    form = shown.format or DATE_FORMAT_DEFAULT
    offset = int(offsets_of(shown.zone).at(np.array([ms]))[0]) if shown.zone else 0
    if not offset or form.startswith("epoch"):
        return format_date(ms, form)
    text = format_date(ms + offset, form)
    hours, minutes = divmod(abs(offset) // 60_000, 60)
    for utc, other in _OFFSETS:
        if text.endswith(utc) and "'Z'" not in form:
            signed = other.format(hours if offset > 0 else -hours, minutes)
            if hours == 0 and offset < 0:
                signed = "-" + signed[1:]
            return text.removesuffix(utc) + signed
    return text


def as_string(value: float, shown: Shown) -> str | None:
    """What is shown beside a number: None where nothing is."""
    match shown.type:
        case "date":
            return date_text(int(value), shown)
        case "boolean":
            return "true" if value else "false"
        case "long" | "double" | "" if shown.format:
            return decimal_format(value, shown.format)
        case _:
            return None


def bucket_key(key: Any, shown: Shown) -> dict[str, Any]:
    """``key`` and ``key_as_string`` of a bucket of ``terms``."""
    match shown.type:
        case "ip":
            return {"key": format_ip(key)}
        case "double":
            key = float(key)
        case _ if isinstance(key, bytes):
            return {"key": key.decode(errors="surrogatepass")}
        case _:
            key = float(key) if isinstance(key, float | np.floating) else int(key)
    return number_key(key, shown)


def number_key(key: float, shown: Shown) -> dict[str, Any]:
    """``key`` and, where there is a format, ``key_as_string``."""
    text = as_string(key, shown)
    return {"key": key} if text is None else {"key": key, "key_as_string": text}
