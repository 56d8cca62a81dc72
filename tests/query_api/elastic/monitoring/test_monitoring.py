"""query_api.elastic.monitoring: nodes, statistics, state, settings and tasks of the cluster."""

from typing import Any

import pytest

from query_api.elastic.monitoring.machine import Machine
from tests.query_api.fakes import Client


def test_the_machine_tells() -> None:
    """Whatever it is, the figures fit together."""
    machine = Machine.now("nowhere")
    assert machine.pid > 0
    assert 0 <= machine.memory_used <= machine.memory_total
    assert machine.disk_used + machine.disk_free <= machine.disk_total
    for percent in (
        machine.memory_percent,
        machine.process_percent,
        machine.disk_percent,
        machine.files_percent,
        machine.cpu_percent,
    ):
        assert 0 <= percent <= 100


async def test_nodes(client: Client) -> None:
    """Information and figures, whole or by metric."""
    await client.send("PUT", "/a/_doc/1", {})
    (node,) = (await client.json("GET", "/_nodes/stats"))["nodes"].values()
    assert node["indices"]["docs"]["count"] == 1
    assert node["process"]["mem"]["resident_in_bytes"] > 0
    (part,) = (await client.json("GET", "/_nodes/_local/stats/os"))["nodes"].values()
    assert "os" in part
    assert "fs" not in part
    assert (await client.json("GET", "/_nodes/http,os"))["_nodes"]["total"] == 1
    assert (await client.send("GET", "/_nodes/stats/zz")).status_code == 400


async def test_stats_by_shard(client: Client) -> None:
    """Each partition by its number; segments likewise."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}})
    assert set((await client.json("GET", "/a/_stats?level=shards"))["indices"]["a"]["shards"]) == {"0", "1"}
    shards = (await client.json("GET", "/_segments"))["indices"]["a"]["shards"]
    assert shards["1"][0]["num_search_segments"] == 1
    assert (await client.send("GET", "/_stats?level=zz")).status_code == 400


async def test_the_state(client: Client) -> None:
    """Indices, aliases, templates, blocks; or the parts that are named."""
    await client.send("PUT", "/a", {"settings": {"blocks.write": True}, "aliases": {"x": {}}})
    await client.send("PUT", "/_template/t", {"index_patterns": "zz*"})
    state = await client.json("GET", "/_cluster/state")
    assert state["metadata"]["indices"]["a"]["aliases"] == ["x"]
    assert state["metadata"]["templates"]["t"]["index_patterns"] == ["zz*"]
    assert list(state["blocks"]["indices"]["a"]) == ["8"]
    assert state["version"] == 2
    assert "metadata" not in await client.json("GET", "/_cluster/state/nodes,version/a")
    assert (await client.send("GET", "/_cluster/state/zz")).status_code == 400
    assert await client.json("GET", "/_cluster/pending_tasks") == {"tasks": []}


async def test_settings_of_the_cluster(client: Client) -> None:
    """Two have an effect, hints about several nodes are kept, everything else is refused."""
    body: dict[str, Any] = {
        "persistent": {"cluster.routing.allocation.enable": "none"},
        "transient": {"action": {"auto_create_index": "+log*,-*"}},
    }
    done = await client.json("PUT", "/_cluster/settings?flat_settings=true", body)
    assert done["persistent"] == {"cluster.routing.allocation.enable": "none"}
    shown = await client.json("GET", "/_cluster/settings?include_defaults=true")
    assert shown["transient"] == {"action": {"auto_create_index": "+log*,-*"}}
    assert shown["defaults"]["cluster"]["name"] == "sediment"
    assert (await client.send("PUT", "/logs/_doc/1", {})).status_code == 201
    refused = await client.send("PUT", "/other/_doc/1", {})
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "index_not_found_exception")
    await client.send("PUT", "/_cluster/settings", {"transient": {"action.*": None}})
    assert (await client.send("PUT", "/other/_doc/1", {})).status_code == 201
    await client.send("PUT", "/_cluster/settings", {"persistent": {"action.destructive_requires_name": True}})
    assert (await client.send("DELETE", "/*")).status_code == 400
    assert (await client.send("DELETE", "/logs,other")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"persistent": {"search.zz": 1}},
        {"zz": {}},
        {"persistent": 3},
        {"transient": {"action.destructive_requires_name": 3}},
    ],
)
async def test_bad_settings(client: Client, body: Any) -> None:
    """Refused."""
    assert (await client.send("PUT", "/_cluster/settings", body)).status_code == 400


async def test_tasks(client: Client) -> None:
    """A request for tasks finds itself; one that is not there is an error; cancelling is a wish."""
    found = await client.json("GET", "/_tasks?group_by=none", headers={"x-opaque-id": "me"})
    assert [t["headers"] for t in found["tasks"]] == [{"X-Opaque-Id": "me"}]
    tasks = client.services.tasks
    task = tasks.make("indices:data/write/update/byquery", "update", cancellable=True)
    tasks.begin(task)
    identity = f"{client.services.cluster_uuid}:{task.number}"
    assert not (await client.json("GET", f"/_tasks/{identity}"))["completed"]
    assert identity in (await client.json("GET", "/_tasks?group_by=parents"))["tasks"]
    assert identity in next(iter((await client.json("POST", f"/_tasks/{identity}/_cancel"))["nodes"].values()))["tasks"]
    assert task.cancelled
    tasks.end(task, {"updated": 3})
    done = await client.json("GET", f"/_tasks/{identity}?wait_for_completion=true")
    assert (done["completed"], done["response"]) == (True, {"updated": 3})
    for wrong, status in (("x:1", 404), (f"{client.services.cluster_uuid}:99", 404), ("x", 400)):
        assert (await client.send("GET", f"/_tasks/{wrong}")).status_code == status
    assert (await client.send("GET", "/_tasks?group_by=zz")).status_code == 400
