"""query_api.elastic.reading.sort_values: scores and sort values as OpenSearch shows them, and back."""

from typing import Any

import numpy as np
import orjson
import pytest

from pipeline.catalog.state import IndexState
from query_api.elastic.reading.sort_values import explanation_shown, score_shown, shown, type_of, with_search_after
from query_api.elastic.wire.call import dump
from query_api.elastic.wire.names import Target
from schemas.errors import SedimentError
from schemas.ids import IndexName, IndexUuid, SchemaVersion, TopicName
from schemas.mapping import FieldType, parse_mapping
from schemas.query import SearchRequest, SortKey

TYPES = ("long", "integer", "short", "double", "float", "date", "boolean", "keyword", "ip")
MAPPING = parse_mapping({"properties": {name: {"type": name} for name in TYPES}})
STATE = IndexState(IndexName("a"), IndexUuid("u"), TopicName("a"), 1, 0, {}, MAPPING, SchemaVersion(1))
TARGET = Target(STATE)
LONG_MAX, INT_MAX = 9223372036854775807, 2147483647


def test_scores_have_the_shortest_text_of_a_float32() -> None:
    """As Java prints a float: 0.2876821, not what this float32 is as a double."""
    score = float(np.float32(0.2876821))
    assert orjson.dumps(score) == b"0.28768208622932434"
    assert dump([score_shown(score), score_shown(1.0), score_shown(None)]) == b"[0.2876821,1.0,null]"
    text = dump(explanation_shown({"value": score, "details": [{"value": 3, "description": "n"}]}))
    assert text == b'{"value":0.2876821,"details":[{"value":3,"description":"n"}]}'


@pytest.mark.parametrize(
    ("field", "last"),
    [
        ("long", LONG_MAX),
        ("date", LONG_MAX),
        ("integer", INT_MAX),
        ("short", INT_MAX),
        ("boolean", INT_MAX),
        ("double", "Infinity"),
        ("float", "Infinity"),
        ("keyword", None),
        ("ip", None),
    ],
)
def test_missing_values_show_the_last_value_of_their_type(field: str, last: Any) -> None:
    """The least one where they come first in ascending or last in descending order."""
    first = {LONG_MAX: -LONG_MAX - 1, INT_MAX: -INT_MAX - 1, "Infinity": "-Infinity"}.get(last)
    kind = FieldType(field)
    orders = [(False, "_last"), (True, "_last"), (False, "_first"), (True, "_first")]
    assert [shown(None, SortKey(field, d, m), kind) for d, m in orders] == [last, first, first, last]


def test_unmapped_fields_have_the_type_that_is_named() -> None:
    """Nothing is known of ``_doc`` and of dead letters."""
    assert type_of(SortKey("none", unmapped_type="long"), TARGET) is FieldType.LONG
    assert type_of(SortKey("none", unmapped_type="nonsense"), TARGET) is None
    assert type_of(SortKey("_doc"), TARGET) is None
    assert type_of(SortKey("long"), Target(STATE, dead=True)) is None


def test_formats_of_sort_keys_are_applied() -> None:
    """Dates by their pattern, numbers by Java's; texts and addresses as they are read."""
    assert shown(1704067200000, SortKey("date", format="yyyy-MM-dd"), FieldType.DATE) == "2024-01-01"
    assert shown(1234.5, SortKey("double", format="#,##0.00"), FieldType.DOUBLE) == "1,234.50"
    assert shown(7, SortKey("long", format="000"), FieldType.LONG) == "007"
    assert shown(7, SortKey("long"), FieldType.LONG) == 7
    assert shown(b"abc", SortKey("keyword"), FieldType.KEYWORD) == "abc"
    assert shown(bytes(10) + b"\xff\xff\x7f\0\0\1", SortKey("ip"), FieldType.IP) == "127.0.0.1"
    assert dump(shown(float(np.float32(0.1)), SortKey("float"), FieldType.FLOAT)) == b"0.1"
    with pytest.raises(SedimentError, match="format"):
        shown(1, SortKey("date", format="nonsense"), FieldType.DATE)


@pytest.mark.parametrize(
    ("key", "given", "meant"),
    [
        (SortKey("integer"), INT_MAX, None),
        (SortKey("integer"), str(INT_MAX), None),
        (SortKey("integer", descending=True), INT_MAX, INT_MAX),
        (SortKey("long"), LONG_MAX, None),
        (SortKey("double"), "Infinity", None),
        (SortKey("double", descending=True), "-Infinity", None),
        (SortKey("keyword"), None, None),
        (SortKey("keyword"), "x", "x"),
        (SortKey("_score"), 0.2876821, float(np.float32(0.2876821))),
        (SortKey("_score"), "x", "x"),
    ],
)
def test_search_after_takes_back_what_hits_show(key: SortKey, given: Any, meant: Any) -> None:
    """The value of a missing one is missing again; a score is the float32 it was."""
    request = SearchRequest(sort=(key,), search_after=(given,))
    assert with_search_after(request, [TARGET]).search_after == (meant,)


def test_search_after_that_does_not_fit_is_left_to_the_partitions() -> None:
    """They say what is wrong with it."""
    request = SearchRequest(sort=(SortKey("long"),), search_after=(1, 2))
    assert with_search_after(request, [TARGET]) is request
