"""Reading Kafka without Kafka: what the reader makes of records, ends and errors, on a feed that is told."""

from collections import deque
from dataclasses import dataclass, field

import pytest

from pipeline.log.kafka_reader import KafkaReader, Taken
from pipeline.log.ports import TopicInfo
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import RecordBatch

TOPIC = TopicInfo(TopicName("t"), "id-1", 1)
P0 = PartitionId(0)


@dataclass
class Record:
    """A message as the client hands it out."""

    at: int

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return b"v%d" % self.at

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return (1, self.at * 10)

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return [("h", None)] if self.at % 2 else None


@dataclass
class Script:
    """A feed and its log, both told what to answer."""

    answers: deque[Taken] = field(default_factory=deque)
    topic_ids: list[str | None] = field(default_factory=lambda: ["id-1"])
    assigned: list[int] = field(default_factory=list)
    asked_ages: list[float] = field(default_factory=list)
    closed: int = 0

    def assign(self, offset: LogOffset) -> None:
        self.assigned.append(offset)

    def take(self, records_max: int, wait_s: float) -> Taken:
        return self.answers.popleft() if self.answers else Taken(())

    def close(self) -> None:
        self.closed += 1

    def check_open(self) -> None:
        pass

    def topic_id(self, topic: TopicName, age_s_max: float) -> str | None:
        self.asked_ages.append(age_s_max)
        return self.topic_ids.pop(0) if len(self.topic_ids) > 1 else self.topic_ids[0]

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        return LogOffset(100)

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        return LogOffset(200)


def reader_of(script: Script, start: int = 0) -> KafkaReader:
    """A reader on the script."""
    return KafkaReader(script, script, TOPIC, P0, start=LogOffset(start), closed=lambda _: None)


def read(reader: KafkaReader) -> RecordBatch:
    """One read that does not wait."""
    return reader.read(records_max=100, bytes_max=10_000, timeout_s=0)


def test_an_end_behind_the_records_moves_the_position() -> None:
    """Records 3 and 5, then the partition ends at 9: aborted transactions lie between."""
    script = Script(deque([Taken([Record(3), Record(5)], ends=[9])]))
    reader = reader_of(script)
    batch = read(reader)
    assert batch.offsets.tolist() == [3, 5]
    assert batch.timestamps_ms.tolist() == [30, 50]
    assert batch.headers == {0: (("h", b""),), 1: (("h", b""),)}
    assert batch.next_offset == reader.position == 9


def test_an_end_before_the_records_is_out_of_date() -> None:
    """The partition ended at 3, then records came: reading goes on behind them."""
    reader = reader_of(Script(deque([Taken([Record(3)], ends=[3])])))
    assert read(reader).next_offset == 4


def test_an_end_alone_is_an_empty_batch_that_is_ahead() -> None:
    """No record, and yet progress; an end at the position is none."""
    reader = reader_of(Script(deque([Taken((), ends=[0]), Taken((), ends=[7])])))
    assert (len(read(reader)), reader.position) == (0, 0)
    assert (len(read(reader)), reader.position) == (0, 7)


@pytest.mark.parametrize(
    ("found", "kind", "code"),
    [(None, ErrorKind.NOT_FOUND, "topic_not_found"), ("id-2", ErrorKind.CONFLICT, "topic_recreated")],
)
def test_records_of_another_topic_are_never_handed_on(found: str | None, kind: ErrorKind, code: str) -> None:
    """They were taken, then the topic turned out to be gone or another one."""
    reader = reader_of(Script(deque([Taken([Record(0)])]), topic_ids=[found]))
    for _ in range(2):
        with pytest.raises(SedimentError) as caught:
            read(reader)
        assert (caught.value.kind, caught.value.code) == (kind, code)
    assert reader.position == 0


def test_records_wait_until_their_topic_is_known() -> None:
    """The question could not be asked: nothing is lost, the next read hands them on."""
    script = Script(deque([Taken([Record(0)])]))
    reader = reader_of(script)
    real = script.topic_id

    def away(topic: TopicName, age_s_max: float) -> str | None:
        raise SedimentError(ErrorKind.UNAVAILABLE, "log_unavailable", "away")

    script.topic_id = away  # type: ignore[method-assign]
    with pytest.raises(SedimentError, match="away"):
        read(reader)
    script.topic_id = real  # type: ignore[method-assign]
    assert read(reader).offsets.tolist() == [0]


def test_an_offset_out_of_range_names_what_there_is() -> None:
    """It is asked at once whether the topic is another one; the next read assigns again."""
    script = Script(deque([Taken((), errors=[("_AUTO_OFFSET_RESET", "no")])]))
    reader = reader_of(script, 5)
    with pytest.raises(SedimentError, match="100 up to 200") as caught:
        read(reader)
    assert caught.value.code == "offset_out_of_range"
    assert script.asked_ages == [0.0]
    reader.seek(LogOffset(150))
    read(reader)
    assert script.assigned == [5, 150]


def test_a_negative_offset_never_reaches_the_client() -> None:
    """To the client -1 is the end and -2 the beginning."""
    script = Script()
    with pytest.raises(SedimentError, match="offset -1 is outside"):
        read(reader_of(script, -1))
    assert script.assigned == []


def test_a_rumour_that_the_topic_is_gone_is_checked() -> None:
    """Right after a change of leaders the client may say so: it is assigned again, nothing is raised."""
    script = Script(deque([Taken((), errors=[("UNKNOWN_TOPIC_OR_PART", "?")]), Taken([Record(0)])]))
    reader = reader_of(script)
    assert len(read(reader)) == 0
    assert read(reader).offsets.tolist() == [0]
    assert script.assigned == [0, 0]


def test_other_errors_are_raised_as_what_they_mean() -> None:
    """Not allowed is not away."""
    reader = reader_of(Script(deque([Taken((), errors=[("TOPIC_AUTHORIZATION_FAILED", "no")])])))
    with pytest.raises(SedimentError, match="check credentials") as caught:
        read(reader)
    assert caught.value.kind == ErrorKind.FORBIDDEN


def test_what_is_behind_an_error_waits_for_the_next_read() -> None:
    """Records that came before an error are handed on first."""
    error = [("_ALL_BROKERS_DOWN", "down")]
    script = Script(deque([Taken([Record(0)], errors=error), Taken((), errors=error)]))
    reader = reader_of(script)
    assert len(read(reader)) == 1
    with pytest.raises(SedimentError, match="down"):
        read(reader)
    assert script.assigned == [0, 1]


def test_a_closed_reader_closes_its_feed_once() -> None:
    """And reads no more."""
    script = Script()
    reader = reader_of(script)
    reader.close()
    reader.close()
    assert script.closed == 1
    with pytest.raises(SedimentError, match="closed"):
        read(reader)
