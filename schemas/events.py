"""What a record of an index topic means: its headers, and the columns they become.

Key = document id, value = the JSON document, null value = delete; headers only where a write demands more. Everything that a
producer may send is listed here, once, for the side that writes and the side that reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from schemas.records import Headers, RecordBatch

OP = "op"
IF_SEQ_NO = "if_seq_no"
IF_PRIMARY_TERM = "if_primary_term"
VERSION = "version"
VERSION_TYPE = "version_type"
ROUTING = "routing"
REQUEST_ID = "request-id"
REDRIVEN_FROM = "redriven-from"  # the dead letter's id, <partition>-<offset>
SCHEMA_VERSION = "schema-version"
TRACEPARENT = "traceparent"
CONTENT_TYPE = "content-type"
NOT_GIVEN = -1


class Op(IntEnum):
    """What a write asks for; the numbers are those in the ``ops`` columns."""

    INDEX = 0
    CREATE = 1
    UPDATE = 2  # the value is the body of _update: {"doc": …, "upsert": …, "doc_as_upsert": …, "detect_noop": …}
    DELETE = 3
    MARKER = 4  # a schema version begins here


class VersionType(IntEnum):
    """Who numbers the versions."""

    INTERNAL = 0
    EXTERNAL = 1
    EXTERNAL_GTE = 2


OP_NAMES: Mapping[bytes, Op] = {
    b"index": Op.INDEX,
    b"create": Op.CREATE,
    b"update": Op.UPDATE,
    b"delete": Op.DELETE,
    b"mapping": Op.MARKER,
}
VERSION_TYPE_NAMES: Mapping[bytes, VersionType] = {
    b"internal": VersionType.INTERNAL,
    b"external": VersionType.EXTERNAL,
    b"external_gt": VersionType.EXTERNAL,
    b"external_gte": VersionType.EXTERNAL_GTE,
}


@dataclass(frozen=True, slots=True)
class Demands:
    """What the records of a batch ask for, in columns of n rows; -1 = not demanded. Rows in ``faults`` cannot be understood."""

    ops: NDArray[np.uint8]
    if_seq_no: NDArray[np.int64]
    if_primary_term: NDArray[np.int64]
    version: NDArray[np.int64]
    version_type: NDArray[np.uint8]
    routing: Mapping[int, bytes] = field(default_factory=dict)
    request_ids: Mapping[int, bytes] = field(default_factory=dict)
    origins: Mapping[int, bytes] = field(default_factory=dict)
    schema_versions: Mapping[int, int] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)


class _Columns:
    """The columns of ``Demands`` while they are filled."""

    def __init__(self, rows: int) -> None:
        self.ops = np.zeros(rows, np.uint8)
        self.if_seq_no = np.full(rows, NOT_GIVEN, np.int64)
        self.if_primary_term = np.full(rows, NOT_GIVEN, np.int64)
        self.version = np.full(rows, NOT_GIVEN, np.int64)
        self.version_type = np.zeros(rows, np.uint8)
        self.routing: dict[int, bytes] = {}
        self.request_ids: dict[int, bytes] = {}
        self.origins: dict[int, bytes] = {}
        self.schema_versions: dict[int, int] = {}
        self.faults: dict[int, str] = {}


def demands_of(batch: RecordBatch) -> Demands:
    """Read what the records ask for. Work per row only where a row has headers."""
    columns = _Columns(len(batch))
    if batch.values.nulls is not None:
        columns.ops[batch.values.nulls] = Op.DELETE
    for row, headers in batch.headers.items():
        try:
            _read(columns, row, headers)
        except ValueError as error:
            columns.faults[row] = str(error)
    return Demands(
        columns.ops,
        columns.if_seq_no,
        columns.if_primary_term,
        columns.version,
        columns.version_type,
        columns.routing,
        columns.request_ids,
        columns.origins,
        columns.schema_versions,
        columns.faults,
    )


def _read(columns: _Columns, row: int, headers: Headers) -> None:
    for name, value in headers:
        if name == OP:
            columns.ops[row] = _named(OP_NAMES, name, value)
        elif name == VERSION_TYPE:
            columns.version_type[row] = _named(VERSION_TYPE_NAMES, name, value)
        elif name in _TEXTS:
            getattr(columns, _TEXTS[name])[row] = value
        elif name == SCHEMA_VERSION:
            columns.schema_versions[row] = _number(name, value)
        elif name in _NUMBERS:
            getattr(columns, name)[row] = _number(name, value)


_TEXTS: Mapping[str, str] = {ROUTING: "routing", REQUEST_ID: "request_ids", REDRIVEN_FROM: "origins"}
_NUMBERS = frozenset({IF_SEQ_NO, IF_PRIMARY_TERM, VERSION})


def _named(names: Mapping[bytes, IntEnum], header: str, value: bytes) -> int:
    found = names.get(value)
    if found is None:
        known = ", ".join(name.decode() for name in names)
        raise ValueError(f"header [{header}] is [{value.decode(errors='replace')}]: must be one of {known}")
    return int(found)


def _number(header: str, value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise ValueError(f"header [{header}] is [{value.decode(errors='replace')}]: must be a whole number")
    return int(value)
