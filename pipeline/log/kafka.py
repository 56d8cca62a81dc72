"""A log on Kafka: the only module that imports its client.

Reading: ``assign`` with our own offsets, no group, no commits, only committed records. The client's own ``position`` is
not asked: behind an aborted transaction it can skip a record.

Writing: an idempotent producer with acks=all. A thread per producer serves delivery reports.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import numpy as np
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from pipeline.log.kafka_errors import NO_TOPIC, Sparingly, refusal
from pipeline.log.kafka_reader import KafkaReader, Taken
from pipeline.log.kafka_records import Delivery
from pipeline.log.kafka_topics import TopicWatch
from pipeline.log.ports import LogHealth, PartitionReader, TopicInfo
from pipeline.log.refusals import (
    check_document_sizes,
    check_partition_count,
    log_closed,
    partition_not_found,
    topic_not_found,
)
from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.limits import DOCUMENT_BYTES_MAX
from schemas.records import I64, AppendBatch

MESSAGE_OVERHEAD_BYTES: Final = 64 << 10  # key, headers and framing of the largest document
MESSAGE_BYTES_MAX: Final = DOCUMENT_BYTES_MAX + MESSAGE_OVERHEAD_BYTES
BATCH_BYTES_MAX: Final = 1_000_000  # of one produce request; the broker's own default limit is a little higher
TOPIC_DEFAULTS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "max.message.bytes": str(MESSAGE_BYTES_MAX),
}
SERVE_SECONDS: Final = 0.2  # a producer's thread looks this often whether to stop
END_OF_PARTITION: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  its public name

LEADER_MOVES: Final = frozenset({"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "FENCED_LEADER_EPOCH"})
RETRY_SECONDS: Final = 0.05

T = TypeVar("T")
logger = logging.getLogger(__name__)
logger.addFilter(Sparingly())


def _refuse(error: object, topic: TopicName) -> SedimentError:
    assert isinstance(error, KafkaError)
    return refusal(error.name(), error.str(), topic)


class Brokers:
    """Questions and commands to the brokers, each bounded in time, each error in our words."""

    def __init__(self, settings: Mapping[str, Any], request_timeout_s: float) -> None:
        self._admin = AdminClient(dict(settings), logger=logger)
        self._timeout_s = request_timeout_s

    def _result(self, future: "Future[T]", topic: TopicName) -> T:
        try:
            return future.result(timeout=self._timeout_s + 5)
        except KafkaException as failure:
            raise _refuse(failure.args[0], topic) from failure
        except TimeoutError as failure:
            raise refusal("_TIMED_OUT", "no answer", topic) from failure

    def _or_none(self, future: "Future[T]", topic: TopicName) -> T | None:
        try:
            return self._result(future, topic)
        except SedimentError as failure:
            if failure.code == "topic_not_found":
                return None
            raise

    def create(self, name: TopicName, partitions: int, config: Mapping[str, str], replication: int) -> None:
        """Create a topic; ``replication`` -1: the brokers' default number of replicas."""
        new = NewTopic(name, partitions, replication_factor=replication, config=dict(config))
        futures = self._admin.create_topics([new], operation_timeout=self._timeout_s, request_timeout=self._timeout_s)
        self._result(futures[name], name)
        deadline = monotonic() + self._timeout_s
        while monotonic() < deadline:
            futures = self._admin.describe_topics(TopicCollection([name]), request_timeout=self._timeout_s)
            found = self._or_none(futures[name], name)
            if found and all(p.leader is not None for p in found.partitions):
                return
        raise refusal("LEADER_NOT_AVAILABLE", "no leader for the new topic's partitions", name)

    def delete(self, name: TopicName) -> None:
        """Delete a topic."""
        futures = self._admin.delete_topics([name], operation_timeout=self._timeout_s, request_timeout=self._timeout_s)
        self._result(futures[name], name)

    def names(self) -> list[TopicName]:
        """All topics but Kafka's own."""
        try:
            found = self._admin.list_topics(timeout=self._timeout_s).topics
        except KafkaException as failure:
            raise _refuse(failure.args[0], TopicName("*")) from failure
        return sorted(TopicName(name) for name in found if not name.startswith("__"))

    def shapes(self, names: Sequence[TopicName]) -> dict[TopicName, tuple[str, int] | None]:
        """Id and partition count of topics; None where there is none."""
        if not names:
            return {}
        futures = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=self._timeout_s)
        found = {name: self._or_none(futures[name], name) for name in names}
        return {name: (str(one.topic_id), len(one.partitions)) if one else None for name, one in found.items()}

    def configs(self, names: Sequence[TopicName]) -> dict[TopicName, dict[str, Any]]:
        """The configuration entries of topics; of topics that are gone, none."""
        resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in names}
        if not resources:
            return {}
        futures = self._admin.describe_configs(list(resources.values()), request_timeout=self._timeout_s)
        return {name: self._or_none(futures[r], name) or {} for name, r in resources.items()}

    def offset(self, topic: TopicName, partition: PartitionId, spec: OffsetSpec) -> int:
        """An offset of a partition, of committed records; -1: there is none."""
        where = TopicPartition(topic, partition)

        def ask() -> int:
            futures = self._admin.list_offsets(
                {where: spec},
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=self._timeout_s,
            )
            return int(self._result(futures[where], topic).offset)

        return self._patiently(ask)

    def delete_records(self, topic: TopicName, partition: PartitionId, before: int) -> None:
        """Forget what is below an offset."""
        where = TopicPartition(topic, partition, before)

        def ask() -> None:
            futures = self._admin.delete_records([where], request_timeout=self._timeout_s)
            self._result(futures[where], topic)

        self._patiently(ask)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask again while a partition is only just changing its leader."""
        deadline = monotonic() + self._timeout_s
        while True:
            try:
                return ask()
            except SedimentError as failure:
                if failure.details.get("kafka") not in LEADER_MOVES or monotonic() > deadline:
                    raise
            sleep(RETRY_SECONDS)


class Writer:
    """A producer and the thread that serves its delivery reports."""

    def __init__(self, settings: Mapping[str, Any], message_bytes_max: int, append_timeout_s: float) -> None:
        self._timeout_s = append_timeout_s
        self._stopping = False
        self.broken = False
        own = {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 1,
            "delivery.timeout.ms": int(append_timeout_s * 1000),
            "request.timeout.ms": int(append_timeout_s * 1000),
            "message.max.bytes": message_bytes_max,
            "batch.size": min(BATCH_BYTES_MAX, message_bytes_max),
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 256 << 10,
            "error_cb": self._notice,
        }
        self._producer = Producer({**settings, **own}, logger=logger)
        self._thread = Thread(target=self._serve, name="kafka-delivery", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopping:
            self._producer.poll(SERVE_SECONDS)

    def _notice(self, error: KafkaError) -> None:
        if error.fatal():
            self.broken = True

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Produce all records and wait until the last is durable."""
        delivery = Delivery(len(batch), lambda error: _refuse(error, topic))
        deadline = monotonic() + self._timeout_s
        produce, report, headers = self._producer.produce, delivery.report, batch.headers
        rows = zip(batch.values.to_list(), batch.keys.to_list(), batch.timestamps_ms.tolist(), strict=True)
        for row, (value, key, timestamp) in enumerate(rows):
            more: dict[str, Any] = {"timestamp": timestamp, "on_delivery": report}
            if row in headers:
                more["headers"] = list(headers[row])
            while True:
                try:
                    produce(topic, value, key, partition, **more)
                    break
                except BufferError:
                    self._wait_for_room(topic, deadline)
                except KafkaException as failure:
                    self._wait_for_partition(topic, failure, deadline)
        if not delivery.wait(self._timeout_s + 5):
            raise refusal("_TIMED_OUT", "no delivery report", topic)
        return delivery.offsets()

    def _wait_for_room(self, topic: TopicName, deadline: float) -> None:
        if monotonic() > deadline:
            raise refusal("_QUEUE_FULL", "the producer's queue stays full", topic)
        self._producer.poll(0.01)

    def _wait_for_partition(self, topic: TopicName, failure: KafkaException, deadline: float) -> None:
        """Let the producer learn of a partition that the brokers know already; raise what else is wrong."""
        error = failure.args[0]
        if error.name() not in NO_TOPIC or monotonic() > deadline:
            raise _refuse(error, topic) from failure
        self._producer.list_topics(topic, timeout=self._timeout_s)
        sleep(RETRY_SECONDS)

    def abandon(self) -> None:
        """Give up after a fatal error: what is queued fails."""
        self._producer.purge()
        self._stopping = True

    def close(self) -> None:
        """Send what is queued, within the timeout."""
        self._producer.flush(self._timeout_s)
        self._stopping = True
        self._thread.join()


