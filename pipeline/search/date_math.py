"""Date math: ``now-1d/d``, ``2020-01-01||+1M``, and dates that leave something out, as range bounds understand them.

A bound is rounded *up* where that keeps its meaning: ``lte: 2020-01`` reaches to the last millisecond of January, ``gt: 2020-01``
begins after it; ``gte`` and ``lt`` take the first millisecond. The same holds for ``/d`` (Elasticsearch, "Range query: date math").
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from pipeline.json_columns.dates import parse_date, utc_offset
from schemas.errors import SedimentError, invalid

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STEP: Final = re.compile(r"([+-])(\d*)([A-Za-z])|/(\d*)([A-Za-z])")
# A date in ISO 8601 that names no zone: the request's time_zone applies to it.
_WITHOUT_ZONE: Final = re.compile(r"^\d{4}(-\d{1,2}(-\d{1,2}([T ]\d{1,2}(:\d{1,2}){0,2}([.,]\d+)?)?)?)?$")
_DURATION: Final = {
    "w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "H": timedelta(hours=1),
    "m": timedelta(minutes=1), "s": timedelta(seconds=1),
}  # fmt: skip


class DateContext(Struct, frozen=True):
    """How dates are read: the field (for messages), its formats, the zone of dates that name none, the clock."""

    field: str
    format: str
    now_ms: int
    zone: tzinfo = UTC


def zone_of(name: str) -> tzinfo:
    """A time zone by its name (``Europe/Berlin``) or offset (``+01:00``); "" is UTC. Raises ``illegal_argument``."""
    return UTC if name in {"", "Z", "UTC", "GMT"} else utc_offset(name)


def resolve(value: object, context: DateContext, *, round_up: bool) -> int:
    """The instant in ms since 1970 that a bound or a value means. Raises ``parse``."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if text.startswith("now"):
        return _calculate(context.now_ms, text[3:], context.zone, round_up=round_up)
    anchor, separator, steps = text.partition("||")
    if separator:
        instant = _read(anchor, context, round_up=False)
        return _calculate(instant, steps, context.zone, round_up=round_up)
    return _read(text, context, round_up=round_up)


def _read(text: str, context: DateContext, *, round_up: bool) -> int:
    """A date without math, in the zone of the request where it names none."""
    try:
        instant = parse_date(text, context.format, round_up=round_up)
    except SedimentError as error:
        message = f"failed to parse date field [{text}] with format [{context.format}]"
        raise invalid("parse", message, field=context.field) from error
    if context.zone is UTC or not _WITHOUT_ZONE.match(text) or str(instant) == text:
        return instant
    return _to_ms(_from_ms(instant, UTC).replace(tzinfo=context.zone))


def _calculate(instant: int, steps: str, zone: tzinfo, *, round_up: bool) -> int:
    moment = _from_ms(instant, zone)
    position = 0
    while position < len(steps):
        step = _STEP.match(steps, position)
        if step is None:
            raise _bad(steps, position)
        position = step.end()
        if step[1]:
            count = int(step[2] or 1) * (-1 if step[1] == "-" else 1)
            moment = _checked(steps, step[3], _add, moment, step[3], count)
            continue
        if step[4] not in ("", "1"):
            raise invalid("parse", f"rounding `/` can only be used on single unit types [{steps}]")
        moment = _checked(steps, step[5], _floor, moment, step[5])
        if round_up:
            moment = _add(moment, step[5], 1) - timedelta(milliseconds=1)
    return _to_ms(moment)


def _bad(steps: str, position: int) -> SedimentError:
    if steps[position] in "+-/":
        return invalid("parse", f"truncated date math [{steps}]")
    return invalid("parse", f"operator not supported for date math [{steps}]")


def _checked(steps: str, unit: str, change: Callable[..., datetime], *args: object) -> datetime:
    if unit not in "yMwdhHms":
        raise invalid("parse", f"unit [{unit}] not supported for date math [{steps}]")
    try:
        return change(*args)
    except (OverflowError, ValueError) as error:
        raise invalid("parse", f"date math leaves the years 1 to 9999 [{steps}]") from error


def _add(moment: datetime, unit: str, count: int) -> datetime:
    """Calendar units move the wall clock, units of time the instant."""
    if unit in "yM":
        months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
        first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
        return first.replace(day=min(moment.day, _days_in_month(first)))
    delta = count * _DURATION[unit]
    if unit in "wd":
        return moment + delta
    return (moment.astimezone(UTC) + delta).astimezone(moment.tzinfo)


def _days_in_month(first: datetime) -> int:
    later = first.replace(day=28) + timedelta(days=4)
    return (later - timedelta(days=later.day)).day


def _floor(moment: datetime, unit: str) -> datetime:
    if unit in "smhH":
        second = moment.second if unit == "s" else 0
        minute = moment.minute if unit in "sm" else 0
        return moment.replace(minute=minute, second=second, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=day.weekday())
    if unit == "d":
        return day
    return day.replace(day=1) if unit == "M" else day.replace(day=1, month=1)


def _from_ms(instant: int, zone: tzinfo) -> datetime:
    try:
        return (EPOCH + timedelta(milliseconds=instant)).astimezone(zone)
    except OverflowError as error:
        raise invalid("parse", f"date math needs a year from 1 to 9999, not [{instant}]") from error


def _to_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
