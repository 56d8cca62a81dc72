"""Partial updates merge as Elasticsearch merges them."""

import json

import pytest

from pipeline.materialise.decisions.updates import Resolution, merge, resolve
from schemas.errors import SedimentError


def body(**parts: object) -> bytes:
    """The body of an update."""
    return json.dumps(parts).encode()


def test_objects_merge_and_arrays_are_replaced() -> None:
    """Objects merge key by key; anything else is replaced; null stays null."""
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merge(old, {"a": {"c": [3], "e": None}}) == {"a": {"b": 1, "c": [3], "e": None}, "d": 1}
    assert old == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_an_update_that_changes_nothing_is_a_noop() -> None:
    """Equal values are a no-op unless detect_noop is off; 1 and 1.0 and true are not equal."""
    assert resolve(b'{"a":1}', body(doc={"a": 1})).resolution is Resolution.NOOP
    assert resolve(b'{"a":1}', body(doc={"a": 1}, detect_noop=False)).resolution is Resolution.WRITE
    assert resolve(b'{"a":1}', body(doc={"a": 1.0})).source == b'{"a":1.0}'
    assert resolve(b'{"a":1}', body(doc={"a": True})).source == b'{"a":true}'


def test_a_missing_document_takes_the_upsert() -> None:
    """Without the document: upsert, then doc_as_upsert, then missing."""
    assert resolve(None, body(doc={"a": 1}, upsert={"b": 2})).source == b'{"b":2}'
    assert resolve(None, body(doc={"a": 1}, doc_as_upsert=True)).source == b'{"a":1}'
    assert resolve(None, body(doc={"a": 1})).resolution is Resolution.MISSING


def test_whole_numbers_beyond_64_bits_survive() -> None:
    """A number that orjson cannot hold is kept digit by digit."""
    big = 10**30
    source = resolve(b'{"n":%d}' % big, body(doc={"a": 1})).source
    assert source is not None
    assert json.loads(source) == {"n": big, "a": 1}


@pytest.mark.parametrize("bad", [b"[]", b"{", b'{"script":"x"}', b'{"doc":1}', b"{}", b'{"docc":{}}'])
def test_a_body_that_says_nothing_to_do_is_invalid(bad: bytes) -> None:
    """Every malformed body is an INVALID error, never anything else."""
    with pytest.raises(SedimentError):
        resolve(b"{}", bad)
