"""Replay, verification, history and re-driving as users ask for them: over REST on a live node, and on a directory at rest."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from query_api.cli import serve
from query_api.cli.main import main
from query_api.elastic.admin import operations
from tests.integration.near_node import NearNode, near_node

BODY = {"settings": {"number_of_shards": 2}, "mappings": {"properties": {"n": {"type": "long"}}}}
DOCUMENTS = 300
AT = "/_sediment/indices/a"


async def filled(node: NearNode) -> None:
    """An index with updates, deletes, and five dead letters (a bulk refuses none: the field is refused by the partition)."""
    await node.send("PUT", "/a", BODY)
    for turn in range(2):
        lines: list[Any] = []
        for i in range(turn * 100, DOCUMENTS):
            lines += [{"index": {"_id": f"d{i}"}}, {"n": i + turn, "t": f"words {i % 7}"}]
        await node.send("POST", "/a/_bulk", lines)
    await node.send("POST", "/a/_bulk", [{"delete": {"_id": f"d{i}"}} for i in range(0, DOCUMENTS, 10)])
    await node.send("POST", "/a/_bulk", [one for i in range(5) for one in ({"index": {"_id": f"x{i}"}}, {"n": "many"})])
    await node.send("POST", "/a/_refresh")


async def over(node: NearNode, begun: Any) -> list[dict[str, Any]]:
    """The jobs when they are over."""
    wanted = {job["id"] for job in begun["jobs"]}
    for _ in range(1200):
        jobs = [j for j in (await node.json("GET", f"{AT}/_jobs"))["jobs"] if j["id"] in wanted]
        if all(job["state"] != "running" for job in jobs):
            return jobs
        await asyncio.sleep(0.05)
    raise AssertionError("the jobs did not end")


async def test_replay_and_verify_on_a_live_node(tmp_path: Path) -> None:
    """The rebuilt index is the same, with writes going on meanwhile; digest and offset are shown per partition."""
    with near_node(tmp_path) as node:
        await filled(node)
        before = await node.json("GET", f"{AT}/partitions")
        begun = await node.json("POST", f"{AT}/_replay")
        written = [await node.send("PUT", f"/a/_doc/late{i}", {"n": i}) for i in range(10)]
        jobs = await over(node, begun)
        assert [(j["state"], j["progress"]) for j in jobs] == [("done", 1.0)] * 2, jobs
        assert {w.status_code for w in written} == {201}
        await node.send("POST", "/a/_refresh")
        assert (await node.json("GET", "/a/_count"))["count"] == before["documents"] + 10
        jobs = await over(node, await node.json("POST", f"{AT}/_verify", {"deep": True}))
        assert [j["report"].get("equal") for j in jobs] == [True, True], jobs
        after = (await node.json("GET", f"{AT}/partitions"))["partitions"]
        assert [(len(p["digest"]), p["digest_offset"] == p["visible"]) for p in after] == [(64, True)] * 2


async def test_dead_letters_are_paged_and_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a query finds, in order of partition and offset, also over several pages; after a mapping change they are indexed."""
    monkeypatch.setattr(operations, "PAGE", 2)
    with near_node(tmp_path) as node:
        await filled(node)
        dry = await node.json("POST", f"{AT}/_redrive", {"dry_run": True})
        places = [(r["partition"], r["offset"]) for r in dry["redriven"]]
        assert (dry["total"], places) == (5, sorted(places))
        assert {r["key"] for r in dry["redriven"]} == {f"x{i}" for i in range(5)}
        again = await node.json("POST", f"{AT}/_redrive", {"query": {"term": {"key": "x1"}}})
        assert [(r["key"], r["result"], "many" in r["reason"]) for r in again["redriven"]] == [("x1", "rejected", True)]
        events = (await node.json("GET", f"{AT}/_history/x1"))["events"]
        assert [e["result"] for e in events] == ["rejected", "rejected"]
        assert events[1]["offset"] == again["redriven"][0]["new_offset"]
        await node.send("POST", "/a/_refresh")
        left = await node.json("POST", "/a.dead/_search", {"query": {"term": {"key": "x1"}}})
        assert [h["_id"] for h in left["hits"]["hits"]] == [f"{events[1]['partition']}-{events[1]['offset']}"]


async def test_commands_on_a_directory_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """verify, replay, trace, redrive and --until, without a server; a directory in use is refused with a sentence."""
    monkeypatch.setattr(serve, "use_kernels", lambda *_: None)  # tests have chosen the cache
    data = ["--data", str(tmp_path)]
    with near_node(tmp_path) as node:
        await filled(node)
        digests = [p["digest"] for p in (await node.json("GET", f"{AT}/partitions"))["partitions"]]
        assert main(["verify", "a", *data]) == 1
        assert "in use" in capsys.readouterr().err
    assert main(["verify", "a", *data, "--deep", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [p["equal"] for p in report["partitions"]] == [True, True]
    assert main(["replay", "a", *data]) == 0
    assert capsys.readouterr().out.count("done") == 2
    assert main(["trace", "a", "d150", *data]) == 0
    out = capsys.readouterr().out
    assert [word in out for word in ("created (version 1)", "updated (version 2)", "deleted (version 3)")] == [True] * 3
    assert main(["redrive", "a", *data, "--dry-run"]) == 0
    assert "5 found" in capsys.readouterr().out
    assert main(["verify", "a", *data, "--json"]) == 0
    assert [p["digest"]["live"] for p in json.loads(capsys.readouterr().out)["partitions"]] == digests
    assert main(["replay", "a", *data, "--until", "20", "--partition", "1"]) == 0
    assert "before offset 20: 20 documents, digest" in capsys.readouterr().out
    for bad in (["--until", "99999", "--partition", "1"], ["--from", "99999"], ["--partition", "7"]):
        assert main(["replay", "a", *data, *bad]) == 1
    assert main(["verify", "none", *data]) == 1
    err = capsys.readouterr().err
    for words in ("is not in the log", "partitions 0 to 1, not 7", "no such index [none]"):
        assert words in err
