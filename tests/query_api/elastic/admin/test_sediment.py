"""query_api.elastic.admin.sediment: our own routes."""

from query_api.fanout.services import Check
from schemas.errors import unavailable
from tests.query_api.fakes import Client


async def test_partitions_and_status(client: Client) -> None:
    """Offsets and lag per partition; a partition that is away is said to be."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}})
    await client.send("PUT", "/a/_doc/1", {})
    parts = client.node.parts["a"]
    parts[0].end, parts[1].end = 10, 0
    one = await client.json("GET", "/_sediment/indices/a/partitions")
    assert one["lag"] == sum(p["lag"] for p in one["partitions"])
    assert one["partitions"][0]["end"] == 10
    parts[1].failure = unavailable("unavailable", "away")
    status = await client.json("GET", "/_sediment/status")
    assert status["indices"][0]["status"] == "red"
    assert status["indices"][0]["partitions"][1]["reason"] == "away"
    assert (await client.send("GET", "/_sediment/indices/none/partitions")).status_code == 404


async def test_health() -> None:
    """Reasons of the composition root, of stopped, recovering and late partitions."""
    client = Client(checks=(lambda: Check("disk", "yellow", "getting full"),))
    await client.send("PUT", "/a")
    part = client.node.parts["a"][0]
    answer = await client.json("GET", "/health")
    assert (answer["status"], answer["reasons"]) == (
        "yellow",
        [{"name": "disk", "status": "yellow", "reason": "getting full"}],
    )
    part.dead = 1_001
    assert (await client.json("GET", "/health"))["reasons"][1]["reason"].startswith(
        "1001 dead letters: see why in a.dead"
    )
    part.end = 10**9
    assert len((await client.json("GET", "/health"))["reasons"]) == 2
    part.state = "recovering"
    assert (await client.json("GET", "/health"))["reasons"][1]["reason"].startswith("recovering")
    part.state = "stopped"
    stopped = await client.send("GET", "/health")
    assert (stopped.status_code, stopped.json()["status"]) == (503, "red")
    await client.close()


async def test_metrics(client: Client) -> None:
    """What was asked before is counted, by route."""
    await client.send("GET", "/_cat/indices")
    text = (await client.send("GET", "/metrics")).text
    assert 'sediment_rest_requests_total{dialect="elastic",route="/_cat/indices",status="2xx"} 1.0' in text


async def test_console(client: Client) -> None:
    """Two pages that load nothing from elsewhere; the routes as OpenAPI."""
    for path in ("/_sediment/console", "/docs"):
        page = await client.send("GET", path)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "https://" not in page.text
    assert "/{index}/_search" in (await client.json("GET", "/openapi.json"))["paths"]
