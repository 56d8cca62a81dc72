"""Unpacking by vectors, against one value at a time."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from pipeline.segments.postings_kernels import seek_block, sum_gaps, unpack
from schemas.limits import READABLE_PAD_BYTES


@given(st.integers(0, 32), st.integers(1, 128), st.integers(0, 9), st.integers(0, 1 << 32))
def test_values_of_every_width(width: int, count: int, offset: int, seed: int) -> None:
    """Any width, any count, from any byte: what was packed, and nothing behind it is written."""
    values = [int(v) for v in np.random.default_rng(seed).integers(0, 1 << width, count)]
    packed = sum(v << (i * width) for i, v in enumerate(values)).to_bytes((count * width + 7) // 8, "little")
    data = np.frombuffer(bytes(offset) + packed + bytes(READABLE_PAD_BYTES), np.uint8)
    out = np.full(count + 4, 7, np.uint32)
    unpack(int(data.ctypes.data), offset, count, width, out)
    assert out.tolist() == [*values, 7, 7, 7, 7]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=128), st.integers(-1, 1 << 20))
def test_gaps_add_up(gaps: list[int], previous: int) -> None:
    """Each document is the one before it, plus the gap, plus one."""
    documents = np.array(gaps, np.uint32)
    sum_gaps(documents, len(gaps), previous)
    assert documents.tolist() == (previous + np.cumsum(np.array(gaps) + 1)).tolist()


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), st.integers(0, 40), st.integers(0, 101))
def test_blocks_are_sought(lasts: list[int], begin: int, document: int) -> None:
    """The first block from a place on that may hold the document."""
    ordered = np.array(sorted(lasts), np.uint32)
    begin = min(begin, len(ordered))
    wanted = next((i for i in range(begin, len(ordered)) if ordered[i] >= document), len(ordered))
    assert seek_block(ordered, begin, len(ordered), document) == wanted
