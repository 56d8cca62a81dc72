"""Bits that flip and files that end early, in every kind of file: found, said, and recovered from the log, while other partitions go on."""

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.app import Node
from pipeline.dsl.parse import parse_search
from pipeline.replay.directories import Rebuild, note_rebuild
from pipeline.search.searcher import Searcher
from pipeline.segments import digest
from schemas.errors import ErrorKind, SedimentError, damaged
from schemas.ids import LogOffset, PartitionId
from tests.pipeline.replay.nodes import BOOKS, create, digests, document, finished, load, node_in, put, settle
from tests.pipeline.replay.test_operations import exposed

WAIT_S = 30.0
SEEDS = range(int(os.environ.get("SEDIMENT_DAMAGE_SEEDS", "1")))
STORE = {
    "tables": "*.sst",
    "blobs": "*.blob",
    "manifest": "MANIFEST-*",
    "current": "CURRENT",
    "options": "OPTIONS-*",
    "identity": "IDENTITY",
    "config": "rocksdict-config.json",
}
# what a data folder holds besides: damaged by tests of their own, or read by nobody
OTHERS = {
    "log/topics/*/*/*.log",
    "log/topics/*/topic.json",
    "log/format.json",
    "log/LOCK",
    "partitions/*/*/LOCK",
    "partitions/*/*/LOG",  # RocksDB's own words
    "partitions/*/*/*.log",  # its write-ahead log, which is switched off and empty
}


@dataclass(frozen=True)
class Sound:
    """A closed data folder and what it answers."""

    folder: Path
    digests: list[tuple[int, str]]
    contents: list[str]
    partitions: str


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """Two partitions with stored segments, deletions and dead letters."""
    folder = tmp_path_factory.mktemp("sound")
    with node_in(folder) as node:
        create(node, 2)
        for partition in range(2):  # large enough for blob files
            put(node, [(f"more-{n}", document(7 * n)) for n in range(500)], partition)
        load(node, 100)
        load(node, 60, 1)
        found, deep = digests(node), contents(node)
        node.flush("books")
        where = node.folder(node.index_state("books")).relative_to(folder)
    return Sound(folder, found, deep, str(where))


def contents(node: Node) -> list[str]:
    """Level 2 of each partition: terms, positions, columns and sources, read back."""
    views = [worker.view for worker in node.workers("books")]
    return [digest.text_of(digest.level_2((s.reader, s.alive) for s in view.segments)) for view in views]


def copy_of(sound: Sound, tmp_path: Path) -> tuple[Path, Path]:
    """A copy to damage: the data folder, and where its partitions are."""
    folder = tmp_path / "data"
    shutil.copytree(sound.folder, folder)
    return folder, folder / sound.partitions


def flip(path: Path, chosen: random.Random) -> None:
    """One bit."""
    data = bytearray(path.read_bytes())
    data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    path.write_bytes(data)


def truncate(path: Path, chosen: random.Random) -> None:
    """Any number of bytes from the end."""
    path.write_bytes(path.read_bytes()[: chosen.randrange(path.stat().st_size)])


def zero(path: Path, chosen: random.Random) -> None:
    """A stretch that a disk gave back empty."""
    data = bytearray(path.read_bytes())
    start = chosen.randrange(len(data))
    length = min(512, len(data) - start)
    data[start : start + length] = bytes(length)
    path.write_bytes(data)


def read_everything(node: Node) -> None:
    """Look at all that there is; what is damaged is met."""
    try:
        finished(node, list(node.operations.verify(BOOKS, deep=True)))
        for worker in node.workers("books"):
            search(worker)
    except SedimentError as error:
        if error.kind is not ErrorKind.DAMAGED:
            raise


def search(worker: Any) -> int:
    """Documents of one partition that match, with their sources."""
    request = parse_search({"query": {"match": {"text": "words"}}, "track_total_hits": True, "size": 50}, now_ms=0)
    searcher = Searcher(worker.view)
    return int(searcher.query(request, searcher.statistics(request)).total)


