"""What every log keeps: one suite, subclassed once per adapter."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import numpy as np
import pytest

from pipeline.log.ports import Log, PartitionReader
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import AppendBatch, ByteColumn, Headers, RecordBatch

P0 = PartitionId(0)
BYTES_MAX = 16 << 20
ARRIVES_SECONDS_MAX = 10.0  # for records that are there, on a busy machine
Row = tuple[int, bytes | None, bytes | None, int, Headers]


def append_batch(
    values: list[bytes | None],
    *,
    keys: list[bytes | None] | None = None,
    timestamps_ms: list[int] | None = None,
    headers: dict[int, Headers] | None = None,
) -> AppendBatch:
    """A batch from Python values; timestamps count from 1,000."""
    count = len(values)
    return AppendBatch(
        ByteColumn.of(keys if keys is not None else [b"k%d" % i for i in range(count)]),
        ByteColumn.of(values),
        np.array(timestamps_ms or range(1000, 1000 + count), np.int64)[:count],
        headers or {},
    )


def rows(batch: RecordBatch) -> list[Row]:
    """A batch as Python values: offset, key, value, timestamp, headers."""
    return [
        (
            int(batch.offsets[i]),
            batch.keys[i],
            batch.values[i],
            int(batch.timestamps_ms[i]),
            tuple(batch.headers.get(i, ())),
        )
        for i in range(len(batch))
    ]


def read_until(
    reader: PartitionReader, end: int, *, records_max: int = 10_000, bytes_max: int = BYTES_MAX
) -> list[Row]:
    """All records up to an offset; what comes of each read is checked against the port."""
    found: list[Row] = []
    deadline = time.monotonic() + ARRIVES_SECONDS_MAX
    while reader.position < end:
        assert time.monotonic() < deadline, f"stuck at {reader.position} of {end}"
        before = reader.position
        batch = reader.read(records_max=records_max, bytes_max=bytes_max, timeout_s=1.0)
        assert len(batch) <= records_max
        assert batch.next_offset == reader.position >= before
        if len(batch):
            assert batch.offsets[0] >= before
            assert batch.offsets[-1] < batch.next_offset
        assert len(batch) <= 1 or batch.keys.nbytes + batch.values.nbytes <= bytes_max
        found += rows(batch)
    return found


class LogContract:
    """Subclasses give ``log`` and, where closing keeps the records, ``reopen``."""

    exact_trim = False

    @pytest.fixture
    def log(self) -> Iterator[Log]:
        """The adapter, empty or shared with other tests."""
        raise NotImplementedError

    @pytest.fixture
    def reopen(self) -> Callable[[Log], Log] | None:
        """Close a log and open it again; None where nothing remains."""
        return None

    @pytest.fixture
    def topic(self, log: Log) -> TopicName:
        """A new topic of two partitions."""
        name = TopicName(f"topic-{uuid4().hex[:12]}")
        log.create_topic(name, 2)
        return name

    def refused(self, kind: ErrorKind, code: str, call: Callable[[], object]) -> SedimentError:
        """The call raises this kind with this code, and a message for a person."""
        with pytest.raises(SedimentError) as caught:
            call()
        assert (caught.value.kind, caught.value.code) == (kind, code), caught.value
        assert caught.value.message
        return caught.value

    def test_topics_are_created_once_and_listed_by_name(self, log: Log) -> None:
        """A topic has an id, a partition count and its configuration; a second one of the name is refused."""
        names = [TopicName(f"{prefix}-{uuid4().hex[:12]}") for prefix in "ba"]
        made = [log.create_topic(name, 3, {"retention.ms": "86400000"}) for name in names]
        assert [t.partitions for t in made] == [3, 3]
        assert made[0].topic_id != made[1].topic_id
        assert made[0].config["retention.ms"] == "86400000"
        self.refused(ErrorKind.CONFLICT, "topic_exists", lambda: log.create_topic(names[0], 1))
        listed = [t.name for t in log.topics()]
        assert [name for name in listed if name in names] == sorted(names)
        assert log.topic(names[0]) == made[0]
        log.delete_topic(names[0])
        assert log.topic(names[0]) is None
        assert names[0] not in [t.name for t in log.topics()]

    def test_unknown_topics_and_partitions_are_refused(self, log: Log, topic: TopicName) -> None:
        """Nothing is created in passing."""
        nowhere = TopicName("nowhere-" + uuid4().hex[:12])
        batch = append_batch([b"x"])
        missing, code = ErrorKind.NOT_FOUND, "topic_not_found"
        assert log.topic(nowhere) is None
        self.refused(missing, code, lambda: log.append(nowhere, P0, batch))
        self.refused(missing, code, lambda: log.begin_offset(nowhere, P0))
        self.refused(missing, code, lambda: log.end_offset(nowhere, P0))
        self.refused(missing, code, lambda: log.offset_at(nowhere, P0, 0))
        self.refused(missing, code, lambda: log.reader(nowhere, P0, LogOffset(0)))
        self.refused(missing, code, lambda: log.trim(nowhere, P0, LogOffset(0)))
        self.refused(missing, code, lambda: log.delete_topic(nowhere))
        code = "partition_not_found"
        for number in (2, -1):
            where = PartitionId(number)
            self.refused(missing, code, lambda where=where: log.append(topic, where, batch))
            self.refused(missing, code, lambda where=where: log.end_offset(topic, where))
        self.refused(ErrorKind.INVALID, "invalid_partitions", lambda: log.create_topic(nowhere, 0))

    def test_append_returns_offsets_in_order_per_partition(self, log: Log, topic: TopicName) -> None:
        """Offsets ascend from where the partition ended; the other partition has its own."""
        p1 = PartitionId(1)
        first = log.append(topic, P0, append_batch([b"a", b"b"]))
        other = log.append(topic, p1, append_batch([b"c"]))
        second = log.append(topic, P0, append_batch([b"d"]))
        assert first.dtype == np.int64
        assert [*first, *second] == [0, 1, 2]
        assert list(other) == [0]
        assert (log.end_offset(topic, P0), log.end_offset(topic, p1)) == (3, 1)
        assert log.begin_offset(topic, P0) == 0

    def test_an_empty_batch_changes_nothing(self, log: Log, topic: TopicName) -> None:
        """No records in, no offsets out."""
        offsets = log.append(topic, P0, append_batch([]))
        assert len(offsets) == 0
        assert log.end_offset(topic, P0) == 0

    def test_records_come_back_as_they_were(self, log: Log, topic: TopicName) -> None:
        """Null is not empty; bytes, timestamps and headers (repeated names, order) survive."""
        keys: list[bytes | None] = [b"k", None, b"", b"\x00\xff", None]
        values: list[bytes | None] = [b"v", b"", None, bytes(range(256)), None]
        times = [5, 1, 1_700_000_000_000, 7, 7]
        headers: dict[int, Headers] = {
            1: (("op", b"create"), ("x", b""), ("op", b"again")),
            4: (("tr\u00e4ce", b"\xff\x00"),),
        }
        log.append(topic, P0, append_batch([b"before"]))
        log.append(topic, P0, append_batch(values, keys=keys, timestamps_ms=times, headers=headers))
        found = read_until(log.reader(topic, P0, LogOffset(1)), 6)
        expected = zip(range(1, 6), keys, values, times, strict=True)
        assert found == [(*row, headers.get(i, ())) for i, row in enumerate(expected)]

    def test_columns_are_padded_and_slices_of_appended_ones_are_cut(self, log: Log, topic: TopicName) -> None:
        """Only the named rows of a shared buffer are stored; what is read may be read beyond its end."""
        column = ByteColumn.of([b"no", b"yes", b"and", b"no"])
        times = np.arange(2, dtype=np.int64)
        log.append(topic, P0, AppendBatch(column.slice(1, 3), column.slice(1, 3), times))
        batch = log.reader(topic, P0, LogOffset(0)).read(
            records_max=10, bytes_max=BYTES_MAX, timeout_s=ARRIVES_SECONDS_MAX
        )
        assert batch.values.to_list() == batch.keys.to_list() == [b"yes", b"and"]
        for columns in (batch.keys, batch.values):
            assert len(columns.data) >= columns.starts[-1] + 128

    def test_the_caller_may_reuse_its_buffers(self, log: Log, topic: TopicName) -> None:
        """What was appended does not change with the array it came from."""
        batch = append_batch([b"kept"])
        values = ByteColumn(batch.values.data.copy(), batch.values.starts.copy())
        log.append(topic, P0, AppendBatch(batch.keys, values, batch.timestamps_ms))
        values.data[:4] = 0
        assert read_until(log.reader(topic, P0, LogOffset(0)), 1)[0][2] == b"kept"

    def test_reading_begins_at_any_offset_and_keeps_the_limits(self, log: Log, topic: TopicName) -> None:
        """Whatever the start and the limits: the same records, in order, none twice."""
        for start in (0, 5, 12):
            log.append(topic, P0, append_batch([b"v%02d" % i for i in range(start, start + 7)]))
        everything = read_until(log.reader(topic, P0, LogOffset(0)), 21)
        assert [row[0] for row in everything] == list(range(21))
        reader = log.reader(topic, P0, LogOffset(0))
        for start in (0, 3, 6, 7, 8, 13, 14, 20):
            for records_max, bytes_max in ((1, BYTES_MAX), (4, BYTES_MAX), (100, 11), (100, 1)):
                reader.seek(LogOffset(start))
                found = read_until(reader, 21, records_max=records_max, bytes_max=bytes_max)
                assert found == everything[start:]
        reader.close()

    def test_a_record_above_the_byte_limit_comes_alone(self, log: Log, topic: TopicName) -> None:
        """A reader never starves on a record, however small its limit."""
        big = bytes(300_000)
        log.append(topic, P0, append_batch([b"a", big, b"b"]))
        reader = log.reader(topic, P0, LogOffset(0))
        sizes = []
        while reader.position < 3:
            batch = reader.read(records_max=10, bytes_max=1000, timeout_s=ARRIVES_SECONDS_MAX)
            sizes.append([len(value or b"") for value in batch.values.to_list()])
        assert [size for size in sizes if size] == [[1], [300_000], [1]]

    def test_large_batches_are_joined_to_what_the_limits_allow(self, log: Log, topic: TopicName) -> None:
        """10,000 records in one batch, and thousands in small ones, read back completely."""
        values: list[bytes | None] = [b"%06d" % i * 20 for i in range(10_000)]
        log.append(topic, P0, append_batch(values))
        for i in range(100):
            log.append(topic, P0, append_batch([b"small %d" % i]))
        found = read_until(log.reader(topic, P0, LogOffset(0)), 10_100)
        assert [row[2] for row in found[:10_000]] == values
        assert [row[0] for row in found] == list(range(10_100))

    def test_a_document_above_the_limit_is_too_large(self, log: Log, topic: TopicName) -> None:
        """The whole batch is refused, nothing of it is stored."""
        batch = append_batch([b"a", bytes((16 << 20) + 1)])
        error = self.refused(ErrorKind.TOO_LARGE, "document_too_large", lambda: log.append(topic, P0, batch))
        assert error.details["row"] == 1
        assert log.end_offset(topic, P0) == 0

    def test_a_time_finds_the_first_offset_that_is_not_older(self, log: Log, topic: TopicName) -> None:
        """Also where timestamps go back; none where all are older."""
        assert log.offset_at(topic, P0, 0) is None
        log.append(topic, P0, append_batch([b"a", b"b"], timestamps_ms=[100, 200]))
        log.append(topic, P0, append_batch([b"c"], timestamps_ms=[150]))
        log.append(topic, P0, append_batch([b"d", b"e"], timestamps_ms=[300, 400]))
        found = [log.offset_at(topic, P0, t) for t in (0, 100, 101, 200, 201, 300, 400, 401)]
        assert found == [0, 0, 1, 1, 3, 3, 4, None]

    def test_readers_are_independent(self, log: Log, topic: TopicName) -> None:
        """Several readers of one partition, each with its own position."""
        log.append(topic, P0, append_batch([b"%d" % i for i in range(10)]))
        one, two = (log.reader(topic, P0, LogOffset(start)) for start in (0, 5))
        first = one.read(records_max=3, bytes_max=BYTES_MAX, timeout_s=ARRIVES_SECONDS_MAX)
        assert [row[0] for row in rows(first)] == [0, 1, 2]
        assert [row[0] for row in read_until(two, 10)] == [5, 6, 7, 8, 9]
        assert one.position == 3
        one.close()
        assert read_until(log.reader(topic, P0, LogOffset(3)), 10)[0][0] == 3
        two.seek(LogOffset(9))
        assert [row[0] for row in read_until(two, 10)] == [9]
        two.close()

    def test_an_empty_read_returns_at_its_timeout(self, log: Log, topic: TopicName) -> None:
        """At the end there is nothing, now or within the time given."""
        reader = log.reader(topic, P0, LogOffset(0))
        for timeout_s in (0.0, 0.2):
            before = time.monotonic()
            batch = reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=timeout_s)
            assert len(batch) == len(batch.keys) == len(batch.values) == 0
            assert batch.next_offset == reader.position == 0
            assert timeout_s * 0.9 <= time.monotonic() - before < timeout_s + 2

    def test_a_waiting_read_wakes_up_when_something_is_appended(self, log: Log, topic: TopicName) -> None:
        """Promptly: long before its timeout."""
        reader = log.reader(topic, P0, LogOffset(0))
        reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=0.5)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(reader.read, records_max=10, bytes_max=BYTES_MAX, timeout_s=60.0)
            time.sleep(0.2)
            assert not waiting.done()
            log.append(topic, P0, append_batch([b"news"]))
            appended = time.monotonic()
            batch = waiting.result(timeout=30)
        assert batch.values.to_list() == [b"news"]
        assert time.monotonic() - appended < 2.0

    def test_offsets_outside_of_the_log_are_refused(self, log: Log, topic: TopicName) -> None:
        """Beyond the end, and below zero; a seek back mends it."""
        log.append(topic, P0, append_batch([b"a", b"b"]))
        for offset in (3, 1000):
            reader = log.reader(topic, P0, LogOffset(offset))
            self.out_of_range(reader)
            reader.seek(LogOffset(1))
            assert [row[2] for row in read_until(reader, 2)] == [b"b"]
            reader.close()

    def out_of_range(self, reader: PartitionReader) -> None:
        """Reading says that the log does not have the position."""
        self.refused(
            ErrorKind.INVALID,
            "offset_out_of_range",
            lambda: reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=ARRIVES_SECONDS_MAX),
        )

    def test_trimmed_records_are_gone_and_the_others_stay(self, log: Log, topic: TopicName) -> None:
        """Whatever was removed: everything from the given offset on is there, and the beginning is known."""
        for i in range(20):
            log.append(topic, P0, append_batch([b"%d" % i * 50]))
        behind = log.reader(topic, P0, LogOffset(0))
        log.trim(topic, P0, LogOffset(10))
        begin = log.begin_offset(topic, P0)
        assert 0 < begin <= 10
        assert not self.exact_trim or begin == 10
        assert log.end_offset(topic, P0) == 20
        self.out_of_range(behind)
        self.out_of_range(log.reader(topic, P0, LogOffset(begin - 1)))
        found = read_until(log.reader(topic, P0, LogOffset(begin)), 20)
        assert [row[0] for row in found] == list(range(begin, 20))
        log.trim(topic, P0, LogOffset(5))
        assert log.begin_offset(topic, P0) == begin
        log.trim(topic, P0, LogOffset(20))
        assert log.begin_offset(topic, P0) == log.end_offset(topic, P0) == 20
        assert list(log.append(topic, P0, append_batch([b"next"]))) == [20]
        assert [row[2] for row in read_until(log.reader(topic, P0, LogOffset(20)), 21)] == [b"next"]

    def test_an_open_reader_notices_that_its_topic_was_deleted(self, log: Log, topic: TopicName) -> None:
        """It neither waits for ever nor reports an empty log."""
        log.append(topic, P0, append_batch([b"old"] * 3))
        reader = log.reader(topic, P0, LogOffset(0))
        read_until(reader, 3)
        log.delete_topic(topic)
        assert self.failure_of(reader).code == "topic_not_found"

    def test_an_open_reader_notices_that_its_topic_is_another_one(self, log: Log, topic: TopicName) -> None:
        """A topic of the same name with another id: its offsets mean other records."""
        old = log.topic(topic)
        log.append(topic, P0, append_batch([b"old"] * 3))
        reader = log.reader(topic, P0, LogOffset(0))
        assert len(read_until(reader, 3)) == 3
        log.delete_topic(topic)
        new = log.create_topic(topic, 2)
        assert old is not None
        assert new.topic_id != old.topic_id
        assert log.end_offset(topic, P0) == 0
        log.append(topic, P0, append_batch([b"new"] * 10))
        error = self.failure_of(reader)
        assert (error.kind, error.code) == (ErrorKind.CONFLICT, "topic_recreated")
        assert len(read_until(log.reader(topic, P0, LogOffset(0)), 10)) == 10

    def failure_of(self, reader: PartitionReader) -> SedimentError:
        """What reading raises in the end; until then it returns nothing of another topic."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                batch = reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=1.0)
            except SedimentError as error:
                return error
            assert b"new" not in batch.values.to_list()
        pytest.fail("the reader did not notice")

    def test_concurrent_appenders_lose_nothing_and_keep_their_order(self, log: Log, topic: TopicName) -> None:
        """Each thread's records stand in its order; offsets are handed out once; a reader follows all the while."""
        threads, appends = 8, 25
        reader = log.reader(topic, P0, LogOffset(0))
        offsets: list[list[int]] = [[] for _ in range(threads)]

        def work(number: int) -> None:
            for i in range(appends):
                values: list[bytes | None] = [b"%d %d %d" % (number, i, j) for j in range(3)]
                offsets[number] += log.append(topic, P0, append_batch(values)).tolist()

        with ThreadPoolExecutor(threads + 1) as pool:
            reading = pool.submit(read_until, reader, threads * appends * 3)
            for done in [pool.submit(work, number) for number in range(threads)]:
                done.result()
            found = reading.result()
        assert [row[0] for row in found] == list(range(threads * appends * 3))
        by_offset = {row[0]: row[2] for row in found}
        for number in range(threads):
            assert offsets[number] == sorted(offsets[number])
            expected = [b"%d %d %d" % (number, i, j) for i in range(appends) for j in range(3)]
            assert [by_offset[offset] for offset in offsets[number]] == expected

    def test_a_waiting_reader_can_be_woken(self, log: Log, topic: TopicName) -> None:
        """It returns without a record, long before its time; a later record is read all the same; and waking is not forgotten
        when nobody waits yet.
        """
        reader = log.reader(topic, P0, LogOffset(0))
        reader.wake()
        assert len(reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=3600.0)) == 0
        found: list[int] = []
        thread = threading.Thread(
            target=lambda: found.append(len(reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=3600.0)))
        )
        thread.start()
        reader.wake()
        thread.join(timeout=60)
        assert found == [0]
        log.append(topic, P0, append_batch([b"a"]))
        assert len(read_until(reader, 1)) == 1
        reader.close()

    def test_closing_wakes_up_waiting_readers(self, log: Log, topic: TopicName) -> None:
        """A reader that waits is told that the log was closed, as is whoever comes later."""
        reader = log.reader(topic, P0, LogOffset(0))
        caught: list[SedimentError] = []

        def wait() -> None:
            try:
                reader.read(records_max=10, bytes_max=BYTES_MAX, timeout_s=60.0)
            except SedimentError as error:
                caught.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        log.close()
        thread.join(timeout=10)
        assert [error.code for error in caught] == ["log_closed"]
        self.refused(
            ErrorKind.UNAVAILABLE,
            "log_closed",
            lambda: log.append(topic, P0, append_batch([b"late"])),
        )
        assert not log.health().healthy

    def test_a_healthy_log_says_so(self, log: Log) -> None:
        """No reason, nothing skipped."""
        health = log.health()
        assert (health.healthy, health.reason, list(health.skipped)) == (True, "", [])

    def test_everything_is_there_after_reopening(
        self, log: Log, topic: TopicName, reopen: Callable[[Log], Log] | None
    ) -> None:
        """Topics, ids, configuration, records, and where the next record goes."""
        if reopen is None:
            return
        log.append(topic, P0, append_batch([b"a", None, b"c"], headers={1: (("op", b"x"),)}))
        before = read_until(log.reader(topic, P0, LogOffset(0)), 3)
        info = log.topic(topic)
        again = reopen(log)
        try:
            assert again.topic(topic) == info
            assert again.end_offset(topic, P0) == 3
            assert read_until(again.reader(topic, P0, LogOffset(0)), 3) == before
            assert list(again.append(topic, P0, append_batch([b"d"]))) == [3]
            assert len(read_until(again.reader(topic, P0, LogOffset(0)), 4)) == 4
        finally:
            again.close()
