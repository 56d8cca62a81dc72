"""An index is a function of its log: however a log is applied, both digests and every search come out the same; and so does every document's
history.
"""

import numpy as np
from hypothesis import HealthCheck, given, settings

from pipeline.replay.history import NAMES, history, letters_of
from pipeline.segments import digest
from pipeline.segments.view import PartitionView
from schemas.outcomes import Result
from tests.pipeline.materialise.logs import LONG_WORLDS, SCHEDULES, WORLDS, Schedule, World, random_log
from tests.pipeline.materialise.model import TEXT, Model
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog
from tests.pipeline.materialise.test_model import act, expected, partition_of, prepare
from tests.pipeline.replay.answers import BODIES, answers

PROPERTIES = {"a": {"type": "long"}, "s": TEXT}


def digests(view: PartitionView) -> tuple[str, str]:
    """Level 1 and 2 of a view, from its segments."""
    segments = [(s.reader, s.alive) for s in view.segments]
    return digest.text_of(digest.level_1(segments)), digest.text_of(digest.level_2(segments))


def check_kept(partition: Partition) -> None:
    """The digest that is kept is that of the columns: as of the last refresh, and as applied."""
    machine, view = partition.worker.machine, partition.worker.view
    assert view.digest is not None
    assert digest.text_of(view.digest) == digests(view)[0]
    columns = digest.level_1((s.reader, s.alive) for s in machine.segments)
    assert digest.text_of(machine.digest) == digest.text_of(columns)


def all_of(partition: Partition) -> list[object]:
    """Digests of documents and dead letters, and what is found."""
    worker = partition.worker
    return [digests(worker.view), digests(worker.dead_view), answers(worker.view)]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=25)
@given(world=WORLDS | LONG_WORLDS, schedule=SCHEDULES)
def test_digests_and_searches_depend_on_the_log_only(world: World, schedule: Schedule) -> None:
    """One partition reads all at once; the other is cut, refreshed, committed, merged, crashed and opened again at any point, and once more
    at the end.
    """
    catalog, log = prepare(world)
    _, model_history = expected(catalog, log)
    at_once = partition_of(catalog, log)
    at_once.catch_up()
    check_kept(at_once)
    by_schedule = partition_of(catalog, log)
    for action in schedule:
        act(by_schedule, action, model_history)
        check_kept(by_schedule)
    by_schedule.catch_up()
    check_kept(by_schedule)
    seen = all_of(at_once)
    assert all_of(by_schedule) == seen
    by_schedule.begin_commit()
    by_schedule.run_jobs()
    by_schedule.crash()
    assert by_schedule.worker.machine.applied == len(log)
    assert all_of(by_schedule) == seen


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=25)
@given(world=LONG_WORLDS)
def test_a_history_tells_what_happened(world: World) -> None:
    """Results and versions of plain writes, updates and deletes of a document as the model has them, its other records left out."""
    catalog, log = prepare(world)
    log = [r for r in log if not any(name in {"if_seq_no", "request-id", "redriven-from"} for name, _ in r.headers)]
    model = Model(catalog, deleted_ids=1 << 40, request_ids=1 << 40)
    for offset, record in enumerate(log):
        model.apply(offset, record)
    simulated = SimulatedLog()
    simulated.put(log)
    partition = Partition(simulated, FoldedCatalog(catalog))
    partition.catch_up()
    letters = letters_of(partition.worker.dead_view)
    for key in ("x", "y", "ü"):
        events = history(partition.log, partition.worker.view, key, letters, primary_term=1)
        assert [e.offset for e in events] == [
            o for o, r in enumerate(log) if r.key == key.encode() and ("op", b"mapping") not in r.headers
        ]
        for event in events:
            outcome = model.outcomes[event.offset]
            assert event.result == NAMES[Result[outcome.result.upper()]]
            assert event.version == outcome.version
            assert event.value == log[event.offset].value


def test_the_searches_find_something() -> None:
    """Each of them, with a score, a sort value or a count; or equal answers would say little."""
    some = [0] * len(BODIES)
    for seed in range(8):
        catalog, log = prepare(World(PROPERTIES, "true", 1000, {}, random_log(seed, 60)))
        partition = partition_of(catalog, log)
        partition.catch_up()
        for number, found in enumerate(answers(partition.worker.view)):
            assert len(found) == 4, (BODIES[number], found)
            some[number] += bool(found[1] and (found[0] or found[3]))
    assert all(some), some


def test_digests_of_nothing() -> None:
    """The sums of no document are zero, and their text is the same everywhere."""
    assert digest.text_of(digest.no_sums()) == digest.text_of(np.zeros((digest.BUCKETS, 4), np.uint64))
