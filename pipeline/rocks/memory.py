"""A store in memory that knows what is durable: for tests, examples and the simulator's crashes.

A ``Disk`` outlives the stores opened on it, as a directory does. It holds the durable state; the open store holds that and the
batches since the last flush, in order. ``crash`` loses these batches, all of them or all but the first few (a database that flushes in
the background may have made some of them durable): what is left is always a prefix.
"""

import bisect
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.rocks.ports import WriteBatch, prefix_end
from schemas.errors import SedimentError, unavailable


@dataclass(frozen=True, slots=True)
class Faults:
    """Which calls fail, counted from 1 over the store's life, and how. A failed write changes nothing, nor does a failed flush."""

    writes: frozenset[int] = frozenset()
    flushes: frozenset[int] = frozenset()
    code: str = "disk_full"

    def error(self) -> SedimentError:
        """The error of a call that fails."""
        return unavailable(self.code, f"injected fault: {self.code}")


@dataclass(slots=True)
class Disk:
    """What survives a crash. One store at a time may have it open."""

    name: str = "memory"
    durable: dict[bytes, bytes] = field(default_factory=dict)
    in_use: bool = False


class MemoryStore:
    """``Store`` on a ``Disk``; see the module for what a crash leaves."""

    def __init__(self, disk: Disk | None = None, faults: Faults | None = None) -> None:
        self._disk = disk or Disk()
        if self._disk.in_use:
            raise unavailable(
                "data_directory_in_use",
                f"data directory in use by another process: {self._disk.name}",
            )
        self._disk.in_use = True
        self._faults = faults or Faults()
        self._lock = threading.RLock()
        self._values = dict(self._disk.durable)
        self._keys: list[bytes] | None = None  # sorted, made when needed
        self._unsynced: list[WriteBatch] = []
        self._open = True
        self.writes = 0
        self.flushes = 0

    @property
    def path(self) -> str:
        """The disk's name."""
        return self._disk.name

    @property
    def unsynced(self) -> int:
        """Batches that a crash may lose."""
        return len(self._unsynced)

    def get(self, key: bytes) -> bytes | None:
        """One value; None where there is none."""
        self._check_open()
        return self._values.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values of several keys, in their order."""
        with self._lock:
            self._check_open()
            return [self._values.get(key) for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin so, ascending, with their values."""
        with self._lock:
            self._check_open()
            found = [(key, self._values[key]) for key in self._range(prefix, prefix_end(prefix))]
        return iter(found)

    def next_key(self, start: bytes, end: bytes) -> bytes | None:
        """The first key in [start, end)."""
        with self._lock:
            self._check_open()
            return next(iter(self._range(start, end)), None)

    def _range(self, start: bytes, end: bytes) -> list[bytes]:
        if self._keys is None:
            self._keys = sorted(self._values)
        return self._keys[bisect.bisect_left(self._keys, start) : bisect.bisect_left(self._keys, end)]

    def write(self, batch: WriteBatch) -> None:
        """Apply a batch as a whole; it joins what a crash may lose."""
        with self._lock:
            self._check_open()
            self.writes += 1
            if self.writes in self._faults.writes:
                raise self._faults.error()
            apply(batch, self._values)
            self._keys = None
            self._unsynced.append(batch)

    def flush(self) -> None:
        """Make all that was written durable."""
        with self._lock:
            self._check_open()
            self.flushes += 1
            if self.flushes in self._faults.flushes:
                raise self._faults.error()
            self._make_durable(len(self._unsynced))

    def disk_bytes(self) -> int:
        """Bytes of durable keys and values."""
        with self._lock:
            self._check_open()
            return sum(len(k) + len(v) for k, v in self._disk.durable.items())

    def compact(self) -> None:
        """Nothing to give back: what is deleted is gone."""

    def close(self) -> None:
        """Flush and release the disk."""
        with self._lock:
            if self._open:
                self.flush()
                self._release()

    def crash(self, kept: int = 0) -> Disk:
        """End as kill -9 does: of the batches not yet flushed only the first ``kept`` become durable. The disk can be opened again."""
        with self._lock:
            self._check_open()
            self._make_durable(kept)
            self._release()
            return self._disk

    def _make_durable(self, batches: int) -> None:
        for batch in self._unsynced[:batches]:
            apply(batch, self._disk.durable)
        del self._unsynced[:batches]

    def _release(self) -> None:
        self._open = False
        self._disk.in_use = False

    def _check_open(self) -> None:
        if not self._open:
            raise unavailable("store_closed", f"the store {self._disk.name} is closed: open it again")


def apply(batch: WriteBatch, values: dict[bytes, bytes]) -> None:
    """Carry out a batch on a dict: ranges, deletes, puts, in this order."""
    for start, end in batch.ranges:
        for key in [k for k in values if start <= k < end]:
            del values[key]
    for key in batch.deletes:
        values.pop(key, None)
    values.update(batch.puts)
