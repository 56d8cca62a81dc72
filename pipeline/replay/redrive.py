"""Send dead letters again: each record as it was, with a header that names where it lay, in the order of the log."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from pipeline.log.ports import Log
from pipeline.replay.ports import Redriven
from schemas import events
from schemas.errors import SedimentError, illegal_argument, not_found
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.outcomes import Result, WriteError
from schemas.records import AppendBatch, ByteColumn, Header, RecordBatch

BATCH: Final = 1_000
DROPPED: Final = frozenset({events.REQUEST_ID, events.REDRIVEN_FROM})  # a retry would be taken for the first try


def parse_id(identity: str, partitions: int) -> tuple[PartitionId, LogOffset]:
    """Partition and offset of a dead letter's id. Raises INVALID."""
    partition, _, offset = identity.partition("-")
    if not (partition.isdigit() and offset.isdigit()) or int(partition) >= partitions:
        raise illegal_argument(f"[{identity}] is not the id of a dead letter: it must be <partition>-<offset>")
    return PartitionId(int(partition)), LogOffset(int(offset))


def read_record(log: Log, topic: TopicName, partition: PartitionId, offset: LogOffset) -> RecordBatch:
    """The record at an offset, as a batch of one. Raises NOT_FOUND where the log does not have it any more."""
    try:
        reader = log.reader(topic, partition, offset)
        try:
            batch = reader.read(records_max=1, bytes_max=1, timeout_s=5.0)
        finally:
            reader.close()
    except SedimentError as error:
        if error.code != "offset_out_of_range":
            raise
        batch = None
    if batch is None or not len(batch) or int(batch.offsets[0]) != offset:
        raise not_found(
            "record_not_found", f"the log of [{topic}] partition {partition} has no record at {offset} any more"
        )
    return batch.slice(0, 1)


def order(ids: Sequence[str], partitions: int) -> list[tuple[PartitionId, LogOffset]]:
    """The dead letters by partition and offset: records of one key keep their order."""
    return sorted({parse_id(one, partitions) for one in ids})


def redriven_record(record: RecordBatch, identity: str) -> tuple[bytes, bytes | None, tuple[Header, ...]]:
    """Key, value and headers to append. A record without a key keeps the id that it had: partition and offset."""
    kept = tuple(h for h in record.headers.get(0, ()) if h[0] not in DROPPED)
    key = record.keys[0]
    return (
        identity.encode() if key is None else key,
        record.values[0],
        (*kept, (events.REDRIVEN_FROM, identity.encode())),
    )


def send(
    log: Log,
    topic: TopicName,
    letters: Sequence[tuple[PartitionId, LogOffset]],
    clock_ms: Callable[[], int],
    decided: Callable[
        [PartitionId, "np.ndarray[tuple[int], np.dtype[np.int64]]"], Sequence[tuple[Result, WriteError | None]]
    ],
) -> list[Redriven]:
    """Append the records of dead letters to their own partitions, and say what was decided this time."""
    done: list[Redriven] = []
    for partition in sorted({p for p, _ in letters}):
        mine = [offset for p, offset in letters if p == partition]
        for start in range(0, len(mine), BATCH):
            done += _send_batch(log, topic, partition, mine[start : start + BATCH], clock_ms, decided)
    return done


def _send_batch(
    log: Log,
    topic: TopicName,
    partition: PartitionId,
    offsets: Sequence[LogOffset],
    clock_ms: Callable[[], int],
    decided: Callable[
        [PartitionId, "np.ndarray[tuple[int], np.dtype[np.int64]]"], Sequence[tuple[Result, WriteError | None]]
    ],
) -> list[Redriven]:
    records = [redriven_record(read_record(log, topic, partition, o), f"{partition}-{o}") for o in offsets]
    batch = AppendBatch(
        ByteColumn.of([key for key, _, _ in records]),
        ByteColumn.of([value for _, value, _ in records]),
        np.full(len(records), clock_ms(), np.int64),
        {row: headers for row, (_, _, headers) in enumerate(records)},
    )
    new = log.append(topic, partition, batch)
    answers = decided(partition, new)
    return [
        Redriven(
            f"{partition}-{old}",
            key.decode(errors="replace"),
            partition,
            old,
            int(offset),
            result.name.lower(),
            "" if error is None else error.reason,
        )
        for old, offset, (key, _, _), (result, error) in zip(offsets, new.tolist(), records, answers, strict=True)
    ]
