"""The log on Kafka: the contract against a real broker, and what only Kafka does."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from pipeline.log.kafka import KafkaLog
from pipeline.log.ports import Log
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import RecordBatch
from tests.contracts.log_contract import BYTES_MAX, P0, LogContract, append_batch, read_until
from tests.kafka_broker import JvmBroker, NoBrokerError

RECOVERS_SECONDS_MAX = 60
T = TypeVar("T")


class TestKafkaLog(LogContract):
    """The contract. One broker for all; topics have names of their own."""

    exact_trim = True

    @pytest.fixture
    def log(self, kafka: str) -> Iterator[Log]:
        """A client of its own for each test."""
        log = KafkaLog(kafka)
        yield log
        log.close()

    @pytest.fixture
    def reopen(self, kafka: str) -> Callable[[Log], Log]:
        """Another client."""

        def again(log: Log) -> Log:
            log.close()
            return KafkaLog(kafka)

        return again

    @pytest.fixture
    def transactions(self, kafka: str, log: Log, topic: TopicName) -> Callable[[list[tuple[bytes, bool]]], None]:
        """Produce values to the topic, each in a transaction that is committed or aborted."""
        client = {"bootstrap.servers": kafka, "transactional.id": f"tests-{topic}"}
        producer = Producer(client)
        producer.init_transactions(60)

        def produce(values: list[tuple[bytes, bool]]) -> None:
            for value, committed in values:
                end = log.end_offset(topic, P0)
                producer.begin_transaction()
                producer.produce(topic, value, partition=0)
                producer.flush()
                if committed:
                    producer.commit_transaction()
                else:
                    producer.abort_transaction()
                while log.end_offset(topic, P0) < end + 2:  # the marker is written a little later
                    time.sleep(0.01)

        return produce

    def test_aborted_transactions_leave_gaps_that_reading_passes(
        self,
        log: Log,
        topic: TopicName,
        transactions: Callable[[list[tuple[bytes, bool]]], None],
    ) -> None:
        """Markers and aborted records take offsets; none is read, no record behind them is missed."""
        transactions([(b"a", True), (b"lost", False), (b"b", True), (b"lost", False)])
        log.append(topic, P0, append_batch([b"plain"]))
        transactions([(b"lost", False), (b"c", True), (b"lost", False), (b"lost", False)])
        end = log.end_offset(topic, P0)
        assert end == 8 + 1 + 8
        found = [(row[0], row[2]) for row in read_until(log.reader(topic, P0, LogOffset(0)), end)]
        assert found == [(0, b"a"), (4, b"b"), (8, b"plain"), (11, b"c")]
        for start in range(end + 1):
            reader = log.reader(topic, P0, LogOffset(start))
            rest = [(row[0], row[2]) for row in read_until(reader, end, records_max=1)]
            assert rest == [row for row in found if row[0] >= start]
            assert reader.position == end
            reader.close()

    def test_behind_an_aborted_end_the_next_record_is_not_skipped(
        self,
        log: Log,
        topic: TopicName,
        transactions: Callable[[list[tuple[bytes, bool]]], None],
    ) -> None:
        """The end event says where the log ends; a record appended there is read, also by a new reader."""
        transactions([(b"a", True)] + [(b"lost", False)] * 5)
        reader = log.reader(topic, P0, LogOffset(0))
        assert len(read_until(reader, log.end_offset(topic, P0))) == 1
        position = reader.position
        assert position == 12
        assert log.append(topic, P0, append_batch([b"next"])).tolist() == [12]
        for one in (reader, log.reader(topic, P0, position)):
            assert [(row[0], row[2]) for row in read_until(one, 13)] == [(12, b"next")]

    def test_records_of_an_open_transaction_are_not_read(self, kafka: str, log: Log, topic: TopicName) -> None:
        """The end is the last stable offset, until the transaction is committed."""
        producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"open-{topic}"})
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(topic, b"later", partition=0)
        producer.flush()
        reader = log.reader(topic, P0, LogOffset(0))
        assert log.end_offset(topic, P0) == 0
        assert len(reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=0.5)) == 0
        producer.commit_transaction()
        assert [row[2] for row in read_until(reader, 2)] == [b"later"]

    def test_a_topic_with_a_small_limit_refuses_larger_documents(self, log: Log) -> None:
        """The topic's own max.message.bytes counts; what is below it goes through in any number."""
        topic = TopicName(f"small-{uuid4().hex[:12]}")
        log.create_topic(topic, 1, {"max.message.bytes": "20000"})
        batch = append_batch([b"a", bytes(20_001)])
        error = self.refused(ErrorKind.TOO_LARGE, "document_too_large", lambda: log.append(topic, P0, batch))
        assert error.details["row"] == 1
        assert log.end_offset(topic, P0) == 0
        values: list[bytes | None] = [uuid4().bytes * 900] * 50
        assert log.append(topic, P0, append_batch(values)).tolist() == list(range(50))

    def test_the_largest_document_passes(self, log: Log, topic: TopicName) -> None:
        """16 MiB that do not compress, beside small ones."""
        big = b"".join(uuid4().bytes for _ in range(1 << 10)) * (1 << 10)
        assert len(big) == 16 << 20
        log.append(topic, P0, append_batch([b"a", big, b"b"]))
        found = read_until(log.reader(topic, P0, LogOffset(0)), 3)
        assert [row[2] for row in found] == [b"a", big, b"b"]

    def test_topics_keep_their_records_for_ever_by_default(self, log: Log) -> None:
        """Unless the configuration says otherwise; what Kafka does not know is refused."""
        topic = TopicName(f"kept-{uuid4().hex[:12]}")
        config = log.create_topic(topic, 1).config
        assert (config["cleanup.policy"], config["retention.ms"]) == ("delete", "-1")
        other = TopicName(f"odd-{uuid4().hex[:12]}")
        self.refused(
            ErrorKind.INVALID,
            "illegal_argument",
            lambda: log.create_topic(other, 1, {"no.such.setting": "1"}),
        )

    def test_partitions_added_by_others_are_found(self, kafka: str, log: Log) -> None:
        """The log asks again before it says that a partition is not there."""
        topic = TopicName(f"grows-{uuid4().hex[:12]}")
        log.create_topic(topic, 1)
        log.append(topic, P0, append_batch([b"a"]))
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.create_partitions([NewPartitions(topic, 2)])[topic].result()
        deadline = time.monotonic() + 10
        while (info := log.topic(topic)) and info.partitions < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert log.append(topic, PartitionId(1), append_batch([b"b"])).tolist() == [0]


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_unavailable() -> None:
    """Every call ends within its timeout and says what to check."""
    log = KafkaLog("127.0.0.1:1", request_timeout_s=1.0, append_timeout_s=1.0)
    topic, zero = TopicName("any"), LogOffset(0)
    calls: list[Callable[[], object]] = [
        lambda: log.topic(topic),
        log.topics,
        lambda: log.create_topic(topic, 1),
        lambda: log.append(topic, P0, append_batch([b"x"])),
        lambda: log.reader(topic, P0, zero),
        lambda: log.end_offset(topic, P0),
    ]
    for call in calls:
        before = time.monotonic()
        with pytest.raises(SedimentError, match="check that the brokers run") as caught:
            call()
        assert caught.value.kind == ErrorKind.UNAVAILABLE
        assert time.monotonic() - before < 5
    assert not log.health().healthy
    log.close()


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_that_is_killed_comes_back(tmp_path: Path) -> None:
    """While it is away: UNAVAILABLE within the timeouts. Then log and reader go on; nothing acknowledged is lost."""
    try:
        broker = JvmBroker(tmp_path)
    except NoBrokerError as missing:
        pytest.skip(str(missing))
    try:
        broker.start()
        log = KafkaLog(broker.bootstrap, request_timeout_s=2.0, append_timeout_s=3.0)
        topic = TopicName("killed")
        log.create_topic(topic, 1)
        reader = log.reader(topic, P0, LogOffset(0))

        def read() -> RecordBatch:
            return reader.read(records_max=1000, bytes_max=BYTES_MAX, timeout_s=1.0)

        log.append(topic, P0, append_batch([b"before"] * 100))
        assert len(read_until(reader, 100)) == 100
        broker.kill()
        is_refused(lambda: log.append(topic, P0, append_batch([b"away"])))
        is_refused(lambda: [read() for _ in range(10)])
        assert not log.health().healthy
        broker.start()
        offset = when_back(lambda: log.append(topic, P0, append_batch([b"after"])))[0]
        found: list[bytes | None] = []
        while reader.position <= offset:
            found += when_back(read).values.to_list()
        assert found[-1] == b"after"
        assert set(found[:-1]) <= {b"away"}
        assert log.health().healthy
        everything = read_until(log.reader(topic, P0, LogOffset(0)), int(offset) + 1)
        assert [row[2] for row in everything] == [b"before"] * 100 + found
        log.close()
    finally:
        broker.kill()


