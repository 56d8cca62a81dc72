"""A disk that fails or is full: what was acknowledged stays, what is wrong is said, and it goes on when there is room."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import app
from schemas.errors import ErrorKind, SedimentError
from tests.pipeline.replay.nodes import (
    BOOKS,
    create,
    digests,
    document,
    finished,
    node_in,
    put,
    settle,
)

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = "6m", "64m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", [("--sample", "10"), ("--strace", "--sample", "2")], ids=["counted", "strace"])
def test_one_failing_call(tmp_path: Path, how: tuple[str, ...]) -> None:
    """A spread of the first hundred writes and fsyncs; without ``--sample`` it goes through all of them."""
    log = tmp_path / "log"
    # a process of its own: it forks, and this one has threads
    command = [sys.executable, "-m", "tests.recovery.inject", *how, "--seconds", "40", "--log", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 2:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(one["failed"] for one in found)
    assert not any(one["wrong"] for one in found)
    assert all(len(sentence) > 20 for one in found for sentence in one["refused"])


@pytest.mark.slow
def test_a_full_disk(disk: Path) -> None:
    """Writes are refused with a sentence, reads go on, nothing that was acknowledged is lost; with room it goes on by itself."""
    padding = "x" * 20_000
    written = 0
    with node_in(disk / "data") as node:
        create(node)
        put(node, [("first", document(1))])
        settle(node)
        with pytest.raises(SedimentError) as raised:
            for number in range(2000):
                put(node, [(f"id-{number}", f'{{"n":{number},"text":"{padding}{number}"}}')])
                written += 1
        assert raised.value.kind is ErrorKind.UNAVAILABLE
        assert "No space left on device" in raised.value.message
        assert not node.log.health().healthy
        settle(node)
        assert node.workers("books")[0].view.documents == written + 1
        with pytest.raises(SedimentError, match=r"full|space|in time"):
            node.flush("books", 3.0)
        assert node.workers("books")[0].freshness().reason
        subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(disk)], check=True)
        deadline = time.monotonic() + 40
        while node.workers("books")[0].freshness().durable <= written and time.monotonic() < deadline:
            time.sleep(0.1)
        assert node.workers("books")[0].freshness().durable == written + 1
        put(node, [("last", document(2))])
        settle(node)
        assert node.log.health().healthy
        assert node.workers("books")[0].freshness().reason == ""
        before = digests(node)
        (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
        assert job.report["equal"], job
    with node_in(disk / "data") as node:
        assert digests(node) == before


@pytest.mark.slow
def test_a_read_only_disk(disk: Path) -> None:
    """It does not open, and says why; as soon as it may write, it opens."""
    with node_in(disk / "data") as node:
        create(node)
        put(node, [("first", document(1))])
        before = digests(node)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(SedimentError) as raised, node_in(disk / "data"):
        pass
    assert "Read-only file system" in raised.value.message
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    with node_in(disk / "data") as node:
        assert digests(node) == before


@pytest.mark.slow
def test_a_disk_that_becomes_read_only_while_it_is_used(tmp_path: Path) -> None:
    """Writes are refused, the partition and /health say why, searches go on; when it can be written again, so does the node, by itself."""
    command = [sys.executable, "-m", "tests.recovery.outage", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 2:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert "Read-only file system" in found["refused"]
    assert found["health"]["status"] == "red"
    said = {one["name"]: one["reason"] for one in found["health"]["reasons"]}
    assert "Read-only file system" in said["log"]
    assert said["partition books/0"].startswith("stalled: commit: ")
    assert "Read-only file system" in said["partition books/0"]
    assert found["answered"] == 2
    assert found["after"] == ["live", "", 3]
    assert found["equal"]


@pytest.mark.slow
def test_an_index_that_could_not_be_opened_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder was in use by another process; when that has gone, it opens without a restart."""
    from pipeline.rocks.database import RocksStore

    with node_in(tmp_path) as node:
        create(node)
        put(node, [("first", document(1))])
        before = digests(node)
        folder = node.folder(node.index_state("books"))
    other = RocksStore(str(folder / "0"))
    monkeypatch.setattr(app, "WATCH_S", 0.2)
    with node_in(tmp_path) as node:
        opening = node.upkeep.open

        def slowly(*given: Any) -> Any:
            time.sleep(0.7)  # the watcher asks several times meanwhile
            return opening(*given)

        monkeypatch.setattr(node.upkeep, "open", slowly)
        with pytest.raises(SedimentError, match="in use by another process"):
            node.workers("books")
        other.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert digests(node) == before
                break
            except SedimentError:
                time.sleep(0.2)
        else:
            raise AssertionError("it was not opened again")
        worker = node.workers("books")[0]
        time.sleep(3)
        assert node.workers("books")[0] is worker, "tries that were asked for before it was open came after it"
