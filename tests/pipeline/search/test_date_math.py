"""Date math: steps, rounding, zones, errors."""

from datetime import UTC, datetime

import pytest

from pipeline.search.date_math import DateContext, resolve, zone_of
from schemas.errors import SedimentError
from schemas.mapping import DATE_FORMAT_DEFAULT

NOW = datetime(2024, 2, 29, 13, 45, 30, 500_000, UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def instant(value: object, *, up: bool = False, zone: str = "", form: str = DATE_FORMAT_DEFAULT) -> str:
    context = DateContext("day", form, NOW_MS, zone_of(zone))
    ms = resolve(value, context, round_up=up)
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}"


@pytest.mark.parametrize(
    ("value", "up", "wanted"),
    [
        ("now", False, "2024-02-29T13:45:30.500"),
        ("now", True, "2024-02-29T13:45:30.500"),
        ("now-1d", False, "2024-02-28T13:45:30.500"),
        ("now/d", False, "2024-02-29T00:00:00.000"),
        ("now/d", True, "2024-02-29T23:59:59.999"),
        ("now-1y/y", False, "2023-01-01T00:00:00.000"),
        ("now-1y", False, "2023-02-28T13:45:30.500"),
        ("now+1M/M", True, "2024-03-31T23:59:59.999"),
        ("now/w", False, "2024-02-26T00:00:00.000"),
        ("now/w", True, "2024-03-03T23:59:59.999"),
        ("now+2h-30m/m", False, "2024-02-29T15:15:00.000"),
        ("now/s", True, "2024-02-29T13:45:30.999"),
        ("2020-01-31||+1M", False, "2020-02-29T00:00:00.000"),
        ("2020-01-01||+1M/d", True, "2020-02-01T23:59:59.999"),
        ("2020-01", False, "2020-01-01T00:00:00.000"),
        ("2020-01", True, "2020-01-31T23:59:59.999"),
        ("2020-01-01T10", True, "2020-01-01T10:59:59.999"),
        (1_700_000_000_000, True, "2023-11-14T22:13:20.000"),
        (1.7e12, False, "2023-11-14T22:13:20.000"),
    ],
)
def test_values(value: object, up: bool, wanted: str) -> None:
    """Steps move, slashes round, what is left out is filled up or down."""
    assert instant(value, up=up) == wanted


def test_zones() -> None:
    """The request's zone applies to dates that name none, and to rounding."""
    assert instant("2020-07-01", zone="Europe/Berlin") == "2020-06-30T22:00:00.000"
    assert instant("2020-07-01", zone="+02:00", up=True) == "2020-07-01T21:59:59.999"
    assert instant("2020-07-01T00:00:00Z", zone="Europe/Berlin") == "2020-07-01T00:00:00.000"
    assert instant("now/d", zone="-05:00") == "2024-02-29T05:00:00.000"
    assert instant(1_700_000_000_000, zone="-05:00") == "2023-11-14T22:13:20.000"
    with pytest.raises(SedimentError):
        zone_of("Nowhere/Town")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("now*1d", "operator not supported for date math"),
        ("now+1", "truncated date math"),
        ("now/2d", "rounding `/` can only be used on single unit types"),
        ("now+1x", r"unit \[x\] not supported for date math"),
        ("now+9999y", "leaves the years"),
        ("yesterday", r"failed to parse date field \[yesterday\] with format"),
    ],
)
def test_errors(value: str, message: str) -> None:
    """What is no date math is refused, never a crash."""
    with pytest.raises(SedimentError, match=message) as caught:
        instant(value)
    assert caught.value.code == "parse"
