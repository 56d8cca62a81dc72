"""Rounding of dates against datetime and zoneinfo."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.search.aggregations.buckets.rounding import Rounding, offsets_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe")
INSTANTS = st.integers(-2_100_000_000_000, 4_000_000_000_000)


@given(st.lists(INSTANTS, min_size=1, max_size=5), st.sampled_from(ZONES))
def test_offsets(instants: list[int], zone: str) -> None:
    """The table gives zoneinfo's offsets."""
    got = offsets_of(zone).at(np.array(instants, np.int64)).tolist()
    for instant, offset in zip(instants, got, strict=True):
        moment = (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone) if zone else UTC)
        assert moment.utcoffset() == timedelta(milliseconds=offset)


@pytest.mark.parametrize(
    ("zone", "unit", "instant", "expected"),
    [
        # clocks go forward at midnight: the day begins at one o'clock
        ("America/Sao_Paulo", "day", "2018-11-04T12:00-02:00", "2018-11-04T01:00-02:00"),
        ("Europe/Berlin", "day", "2024-03-31T23:30+02:00", "2024-03-31T00:00+01:00"),
        # the hour that occurs twice is two buckets
        ("Europe/Berlin", "hour", "2024-10-27T02:30+02:00", "2024-10-27T02:00+02:00"),
        ("Europe/Berlin", "hour", "2024-10-27T02:30+01:00", "2024-10-27T02:00+01:00"),
        ("Asia/Kolkata", "hour", "2024-01-01T10:45+05:30", "2024-01-01T10:00+05:30"),
        ("Europe/Berlin", "month", "2024-04-01T00:30+02:00", "2024-04-01T00:00+02:00"),
        ("", "week", "2024-05-05T23:59+00:00", "2024-04-29T00:00+00:00"),
        ("", "quarter", "1969-12-31T23:59+00:00", "1969-10-01T00:00+00:00"),
        ("+01:00", "year", "2023-12-31T23:30+00:00", "2024-01-01T00:00+01:00"),
    ],
)
def test_floor(zone: str, unit: str, instant: str, expected: str) -> None:
    """Calendar units begin where the wall clock says."""
    ms = [int(datetime.fromisoformat(x).timestamp() * 1000) for x in (instant, expected)]
    assert Rounding(unit, 0, zone).floor(np.array(ms[:1])).tolist() == ms[1:]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    INSTANTS,
    st.integers(0, 400),
)
def test_steps_are_what_days_round_to(zone: str, unit: str, first: int, days: int) -> None:
    """The intervals between two are those that some instant between them rounds to."""
    rounding = Rounding(unit, 0, zone)
    hours = first + np.arange(0, days * 24 + 1) * 3_600_000
    floors = np.unique(rounding.floor(hours))
    assert rounding.steps(int(floors[0]), int(floors[-1])).tolist() == floors.tolist()
