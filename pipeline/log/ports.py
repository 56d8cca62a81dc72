"""What the rest may ask of a log: topics, append, read. Three adapters pass one contract suite.

Every call blocks and may be made from any thread; a ``PartitionReader`` belongs to one thread at a time.
An adapter raises ``SedimentError`` only: kind UNAVAILABLE while a broker or disk is away, NOT_FOUND for an unknown
topic, CONFLICT for a topic that exists, INVALID with code ``offset_out_of_range``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import I64, AppendBatch, RecordBatch


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic as the log knows it; ``topic_id`` changes when a topic is deleted and created again."""

    name: TopicName
    topic_id: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Damage found in a stored log: what was skipped, exactly."""

    topic: TopicName
    partition: PartitionId
    file: str
    byte_start: int
    byte_end: int
    first_offset: int
    next_offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class LogHealth:
    """Whether the log can be written and read now, and why not; and the bytes of records that it keeps in memory for readers."""

    healthy: bool
    reason: str = ""
    skipped: Sequence[Skipped] = ()
    cached_bytes: int = 0


class PartitionReader(Protocol):
    """Reads one partition in order, from a given offset, only what is durable and committed."""

    @property
    def position(self) -> LogOffset:
        """The offset that the next read begins at."""
        ...

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        """The next records, at least one if any arrives within the timeout (0: do not wait); else an empty batch.

        A single record larger than ``bytes_max`` is returned alone. Raises ``offset_out_of_range`` when the log
        no longer (or not yet) has the position, ``topic_recreated`` (CONFLICT) when the topic has another id
        than at opening, ``topic_not_found`` when it is gone.
        """
        ...

    def seek(self, offset: LogOffset) -> None:
        """Go on at this offset."""
        ...

    def wake(self) -> None:
        """Let a read that waits return what there is, at once (Kafka: within 0.2 s); where none waits, the next one. From any thread."""
        ...

    def close(self) -> None:
        """Release what reading holds."""
        ...


class Log(Protocol):
    """Topics of append-only partitions."""

    def create_topic(self, name: TopicName, partitions: int, config: Mapping[str, str] | None = None) -> TopicInfo:
        """Create a topic; CONFLICT (``topic_exists``) if it is there."""
        ...

    def delete_topic(self, name: TopicName) -> None:
        """Delete a topic with its records; NOT_FOUND if it is not there."""
        ...

    def topic(self, name: TopicName) -> TopicInfo | None:
        """The topic, or None."""
        ...

    def topics(self) -> Sequence[TopicInfo]:
        """All topics, by name."""
        ...

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Append and return the records' offsets, int64[n], ascending, once they are durable.

        Concurrent appends share one fsync (group commit). A failed append raises and none of its records is
        ever readable, or (where that cannot be known, as with a broker that went away) raises UNAVAILABLE.
        """
        ...

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset still there (equal to the end offset when empty)."""
        ...

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The offset after the newest durable, committed record."""
        ...

    def offset_at(self, topic: TopicName, partition: PartitionId, timestamp_ms: int) -> LogOffset | None:
        """The first offset whose record is not older than the timestamp; None if there is none."""
        ...

    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        """Read one partition from an offset on; any number of readers at a time."""
        ...

    def trim(self, topic: TopicName, partition: PartitionId, before: LogOffset) -> None:
        """Forget records below an offset (best effort: at file granularity where that is cheaper)."""
        ...

    def health(self) -> LogHealth:
        """Whether the log can be used now."""
        ...

    def close(self) -> None:
        """Flush and release everything."""
        ...
