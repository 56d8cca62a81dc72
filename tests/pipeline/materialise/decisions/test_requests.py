"""The window of request ids."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.materialise.decisions.requests import Decided, RequestWindow
from schemas.outcomes import WriteError


def remember(window: RequestWindow, offset: int, request_id: bytes, error: WriteError | None = None) -> None:
    """One decided record."""
    columns = np.array([offset])
    errors = {} if error is None else {0: error}
    window.remember({0: request_id}, columns, np.array([1], np.uint8), columns, columns, errors)


@given(
    log=st.lists(st.tuples(st.integers(1, 4), st.sampled_from([b"a", b"b", b"c"])), max_size=30),
    reopen=st.integers(0, 30),
)
def test_a_request_is_known_for_so_many_offsets(log: list[tuple[int, bytes]], reopen: int) -> None:
    """As a list of all decided records would say, also after a restart; what has expired leaves the memory."""
    window, history, offset = RequestWindow(5), dict[bytes, int](), 0
    for number, (gap, request_id) in enumerate(log):
        offset += gap
        if number == reopen:
            window = RequestWindow.decode(window.encode(), 5)
        first = history.get(request_id)
        known = first is not None and offset - first <= 5
        found = window.find(request_id, offset)
        assert (found is not None) == known
        assert found is None or found.offset == first
        remember(window, offset, request_id)
        if not known:
            history[request_id] = offset
        assert len(window) <= 6


def test_the_first_error_is_the_second_answer() -> None:
    """A retried request hears why it was refused, also after a restart."""
    error = WriteError("mapper_parsing", "bad", 400, {"field": "a"})
    window = RequestWindow()
    remember(window, 3, b"r", error)
    again = RequestWindow.decode(window.encode())
    assert again.find(b"r", 9) == Decided(3, 1, 3, 3, error)
    assert RequestWindow.decode(b"").find(b"r", 9) is None
