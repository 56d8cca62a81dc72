"""Dates rounded down to intervals: fixed widths and calendar units, in any time zone, on whole columns.

A zone is a sorted table of instants at which its offset changes. An instant is rounded as wall-clock time
and brought back: a wall-clock time that occurs twice is its earlier instant, one that a change skips is the
instant of that change (both as java.time does). Units up to hours keep the offset of the instant
itself, so that the two passes through a repeated hour stay two buckets.

The table covers 1900 to 2100; outside of it the nearest offset holds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.date_math import zone_of
from schemas.errors import SedimentError, unavailable
from schemas.limits import BUCKETS_MAX

I64 = NDArray[np.int64]
DAY_MS: Final = 86_400_000
_FIXED_MS: Final = {"second": 1000, "minute": 60_000, "hour": 3_600_000}
_DAYS_MIN: Final = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS: Final = -70 * 365 * DAY_MS
_LAST_MS: Final = 130 * 365 * DAY_MS
_STEP_MS: Final = 5 * DAY_MS


@dataclass(frozen=True, slots=True)
class Offsets:
    """offsets[i] (ms) holds from changes[i - 1] until changes[i]."""

    changes: I64
    offsets: I64

    def at(self, instants: I64) -> I64:
        """The offset of each instant."""
        found: I64 = self.offsets[np.searchsorted(self.changes, instants, side="right")]
        return found

    def to_utc(self, local: I64) -> I64:
        """The instant of each wall-clock time."""
        before = self.at(local - DAY_MS)
        after = self.at(local + DAY_MS)
        early, late = local - before, local - after
        skipped = self.at(early) != before
        change = (
            self.changes[np.minimum(np.searchsorted(self.changes, early, side="right"), len(self.changes)) - 1]
            if len(self.changes)
            else early
        )
        found: I64 = np.where(~skipped, early, np.where(self.at(late) == after, late, change))
        return found


def _offset_ms(zone: tzinfo, instant: int) -> int:
    moment = (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone)
    return (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)


@lru_cache(maxsize=64)
def offsets_of(name: str) -> Offsets:
    """The table of a zone's name; it samples the zone every few days and bisects where the offset changed."""
    zone = zone_of(name)
    last = _offset_ms(zone, _FIRST_MS)
    if getattr(zone, "key", None) is None:
        return Offsets(np.zeros(0, np.int64), np.array([last], np.int64))
    changes: list[int] = []
    offsets = [last]
    for begin in range(_FIRST_MS, _LAST_MS, _STEP_MS):
        low, high = begin, begin + _STEP_MS
        if _offset_ms(zone, high) == last:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if _offset_ms(zone, middle) == last:
                low = middle
            else:
                high = middle
        last = _offset_ms(zone, high)
        changes.append(high)
        offsets.append(last)
    return Offsets(np.array(changes, np.int64), np.array(offsets, np.int64))


