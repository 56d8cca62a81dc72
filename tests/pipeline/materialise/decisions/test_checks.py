"""Records that are wrong whatever the mapping says."""

import numpy as np
import pytest

from pipeline.materialise.decisions.checks import faults_of
from pipeline.materialise.decisions.runs import Run, ids_of
from schemas.events import demands_of
from schemas.ids import LogOffset, PartitionId
from schemas.limits import DOCUMENT_BYTES_MAX
from schemas.records import ByteColumn, Headers, RecordBatch


def faults(key: bytes | None, value: bytes | None, *headers: tuple[str, bytes]) -> list[tuple[int, str, str]]:
    """The faults of a record between two good ones."""
    found: dict[int, Headers] = {1: headers} if headers else {}
    keys, values = ByteColumn.of([b"a", key, b"c"]), ByteColumn.of([b"{}", value, None])
    batch = RecordBatch(PartitionId(0), np.arange(3), np.zeros(3, np.int64), keys, values, LogOffset(3), found)
    run = Run(batch, demands_of(batch), ids_of(batch))
    return [(one.row, one.code, one.reason) for one in faults_of(run).values()]


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (None, b"{}", ()),
        ("ü".encode() * 256, b"{}", ()),
        (b"x", None, ()),
        (b"x", b"anything", (("op", b"delete"),)),
        (None, None, (("op", b"mapping"), ("schema-version", b"3"))),
        (b"x", b"{}", (("version_type", b"external"), ("version", b"0"))),
        (b"x", b"{}", (("traceparent", b"00"), ("unknown", b"-"))),
    ],
)
def test_what_is_right_passes(key: bytes | None, value: bytes | None, headers: Headers) -> None:
    """Odd records that mean something."""
    assert faults(key, value, *headers) == []


@pytest.mark.parametrize(
    ("key", "value", "headers", "words"),
    [
        (b"", b"{}", (), "id is 0 bytes long: must be 1 to 512"),
        (b"x" * 513, b"{}", (), "id is 513 bytes long"),
        (b"\xc3", b"{}", (), "id is not valid UTF-8"),
        (None, None, (), "nothing to delete"),
        (None, b"{}", (("op", b"delete"),), "nothing to delete"),
        (b"x", None, (("op", b"index"),), "a null value can only be a delete"),
        (b"x", b"{}", (("op", b"upsert"),), "header [op] is [upsert]: must be one of index, create"),
        (b"x", b"{}", (("if_seq_no", b"1.5"),), "header [if_seq_no] is [1.5]: must be a whole number"),
        (b"x", b"{}", (("version_type", b"external"),), "needs a header [version]"),
        (None, None, (("op", b"mapping"),), "needs a header [schema-version]"),
    ],
)
def test_what_is_wrong_is_said(key: bytes | None, value: bytes | None, headers: Headers, words: str) -> None:
    """One fault a record, with words that name it, and the neighbours untouched."""
    (found,) = faults(key, value, *headers)
    assert found[:2] == (1, "illegal_argument")
    assert words in found[2]


def test_a_document_that_is_too_large() -> None:
    """Somebody else than this program may have written it."""
    (found,) = faults(b"x", b" " * (DOCUMENT_BYTES_MAX + 1))
    assert found[1] == "document_too_large"
