"""A log in memory with partitions that decide at once, or not at all: what writers and index services are tested against."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from pipeline.catalog.state import IndexState
from pipeline.log.memory import MemoryLog
from schemas.errors import unavailable
from schemas.ids import IndexName, IndexUuid, LogOffset, PartitionId, SchemaVersion, TopicName
from schemas.mapping import IndexMapping
from schemas.outcomes import Result, WriteError
from schemas.records import AppendBatch, RecordBatch


def index_of(partitions: int = 1, name: str = "books") -> IndexState:
    """An index."""
    return IndexState(
        IndexName(name), IndexUuid("u1"), TopicName(name), partitions, 0, {}, IndexMapping(), SchemaVersion(1)
    )


@dataclass(frozen=True)
class Amount:
    """Records and bytes."""

    records: int
    nbytes: int


@dataclass(eq=False)
class Decider:
    """Decides every record CREATED with seq_no = offset and version 1; offsets in ``refused`` are rejected, from ``until`` on pending."""

    refused: set[int] = field(default_factory=set)
    until: int = 1 << 60
    waits: list[tuple[int, float]] = field(default_factory=list)
    hurries: list[bool] = field(default_factory=list)  # of each wait
    applied: LogOffset = LogOffset(0)  # noqa: RUF009  a number
    per_s: float = 1e9  # records that it applies
    piece: int = 1 << 30  # records that it is given at once

    def hurry(self) -> None:
        """Somebody waits."""

    def wait(self, below: LogOffset, timeout_s: float, *, hurry: bool = True) -> bool:
        self.waits.append((below, timeout_s))
        self.hurries.append(hurry)
        return below <= self.until

    def queue_s(self, records: int, nbytes: int) -> float:
        return records / self.per_s

    def amount(self, seconds: float) -> Amount:
        return Amount(self.piece, 1 << 40)

    def of(
        self, offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], dict[int, WriteError]]:
        results = np.where(offsets < self.until, Result.CREATED, Result.PENDING).astype(np.uint8)
        refused = np.isin(offsets, list(self.refused))
        results[refused] = Result.REJECTED
        errors = {int(o): WriteError("mapper_parsing", f"offset {o}", 400) for o in offsets[refused]}
        return results, offsets.copy(), np.ones(len(offsets), np.int64), errors


@dataclass
class Deciders:
    """The partitions of all indices; a partition in ``away`` has nobody who decides, one in ``cut`` a log that is not what it was."""

    by_partition: dict[int, Decider] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)

    def decisions(self, index: IndexState, partition: PartitionId) -> Decider:
        if partition in self.away:
            raise unavailable("index_not_served", f"nobody serves partition {partition}")
        return self.by_partition.setdefault(partition, Decider())

    def check_log(self, index: IndexState, partition: PartitionId) -> None:
        if partition in self.cut:
            raise unavailable("partition_stopped", f"the log of partition {partition} was cut")


class FlakyLog(MemoryLog):
    """A log whose appends to some partitions fail."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[int] = set()
        self.appended: list[int] = []  # records, by append

    @override
    def append(self, topic: TopicName, partition: PartitionId, batch: AppendBatch) -> NDArray[np.int64]:
        if partition in self.failing:
            raise unavailable("log_away", "the log is away: try again")
        self.appended.append(len(batch))
        return super().append(topic, partition, batch)


def records(log: MemoryLog, topic: str, partition: int = 0) -> RecordBatch:
    """All records of a partition; they must lie in one batch or be read one by one."""
    reader = log.reader(TopicName(topic), PartitionId(partition), LogOffset(0))
    return reader.read(records_max=10_000, bytes_max=1 << 30, timeout_s=0)


def all_records(
    log: MemoryLog, topic: str, partition: int = 0
) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    """(key, value, headers) of every record of a partition."""
    found = []
    end = log.end_offset(TopicName(topic), PartitionId(partition))
    reader = log.reader(TopicName(topic), PartitionId(partition), LogOffset(0))
    while reader.position < end:
        batch = reader.read(records_max=10_000, bytes_max=1 << 30, timeout_s=0)
        found += [(batch.keys[i], batch.values[i], dict(batch.headers.get(i, ()))) for i in range(len(batch))]
    return found


def keys(log: MemoryLog, topic: str, partition: int = 0) -> Sequence[bytes | None]:
    """The keys of a partition, in order."""
    return [key for key, _, _ in all_records(log, topic, partition)]
