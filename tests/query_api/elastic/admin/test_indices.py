"""query_api.elastic.admin.indices: create, look at, change, delete indices."""

from typing import Any

import orjson
import pytest

from schemas.errors import unavailable
from tests.query_api.fakes import Client

BODY = {
    "settings": {"index": {"number_of_shards": 2}, "refresh_interval": "1s"},
    "mappings": {
        "properties": {
            "t": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
            "o": {"properties": {"n": {"type": "long"}}},
        }
    },
}


async def test_life_of_an_index(client: Client) -> None:
    """Create, see, delete."""
    assert await client.json("PUT", "/a", BODY) == {"acknowledged": True, "shards_acknowledged": True, "index": "a"}
    shown = (await client.json("GET", "/a"))["a"]
    assert shown["settings"]["index"]["number_of_shards"] == "2"
    assert shown["settings"]["index"]["refresh_interval"] == "1s"
    assert shown["mappings"] == BODY["mappings"]
    assert (await client.send("HEAD", "/a")).status_code == 200
    assert await client.json("DELETE", "/a") == {"acknowledged": True}
    assert (await client.send("HEAD", "/a")).status_code == 404
    assert (await client.send("HEAD", "/b*")).status_code == 404


async def test_mapping(client: Client) -> None:
    """Fields are added, shown whole and one by one; a type does not change."""
    await client.send("PUT", "/a", BODY)
    assert await client.json("PUT", "/a/_mapping", {"properties": {"k": {"type": "keyword"}}}) == {"acknowledged": True}
    assert (await client.json("GET", "/a/_mapping"))["a"]["mappings"]["properties"]["k"] == {"type": "keyword"}
    fields = (await client.json("GET", "/_mapping/field/t*,o.n"))["a"]["mappings"]
    assert fields["t"]["mapping"] == {"t": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}
    assert fields["o.n"] == {"full_name": "o.n", "mapping": {"n": {"type": "long"}}}
    assert "t.raw" in fields
    refused = await client.send("PUT", "/a/_mapping", {"properties": {"k": {"type": "text"}}})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "illegal_argument_exception")


async def test_settings(client: Client) -> None:
    """Dynamic settings change, others do not; names select."""
    await client.send("PUT", "/a", BODY)
    assert await client.json("PUT", "/a/_settings", {"index": {"refresh_interval": "5s"}}) == {"acknowledged": True}
    flat = (await client.json("GET", "/a/_settings/index.refresh*?flat_settings=true"))["a"]["settings"]
    assert flat == {"index.refresh_interval": "5s"}
    await client.send("PUT", "/a/_settings?preserve_existing=true", {"refresh_interval": "9s", "priority": 3})
    one = (await client.json("GET", "/_settings?include_defaults=true"))["a"]
    assert (one["settings"]["index"]["refresh_interval"], one["settings"]["index"]["priority"]) == ("5s", "3")
    assert one["defaults"]["index"]["max_result_window"] == "10000"
    assert (await client.send("PUT", "/a/_settings", {"number_of_shards": 3})).status_code == 400


@pytest.mark.parametrize(
    "path", ["/_refresh", "/a/_refresh", "/a/_flush", "/_flush", "/a/_forcemerge?max_num_segments=1", "/_cache/clear"]
)
async def test_maintenance_counts_partitions(client: Client, path: str) -> None:
    """Refresh and its like say how many partitions they reached."""
    await client.send("PUT", "/a", BODY)
    assert await client.json("POST", path) == {"_shards": {"total": 2, "successful": 2, "failed": 0}}