def wait_until_sound(node: Node) -> None:
    """Rebuilt, and nothing is said to be damaged any more."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        jobs = node.operations.jobs(BOOKS)
        states = {w.freshness().state for w in node.workers("books")}
        if "damaged" not in states and not any(j.state == "running" for j in jobs):
            return
        time.sleep(0.02)
    raise AssertionError([w.freshness() for w in node.workers("books")], jobs)


def damages(node: Node) -> int:
    """Partitions that were found damaged."""
    lines = [line for line in exposed(node.metrics) if line.startswith("sediment_damaged_partitions_total{")]
    return sum(int(float(line.split()[-1])) for line in lines)


def test_every_kind_of_file_is_damaged_by_some_test(sound: Sound) -> None:
    """A file of a new kind must not go unnoticed."""
    known = OTHERS | {f"partitions/*/*/{pattern}" for pattern in STORE.values()}
    files = [path.relative_to(sound.folder) for path in sound.folder.rglob("*") if path.is_file()]
    assert [path for path in files if not any(path.match(pattern) for pattern in known)] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORE)
@pytest.mark.parametrize("how", [flip, truncate, zero])
def test_damage_of_a_store_is_recovered(
    sound: Sound, tmp_path: Path, kind: str, how: Callable[[Path, random.Random], None]
) -> None:
    """Whatever was hit, at the end everything is as it was, and what was read was never wrong."""
    found = 0
    for seed in SEEDS:
        chosen = random.Random(seed)
        folder, partitions = copy_of(sound, tmp_path / str(seed))
        files = sorted(p for p in (partitions / "0").glob(STORE[kind]) if p.stat().st_size)
        if not files:
            pytest.skip(f"there are no {kind} in so small a store")
        # of blob files some hold nothing but garbage: all are hit, or the damage might be nobody's
        targets = files if kind == "blobs" else [chosen.choice(files)]
        for file in targets:
            how(file, chosen)
        with node_in(folder) as node:
            settle(node)
            read_everything(node)
            wait_until_sound(node)
            assert digests(node) == sound.digests
            assert contents(node) == sound.contents
            found += bool(damages(node))
            put(node, [("after", '{"n":1}')])
            settle(node)
    # a MANIFEST that is cut may name an older sound state, which the log brings up to date: then there is nothing to find
    if kind in {"tables", "blobs", "current"} and how is not flip:
        assert found, "nothing was found"


@pytest.mark.slow
def test_other_partitions_go_on(sound: Sound, tmp_path: Path) -> None:
    """While one is damaged and rebuilt the other answers and takes writes; the state says what is wrong."""
    folder, partitions = copy_of(sound, tmp_path)
    for path in (partitions / "0").glob("*.blob"):
        data = path.read_bytes()
        path.write_bytes(data[:100] + bytes(len(data) - 100))
    for path in (partitions / "0").glob("*.sst"):
        shutil.copy(path, path.with_suffix(".kept"))
    with node_in(folder) as node:
        whole = search(node.workers("books")[1])
        assert whole
        read_everything(node)
        put(node, [("here", '{"text":"words"}')], 1)
        settle(node)
        assert search(node.workers("books")[1]) == whole + 1
        wait_until_sound(node)
        assert damages(node) == 1
        assert digests(node)[0] == sound.digests[0]


@pytest.mark.slow
def test_damage_met_by_a_search_is_rebuilt(sound: Sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reader after opening meets it: that search fails with a sentence, later ones do not."""
    folder, _ = copy_of(sound, tmp_path)
    with node_in(folder) as node:
        settle(node)
        worker = node.workers("books")[0]
        store = worker._parts.store._store
        whole = store.get_many

        def without_chunks(keys: Any) -> list[bytes | None]:
            return [None if key.startswith(b"c") else value for key, value in zip(keys, whole(keys), strict=True)]

        monkeypatch.setattr(store, "get_many", without_chunks)
        node.cache.bytes_max = 0
        for segment in worker.view.segments:
            node.cache.drop_segment(worker._parts.store._space, segment.reader.meta.id)
        with pytest.raises(SedimentError) as raised:
            read_sources(worker)
        assert raised.value.kind is ErrorKind.DAMAGED
        assert worker.freshness().state == "damaged"
        assert "is missing" in worker.freshness().reason
        assert list(node.quarantined.values()) == [worker.freshness().reason]
        wait_until_sound(node)
        assert node.workers("books")[0] is not worker
        assert node.quarantined == {}
        assert len([j for j in node.operations.jobs(BOOKS) if j.kind == "replay"]) == 1
        assert digests(node) == sound.digests
        read_sources(node.workers("books")[0])


def read_sources(worker: Any) -> None:
    """All stored documents."""
    for segment in worker.view.segments:
        segment.reader.sources(np.flatnonzero(segment.alive))


@pytest.mark.slow
def test_a_log_that_no_longer_reaches_back(sound: Sound, tmp_path: Path) -> None:
    """Nothing is thrown away: the state says what is wrong and that it cannot be rebuilt."""
    folder, _ = copy_of(sound, tmp_path)
    with node_in(folder) as node:
        settle(node)
        worker = node.workers("books")[0]
        real = node.log.begin_offset
        node.log.begin_offset = lambda topic, partition: LogOffset(max(1, real(topic, partition)))  # type: ignore[method-assign]
        worker.damage.report(damaged("a chunk is missing"))
        deadline = time.monotonic() + 10
        while "cannot be rebuilt" not in str(node.quarantined) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "begins at 1" in str(node.quarantined)
        assert worker.freshness().state == "damaged"
        assert search(worker)


# ------------------------------------------------------------------ the log


