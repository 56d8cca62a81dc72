"""Refuse early, or let wait: how many bytes of writes are on their way, and how much bulk writes may put before a partition.

The log takes several times what a partition applies, so a producer that need not wait for decisions would build a backlog, and every
other write would have to wait behind it. ``Lane`` bounds that backlog by the time that it takes to apply: bulk writes come in pieces,
each piece waits until the partition has little enough before it, in order of arrival; small writes do not wait.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakKeyDictionary, proxy

from pipeline.ingest.ports import Decisions
from schemas.errors import ErrorKind, SedimentError

RETRY_AFTER_S: Final = 1
QUEUE_S: Final = 0.03  # a piece waits until the partition needs no longer than this for what is before it
PIECE_S: Final = 0.04  # how long a partition may need for a piece
LOOK_S_MIN: Final = 0.001  # how often the first in line looks again
LOOK_S_MAX: Final = 0.02
ENTRIES_MAX: Final = 64


class InFlight:
    """Counts bytes between a request's arrival and its answer. Thread-safe. ``refused`` is called for each request that is too much."""

    def __init__(self, bytes_max: int, refused: Callable[[], None] = lambda: None) -> None:
        self._bytes_max = bytes_max
        self._refused = refused
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Bytes in flight now."""
        return self._bytes

    @contextmanager
    def admit(self, size: int, *, small: bool = False) -> Iterator[None]:
        """Hold ``size`` bytes for the duration of the block. Raises OVERLOADED; a single request larger than the bound
        is admitted when nothing else is in flight, else it could never be; ``small`` ones always are: the threads bound them.
        """
        with self._lock:
            if not small and self._bytes and self._bytes + size > self._bytes_max:
                self._refused()
                raise SedimentError(
                    ErrorKind.OVERLOADED,
                    "es_rejected_execution",
                    f"rejected execution of a write of {size} bytes: {self._bytes} of {self._bytes_max} bytes are in flight; "
                    "send it again later",
                    details={"retry_after_s": RETRY_AFTER_S},
                )
            self._bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._bytes -= size


class Lane:
    """The way of all writes of this process into one partition. Thread-safe."""

    def __init__(self, decisions: Decisions, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._decisions = decisions
        self._clock_s = clock_s
        self._changed = threading.Condition()
        self._line: deque[object] = deque()  # who waits, in order of arrival
        self._coming = (0, 0)  # records and bytes on their way into the log
        self._unapplied: deque[tuple[int, int, int]] = deque()  # offset after them, records, bytes

    def queue_s(self) -> float:
        """How long the partition needs for what this process has put before it."""
        with self._changed:
            return self._queue_s()

    def _queue_s(self) -> float:
        applied = self._decisions.applied
        records, nbytes = self._coming
        left: deque[tuple[int, int, int]] = deque()
        for end, count, size in self._unapplied:
            if end > applied:
                left.append((end, count, size))
                part = min(1.0, (end - applied) / count)  # some of them may be applied
                records += round(count * part)
                nbytes += round(size * part)
        self._unapplied = left
        return self._decisions.queue_s(records, nbytes)

    @contextmanager
    def enter(self, records: int, nbytes: int, timeout_s: float | None) -> Iterator[Callable[[int], None]]:
        """Append so much in the block, and call what it is given with the offset after it. Waits for its turn first, but for
        small writes (``timeout_s`` None). Raises OVERLOADED where it does not come in time.
        """
        with self._changed:
            if timeout_s is not None:
                self._wait(timeout_s)
            self._coming = self._coming[0] + records, self._coming[1] + nbytes
        ends: list[int] = []
        try:
            yield ends.append
        finally:
            with self._changed:
                self._coming = self._coming[0] - records, self._coming[1] - nbytes
                for end in ends:
                    self._note(end, records, nbytes)
                self._changed.notify_all()

    def _note(self, end: int, records: int, nbytes: int) -> None:
        if len(self._unapplied) >= ENTRIES_MAX:  # a partition that stands still: no need to know more exactly
            last_end, last_records, last_bytes = self._unapplied.pop()
            end, records, nbytes = max(end, last_end), records + last_records, nbytes + last_bytes
        self._unapplied.append((end, records, nbytes))

    def _wait(self, timeout_s: float) -> None:
        deadline = self._clock_s() + timeout_s
        ticket = object()
        self._line.append(ticket)
        try:
            while True:
                left_s = deadline - self._clock_s()
                if self._line[0] is ticket:
                    too_long_s = self._queue_s() - QUEUE_S
                    if too_long_s <= 0:
                        return
                    left_s = min(left_s, max(too_long_s, LOOK_S_MIN), LOOK_S_MAX)
                if left_s <= 0:
                    raise SedimentError(
                        ErrorKind.OVERLOADED,
                        "es_rejected_execution",
                        f"rejected execution of a bulk write: its partition needs longer than {timeout_s:g} s for what was written before; "
                        "send it again later",
                        details={"retry_after_s": RETRY_AFTER_S},
                    )
                self._changed.wait(left_s)
        finally:
            self._line.remove(ticket)
            self._changed.notify_all()


class Lanes:
    """A lane for each partition that somebody decides for, as long as he does."""

    def __init__(self) -> None:
        self._lanes: WeakKeyDictionary[Decisions, Lane] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, decisions: Decisions) -> Lane:
        """The lane into a partition."""
        with self._lock:
            lane = self._lanes.get(decisions)
            if lane is None:
                near: Decisions = proxy(decisions)  # the map's value must not keep its own key alive
                lane = self._lanes[decisions] = Lane(near)
            return lane
