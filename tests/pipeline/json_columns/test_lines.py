"""NDJSON bodies to lines, against the standard library."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.json_columns.lines import split_lines
from pipeline.json_columns.scanner import Scanner


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"{}", b"x" * 63, b"x" * 64]), max_size=20).map(b"".join))
def test_lines_are_those_of_a_split(body: bytes) -> None:
    r"""Lines end in \n or \r\n; the last one may lack its end; empty lines are kept."""
    expected = body.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    lines = split_lines(body)
    assert [lines[i] for i in range(len(lines))] == [line.removesuffix(b"\r") for line in expected]


def test_chosen_lines_are_scanned_where_they_lie() -> None:
    """Every second line of a bulk body goes to the scanner without a copy, or as a column of its own."""
    lines = split_lines(b'{"index":{"_id":"1"}}\n{"a":1}\r\n{"index":{}}\n{"a":2}')
    rows = np.array([1, 3])
    column, ends = lines.chosen(rows)
    tape = Scanner().scan(column, ends)
    assert not tape.errors
    assert tape.paths() == [("a",)]
    assert lines.column(rows).to_list() == [b'{"a":1}', b'{"a":2}']