def is_refused(call: Callable[[], object]) -> None:
    """The call is refused as something that may succeed later, in time."""
    before = time.monotonic()
    with pytest.raises(SedimentError) as caught:
        call()
    assert caught.value.kind == ErrorKind.UNAVAILABLE
    assert time.monotonic() - before < 15


def when_back(call: Callable[[], T]) -> T:
    """The call's answer, as soon as it is not refused any more."""
    deadline = time.monotonic() + RECOVERS_SECONDS_MAX
    while True:
        try:
            return call()
        except SedimentError as failure:
            if failure.kind != ErrorKind.UNAVAILABLE or time.monotonic() > deadline:
                raise


def test_appends_of_several_threads_to_several_partitions(kafka: str) -> None:
    """One producer for all; each partition has each thread's records in order."""
    log = KafkaLog(kafka)
    topic = TopicName(f"threads-{uuid4().hex[:12]}")
    log.create_topic(topic, 3)

    def work(number: int) -> None:
        for i in range(30):
            log.append(topic, PartitionId(i % 3), append_batch([b"%d %d" % (number, i)]))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    for p in range(3):
        found = read_until(log.reader(topic, PartitionId(p), LogOffset(0)), 60)
        for number in range(6):
            own = [row[2] for row in found if (row[2] or b"").startswith(b"%d " % number)]
            assert own == [b"%d %d" % (number, i) for i in range(p, 30, 3)]
    log.close()
