"""Dates as Elasticsearch reads and writes them: by format, in milliseconds since 1970.

Columns go through a kernel; formats with names of months or halves of the day, and values with names of zones, go
through the reader of single values below, which also serves queries (with rounding up) and rendering.
"""

import calendar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np

from pipeline.json_columns.kernels.date_kernels import (
    GOOD,
    OFFSET_SECONDS_MAX,
    UNSURE,
    YEAR_MAX,
    days_of_civil,
    parse_date_column,
    read_offset,
)
from pipeline.json_columns.kernels.date_programs import (
    OFFSET_COLON,
    OFFSET_SHORT,
    Op,
    Step,
    Steps,
    Unit,
    alternatives,
    printed,
    program,
)
from pipeline.json_columns.scanner import readonly
from pipeline.kernels.arrays import BoolArray, I64Array
from schemas.errors import SedimentError, illegal_argument
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

MONTHS = tuple(calendar.month_name)  # English; nothing sets a locale
WEEKDAYS = tuple(calendar.day_name)
ZONE_CHARACTERS_MAX = 64
DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = {Unit.HOUR: 23, Unit.MINUTE: 59, Unit.SECOND: 59, Unit.NANO: 999_999_999}
_ZONE_STARTS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def parse_dates(values: ByteColumn, form: str) -> tuple[I64Array, BoolArray]:
    """Each value in milliseconds, int64[v] (0 where it is no such date), and bool[v]: is it none?

    Raises ``illegal_argument`` for a format that is none.
    """
    out, status = np.zeros(len(values), np.int64), np.ones(len(values), np.uint8)
    compiled = program(form)
    if compiled is None:
        ask = np.arange(len(values))
    else:
        parse_date_column(readonly(values.data), readonly(values.starts), *compiled, out, status)
        ask = np.flatnonzero(status == UNSURE)
    for i in ask:
        status[i] = not GOOD
        try:
            out[i] = parse_date((values[int(i)] or b"").decode(), form)
            status[i] = GOOD
        except SedimentError:
            out[i] = 0
    return out, status != GOOD


def parse_date(text: str, form: str, *, round_up: bool = False) -> int:
    """One date in milliseconds. With ``round_up`` what the text leaves open is the last of its kind (for the upper end of a
    range). Raises ``illegal_argument`` where no alternative of the format takes the text.
    """
    for steps in alternatives(form):
        reader = _Reader(text.encode())
        if reader.run(steps):
            moment = _resolve(reader.fields, reader.zone, round_up=round_up)
            if moment is not None:
                return moment
    raise illegal_argument(f"failed to parse date field [{text}] with format [{form}]")


