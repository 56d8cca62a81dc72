"""query_api.elastic.admin.operations: replay, verify, history, redrive over REST."""

from typing import Any

import pytest

from pipeline.replay.ports import Event
from schemas.errors import illegal_argument
from schemas.results import Document, Provenance
from tests.query_api.fakes import Client

AT = "/_sediment/indices/a"


async def test_replay_answers_at_once_with_its_jobs(client: Client) -> None:
    """202, with how far each partition is; the same jobs are listed and shown by the status."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}})
    answer = await client.send("POST", f"{AT}/_replay", {"from_timestamp": "2024-01-01", "rate": 100})
    assert answer.status_code == 202
    jobs = answer.json()["jobs"]
    assert [(j["partition"], j["state"], j["progress"], j["eta_seconds"]) for j in jobs] == [
        (0, "running", 0.25, 7.5),
        (1, "running", 0.25, 7.5),
    ]
    given = {"index": "a", "partition": None, "from_offset": None, "from_timestamp_ms": 1704067200000, "rate": 100.0}
    assert client.operations.asked == [("replay", given)]
    assert [j["partition"] for j in (await client.json("GET", f"{AT}/_jobs"))["jobs"]] == [1, 0]
    shown = (await client.json("GET", "/_sediment/status"))["indices"][0]["jobs"]
    assert [j["partition"] for j in shown] == [1, 0]
    assert "report" not in shown[0]


async def test_verify_names_partition_and_depth(client: Client) -> None:
    """What is asked for reaches the operations; without a body everything is compared at level 1."""
    await client.send("PUT", "/a")
    assert (await client.send("POST", f"{AT}/_verify")).status_code == 202
    await client.send("POST", f"{AT}/_verify", {"partition": 0, "deep": True})
    assert [given for _, given in client.operations.asked] == [
        {"index": "a", "partition": None, "deep": False},
        {"index": "a", "partition": 0, "deep": True},
    ]


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("_replay", {"from": 1, "from_timestamp": 2}, "exclude each other"),
        ("_replay", {"from": -1}, "[from] must be a whole number"),
        ("_replay", {"from": "x"}, "[from] must be a whole number"),
        ("_replay", {"partition": True}, "[partition] must be"),
        ("_replay", {"from_timestamp": "yesterday"}, "failed to parse date"),
        ("_replay", {"rate": "fast"}, "[rate] must be"),
        ("_replay", {"until": 3}, "unknown field [until]: use one of"),
        ("_verify", {"deep": 1}, "[deep] must be true or false"),
        ("_verify", b"[]", "Expected [START_OBJECT]"),
        ("_redrive", {"query": {"nonsense": {}}}, "unknown query [nonsense]"),
        ("_redrive", {"dry_run": "yes"}, "[dry_run] must be true or false"),
    ],
)
async def test_bad_requests_are_refused_before_any_work(client: Client, path: str, body: Any, word: str) -> None:
    """With 400 and a sentence; nothing was asked of the operations."""
    await client.send("PUT", "/a")
    answer = await client.send("POST", f"{AT}/{path}", body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert word in answer.json()["error"]["reason"]
    assert client.operations.asked == []


async def test_what_the_operations_refuse_is_answered(client: Client) -> None:
    """An offset that the log does not have, an index that is not there, a process without operations."""
    await client.send("PUT", "/a")
    client.operations.failure = illegal_argument("offset 9 is not in the log of [a] partition 0: it has 0 to 3")
    refused = await client.send("POST", f"{AT}/_replay", {"from": 9})
    assert (refused.status_code, "it has 0 to 3" in refused.text) == (400, True)
    assert (await client.send("POST", "/_sediment/indices/none/_verify")).status_code == 404
    other = Client(operations=None)
    await other.send("PUT", "/a")
    assert (await other.send("POST", f"{AT}/_verify")).status_code == 503
    assert (await other.json("GET", "/_sediment/status"))["indices"][0]["jobs"] == []
    await other.close()


async def test_history_shows_events_with_their_bytes(client: Client) -> None:
    """Values as text where they are UTF-8, else as base64; none where the log knows nothing of the document."""
    await client.send("PUT", "/a")
    assert (await client.json("GET", f"{AT}/_history/x"))["events"] == []
    client.operations.events = [
        Event("a", 0, 7, 1, "index", "created", 1, value=b'{"a":1}', headers={"routing": "r"}),
        Event("a", 0, 8, 2, "index", "rejected", 1, "no JSON", b"\xff"),
        Event("a", 0, 9, 3, "delete", "deleted", 2),
    ]
    events = (await client.json("GET", f"{AT}/_history/a%2Fb?routing=r"))["events"]
    assert [e.get("value", e.get("value_base64")) for e in events] == ['{"a":1}', "/w==", None]
    assert (events[0]["headers"], events[1]["reason"]) == ({"routing": "r"}, "no JSON")
    assert client.operations.asked[-1] == ("history", {"index": "a", "id": "a/b", "routing": "r"})


async def test_redrive_sends_what_the_query_finds_in_order(client: Client) -> None:
    """By partition and offset; a dry run only says what there is."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}})
    for number, offset in ((1, 2), (0, 10), (0, 9)):
        one = f"{number}-{offset}"
        source = b'{"partition":%d,"offset":%d,"code":"c"}' % (number, offset)
        letter = Document(one, 1, 1, source, Provenance("a", number, offset, 0, 1, "s"))
        client.node.dead["a"][number].visible[one] = letter
    dry = await client.json("POST", f"{AT}/_redrive", {"dry_run": True, "query": {"term": {"code": "c"}}})
    assert (dry["total"], [r["id"] for r in dry["redriven"]]) == (3, ["0-9", "0-10", "1-2"])
    done = await client.json("POST", f"{AT}/_redrive")
    assert (done["results"], done["redriven"][0]["new_offset"]) == ({"created": 3}, 109)
    client.node.dead["a"][0].visible, client.node.dead["a"][1].visible = {}, {}
    assert (await client.json("POST", f"{AT}/_redrive"))["total"] == 0
    assert len(client.operations.asked) == 2


async def test_digest_is_in_status_and_metrics(client: Client) -> None:
    """With its offset; the gauge holds the first 48 bits."""
    await client.send("PUT", "/a")
    await client.send("PUT", "/a/_doc/1", {})
    one = (await client.json("GET", f"{AT}/partitions"))["partitions"][0]
    assert (one["digest"][:12], one["digest_offset"]) == ("abcdef012345", 1)
    text = (await client.send("GET", "/metrics")).text
    value = next(line for line in text.splitlines() if line.startswith("sediment_partition_digest{"))
    assert int(float(value.rsplit(" ", 1)[1])) == 0xABCDEF012345
