"""Rows taken out of a column of byte strings."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.kernels.rows import take_rows
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

_values = st.lists(st.none() | st.binary(max_size=20) | st.binary(min_size=60, max_size=200), min_size=1, max_size=12)


@given(_values, st.data())
@example([b"x" * 64, b"", b"y" * 128, None], None)
def test_rows_are_those_of_a_list(values: list[bytes | None], data: st.DataObject | None) -> None:
    """Any rows in any order, nulls and repeats among them; what lies behind the last one is readable and zero."""
    indexes = st.lists(st.integers(0, len(values) - 1))
    rows = [3, 0, 0, 2, 1] if data is None else data.draw(indexes)
    taken = take_rows(ByteColumn.of(values), np.array(rows, np.int64))
    assert taken.to_list() == [values[row] for row in rows]
    assert taken.data[taken.starts[-1] :].tolist() == [0] * READABLE_PAD_BYTES


def test_a_slice_without_padding_behind_it() -> None:
    """The column's bytes may end with its last value, and begin before its first."""
    whole = np.frombuffer(bytes(range(200)), np.uint8)
    column = ByteColumn(whole, np.array([5, 100, 199, 200], np.int64))
    expected = [bytes([199]), bytes(range(100, 199)), bytes(range(5, 100))]
    assert take_rows(column, np.array([2, 1, 0])).to_list() == expected
