"""query_api.elastic.wire.pace: which requests are alike, and which of them are expected to be short."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from query_api.elastic.wire.pace import (
    ALONE_AFTER_SECONDS,
    ALONE_SECONDS_MAX,
    FADE,
    QUICK_SECONDS_MAX,
    SHAPES_MAX,
    Askers,
    Pace,
    shape_of,
)

WORDS = st.text(max_size=8)


@given(WORDS, WORDS, st.integers(100, 999), st.integers(100, 999))
def test_words_and_digits_do_not_matter(one: str, other: str, first: int, second: int) -> None:
    """The same question with other values has the same shape; another field or another magnitude has another."""

    def shape(word: str, number: int, field: str = "body") -> bytes:
        body = {"query": {"term": {field: word}}, "size": number}
        return shape_of(b"/a/_search", orjson.dumps(body))

    assert shape(one, first) == shape(other, second)
    assert shape(one, first) != shape(other, first * 10)
    assert shape(one, first) != shape(one, first, "subject")


def test_quoted_values_are_left_out_whole() -> None:
    """Escapes do not end a value; a name before a colon stays, whatever white space is between."""
    assert shape_of(b"u", rb'{"a\"b" : "x\\\"y", "c":["p","q"]}') == b'u\n{"a\\"b" : , "c":[,]}'
    assert shape_of(b"/a/_search?size=12", b"") == b"/a/_search?size=00\n"


def test_a_shape_is_quick_until_it_was_slow() -> None:
    """Unknown is not quick; one slow request sends the next ones to threads, until enough short ones have passed."""
    pace = Pace()
    assert not pace.is_quick(b"s")
    pace.note(b"s", QUICK_SECONDS_MAX / 2)
    assert pace.is_quick(b"s")
    pace.note(b"s", QUICK_SECONDS_MAX * 2)
    slow = 0
    while not pace.is_quick(b"s"):
        pace.note(b"s", 0.0)
        slow += 1
    assert 2 * FADE**slow <= 1 < 2 * FADE ** (slow - 1)


def test_shapes_are_bounded() -> None:
    """Too many are all forgotten."""
    pace = Pace()
    for number in range(SHAPES_MAX + 1):
        pace.note(b"%d" % number, 0.0)
    assert not pace.is_quick(b"0")
    assert pace.is_quick(b"%d" % SHAPES_MAX)


def test_who_asks_alone_may_take_longer() -> None:
    """What is too long beside others is quick for the only one, up to a limit."""
    pace = Pace()
    pace.note(b"s", ALONE_SECONDS_MAX)
    assert pace.is_quick(b"s", alone=True)
    assert not pace.is_quick(b"s")
    pace.note(b"s", 2 * ALONE_SECONDS_MAX)
    assert not pace.is_quick(b"s", alone=True)


def test_alone_is_who_was_the_only_one_for_a_while() -> None:
    """Each change of the connection that asks begins the while anew."""
    askers = Askers()
    assert not askers.is_alone(1, 10.0)
    assert askers.is_alone(1, 10.0 + 2 * ALONE_AFTER_SECONDS)
    assert not askers.is_alone(2, 11.0)
    assert not askers.is_alone(1, 11.0 + 2 * ALONE_AFTER_SECONDS)
    assert not askers.is_alone(1, 11.0 + 2.5 * ALONE_AFTER_SECONDS)
    assert askers.is_alone(1, 11.0 + 4 * ALONE_AFTER_SECONDS)
