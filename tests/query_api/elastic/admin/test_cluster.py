"""query_api.elastic.admin.cluster: what the cluster says of itself."""

import asyncio

import pytest

from schemas.errors import unavailable
from tests.query_api.fakes import Client


async def test_health(client: Client) -> None:
    """Green while every partition answers, yellow while one recovers, red where one is away."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}})
    whole = await client.json("GET", "/_cluster/health?level=indices")
    assert (whole["status"], whole["active_shards"], whole["indices"]["a"]["number_of_shards"]) == ("green", 2, 2)
    client.node.parts["a"][0].state = "recovering"
    assert (await client.json("GET", "/_cluster/health/a"))["status"] == "yellow"
    client.node.parts["a"][1].failure = unavailable("unavailable", "away")
    assert (await client.json("GET", "/_cluster/health"))["status"] == "red"
    late = await client.send("GET", "/_cluster/health?wait_for_status=green&timeout=1ms")
    assert (late.status_code, late.json()["timed_out"]) == (408, True)


async def test_health_waits(client: Client) -> None:
    """wait_for_status answers as soon as the status is there."""
    await client.send("PUT", "/a")
    part = client.node.parts["a"][0]
    part.state = "recovering"
    asking = asyncio.create_task(client.json("GET", "/_cluster/health?wait_for_status=green&timeout=20s"))
    await asyncio.sleep(0.15)
    assert not asking.done()
    part.state = "live"
    assert (await asking)["status"] == "green"


async def test_counts(client: Client) -> None:
    """_stats, _cluster/stats and _nodes add up."""
    await client.send("PUT", "/a/_doc/1", {})
    assert (await client.json("GET", "/a/_stats"))["indices"]["a"]["total"]["docs"]["count"] == 1
    assert "indices" not in await client.json("GET", "/_stats?level=cluster")
    assert (await client.json("GET", "/_cluster/stats"))["indices"]["docs"]["count"] == 1
    assert (await client.json("GET", "/_nodes"))["_nodes"]["total"] == 1


@pytest.mark.parametrize(
    "path", ["/_cluster/health?level=x", "/_cluster/health?wait_for_status=blue", "/_cluster/health?x=1"]
)
async def test_bad_parameters(client: Client, path: str) -> None:
    """Refused."""
    assert (await client.send("GET", path)).status_code == 400


async def test_stats_show_the_sections_that_are_named(client: Client) -> None:
    """All without a name; an unknown one is an error."""
    await client.send("PUT", "/a")
    whole = (await client.json("GET", "/a/_stats"))["_all"]["total"]
    assert {"docs", "store", "segments", "indexing", "search", "merges"} <= set(whole)
    assert set((await client.json("GET", "/_stats/docs,merge"))["_all"]["total"]) == {"docs", "merges"}
    assert (await client.json("GET", "/_stats/_all"))["_all"]["total"] == whole
    wrong = await client.send("GET", "/_stats/docs,nonsense")
    assert "unrecognized metric: [nonsense]" in wrong.json()["error"]["reason"]


async def test_copies_that_are_not_there_show(client: Client) -> None:
    """An index that asks for replicas is yellow and has unassigned shards; one that is not there is waited for, then red."""
    await client.send("PUT", "/a", {"settings": {"number_of_replicas": 1, "number_of_shards": 2}})
    health = await client.json("GET", "/_cluster/health")
    assert (health["status"], health["active_shards"], health["unassigned_shards"]) == ("yellow", 2, 2)
    assert (await client.send("GET", "/_cat/shards?h=prirep,state")).text.count("r UNASSIGNED") == 2
    missing = await client.send("GET", "/_cluster/health/nobody?timeout=10ms")
    assert (missing.status_code, missing.json()["status"], missing.json()["timed_out"]) == (408, "red", True)
