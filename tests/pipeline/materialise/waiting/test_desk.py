"""Where writers wait: what is read together while they do."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from pipeline.materialise.decisions.outcomes import Outcomes
from pipeline.materialise.waiting.desk import HURRY_BATCH_S, HURRY_MS, Desk
from pipeline.materialise.waiting.pace import BYTES_MIN, RECORDS_MIN, Amount, Pace
from schemas.ids import LogOffset
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog
from tests.pipeline.materialise.waiting.test_pace import Clock

MOST = Amount(5_000, 16 << 20)


class World:
    """A desk of a slow partition that stands at an offset; a short batch is as small as batches get."""

    def __init__(self, applied: int = 0) -> None:
        self.clock = Clock()
        self.outcomes = Outcomes()
        self.outcomes.advance(LogOffset(applied))
        self.pace = Pace(self.clock)
        for _ in range(100):
            with self.pace.batch(100, 1 << 20):
                self.clock.now_ms += 1_000
        self.desk = Desk(self.outcomes, self.pace, self.clock)
        self.desk.follows = True

    @contextmanager
    def waiting(self, *below: int, hurry: bool = True) -> Iterator[None]:
        """Threads that wait for these offsets, until everything is applied."""
        before = len(self.desk._wanted)
        threads = [
            threading.Thread(target=self.desk.wait, args=(LogOffset(one), 60.0), kwargs={"hurry": hurry})
            for one in below
        ]
        for thread in threads:
            thread.start()
        while hurry and len(self.desk._wanted) < before + len(below):
            time.sleep(0.001)
        try:
            yield
        finally:
            self.outcomes.advance(LogOffset(1 << 40))
            for thread in threads:
                thread.join()
            assert len(self.desk._wanted) == before


def test_where_nobody_waits_batches_are_whole() -> None:
    """Bulk writes that wait for their decisions are not nobody, but in no hurry."""
    world = World()
    assert world.desk.next_batch(MOST) == MOST
    with world.waiting(7, hurry=False):
        assert world.desk.next_batch(MOST) == MOST


def test_batches_are_short_for_a_while_after_somebody_was_in_a_hurry() -> None:
    """So that the next one does not find a long batch before it."""
    world = World()
    world.desk.hurry()
    assert world.pace.within(HURRY_BATCH_S) == Amount(RECORDS_MIN, BYTES_MIN)
    assert world.desk.next_batch(MOST) == Amount(RECORDS_MIN, BYTES_MIN)
    assert world.desk.next_batch(Amount(10, 20)) == Amount(10, 20)
    said = []
    for passed in (HURRY_MS, 1):
        world.clock.now_ms += passed
        said.append(world.desk.hurried)
    assert said == [True, False]
    assert world.desk.next_batch(MOST) == MOST


@pytest.mark.parametrize(
    ("below", "records"),
    [
        ((100 + 7,), 7),
        ((100 + 7, 100 + 50), 50),  # both are within a short batch: one batch for both
        ((100 + 7, 100 + 4_000), 7),
        ((100 + 3_000,), 3_000),  # in one go, not in several
        ((100 + 9_000,), MOST.records),
    ],
)
def test_a_batch_ends_with_the_record_that_somebody_waits_for(below: tuple[int, ...], records: int) -> None:
    """What lies behind it waits for the next batch."""
    world = World(applied=100)
    with world.waiting(*below):
        assert world.desk.next_batch(MOST).records == records


def test_what_is_decided_is_not_waited_for() -> None:
    """No entry is left behind, not even by those who come too late or give up."""
    world = World(applied=100)
    assert world.desk.wait(LogOffset(100), 0.0)
    assert not world.desk.wait(LogOffset(101), 0.0)
    assert world.desk._wanted == []
    world.outcomes.stop("the end")
    assert not world.desk.wait(LogOffset(101), 3600.0)


def test_the_queue_counts_only_where_the_partition_follows() -> None:
    """While it recovers the log is the buffer: nobody need wait for a turn that does not come."""
    world = World()
    assert world.desk.queue_s(1_000, 1 << 20) == pytest.approx(1.22, rel=0.1)
    assert world.desk.amount(1000.0).records > RECORDS_MIN
    world.desk.follows = False
    assert world.desk.queue_s(1_000, 1 << 20) == 0.0


def test_a_worker_stops_at_the_record_that_somebody_waits_for() -> None:
    """The writer hears of its record before what lies behind it is applied; the outcome is the same."""
    log = SimulatedLog()
    log.put([Record(b"id-%d" % n, b'{"n":%d}' % n) for n in range(10)])
    made = Partition(log, FoldedCatalog(new_catalog({"n": {"type": "long"}}, {})))
    desk = made.worker.desk
    heard: list[bool] = []
    thread = threading.Thread(target=lambda: heard.append(desk.wait(LogOffset(4), 60.0)))
    thread.start()
    while not desk._wanted:
        time.sleep(0.001)
    made.step()
    thread.join()
    assert desk.follows
    assert (heard, made.worker.machine.applied) == ([True], 4)
    results, seq_nos, _, _ = desk.of(np.array([3], np.int64))
    assert (results.tolist(), seq_nos.tolist()) == ([1], [3])
    made.step()
    assert made.worker.machine.applied == 10