def format_date(milliseconds: int, form: str, offset: int = 0) -> str:
    """One date in the first alternative of a format, in a zone that is ``offset`` ms from UTC.

    Epoch formats are of UTC, and show fractions of their unit as far as there are any. ``date_texts`` does whole columns.
    """
    steps = printed(form)
    if steps is None:
        return str(milliseconds) if form.startswith("epoch_millis") else epoch_seconds(milliseconds)
    days, of_day = divmod(milliseconds + offset, DAY_MS)
    year, month, day = _civil_of_days(days)
    seconds, millis = divmod(of_day, 1000)
    fields = {
        Unit.YEAR: year, Unit.MONTH: month, Unit.DAY: day, Unit.HOUR: seconds // 3600, Unit.MINUTE: seconds // 60 % 60,
        Unit.SECOND: seconds % 60, Unit.NANO: millis * 1_000_000, Unit.HALF_HOUR: (seconds // 3600 - 1) % 12 + 1,
        Unit.HALF: seconds // 43200, Unit.MONTH_NAME: month, Unit.WEEKDAY_NAME: (days + 3) % 7,
        Unit.DAY_OF_YEAR: days - int(days_of_civil(year, 1, 1)) + 1,
    }  # fmt: skip
    return b"".join(_print(step, fields, offset) for step in steps).decode()


def epoch_seconds(milliseconds: int) -> str:
    """``epoch_second``: with what is left of a second, if anything is."""
    if not milliseconds % 1000:
        return str(milliseconds // 1000)
    whole, rest = divmod(abs(milliseconds), 1000)
    return f"{'-' if milliseconds < 0 else ''}{whole}.{rest:03d}".rstrip("0")


def zone_text(offset: int, step: Step) -> str:
    """An offset from UTC in ms as a step of a format prints it."""
    if not offset:
        return "Z" if step.b else {OFFSET_SHORT: "+00", OFFSET_COLON: "+00:00"}.get(step.a, "+0000")
    hours, minutes = divmod(abs(offset) // 60_000, 60)
    sign = "-" if offset < 0 else "+"
    if step.a == OFFSET_SHORT:
        return f"{sign}{hours:02d}{f'{minutes:02d}' if minutes else ''}"
    return f"{sign}{hours:02d}{':' if step.a == OFFSET_COLON else ''}{minutes:02d}"


def _print(step: Step, fields: dict[Unit, int], offset: int) -> bytes:
    text = ""
    match step.op:
        case Op.LITERAL:
            return bytes([step.a])
        case Op.YEAR:
            year = fields[Unit.YEAR]
            text = f"{'-' if year < 0 else ''}{abs(year):0{step.a}d}"
        case Op.DIGITS:
            value = fields[Unit(step.a)]
            text = f"{value % 100 if step.a == Unit.YEAR else value:0{step.b}d}"
        case Op.FRACTION:
            text = f"{fields[Unit.NANO]:09d}"[: step.a]
        case Op.ZONE:
            text = zone_text(offset, step)
        case Op.NAME:
            text = _print_name(step, fields)
        case _:
            pass
    return text.encode()


def _print_name(step: Step, fields: dict[Unit, int]) -> str:
    value = fields[Unit(step.a)]
    match step.a:
        case Unit.HALF:
            return ("AM", "PM")[value]
        case Unit.MONTH_NAME:
            return MONTHS[value][: 3 if step.b == 3 else None]
        case _:
            return WEEKDAYS[value][: 3 if step.b == 3 else None]


def _civil_of_days(days: int) -> tuple[int, int, int]:
    """Year, month, day of days since 1970 (Hinnant's civil_from_days)."""
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


@dataclass(slots=True)
class _Reader:
    """Reads one text by the steps of one pattern."""

    text: bytes
    at: int = 0
    fields: dict[Unit, int] = field(default_factory=dict)
    zone: ZoneInfo | None = None

    def run(self, steps: Steps) -> bool:
        """Whether the steps take the whole text."""
        opened: list[tuple[int, dict[Unit, int], ZoneInfo | None]] = []
        skip = 0  # optional parts left open since one did not match
        for step in steps:
            if skip:
                skip += (step.op is Op.OPTIONAL) - (step.op is Op.CLOSE)
            elif step.op is Op.OPTIONAL:
                opened.append((self.at, dict(self.fields), self.zone))
            elif step.op is Op.CLOSE:
                opened.pop()
            elif not self._take(step):
                if not opened:
                    return False
                self.at, self.fields, self.zone = opened.pop()
                skip = 1
        return self.at == len(self.text)

    def _take(self, step: Step) -> bool:
        match step.op:
            case Op.LITERAL:
                taken = self._literal(step.a)
            case Op.DIGITS:
                taken = self._digits(Unit(step.a), step.b, step.c, 2000 if step.a == Unit.YEAR else 0)
            case Op.YEAR:
                taken = self._year(step)
            case Op.FRACTION:
                taken = self._fraction(step)
            case Op.ZONE:
                taken = self._offset(step) or (bool(step.c) and self._zone())
            case Op.EPOCH:
                taken = self._epoch(step)
            case _:
                taken = self._name(step)
        return taken

    def _fraction(self, step: Step) -> bool:
        start = self.at
        taken = self._digits(Unit.NANO, step.a, step.b)
        if taken:
            self.fields[Unit.NANO] *= 10 ** (9 - (self.at - start))
        return taken

    def _literal(self, byte: int) -> bool:
        found = self.text[self.at : self.at + 1] == bytes([byte])
        self.at += found
        return found

    def _digits(self, unit: Unit, least: int, most: int, offset: int = 0) -> bool:
        end = self.at
        while end < len(self.text) and end - self.at < most and 48 <= self.text[end] <= 57:
            end += 1
        if end - self.at < least:
            return False
        self.fields[unit] = int(self.text[self.at : end]) + offset
        self.at = end
        return True

    def _year(self, step: Step) -> bool:
        negative = self._literal(45)
        if not self._digits(Unit.YEAR, step.a, step.b):
            return False
        if negative:
            self.fields[Unit.YEAR] *= -1
        return True

    def _offset(self, step: Step) -> bool:
        data = np.frombuffer(self.text + bytes(READABLE_PAD_BYTES), np.uint8)
        end, seconds = read_offset(data, self.at, len(self.text), step.a, step.b)
        if end >= 0:
            self.at, self.fields[Unit.OFFSET] = int(end), int(seconds)
        return bool(end >= 0)

    def _zone(self) -> bool:
        """A zone's id, to the end of the text."""
        name = self.text[self.at : self.at + ZONE_CHARACTERS_MAX + 1].decode(errors="replace")
        if name[:1] not in _ZONE_STARTS or len(name) > ZONE_CHARACTERS_MAX:
            return False
        try:
            self.zone = ZoneInfo(name)
        except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            return False
        self.at = len(self.text)
        return True

    def _epoch(self, step: Step) -> bool:
        text = self.text[self.at :].decode(errors="replace")
        whole, dot, fraction = text.removeprefix("-").partition(".")
        if not (whole.isascii() and whole.isdigit() and len(whole) <= (15 if step.a == 1000 else 18)):
            return False
        if dot and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= step.b):
            return False
        nanos = int(whole) * step.a * 1_000_000 + int(fraction.ljust(9, "0")[:9] or 0) * step.a // 1000
        self.fields[Unit.EPOCH_MS] = (-nanos if text.startswith("-") else nanos) // 1_000_000
        self.at = len(self.text)
        return True

    def _name(self, step: Step) -> bool:
        names = {Unit.MONTH_NAME: MONTHS[1:], Unit.WEEKDAY_NAME: WEEKDAYS}.get(Unit(step.a), ("AM", "PM"))
        for i, name in enumerate(names):
            short = name[:3] if step.b == 3 else name
            if self.text.startswith(short.encode(), self.at):
                self.at += len(short)
                self.fields[Unit(step.a)] = i
                return True
        return False


def _resolve(fields: dict[Unit, int], zone: ZoneInfo | None, *, round_up: bool) -> int | None:
    """Milliseconds of the fields, None where there is no such date."""
    if Unit.EPOCH_MS in fields:
        return fields[Unit.EPOCH_MS]
    hours = _hours(fields)
    if hours is None:
        return None
    day = _day(fields, round_up=round_up)
    if day is None:
        return None
    last = {unit: _LAST[unit] if round_up else 0 for unit in _LAST}
    hour, minute, second, nano = (hours.get(u, last[u]) for u in _LAST)
    if hour > 23 or minute > 59 or second > 59:
        return None
    local = (day * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + nano // 1_000_000
    if zone is None:
        return local - fields.get(Unit.OFFSET, 0) * 1000
    return local - _zone_offset_ms(zone, local)


def _zone_offset_ms(zone: ZoneInfo, local_ms: int) -> int:
    try:
        naive = (EPOCH + timedelta(milliseconds=local_ms)).replace(tzinfo=zone)
    except OverflowError:
        return 0
    offset = naive.utcoffset() or timedelta()
    assert abs(offset) <= timedelta(seconds=OFFSET_SECONDS_MAX * 2)
    return offset // timedelta(milliseconds=1)


def _hours(fields: dict[Unit, int]) -> dict[Unit, int] | None:
    """The fields with an hour of am or pm made an hour of the day."""
    if Unit.HALF_HOUR not in fields:
        return fields
    half_hour = fields[Unit.HALF_HOUR]
    if not 1 <= half_hour <= 12:
        return None
    return {**fields, Unit.HOUR: half_hour % 12 + 12 * fields.get(Unit.HALF, 0)}


def _day(fields: dict[Unit, int], *, round_up: bool) -> int | None:
    """Days since 1970 of the fields, None where there is no such day."""
    year = fields.get(Unit.YEAR, 1970)
    if abs(year) > YEAR_MAX:
        return None
    leap = calendar.isleap(year)
    if Unit.DAY_OF_YEAR in fields:
        of_year = fields[Unit.DAY_OF_YEAR]
        return int(days_of_civil(year, 1, 1)) + of_year - 1 if 1 <= of_year <= 365 + leap else None
    dated = round_up and Unit.YEAR in fields  # "10:00" rounded up stays on the first day of 1970
    month = fields.get(Unit.MONTH, 12 if dated else 1)
    if Unit.MONTH_NAME in fields:
        month = fields[Unit.MONTH_NAME] + 1
    if not 1 <= month <= 12:
        return None
    days = calendar.monthrange(2000 if leap else 1999, month)[1]
    day = fields.get(Unit.DAY, days if dated else 1)
    return int(days_of_civil(year, month, day)) if 1 <= day <= days else None


def utc_offset(text: str) -> timezone | ZoneInfo:
    """A time zone as requests name it: an offset or an id. Raises ``illegal_argument``."""
    reader = _Reader(text.encode())
    if reader.run((Step(Op.ZONE, 0, 1, 1),)):
        return reader.zone or timezone(timedelta(seconds=reader.fields[Unit.OFFSET]))
    raise illegal_argument(f"failed to parse time zone [{text}]")
