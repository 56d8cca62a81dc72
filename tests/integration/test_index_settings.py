"""Settings of an index that decide what a search finds or shows, and factors of indices, on a whole node."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.near_node import NearNode, near_node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearNode]:
    """One node for all of it."""
    with near_node(tmp_path_factory.mktemp("settings")) as one:
        yield one


async def filled(node: NearNode, name: str, settings: dict[str, Any]) -> None:
    """An index of two documents whose fields tell them apart."""
    assert (await node.send("PUT", f"/{name}", {"settings": settings})).status_code == 200
    await node.send("PUT", f"/{name}/_doc/title?refresh=true", {"title": "red fish", "body": "swims far away"})
    await node.send("PUT", f"/{name}/_doc/body?refresh=true", {"title": "bird", "body": "eats red fish"})


def ids(answer: Any) -> list[str]:
    """The ids of the hits, in order."""
    return [hit["_id"] for hit in answer["hits"]["hits"]]


QUERIES: list[dict[str, Any]] = [
    {"query_string": {"query": "fish"}},
    {"query_string": {"query": "fis*"}},
    {"simple_query_string": {"query": "fish"}},
    {"simple_query_string": {"query": "fis*"}},
    {"multi_match": {"query": "fish"}},
    {"bool": {"filter": [{"constant_score": {"filter": {"query_string": {"query": "fish"}}}}]}},
]


@pytest.mark.parametrize("query", QUERIES)
async def test_queries_without_fields_look_into_the_default_ones(node: NearNode, query: dict[str, Any]) -> None:
    """In an index that has some; in every field elsewhere."""
    if (await node.send("HEAD", "/narrow")).status_code == 404:
        await filled(node, "narrow", {"index.query.default_field": ["title"]})
        await filled(node, "wide", {})
    both = await node.json("POST", "/narrow,wide/_search", {"query": query})
    assert sorted((h["_index"], h["_id"]) for h in both["hits"]["hits"]) == [
        ("narrow", "title"),
        ("wide", "body"),
        ("wide", "title"),
    ]


async def test_default_fields_hold_wherever_something_is_searched(node: NearNode) -> None:
    """In counts, URL queries and filters of aggregations; not where the request names fields; and they can be changed."""
    await filled(node, "defaults", {"query": {"default_field": "title"}})
    assert (await node.json("GET", "/defaults/_count?q=fish"))["count"] == 1
    assert (await node.json("GET", "/defaults/_count?q=fish&df=body"))["count"] == 1
    assert (await node.json("GET", "/defaults/_count?q=body:fish OR fish"))["count"] == 2
    aggs = {"f": {"filter": {"multi_match": {"query": "fish"}}}}
    found = await node.json("POST", "/defaults/_search", {"size": 0, "aggs": aggs})
    assert found["aggregations"]["f"]["doc_count"] == 1
    named = {"query_string": {"query": "fish", "fields": ["body"]}}
    assert ids(await node.json("POST", "/defaults/_search", {"query": named})) == ["body"]
    await node.send("PUT", "/defaults/_settings", {"index.query.default_field": "body"})
    assert ids(await node.json("GET", "/defaults/_search?q=eats")) == ["body"]


async def test_long_texts_are_not_highlighted(node: NearNode) -> None:
    """Above the index's limit it is an error, unless only the beginning is to be looked at."""
    await filled(node, "short", {"highlight.max_analyzed_offset": 10})
    body: dict[str, Any] = {"query": {"match": {"body": "swims"}}, "highlight": {"fields": {"body": {}}}}
    refused = await node.send("POST", "/short/_search", body)
    assert refused.status_code == 400
    assert refused.json()["error"]["root_cause"][0]["type"] == "illegal_argument_exception"
    assert "[index.highlight.max_analyzed_offset]" in refused.json()["error"]["root_cause"][0]["reason"]
    body["highlight"]["max_analyzer_offset"] = 7
    (hit,) = (await node.json("POST", "/short/_search", body))["hits"]["hits"]
    assert hit["highlight"] == {"body": ["<em>swims</em> f"]}
    body["highlight"]["max_analyzer_offset"] = 0
    assert (await node.send("POST", "/short/_search", body)).status_code == 400


async def test_indices_are_boosted(node: NearNode) -> None:
    """The scores of an index times its factor; the first of several that fits; an unknown index is an error."""
    await filled(node, "b1", {})
    await filled(node, "b2", {})
    query = {"match": {"title": "bird"}}
    plain = (await node.json("POST", "/b1/_search", {"query": query}))["hits"]["max_score"]
    boosts = [{"b2": 3.0}, {"b*": 2.0}]
    found = await node.json("POST", "/b1,b2/_search", {"query": query, "indices_boost": boosts})
    scores = [(h["_index"], h["_score"]) for h in found["hits"]["hits"]]
    assert scores == [("b2", pytest.approx(3 * plain)), ("b1", pytest.approx(2 * plain))]
    older = await node.json("POST", "/b1,b2/_search", {"query": query, "indices_boost": {"b1": 2.0}})
    assert [h["_index"] for h in older["hits"]["hits"]] == ["b1", "b2"]
    unknown = {"query": query, "indices_boost": [{"none": 2.0}]}
    assert (await node.send("POST", "/b1/_search", unknown)).status_code == 404
    assert (await node.send("POST", "/b1/_search?ignore_unavailable=true", unknown)).status_code == 200
    for wrong in ([{"b1": -1}], ["b1"], [{"b1": 1, "b2": 2}]):
        assert (await node.send("POST", "/b1/_search", {"indices_boost": wrong})).status_code == 400


async def test_values_of_too_many_fields_are_refused(node: NearNode) -> None:
    """``index.max_docvalue_fields_search`` is kept."""
    await filled(node, "values", {"max_docvalue_fields_search": 1})
    fields = ["title.keyword", "body.keyword"]
    assert (await node.send("POST", "/values/_search", {"docvalue_fields": fields[:1]})).status_code == 200
    refused = await node.send("POST", "/values/_search", {"docvalue_fields": fields})
    assert (refused.status_code, "too many docvalue_fields" in refused.text) == (400, True)


async def test_an_index_may_score_in_its_own_way(node: NearNode) -> None:
    """BM25 with other numbers for one field, another similarity for all that name none; both for the index's life."""
    settings = {"similarity": {"flat": {"type": "BM25", "k1": 0, "b": 0}, "default": {"type": "boolean"}}}
    fields = {"flat": {"type": "text", "similarity": "flat"}, "plain": {"type": "text"}}
    made = await node.send("PUT", "/scored", {"settings": settings, "mappings": {"properties": fields}})
    assert made.status_code == 200, made.text
    for key, text in (("1", "fox"), ("2", "fox fox fox and more"), ("3", "bird")):
        await node.send("PUT", f"/scored/_doc/{key}?refresh=true", {"flat": text, "plain": text})
    found = await node.json("POST", "/scored/_search", {"query": {"match": {"flat": "fox"}}})
    one, other = (hit["_score"] for hit in found["hits"]["hits"])
    assert one == other
    plain = await node.json("POST", "/scored/_search", {"query": {"match": {"plain": "fox"}}})
    assert [hit["_score"] for hit in plain["hits"]["hits"]] == [1.0, 1.0]
    for wrong in ({"type": "DFR"}, {"type": "BM25", "b": 2}, {"type": "BM25", "k1": "x"}):
        assert (await node.send("PUT", "/wrong", {"settings": {"similarity": {"own": wrong}}})).status_code == 400
    assert (await node.send("PUT", "/scored/_settings", {"similarity.flat.k1": 1})).status_code == 400