@pytest.mark.slow
@pytest.mark.parametrize("how", [flip, truncate, zero])
def test_damage_of_the_log_is_reported(
    sound: Sound, tmp_path: Path, how: Callable[[Path, random.Random], None]
) -> None:
    """What the index has it keeps; what cannot be read is named, no more than that; new records are taken."""
    noticed = False
    for seed in SEEDS:
        chosen = random.Random(seed)
        folder, _ = copy_of(sound, tmp_path / str(seed))
        files = sorted(p for p in (folder / "log" / "topics").glob("*/[0-9]*/*.log") if p.stat().st_size > 1000)
        path = chosen.choice(files)
        before = path.read_bytes()
        how(path, chosen)
        if path.read_bytes() == before:
            continue
        with node_in(folder) as node:
            stands = [int(w.freshness().applied) for w in node.workers("books")]
            assert [(int(w.view.visible), w.freshness().digest) for w in node.workers("books")] == sound.digests
            for number, worker in enumerate(node.workers("books")):
                end = node.log.end_offset(node.index_state("books").topic, PartitionId(number))
                if end < stands[number]:  # cut off cleanly: only the index knows
                    assert "acknowledged records are gone from the log" in worker.freshness().reason
                    with pytest.raises(SedimentError, match="takes no writes"):
                        node.decisions(node.index_state("books"), PartitionId(number))
                    noticed = True
                    continue
                offset = put(node, [("after", '{"n":1}')], number)[0]
                assert offset >= stands[number], "no offset is given twice"
                assert worker.outcomes.wait(LogOffset(offset + 1), 10), worker.freshness()
            read_log(node)
            noticed = noticed or bool(node.log.health().skipped)
    assert noticed


@pytest.mark.slow
def test_what_the_log_has_lost_is_said_by_verify_and_not_replayed(sound: Sound, tmp_path: Path) -> None:
    """The index still has it: a verification names the offsets, a replay refuses to lose it, and the index stays as it is."""
    folder, _ = copy_of(sound, tmp_path)
    path = max((folder / "log" / "topics").glob("*/0/*.log"), key=lambda one: one.stat().st_size)  # not the control log
    data = bytearray(path.read_bytes())
    data[len(data) * 97 // 100] ^= 1
    path.write_bytes(data)
    with node_in(folder) as node:
        before = digests(node)
        assert before == sound.digests
        hurt, whole = finished(node, list(node.operations.verify(BOOKS)))
        assert whole.report["equal"]
        lost = hurt.report["log_lost"]
        assert not hurt.report["equal"]
        assert lost[0]["file"] == str(path)
        assert 0 < lost[0]["first"] < lost[0]["next"] <= before[0][0]
        assert hurt.report["reasons"]["index"] == 0
        assert hurt.report["reasons"]["log"] > 0
        assert f"has lost offsets {lost[0]['first']} to {lost[0]['next'] - 1}" in hurt.message
        (job,) = finished(node, list(node.operations.replay(BOOKS, partition=0)))
        assert job.state == "failed"
        assert "still has what they held, a rebuild would not" in job.message
        assert digests(node) == before
        assert finished(node, list(node.operations.replay(BOOKS, partition=1)))[0].state == "done"
    with node_in(folder) as node:
        assert digests(node) == before


def read_log(node: Node) -> None:
    """Every record of every partition."""
    topic = node.index_state("books").topic
    for number in range(2):
        reader = node.log.reader(topic, PartitionId(number), LogOffset(0))
        while reader.position < node.log.end_offset(topic, PartitionId(number)):
            reader.read(records_max=1000, bytes_max=1 << 20, timeout_s=1)
        reader.close()


# ------------------------------------------------------------------ small files


@pytest.mark.slow
@pytest.mark.parametrize("name", ["0.current", "0.replay.json"])
@pytest.mark.parametrize("how", [flip, truncate, zero])
def test_damage_of_pointers_and_notes(
    sound: Sound, tmp_path: Path, name: str, how: Callable[[Path, random.Random], None]
) -> None:
    """A pointer to nowhere, half a note: the partition is found or grows again, and answers the same."""
    for seed in SEEDS:
        folder, partitions = copy_of(sound, tmp_path / str(seed))
        (partitions / "0").rename(partitions / "0.b")
        (partitions / "0.current").write_text("0.b")
        note_rebuild(partitions, 0, Rebuild("0.a", 0))
        how(partitions / name, random.Random(seed))
        with node_in(folder) as node:
            wait_until_sound(node)
            assert digests(node) == sound.digests


@pytest.mark.parametrize("name", ["log/format.json", "log/topics/*/topic.json"])
def test_damage_of_the_logs_own_description_is_refused(sound: Sound, tmp_path: Path, name: str) -> None:
    """With a sentence; nothing is created in its place."""
    folder, _ = copy_of(sound, tmp_path)
    for path in folder.glob(name):
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(SedimentError) as raised, node_in(folder):
        pass
    assert raised.value.kind in {ErrorKind.DAMAGED, ErrorKind.CONFLICT, ErrorKind.INVALID}
    assert len(raised.value.message) > 40
