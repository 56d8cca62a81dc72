"""The worker in bad surroundings: each says in a sentence what is wrong and what to do, and loses nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typing_extensions import override

from pipeline.materialise.merge_policy import FAN_IN
from pipeline.materialise.state import Policy
from pipeline.materialise.worker import RETRY_S, Worker
from pipeline.rocks.memory import Disk, Faults, MemoryStore
from pipeline.segments.chunks.keys import MANIFEST_KEY
from pipeline.segments.manifest import FRAME_BYTES, MANIFEST_MAGIC, frame
from pipeline.telemetry.tracing import Tracer
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import PARTITION, TOPIC, FoldedCatalog, Partition, SimulatedLog

SECOND = 1000 * int(RETRY_S)


class AtOnce(Executor):
    """Runs a job where it is submitted."""

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        fn(*args, **kwargs)
        return Future()


def documents(count: int, first: int = 0) -> list[Record]:
    """Documents with ids of their own."""
    return [Record(b"id-%d" % n, b'{"n":%d}' % n) for n in range(first, first + count)]


def partition(records: int = 3, **more: object) -> Partition:
    """A partition with some documents before it."""
    log = SimulatedLog()
    log.put(documents(records))
    return Partition(log, FoldedCatalog(new_catalog({"n": {"type": "long"}}, {})), **more)  # type: ignore[arg-type]


def committed(records: int = 3) -> Partition:
    """The same, applied and durable."""
    made = partition(records)
    made.catch_up()
    made.begin_commit()
    made.run_job()
    return made


def refused(made: Partition) -> SedimentError:
    """What opening it again is refused with."""
    with pytest.raises(SedimentError) as raised:
        made.open()
    assert not made.disk.in_use, "the store is closed again"
    return raised.value


def test_the_view_of_dead_letters_is_never_the_older_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the documents of an offset, without the lock, then finds its dead letters, too."""
    made = committed()
    worker = made.worker
    make, seen = worker._make_view, []

    def watched(*given: Any) -> Any:
        seen.append((worker.view.visible, worker.dead_view.visible))
        return make(*given)

    monkeypatch.setattr(worker, "_make_view", watched)
    made.log.put([Record(b"bad", b'{"n":"x"}')])
    made.catch_up()
    worker.refresh()
    seen.append((worker.view.visible, worker.dead_view.visible))
    assert seen[-1] == (4, 4)
    assert all(documents <= dead for documents, dead in seen), seen


# ------------------------------------------------------------------ at opening


def test_a_directory_of_another_topic_is_refused() -> None:
    """The topic was deleted and created again: its offsets mean other records."""
    made = committed()
    made.store.crash()
    made.topic_id = "another"
    error = refused(made)
    assert error.code == "store_identity"
    assert "that was deleted since" in error.message
    assert "delete the directory, it is rebuilt from the log" in error.message


def test_a_directory_of_a_newer_version_is_refused() -> None:
    """A manifest of format 9 is not read, not overwritten, and the message names both versions."""
    made = committed()
    made.store.crash()
    newer = frame(MANIFEST_MAGIC, 9, made.disk.durable[MANIFEST_KEY][FRAME_BYTES:])
    made.disk.durable[MANIFEST_KEY] = newer
    error = refused(made)
    assert error.code == "format_too_new"
    assert "format 9" in error.message
    assert made.disk.durable[MANIFEST_KEY] == newer


def test_a_directory_in_use_is_refused() -> None:
    """Two processes never write one partition."""
    made = committed()
    with pytest.raises(SedimentError) as raised:
        MemoryStore(made.disk)
    assert raised.value.code == "data_directory_in_use"
    assert made.documents().keys() == {"id-0", "id-1", "id-2"}


def test_a_damaged_directory_is_refused() -> None:
    """With what to do about it."""
    made = committed()
    made.store.crash()
    made.disk.durable[MANIFEST_KEY] = made.disk.durable[MANIFEST_KEY][:-1] + b"?"
    error = refused(made)
    assert error.kind is ErrorKind.DAMAGED
    assert "grows again by itself" in error.message


# ------------------------------------------------------------------ the log


