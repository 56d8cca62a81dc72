"""Follow a partition that lives in this process: limits, waiting, and what a reader must notice.

Appenders publish to ``Bounds`` and readers wait there, on one condition: nobody polls.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Lock
from time import monotonic
from typing import Protocol

from pipeline.log.batches import empty_batch, take_front
from pipeline.log.ports import TopicInfo
from pipeline.log.refusals import offset_out_of_range
from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId
from schemas.records import I64, AppendBatch, RecordBatch


class Bounds:
    """Where a partition begins and ends, or why it is over: what appenders publish and readers wait for.

    ``lock`` guards whatever else its owner publishes together with the bounds.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self._readable = Condition(self.lock)
        self._begin = LogOffset(0)
        self._end = LogOffset(0)
        self._over: Callable[[], SedimentError] | None = None

    def now(self) -> tuple[LogOffset, LogOffset]:
        """Begin and end offset."""
        with self.lock:
            return self._begin, self._end

    @property
    def end(self) -> LogOffset:
        """The end offset, for who publishes it."""
        return self._end

    def publish(self, begin: int, end: int) -> None:
        """Set both, with the lock held; waiting readers wake up."""
        assert self._begin <= begin <= end
        assert self._end <= end
        self._begin, self._end = LogOffset(begin), LogOffset(end)
        self._readable.notify_all()

    def finish(self, error: Callable[[], SedimentError]) -> None:
        """Nothing can be read or appended any more (``error`` says why); waiting readers wake up."""
        with self.lock:
            self._over = error
            self._readable.notify_all()

    def check_open(self) -> None:
        """Raise if it is over, with the lock held."""
        if self._over is not None:
            raise self._over()

    def check(self, offset: LogOffset) -> None:
        """Raise unless the partition can be read at this offset, now or later; with the lock held."""
        self.check_open()
        if not self._begin <= offset <= self._end:
            raise offset_out_of_range(offset, self._begin, self._end)

    def wake(self) -> None:
        """Let those who wait look again."""
        with self.lock:
            self._readable.notify_all()

    def wait_beyond(self, offset: LogOffset, timeout_s: float, given_up: Callable[[], bool]) -> bool:
        """Wait until the partition reaches beyond this offset; False if it did not in time, or before its reader gave up."""
        deadline = monotonic() + timeout_s
        with self.lock:
            self.check(offset)
            while offset == self._end:
                remaining = deadline - monotonic()
                if remaining <= 0 or given_up():
                    return False
                self._readable.wait(remaining)
                self.check(offset)
            return True


class Cursor(Protocol):
    """Fetches stored batches for one reader, who knows that there is something at the offset."""

    def fetch(self, offset: LogOffset) -> Sequence[RecordBatch]:
        """At least one batch that ends beyond ``offset``; it may begin before, and may hold no record."""
        ...

    def close(self) -> None:
        """Release what fetching holds."""
        ...


class LocalPartition(Protocol):
    """A partition in this process."""

    topic: TopicInfo
    partition: PartitionId
    bounds: Bounds

    def append(self, batch: AppendBatch) -> I64:
        """Append and return the offsets once they are durable."""
        ...

    def offset_at(self, timestamp_ms: int) -> LogOffset | None:
        """The first offset that is not older."""
        ...

    def trim(self, before: LogOffset) -> None:
        """Forget what is below, as far as that is cheap."""
        ...

    def cursor(self) -> Cursor:
        """A way to fetch batches, for one reader."""
        ...


class LocalReader:
    """A ``PartitionReader`` over a ``LocalPartition``."""

    def __init__(self, partition: LocalPartition, start: LogOffset) -> None:
        self._partition = partition
        self._position = start
        self._cursor = partition.cursor()
        self._ahead: deque[RecordBatch] = deque()
        self._woken = False

    @property
    def position(self) -> LogOffset:
        """The offset that the next read begins at."""
        return self._position

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        """The next records; see the port."""
        assert records_max >= 1
        assert bytes_max >= 1
        if self._ahead:
            with self._partition.bounds.lock:
                self._partition.bounds.check(self._position)
        elif not self._partition.bounds.wait_beyond(self._position, timeout_s, lambda: self._woken):
            self._woken = False
            return empty_batch(self._partition.partition, self._position)
        else:
            self._ahead.extend(self._cursor.fetch(self._position))
        batch = take_front(self._ahead, self._position, records_max=records_max, bytes_max=bytes_max)
        assert batch.next_offset > self._position
        self._position = batch.next_offset
        return batch

    def seek(self, offset: LogOffset) -> None:
        """Go on at this offset."""
        self._ahead.clear()
        self._position = offset

    def wake(self) -> None:
        """Do not wait any longer."""
        self._woken = True
        self._partition.bounds.wake()

    def close(self) -> None:
        """Release what reading holds."""
        self._ahead.clear()
        self._cursor.close()
