"""Bytes in chunks of CHUNK_BYTES with a CRC-32 each: cut, write in bounded batches, read, check, join.

CRC-32 is zlib's (2.7 GB/s, releases the interpreter lock). RocksDB checks its files too; these checksums also see a chunk that is
missing, stale or stored under another's key.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.rocks.ports import Store, WriteBatch
from pipeline.segments.chunks.encodings import decode, encode
from pipeline.segments.format import Encoding
from schemas.errors import SedimentError, damaged
from schemas.limits import CHUNK_BYTES, READABLE_PAD_BYTES

U8 = NDArray[np.uint8]
KeyOf = Callable[[int], bytes]
CHUNKS_PER_READ: Final = 16  # 4 MB: what a multi-get copies while it holds the interpreter lock
BATCH_BYTES: Final = (
    1 << 20
)  # a write holds the lock for 4 ms: who applies records beside it needs the lock a hundred times a batch


class BatchWriter:
    """Collects puts and writes them in batches of BATCH_BYTES, or of one pair. Lets other threads go on after each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._puts: list[tuple[bytes, bytes]] = []
        self._bytes = 0

    def put(self, key: bytes, value: bytes) -> None:
        """Add a pair; writes what was collected before where it would not fit."""
        size = len(key) + len(value)
        if self._bytes + size > BATCH_BYTES:
            self.write()
        self._puts.append((key, value))
        self._bytes += size

    def write(self) -> None:
        """Write what was collected."""
        puts, self._puts, self._bytes = self._puts, [], 0
        if puts:
            self._store.write(WriteBatch(puts=puts))
            time.sleep(
                0
            )  # gives the interpreter lock away; without it who waits would get it after several writes only


def put_chunks(
    writer: BatchWriter, key_of: KeyOf, data: U8, encoding: Encoding = Encoding.RAW, itemsize: int = 1
) -> tuple[tuple[int, ...], int]:
    """Put uint8[n] in chunks; their checksums, and the bytes that are stored. Both are of the chunks as they are stored."""
    checksums, nbytes = [], 0
    for number, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        chunk = encode(data[start : start + CHUNK_BYTES], encoding, itemsize)
        checksums.append(zlib.crc32(chunk))
        nbytes += len(chunk)
        writer.put(key_of(number), chunk)
    return tuple(checksums), nbytes


def padded(length: int) -> U8:
    """uint8[length], not initialised, with READABLE_PAD_BYTES zero bytes before and after it in memory; writable, aligned to 16.

    Writable although nobody writes: for a numba kernel a read-only array is another type, so it would be compiled twice.
    """
    whole = np.empty(length + 2 * READABLE_PAD_BYTES, np.uint8)
    whole[:READABLE_PAD_BYTES] = 0
    whole[READABLE_PAD_BYTES + length :] = 0
    return whole[READABLE_PAD_BYTES : READABLE_PAD_BYTES + length]


def read_chunks(  # noqa: PLR0913  what was written, and how
    store: Store,
    key_of: KeyOf,
    checksums: Sequence[int],
    length: int,
    *,
    what: str,
    encoding: Encoding = Encoding.RAW,
    itemsize: int = 1,
) -> U8:
    """uint8[length] (padded) from its chunks. Raises DAMAGED with the name of what is damaged and its chunk."""
    data = padded(length)
    for first in range(0, len(checksums), CHUNKS_PER_READ):
        numbers = range(first, min(first + CHUNKS_PER_READ, len(checksums)))
        for number, chunk in zip(numbers, store.get_many([key_of(i) for i in numbers]), strict=True):
            if chunk is None or zlib.crc32(chunk) != checksums[number]:
                raise broken(what, number, chunk, store.path)
            decode(chunk, encoding, itemsize, data[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
    return data


def broken(what: str, number: int, chunk: bytes | None, path: str) -> SedimentError:
    """The error of a chunk that is not what was written."""
    fault = "is missing" if chunk is None else "does not have its checksum"
    return damaged(
        f"chunk {number} of {what} in {path} {fault}: check the disk; "
        "the partition grows again by itself where the log still reaches back",
        what=what,
        chunk=number,
    )