def stopped(made: Partition) -> str:
    """The reason why a partition has stopped; it answers searches all the same, and nobody waits for it."""
    before = made.documents()
    assert not made.step()
    now = made.worker.freshness()
    assert now.state == "stopped"
    assert made.documents() == before
    started = time.monotonic()
    assert not made.worker.outcomes.wait(LogOffset(1 << 40), 10)
    assert time.monotonic() - started < 5
    return now.reason


def test_a_topic_recreated_under_a_running_worker_stops_it() -> None:
    """The new topic's records are not mixed into the old index."""
    made = committed()
    made.log.delete_topic(TOPIC)
    made.log.create_topic(TOPIC, 1)
    made.log.put(documents(9, 50))
    assert "was deleted and created again" in stopped(made)
    assert made.documents().keys() == {"id-0", "id-1", "id-2"}


def test_a_topic_recreated_while_the_log_was_away_stops_it() -> None:
    """Noticed when the reader is opened anew."""
    made = committed()
    made.log.away = True
    assert not made.step()
    made.log.delete_topic(TOPIC)
    made.log.create_topic(TOPIC, 1)
    made.log.away = False
    assert "delete the index and create it again" in stopped(made)


def test_a_topic_that_is_gone_stops_it() -> None:
    """The reason names the topic."""
    made = committed()
    made.log.delete_topic(TOPIC)
    assert "[books]" in stopped(made)


def test_a_log_that_begins_later_stops_it() -> None:
    """Records that the index never saw were trimmed: it says which, and what to do."""
    made = committed(3)
    made.log.put(documents(5, 3))
    made.log.trim(TOPIC, PARTITION, LogOffset(6))
    made.crash()
    reason = stopped(made)
    assert "begins at 6, the index stands at 3" in reason
    assert "restore a snapshot" in reason


def test_a_log_trimmed_up_to_the_index_is_fine() -> None:
    """What is in the index may leave the log."""
    made = committed(3)
    made.log.put(documents(2, 3))
    made.log.trim(TOPIC, PARTITION, LogOffset(3))
    made.crash()
    made.catch_up()
    assert len(made.documents()) == 5


def test_a_log_trimmed_under_a_reader_stops_it() -> None:
    """Retention was faster than the worker."""
    made = partition(0)
    made.step()
    made.log.put(documents(8))
    made.log.trim(TOPIC, PARTITION, LogOffset(5))
    assert "0" in stopped(made)


def on_another_log(made: Partition, records: list[Record]) -> Partition:
    """The same directory, opened over a log of the same topic with other records."""
    made.log = SimulatedLog()
    made.log.put(records)
    made.crash()
    return made


def test_a_log_that_was_written_anew_stops_it() -> None:
    """It was cut, and somebody went on where it ended: the last applied record tells, before anything is applied twice."""
    made = on_another_log(committed(), [*documents(2), *documents(3, 7)])
    made.step()
    found = made.worker.freshness()
    assert (found.state, found.applied) == ("stopped", 3)
    assert "at offset 2 is not the one that was applied" in found.reason
    assert len(made.documents()) == 3


def test_a_log_that_ends_too_early_is_waited_for() -> None:
    """A broker may be behind for a moment: nothing is decided, and it goes on when the records are there again."""
    made = on_another_log(committed(), documents(2))
    made.step()
    found = made.worker.freshness()
    assert (found.state, made.worker.log_is_short) == ("waiting", True)
    assert "ends at 2, the index stands at 3" in found.reason
    made.log.put(documents(2, 2))
    made.step()
    made.worker.refresh()
    assert (made.worker.freshness().state, made.worker.log_is_short) == ("live", False)
    assert len(made.documents()) == 4


def test_a_last_record_that_is_gone_says_nothing() -> None:
    """Trimmed, or damaged and skipped: the index goes on from where it stands."""
    made = committed()
    made.log.put(documents(1, 3))
    made.log.trim(TOPIC, PARTITION, LogOffset(3))
    made.crash()
    made.step()
    assert made.worker.machine.applied == 4


