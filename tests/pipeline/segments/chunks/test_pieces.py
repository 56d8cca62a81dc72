"""Chunks: bounded batches, exact bytes, padding, damage named."""

import numpy as np
import pytest

from pipeline.rocks.memory import MemoryStore
from pipeline.rocks.ports import WriteBatch
from pipeline.segments.chunks.pieces import BatchWriter, padded, put_chunks, read_chunks
from schemas.errors import ErrorKind, SedimentError
from schemas.limits import CHUNK_BYTES, READABLE_PAD_BYTES


def key_of(number: int) -> bytes:
    return b"k%04d" % number


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 20 * CHUNK_BYTES + 7])
def test_bytes_come_back(length: int) -> None:
    """What was cut is joined again, at lengths around a chunk's and beyond one batch's."""
    store = MemoryStore()
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8)
    writer = BatchWriter(store)
    crcs, _ = put_chunks(writer, key_of, data)
    writer.write()
    back = read_chunks(store, key_of, crcs, length, what="x")
    assert np.array_equal(back, data)
    assert len(crcs) == -(-length // CHUNK_BYTES)


def test_padding_is_readable_and_zero() -> None:
    """Around the bytes there are READABLE_PAD_BYTES zeros on both sides."""
    data = padded(10)
    assert data.base is not None
    assert len(data.base) == 10 + 2 * READABLE_PAD_BYTES
    assert not data.base[:READABLE_PAD_BYTES].any()
    assert not data.base[-READABLE_PAD_BYTES:].any()
    assert data.flags.writeable
    assert data.ctypes.data % 16 == 0


@pytest.mark.parametrize("damage", ["flip", "missing", "short", "swapped"])
def test_damage_names_the_chunk(damage: str) -> None:
    """A flipped bit, a missing, short or swapped chunk is an error that names the array and the chunk."""
    store = MemoryStore()
    data = np.random.default_rng(1).integers(0, 256, 3 * CHUNK_BYTES, np.uint8)
    writer = BatchWriter(store)
    crcs, _ = put_chunks(writer, key_of, data)
    writer.write()
    chunk = store.get(key_of(1))
    assert chunk is not None
    match damage:
        case "flip":
            store.write(WriteBatch(puts=[(key_of(1), bytes([chunk[0] ^ 1]) + chunk[1:])]))
        case "missing":
            store.write(WriteBatch(deletes=[key_of(1)]))
        case "short":
            store.write(WriteBatch(puts=[(key_of(1), chunk[:-1])]))
        case _:
            other = store.get(key_of(2))
            assert other is not None
            store.write(WriteBatch(puts=[(key_of(1), other)]))
    with pytest.raises(SedimentError, match="chunk 1 of array postings") as caught:
        read_chunks(store, key_of, crcs, len(data), what="array postings")
    assert caught.value.kind is ErrorKind.DAMAGED
