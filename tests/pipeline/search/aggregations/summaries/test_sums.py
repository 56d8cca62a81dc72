"""Exact sums against fractions."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.search.aggregations.summaries.sums import add_sums, floats_of, sums_of

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-5, 5)
COUNT = 3
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