def test_a_log_that_is_away_is_waited_for() -> None:
    """State waiting with the reason; refreshes and commits go on; afterwards everything is applied."""
    made = partition(3, policy=Policy(refresh_ms=100, flush_ms=1000, flush_bytes=1 << 40))
    made.step()
    made.log.away = True
    made.now_ms += 150
    assert not made.step()
    now = made.worker.freshness()
    assert (now.state, now.reason) == ("waiting", "the log is away: look after the broker")
    assert len(made.documents()) == 3, "what was applied becomes visible"
    made.now_ms += 1000
    assert not made.step()
    assert made.run_job()
    assert made.worker.freshness().durable == 3
    made.log.away = False
    made.log.put(documents(2, 3))
    made.catch_up()
    assert (made.worker.freshness().state, made.worker.freshness().reason) == ("live", "")
    assert len(made.documents()) == 5


def test_a_catalog_that_is_away_is_waited_for() -> None:
    """In the middle of a batch: the records before are applied once, the others later."""
    made = partition(0)
    made.log.put(
        [Record(b"x", b'{"n":1}'), Record(b"x", b'{"doc":{"n":2}}', (("op", b"update"),)), Record(b"y", b'{"new":1}')]
    )
    made.catalog.failing = {1}
    assert not made.step()
    assert made.worker.freshness().state == "waiting"
    assert made.worker.machine.applied == 1
    made.catch_up()
    assert {k: (d.version, d.seq_no) for k, d in made.documents().items()} == {"x": (2, 1), "y": (1, 2)}


def test_halting_is_for_good() -> None:
    """A partition that was stopped from outside does not go on by itself."""
    made = partition(3)
    made.worker.halt("somebody said so")
    made.step()
    made.step()
    assert made.worker.freshness().state == "stopped"


# ------------------------------------------------------------------ the disk


@pytest.mark.parametrize("writes", [{n} for n in range(2, 12)] + [set(range(2, 40))])
def test_a_full_disk_is_said_and_borne(writes: set[int]) -> None:
    """Whichever write of a commit fails: the partition says so, applies and serves on, and commits when there is room."""
    made = partition(3, faults=Faults(writes=frozenset(writes)))
    bear(made)


@pytest.mark.parametrize("flushes", [{2}, {2, 3}])
def test_a_flush_that_fails_is_said_and_borne(flushes: set[int]) -> None:
    """The same for the flush: what was committed and is not durable is not called so."""
    bear(partition(3, faults=Faults(flushes=frozenset(flushes))))


def bear(made: Partition) -> None:
    """Commit (and merge) again and again while documents come and go."""
    failures = 0
    made.log.put([Record(b"id-1", None), Record(b"bad", b"{")])
    for number in range(3, 63):
        made.step()
        durable = made.worker.freshness().durable
        made.begin_commit()
        made.run_jobs()
        made.worker.refresh()
        now = made.worker.freshness()
        assert now.state == ("stalled" if now.reason.startswith("commit: ") else "live")
        assert len(made.documents()) == 2
        assert now.reason == "" or now.reason.endswith(": injected fault: disk_full")
        assert now.durable > durable or now.reason.startswith("commit: ")
        failures += bool(now.reason)
        made.log.put([*documents(1, number), Record(b"id-%d" % (2 if number == 3 else number - 1), None)])
        made.now_ms += SECOND
    assert failures
    made.catch_up()
    made.begin_commit()
    made.run_job()
    seen = made.documents(), made.outcomes(200), made.dead()
    made.faults = None
    made.crash()
    assert made.worker.machine.applied == made.log.end_offset(TOPIC, PARTITION)
    assert (made.documents(), made.outcomes(200), made.dead()) == seen
    made.validate()


def test_a_flush_that_cannot_be_says_why() -> None:
    """Who asked for it hears of the disk, not of a timeout."""
    made = partition(3, faults=Faults(writes=frozenset(range(2, 99))))
    made.worker.jobs._parts = replace(made.worker.jobs._parts, committer=AtOnce())
    made.step()
    with pytest.raises(SedimentError) as raised:
        made.worker.flush(5)
    assert raised.value.code == "flush_failed"
    assert raised.value.message == "commit: injected fault: disk_full"


