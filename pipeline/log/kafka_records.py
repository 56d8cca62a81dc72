"""Between Kafka's message objects and columns. One Python object per message is what the client costs; no more."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

import numpy as np

from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId
from schemas.records import I64, ByteColumn, Headers, RecordBatch


class Message(Protocol):
    """A consumed message."""

    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> Sequence[tuple[str, bytes | None]] | None: ...


def to_batch(partition: PartitionId, messages: Sequence[Message], next_offset: LogOffset) -> RecordBatch:
    """Messages of one partition as columns."""
    headers: dict[int, Headers] = {}
    for row, found in enumerate([message.headers() for message in messages]):
        if found:
            headers[row] = tuple((name, value or b"") for name, value in found)
    return RecordBatch(
        partition,
        np.array([message.offset() for message in messages], np.int64),
        np.array([message.timestamp()[1] for message in messages], np.int64),
        ByteColumn.of([message.key() for message in messages]),
        ByteColumn.of([message.value() for message in messages]),
        next_offset,
        headers,
    )


class Delivered(Protocol):
    """The message of a delivery report."""

    def offset(self) -> int | None: ...


class Delivery:
    """Collects the reports of one append, until all ``count`` are in; the first failure is kept.

    An idempotent producer reports the messages of a partition in their order, so offsets need no index.
    """

    def __init__(self, count: int, refusal: Callable[[object], SedimentError]) -> None:
        self._count = count
        self._refusal = refusal
        self._offsets: list[int | None] = []
        self._complete = Event()
        self._error: SedimentError | None = None

    def report(self, error: object | None, message: Delivered) -> None:
        """One message is durable, or failed."""
        self._offsets.append(message.offset())
        if error is not None and self._error is None:
            self._error = self._refusal(error)
        if len(self._offsets) == self._count:
            self._complete.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for all reports; False if they did not come in time."""
        return self._complete.wait(timeout_s)

    def offsets(self) -> I64:
        """The offsets, or the first failure."""
        if self._error is not None:
            raise self._error
        offsets = np.array(self._offsets, np.int64)
        assert len(offsets) == self._count
        assert (offsets[1:] > offsets[:-1]).all()
        return offsets
