"""Aggregations over columns against the obvious way over documents."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.aggregations import (
    CompositeAggregation,
    DateHistogramAggregation,
    KeySource,
    Metric,
    RangeAggregation,
    RangeBucket,
    TermsAggregation,
)
from schemas.errors import SedimentError
from schemas.query import Term
from tests.oracle.aggregation_oracle import aggregate
from tests.pipeline.search.aggregations.worlds import (
    DAY,
    Document,
    Indexed,
    aggregation,
    answer,
    document,
    matches,
    merge_partials,
    reduced,
    world_of,
)

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
A = Term(field="tag", value="a")


def close(a: Any, b: Any) -> bool:
    """Equal, up to a last digit of floats."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return bool(np.isclose(a, b, rtol=1e-14, atol=0))
    return type(a) is type(b) and a == b


@settings(max_examples=60, suppress_health_check=SLOW)
@given(
    st.lists(st.lists(document(), max_size=5), max_size=3),
    aggregation(),
    st.sampled_from([None, A]),
    document(),
)
def test_equals_the_obvious_way(segments: list[list[Document]], agg: Any, query: Any, dead: Document) -> None:
    """Any aggregation over any segments, some rows deleted, is what Python over documents gives."""
    everything = [d for docs in segments for d in docs]
    found = [d for d in everything if query is None or matches(query, d)]
    expected = aggregate(world_of(everything), {"x": agg}, found)
    got = answer([segments], {"x": agg}, query, dead)
    assert close(got, expected), (got, expected)
    json.dumps(got)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(
    st.lists(st.lists(document(), max_size=4), min_size=1, max_size=4),
    aggregation(),
    st.randoms(use_true_random=False),
)
def test_merging_is_associative_and_commutative(segments: list[list[Document]], agg: Any, random: Any) -> None:
    """The partials of any split, merged in any order and grouping, are those of the whole, to the byte."""
    aggs = {"x": agg}
    whole = Indexed(segments, {}).partials(aggs, None)
    parts = [Indexed([docs], {}).partials(aggs, None) for docs in segments]
    random.shuffle(parts)
    while len(parts) > 1:
        at = random.randrange(len(parts) - 1)
        parts[at : at + 2] = [merge_partials(parts[at : at + 2])]
    final = reduced(aggs, [whole])
    assert reduced(aggs, parts) == final
    assert merge_partials(parts) == merge_partials([merge_partials([whole])])


def error(aggs: Any, docs: list[Document]) -> SedimentError:
    with pytest.raises(SedimentError) as caught:
        answer([[docs]], aggs)
    return caught.value


def test_text_has_no_columns() -> None:
    """Text fields are refused in Elasticsearch's words."""
    found = error({"x": TermsAggregation(field="text")}, [{}])
    assert found.message.startswith("Text fields are not optimised for operations that require")


def test_wrong_types_are_refused() -> None:
    """A metric of a keyword is an error, also where there is no document."""
    message = "Field [tag] of type [keyword] is not supported for aggregation [avg]"
    assert error({"x": Metric(kind="avg", field="tag")}, [{}]).message == message
    with pytest.raises(SedimentError, match="not supported for aggregation"):
        answer([[]], {"x": Metric(kind="avg", field="tag")})


def test_unmapped_fields_are_empty() -> None:
    """Fields that the index does not have give empty answers, or what ``missing`` says."""
    docs: list[Document] = [{"tag": ["a"]}, {}]
    got = answer(
        [[docs], []],
        {
            "t": TermsAggregation(field="nope"),
            "m": TermsAggregation(field="nope", missing="abc"),
            "b": TermsAggregation(field="nope", missing=True, value_type="boolean"),
            "d": TermsAggregation(field="nope", missing="2016-05-11", value_type="date"),
            "s": Metric(kind="sum", field="nope", missing=2),
            "a": Metric(kind="avg", field="nope"),
        },
    )
    assert got["t"] == {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []}
    assert got["m"]["buckets"] == [{"key": "abc", "doc_count": 2}]
    assert got["b"]["buckets"] == [{"key": 1, "key_as_string": "true", "doc_count": 2}]
    (date,) = got["d"]["buckets"]
    assert date == {"key": 1462924800000, "key_as_string": "2016-05-11T00:00:00.000Z", "doc_count": 2}
    assert got["s"] == {"value": 4.0}
    assert got["a"] == {"value": None}


def test_too_many_buckets() -> None:
    """Gaps that would be filled without end are an error that names the limit."""
    agg = DateHistogramAggregation(field="when", fixed_interval_ms=1000)
    found = error({"x": agg}, [{"when": [0]}, {"when": [DAY]}])
    assert found.code == "too_many_buckets"
    assert "[65535]" in found.message


def test_orders_must_name_something() -> None:
    """An order by what is not there is an error."""
    agg = TermsAggregation(field="tag", order=(("nope", True), ("_key", True)))
    assert error({"x": agg}, [{}]).message.startswith("Invalid aggregation order path [nope].")


def test_pages_of_keys_are_bounded() -> None:
    """A page of composite that is larger than an answer may be is an error that names the limit."""
    agg = CompositeAggregation(sources=[KeySource(name="t", field="tag")], size=70_000)
    assert error({"x": agg}, [{}]).code == "too_many_buckets"


def test_numbers_as_dates_are_read_in_the_fields_format() -> None:
    """The ends of a date_range: a number of four digits is a year, a longer one milliseconds."""
    agg = RangeAggregation(field="when", date=True, ranges=[RangeBucket(None, 2022, 1641600000000)])
    (bucket,) = answer([[[{"when": [1641600000000 - 1]}]]], {"x": agg})["x"]["buckets"]
    assert bucket["key"] == "2022-01-01T00:00:00.000Z-2022-01-08T00:00:00.000Z"
    assert bucket["doc_count"] == 1
