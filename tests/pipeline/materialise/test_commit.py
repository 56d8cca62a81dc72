"""Commits: what is written, what is found again, what a failure leaves. Crashes are the model test's business."""

import pytest

from pipeline.materialise import commit
from pipeline.materialise.apply import Horizons
from pipeline.rocks.memory import Faults
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog


def partition(records: list[Record], **more: object) -> Partition:
    """A partition that has applied some records."""
    log = SimulatedLog()
    log.put(records)
    made = Partition(log, FoldedCatalog(new_catalog({}, {})), **more)  # type: ignore[arg-type]
    made.catch_up()
    return made


def committed(made: Partition) -> list[str]:
    """Commit; the steps it took."""
    made.probes.clear()
    made.begin_commit()
    assert made.run_job()
    return made.probes


def put(key: str) -> Record:
    """A document."""
    return Record(key.encode(), b"{}")


def delete(key: str) -> Record:
    """A deletion."""
    return Record(key.encode(), None)


END = ["commit.commit", "commit.flush", "commit.drop"]


def test_a_commit_writes_what_is_new() -> None:
    """New segments, then nothing, then a mask only, then segments that are gone."""
    made = partition([put("a"), put("d"), put("e"), put("b"), delete("b"), Record(b"bad", b"{")])
    made.log.put([put("c")])
    made.catch_up()
    assert committed(made) == ["commit.put", "commit.put", *END], (
        "two segments of documents were compacted, one of letters"
    )
    assert committed(made) == END
    made.log.put([delete("c")])
    made.catch_up()
    assert committed(made) == ["commit.put_alive", *END]
    made.log.put([delete("a"), delete("d"), delete("e")])
    made.catch_up()
    assert committed(made) == END
    made.crash()
    assert (made.documents(), list(made.dead())) == ({}, [5])


def test_a_commit_is_of_its_moment() -> None:
    """What happens while it is written belongs to the next one."""
    made = partition([put("a"), put("b")])
    made.begin_commit()
    made.log.put([delete("a"), put("c")])
    made.step()
    assert made.run_job()
    made.store.crash()
    made.log.away = True
    made.open()
    assert set(made.documents()) == {"a", "b"}
    assert made.worker.machine.applied == 2


@pytest.mark.parametrize("nth", range(2, 9))
def test_a_segment_is_put_once_whatever_fails(nth: int) -> None:
    """After a failure the next commit goes on where it was: the same segment is never written twice."""
    made = partition([put("a"), Record(b"bad", b"{")], faults=Faults(writes=frozenset({nth})))
    for _ in range(3):
        made.begin_commit()
        made.run_jobs()
        made.log.put([put("a")])
        made.step()
    made.faults = None
    made.run_jobs()
    made.begin_commit()
    made.run_jobs()
    made.crash()
    assert made.documents()["a"].version == 4
    assert made.worker.machine.applied == made.worker.freshness().end


def test_tombstones_are_found_again() -> None:
    """Versions of deleted ids go on after a restart, for so many offsets; ids that came back are not deleted."""
    made = partition(
        [put("a"), put("a"), delete("a"), put("b"), delete("b"), put("b")], horizons=Horizons(deleted_ids=7)
    )
    committed(made)
    made.crash()
    made.log.put([put("a"), delete("a"), *[put("x")] * 8, put("a"), put("b")])
    made.catch_up()
    assert made.outcomes(7)[6].version == 4
    assert (made.documents()["a"].version, made.documents()["b"].version) == (1, 4)


def test_tombstones_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces beyond the horizon go; many small pieces become one; forgotten ids leave the memory."""
    monkeypatch.setattr(commit, "TOMBSTONE_CHUNKS_MAX", 4)
    monkeypatch.setattr(commit, "FORGET_MIN", 3)
    made = partition([], horizons=Horizons(deleted_ids=12))
    for number in range(30):
        made.log.put([put(f"id-{number}"), delete(f"id-{number}")])
        made.catch_up()
        committed(made)
        assert len(made.worker.jobs.ledger.tombstones) <= 4
        assert made.worker.machine.ids.count <= 12
    made.crash()
    assert made.worker.machine.ids.count <= 12
    made.log.put([put("id-29"), put("id-0")])
    made.catch_up()
    assert {key: one.version for key, one in made.documents().items()} == {"id-29": 3, "id-0": 1}
