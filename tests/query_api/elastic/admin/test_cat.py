"""query_api.elastic.admin.cat: tables."""

import pytest

from tests.query_api.fakes import Client


async def test_indices(client: Client) -> None:
    """Columns, headers, order, JSON, bytes."""
    for name, count in (("a", 1), ("b", 2)):
        for i in range(count):
            await client.send("PUT", f"/{name}/_doc/{i}", {})
    assert (await client.send("GET", "/_cat/indices?h=i,dc&s=dc:desc")).text == "b 2\na 1\n"
    assert (await client.send("GET", "/_cat/indices/a?h=index,ss&v&bytes=b")).text == "index  ss\na     100\n"
    assert await client.json("GET", "/_cat/indices?format=json&h=index,docs.*&s=i") == [
        {"index": "a", "docs.count": "1", "docs.deleted": "0"},
        {"index": "b", "docs.count": "2", "docs.deleted": "0"},
    ]
    assert (await client.send("GET", "/_cat/indices/zz*")).text == ""


async def test_others(client: Client) -> None:
    """health, count, shards, and help."""
    await client.send("PUT", "/a/_doc/1", {})
    assert (await client.send("GET", "/_cat/count?h=count")).text == "1\n"
    assert (await client.send("GET", "/_cat/health?h=status")).text == "green\n"
    assert (await client.send("GET", "/_cat/shards?h=index,shard,prirep,state,docs")).text == "a 0 p STARTED 1\n"
    assert (await client.send("GET", "/_cat/shards/a.dead?h=index")).text == "a.dead\n"
    assert "docs.count" in (await client.send("GET", "/_cat/indices?help")).text


@pytest.mark.parametrize(
    "path", ["/_cat/indices?s=nope", "/_cat/indices?format=yaml", "/_cat/indices?bytes=parsec&v", "/_cat/indices?v=x"]
)
async def test_bad_parameters(client: Client, path: str) -> None:
    """Refused."""
    await client.send("PUT", "/a")
    assert (await client.send("GET", path)).status_code == 400
