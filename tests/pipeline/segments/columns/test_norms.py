"""Norm bytes against Lucene's definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.columns.norms import NORM_LENGTHS, norms_of


def int_to_byte4(length: int) -> int:
    """SmallFloat.intToByte4, step by step: 24 exact values, then four significant bits."""
    if length < 24:
        return length
    rest = length - 24
    bits = rest.bit_length()
    if bits < 4:
        return 24 + rest
    shift = bits - 4
    return 24 + ((rest >> shift & 7) | (shift + 1) << 3)


@given(st.lists(st.integers(0, (1 << 31) - 1) | st.integers(0, 5000), max_size=20))
def test_norms_are_lucenes(lengths: list[int]) -> None:
    """Every length has the byte that Lucene gives it."""
    assert norms_of(np.array(lengths, np.int64)).tolist() == [int_to_byte4(n) for n in lengths]


def test_each_byte_has_its_least_length() -> None:
    """NORM_LENGTHS is ascending and the inverse of the norms."""
    assert (np.diff(NORM_LENGTHS) > 0).all()
    assert [int_to_byte4(int(n)) for n in NORM_LENGTHS] == list(range(256))
