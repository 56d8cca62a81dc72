"""Zones and the best rows by a column against sorting everything."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.arrays import frozen
from pipeline.search.kernels.zone_kernels import (
    FRACTION,
    GREATEST,
    LEAST,
    ORDINAL,
    WHOLE,
    best_rows,
    rows_below,
    zone_extremes,
)

VALUES = {
    WHOLE: st.integers(-3, 3) | st.sampled_from([GREATEST - 1, LEAST + 1]),
    FRACTION: st.sampled_from([-1.5, -0.0, 0.0, 2.5, 1e300, -1e-300]),
    ORDINAL: st.integers(0, 4),
}
DTYPES = {WHOLE: np.int64, FRACTION: np.float64, ORDINAL: np.uint32}
EMPTY = frozen(np.zeros(0, np.bool_))


def order_of(value: Any, kind: int) -> Any:
    """What orders as the value's key does."""
    return (value, not np.signbit(value)) if kind == FRACTION else value


@st.composite
def columns(draw: st.DrawFn) -> tuple[int, list[Any], list[bool], int, list[int]]:
    """(kind, values, which rows have one, rows of a zone, rows to look at)."""
    kind = draw(st.sampled_from([WHOLE, FRACTION, ORDINAL]))
    values = draw(st.lists(VALUES[kind], min_size=1, max_size=30))
    present = [draw(st.booleans()) for _ in values] if draw(st.booleans()) else [True] * len(values)
    rows = sorted(draw(st.sets(st.integers(0, len(values) - 1))))
    return kind, values, present, draw(st.integers(1, 7)), rows


def packed(kind: int, values: list[Any], present: list[bool]) -> tuple[Any, Any]:
    column = np.array(values, DTYPES[kind])
    return frozen(column.view(np.int64) if kind == FRACTION else column), EMPTY if all(present) else frozen(
        np.array(present)
    )


def zones_of(kind: int, values: Any, present: Any, rows: int) -> tuple[Any, Any, Any]:
    count = -(-len(values) // rows)
    least, most, lacking = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.bool_)
    zone_extremes(values, present, kind, rows, least, most, lacking)
    return least, most, lacking


@given(columns())
def test_zones_bound_their_rows(given_: Any) -> None:
    """The least and the greatest value of each zone are those of its rows; zones without values are known."""
    kind, values, present, size, _ = given_
    least, most, lacking = zones_of(kind, *packed(kind, values, present), size)
    for zone in range(len(least)):
        rows = range(zone * size, min(len(values), (zone + 1) * size))
        some = [values[row] for row in rows if present[row]]
        assert lacking[zone] == (len(some) < len(rows))
        if not some:
            assert (least[zone], most[zone]) == (GREATEST, LEAST)
            continue
        low, high = (f(some, key=lambda v: order_of(v, kind)) for f in (min, max))
        alone = zones_of(kind, *packed(kind, [low, high], [True, True]), 1)[0]
        assert [least[zone], most[zone]] == alone.tolist()


@given(
    columns(),
    st.booleans(),
    st.sampled_from(["first", "last"]),
    st.integers(1, 8),
    st.sampled_from(["list", "mask", "all"]),
    st.data(),
)
def test_the_best_rows_are_found(
    given_: Any, descending: bool, missing: str, most: int, form: str, data: st.DataObject
) -> None:
    """For any zones, order, selection and page: the rows that sorting everything gives, and all rows that are no worse."""
    kind, values, present, size, rows = given_
    rows = list(range(len(values))) if form == "all" else rows
    column, shown = packed(kind, values, present)
    least, greatest, lacking = zones_of(kind, column, shown, size)
    absent = int(LEAST if missing == "first" else GREATEST)
    each = zones_of(kind, column, EMPTY, 1)[0]
    keys = [int(~k if descending else k) if p else absent for k, p in zip(each, present, strict=True)]
    low, high = (~greatest, ~least) if descending else (least, greatest)
    low = np.where(lacking, np.minimum(low, absent), low)
    high = np.where(lacking, np.maximum(high, absent), high)
    after = data.draw(st.sampled_from([LEAST, *keys]))
    strictly = after != LEAST
    documents = np.array(rows if form == "list" else [], np.uint32)
    mask = np.zeros(len(values) if form == "mask" else 0, np.bool_)
    mask[rows if form == "mask" else []] = True
    found_keys, found = np.zeros(most, np.int64), np.zeros(most, np.int64)
    count = best_rows(
        column, shown, kind, descending, absent, frozen(documents), frozen(mask), form == "all", after, strictly, size,
        np.argsort(low, kind="stable"), low, high, found_keys, found,
    )  # fmt: skip
    wanted = sorted((keys[row], row) for row in rows if keys[row] > after or (keys[row] == after and not strictly))
    assert list(zip(found_keys[:count].tolist(), found[:count].tolist(), strict=True)) == wanted[:most]
    if form == "list" and count:
        places = np.zeros(len(rows), np.int64)
        limit = int(found_keys[count - 1])
        below = rows_below(column, shown, kind, descending, absent, frozen(documents), limit, places)
        assert [rows[place] for place in places[:below]] == [row for row in rows if keys[row] <= limit]
