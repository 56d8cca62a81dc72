"""Decide writes in log order: versions, conflicts, sequence numbers. The twin is ``tests/pipeline/materialise/decisions/decide_twin.py``.

Rows refer to documents by a local number (0..m-1, each distinct id of the run once), so that a run decides on a small copy of
the id index and the index itself changes only when the whole run has succeeded.
"""

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U8Array
from pipeline.kernels.compile import kernel

INDEX, CREATE, UPDATE, DELETE = 0, 1, 2, 3
INTERNAL, EXTERNAL, EXTERNAL_GTE = 0, 1, 2
PENDING, CREATED, UPDATED, DELETED, NOOP, NOT_FOUND, CONFLICT, MISSING, REJECTED = 0, 1, 2, 3, 4, 5, 6, 7, 8


@kernel
def decide(
    ops: U8Array,
    local: I64Array,
    offsets: I64Array,
    if_seq_no: I64Array,
    if_primary_term: I64Array,
    version: I64Array,
    version_type: U8Array,
    results: U8Array,
    seq_nos: I64Array,
    versions: I64Array,
    doc_seq_no: I64Array,
    doc_version: I64Array,
    doc_deleted: U8Array,
    doc_offset: I64Array,
    doc_row: I64Array,
    touched: BoolArray,
    next_seq_no: int,
    primary_term: int,
    forget_after: int,
) -> int:
    """Decide n rows; returns the next sequence number.

    In: what each row asks for; ``results`` holds PENDING for rows to decide and the outcome for rows that were decided
    before (rejected, duplicate, no-op, missing). In and out, per document: sequence number, version, deleted, offset of
    its last operation (-1: never seen; a deletion older than ``forget_after`` offsets is forgotten), ``doc_row`` (the row
    that holds its newest source, -1: an earlier run's). Out per row: result, sequence number and version (of a conflict:
    the document's current ones).
    """
    for row in range(ops.shape[0]):
        if results[row] != PENDING:
            continue
        d = local[row]
        exists = doc_deleted[d] == 0
        known = exists or (doc_offset[d] >= 0 and offsets[row] - doc_offset[d] <= forget_after)
        current = doc_version[d] if known else 0
        op = ops[row]
        clash = False
        if if_seq_no[row] >= 0:
            clash = not exists or doc_seq_no[d] != if_seq_no[row]
            clash = clash or (if_primary_term[row] >= 0 and if_primary_term[row] != primary_term)
        elif version_type[row] == EXTERNAL:
            clash = known and version[row] <= current
        elif version_type[row] == EXTERNAL_GTE:
            clash = known and version[row] < current
        if op == CREATE and exists:
            clash = True
        if clash:
            results[row] = CONFLICT
            seq_nos[row] = doc_seq_no[d] if exists else -1
            versions[row] = current
            continue
        new_version = version[row] if version_type[row] != INTERNAL else current + 1
        if op == DELETE:
            results[row] = DELETED if exists else NOT_FOUND
            doc_deleted[d] = 1
            doc_row[d] = -1
        else:
            results[row] = UPDATED if exists else CREATED
            doc_deleted[d] = 0
            doc_row[d] = row
        doc_seq_no[d] = next_seq_no
        doc_version[d] = new_version
        doc_offset[d] = offsets[row]
        touched[d] = True
        seq_nos[row] = next_seq_no
        versions[row] = new_version
        next_seq_no += 1
    return next_seq_no


@kernel
def mark_dead(alive: BoolArray, docs: I64Array) -> int:
    """Take rows out of an alive mask; how many were alive."""
    gone = 0
    for i in range(docs.shape[0]):
        if alive[docs[i]]:
            alive[docs[i]] = False
            gone += 1
    return gone


def warm() -> None:
    """Compile with the types they are used with."""
    one, flag = np.zeros(1, np.int64), np.zeros(1, np.uint8)
    touched = np.zeros(1, np.bool_)
    decide(
        flag, one, one, one - 1, one - 1, one - 1, flag, flag.copy(), one.copy(), one.copy(), one.copy(), one.copy(),
        flag.copy(), one.copy(), one.copy(), touched, 0, 1, 10,
    )  # fmt: skip
    mark_dead(touched, one)