class PartitionFeed:
    """A consumer of one partition, without a group."""

    def __init__(self, settings: Mapping[str, Any], topic: TopicName, partition: PartitionId) -> None:
        self._topic = topic
        self._partition = partition
        own = {
            "group.id": f"{settings['client.id']}-reader",  # required, not used
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "check.crcs": True,
            "fetch.wait.max.ms": 10,  # its default of 500 would be the write latency
            "fetch.queue.backoff.ms": 20,
            "max.partition.fetch.bytes": 4 << 20,
            "queued.max.messages.kbytes": 32 << 10,
        }
        self._consumer = Consumer({**settings, **own}, logger=logger)

    def assign(self, offset: LogOffset) -> None:
        """Fetch from this offset on."""
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def take(self, records_max: int, wait_s: float) -> Taken:
        """What is there, or comes within the time."""
        # consume() alone would wait for its whole timeout when fewer records come.
        first = self._consumer.poll(wait_s)
        if first is None:
            return Taken(())
        messages = [first]
        if records_max > 1:
            messages += self._consumer.consume(records_max - 1, 0.0)
        errors = [error for message in messages if (error := message.error()) is not None]
        if not errors:
            return Taken(messages)
        events = [m for m in messages if m.error() is not None]
        return Taken(
            [m for m in messages if m.error() is None],
            [e.offset() for e in events if e.error().code() == END_OF_PARTITION],
            [(e.name(), e.str()) for e in errors if e.code() != END_OF_PARTITION],
        )

    def close(self) -> None:
        """Stop fetching."""
        self._consumer.close()