def test_a_merge_that_fails_is_tried_again() -> None:
    """Not in a hot loop: after a second; its reason goes when it succeeds."""
    made = partition(0, policy=Policy(refresh_ms=0, flush_ms=0, flush_bytes=1))
    for number in range(FAN_IN):
        made.log.put(documents(1, number))
        made.step()
        made.run_job()
    assert made.worker.freshness().segments == FAN_IN
    made.store._faults = Faults(writes=frozenset({made.store.writes + 1}))
    made.step()
    assert made.jobs.jobs
    made.run_job()
    assert made.worker.freshness().reason == "merge: injected fault: disk_full"
    made.step()
    assert not made.jobs.jobs
    made.now_ms += SECOND
    made.step()
    made.run_job()
    assert (made.worker.freshness().segments, made.worker.freshness().reason) == (1, "")
    assert len(made.documents()) == FAN_IN


def test_dead_letters_are_merged_too() -> None:
    """Else their segments would pile up, one per commit."""
    made = partition(0, policy=Policy(refresh_ms=0, flush_ms=0, flush_bytes=1))
    for _ in range(3 * FAN_IN):
        made.log.put([Record(b"x", b"{")])
        made.step()
        made.run_job()
        made.run_job()
    assert len(made.worker.machine.dead) <= FAN_IN + 1
    made.worker.refresh()
    assert len(made.dead()) == 3 * FAN_IN


# ------------------------------------------------------------------ with threads


@pytest.fixture
def running() -> Iterator[tuple[Partition, Worker]]:
    """A worker with its own thread and executors."""
    made = partition(0)
    worker = made.worker
    pool = ThreadPoolExecutor(2)
    worker._parts = worker.jobs._parts = replace(
        worker._parts, committer=pool, merger=pool, clock_ms=lambda: time.monotonic_ns() // 1_000_000
    )
    worker._policy = Policy(refresh_ms=10, flush_ms=20, flush_bytes=1 << 40)
    worker.start()
    yield made, worker
    worker.stop()
    pool.shutdown()


def test_threads_may_ask_while_it_works(running: tuple[Partition, Worker]) -> None:
    """Refresh, flush, forced merge and lookups from several threads while documents come: all see whole states."""
    made, worker = running
    failures: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            for _ in range(15):
                worker.refresh()
                view = worker.view
                assert view.documents == sum(int(s.alive.sum()) for s in view.segments)
                found = [place for place in worker.locate([f"id-{n}" for n in range(20)]) if place is not None]
                assert all(place[0].sources(np.array([place[1]])) for place in found)
                if number == 0:
                    worker.flush(10)
                if number == 1:
                    worker.force_merge(1, 10)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for first in range(0, 300, 10):
        made.log.put([*documents(10, first), Record(b"id-%d" % first, None)])
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert worker.outcomes.wait(LogOffset(330), 10)
    worker.force_merge(1, 10)
    now = worker.freshness()
    assert (now.documents, now.state, now.reason) == (270, "live", "")
    assert now.segments == 1


def test_deleted_rows_are_expunged_on_demand(running: tuple[Partition, Worker]) -> None:
    """The segment is written again without them; nothing is joined."""
    made, worker = running
    made.log.put(documents(50))
    assert worker.outcomes.wait(LogOffset(50), 10)
    worker.flush(10)
    made.log.put([Record(b"id-%d" % n, None) for n in range(10)])
    assert worker.outcomes.wait(LogOffset(60), 10)
    assert sum(s.dead for s in worker.machine.segments) == 10
    worker.expunge_deletes(10)
    assert sum(s.dead for s in worker.machine.segments) == 0
    assert worker.freshness().documents == 40


def test_stopping_makes_everything_durable(running: tuple[Partition, Worker]) -> None:
    """What was applied is found again without the log's help."""
    made, worker = running
    made.log.put(documents(7))
    assert worker.outcomes.wait(LogOffset(7), 10)
    worker.stop()
    made.open()
    made.worker.refresh()
    assert made.worker.freshness().durable == 7
    assert len(made.documents()) == 7
    assert Disk() != made.disk


def test_catching_up_is_a_span() -> None:
    """From the start until the end that the log had then."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made = partition(5)
    made.worker._parts = replace(made.worker._parts, tracer=Tracer(provider))
    made.worker.start()
    deadline = time.monotonic() + 10
    while not (found := [s for s in exporter.get_finished_spans() if s.name == "materialise.recover"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert made.worker.state == "live"
    assert dict(found[0].attributes or {}) == {"index": "books", "partition": "0"}
    made.worker.stop(commit_now=False)
