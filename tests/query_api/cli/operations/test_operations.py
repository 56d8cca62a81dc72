"""query_api.cli.operations: replay, verify, trace, redrive, against a fake node in this process."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.replay.ports import Event
from query_api.cli.main import main
from query_api.cli.operations import access, redrive, replay, trace, verify, watch
from query_api.cli.operations.access import Near
from schemas.results import Document, Provenance
from tests.query_api.fakes import Client, FakeOperations

DIGEST = "ab" * 32
EQUAL = {
    "equal": True,
    "level": 1,
    "offset": 100,
    "documents": {"live": 7, "rebuilt": 7},
    "digest": {"live": DIGEST, "rebuilt": DIGEST},
    "buckets": [],
    "differences": [],
    "differences_total": 0,
}
ROW = {"version": 2, "seq_no": 5, "offset": 9, "content": "00ff"}
DIFFERENT = {
    **EQUAL,
    "equal": False,
    "buckets": [3, 8],
    "differences": [{"id": "x", "live": ROW, "rebuilt": None}],
    "differences_total": 4,
}


class Node:
    """A fake node with the index ``a`` of two partitions; jobs are over at the second look."""

    def __init__(self) -> None:
        self.client = Client()
        self.operations: FakeOperations = self.client.operations
        self.client.node.create("a", {"number_of_shards": 2}, {})
        for part in self.client.node.parts["a"]:
            part.offset = 50
        self.end: dict[str, Any] = {"message": "done", "report": {}}
        self.looks = 0
        self.near: Any | None = None

    def call(self, method: str, path: str, body: Any = None, *, parameters: Any = None) -> Any:
        self.looks += path.endswith("/_jobs")
        if self.looks == 2:
            self.operations.finish(**self.end)
        return Near(None, self.client.services).call(method, path, body, parameters=parameters)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A fake node that every command is given."""
    one = Node()

    @contextmanager
    def given(_arguments: object) -> Iterator[Node]:
        yield one

    for module in (replay, verify, trace, redrive):
        monkeypatch.setattr(module, "node_of", given)
    monkeypatch.setattr(watch, "POLL_S", 0)
    monkeypatch.setattr(access, "POLL_S", 0)
    yield one
    one.client.services.pools.close()


