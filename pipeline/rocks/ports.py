"""What the rest may ask of a key-value store: ordered bytes, atomic batches, one flush. Two adapters pass one contract suite.

There is no write-ahead log: the event log is the only one. What is written is seen at once by every reader of the process
and is durable after the next ``flush``. A crash leaves the state after some batch, an older one perhaps, never half of
one and never one batch without all those before it. After a failed flush it goes on being readable, and a later flush (RocksDB tries
again by itself some seconds after a full disk has space) makes everything durable:

    write A   write B   flush   write C   write D   ⚡          found again: AB, ABC or ABCD

Every call may be made from any thread. An adapter raises ``SedimentError`` only: kind UNAVAILABLE (``disk_full``,
``data_directory_in_use``, ``storage_io``, ``store_closed``), DAMAGED where bytes are not what was written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.limits import WRITE_BATCH_BYTES_MAX


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """Changes that happen together: first the ranges [start, end) go, then the deletes, then the puts are made.

    Bounded by WRITE_BATCH_BYTES_MAX, since a write holds the interpreter lock while it copies.
    """

    puts: Sequence[tuple[bytes, bytes]] = ()
    deletes: Sequence[bytes] = ()
    ranges: Sequence[tuple[bytes, bytes]] = ()

    def __post_init__(self) -> None:
        assert self.nbytes <= WRITE_BATCH_BYTES_MAX, "split a write into several batches"

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        puts = sum(len(k) + len(v) for k, v in self.puts)
        return puts + sum(map(len, self.deletes)) + sum(len(a) + len(b) for a, b in self.ranges)


class Store(Protocol):
    """Ordered keys with values, for one process at a time."""

    @property
    def path(self) -> str:
        """Where it is kept, for messages."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """One value; None where there is none. Holds the interpreter lock: for small values."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values of several keys, in their order; reads without the interpreter lock, copies with it."""
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin so, ascending, with their values, as of the first step. Reads every value: see ``next_key``."""
        ...

    def next_key(self, start: bytes, end: bytes) -> bytes | None:
        """The first key in [start, end); with ``prefix_end`` it skips over many keys without reading their values."""
        ...

    def write(self, batch: WriteBatch) -> None:
        """Apply a batch as a whole. It is durable after the next ``flush``."""
        ...

    def flush(self) -> None:
        """Return when all that was written is durable; does not hold the interpreter lock."""
        ...

    def disk_bytes(self) -> int:
        """Bytes of the durable data on disk, garbage included."""
        ...

    def compact(self) -> None:
        """Give the space of deleted values back; takes as long as rewriting the rest, without the interpreter lock."""
        ...

    def close(self) -> None:
        """Flush and release everything; a second call does nothing. Ends scans that are still open."""
        ...


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all keys that begin so. The prefix must not be all 0xff."""
    kept = prefix.rstrip(b"\xff")
    assert kept, "no key is greater than all keys with this prefix"
    return kept[:-1] + bytes([kept[-1] + 1])
