"""A log up to an offset, at a rate; and a log that only shows the past."""

import numpy as np
import pytest

from pipeline.log.memory import MemoryLog
from pipeline.replay.window import Clock, Limits, PastLog, WindowLog, parse_until
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import AppendBatch, ByteColumn

T, P = TopicName("books"), PartitionId(0)


class FakeClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


def log_of(records: int) -> MemoryLog:
    """A topic with so many records."""
    log = MemoryLog()
    log.create_topic(T, 1)
    log.append(T, P, batch_of(records))
    return log


def batch_of(records: int) -> AppendBatch:
    """Records that are numbered."""
    values = [b"%d" % n for n in range(records)]
    return AppendBatch(ByteColumn.of(values), ByteColumn.of(values), np.arange(records, dtype=np.int64))


def read_all(log: WindowLog, reads: int = 1000, records_max: int = 7) -> tuple[list[int], int]:
    """Offsets that come, and where reading goes on."""
    reader = log.reader(T, P, LogOffset(0))
    found: list[int] = []
    position = 0
    for _ in range(reads):
        batch = reader.read(records_max=records_max, bytes_max=1 << 20, timeout_s=0)
        found += batch.offsets.tolist()
        position = int(batch.next_offset)
    reader.close()
    return found, position


@pytest.mark.parametrize("until", [0, 1, 6, 7, 8, 20, 30])
def test_nothing_comes_from_beyond_the_end(until: int) -> None:
    """Whether the end lies within a batch, between two, or beyond the log."""
    window = WindowLog(log_of(20), Limits(until=LogOffset(until)), FakeClock().clock)
    found, position = read_all(window, 10)
    assert found == list(range(min(until, 20)))
    assert position == min(until, 20)
    assert window.end_offset(T, P) == min(until, 20)


def test_a_moving_end_lets_more_through() -> None:
    """The owner of the limits may change them while they are read."""
    limits = Limits(until=LogOffset(3))
    reader = WindowLog(log_of(20), limits, FakeClock().clock).reader(T, P, LogOffset(0))
    assert len(reader.read(records_max=50, bytes_max=1 << 20, timeout_s=0)) == 3
    assert len(reader.read(records_max=50, bytes_max=1 << 20, timeout_s=0)) == 0
    limits.until = None
    assert reader.read(records_max=50, bytes_max=1 << 20, timeout_s=0).offsets.tolist() == list(range(3, 20))


@pytest.mark.parametrize("rate", [0.5, 1, 7, 50, 1000])
def test_the_rate_is_kept(rate: float) -> None:
    """By a clock that only sleeping moves: never faster than asked, and not much slower."""
    fake = FakeClock()
    reader = WindowLog(log_of(400), Limits(rate=rate), fake.clock).reader(T, P, LogOffset(0))
    read = 0
    for _ in range(150):
        read += len(reader.read(records_max=100, bytes_max=1 << 20, timeout_s=0))
        elapsed = fake.now - 100.0
        step = max(1, rate * 0.2)
        assert read <= elapsed * rate + step + 1e-6
        if read < 400:
            assert read >= elapsed * rate - step - 1


def test_sparse_offsets_end_where_they_should(kafka: str) -> None:
    """Of a transaction that was aborted nothing comes, and the window ends at its own offset all the same."""
    from tests.recovery.transactions import topic_with_aborted

    log, topic, end = topic_with_aborted(kafka, 6)
    try:
        for until in range(end + 1):
            window = WindowLog(log, Limits(until=LogOffset(until)))
            reader = window.reader(topic, P, LogOffset(0))
            found: list[int] = []
            while reader.position < until:
                batch = reader.read(records_max=2, bytes_max=1 << 20, timeout_s=5)
                found += batch.offsets.tolist()
            assert all(o < until for o in found)
            assert reader.read(records_max=2, bytes_max=1 << 20, timeout_s=0).next_offset == until
            reader.close()
    finally:
        log.close()


# ------------------------------------------------------------------ the past


def test_the_past_is_shown_and_takes_nothing() -> None:
    """Reads end at the offset; whatever would change the log is refused with a sentence."""
    log = log_of(20)
    log.create_topic(TopicName("other"), 1)
    past = PastLog(log, {(T, P): LogOffset(5)})
    assert past.end_offset(T, P) == 5
    assert past.reader(T, P, LogOffset(0)).read(records_max=99, bytes_max=1 << 20, timeout_s=0).next_offset == 5
    for refused in (
        lambda: past.append(T, P, batch_of(1)),
        lambda: past.append(TopicName("other"), P, batch_of(1)),
        lambda: past.delete_topic(T),
        lambda: past.trim(T, P, LogOffset(1)),
        lambda: past.create_topic(TopicName("new"), 1),
    ):
        with pytest.raises(SedimentError, match="as it was") as raised:
            refused()
        assert raised.value.kind is ErrorKind.INVALID
    assert log.end_offset(T, P) == 20
    with pytest.raises(SedimentError) as raised:
        past.create_topic(T, 1)
    assert raised.value.code == "topic_exists"


def test_until_is_read() -> None:
    """A topic, perhaps with its partition, and an offset; several with commas."""
    assert parse_until("") == {}
    assert parse_until("orders=12, visits/3=0") == {
        (TopicName("orders"), PartitionId(0)): 12,
        (TopicName("visits"), PartitionId(3)): 0,
    }


@pytest.mark.parametrize("text", ["orders", "orders=", "=3", "orders=-1", "orders/x=1", "orders=1;visits=2"])
def test_until_that_cannot_be_read(text: str) -> None:
    """The message shows how to write it."""
    with pytest.raises(SedimentError, match="TOPIC=OFFSET"):
        parse_until(text)