def test_replay_starts_a_job_and_watches_it(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked for reaches the node; the end is a line per partition and exit 0."""
    node.end = {"message": "rebuilt from the log: 7 documents"}
    assert main(["replay", "a", "--from-timestamp", "123", "--rate", "9.5"]) == 0
    kind, given = node.operations.asked[0]
    assert (kind, given["from_timestamp_ms"], given["rate"], given["from_offset"]) == ("replay", 123, 9.5, None)
    out = capsys.readouterr()
    assert out.out.splitlines() == [f"a/{p}: done: rebuilt from the log: 7 documents" for p in (0, 1)]
    assert "replay a/0" in out.err


def test_failed_replay_exits_1(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """And says why."""
    node.end = {"state": "failed", "message": "the disk is full"}
    assert main(["replay", "a", "--partition", "1", "--from", "0"]) == 1
    assert "a/1: failed: the disk is full" in capsys.readouterr().out


def test_bad_arguments_are_a_sentence_and_exit_1(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """What the node refuses, and what makes no sense, is said before any work."""
    assert main(["replay", "none"]) == 1
    assert main(["replay", "a", "--from", "-4"]) == 1
    assert main(["replay", "a", "--from-timestamp", "soon"]) == 1
    assert main(["replay", "a", "--until", "5"]) == 1
    assert main(["redrive", "a", "--query", "{nonsense"]) == 1
    err = capsys.readouterr().err
    for words in (
        "no such index [none]",
        "[from] must be",
        "failed to parse date",
        "--until goes with --data",
        "not JSON",
    ):
        assert words in err
    assert node.operations.asked == []


@pytest.mark.parametrize(
    ("near", "command", "words"),
    [
        (None, "replay", "goes on in the node"),
        (object(), "replay", "goes on where this one was"),
        (object(), "verify", "nothing was changed"),
    ],
)
def test_interrupt_says_what_it_leaves(
    node: Node, near: Any, command: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C leaves a job in a node running; one in this process is stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    node.near = near
    monkeypatch.setattr(time, "sleep", interrupt)
    assert main([command, "a"]) == 130
    assert words in " ".join(capsys.readouterr().err.split())


def test_until_shows_the_index_as_it_was(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """Of one partition, for an offset that the log has."""
    asked: list[tuple[Any, ...]] = []

    def rebuild_until(*given: Any) -> tuple[str, int]:
        asked.append(given)
        return DIGEST, 7

    node.near = SimpleNamespace(operations=SimpleNamespace(rebuild_until=rebuild_until))
    assert main(["replay", "a", "--data", "d", "--until", "40", "--partition", "1"]) == 0
    assert (asked, DIGEST in capsys.readouterr().out) == ([("a", 40, 1)], True)
    for bad in (["--until", "40"], ["--until", "51", "--partition", "1"], ["--until", "40", "--partition", "2"]):
        assert main(["replay", "a", "--data", "d", *bad]) == 1
    assert main(["replay", "a", "--data", "d", "--until", "40", "--from", "3"]) == 1
    err = capsys.readouterr().err
    for words in ("say which one with --partition", "it has 0 to 50", "has partitions 0 to 1", "leave --from"):
        assert words in err
    assert len(asked) == 1


def test_verify_of_equal_partitions(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 and a line per partition; with --json the report and nothing else."""
    node.end = {"report": EQUAL}
    assert main(["verify", "a"]) == 0
    assert capsys.readouterr().out.count("equal at offset 100: 7 documents") == 2
    node.looks = 0
    assert main(["verify", "a", "--deep", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["equal"], [p["level"] for p in report["partitions"]]) == (True, [1, 1])
    assert node.operations.asked[-1][1]["deep"] is True


def test_verify_names_buckets_and_documents(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """A difference is exit 1; so is a comparison that could not be made."""
    node.end = {"report": DIFFERENT}
    assert main(["verify", "a", "--partition", "0"]) == 1
    out = capsys.readouterr().out
    for words in (
        "DIFFERENT at offset 100",
        "buckets  3, 8",
        "x: live version 2, seq_no 5",
        "rebuilt not there",
        "and 3 documents",
    ):
        assert words in out
    node.looks = 0
    node.end = {"state": "failed", "message": "no room"}
    assert main(["verify", "a"]) == 1
    assert "not compared: no room" in capsys.readouterr().out


def test_verify_says_what_the_log_has_lost(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """Offsets, file and reason; and how much of the difference that explains."""
    lost = {"first": 40, "next": 1060, "file": "log/1.log", "reason": "the checksum of the records is wrong"}
    node.end = {"report": {**DIFFERENT, "log_lost": [lost], "reasons": {"log": 20, "numbers": 1780, "index": 0}}}
    assert main(["verify", "a", "--partition", "0"]) == 1
    out = capsys.readouterr().out
    assert "the log has lost offsets 40 to 1,059: log/1.log: the checksum of the records is wrong" in out
    assert "20 documents come from there: the index is right" in out
    assert "1,780 more differ in sequence number or version only" in out
    assert "0 differ for no reason that is in the log" in out


def test_verify_on_a_directory_waits_until_the_log_is_read(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """A partition that has stopped is an error instead."""
    node.near = object()
    node.end = {"report": EQUAL}
    assert main(["verify", "a", "--data", "d"]) == 0
    node.client.node.parts["a"][1].state = "stopped"
    assert main(["verify", "a", "--data", "d"]) == 1
    assert "a/1" in capsys.readouterr().err


def test_trace_shows_every_event(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """Place, time, what was asked and what came of it; exit 1 where there is nothing."""
    assert main(["trace", "a", "x"]) == 1
    assert "no event of [x]" in capsys.readouterr().out
    node.operations.events = [
        Event("a", 0, 7, 0, "index", "created", 1, value=b'{"n":1}', headers={"routing": "r"}),
        Event("a", 0, 8, 1, "index", "rejected", 1, "no number", b"v" * 500),
    ]
    assert main(["trace", "a", "x/y", "--routing", "r"]) == 0
    out = capsys.readouterr().out
    assert "a/0 @ 7  1970-01-01T00:00:00.000+00:00  index  created (version 1)" in out
    assert "rejected (version 1): no number" in out
    assert "routing: r" in out
    assert "…" in out
    assert node.operations.asked[-1] == ("history", {"index": "a", "id": "x/y", "routing": "r"})
    assert main(["trace", "a", "x", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["events"]) == 2


def test_redrive_shows_both_offsets(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run sends nothing; nothing to send is no error."""
    assert main(["redrive", "a"]) == 0
    assert "no dead letters" in capsys.readouterr().out
    letter = Document("0-9", 1, 1, b'{"partition":0,"offset":9,"code":"c"}', Provenance("a", 0, 9, 0, 1, "s"))
    node.client.node.dead["a"][0].visible["0-9"] = letter
    assert main(["redrive", "a", "--query", '{"term":{"code":"c"}}', "--dry-run"]) == 0
    assert "nothing was sent" in capsys.readouterr().out
    assert main(["redrive", "a"]) == 0
    out = capsys.readouterr().out
    assert "109" in out
    assert "1 created" in out
    assert main(["redrive", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1
    assert redrive.question("code:c") == ({}, {"q": "code:c"})


def test_a_job_that_the_node_forgot_is_an_error(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """After a restart the ids are new."""
    node.operations.jobs = lambda index: []  # type: ignore[method-assign]
    assert main(["replay", "a"]) == 1
    assert "restarted" in capsys.readouterr().err


def test_remaining_time_is_readable() -> None:
    """Minutes and seconds, hours where there are any, nothing where it is not known."""
    assert [watch.eta_text(s) for s in (None, 7, 187.4, 3723)] == ["", "0:07 left", "3:07 left", "1:02:03 left"]


def test_which_node_is_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A URL or a directory, not both; a directory without a log is none, and is not made."""
    assert main(["verify", "a", "--data", str(tmp_path / "none")]) == 1
    assert main(["verify", "a", "--data", "d", "--url", "http://x"]) == 1
    assert main(["verify", "a", "--kafka", "h:1"]) == 1
    assert main(["verify", "a", "--url", "http://127.0.0.1:9"]) == 1
    err = capsys.readouterr().err
    for words in ("is no data directory", "exclude each other", "--kafka goes with --data", "does not answer"):
        assert words in err
    assert not (tmp_path / "none").exists()
