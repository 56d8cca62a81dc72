"""A log that counts: records appended and read, and how long appends take."""

from collections.abc import Mapping, Sequence

from pipeline.log.ports import Log, LogHealth, PartitionReader, TopicInfo
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import I64, AppendBatch, RecordBatch


class MeasuredReader:
    """A reader that counts what it hands on."""

    def __init__(self, inner: PartitionReader, topic: TopicName, metrics: Metrics) -> None:
        self._inner = inner
        self._topic = topic
        self._metrics = metrics

    @property
    def position(self) -> LogOffset:
        """The offset that the next read begins at."""
        return self._inner.position

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        """The next records, counted."""
        batch = self._inner.read(records_max=records_max, bytes_max=bytes_max, timeout_s=timeout_s)
        if len(batch):
            self._metrics.add(names.LOG_READ, len(batch), topic=self._topic)
            self._metrics.add(names.LOG_READ_BYTES, batch.keys.nbytes + batch.values.nbytes, topic=self._topic)
        return batch

    def seek(self, offset: LogOffset) -> None:
        """Go on at this offset."""
        self._inner.seek(offset)

    def wake(self) -> None:
        """Do not wait any longer."""
        self._inner.wake()

    def close(self) -> None:
        """Release what reading holds."""
        self._inner.close()


class MeasuredLog:
    """Another log, with metrics; see ``Log``."""

    def __init__(self, inner: Log, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    def create_topic(self, name: TopicName, partitions: int, config: Mapping[str, str] | None = None) -> TopicInfo:
        """Create a topic; CONFLICT if it is there."""
        return self._inner.create_topic(name, partitions, config)

    def delete_topic(self, name: TopicName) -> None:
        """Delete a topic with its records."""
        self._inner.delete_topic(name)

    def topic(self, name: TopicName) -> TopicInfo | None:
        """The topic, or None."""
        return self._inner.topic(name)

    def topics(self) -> Sequence[TopicInfo]:
        """All topics, by name."""
        return self._inner.topics()

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Append and return the offsets, once the records are durable."""
        with self._metrics.timed(names.LOG_APPEND_SECONDS):
            offsets = self._inner.append(topic, partition, batch)
        self._metrics.add(names.LOG_APPENDED, len(batch), topic=topic)
        return offsets

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset still there."""
        return self._inner.begin_offset(topic, partition)

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The offset after the newest durable record."""
        return self._inner.end_offset(topic, partition)

    def offset_at(self, topic: TopicName, partition: PartitionId, timestamp_ms: int) -> LogOffset | None:
        """The first offset whose record is not older than the timestamp."""
        return self._inner.offset_at(topic, partition, timestamp_ms)

    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        """Read one partition from an offset on."""
        return MeasuredReader(self._inner.reader(topic, partition, start), topic, self._metrics)

    def trim(self, topic: TopicName, partition: PartitionId, before: LogOffset) -> None:
        """Forget records below an offset."""
        self._inner.trim(topic, partition, before)

    def health(self) -> LogHealth:
        """Whether the log can be used now."""
        return self._inner.health()

    def close(self) -> None:
        """Flush and release everything."""
        self._inner.close()
