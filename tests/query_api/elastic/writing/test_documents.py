"""query_api.elastic.writing.documents: single documents."""

from typing import Any

import pytest

from tests.query_api.fakes import Client


async def test_life_of_a_document(client: Client) -> None:
    """Create, read, replace, change, delete: results, versions and statuses as Elasticsearch has them."""
    created = await client.send("PUT", "/a/_doc/1", {"x": 1})
    assert (created.status_code, created.json()["result"], created.json()["_version"]) == (201, "created", 1)
    assert created.headers["location"] == "/a/_doc/1"
    again = await client.send("PUT", "/a/_doc/1?if_seq_no=0&if_primary_term=1", {"x": 2})
    assert (again.status_code, again.json()["result"], again.json()["_version"]) == (200, "updated", 2)
    got = await client.json("GET", "/a/_doc/1")
    assert got == {
        "_index": "a",
        "_id": "1",
        "_version": 2,
        "_seq_no": 1,
        "_primary_term": 1,
        "found": True,
        "_source": {"x": 2},
    }
    changed = await client.json("POST", "/a/_update/1?_source=true", {"doc": {"y": 1}})
    assert (changed["result"], changed["get"]["_source"]) == ("updated", {"x": 2, "y": 1})
    same = await client.json("POST", "/a/_update/1", {"doc": {"y": 1}})
    assert (same["result"], same["_shards"]["total"]) == ("noop", 0)
    assert (await client.send("HEAD", "/a/_doc/1")).status_code == 200
    assert (await client.json("DELETE", "/a/_doc/1"))["result"] == "deleted"
    assert (await client.send("DELETE", "/a/_doc/1")).status_code == 404
    gone = await client.send("GET", "/a/_doc/1")
    assert (gone.status_code, gone.json()) == (404, {"_index": "a", "_id": "1", "found": False})
    assert (await client.send("HEAD", "/a/_doc/1")).status_code == 404


async def test_the_source_comes_back_byte_for_byte(client: Client) -> None:
    """Spaces, number formats and the order of keys are the client's."""
    source = b'{ "b" : 1.50, "a":[1 ,2], "b2": 1e3 }'
    await client.send("PUT", "/a/_doc/1", source)
    assert source in (await client.send("GET", "/a/_doc/1")).content
    assert (await client.send("GET", "/a/_source/1")).content == source
    await client.send("POST", "/a/_refresh")
    assert source in (await client.send("GET", "/a/_search")).content


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("_source=false", None),
        ("_source=a", {"a": {"b": 1, "c": [{"d": 2, "e": 3}, 4]}}),
        ("_source=a.b", {"a": {"b": 1}}),
        ("_source_includes=a.c.d,f", {"a": {"c": [{"d": 2}]}, "f": 5}),
        ("_source_excludes=a.*", {"a": {}, "f": 5}),
        ("_source_includes=*.b", {"a": {"b": 1}}),
        ("_source_includes=a&_source_excludes=a.c", {"a": {"b": 1}}),
        ("_source_includes=none", {}),
    ],
)
async def test_source_filtering(client: Client, query: str, kept: Any) -> None:
    """Includes and excludes with wildcards, through arrays of objects."""
    await client.send("PUT", "/a/_doc/1", {"a": {"b": 1, "c": [{"d": 2, "e": 3}, 4]}, "f": 5})
    assert (await client.json("GET", f"/a/_doc/1?{query}")).get("_source") == kept


async def test_routing_decides_the_partition(client: Client) -> None:
    """A document written with a routing value is found with it."""
    await client.send("PUT", "/a", {"settings": {"index": {"number_of_shards": 8}}})
    await client.send("PUT", "/a/_doc/1?routing=abc", {"x": 1})
    assert (await client.json("GET", "/a/_doc/1?routing=abc"))["_routing"] == "abc"
    assert (await client.send("GET", "/a/_doc/1?routing=other")).status_code == 404


async def test_realtime(client: Client) -> None:
    """A get sees what is applied; with realtime=false what searches see; refresh=true makes both the same."""
    await client.send("PUT", "/a/_doc/1", {"x": 1})
    assert (await client.send("GET", "/a/_doc/1?realtime=false")).status_code == 404
    assert (await client.send("GET", "/a/_doc/1?realtime=false&refresh=true")).status_code == 200


