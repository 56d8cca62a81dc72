"""query_api.elastic.wire.call: parameters, bodies, filter_path."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.elastic.wire.call import Call, check_duplicates, filter_paths, inflate, parse_json, parse_query_string
from schemas.errors import SedimentError

VALUE = {"took": 3, "hits": {"total": 2, "hits": [{"_id": "1", "_source": {"a": 1, "b": 2}}, {"_id": "2"}]}}


def call(**parameters: str) -> Call:
    return Call("GET", "/", "/", parameters, {})


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["took"], {"took": 3}),
        (["hits.hits._id"], {"hits": {"hits": [{"_id": "1"}, {"_id": "2"}]}}),
        (["hits.hits._source.*"], {"hits": {"hits": [{"_source": {"a": 1, "b": 2}}]}}),
        (["**.a"], {"hits": {"hits": [{"_source": {"a": 1}}]}}),
        (["h*.t*l"], {"hits": {"total": 2}}),
        (["-hits"], {"took": 3}),
        (["hits.hits", "-**.b", "-**._id"], {"hits": {"hits": [{"_source": {"a": 1}}, {}]}}),
        (["none"], {}),
    ],
)
def test_filter_path(filters: list[str], kept: Any) -> None:
    """Dotted paths, wildcards over one and over many levels, exclusions."""
    assert filter_paths(VALUE, filters) == kept


def test_parameters() -> None:
    """Flags, whole numbers, durations; an empty flag is on."""
    one = call(a="", b="true", c="false", n="12", t="1.5s", bad="x")
    assert [one.flag(n) for n in "abcd"] == [True, True, False, False]
    assert (one.integer("n"), one.integer("none"), one.seconds("t", 9), one.seconds("none", 9)) == (12, None, 1.5, 9)
    for read in (one.flag, one.integer, lambda n: one.seconds(n, 1)):
        with pytest.raises(SedimentError, match="x"):
            read("bad")


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"{", "end-of-input"), (b'{"a":x}', "character ('x' (code 120))"), (b"\xff", "Invalid UTF-8"), (b"[" * 5000, "")],
)
def test_malformed_json(data: bytes, word: str) -> None:
    """The message says what and where."""
    with pytest.raises(SedimentError) as caught:
        parse_json(data)
    assert word in caught.value.message
    assert caught.value.code == "json_parse"


@given(st.binary(max_size=40))
def test_any_query_string(query: bytes) -> None:
    """Parameters, or a SedimentError."""
    with contextlib.suppress(SedimentError):
        parse_query_string(query)


@given(st.binary(max_size=60))
def test_any_gzip_body(body: bytes) -> None:
    """Bytes that are no gzip are refused."""
    with pytest.raises(SedimentError):
        inflate(body, 100)


def test_an_object_says_a_thing_once() -> None:
    """The second of two equal names would hide the first; wherever it stands, the error names it."""
    for data in (b'{"a":1,"a":1}', b'[{"q":{"must":[],"must":[1e5]}}]'):
        with pytest.raises(SedimentError) as found:
            check_duplicates(data)
        assert (found.value.code, "Duplicate field" in found.value.message) == ("json_parse", True)
    check_duplicates(b'{"a":{"a":' + b"9" * 5000 + b'},"b":{"a":-0.5e9999}}')
    with pytest.raises(SedimentError, match="depth"):
        check_duplicates(b"[" * 5_000 + b"]" * 5_000)


def test_what_is_not_utf8_is_pointed_at() -> None:
    """With its byte, line and column."""
    with pytest.raises(SedimentError) as found:
        parse_json(b'{"a":\n "\xff"}')
    assert found.value.message.startswith("Invalid UTF-8 byte 0xff")
    assert (found.value.details["line"], found.value.details["col"]) == (2, 3)
