"""Join and cut record batches: what every adapter does between its storage and a reader's limits."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from schemas.ids import LogOffset, PartitionId
from schemas.records import ByteColumn, Headers, RecordBatch

GATHER_BYTES_MAX: Final = 4 << 20  # small batches are joined up to here: fewer, larger segments are worth the copy


def empty_batch(partition: PartitionId, next_offset: LogOffset) -> RecordBatch:
    """No record; reading goes on at ``next_offset``."""
    nothing = np.zeros(0, np.int64)
    column = ByteColumn.concat([])
    return RecordBatch(partition, nothing, nothing, column, column, next_offset)


def batch_nbytes(batch: RecordBatch) -> int:
    """Bytes of all keys and values."""
    return batch.keys.nbytes + batch.values.nbytes


def rows_within(batch: RecordBatch, records_max: int, bytes_max: int) -> int:
    """How many leading rows fit into both limits; may be 0."""
    ends = batch.keys.starts[1:] + batch.values.starts[1:]
    start = batch.keys.starts[0] + batch.values.starts[0]
    return min(records_max, int(np.searchsorted(ends, start + bytes_max, side="right")))


def concat_batches(parts: Sequence[RecordBatch]) -> RecordBatch:
    """Consecutive batches of one partition as one; a single one is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    headers: dict[int, Headers] = {}
    row = 0
    for part in parts:
        headers.update({row + r: h for r, h in part.headers.items()})
        row += len(part)
    return RecordBatch(
        parts[0].partition,
        np.concatenate([p.offsets for p in parts]),
        np.concatenate([p.timestamps_ms for p in parts]),
        ByteColumn.concat(p.keys for p in parts),
        ByteColumn.concat(p.values for p in parts),
        parts[-1].next_offset,
        headers,
    )


def take_front(ahead: deque[RecordBatch], position: LogOffset, *, records_max: int, bytes_max: int) -> RecordBatch:
    """Take from ``ahead`` (not empty) what a read from ``position`` may return; the rest stays.

    At least one record, even if it alone is larger than ``bytes_max``, unless there is none.
    """
    parts: list[RecordBatch] = []
    records = nbytes = 0
    while ahead and records < records_max and nbytes < GATHER_BYTES_MAX:
        batch = ahead.popleft()
        batch = batch.slice(int(np.searchsorted(batch.offsets, position)), len(batch))
        rows = rows_within(batch, records_max - records, bytes_max - nbytes)
        if rows == 0 and len(batch) and records == 0:
            rows = 1
        if rows < len(batch):
            ahead.appendleft(batch.slice(rows, len(batch)))
            if rows:
                parts.append(batch.slice(0, rows))
            break
        parts.append(batch)
        records += rows
        nbytes += batch_nbytes(batch)
    filled = [part for part in parts if len(part)]
    if not filled:
        return parts[-1]
    return replace(concat_batches(filled), next_offset=parts[-1].next_offset)
