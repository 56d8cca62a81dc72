"""Checksums agree with the published vectors and with bit-by-bit division."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels import crc_kernels as crc

BOTH = [
    pytest.param(crc.crc32c_by_tables, id="tables"),
    pytest.param(
        crc.crc32c_by_instruction,
        id="instruction",
        marks=pytest.mark.skipif(not crc.HAS_INSTRUCTION, reason="this CPU has no crc32"),
    ),
]
# RFC 3720, appendix B.4, and the usual check value
KNOWN = {
    b"123456789": 0xE3069283,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
}


def crc_twin(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8).copy()


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("data", KNOWN)
def test_known_vectors(function: Any, data: bytes) -> None:
    """RFC 3720's examples."""
    assert function(array(data), 0, len(data), 0) == crc_twin(data) == KNOWN[data]


@pytest.mark.parametrize("function", BOTH)
@given(data=st.binary(max_size=100), start=st.integers(0, 20), cut=st.integers(0, 100))
def test_any_range_in_any_pieces(function: Any, data: bytes, start: int, cut: int) -> None:
    """A range's checksum, whole or continued from a piece before."""
    start = min(start, len(data))
    middle = min(max(start, cut), len(data))
    expected = crc_twin(data[start:])
    assert function(array(data), start, len(data), 0) == expected
    first = function(array(data), start, middle, 0)
    assert function(array(data), middle, len(data), first) == expected


@given(st.lists(st.binary(max_size=40)))
def test_ranges(pieces: list[bytes]) -> None:
    """A column of checksums, one per range."""
    offsets = np.cumsum([0, *map(len, pieces)]).astype(np.int64)
    found = crc.crc32c_of_ranges(array(b"".join(pieces)), offsets)
    assert found.tolist() == [crc_twin(piece) for piece in pieces]
