"""The events that made a document: its records in the log, decided again on their own."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.log.ports import Log
from pipeline.materialise.apply import Materialiser
from pipeline.replay.ports import Event
from schemas import events
from schemas.events import demands_of
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.outcomes import Result
from schemas.records import RecordBatch

MARKER: Final = b"mapping"
RECORDS: Final = 10_000
BYTES: Final = 32 << 20
NAMES: Final = {
    Result.CREATED: "created",
    Result.UPDATED: "updated",
    Result.DELETED: "deleted",
    Result.NOOP: "noop",
    Result.NOT_FOUND: "not_found",
    Result.CONFLICT: "version_conflict",
    Result.MISSING: "document_missing",
    Result.REJECTED: "rejected",
    Result.PENDING: "pending",
}


def history(
    log: Log, topic: TopicName, partition: PartitionId, identity: str, machine: Materialiser, end: LogOffset
) -> Sequence[Event]:
    """Every record of a document below ``end``, oldest first, with what it came to.

    The decisions are made again by a fresh ``machine`` that sees these records only, and the markers of schema versions. Versions and
    results are those of the index, since they depend on the document's own records; sequence numbers count the partition's operations,
    and are therefore not shown.
    """
    found: list[Event] = []
    reader = log.reader(topic, partition, log.begin_offset(topic, partition))
    try:
        while reader.position < end:
            batch = reader.read(records_max=RECORDS, bytes_max=BYTES, timeout_s=1.0)
            batch = batch.slice(0, int((batch.offsets < end).sum()))
            for row in _rows_of(batch, identity.encode()):
                event = _decide(machine, batch.slice(row, row + 1), topic)
                found += [event] if event is not None else []
    finally:
        reader.close()
    return found


def _rows_of(batch: RecordBatch, key: bytes) -> list[int]:
    """Rows whose document this is: those with its key, or without a key where the id was made of partition and offset; and markers."""
    lengths = batch.keys.starts[1:] - batch.keys.starts[:-1]
    nulls = batch.keys.null_mask()
    rows = {row for row in np.flatnonzero((lengths == len(key)) & ~nulls).tolist() if batch.keys[row] == key}
    prefix = f"{batch.partition}-".encode()
    if key.startswith(prefix) and key[len(prefix) :].isdigit():
        rows.update(np.flatnonzero(nulls & (batch.offsets == int(key[len(prefix) :]))).tolist())
    rows.update(row for row, headers in batch.headers.items() if (events.OP, MARKER) in headers)
    return sorted(rows)


def _decide(machine: Materialiser, one: RecordBatch, topic: TopicName) -> Event | None:
    """Apply one record; None for a marker."""
    demands = demands_of(one)
    machine.apply(
        RecordBatch(
            one.partition,
            one.offsets,
            one.timestamps_ms,
            one.keys,
            one.values,
            LogOffset(int(one.offsets[0]) + 1),
            one.headers,
        )
    )
    if demands.ops[0] == events.Op.MARKER:
        return None
    results, _, versions, errors = machine.outcomes.of(one.offsets)
    error = errors.get(int(one.offsets[0]))
    op = {number: name.decode() for name, number in events.OP_NAMES.items()}[events.Op(int(demands.ops[0]))]
    return Event(
        topic=topic,
        partition=one.partition,
        offset=int(one.offsets[0]),
        timestamp_ms=int(one.timestamps_ms[0]),
        op=op,
        result=NAMES[Result(int(results[0]))],
        version=int(versions[0]),
        reason="" if error is None else error.reason,
        value=one.values[0],
        headers={name: value.decode(errors="replace") for name, value in one.headers.get(0, ())},
    )
