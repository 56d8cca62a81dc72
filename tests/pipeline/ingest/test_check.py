"""What is refused at the door."""

import numpy as np
import pytest

from pipeline.ingest.check import Check
from pipeline.ingest.ports import Op, Writes
from schemas.limits import DOCUMENT_BYTES_MAX
from schemas.records import ByteColumn


def fault(op: Op, key: bytes | None, source: bytes | None) -> tuple[str, int] | None:
    """(code, status) of a write between two good ones."""
    ops = np.array([Op.INDEX, op, Op.DELETE], np.uint8)
    writes = Writes(ops, ByteColumn.of([b"a", key, b"c"]), ByteColumn.of([b"{}", source, None]))
    found = Check().faults(writes)
    assert set(found) <= {1}
    return (found[1].code, found[1].status) if found else None


@pytest.mark.parametrize(
    ("op", "key", "source", "expected"),
    [
        (Op.INDEX, b"x", b'{"a":1}', None),
        (Op.INDEX, None, b"{}", None),
        (Op.CREATE, b"x" * 512, b"{}", None),
        (Op.DELETE, b"x", None, None),
        (Op.UPDATE, b"x", b'{"doc":{}}', None),
        (Op.INDEX, b"x" * 513, b"{}", ("action_request_validation", 400)),
        (Op.INDEX, b"", b"{}", ("illegal_argument", 400)),
        (Op.DELETE, None, None, ("action_request_validation", 400)),
        (Op.UPDATE, None, b"{}", ("action_request_validation", 400)),
        (Op.INDEX, b"x", None, ("action_request_validation", 400)),
        (Op.INDEX, b"x", b"", ("mapper_parsing", 400)),
        (Op.INDEX, b"x", b"{", ("mapper_parsing", 400)),
        (Op.INDEX, b"x", b"[1]", ("mapper_parsing", 400)),
        (Op.INDEX, b"x", b'{"a":NaN}', ("mapper_parsing", 400)),
    ],
)
def test_a_write_is_refused_for_itself_alone(op: Op, key: bytes | None, source: bytes | None, expected: object) -> None:
    """Each fault has its code and does not touch its neighbours."""
    assert fault(op, key, source) == expected


def test_a_document_that_is_too_large_is_refused() -> None:
    """413, before anybody copies it."""
    source = b'{"a":"' + b"x" * DOCUMENT_BYTES_MAX + b'"}'
    assert fault(Op.INDEX, b"x", source) == ("document_too_large", 413)
