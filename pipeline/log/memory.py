"""A log in memory: for tests, for simulation, and wherever nothing needs to survive.

It keeps the whole contract, so that what works on it works on the others. With one thread and the default ids, the
same calls give the same log.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

import numpy as np

from pipeline.log.local_log import LocalLog
from pipeline.log.local_reader import Bounds
from pipeline.log.ports import LogHealth, TopicInfo
from schemas.ids import LogOffset, PartitionId
from schemas.limits import DOCUMENT_BYTES_MAX
from schemas.records import I64, AppendBatch, ByteColumn, RecordBatch

FETCH_BATCHES: Final = 64  # batches handed to a reader at a time


class MemoryPartition:
    """A list of batches, each as it was appended."""

    def __init__(self, topic: TopicInfo, partition: PartitionId) -> None:
        self.topic = topic
        self.partition = partition
        self.bounds = Bounds()
        self._begin = 0
        self._end = 0
        self._batches: list[RecordBatch] = []
        self._first_offsets: list[int] = []

    def append(self, batch: AppendBatch) -> I64:
        """Append a copy of the batch, so that its buffers stay the caller's."""
        keys, values = ByteColumn.concat([batch.keys]), ByteColumn.concat([batch.values])
        times, headers = batch.timestamps_ms.copy(), dict(batch.headers)
        with self.bounds.lock:
            self.bounds.check_open()
            end = LogOffset(self._end + len(batch))
            offsets = np.arange(self._end, end)
            if len(batch):
                self._first_offsets.append(self._end)
                self._batches.append(RecordBatch(self.partition, offsets, times, keys, values, end, headers))
                self._end = end
                self.bounds.publish(self._begin, end)
        return offsets.copy()

    def from_offset(self, offset: LogOffset) -> Sequence[RecordBatch]:
        """A few batches, the first of which holds the offset."""
        with self.bounds.lock:
            self.bounds.check(offset)
            first = bisect_right(self._first_offsets, offset) - 1
            return self._batches[first : first + FETCH_BATCHES]

    def offset_at(self, timestamp_ms: int) -> LogOffset | None:
        """The first offset that is not older."""
        with self.bounds.lock:
            batches, begin = list(self._batches), self._begin
        for batch in batches:
            rows = np.flatnonzero((batch.timestamps_ms >= timestamp_ms) & (batch.offsets >= begin))
            if len(rows):
                return LogOffset(int(batch.offsets[rows[0]]))
        return None

    def trim(self, before: LogOffset) -> None:
        """Forget everything below, exactly."""
        with self.bounds.lock:
            self._begin = max(self._begin, min(before, self._end))
            while self._batches and self._batches[0].next_offset <= self._begin:
                del self._batches[0], self._first_offsets[0]
            self.bounds.publish(self._begin, self._end)

    def cursor(self) -> "MemoryCursor":
        """Batches straight from the list."""
        return MemoryCursor(self)


class MemoryCursor:
    """Fetches from a ``MemoryPartition``."""

    def __init__(self, partition: MemoryPartition) -> None:
        self._partition = partition

    def fetch(self, offset: LogOffset) -> Sequence[RecordBatch]:
        """Batches from the offset on."""
        return self._partition.from_offset(offset)

    def close(self) -> None:
        """Nothing to release."""


def counted_ids() -> Callable[[], str]:
    """Topic ids 1, 2, 3 ... as 32 hexadecimal digits."""
    numbers = count(1)
    return lambda: f"{next(numbers):032x}"


class MemoryLog(LocalLog[MemoryPartition]):
    """A ``Log`` that ends with the object."""

    def __init__(
        self,
        *,
        document_bytes_max: int = DOCUMENT_BYTES_MAX,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(
            create=lambda topic: [MemoryPartition(topic, PartitionId(p)) for p in range(topic.partitions)],
            delete=lambda partitions: None,
            new_id=new_id or counted_ids(),
            document_bytes_max=document_bytes_max,
        )

    def health(self) -> LogHealth:
        """Healthy until closed."""
        return LogHealth(not self._closed, "the log is closed" if self._closed else "")

    def close(self) -> None:
        """Wake up all readers; the records are gone with the object."""
        self._finish_all()
