"""Replay, verification and the past over a real node: the log, RocksDB, threads."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.replay import directories
from pipeline.replay.verify import compare
from pipeline.telemetry.metrics import Metrics
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import IndexName, LogOffset, PartitionId
from tests.pipeline.replay.nodes import BOOKS, create, digests, document, finished, load, node_in, put, settle

ROOT = Path(__file__).resolve().parents[3]


def test_a_replay_takes_the_live_ones_place(tmp_path: Path) -> None:
    """Same digest, one directory, nothing counted twice; also after opening it again."""
    with node_in(tmp_path) as node:
        create(node, 2)
        load(node, 200)
        load(node, 100, 1)
        before = digests(node)
        letters = [line for line in exposed(node.metrics) if line.startswith("sediment_dead_letters_total{")]
        assert letters == ['sediment_dead_letters_total{index="books",reason="mapper_parsing"} 4.0']
        documents = [worker.view.documents for worker in node.workers("books")]
        jobs = finished(node, list(node.operations.replay(BOOKS)))
        assert [(j.state, j.partition) for j in jobs] == [("done", 0), ("done", 1)], jobs
        assert digests(node) == before
        assert [worker.view.documents for worker in node.workers("books")] == documents
        assert letters == [line for line in exposed(node.metrics) if line.startswith("sediment_dead_letters_total{")]
        folder = node.folder(node.index_state("books"))
        deadline = time.monotonic() + 10
        while {p.name for p in folder.iterdir() if p.is_dir()} != {"0.a", "1.a"}:
            assert time.monotonic() < deadline, list(folder.iterdir())
            time.sleep(0.02)
        assert not list(folder.glob("*.replay.json"))
        put(node, [("new", document(1))])
        settle(node)
        before = digests(node)
    with node_in(tmp_path) as node:
        assert digests(node) == before
        assert {j.state for j in finished(node, list(node.operations.verify(BOOKS, deep=True)))} == {"done"}
        assert all(j.report["equal"] for j in node.operations.jobs(BOOKS))


def exposed(metrics: Metrics) -> list[str]:
    """The metrics as they are shown."""
    return metrics.exposition().decode().splitlines()


def test_writes_go_on_meanwhile(tmp_path: Path) -> None:
    """What is applied, visible and answered never goes back."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 200)
        stop = threading.Event()
        seen: list[int] = []
        failures: list[BaseException] = []

        def write() -> None:
            count = 0
            try:
                while not stop.is_set():
                    count += 1
                    offset = put(node, [(f"more-{count % 50}", document(count))])[0]
                    worker = node.workers("books")[0]
                    assert worker.outcomes.wait(LogOffset(offset + 1), 10)
                    node.refresh("books")
                    seen.append(node.workers("books")[0].view.visible)
                    assert seen[-1] > offset
            except BaseException as error:  # told to the test's thread
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(2):
            jobs = finished(node, list(node.operations.replay(BOOKS)))
            assert jobs[0].state == "done", jobs
        stop.set()
        writer.join()
        assert not failures, failures
        assert seen == sorted(seen)
        (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
        assert job.report["equal"], job


def test_two_replays_of_a_partition_are_one(tmp_path: Path) -> None:
    """Who asks again sees the one that runs, and the other partition has its own."""
    with node_in(tmp_path) as node:
        create(node, 2)
        load(node, 100)
        (first,) = node.operations.replay(BOOKS, partition=0, rate=50)
        (again,) = node.operations.replay(BOOKS, partition=0)
        (other,) = node.operations.replay(BOOKS, partition=1)
        assert again.id == first.id
        assert other.id != first.id
        assert finished(node, [other])[0].state == "done"


@pytest.mark.slow
def test_a_killed_replay_goes_on(tmp_path: Path) -> None:
    """Five times SIGKILL within it, each life begins where the last one's commits stood; then it completes and is equal."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 1000)
        before = digests(node)
        (node.folder(node.index_state("books")) / "0.verify").mkdir()
    command = [sys.executable, "-m", "tests.recovery.replay_life", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    *lives, end = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["state"] for one in lives] == ["running"] * 5
    assert all(100 * number <= one["began"] for number, one in enumerate(lives)), lives
    assert [tuple(one) for one in end["digests"]] == before
    (folder,) = (tmp_path / "partitions").iterdir()
    assert not (folder / "0.verify").exists()


def test_a_replay_from_a_kept_state(tmp_path: Path) -> None:
    """It begins there, reads what follows only, and comes to the same; without one before the offset it begins at the beginning."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 120)
        before = digests(node)
        node.operations.rebuild_until(BOOKS, 70, 0)
        for asked, begin in ((90, 70), (70, 70), (69, 0)):
            (started,) = node.operations.replay(BOOKS, from_offset=asked)
            assert started.begin == begin
            (job,) = finished(node, [started])
            assert job.state == "done", job
            assert f"from offset {begin} on" in job.message
            assert digests(node) == before
        assert all(j.report["equal"] for j in finished(node, list(node.operations.verify(BOOKS, deep=True))))
        put(node, [("new", document(1))])
        settle(node)


def test_what_cannot_be_replayed_is_said(tmp_path: Path) -> None:
    """And nothing begins."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        for kind, words, ask in (
            (ErrorKind.NOT_FOUND, "no such index", lambda: node.operations.replay(IndexName("nothing"))),
            (ErrorKind.NOT_FOUND, "has partitions 0 to 0, not 3", lambda: node.operations.replay(BOOKS, partition=3)),
            (ErrorKind.NOT_FOUND, "not -1", lambda: node.operations.verify(BOOKS, partition=-1)),
            (ErrorKind.INVALID, "is not in the log", lambda: node.operations.replay(BOOKS, from_offset=10_000)),
            (ErrorKind.INVALID, "as new as", lambda: node.operations.replay(BOOKS, from_timestamp_ms=1 << 50)),
            (ErrorKind.INVALID, "before everything", lambda: node.operations.replay(BOOKS, from_timestamp_ms=999)),
            (ErrorKind.INVALID, "is not in the log", lambda: node.operations.rebuild_until(BOOKS, 10_000, 0)),
        ):
            with pytest.raises(SedimentError, match=words) as raised:
                ask()
            assert raised.value.kind is kind
        assert node.operations.jobs(BOOKS) == []


def test_a_deleted_index_ends_its_replay(tmp_path: Path) -> None:
    """With a sentence, and without files left."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        folder = node.folder(node.index_state("books"))
        jobs = list(node.operations.replay(BOOKS, rate=5))
        node.indices.delete(BOOKS)
        (job,) = finished(node, jobs)
        assert job.state == "failed"
        assert "was deleted" in job.message or "no such index" in job.message
        assert not folder.exists()


def test_a_verification_names_a_planted_difference(tmp_path: Path) -> None:
    """A row that died in the live partition only."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        worker = node.workers("books")[0]
        with worker.exclusive():
            segment = next(iter(worker.machine.segments))
            row = int(np.flatnonzero(segment.alive)[0])
            name = (segment.reader.ids()[row] or b"").decode()
            segment.kill(np.array([row], np.int64))
            worker._publish()
        (job,) = finished(node, list(node.operations.verify(BOOKS)))
        assert job.state == "done"
        assert not job.report["equal"]
        assert [d["id"] for d in job.report["differences"]] == [name]
        assert any(
            "sediment_verifications_total" in line and 'outcome="different"' in line for line in exposed(node.metrics)
        )


def test_a_verification_under_a_mapping_change(tmp_path: Path) -> None:
    """The mapping is part of the log: a change before, within or after it makes no difference."""
    with node_in(tmp_path) as node:
        create(node, dynamic=True)
        load(node, 60)
        put(node, [("x", '{"fresh":1}'), ("y", '{"fresh":"2"}')])
        node.indices.put_mapping(BOOKS, {"properties": {"later": {"type": "long"}}})
        put(node, [("x", '{"later":"x"}'), ("y", '{"later":"2"}')])
        settle(node)
        jobs = list(node.operations.verify(BOOKS, deep=True))
        node.indices.put_mapping(BOOKS, {"properties": {"latest": {"type": "keyword"}}})
        put(node, [("x", '{"latest":"x"}')])
        (job,) = finished(node, jobs)
        assert job.report["equal"], job
        settle(node)
        (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
        assert job.report["equal"], job


# ------------------------------------------------------------------ the past


def test_the_past_can_be_built_and_served(tmp_path: Path) -> None:
    """As it was before an offset: digest and documents as they were then, searchable, and read only."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        then = digests(node)[0]
        documents = node.workers("books")[0].view
        put(node, [("id-1", None), ("id-2", document(9)), ("new", document(5))])
        now = digests(node)[0]
        assert node.operations.rebuild_until(BOOKS, then[0], 0) == (then[1], documents.documents)
        assert digests(node)[0] == now
    with node_in(tmp_path, until=f"books={then[0]}") as past:
        assert digests(past)[0] == then
        (worker,) = past.workers("books")
        deadline = time.monotonic() + 10
        while worker.freshness().state != "live" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert worker.freshness().state == "live"
        assert past.log.end_offset(past.index_state("books").topic, PartitionId(0)) == then[0]
        with pytest.raises(SedimentError, match="as it was"):
            put(past, [("id-1", "{}")])
        with pytest.raises(SedimentError, match="as it was"):
            past.operations.replay(BOOKS)
        with pytest.raises(SedimentError, match="as it was"):
            past.indices.create(IndexName("more"), {}, {})
    with node_in(tmp_path) as node:
        assert digests(node)[0] == now
    other = tmp_path / "elsewhere"
    with node_in(other, until=f"books={then[0]}", path=str(tmp_path / "log")) as past:
        assert digests(past)[0] == then


def test_a_directory_stopped_in_the_middle_goes_on(tmp_path: Path) -> None:
    """What was built up to an offset is a prefix: put in the live one's place, it comes to the same."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        whole = digests(node)
        node.operations.rebuild_until(BOOKS, 41, 0)
        folder = node.folder(node.index_state("books"))
        view = node.workers("books")[0].view
        assert compare(view, view, deep=True)["equal"]
    (folder / "0").rename(folder.parent / "put-aside")
    (folder / directories.until_directory(0, 41)).rename(folder / "0")
    with node_in(tmp_path) as node:
        assert digests(node) == whole
