"""Exact sums against fractions."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.arrays import frozen
from pipeline.search.aggregations.summaries.sum_kernels import sum_rows
from pipeline.search.aggregations.summaries.sums import add_sums, floats_of, squares_of, sum_of_halves, sums_of

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-5, 5)
COUNT = 6  # more than are read one by one
PAIRS = st.lists(st.tuples(FLOATS, st.integers(0, COUNT - 1)), max_size=12)


def rounded(numbers: list[Fraction]) -> float:
    """The sum, rounded once."""
    try:
        return float(sum(numbers, Fraction()))
    except OverflowError:
        return float("inf") if sum(numbers) > 0 else float("-inf")


@given(PAIRS)
def test_floats(pairs: list[tuple[float, int]]) -> None:
    """Sums of any finite floats are the exact sum, rounded once."""
    buckets = np.array([b for _, b in pairs], np.int64)
    got = floats_of(sums_of(np.array([v for v, _ in pairs]), buckets, COUNT))
    for bucket in range(COUNT):
        assert got[bucket] == rounded([Fraction(v) for v, b in pairs if b == bucket])


@given(st.lists(st.tuples(INTEGERS, st.integers(0, COUNT - 1)), max_size=12))
def test_integers(pairs: list[tuple[int, int]]) -> None:
    """So are sums of whole numbers, beyond 64 bits too."""
    buckets = np.array([b for _, b in pairs], np.int64)
    got = floats_of(sums_of(np.array([v for v, _ in pairs], np.int64), buckets, COUNT))
    for bucket in range(COUNT):
        assert got[bucket] == rounded([Fraction(v) for v, b in pairs if b == bucket])


@given(PAIRS, PAIRS)
def test_adding_sums(one: list[tuple[float, int]], other: list[tuple[float, int]]) -> None:
    """The sum of two parts' sums is the whole's, to the byte."""

    def sums(pairs: list[tuple[float, int]]) -> Any:
        buckets = np.array([b for _, b in pairs], np.int64)
        return sums_of(np.array([v for v, _ in pairs]), buckets, COUNT)

    same = np.arange(COUNT)
    parts = add_sums([(sums(one), same), (sums(other), same)], COUNT)
    whole = sums(one + other)
    assert parts.base == whole.base
    assert np.array_equal(parts.limbs, whole.limbs)


@given(st.lists(st.floats(-1e150, 1e150), max_size=12))
def test_squares(values: list[float]) -> None:
    """The sum of squares is exact, rounded once, but for squares below the least number."""
    got = floats_of(squares_of(np.array(values), np.zeros(len(values), np.int64), 1))
    wanted = rounded([Fraction(v) * Fraction(v) for v in values])
    assert got[0] == pytest.approx(wanted, rel=1e-15, abs=1e-300)


@given(
    st.lists(INTEGERS, min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.sampled_from(["list", "mask", "all"]),
    st.booleans(),
)
def test_rows_of_a_column(values: list[int], chosen: set[int], form: str, sparse: bool) -> None:
    """How many, their sum, the least and the greatest of a selection's values, rows without one left out."""
    present = [not sparse or i % 3 > 0 for i in range(len(values))]
    rows = sorted(range(len(values)) if form == "all" else {r for r in chosen if r < len(values)})
    mask = np.zeros(len(values) if form == "mask" else 0, np.bool_)
    mask[rows if form == "mask" else []] = True
    documents = np.array(rows if form == "list" else [], np.uint32)
    found = np.zeros(5, np.int64)
    shown = np.array(present) if sparse else np.zeros(0, np.bool_)
    sum_rows(
        frozen(np.array(values, np.int64)), frozen(shown), frozen(documents), frozen(mask), 0 if form == "list" else len(values), found
    )  # fmt: skip
    some = [values[row] for row in rows if present[row]]
    assert found[0] == len(some)
    assert floats_of(sum_of_halves(int(found[1]), int(found[2])))[0] == float(sum(some))
    if some:
        assert found[3:].tolist() == [min(some), max(some)]
