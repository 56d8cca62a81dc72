"""Pipelines over buckets as Elasticsearch defines them, on a table small enough to reckon by hand."""

from typing import Any

import pytest

from pipeline.dsl.parse import parse_search
from pipeline.search.aggregations.partials import from_wire
from query_api.fanout.aggregations.pipelines import in_dependency
from query_api.fanout.aggregations.reduce import reduce_aggregations
from schemas.aggregations import Pipeline
from schemas.errors import SedimentError
from tests.pipeline.search.aggregations.worlds import Indexed, answer

# count: 0 0 0 | 1 | - | 3 3; price sums to 6, 4, nothing, 5
DOCUMENTS: list[Any] = [
    {"count": [0], "price": [1.0]}, {"count": [0], "price": [2.0]}, {"count": [0], "price": [3.0]},
    {"count": [1], "price": [4.0]}, {"count": [3], "price": [2.0]}, {"count": [3], "price": [3.0]},
]  # fmt: skip


def asked(inside: dict[str, Any], beside: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The answer with aggregations inside of a histogram of count, and others beside it."""
    children = {"s": {"sum": {"field": "price"}}, **inside}
    body = {"h": {"histogram": {"field": "count", "interval": 1, **options}, "aggs": children}, **(beside or {})}
    request = parse_search({"size": 0, "aggs": body}, now_ms=0)
    return answer([[DOCUMENTS[:2], DOCUMENTS[2:]], [[]]], request.aggregations)


def of(found: dict[str, Any], name: str) -> list[Any]:
    """A pipeline's number in each bucket; "-" where it has none."""
    return [bucket[name]["value"] if name in bucket else "-" for bucket in found["h"]["buckets"]]


def test_parents_add_to_each_bucket() -> None:
    """Differences, sums so far, and differences at a distance; an empty bucket is a gap."""
    found = asked({
        "d": {"derivative": {"buckets_path": "s"}},
        "dc": {"derivative": {"buckets_path": "_count"}},
        "dz": {"derivative": {"buckets_path": "s", "gap_policy": "insert_zeros"}},
        "c": {"cumulative_sum": {"buckets_path": "s.value"}},
        "l": {"serial_diff": {"buckets_path": "_count", "lag": 2}},
    })  # fmt: skip
    assert of(found, "d") == ["-", -2.0, None, None]
    assert of(found, "dc") == ["-", -2.0, -1.0, 2.0]
    assert of(found, "dz") == ["-", -2.0, -4.0, 5.0]
    assert of(found, "c") == [6.0, 10.0, 10.0, 15.0]
    assert of(found, "l") == ["-", "-", -3.0, 1.0]


def test_pipelines_read_each_other() -> None:
    """A sum of differences, whichever is named first, an empty bucket being a gap; formats are applied; a circle is refused."""
    found = asked({
        "z": {"cumulative_sum": {"buckets_path": "a", "format": "0.00"}},
        "a": {"derivative": {"buckets_path": "_count"}},
    })  # fmt: skip
    assert of(found, "z") == [0.0, -2.0, -2.0, 0.0]
    assert found["h"]["buckets"][1]["z"]["value_as_string"] == "-2.00"
    circle = {name: Pipeline(kind="derivative", path=path) for name, path in (("a", "b"), ("b", "a"))}
    with pytest.raises(SedimentError, match="Cyclical dependency"):
        in_dependency(circle)


def test_siblings_sum_up_buckets() -> None:
    """Each of its kind over the sums 6, 4, none, 5."""
    kinds = ("avg", "sum", "min", "max", "stats", "extended_stats", "percentiles")
    beside = {kind: {f"{kind}_bucket": {"buckets_path": "h>s"}} for kind in kinds}
    found = asked({}, beside)
    assert found["avg"] == {"value": 5.0}
    assert found["sum"] == {"value": 15.0}
    assert found["min"] == {"value": 4.0, "keys": ["1.0"]}
    assert found["max"] == {"value": 6.0, "keys": ["0.0"]}
    assert found["stats"] == {"count": 3, "min": 4.0, "max": 6.0, "avg": 5.0, "sum": 15.0}
    assert found["extended_stats"]["variance"] == pytest.approx(2 / 3)
    assert found["extended_stats"]["std_deviation_bounds"]["upper_sampling"] == pytest.approx(7.0)
    assert found["percentiles"]["values"]["50.0"] == 5.0
    keyed = asked({}, {"m": {"max_bucket": {"buckets_path": "h._count"}}}, keyed=True)
    assert keyed["m"] == {"value": 3.0, "keys": ["0.0"]}


def test_buckets_are_sorted_and_cut() -> None:
    """By several paths, from a place on; buckets without a value are left out unless they count as zero."""
    sort = [{"s": {"order": "desc"}}]
    found = asked({"b": {"bucket_sort": {"sort": sort}}})
    assert [bucket["key"] for bucket in found["h"]["buckets"]] == [0.0, 3.0, 1.0]
    found = asked({"b": {"bucket_sort": {"sort": sort, "gap_policy": "insert_zeros", "from": 1, "size": 2}}})
    assert [bucket["key"] for bucket in found["h"]["buckets"]] == [3.0, 1.0]
    found = asked({"b": {"bucket_sort": {"from": 3}}}, keyed=True)
    assert list(found["h"]["buckets"]) == ["3.0"]


BAD = [
    ({"x": {"max_bucket": {"buckets_path": "nope>s"}}}, "buckets_path aggregation does not exist for aggregation"),
    (
        {"x": {"max_bucket": {"buckets_path": "m"}}, "m": {"max": {"field": "count"}}},
        "must be a multi-bucket aggregation",
    ),
    ({"x": {"max_bucket": {}}}, "Missing required field"),
    ({"x": {"max_bucket": {"buckets_path": "h>s", "gap_policy": "no"}}}, "Invalid gap policy"),
    ({"x": {"cumulative_sum": {"buckets_path": "s"}}}, "as parent but doesn't have a parent"),
    ({"x": {"bucket_sort": {"size": 1}}}, "must be declared inside of another aggregation"),
    ({"x": {"bucket_sort": {}}}, "configured to perform nothing"),
    ({"x": {"bucket_script": {"buckets_path": {}, "script": "1"}}}, "scripts are not supported"),
    ({"x": {"moving_fn": {"window": -1}}}, "must be a positive, non-zero integer"),
]


@pytest.mark.parametrize(("beside", "message"), BAD)
def test_what_cannot_be_computed_is_refused(beside: dict[str, Any], message: str) -> None:
    """Paths to nothing, places where a kind cannot stand, scripts."""
    with pytest.raises(SedimentError, match=message):
        asked({}, beside)


def test_a_path_must_lead_to_a_number() -> None:
    """A terms aggregation at the end of a path is named with its class, as Elasticsearch does."""
    beside = {"x": {"max_bucket": {"buckets_path": "h>t"}}}
    with pytest.raises(SedimentError, match=r"got: \[LongTerms\] at aggregation \[t\]"):
        asked({"t": {"terms": {"field": "count"}}}, beside)
    with pytest.raises(SedimentError, match="Cannot find an aggregation named"):
        asked({}, {"x": {"max_bucket": {"buckets_path": "h>nope"}}})


def test_names_carry_their_types() -> None:
    """typed_keys puts the word of each result before its name, also where one name stands for two kinds."""
    body = {
        "a": {"terms": {"field": "count"}, "aggs": {"a": {"cardinality": {"field": "price"}}}},
        "m": {"max_bucket": {"buckets_path": "a>a"}},
    }
    request = parse_search({"aggs": body}, now_ms=0)
    parts = [{n: from_wire(w) for n, w in Indexed([DOCUMENTS], {}).partials(request.aggregations, None).items()}]
    found = reduce_aggregations(request.aggregations, parts, typed_keys=True)
    assert sorted(found) == ["bucket_metric_value#m", "lterms#a"]
    assert found["lterms#a"]["buckets"][0]["cardinality#a"] == {"value": 3}
