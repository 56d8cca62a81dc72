"""Dead letters: records that cannot be indexed become rows of ``<index>.dead``, in the same commit.

A dead letter says what is wrong (code, reason, field, byte position), where the record is (topic, partition, offset, time) and what it was
(key, raw bytes). It is a document like any other, so that it can be searched, sorted and counted.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson

from pipeline.json_columns.columns import Reject
from schemas.limits import DOCUMENT_BYTES_MAX, ID_BYTES_MAX
from schemas.mapping import IndexMapping, parse_mapping
from schemas.records import ByteColumn

SUFFIX: Final = ".dead"
MAPPING: Final[IndexMapping] = parse_mapping(
    {
        "dynamic": "false",
        "properties": {
            "code": {"type": "keyword"},
            "reason": {"type": "text"},
            "field": {"type": "keyword", "ignore_above": 1024},
            "position": {"type": "long"},
            "topic": {"type": "keyword"},
            "partition": {"type": "integer"},
            "offset": {"type": "long"},
            "timestamp": {"type": "date"},
            "key": {"type": "keyword", "ignore_above": ID_BYTES_MAX},
            "value": {"type": "text"},
            "value_base64": {"type": "keyword", "index": False, "doc_values": False},
            "truncated": {"type": "boolean"},
        },
    }
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a record could not be indexed; ``row`` is its row in the batch."""

    row: int
    code: str
    reason: str
    field: str = ""
    position: int = -1


def letter_of(reject: Reject) -> DeadLetter:
    """The letter of a document that cannot be indexed; half characters that its text may quote are made whole."""
    reason, field = (text.encode(errors="replace").decode() for text in (reject.reason, reject.field))
    return DeadLetter(reject.row, reject.code, reason, field, reject.position)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the records of a batch come from."""

    topic: str
    partition: int


def documents(
    letters: Iterable[DeadLetter],
    origin: Origin,
    offsets: Sequence[int],
    timestamps_ms: Sequence[int],
    keys: ByteColumn,
    values: ByteColumn,
) -> tuple[ByteColumn, ByteColumn]:
    """(ids, sources) of dead letters; columns are aligned with the batch that the letters' rows count in."""
    ids: list[bytes | None] = []
    sources: list[bytes | None] = []
    for letter in letters:
        key, value = keys[letter.row], values[letter.row]
        source = {
            "code": letter.code,
            "reason": letter.reason,
            "field": letter.field or None,
            "position": letter.position if letter.position >= 0 else None,
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": int(offsets[letter.row]),
            "timestamp": int(timestamps_ms[letter.row]),
            **_shown("key", key, ID_BYTES_MAX * 2),
            **_shown("value", value, DOCUMENT_BYTES_MAX),
        }
        ids.append(f"{origin.partition}-{int(offsets[letter.row])}".encode())
        sources.append(orjson.dumps({name: one for name, one in source.items() if one is not None}))
    return ByteColumn.of(ids), ByteColumn.of(sources)


def _shown(name: str, data: bytes | None, bytes_max: int) -> dict[str, object]:
    """Raw bytes as text where they are UTF-8, else as base64; what is longer than the limit is cut and says so."""
    if data is None:
        return {}
    cut = data[:bytes_max]
    marks: dict[str, object] = {"truncated": True} if len(data) > bytes_max else {}
    try:
        return {name: cut.decode(), **marks}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(cut).decode(), **marks}


def rows_of(letters: Sequence[DeadLetter]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The letters' rows, int64."""
    return np.fromiter((letter.row for letter in letters), np.int64, len(letters))
