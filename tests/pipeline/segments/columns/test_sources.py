"""Stored documents, compressed and read."""

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.columns.merge_sources import merge_sources
from pipeline.segments.columns.sources import SourceArrays, Sources, write_sources
from schemas.errors import SedimentError
from schemas.records import ByteColumn


@given(st.lists(st.binary(max_size=9), max_size=150), st.data())
def test_any_documents_in_any_order(values: list[bytes], data: st.DataObject) -> None:
    """What is read is what was written, blocks of empty documents included; rows may repeat."""
    stored = write_sources(ByteColumn.of(values)).reader()
    assert len(stored.blocks) == -(-len(values) // 16) + 1
    rows = data.draw(st.lists(st.integers(0, len(values) - 1))) if values else []
    assert stored.read(np.array(rows, np.int64)) == [values[r] for r in rows]


def test_a_slice_of_a_buffer_is_compressed_alone() -> None:
    """Starts need not begin at 0."""
    column = ByteColumn.of([b"before", b"one", b"two"]).slice(1, 3)
    assert write_sources(column).reader().read(np.array([0, 1])) == [b"one", b"two"]


def test_damage_is_an_error() -> None:
    """A block that cannot be decompressed, or holds something else, is named."""
    stored = write_sources(ByteColumn.of([b"abc" * 50]))
    broken = SourceArrays(stored.data[::-1].copy(), stored.blocks, stored.starts).reader()
    with pytest.raises(SedimentError, match="source block 0 cannot be decompressed"):
        broken.read(np.array([0]))
    longer = SourceArrays(stored.data, stored.blocks, stored.starts * 2).reader()
    with pytest.raises(SedimentError, match="source block 0 holds 150 bytes instead of 300"):
        longer.read(np.array([0]))


@given(st.lists(st.integers(0, 200), min_size=1, max_size=4), st.sampled_from([1, 16, 20, 64, 1000]))
def test_merging_is_compressing_what_is_left(sizes: list[int], dropped: int) -> None:
    """Copied blocks and new ones together are the bytes of one run over the living."""
    inputs, live, values = [], [], []
    for part, size in enumerate(sizes):
        mine = [b"%d-%d" % (part, row) * (row % 5) for row in range(size)]
        rows = [row for row in range(size) if row % dropped != dropped - 1 or dropped == 1]
        inputs.append(write_sources(ByteColumn.of(mine)).reader())
        live.append(np.array(rows, np.int64))
        values += [mine[row] for row in rows]
    merged, expected = merge_sources(inputs, live), write_sources(ByteColumn.of(values))
    assert merged.data.tobytes() == expected.data.tobytes()
    assert merged.blocks.tolist() == expected.blocks.tolist()
    assert merged.starts.tolist() == expected.starts.tolist()


@given(st.lists(st.tuples(st.integers(0, 150), st.booleans()), min_size=1, max_size=4), st.sampled_from([1, 16, 1000]))
def test_blocks_of_the_format_before_are_read_and_made_anew(parts: list[tuple[int, bool]], dropped: int) -> None:
    """Segments with blocks of 64 documents answer, and merge with others into what one run over the living makes."""
    inputs, live, values = [], [], []
    for part, (size, old) in enumerate(parts):
        mine = [b"%d-%d" % (part, row) * (row % 5) for row in range(size)]
        rows = [row for row in range(size) if row % dropped != dropped - 1 or dropped == 1]
        stored = in_large_blocks(mine) if old else write_sources(ByteColumn.of(mine)).reader()
        assert stored.read(np.array(rows, np.int64)) == [mine[row] for row in rows]
        inputs.append(stored)
        live.append(np.array(rows, np.int64))
        values += [mine[row] for row in rows]
    merged, expected = merge_sources(inputs, live), write_sources(ByteColumn.of(values))
    assert merged.data.tobytes() == expected.data.tobytes()
    assert merged.starts.tolist() == expected.starts.tolist()


def in_large_blocks(values: list[bytes]) -> Sources:
    """As format version 1 has it, from the library alone."""
    frames = [
        zstandard.ZstdCompressor(level=1).compress(b"".join(values[at : at + 64])) for at in range(0, len(values), 64)
    ]
    data = np.frombuffer(b"".join(frames), np.uint8)
    blocks = np.cumsum([0, *map(len, frames)]).astype(np.int64)
    starts = np.cumsum([0, *map(len, values)]).astype(np.int64)
    return Sources(lambda begin, end: data[begin:end], blocks, starts, 64)
