"""Cut a batch into runs: stretches that can be decided as a whole, in columns.

Inside a run no schema changes (a marker is a run of its own), no update meets an earlier write of its document, and no request id
occurs twice. Where a batch is cut otherwise makes no difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from schemas.events import Demands, Op, demands_of
from schemas.records import ByteColumn, RecordBatch


@dataclass(frozen=True, slots=True)
class Run:
    """Records with what they demand, and the ids of their documents (never null)."""

    batch: RecordBatch
    demands: Demands
    ids: ByteColumn

    def cut(self, row: int) -> tuple["Run", "Run"]:
        """The rows before one, and the others."""
        return self._part(0, row), self._part(row, len(self.batch))

    def _part(self, start: int, end: int) -> "Run":
        batch = self.batch.slice(start, end)
        return Run(batch, demands_of(batch), self.ids.slice(start, end))


def runs_of(batch: RecordBatch) -> Iterator[Run]:
    """The runs of a batch, in order."""
    if not len(batch):
        return
    demands = demands_of(batch)
    ids = ids_of(batch)
    for start, end in pairwise(_cuts(len(batch), demands, ids)):
        part = batch if (start, end) == (0, len(batch)) else batch.slice(start, end)
        yield Run(part, demands if part is batch else demands_of(part), ids.slice(start, end))


def ids_of(batch: RecordBatch) -> ByteColumn:
    """The document ids: the keys, or ``<partition>-<offset>`` where there is none."""
    nulls = batch.keys.nulls
    if nulls is None:
        return batch.keys
    if not nulls.any():
        return ByteColumn(batch.keys.data, batch.keys.starts)
    keys = batch.keys.to_list()
    for row in np.flatnonzero(nulls).tolist():
        keys[row] = f"{batch.partition}-{int(batch.offsets[row])}".encode()
    return ByteColumn.of(keys)


def _cuts(rows: int, demands: Demands, ids: ByteColumn) -> list[int]:
    """Where runs begin: [0, …, n]."""
    cuts = {0, rows}
    for row in np.flatnonzero(demands.ops == Op.MARKER).tolist():
        cuts |= {row, row + 1}
    cuts |= _repeated_requests(demands.request_ids)
    updates_at = set(np.flatnonzero(demands.ops == Op.UPDATE).tolist())
    if updates_at:
        last: dict[bytes | None, int] = {}
        start = 0
        for row, key in enumerate(ids.to_list()):
            if row in cuts:
                start = row
            if row in updates_at and last.get(key, -1) >= start:
                cuts.add(row)
                start = row
            last[key] = row
    return sorted(cuts)


def _repeated_requests(request_ids: Mapping[int, bytes]) -> set[int]:
    """Rows that repeat a request id of the same batch begin a run: the first must be decided before."""
    seen: set[bytes] = set()
    cuts = set()
    for row in sorted(request_ids):
        if request_ids[row] in seen:
            cuts.add(row)
        seen.add(request_ids[row])
    return cuts
