"""The topics of a log that lives in this process: everything but where the records are kept."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

from pipeline.log.local_reader import LocalPartition, LocalReader
from pipeline.log.ports import PartitionReader, TopicInfo
from pipeline.log.refusals import (
    check_document_sizes,
    check_partition_count,
    log_closed,
    partition_not_found,
    topic_exists,
    topic_not_found,
    topic_recreated,
)
from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import I64, AppendBatch

P = TypeVar("P", bound=LocalPartition)


class LocalLog(Generic[P]):
    """A ``Log`` over partitions in this process, but for its health and its end.

    ``create`` makes the partitions of a new topic, ``delete`` removes what they kept
    once they are over.
    """

    def __init__(
        self,
        *,
        create: Callable[[TopicInfo], list[P]],
        delete: Callable[[list[P]], None],
        new_id: Callable[[], str],
        document_bytes_max: int,
    ) -> None:
        self._create = create
        self._delete = delete
        self._new_id = new_id
        self._document_bytes_max = document_bytes_max
        self._lock = Lock()
        self._topics: dict[TopicName, list[P]] = {}
        self._closed = False

    def create_topic(self, name: TopicName, partitions: int, config: Mapping[str, str] | None = None) -> TopicInfo:
        """Create a topic; CONFLICT if it is there."""
        check_partition_count(partitions)
        with self._lock:
            self._check_open()
            if name in self._topics:
                raise topic_exists(name)
            topic = TopicInfo(name, self._new_id(), partitions, dict(config or {}))
            self._topics[name] = self._create(topic)
        return topic

    def delete_topic(self, name: TopicName) -> None:
        """Delete a topic with its records."""
        with self._lock:
            self._check_open()
            if name not in self._topics:
                raise topic_not_found(name)
            partitions = self._topics.pop(name)
            for partition in partitions:
                partition.bounds.finish(lambda: self._gone(name))
            self._delete(partitions)

    def topic(self, name: TopicName) -> TopicInfo | None:
        """The topic, or None."""
        with self._lock:
            self._check_open()
            return self._topics[name][0].topic if name in self._topics else None

    def topics(self) -> Sequence[TopicInfo]:
        """All topics, by name."""
        with self._lock:
            self._check_open()
            return [self._topics[name][0].topic for name in sorted(self._topics)]

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Append and return the offsets once they are as durable as this log gets."""
        where = self._partition(topic, partition)
        check_document_sizes(batch, self._document_bytes_max)
        return where.append(batch)

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset still there."""
        return self._partition(topic, partition).bounds.now()[0]

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The offset after the newest durable record."""
        return self._partition(topic, partition).bounds.now()[1]

    def offset_at(self, topic: TopicName, partition: PartitionId, timestamp_ms: int) -> LogOffset | None:
        """The first offset whose record is not older than the timestamp."""
        return self._partition(topic, partition).offset_at(timestamp_ms)

    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        """Read one partition from an offset on."""
        return LocalReader(self._partition(topic, partition), start)

    def trim(self, topic: TopicName, partition: PartitionId, before: LogOffset) -> None:
        """Forget records below an offset."""
        self._partition(topic, partition).trim(before)

    def _finish_all(self) -> list[P]:
        """Wake up all readers and appenders; they are told that the log is closed."""
        with self._lock:
            self._closed = True
            partitions = self._all_partitions()
            for partition in partitions:
                partition.bounds.finish(log_closed)
        return partitions

    def _all_partitions(self) -> list[P]:
        return [partition for partitions in self._topics.values() for partition in partitions]

    def _gone(self, name: TopicName) -> SedimentError:
        # Called by readers under a partition's lock, so without the log's own: one look is atomic.
        return topic_recreated(name) if name in self._topics else topic_not_found(name)

    def _partition(self, topic: TopicName, partition: PartitionId) -> P:
        with self._lock:
            self._check_open()
            partitions = self._topics.get(topic)
            if partitions is None:
                raise topic_not_found(topic)
            if not 0 <= partition < len(partitions):
                raise partition_not_found(topic, partition, len(partitions))
            return partitions[partition]

    def _check_open(self) -> None:
        if self._closed:
            raise log_closed()
