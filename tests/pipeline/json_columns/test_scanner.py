"""The scanner: what is JSON and what is not, agreed with the standard library; slices of the source; the table of paths."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.json_columns import scanner as module
from pipeline.json_columns.kernels.scalar_kernels import (
    EMPTY_ARRAY,
    ESCAPED_FLAG,
    KIND,
    NULL,
    OBJECT,
    STRING,
    WHOLE,
)
from pipeline.json_columns.scanner import Scanner, raw
from pipeline.json_columns.twin import Bad, events_of, parse
from schemas.records import ByteColumn

soup = st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"a", b'"a"', b"1", b"-", b"0", b".", b"e", b" ", b"\n", b"true",
        b"null", b"nul", b"NaN", b"u00e9", b"\xc3\xa9", b"\xff", b'"a":', b'{"a":', b"\x00"]),
    max_size=60,
).map(b"".join)  # fmt: skip
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with some bytes replaced, removed or added."""
    body = bytearray(
        json.dumps(
            draw(st.dictionaries(st.text(max_size=70), json_values, max_size=4)), ensure_ascii=draw(st.booleans())
        ).encode()
    )
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b'"', b"\\", b"{", b"]", b",", b"\x80", b"\x1f", b"0"])
        )
    return bytes(body)


def accepted(document: bytes) -> bool:
    """Whether the standard library, made strict, takes it."""
    try:
        list(events_of(parse(document)))
    except Bad:
        return False
    return True


def leaves(document: bytes) -> list[tuple[tuple[str, ...], str, Any]]:
    """Everything on the tape of one document, read back from its slices."""
    tape = Scanner().scan(ByteColumn.of([document]))
    names = {OBJECT: "object", EMPTY_ARRAY: "empty", NULL: "null"}
    found = []
    for path, kind, start, end in zip(
        *(a.tolist() for a in (tape.leaves.paths, tape.leaves.kinds, tape.leaves.starts, tape.leaves.ends)), strict=True
    ):
        source = tape.data[start:end].tobytes()
        value = json.loads(b'"' + source + b'"') if kind & KIND == STRING else source.decode()
        name = names.get(kind & KIND, "scalar")
        if name == "scalar" and value in {"true", "false"} and kind & KIND != STRING:
            value = value == "true"
        found.append((tape.paths()[path], name, value if name == "scalar" else None))
    return found


@settings(max_examples=300)
@given(st.one_of(soup, soup.map(lambda s: b'{"a":"' + s), soup.map(lambda s: b'{"a":' + s + b"}"), damaged()))
def test_scanner_takes_what_the_standard_library_takes(document: bytes) -> None:
    """A document is well formed for both or for neither, and both see the same leaves in the same order."""
    tape = Scanner().scan(ByteColumn.of([document]))
    assert bool(tape.errors) != accepted(document)
    if not tape.errors:
        assert leaves(document) == [(e.keys, e.kind, e.value) for e in events_of(parse(document))]


@settings(max_examples=100)
@given(st.lists(damaged(), max_size=12), st.integers(0, 2**64 - 1))
def test_errors_do_not_depend_on_the_batch(documents: list[bytes], seed: int) -> None:
    """Alone, together, after other batches and with any seed a document has the same errors."""
    scanner = Scanner(seed)
    scanner.scan(ByteColumn.of(documents[::-1]))
    together = scanner.scan(ByteColumn.of(documents)).errors
    alone = [
        (row, e.reason, e.position)
        for row, d in enumerate(documents)
        for e in Scanner().scan(ByteColumn.of([d])).errors
    ]
    assert [(e.row, e.reason, e.position) for e in together] == alone


@pytest.mark.parametrize(
    ("document", "words", "position"),
    [
        (b"", "document is empty", 0),
        (b"  \n", "document is empty", 0),
        (b"[1]", "not a JSON object", 0),
        (b'{"a" 1}', "unexpected token", 5),
        (b'{"a":1', "unexpected end", 6),
        (b'{"a":"\\x"}', "bad escape", 6),
        (b'{"a":"\x01"}', "control character", 6),
        (b'{"a":"\\udc00"}', "lone surrogate", 6),
        (b'{"a":"\xff"}', "invalid UTF-8", 6),
        (b'{"a":' * 101, "nesting deeper", 500),
        (b'{"a":-Infinity}', "NaN and Infinity", 5),
        (b'{"a":1} x', "extra data", 8),
        (b'{"\\u0061":1,"a":2}', "Duplicate field 'a'", 12),
        (b'{"' + b"k" * 50_001 + b'":1}', "longer than 50000", 1),
    ],
)
def test_errors_say_what_and_where(document: bytes, words: str, position: int) -> None:
    """Each kind of error has its words and the byte where it was noticed."""
    (error,) = Scanner().scan(ByteColumn.of([b"{}", document, None])).errors
    assert words in error.reason
    assert (error.row, error.position, error.code) == (1, position, "mapper_parsing")


def test_null_documents_are_skipped() -> None:
    """A null row is neither an error nor does it have values."""
    tape = Scanner().scan(ByteColumn.of([None, b'{"a":1}', None]))
    assert tape.rows == 3
    assert not tape.errors
    assert tape.leaves.rows.tolist() == [1]


def test_raw_gives_slices_of_the_source() -> None:
    """Rows, positions and kinds of what stands at a path; nothing for unknown paths."""
    tape = Scanner().scan(
        ByteColumn.of([b'{"index":{"_id":"a\\"","n":-12}}', b'{"delete":{}}', b'{"index":{"_id":7}}'])
    )
    rows, starts, ends, kinds = raw(tape, ("index", "_id"))
    assert rows.tolist() == [0, 2]
    assert [tape.data[a:b].tobytes() for a, b in zip(starts, ends, strict=True)] == [b'a\\"', b"7"]
    assert [kind & KIND for kind in kinds.tolist()] == [STRING, WHOLE]
    assert kinds[0] & ESCAPED_FLAG
    _, starts, ends, kinds = raw(tape, ("delete",))
    assert tape.data[starts[0] : ends[0]].tobytes() == b"{}"
    assert kinds[0] & KIND == OBJECT
    assert len(raw(tape, ("nothing",))[0]) == 0


def test_documents_need_not_be_adjacent() -> None:
    """With explicit ends only the named slices are read."""
    body = b'xx{"a":1}yy{"b":"z"}zz'
    column = ByteColumn.of([body])
    starts = np.array([2, 11, 20], np.int64)
    tape = Scanner().scan(ByteColumn(column.data, starts), np.array([9, 20], np.int64))
    assert not tape.errors
    assert tape.paths() == [("a",), ("b",)]


def test_a_tape_outlives_later_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Growing or renewing the table of paths leaves earlier tapes as they were."""
    monkeypatch.setattr(module, "TABLE_PATHS_MAX", 1000)
    scanner = Scanner()
    first = scanner.scan(ByteColumn.of([b'{"a":{"b":1}}']))
    many = scanner.scan(ByteColumn.of([json.dumps({f"key{i}{'x' * 60}": i for i in range(2000)}).encode()]))
    assert not many.errors
    assert len(many.paths()) == 2002
    assert len(scanner.scan(ByteColumn.of([b'{"c":1}'])).paths()) == 1
    assert first.paths() == [("a",), ("a", "b")]
