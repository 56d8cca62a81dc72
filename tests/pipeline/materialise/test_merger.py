"""Merges: installed late, of nothing, of what is gone meanwhile."""

from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog


def partition(segments: int) -> Partition:
    """Stored segments of two documents each."""
    made = Partition(SimulatedLog(), FoldedCatalog(new_catalog({}, {})))
    for number in range(segments):
        made.log.put([Record(b"%d-%d" % (number, n), b'{"s":"word"}') for n in range(2)])
        made.catch_up()
        made.begin_commit()
        made.run_job()
    return made


def test_what_dies_during_a_merge_is_dead_in_its_result() -> None:
    """Deletes, updates and re-creations between begin and end; the id index points at the new rows."""
    made = partition(3)
    made.begin_merge(0, 3)
    made.log.put([Record(b"0-0", None), Record(b"1-1", b'{"s":"new"}'), Record(b"2-0", None), Record(b"2-0", b"{}")])
    made.step()
    made.run_job()
    made.worker.refresh()
    made.validate()
    assert set(made.documents()) == {"0-1", "1-0", "1-1", "2-0", "2-1"}
    merged = next(iter(made.worker.machine.segments))
    assert (len(merged.alive), merged.dead) == (6, 3)
    assert all(place is not None for place in made.worker.locate(sorted(made.documents())))
    assert made.worker.locate(["0-0"]) == [None]


def test_inputs_go_when_the_next_commit_is_durable() -> None:
    """Until then a crash finds them."""
    made = partition(2)
    made.begin_merge(0, 2)
    made.run_job()
    made.crash(kept=99)
    assert len(made.worker.machine.segments) == 2
    made.begin_merge(0, 2)
    made.run_job()
    assert len(made.worker.jobs.ledger.retired) == 2
    made.begin_commit()
    made.run_job()
    made.crash()
    assert len(made.worker.machine.segments) == 1
    made.worker.refresh()
    assert len(made.documents()) == 4


def test_an_input_that_a_commit_dropped_meanwhile() -> None:
    """Every row of it died: nothing of it comes back."""
    made = partition(2)
    made.begin_merge(0, 2)
    made.log.put([Record(b"0-0", None), Record(b"0-1", None)])
    made.step()
    made.begin_commit()
    merge, commit = made.jobs.jobs
    commit()
    merge()
    made.jobs.jobs.clear()
    made.worker.refresh()
    made.validate()
    assert set(made.documents()) == {"1-0", "1-1"}
    made.begin_commit()
    made.run_job()
    made.crash()
    assert set(made.documents()) == {"1-0", "1-1"}


def test_a_merge_of_nothing_leaves_nothing() -> None:
    """Inputs without a living row have no result."""
    made = partition(2)
    made.log.put([Record(b"%d-%d" % (s, n), None) for s in range(2) for n in range(2)])
    for _ in range(3):  # mostly dead segments are merged alone
        made.step()
        made.run_jobs()
    assert len(made.worker.machine.segments) == 0
    made.worker.refresh()
    assert made.documents() == {}


def test_compaction_keeps_the_order_of_the_log() -> None:
    """Small neighbours in memory become one segment, in order; what is dead does not come along."""
    made = Partition(SimulatedLog(), FoldedCatalog(new_catalog({}, {})))
    for number in range(4):
        made.log.put([Record(b"%d" % number, b"{}"), Record(b"%d" % (number // 2), b"{}")])
        made.step()
    made.begin_compact()
    made.run_job()
    (only,) = made.worker.machine.segments
    assert only.dead == 0
    made.worker.refresh()
    made.validate()
    assert [(key, one.offset) for key, one in made.documents().items()] == [("0", 3), ("2", 4), ("3", 6), ("1", 7)]


def test_what_happens_during_a_compaction_is_not_lost() -> None:
    """Rows that die meanwhile are dead in its result, records that come stay behind it, and a commit waits for its end."""
    made = Partition(SimulatedLog(), FoldedCatalog(new_catalog({}, {})))
    for number in range(3):
        made.log.put([Record(b"%d-%d" % (number, n), b"{}") for n in range(2)])
        made.step()
    made.begin_compact()
    made.log.put([Record(b"0-0", None), Record(b"1-1", b'{"s":"new"}'), Record(b"2-0", None), Record(b"2-0", b"{}")])
    made.step()
    made.begin_commit()
    assert len(made.jobs.jobs) == 1
    made.run_job()
    made.worker.refresh()
    made.validate()
    assert [len(s.alive) - s.dead for s in made.worker.machine.segments] == [3, 2]
    assert set(made.documents()) == {"0-1", "1-0", "1-1", "2-0", "2-1"}
    made.begin_commit()
    made.run_job()
    made.crash()
    assert set(made.documents()) == {"0-1", "1-0", "1-1", "2-0", "2-1"}


def test_a_compaction_of_what_has_died_since() -> None:
    """Every row dies before it is installed: nothing comes back, and the next commit drops it."""
    made = Partition(SimulatedLog(), FoldedCatalog(new_catalog({}, {})))
    for number in range(2):
        made.log.put([Record(b"%d" % number, b"{}")])
        made.step()
    made.begin_compact()
    made.log.put([Record(b"0", None), Record(b"1", None)])
    made.step()
    made.run_job()
    made.worker.refresh()
    made.validate()
    assert made.documents() == {}
    made.begin_commit()
    made.run_job()
    assert len(made.worker.machine.segments) == 0
