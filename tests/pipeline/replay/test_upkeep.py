"""Directories under a running node: swapped while somebody reads, opened again where a store refuses commits."""

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.app import Node
from pipeline.materialise.worker import Worker
from pipeline.replay import upkeep
from pipeline.replay.directories import current_directory, link_store
from query_api.fanout.local import LocalTopology
from schemas.errors import SedimentError, unavailable
from schemas.ids import PartitionId
from tests.pipeline.replay.nodes import BOOKS, create, digests, document, finished, load, node_in, put, settle

WAIT_S = 20.0


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Nothing goes but by its last reference: what held itself in a circle would keep its store."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def wait_for(true: Callable[[], bool]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sources(worker: Worker) -> list[list[bytes]]:
    """All stored documents, by segment."""
    return [s.reader.sources(np.flatnonzero(s.alive)) for s in worker.view.segments]


@pytest.mark.usefixtures("uncollected")
def test_a_search_that_began_before_a_swap_ends_on_what_it_saw(tmp_path: Path) -> None:
    """Its directory stays until then, and goes with the last one who reads from it."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 120)
        node.flush("books")
        node.refresh("books")
        node.cache.bytes_max = 0  # every read goes to the store
        topology = LocalTopology(node.workers)
        (searcher,) = topology.partitions(BOOKS)
        held = sources(node.workers("books")[0])
        old, view = node.folder(node.index_state("books")) / "0", node.workers("books")[0].view
        assert finished(node, list(node.operations.replay(BOOKS)))[0].state == "done"
        put(node, [("new", document(1))])
        settle(node)
        assert old.is_dir()
        assert [s.reader.sources(np.flatnonzero(s.alive)) for s in view.segments] == held
        assert searcher.view() is not topology.partitions(BOOKS)[0].view()
        del view
        assert old.is_dir(), "a searcher still has it"
        del searcher
        wait_for(lambda: not old.exists())


def test_a_directory_that_is_still_read_is_not_built_over(tmp_path: Path) -> None:
    """Whatever swaps follow: each grows where no store of this process is open, and what is read stays."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        node.cache.bytes_max = 0
        held, seen, names = [], [], []
        for _ in range(4):
            node.flush("books")
            node.refresh("books")
            names.append(current_directory(node.folder(node.index_state("books")), 0))
            held.append(node.workers("books")[0].view)
            seen.append(sources(node.workers("books")[0]))
            assert finished(node, list(node.operations.replay(BOOKS)))[0].state == "done"
        assert names == ["0", "0.a", "0.b", "0.c"]
        for view, documents in zip(held, seen, strict=True):
            assert [s.reader.sources(np.flatnonzero(s.alive)) for s in view.segments] == documents


def refusing(node: Node, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """The live worker, whose store takes no commit any more."""
    (worker,) = node.workers("books")

    def refuse() -> None:
        raise unavailable("storage_io", "the disk said no once, and the store says it for ever")

    monkeypatch.setattr(worker._parts.store._store, "flush", refuse)
    return worker


def test_a_store_that_goes_on_refusing_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, takes writes and answers meanwhile; then commits go on, nothing is lost, nothing is read twice."""
    monkeypatch.setattr(upkeep, "REFUSING_MS", 300)
    with node_in(tmp_path) as node:
        create(node)
        load(node, 120)
        node.flush("books")
        state = node.index_state("books")
        worker = refusing(node, monkeypatch)
        put(node, [("new", document(1))])
        wait_for(lambda: worker.freshness().state == "stalled")
        assert "the store says it for ever" in worker.freshness().reason
        with pytest.raises(SedimentError, match="for ever"):
            node.flush("books", 1.0)
        before = digests(node)

        def looked() -> bool:
            node.upkeep.look(state, PartitionId(0), node.workers("books")[0])
            return node.workers("books")[0] is not worker

        wait_for(looked)
        assert digests(node) == before
        assert {job.kind for job in node.operations.jobs(BOOKS)} == {"reopen"}
        assert current_directory(node.folder(state), 0) == "0.a"
        put(node, [("newer", document(2))])
        settle(node)
        node.flush("books")
        assert node.workers("books")[0].freshness().state == "live"
        before = digests(node)
        assert all(job.report["equal"] for job in finished(node, list(node.operations.verify(BOOKS, deep=True))))
    with node_in(tmp_path) as node:
        assert digests(node) == before


def test_a_partition_whose_disk_refuses_stops_taking_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a bound of memory: then writes are refused with the reason, and the log keeps what came anyhow."""
    monkeypatch.setattr("pipeline.materialise.jobs.UNSTORED_FLUSHES_MAX", 0)
    with node_in(tmp_path) as node:
        create(node)
        load(node, 50)
        worker = refusing(node, monkeypatch)
        put(node, [("new", document(1))])
        wait_for(lambda: worker.jobs.full)
        stands = worker.outcomes.applied
        with pytest.raises(SedimentError, match="takes no writes: commit: the disk said no"):
            node.decisions(node.index_state("books"), PartitionId(0))
        put(node, [("newer", document(2))])
        time.sleep(0.3)
        assert worker.outcomes.applied == stands
        monkeypatch.undo()
        settle(node)
        assert worker.outcomes.applied == stands + 1


def test_refused_writes_are_counted(tmp_path: Path) -> None:
    """A node's metric says why."""
    with node_in(tmp_path) as node:
        with (
            node.in_flight.admit(node.settings.memory.writes_bytes),
            pytest.raises(SedimentError),
            node.in_flight.admit(1),
        ):
            pytest.fail("admitted")
        assert b'sediment_ingest_refused_total{reason="in_flight"} 1.0' in node.metrics.exposition()


def test_a_disk_that_takes_files(tmp_path: Path) -> None:
    """With room, made durable, nothing left over."""
    assert upkeep.takes_files(tmp_path, 0)
    assert not list(tmp_path.iterdir())
    assert not upkeep.takes_files(tmp_path, 1 << 60)
    assert not upkeep.takes_files(tmp_path / "nowhere", 0)


def test_a_store_is_linked(tmp_path: Path) -> None:
    """Tables and blobs are shared, the rest is copied, what was there before is gone; locks and words for people stay behind."""
    source, target = tmp_path / "0", tmp_path / "0.a"
    source.mkdir()
    target.mkdir()
    (target / "000001.sst").write_text("old")
    for name in (
        "000009.sst",
        "000010.blob",
        "CURRENT",
        "MANIFEST-000008",
        "OPTIONS-000007",
        "LOCK",
        "LOG",
        "LOG.old.1",
    ):
        (source / name).write_text(name)
    link_store(source, target)
    names = {path.name for path in target.iterdir()}
    assert names == {"000009.sst", "000010.blob", "CURRENT", "MANIFEST-000008", "OPTIONS-000007"}
    assert (target / "000009.sst").samefile(source / "000009.sst")
    assert not (target / "CURRENT").samefile(source / "CURRENT")
