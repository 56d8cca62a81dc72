"""The events that made a document: its records in the log, decided again on their own."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.log.ports import Log
from pipeline.materialise.apply import Materialiser, Schema
from pipeline.materialise.dead_letters import Origin
from pipeline.replay.ports import Event
from pipeline.segments.view import PartitionView
from schemas import events
from schemas.events import demands_of
from schemas.ids import LogOffset, SegmentId, TopicName
from schemas.mapping import Dynamic, IndexMapping
from schemas.outcomes import Result
from schemas.records import RecordBatch

AGAIN: Final = "sent again later"
OPS: Final = {int(number): name.decode() for name, number in events.OP_NAMES.items()}
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
    log: Log, view: PartitionView, identity: str, letters: Mapping[int, str], *, primary_term: int
) -> Sequence[Event]:
    """Every record of a document that a view has seen, oldest first, with what it came to.

    ``letters``: the partition's dead letters by offset, with the reason. All others are decided again by a fresh materialiser that sees
    these records only and indexes no field: so it needs no mapping. Versions and results are those of the index, since they depend
    on the document's own records; sequence numbers count the partition's operations: what is demanded of them cannot be decided
    again, and they are not shown.
    """
    records = _records(log, view, identity.encode())
    refused = {o: AGAIN for one in records for o in _sent_again(one)}
    refused |= letters
    machine = _machine(view, primary_term)
    found: list[Event] = []
    for one in records:
        offset = int(one.offsets[0])
        if offset not in refused:
            machine.apply(_alone(one))
        found.append(_event(one, view.topic, *_outcome(machine, offset, refused.get(offset))))
    return found


def _sent_again(one: RecordBatch) -> list[int]:
    """The offset of the dead letter that this record was; empty where it was none."""
    prefix = f"{one.partition}-".encode()
    named = [value for name, value in one.headers.get(0, ()) if name == events.REDRIVEN_FROM]
    known = [value[len(prefix) :] for value in named if value.startswith(prefix)]
    return [int(text) for text in known if text.isdigit() and int(text) < int(one.offsets[0])]


def _machine(view: PartitionView, primary_term: int) -> Materialiser:
    counter = itertools.count()

    def bind(_fields: object, _offset: int) -> IndexMapping:
        raise AssertionError("a mapping that is not dynamic asks for no field")

    machine = Materialiser(
        Origin(view.topic, view.partition),
        Schema(bind, lambda _version: None, dict),
        lambda: SegmentId(f"history-{next(counter)}"),
        primary_term=primary_term,
    )
    machine.mapping = IndexMapping(dynamic=Dynamic.FALSE)
    return machine


def letters_of(view: PartitionView) -> dict[int, str]:
    """The dead letters of a view by offset, with their reasons."""
    found: dict[int, str] = {}
    for segment in view.segments:
        rows = np.flatnonzero(segment.alive)
        offsets = segment.reader.offsets()[rows].tolist()
        sources = segment.reader.sources(rows)
        found |= {o: json.loads(source)["reason"] for o, source in zip(offsets, sources, strict=True)}
    return found


def _records(log: Log, view: PartitionView, key: bytes) -> list[RecordBatch]:
    """The records of a document, each as a batch of one."""
    found: list[RecordBatch] = []
    reader = log.reader(view.topic, view.partition, log.begin_offset(view.topic, view.partition))
    try:
        while reader.position < view.visible:
            batch = reader.read(records_max=RECORDS, bytes_max=BYTES, timeout_s=1.0)
            batch = batch.slice(0, int((batch.offsets < view.visible).sum()))
            found += [batch.slice(row, row + 1) for row in _rows_of(batch, key)]
    finally:
        reader.close()
    return found


def _rows_of(batch: RecordBatch, key: bytes) -> list[int]:
    """Rows whose document this is: those with its key, or without a key where the id was made of partition and offset."""
    lengths = batch.keys.starts[1:] - batch.keys.starts[:-1]
    nulls = batch.keys.null_mask()
    rows = [row for row in np.flatnonzero((lengths == len(key)) & ~nulls).tolist() if batch.keys[row] == key]
    prefix = f"{batch.partition}-".encode()
    if key.startswith(prefix) and key[len(prefix) :].isdigit():
        rows += np.flatnonzero(nulls & (batch.offsets == int(key[len(prefix) :]))).tolist()
    return sorted(rows)


def _alone(one: RecordBatch) -> RecordBatch:
    """A batch of one that ends after its record."""
    end = LogOffset(int(one.offsets[0]) + 1)
    return RecordBatch(one.partition, one.offsets, one.timestamps_ms, one.keys, one.values, end, one.headers)


def _outcome(machine: Materialiser, offset: int, reason: str | None) -> tuple[str, int, str]:
    """Result, version, reason."""
    if reason is not None:
        return NAMES[Result.REJECTED], -1, reason
    results, _, versions, errors = machine.outcomes.of(np.array([offset], np.int64))
    error = errors.get(offset)
    return NAMES[Result(int(results[0]))], int(versions[0]), "" if error is None else error.reason


def _event(one: RecordBatch, topic: TopicName, result: str, version: int, reason: str) -> Event:
    return Event(
        topic=topic,
        partition=one.partition,
        offset=int(one.offsets[0]),
        timestamp_ms=int(one.timestamps_ms[0]),
        op=OPS[int(demands_of(one).ops[0])],
        result=result,
        version=version,
        reason=reason,
        value=one.values[0],
        headers={name: value.decode(errors="replace") for name, value in one.headers.get(0, ())},
    )
