"""A log up to an offset, at a rate: what a rebuild reads, so that it can stop anywhere and leave room for others; and a log that
only shows the past.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.log.ports import Log, LogHealth, PartitionReader, TopicInfo
from pipeline.log.refusals import topic_exists
from schemas.errors import SedimentError, illegal_argument
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import I64, AppendBatch, ByteColumn, RecordBatch

WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that never go back, and how to let some pass."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Limits:
    """What a window lets through; its owner may change them while it is read. ``rate``: records a second, 0 all."""

    until: LogOffset | None = None
    rate: float = 0


class WindowReader:
    """Reads a partition below an offset; see ``PartitionReader``."""

    def __init__(self, inner: PartitionReader, limits: Limits, clock: Clock) -> None:
        self._inner = inner
        self._limits = limits
        self._clock = clock
        self._begun = clock.now_s()
        self._read = 0

    @property
    def position(self) -> LogOffset:
        """The offset that the next read begins at."""
        return self._inner.position

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        """The next records below the end of the window, no faster than its rate; none where it is too early for the next one."""
        until, rate = self._limits.until, self._limits.rate
        if until is not None and self._inner.position >= until:
            self._clock.sleep(min(timeout_s, WAIT_S))
            return empty_batch(until)
        if rate > 0:
            records_max = max(1, min(records_max, int(rate * WAIT_S)))
            early_s = self._read / rate - (self._clock.now_s() - self._begun)
            self._clock.sleep(min(max(early_s, 0.0), WAIT_S))
            if early_s > WAIT_S:
                return empty_batch(self._inner.position)
        batch = self._inner.read(records_max=records_max, bytes_max=bytes_max, timeout_s=timeout_s)
        if until is not None and batch.next_offset > until:
            batch = _below(batch, until)
            self._inner.seek(until)
        self._read += len(batch)
        return batch

    def seek(self, offset: LogOffset) -> None:
        """Go on at this offset."""
        self._inner.seek(offset)

    def wake(self) -> None:
        """Do not wait any longer than this reader itself does."""
        self._inner.wake()

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

    def __init__(self, inner: Log, limits: Limits, clock: Clock | None = None) -> None:
        self._inner = inner
        self._limits = limits
        self._clock = clock or Clock()

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


class PastLog:
    """A ``Log`` that shows some partitions as they were before an offset, and takes nothing: for looking at the past."""

    def __init__(self, inner: Log, until: Mapping[tuple[TopicName, PartitionId], LogOffset]) -> None:
        self._inner = inner
        self._windows = {where: WindowLog(inner, Limits(until=offset)) for where, offset in until.items()}

    def _log(self, topic: TopicName, partition: PartitionId) -> "Log":
        return self._windows.get((topic, partition), self._inner)

    def create_topic(self, name: TopicName, partitions: int, config: Mapping[str, str] | None = None) -> TopicInfo:
        """The topic, where it is there already. Raises CONFLICT then too, INVALID where it is not."""
        if self._inner.topic(name) is not None:
            raise topic_exists(name)
        raise past_is_past()

    def delete_topic(self, name: TopicName) -> None:
        """Raises INVALID."""
        raise past_is_past()

    def topic(self, name: TopicName) -> TopicInfo | None:
        """The topic, or None."""
        return self._inner.topic(name)

    def topics(self) -> Sequence[TopicInfo]:
        """All topics, by name."""
        return self._inner.topics()

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Raises INVALID."""
        raise past_is_past()

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset still there."""
        return self._inner.begin_offset(topic, partition)

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The end of what is shown."""
        return self._log(topic, partition).end_offset(topic, partition)

    def offset_at(self, topic: TopicName, partition: PartitionId, timestamp_ms: int) -> LogOffset | None:
        """The first offset whose record is not older than the timestamp."""
        return self._inner.offset_at(topic, partition, timestamp_ms)

    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        """Read one partition as far as it is shown."""
        return self._log(topic, partition).reader(topic, partition, start)

    def trim(self, topic: TopicName, partition: PartitionId, before: LogOffset) -> None:
        """Raises INVALID."""
        raise past_is_past()

    def health(self) -> LogHealth:
        """Whether the log can be used now."""
        return self._inner.health()

    def close(self) -> None:
        """Close the log behind."""
        self._inner.close()


def past_is_past() -> SedimentError:
    """The refusal of a write to a log that shows the past."""
    return illegal_argument(
        "this process shows an index as it was (log.until) and takes no writes: write to the one that serves the present"
    )


def parse_until(text: str) -> dict[tuple[TopicName, PartitionId], LogOffset]:
    """``orders=1234,visits/1=99``: up to where topics are shown; without a partition it is 0. Raises INVALID."""
    found: dict[tuple[TopicName, PartitionId], LogOffset] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([^=/]+)(?:/(\d+))?=(\d+)", one)
        if match is None:
            raise illegal_argument(
                f"log.until must be TOPIC=OFFSET or TOPIC/PARTITION=OFFSET, with commas between, not [{one}]"
            )
        found[TopicName(match[1]), PartitionId(int(match[2] or 0))] = LogOffset(int(match[3]))
    return found
