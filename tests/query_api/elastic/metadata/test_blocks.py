"""query_api.elastic.metadata.blocks: closed indices and blocks."""

from typing import Any

import pytest

from tests.query_api.fakes import Client


async def test_a_closed_index_is_neither_read_nor_written(client: Client) -> None:
    """Named it is an error, by pattern it is not there; open again, all is as before."""
    await client.send("PUT", "/a")
    await client.send("PUT", "/b/_doc/1?refresh=true", {})
    assert (await client.json("POST", "/a/_close"))["indices"] == {"a": {"closed": True}}
    for method, path, given in (
        ("GET", "/a/_search", None),
        ("PUT", "/a/_doc/1", {}),
        ("GET", "/a/_doc/1", None),
        ("POST", "/a/_refresh", None),
    ):
        refused = await client.send(method, path, given)
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "index_closed_exception")
    assert (await client.json("GET", "/_search"))["_shards"]["total"] == 1
    assert (await client.json("GET", "/a,b/_count?ignore_unavailable=true"))["count"] == 1
    rows = await client.json("GET", "/_cat/indices?format=json&h=index,status")
    assert [r["status"] for r in rows] == ["close", "open"]
    assert (await client.send("GET", "/a/_mapping")).status_code == 200
    assert (await client.send("POST", "/*/_open")).status_code == 200
    assert (await client.send("PUT", "/a/_doc/1", {})).status_code == 201


@pytest.mark.parametrize(
    ("block", "search", "write", "mapping", "change", "delete"),
    [
        ("write", 200, 403, 200, 200, 200),
        ("read", 403, 201, 200, 200, 200),
        ("metadata", 200, 201, 403, 403, 403),
        ("read_only", 200, 403, 200, 403, 403),
        ("read_only_allow_delete", 200, 429, 200, 429, 200),
    ],
)
async def test_blocks(
    client: Client, block: str, search: int, write: int, mapping: int, change: int, delete: int
) -> None:
    """Each block forbids what OpenSearch's does, in its words; and it can be taken away."""
    await client.send("PUT", "/a", {"settings": {f"index.blocks.{block}": True}})

    async def status(method: str, path: str, given: Any = None) -> int:
        answer = await client.send(method, path, given)
        if answer.status_code >= 400:
            assert answer.json()["error"]["type"] == "cluster_block_exception"
            assert answer.json()["error"]["reason"].startswith("index [a] blocked by: [")
        return answer.status_code

    assert await status("GET", "/a/_search") == search
    assert await status("PUT", "/a/_doc/1", {}) == write
    assert await status("GET", "/a/_mapping") == mapping
    assert await status("PUT", "/a/_mapping", {"properties": {"x": {"type": "long"}}}) == change
    assert await status("DELETE", "/a") == delete
    if delete != 200:
        assert await status("PUT", "/a/_settings", {f"index.blocks.{block}": None}) == 200
        assert await status("DELETE", "/a") == 200


async def test_blocks_are_put_on(client: Client) -> None:
    """By their own route; unknown ones are refused."""
    await client.send("PUT", "/a")
    assert (await client.json("PUT", "/a/_block/write"))["indices"] == [{"name": "a", "blocked": True}]
    assert (await client.send("PUT", "/a/_doc/1", {})).status_code == 403
    assert (await client.send("PUT", "/a/_block/zz")).status_code == 400
    assert (await client.send("PUT", "/b", {"settings": {"blocks.write": "x"}})).status_code == 400
    assert (await client.send("PUT", "/b", {"settings": {"blocks.zz": True}})).status_code == 400
