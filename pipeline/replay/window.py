"""A log up to an offset, at a rate: what a rebuild reads, so that it can stop anywhere and leave room for others."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.log.ports import Log, LogHealth, PartitionReader, TopicInfo
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import I64, AppendBatch, ByteColumn, RecordBatch

WAIT_S = 0.2


@dataclass(slots=True)
class Limits:
    """What a window lets through; its owner may change them while it is read. ``rate``: records a second, 0 all."""

    until: LogOffset | None = None
    rate: float = 0


class WindowReader:
    """Reads a partition below an offset; see ``PartitionReader``."""

    def __init__(self, inner: PartitionReader, limits: Limits, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._limits = limits
        self._clock = clock
        self._begun = clock()
        self._read = 0

    @property
    def position(self) -> LogOffset:
        """The offset that the next read begins at."""
        return self._inner.position

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        """The next records below the end of the window, no faster than its rate."""
        until, rate = self._limits.until, self._limits.rate
        if rate > 0:
            records_max = max(1, min(records_max, int(rate * WAIT_S)))
            ahead = self._read / rate - (self._clock() - self._begun)
            time.sleep(min(max(ahead, 0.0), 1.0))
        if until is not None and self._inner.position >= until:
            time.sleep(min(timeout_s, WAIT_S))
            return empty_batch(until)
        batch = self._inner.read(records_max=records_max, bytes_max=bytes_max, timeout_s=timeout_s)
        if until is not None and batch.next_offset > until:
            batch = _below(batch, until)
            self._inner.seek(until)
        self._read += len(batch)
        return batch

    def seek(self, offset: LogOffset) -> None:
        """Go on at this offset."""
        self._inner.seek(offset)

    def close(self) -> None:
        """Release what reading holds."""
        self._inner.close()


def empty_batch(next_offset: LogOffset) -> RecordBatch:
    """No record, and where reading goes on."""
    none = np.zeros(0, np.int64)
    return RecordBatch(PartitionId(0), none, none, ByteColumn.of([]), ByteColumn.of([]), next_offset)


def _below(batch: RecordBatch, until: LogOffset) -> RecordBatch:
    count = int((batch.offsets < until).sum())
    part = batch.slice(0, count)
    return RecordBatch(part.partition, part.offsets, part.timestamps_ms, part.keys, part.values, until, part.headers)


class WindowLog:
    """A read-only ``Log`` whose partitions end at an offset at the latest."""

    def __init__(self, inner: Log, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._limits = limits
        self._clock = clock

    def create_topic(self, name: TopicName, partitions: int, config: Mapping[str, str] | None = None) -> TopicInfo:
        """Not here: a window is for reading."""
        raise AssertionError("a window is for reading")

    def delete_topic(self, name: TopicName) -> None:
        """Not here: a window is for reading."""
        raise AssertionError("a window is for reading")

    def topic(self, name: TopicName) -> TopicInfo | None:
        """The topic, or None."""
        return self._inner.topic(name)

    def topics(self) -> Sequence[TopicInfo]:
        """All topics, by name."""
        return self._inner.topics()

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Not here: a window is for reading."""
        raise AssertionError("a window is for reading")

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset still there."""
        return self._inner.begin_offset(topic, partition)

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The end of the window or of the log, whichever comes first."""
        end = self._inner.end_offset(topic, partition)
        until = self._limits.until
        return end if until is None else min(end, until)

    def offset_at(self, topic: TopicName, partition: PartitionId, timestamp_ms: int) -> LogOffset | None:
        """The first offset whose record is not older than the timestamp."""
        return self._inner.offset_at(topic, partition, timestamp_ms)

    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        """Read one partition up to the end of the window."""
        return WindowReader(self._inner.reader(topic, partition, start), self._limits, self._clock)

    def trim(self, topic: TopicName, partition: PartitionId, before: LogOffset) -> None:
        """Not here: a window is for reading."""
        raise AssertionError("a window is for reading")

    def health(self) -> LogHealth:
        """Whether the log can be used now."""
        return self._inner.health()

    def close(self) -> None:
        """The log behind stays open: it is its owner's."""