async def test_mget(client: Client) -> None:
    """Documents of several indices; an index that is not there is an error of its entry."""
    await client.send("PUT", "/a", {"mappings": {"properties": {"x": {"type": "long", "store": True}}}})
    await client.send("PUT", "/a/_doc/1", {"x": 1, "y": 2})
    docs = [
        {"_index": "a", "_id": 1, "_source": ["y"]},
        {"_index": "a", "_id": "2"},
        {"_index": "b", "_id": "1"},
        {"_index": "a", "_id": "1", "stored_fields": ["x"]},
    ]
    found = (await client.json("POST", "/_mget", {"docs": docs}))["docs"]
    assert found[0]["_source"] == {"y": 2}
    assert found[1] == {"_index": "a", "_id": "2", "found": False}
    assert found[2]["error"]["type"] == "index_not_found_exception"
    assert found[3]["fields"] == {"x": [1]}
    assert "_source" not in found[3]
    assert [d["found"] for d in (await client.json("GET", "/a/_mget", {"ids": ["1", "2"]}))["docs"]] == [True, False]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("PUT", "/a/_doc/1", None, 400, "action_request_validation_exception"),
        ("PUT", "/a/_doc/1", b"{", 400, "mapper_parsing_exception"),
        ("PUT", "/a/_doc/" + "x" * 513, {}, 400, "illegal_argument_exception"),
        ("PUT", "/a/_doc/1?op_type=x", {}, 400, "illegal_argument_exception"),
        ("PUT", "/a/_doc/1?version=1", {}, 400, "action_request_validation_exception"),
        ("PUT", "/a/_doc/1?version=x", {}, 400, "illegal_argument_exception"),
        ("PUT", "/a/_doc/1?if_seq_no=1", {}, 400, "action_request_validation_exception"),
        ("PUT", "/a/_doc/1?pipeline=p", {}, 400, "illegal_argument_exception"),
        ("PUT", "/a/_doc/1?require_alias=true", {}, 404, "index_not_found_exception"),
        ("PUT", "/A/_doc/1", {}, 400, "invalid_index_name_exception"),
        ("PUT", "/here/_create/1", {}, 409, "version_conflict_engine_exception"),
        ("POST", "/here/_update/1", None, 400, "action_request_validation_exception"),
        ("POST", "/here/_update/1", {}, 400, "action_request_validation_exception"),
        ("POST", "/here/_update/1", {"script": "x"}, 400, "illegal_argument_exception"),
        ("POST", "/here/_update/1", {"doc": 1}, 400, "x_content_parse_exception"),
        ("POST", "/here/_update/1", {"detect_noop": [], "doc": {}}, 400, "x_content_parse_exception"),
        ("POST", "/here/_update/1", {"dok": {}}, 400, "x_content_parse_exception"),
        ("POST", "/here/_update/9", {"doc": {}}, 404, "document_missing_exception"),
        ("DELETE", "/none/_doc/1", None, 404, "index_not_found_exception"),
        ("GET", "/none/_doc/1", None, 404, "index_not_found_exception"),
        ("GET", "/here/_doc/1?version=7", None, 409, "version_conflict_engine_exception"),
        ("GET", "/here/_doc/1?realtime=x", None, 400, "illegal_argument_exception"),
        ("GET", "/here/_source/9", None, 404, "resource_not_found_exception"),
        ("POST", "/_mget", None, 400, "parse_exception"),
        ("POST", "/_mget", {}, 400, "action_request_validation_exception"),
        ("POST", "/_mget", {"docs": [1]}, 400, "illegal_argument_exception"),
        ("POST", "/_mget", {"docs": [{"_id": "1"}]}, 400, "action_request_validation_exception"),
        ("POST", "/_mget", {"docs": [{"_index": "a", "_id": "1", "x": 1}]}, 400, "parse_exception"),
        ("POST", "/_mget", {"ids": 3}, 400, "parsing_exception"),
    ],
)
async def test_bad_input(client: Client, method: str, path: str, body: Any, status: int, kind: str) -> None:
    """Each wrong request has its own status and Elasticsearch's name for the error."""
    await client.send("PUT", "/here/_doc/1", {"x": 1})
    response = await client.send(method, path, body)
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)
    assert response.json()["status"] == status
    assert response.json()["error"]["root_cause"][0]["type"] == kind
