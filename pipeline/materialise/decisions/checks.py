"""What is wrong with a record whatever the mapping and other documents say: it becomes a dead letter."""

from collections.abc import Iterator

import numpy as np

from pipeline.materialise.dead_letters import DeadLetter
from pipeline.materialise.decisions.runs import Run
from schemas.events import Op, VersionType
from schemas.limits import DOCUMENT_BYTES_MAX, ID_BYTES_MAX


def faults_of(run: Run) -> dict[int, DeadLetter]:
    """The dead letters of a run by row; of several faults of a record the first one listed here counts."""
    found: dict[int, DeadLetter] = {}
    for check in (_headers, _ids, _sizes, _nulls):
        for letter in check(run):
            found.setdefault(letter.row, letter)
    return found


def _headers(run: Run) -> Iterator[DeadLetter]:
    demands = run.demands
    for row, fault in demands.faults.items():
        yield _illegal(row, fault)
    for row in np.flatnonzero(demands.ops == Op.MARKER).tolist():
        if row not in demands.schema_versions:
            yield _illegal(row, "a record with [op: mapping] needs a header [schema-version]")
    unnumbered = (demands.version_type != VersionType.INTERNAL) & (demands.version < 0)
    for row in np.flatnonzero(unnumbered).tolist():
        yield _illegal(row, "a header [version_type] needs a header [version]")


def _ids(run: Run) -> Iterator[DeadLetter]:
    ids = run.ids
    lengths = ids.starts[1:] - ids.starts[:-1]
    for row in np.flatnonzero((lengths > ID_BYTES_MAX) | (lengths == 0)).tolist():
        yield _illegal(row, f"id is {lengths[row]} bytes long: must be 1 to {ID_BYTES_MAX}")
    if ids.nbytes and int(ids.data[ids.starts[0] : ids.starts[-1]].max()) >= 0x80:
        for row in range(len(ids)):
            if not _is_text(ids[row] or b""):
                yield _illegal(row, "id is not valid UTF-8")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sizes(run: Run) -> Iterator[DeadLetter]:
    sizes = run.batch.values.starts[1:] - run.batch.values.starts[:-1]
    for row in np.flatnonzero(sizes > DOCUMENT_BYTES_MAX).tolist():
        reason = f"document is {sizes[row]} bytes long: the limit is {DOCUMENT_BYTES_MAX}"
        yield DeadLetter(row, "document_too_large", reason)


def _nulls(run: Run) -> Iterator[DeadLetter]:
    nulls, ops = run.batch.values.nulls, run.demands.ops
    if nulls is not None:
        for row in np.flatnonzero(nulls & (ops != Op.DELETE) & (ops != Op.MARKER)).tolist():
            yield _illegal(row, "a null value can only be a delete")
    if run.batch.keys.nulls is not None:
        for row in np.flatnonzero(run.batch.keys.nulls & (ops == Op.DELETE)).tolist():
            yield _illegal(row, "a delete without a key: nothing to delete")


def _illegal(row: int, reason: str) -> DeadLetter:
    return DeadLetter(row, "illegal_argument", reason)