async def test_analyze(client: Client) -> None:
    """The standard analyzer's tokens with offsets and positions; an index's field names its analyzer."""
    tokens = (await client.json("POST", "/_analyze", {"text": "Quick 42"}))["tokens"]
    assert tokens == [
        {"token": "quick", "start_offset": 0, "end_offset": 5, "type": "<ALPHANUM>", "position": 0},
        {"token": "42", "start_offset": 6, "end_offset": 8, "type": "<NUM>", "position": 1},
    ]
    await client.send("PUT", "/a", BODY)
    whole = await client.json("GET", "/a/_analyze", {"field": "t.raw", "text": ["A b", "c"]})
    assert [t["token"] for t in whole["tokens"]] == ["A b", "c"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("PUT", "/a", BODY, 400, "resource_already_exists_exception"),
        ("PUT", "/B", None, 400, "invalid_index_name_exception"),
        ("PUT", "/_b", None, 400, "invalid_index_name_exception"),
        ("PUT", "/b", {"x": 1}, 400, "parse_exception"),
        ("PUT", "/b", [1], 400, "parse_exception"),
        ("PUT", "/b", {"mappings": []}, 200, None),
        ("PUT", "/b", {"mappings": [1]}, 400, "mapper_parsing_exception"),
        ("PUT", "/b", {"mappings": {"properties": {"x": {"type": "nope"}}}}, 400, "mapper_parsing_exception"),
        (
            "PUT",
            "/b",
            {"mappings": {"properties": {"x": {"type": "text", "fields": {"y": {"type": "z"}}}}}},
            400,
            "mapper_parsing_exception",
        ),
        ("PUT", "/b", {"settings": {"number_of_shards": 0}}, 400, "illegal_argument_exception"),
        ("PUT", "/b", {"settings": {"number_of_shards": "many"}}, 400, "illegal_argument_exception"),
        ("PUT", "/b", {"settings": {"nope": 1}}, 400, "illegal_argument_exception"),
        ("PUT", "/b", {"settings": 1}, 400, "illegal_argument_exception"),
        (
            "PUT",
            "/b",
            {"settings": {"analysis": {"analyzer": {"x": {"type": "custom"}}}}},
            400,
            "illegal_argument_exception",
        ),
        ("PUT", "/b", {"aliases": {"x": {"y": 1}}}, 400, "illegal_argument_exception"),
        ("DELETE", "/none", None, 404, "index_not_found_exception"),
        ("GET", "/none", None, 404, "index_not_found_exception"),
        ("GET", "/none/_mapping", None, 404, "index_not_found_exception"),
        ("PUT", "/none/_mapping", {}, 404, "index_not_found_exception"),
        ("PUT", "/a/_mapping", None, 400, "parse_exception"),
        ("PUT", "/a/_settings", {}, 400, "action_request_validation_exception"),
        ("POST", "/none/_refresh", None, 404, "index_not_found_exception"),
        ("POST", "/_flush?force=true&wait_if_ongoing=false", None, 400, "action_request_validation_exception"),
        ("POST", "/_analyze", {}, 400, "action_request_validation_exception"),
        ("POST", "/_analyze", {"text": [1]}, 400, "action_request_validation_exception"),
        ("POST", "/_analyze", {"text": "x", "analyzer": "none"}, 400, "illegal_argument_exception"),
        ("POST", "/_analyze", {"text": "x", "tokenizer": "none"}, 400, "illegal_argument_exception"),
        ("POST", "/_analyze", {"text": "x", "nope": 1}, 400, "x_content_parse_exception"),
        ("GET", "/none/_analyze?text=x", None, 404, "index_not_found_exception"),
    ],
)
async def test_bad_input(client: Client, method: str, path: str, body: Any, status: int, kind: str | None) -> None:
    """Each wrong request has its own status and Elasticsearch's name for the error."""
    await client.send("PUT", "/a", BODY)
    response = await client.send(method, path, None if body is None else orjson.dumps(body))
    assert response.status_code == status, response.text
    if kind is not None:
        assert response.json()["error"]["type"] == kind


async def test_flush_and_force_merge_act(client: Client) -> None:
    """On every partition; one that cannot is named, the others go on."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}})
    first, second = client.node.parts["a"]
    assert (await client.json("POST", "/a/_flush"))["_shards"] == {"total": 2, "successful": 2, "failed": 0}
    await client.send("POST", "/a/_forcemerge?max_num_segments=3")
    await client.send("POST", "/_forcemerge")
    await client.send("POST", "/a/_forcemerge?only_expunge_deletes=true")
    assert first.done == second.done == ["flush", "merge 3", "merge 1", "expunge"]
    assert (await client.send("POST", "/a/_forcemerge?max_num_segments=0")).status_code == 400
    await client.send("POST", "/a/_forcemerge?only_expunge_deletes=true&max_num_segments=2")
    assert first.done[-1] == "expunge"
    second.failure = unavailable("flush_failed", "the disk is full")
    shards = (await client.json("POST", "/a/_flush"))["_shards"]
    assert (shards["successful"], shards["failed"], shards["failures"][0]["reason"]["reason"]) == (
        1,
        1,
        "the disk is full",
    )


async def test_creation_waits_until_the_partitions_are_live() -> None:
    """As long as ``timeout`` says; then the index is there, and the answer says that it is not ready."""
    client = Client()
    made = client.node.create

    def create(*given: Any) -> Any:
        state = made(*given)
        client.node.parts[state.name][0].state = "recovering"
        return state

    client.node.create = create  # type: ignore[method-assign,assignment]
    answer = await client.json("PUT", "/a?timeout=20ms")
    assert (answer["acknowledged"], answer["shards_acknowledged"]) == (True, False)
    await client.close()


async def test_an_alias_is_not_deleted_as_an_index(client: Client) -> None:
    """It is an error, or passed over where that is asked for."""
    await client.send("PUT", "/a", {"aliases": {"x": {}}})
    await client.send("PUT", "/b")
    assert (await client.send("DELETE", "/x")).status_code == 400
    assert await client.json("DELETE", "/x,b?ignore_unavailable=true") == {"acknowledged": True}
    assert [(await client.send("HEAD", f"/{name}")).status_code for name in "ab"] == [200, 404]
