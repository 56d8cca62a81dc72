"""query_api.fanout.contexts: what is kept, and for how long."""

import pytest

from query_api.fanout.contexts import Contexts
from schemas.errors import ErrorKind, SedimentError
from schemas.limits import CONTEXTS_MAX


class Time:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_context_ends_when_nobody_asks_for_it() -> None:
    """Each question prolongs it; a kind never finds another kind's."""
    time = Time()
    contexts = Contexts(time, lambda: 7)
    one = contexts.open("scroll", (), "content", 10)
    time.now = 9
    assert contexts.get("scroll", one.id) is one
    time.now = 18
    assert contexts.get("scroll", one.id, 60).created_ms == 7
    time.now = 70
    assert one.keep_s == 10
    with pytest.raises(SedimentError) as wrong:
        contexts.get("pit", one.id)
    assert wrong.value.code == "search_context_missing"
    assert contexts.all("scroll") == [one]
    time.now = 80
    assert contexts.all("scroll") == []


def test_contexts_are_closed_by_kind() -> None:
    """Only those that are there count."""
    contexts = Contexts(Time(), lambda: 0)
    one, other = contexts.open("scroll", (), None, 1), contexts.open("pit", (), None, 1)
    assert contexts.close("scroll", [one.id, other.id, "zz"]) == [one.id]
    assert contexts.all("pit") == [other]


def test_contexts_are_bounded() -> None:
    """One too many is refused, until another one ends."""
    contexts = Contexts(Time(), lambda: 0)
    opened = [contexts.open("pit", (), None, 1) for _ in range(CONTEXTS_MAX)]
    with pytest.raises(SedimentError) as refused:
        contexts.open("pit", (), None, 1)
    assert refused.value.kind is ErrorKind.OVERLOADED
    contexts.open("scroll", (), None, 1)
    contexts.close("pit", [opened[0].id])
    contexts.open("pit", (), None, 1)
