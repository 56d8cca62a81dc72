"""A disk that fails or is full: what was acknowledged stays, what is wrong is said, and it goes on when there is room."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import ErrorKind, SedimentError
from tests.pipeline.replay.nodes import BOOKS, create, digests, document, finished, node_in, put, settle
from tests.recovery import inject

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
@pytest.mark.parametrize(
    ("call", "error", "nth"),
    [("fdatasync", "EIO", 3), ("fdatasync", "ENOSPC", 5), ("write", "EIO", 9), ("fsync", "EIO", 2)],
)
def test_one_failing_call(tmp_path: Path, call: str, error: str, nth: int) -> None:
    """By injection; ``python -m tests.recovery.inject --all`` goes through the first hundred of each."""
    why = inject.missing()
    if why:
        pytest.skip(why)
    found = inject.run(tmp_path, call, error, nth)
    assert not found.wrong, found
    assert all(len(sentence) > 20 for sentence in found.refused)


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
def test_an_index_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    """Its folder was in use by another process; when that has gone, it opens without a restart."""
    from pipeline.rocks.database import RocksStore

    with node_in(tmp_path) as node:
        create(node)
        put(node, [("first", document(1))])
        before = digests(node)
        folder = node.folder(node.index_state("books"))
    other = RocksStore(str(folder / "0"))
    with node_in(tmp_path) as node:
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
