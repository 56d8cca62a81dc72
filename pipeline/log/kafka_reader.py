"""Read one partition of Kafka: what to make of records, ends and errors, without the client itself.

Where reading goes on is known from the records, or from the offset of an end-of-partition event: that lies behind
aborted transactions and their markers, where there is no record to tell. Records are handed on only once it is known
that their topic is still the one that was opened.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final, NoReturn, Protocol

from pipeline.log.batches import empty_batch, take_front
from pipeline.log.kafka_errors import NO_TOPIC, OUT_OF_RANGE, refusal
from pipeline.log.kafka_records import Message, to_batch
from pipeline.log.ports import TopicInfo
from pipeline.log.refusals import log_closed, offset_out_of_range, topic_not_found, topic_recreated
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import RecordBatch

WAIT_SECONDS_MAX: Final = 0.2  # a waiting reader looks this often whether the log was closed
RECORDS_ID_AGE_SECONDS_MAX: Final = 0.1  # how old the proof may be that records are of this topic
IDLE_ID_AGE_SECONDS_MAX: Final = 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a consumer had: records, offsets of end-of-partition events, errors as (name, text)."""

    records: Sequence[Message]
    ends: Sequence[int] = ()
    errors: Sequence[tuple[str, str]] = ()


class Feed(Protocol):
    """A consumer of one partition."""

    def assign(self, offset: LogOffset) -> None:
        """Fetch from this offset on; forget what was fetched before."""
        ...

    def take(self, records_max: int, wait_s: float) -> Taken:
        """What is there, or comes within the time; returns at the first that comes."""
        ...

    def close(self) -> None:
        """Stop fetching."""
        ...


class Surroundings(Protocol):
    """What a reader asks of its log."""

    def check_open(self) -> None:
        """Raise if the log was closed."""
        ...

    def topic_id(self, topic: TopicName, age_s_max: float) -> str | None:
        """The topic's id now, or as it was at most this long ago."""
        ...

    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The oldest offset."""
        ...

    def end_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        """The offset after the newest record."""
        ...


class KafkaReader:
    """A ``PartitionReader`` over a ``Feed``. ``closed`` is told when it ends."""

    def __init__(
        self,
        log: Surroundings,
        feed: Feed,
        topic: TopicInfo,
        partition: PartitionId,
        *,
        start: LogOffset,
        closed: Callable[["KafkaReader"], None],
    ) -> None:
        self.topic = topic
        self._log = log
        self._feed = feed
        self._partition = partition
        self._position = start
        self._on_close = closed
        self._ahead: deque[RecordBatch] = deque()
        self._confirmed = True
        self._assigned = False
        self._closed = False
        self._woken = False
        self._busy = Lock()  # the log may close its readers from another thread

    @property
    def position(self) -> LogOffset:
        """The offset that the next read begins at."""
        return self._position

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        """The next records; see the port."""
        assert records_max >= 1
        assert bytes_max >= 1
        with self._busy:
            self._log.check_open()
            if self._closed:
                raise log_closed()
            if not self._ahead:
                self._fetch(records_max, timeout_s)
            if not self._ahead:
                return empty_batch(self._partition, self._position)
            if not self._confirmed:
                self._confirm(RECORDS_ID_AGE_SECONDS_MAX)
                self._confirmed = True
            batch = take_front(self._ahead, self._position, records_max=records_max, bytes_max=bytes_max)
            assert batch.next_offset > self._position
            self._position = batch.next_offset
            return batch

    def seek(self, offset: LogOffset) -> None:
        """Go on at this offset."""
        self._ahead.clear()
        self._position = offset
        self._assigned = False

    def wake(self) -> None:
        """Do not wait any longer than the client does."""
        self._woken = True

    def close(self) -> None:
        """Release the consumer."""
        with self._busy:
            if not self._closed:
                self._closed = True
                self._ahead.clear()
                self._feed.close()
                self._on_close(self)

    def _fetch(self, records_max: int, timeout_s: float) -> None:
        deadline = monotonic() + timeout_s
        while True:
            if not self._assigned:
                self._assign()
            wait_s = min(max(deadline - monotonic(), 0), WAIT_SECONDS_MAX)
            taken = self._feed.take(records_max, wait_s)
            last = taken.records[-1].offset() + 1 if taken.records else self._position
            end = max(self._position, last, *taken.ends)
            if end > self._position:
                self._ahead.append(to_batch(self._partition, taken.records, LogOffset(end)))
                self._confirmed = False
                self._assigned = not taken.errors  # an error comes again, if it lasts
                return
            for name, text in taken.errors:
                self._fail(name, text)
            self._log.check_open()
            self._confirm(IDLE_ID_AGE_SECONDS_MAX)
            if monotonic() >= deadline or self._woken:
                self._woken = False
                return

    def _assign(self) -> None:
        if self._position < 0:  # negative offsets mean something else to the client
            self._refuse_offset()
        self._feed.assign(self._position)
        self._assigned = True

    def _fail(self, name: str, text: str) -> None:
        """Raise what an error means, if it means anything."""
        self._assigned = False
        self._confirm(0.0)
        if name in OUT_OF_RANGE:
            self._refuse_offset()
        if name not in NO_TOPIC:  # the topic was just found: that error is out of date
            raise refusal(name, text, self.topic.name)

    def _refuse_offset(self) -> NoReturn:
        begin = self._log.begin_offset(self.topic.name, self._partition)
        end = self._log.end_offset(self.topic.name, self._partition)
        raise offset_out_of_range(self._position, begin, end)

    def _confirm(self, age_s_max: float) -> None:
        found = self._log.topic_id(self.topic.name, age_s_max)
        if found != self.topic.topic_id:
            self._ahead.clear()
            self._assigned = False
            name = self.topic.name
            raise topic_not_found(name) if found is None else topic_recreated(name)
