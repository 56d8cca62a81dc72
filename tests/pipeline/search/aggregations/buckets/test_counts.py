"""Tables of intervals against rounding each date."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search.aggregations.buckets.rounding import Rounding

DAY = 86_400_000
ZONES = ("", "+05:45", "Europe/Berlin", "America/St_Johns", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia")
UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


def roundings() -> st.SearchStrategy[Rounding]:
    """Calendar units and fixed widths, in zones, shifted or not."""
    shifts = st.sampled_from([0, 3_600_000, -DAY])
    zones = st.sampled_from(ZONES)
    calendar = st.builds(lambda u, z, s: Rounding(u, 0, z, s), st.sampled_from(UNITS), zones, shifts)
    widths = st.sampled_from([1000, 60_000, 5_400_000, 43_200_000, DAY, 10 * DAY, 30 * DAY])
    return calendar | st.builds(lambda w, z, s: Rounding("", w, z, s), widths, zones, shifts)


@settings(max_examples=60)
@given(roundings(), st.integers(-100 * 365 * DAY, 80 * 365 * DAY), st.integers(0, 3000 * DAY), st.randoms())
def test_intervals_are_those_of_rounding(rounding: Rounding, low: int, span: int, random: Any) -> None:
    """Where there is a table, the interval of every date is the one that rounding gives."""
    high = low + span
    edges = rounding.edges(low, high, 5_000)
    if edges is None:
        return
    assert (np.diff(edges) > 0).all()
    dates = np.array([low, high, *(random.randint(low, high) for _ in range(300)), *edges[1:], *(edges[1:] - 1)])
    assert (edges[np.searchsorted(edges, dates, side="right") - 1] == rounding.floor(dates)).all()


@pytest.mark.parametrize("zone", ZONES)
def test_calendars_have_tables(zone: str) -> None:
    """Days, weeks and months of thirty years are a table, but where clocks go back over midnight."""
    begin = 19_000 * DAY
    for unit in ("day", "week", "month", "year"):
        edges = Rounding(unit, 0, zone).edges(begin - 30 * 365 * DAY, begin, 1 << 16)
        assert edges is not None or zone in {"America/St_Johns", "Pacific/Apia"}
