"""query_api.elastic.cat: tables."""

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


async def test_aliases_and_templates(client: Client) -> None:
    """Rows of both, by name."""
    await client.send(
        "PUT", "/a", {"aliases": {"x": {"routing": "r", "filter": {"match_all": {}}}, "y": {"is_write_index": True}}}
    )
    assert (await client.send("GET", "/_cat/aliases")).text == "x a * r r -\ny a - - - true\n"
    assert (await client.send("GET", "/_cat/aliases/y?h=alias")).text == "y\n"
    await client.send("PUT", "/_template/t", {"index_patterns": ["b*", "c"], "order": 3})
    assert (await client.send("GET", "/_cat/templates?h=n,t,o")).text == "t [b*, c] 3\n"
    await client.send("PUT", "/_template/u", {"index_patterns": ["d"], "version": 1})
    for order, rows in (("version", "t \nu 1\n"), ("version:desc", "u 1\nt \n")):
        assert (
            await client.send("GET", f"/_cat/templates?h=n,version&s={order}")
        ).text == rows  # what is absent is least


async def test_tables_of_the_node(client: Client) -> None:
    """One row each; what there is nothing of has headers only."""
    for name in ("nodes", "allocation", "cluster_manager", "master"):
        assert (await client.send("GET", f"/_cat/{name}")).text.count("\n") == 1
    assert (await client.send("GET", "/_cat/plugins?v")).text == "name component version\n"
    assert "/_cat/nodes" in (await client.send("GET", "/_cat")).text
    tasks = await client.send("GET", "/_cat/tasks?h=action,x_opaque_id", headers={"x-opaque-id": "mine"})
    assert tasks.text == "cluster:monitor/tasks/lists mine\n"
