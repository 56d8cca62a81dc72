"""Counting kernels against Python's counting and sorting."""

from bisect import bisect_right
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.arrays import frozen
from pipeline.search.kernels.count_kernels import (
    code_steps,
    count_codes,
    count_steps,
    gather_counts,
    greatest_counts,
)

NO_MASK, NO_DOCUMENTS = frozen(np.zeros(0, np.bool_)), frozen(np.zeros(0, np.uint32))
FORMS = ("list", "mask", "all")


def taken(form: str, rows: list[int], size: int) -> tuple[Any, Any, int]:
    """Rows as a kernel takes them."""
    if form == "all":
        return NO_DOCUMENTS, NO_MASK, size
    if form == "list":
        return frozen(np.array(rows, np.uint32)), NO_MASK, 0
    mask = np.zeros(size, np.bool_)
    mask[rows] = True
    return NO_DOCUMENTS, frozen(mask), size


@pytest.mark.parametrize("width", [np.uint8, np.uint16, np.uint32])
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40), st.sets(st.integers(0, 39)), st.sampled_from(FORMS),
    st.sampled_from([1, 2, 7]),
)  # fmt: skip
def test_codes_are_counted(width: Any, codes: list[int], chosen: set[int], form: str, limit: int) -> None:
    """By each form of a selection; codes above the limit are counted at it; what was counted is gathered in order."""
    rows = sorted(range(len(codes)) if form == "all" else {r for r in chosen if r < len(codes)})
    counts = np.zeros(limit + 1, np.int64)
    count_codes(frozen(np.array(codes, width)), *taken(form, rows, len(codes)), limit, counts)
    wanted = Counter(min(codes[row], limit) for row in rows)
    assert counts.tolist() == [wanted[code] for code in range(limit + 1)]
    found, totals = np.zeros(limit + 1, np.int64), np.zeros(limit + 1, np.int64)
    count = gather_counts(counts, limit, found, totals)
    some = sorted((code, n) for code, n in wanted.items() if code < limit)
    assert list(zip(found[:count].tolist(), totals[:count].tolist(), strict=True)) == some


@st.composite
def intervals(draw: st.DrawFn) -> tuple[list[int], int, Any]:
    """(bounds, shift, grid) with cells no longer than the shortest interval."""
    low = draw(st.integers(-1000, 1000))
    gaps = draw(st.lists(st.integers(1, 60), min_size=1, max_size=12))
    bounds = [low + sum(gaps[:i]) for i in range(len(gaps) + 1)]
    shift = min(gaps).bit_length() - 1
    cells = range(low, bounds[-1], 1 << shift)
    grid = np.array([bisect_right(bounds, cell) - 1 for cell in cells], np.uint16)
    return bounds, shift, frozen(grid)


@given(intervals(), st.data(), st.sampled_from(FORMS), st.booleans())
def test_intervals_are_found_and_counted(given_: Any, data: st.DataObject, form: str, sparse: bool) -> None:
    """Every value in its interval, rows without a value in the last count."""
    bounds, shift, grid = given_
    values = data.draw(st.lists(st.integers(bounds[0], bounds[-1] - 1), min_size=1, max_size=30))
    present = [data.draw(st.booleans()) if sparse else True for _ in values]
    rows = sorted(range(len(values)) if form == "all" else data.draw(st.sets(st.integers(0, len(values) - 1))))
    shown = frozen(np.array(present)) if sparse else NO_MASK
    low, edges = bounds[0], frozen(np.array(bounds, np.int64))
    codes = np.zeros(len(values), np.uint8)
    code_steps(frozen(np.array(values, np.int64)), shown, low, shift, grid, edges, codes)
    wanted = [bisect_right(bounds, v) - 1 if p else len(bounds) - 1 for v, p in zip(values, present, strict=True)]
    assert codes.tolist() == wanted
    counts = np.zeros(len(bounds), np.int64)
    documents, mask, size = taken(form, rows, len(values))
    column = frozen(np.array(values, np.int64))
    count_steps(column, shown, documents, mask, size, low, shift, grid, edges, counts)
    assert counts.tolist() == [sum(wanted[row] == code for row in rows) for code in range(len(bounds))]


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(0, 45))
def test_the_greatest_counts_come_first(counts: list[int], most: int) -> None:
    """By count, of equal counts the first; as many as fit."""
    best = np.full(most, -1, np.int64)
    found = greatest_counts(frozen(np.array(counts, np.int64)), best)
    assert best[:found].tolist() == sorted(range(len(counts)), key=lambda i: (-counts[i], i))[:most]