class KafkaLog:
    """A ``Log`` whose topics are Kafka's. ``settings`` are more client settings (security, for the most part)."""

    def __init__(  # noqa: PLR0913 - options, keyword-only
        self,
        bootstrap: str,
        *,
        client_id: str = "sediment",
        settings: Mapping[str, str] | None = None,
        append_timeout_s: float = 30.0,
        request_timeout_s: float = 5.0,
        document_bytes_max: int = DOCUMENT_BYTES_MAX,
        replication: int = -1,
    ) -> None:
        self._settings: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "client.id": client_id,
            "reconnect.backoff.max.ms": 1000,
            **(settings or {}),
        }
        self._append_timeout_s = append_timeout_s
        self._replication = replication
        self._document_bytes_max = document_bytes_max
        self._brokers = Brokers(self._settings, request_timeout_s)
        self._watch = TopicWatch(self._ids, monotonic)
        self._lock = Lock()
        self._writers: dict[int, Writer] = {}
        self._known: dict[TopicName, tuple[TopicInfo, int]] = {}
        self._readers: set[KafkaReader] = set()
        self._closed = False

    def create_topic(self, name: TopicName, partitions: int, config: Mapping[str, str] | None = None) -> TopicInfo:
        """Create a topic that keeps its records for ever, unless the configuration says otherwise."""
        self.check_open()
        check_partition_count(partitions)
        self._brokers.create(name, partitions, {**TOPIC_DEFAULTS, **(config or {})}, self._replication)
        self._forget_topic(name)
        return self._topic(name, 0)[0]

    def delete_topic(self, name: TopicName) -> None:
        """Delete a topic with its records."""
        self.check_open()
        self._brokers.delete(name)
        self._forget_topic(name)

    def topic(self, name: TopicName) -> TopicInfo | None:
        """The topic as the brokers know it now."""
        self.check_open()
        return self._describe([name]).get(name, (None, 0))[0]

    def topics(self) -> Sequence[TopicInfo]:
        """All topics but Kafka's own, by name."""
        self.check_open()
        return [info for info, _ in self._describe(self._brokers.names()).values()]

    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> I64:
        """Append and return the offsets once all in-sync replicas have the records."""
        _, message_bytes_max = self._topic(topic, partition)
        overhead = min(MESSAGE_OVERHEAD_BYTES, message_bytes_max // 16)
        limit = min(self._document_bytes_max, message_bytes_max - overhead)
        check_document_sizes(batch, limit)
        writer = self._writer(message_bytes_max)
        try:
            return writer.append(topic, partition, batch) if len(batch) else np.zeros(0, np.int64)
        except SedimentError as failure:
            if failure.code in ("topic_not_found", "document_too_large"):
                self._forget_topic(topic)
            raise

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset still there."""
        return self._offset(topic, partition, OffsetSpec.earliest())

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The last stable offset: all before it is committed or aborted."""
        return self._offset(topic, partition, OffsetSpec.latest())

    def offset_at(self, topic: TopicName, partition: PartitionId, timestamp_ms: int) -> LogOffset | None:
        """The first offset whose record is not older than the timestamp."""
        spec = OffsetSpec.for_timestamp(max(timestamp_ms, 0))
        found = self._offset(topic, partition, spec)
        return found if found >= 0 else None

    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        """Read one partition from an offset on."""
        self.check_open()
        self._forget_topic(topic)  # its id has to be the one of now
        info, _ = self._topic(topic, partition)
        self._watch.add(topic)
        feed = PartitionFeed(self._settings, topic, partition)
        reader = KafkaReader(self, feed, info, partition, start=start, closed=self._reader_closed)
        with self._lock:
            self._readers.add(reader)
        return reader

    def trim(self, topic: TopicName, partition: PartitionId, before: LogOffset) -> None:
        """Forget records below an offset, exactly."""
        end = self.end_offset(topic, partition)
        if before > self.begin_offset(topic, partition):
            self._brokers.delete_records(topic, partition, min(before, end))

    def health(self) -> LogHealth:
        """Whether the brokers answer."""
        try:
            self.check_open()
            self._brokers.names()
        except SedimentError as failure:
            return LogHealth(healthy=False, reason=failure.message)
        return LogHealth(healthy=True)

    def close(self) -> None:
        """Send what is queued, wake up and close all readers."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            writers, readers = list(self._writers.values()), list(self._readers)
        for writer in writers:
            writer.close()
        for reader in readers:
            reader.close()

    def check_open(self) -> None:
        """Raise if the log was closed."""
        if self._closed:
            raise log_closed()

    def topic_id(self, topic: TopicName, age_s_max: float) -> str | None:
        """The topic's id now, or as it was at most this long ago."""
        return self._watch.topic_id(topic, age_s_max)

    def _reader_closed(self, reader: KafkaReader) -> None:
        self._watch.remove(reader.topic.name)
        with self._lock:
            self._readers.discard(reader)

    def _ids(self, names: Sequence[TopicName]) -> dict[TopicName, str | None]:
        shapes = self._brokers.shapes(names)
        return {name: shape[0] if shape else None for name, shape in shapes.items()}

    def _describe(self, names: Sequence[TopicName]) -> dict[TopicName, tuple[TopicInfo, int]]:
        """Topics and the largest message each takes."""
        shapes = {n: shape for n, shape in self._brokers.shapes(names).items() if shape}
        configs = self._brokers.configs(list(shapes))
        found = {}
        for name, (topic_id, partitions) in shapes.items():
            entries = configs[name]
            source = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
            config = {key: e.value for key, e in entries.items() if e.source == source}
            limit = entries["max.message.bytes"].value if entries else MESSAGE_BYTES_MAX
            found[name] = (TopicInfo(name, topic_id, partitions, config), int(limit))
        return found

    def _topic(self, name: TopicName, partition: int) -> tuple[TopicInfo, int]:
        """What is known of a topic, asked once; asked again for a partition that was not there."""
        self.check_open()
        known = self._known.get(name)
        if known is None or partition >= known[0].partitions:
            known = self._describe([name]).get(name)
            if known is None:
                raise topic_not_found(name)
            self._known[name] = known
        if not 0 <= partition < known[0].partitions:
            raise partition_not_found(name, partition, known[0].partitions)
        return known

    def _forget_topic(self, name: TopicName) -> None:
        self._known.pop(name, None)

    def _offset(self, topic: TopicName, partition: PartitionId, spec: OffsetSpec) -> LogOffset:
        self._topic(topic, partition)
        try:
            return LogOffset(self._brokers.offset(topic, partition, spec))
        except SedimentError:
            self._forget_topic(topic)
            raise

    def _writer(self, message_bytes_max: int) -> Writer:
        """The producer for topics that take messages of this size; a broken one is replaced."""
        with self._lock:
            self.check_open()
            writer = self._writers.get(message_bytes_max)
            if writer is not None and writer.broken:
                writer.abandon()
                writer = None
            if writer is None:
                writer = Writer(self._settings, message_bytes_max, self._append_timeout_s)
                self._writers[message_bytes_max] = writer
            return writer
