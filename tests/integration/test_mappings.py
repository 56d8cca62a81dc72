"""What a mapping and an index's settings ask for, over a whole node: it holds, or it is refused by name."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.near_node import NearNode, near_node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearNode]:
    """A node for all tests; each makes its own index."""
    with near_node(tmp_path_factory.mktemp("mappings")) as one:
        yield one


async def made(node: NearNode, name: str, mappings: Any, settings: Any = None) -> None:
    """A new index."""
    answer = await node.send("PUT", f"/{name}", {"mappings": mappings, "settings": settings or {}})
    assert answer.status_code == 200, answer.text


async def found(node: NearNode, name: str, query: Any) -> list[str]:
    """The ids that match."""
    body = {"query": query, "sort": ["_id"]}
    return [h["_id"] for h in (await node.json("POST", f"/{name}/_search", body))["hits"]["hits"]]


async def test_values_are_copied(node: NearNode) -> None:
    """A search of the target finds them; the source stays as it was written."""
    target = {"type": "text"}
    await made(
        node,
        "c",
        {
            "properties": {
                "a": {"type": "text", "copy_to": "all"},
                "n": {"type": "long", "copy_to": ["all"]},
                "all": target,
            }
        },
    )
    await node.send("PUT", "/c/_doc/1?refresh=true", {"a": "quick fox", "n": 7})
    await node.send("PUT", "/c/_doc/2?refresh=true", {"a": "lazy dog"})
    assert await found(node, "c", {"match": {"all": "fox"}}) == ["1"]
    assert await found(node, "c", {"match": {"all": {"query": "7 fox", "operator": "and"}}}) == ["1"]
    assert (await node.json("GET", "/c/_doc/1"))["_source"] == {"a": "quick fox", "n": 7}


async def test_dynamic_templates_decide(node: NearNode) -> None:
    """The first that means a field; what they say is shown and stays."""
    templates = [
        {"ids": {"match": "*_id", "match_mapping_type": "string", "mapping": {"type": "keyword"}}},
        {"raw": {"path_match": "raw.*", "match_mapping_type": "object", "mapping": {"enabled": False}}},
        {"wholes": {"match_mapping_type": "long", "unmatch": "big*", "mapping": {"type": "integer"}}},
    ]
    await made(node, "t", {"dynamic_templates": templates})
    document = {"user_id": "A b", "n": 3, "big": 1, "title": "A b", "raw": {"o": {"x": 1, "y": [1, "z"]}}}
    assert (await node.send("PUT", "/t/_doc/1?refresh=true", document)).status_code == 201
    shown = (await node.json("GET", "/t/_mapping"))["t"]["mappings"]
    assert shown["dynamic_templates"] == templates
    properties = shown["properties"]
    assert (properties["user_id"], properties["n"], properties["big"]) == (
        {"type": "keyword"},
        {"type": "integer"},
        {"type": "long"},
    )
    assert properties["raw"]["properties"]["o"] == {"enabled": False, "type": "object"}
    assert await found(node, "t", {"term": {"user_id": "A b"}}) == ["1"]


async def test_a_mapping_that_takes_no_new_fields_takes_nulls(node: NearNode) -> None:
    """As Elasticsearch does."""
    await made(node, "s", {"dynamic": "strict", "properties": {"a": {"type": "long"}}})
    assert (await node.send("PUT", "/s/_doc/1", {"a": 1, "zz": None})).status_code == 201
    refused = await node.send("PUT", "/s/_doc/2", {"zz": 1})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "strict_dynamic_mapping_exception")


async def test_a_routing_that_is_required(node: NearNode) -> None:
    """Writes and reads without one are refused, each alone in a bulk."""
    await made(node, "r", {"_routing": {"required": True}}, {"number_of_shards": 3})
    for method, path, body in (("PUT", "/r/_doc/1", {}), ("GET", "/r/_doc/1", None), ("DELETE", "/r/_doc/1", None)):
        refused = await node.send(method, path, body)
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "routing_missing_exception")
    assert (await node.send("PUT", "/r/_doc/1?routing=x", {})).status_code == 201
    items = (
        await node.json("POST", "/r/_bulk", [{"index": {"_id": "2"}}, {}, {"index": {"_id": "3", "routing": "x"}}, {}])
    )["items"]
    assert [i["index"]["status"] for i in items] == [400, 201]
    assert (await node.json("GET", "/r/_doc/3?routing=x"))["found"]


async def test_defaults_of_the_index(node: NearNode) -> None:
    """``mapping.coerce`` and ``mapping.ignore_malformed`` hold for fields that say nothing, new ones too."""
    properties = {"n": {"type": "long"}, "own": {"type": "long", "coerce": True, "ignore_malformed": False}}
    await made(node, "d", {"properties": properties}, {"mapping.coerce": False, "mapping.ignore_malformed": True})
    assert (await node.send("PUT", "/d/_doc/1?refresh=true", {"n": "x", "own": "3"})).status_code == 201
    assert await found(node, "d", {"exists": {"field": "n"}}) == []
    assert await found(node, "d", {"term": {"own": 3}}) == ["1"]
    assert (await node.send("PUT", "/d/_doc/2", {"own": "x"})).status_code == 400


@pytest.mark.parametrize(
    ("mappings", "word"),
    [
        ([1], "expected an object"),
        ({"properties": {"a": {"type": "long", "boost": 2}}}, "[boost] of field [a] is not supported"),
        ({"properties": {"a": {"type": "text", "index_options": "docs"}}}, "[index_options] [docs]"),
        ({"properties": {"a": {"type": "text", "similarity": "zz"}}}, "Unknown Similarity type [zz]"),
        (
            {"properties": {"a": {"type": "text", "fields": {"b": {"type": "keyword", "copy_to": "c"}}}}},
            "copy_to in multi fields",
        ),
        ({"properties": {"a": {"type": "text", "copy_to": "o"}, "o": {"properties": {}}}}, "mapped as an object"),
        ({"properties": {"a": {"type": "keyword", "ignore_above": {}}}}, "ignore_above"),
        ({"properties": {"a": {"type": ["long"]}}}, "No handler for type"),
        ({"properties": {"a": 3}}, "Expected map"),
        ({"_source": {"includes": ["a"]}}, "[includes] of [_source] is not supported"),
        ({"_source": 3}, "[_source] must be an object"),
        ({"_routing": {"path": "x"}}, "unsupported parameters"),
        ({"_meta": 3}, "[_meta] must be an object"),
        ({"dynamic_templates": {}}, "An array of named objects is expected"),
        ({"dynamic_templates": [{"t": {"mapping": {}}}]}, "must have match, path_match or match_mapping_type"),
        ({"dynamic_templates": [{"t": {"match": "a", "match_pattern": "regex", "mapping": {}}}]}, "[match_pattern]"),
        ({"dynamic_templates": [{"t": {"match": "a", "mapping": {"type": "zz"}}}]}, "has invalid content"),
        (
            {"dynamic_templates": [{"t": {"match": "a", "mapping": {"analyzer": "zz", "type": "text"}}}]},
            "analyzer [zz]",
        ),
        ({"dynamic_date_formats": ["not a format"]}, "not a format"),
        ({"properties": {"a": {"type": "date", "format": "not a format"}}}, "not a format"),
    ],
)
async def test_bad_mappings(node: NearNode, mappings: Any, word: str) -> None:
    """Each is refused when the index is made, in a sentence that names what is wrong, and no index is there."""
    answer = await node.send("PUT", "/bad", {"mappings": mappings})
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["error"]["reason"]
    assert (await node.send("HEAD", "/bad")).status_code == 404