@dataclass(frozen=True, slots=True)
class Rounding:
    """``unit`` of the calendar, or "" and a width in ms. ``shift_ms`` moves where intervals begin."""

    unit: str = ""
    width_ms: int = 0
    zone: str = ""
    shift_ms: int = 0

    def floor(self, instants: I64) -> I64:
        """The beginning of the interval of each instant, ms."""
        if not self.shift_ms:
            return self._floor(instants)
        return self._floor(instants - self.shift_ms) + self.shift_ms

    def _floor(self, instants: I64) -> I64:
        if not self.zone:
            return self._floor_local(instants)
        table = offsets_of(self.zone)
        offsets = table.at(instants)
        floored = self._floor_local(instants + offsets)
        width = self.width_ms or _FIXED_MS.get(self.unit, 0)
        if width and width < DAY_MS:
            return floored - offsets
        return table.to_utc(floored)

    def _floor_local(self, local: I64) -> I64:
        width = self.width_ms or _FIXED_MS.get(self.unit, 0)
        return local - local % width if width else _floor_calendar(local, self.unit)

    def edges(self, low: int, high: int, most: int) -> I64 | None:
        """Where every interval from the one of ``low`` to the one of ``high`` begins; None where there would be more than ``most``,
        or where clocks that were put back or forward make an interval of several pieces.
        """
        width = self.width_ms or _FIXED_MS.get(self.unit, 0) or _DAYS_MIN[self.unit] * DAY_MS
        if high - low >= (min(most, BUCKETS_MAX) - 2) * width:
            return None
        first, last = self.floor(np.array([low, high])).tolist()
        edges = self.steps(first, last)
        changes = offsets_of(self.zone).changes + self.shift_ms if self.zone else edges[:0]
        changes = changes[(changes > low) & (changes <= high)]
        if (self.floor(changes) < self.floor(changes - 1)).any():
            return None
        whole = (self.floor(edges) == edges).all() and (self.floor(edges[1:] - 1) == edges[:-1]).all()
        return edges if whole and len(edges) and edges[0] == first and edges[-1] == last else None

    def steps(self, first: int, last: int) -> I64:
        """Every interval's beginning from ``first`` to ``last`` (both such beginnings). Raises ``too_many_buckets``."""
        table = offsets_of(self.zone)
        low, high = np.array([first - self.shift_ms, last - self.shift_ms])
        width = self.width_ms or _FIXED_MS.get(self.unit, 0)
        if width and (width < DAY_MS or not len(table.changes)):
            check_buckets((high - low) // width + 1)
            steps = np.arange(low, high + 1, width)
            if width < DAY_MS:
                steps = np.unique(self._floor(steps))
        else:
            edges = np.array([low, high])
            local = edges + table.at(edges)
            steps = table.to_utc(_local_steps(int(local[0]), int(local[1]), self.unit, width))
        steps = steps[(steps >= low) & (steps <= high)]
        shifted: I64 = steps + self.shift_ms
        return shifted


def _floor_calendar(local: I64, unit: str) -> I64:
    days = local // DAY_MS
    if unit == "day":
        return days * DAY_MS
    first, last = int(days.min(initial=0)), int(days.max(initial=0))
    if last - first < len(days):  # more documents than days: each day once
        table = _floor_days(np.arange(first, last + 1), unit)
        floored: I64 = table[days - first]
        return floored
    return _floor_days(days, unit)


def _floor_days(days: I64, unit: str) -> I64:
    if unit == "week":  # 1970-01-01 was a Thursday
        return (days - (days + 3) % 7) * DAY_MS
    months = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
    months -= months % _MONTHS[unit]
    return _months_ms(months)


def _months_ms(months: I64) -> I64:
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64) * DAY_MS


def _local_steps(first: int, last: int, unit: str, width: int) -> I64:
    if unit in _MONTHS:
        edges = np.array([first, last]) // DAY_MS
        low, high = edges.astype("M8[D]").astype("M8[M]").astype(np.int64)
        check_buckets((high - low) // _MONTHS[unit] + 1)
        return _months_ms(np.arange(low, high + 1, _MONTHS[unit]))
    width = width or (DAY_MS if unit == "day" else 7 * DAY_MS)
    check_buckets((last - first) // width + 1)
    return np.arange(first, last + 1, width)


def too_many_buckets(found: int) -> SedimentError:
    """Elasticsearch's error when an answer would have more buckets than ``BUCKETS_MAX``."""
    return unavailable(
        "too_many_buckets",
        f"Trying to create too many buckets. Must be less than or equal to: [{BUCKETS_MAX}] but was "
        f"[{found}]. This limit can be set by changing the [search.max_buckets] cluster level "
        "setting.",
        max_buckets=BUCKETS_MAX,
    )


def check_buckets(found: int) -> None:
    """Raise ``too_many_buckets`` where there are more than allowed."""
    if found > BUCKETS_MAX:
        raise too_many_buckets(int(found))
