"""An index is a function of its log: however a log is applied, both digests come out the same; and so does every document's history."""

import numpy as np
from hypothesis import HealthCheck, given, settings

from pipeline.replay.history import NAMES, history, letters_of
from pipeline.segments import digest
from pipeline.segments.view import PartitionView
from schemas.outcomes import Result
from tests.pipeline.materialise.logs import LONG_WORLDS, SCHEDULES, WORLDS, Schedule, World
from tests.pipeline.materialise.model import Model
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog
from tests.pipeline.materialise.test_model import act, expected, partition_of, prepare


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


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=25)
@given(world=WORLDS | LONG_WORLDS, schedule=SCHEDULES)
def test_both_digests_depend_on_the_log_only(world: World, schedule: Schedule) -> None:
    """One partition reads all at once; the other is cut, committed, merged, crashed and opened again at any point."""
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
    assert digests(at_once.worker.view) == digests(by_schedule.worker.view)
    dead = [digests(one.worker.dead_view) for one in (at_once, by_schedule)]
    assert dead[0] == dead[1]


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


def test_digests_of_nothing() -> None:
    """The sums of no document are zero, and their text is the same everywhere."""
    assert digest.text_of(digest.no_sums()) == digest.text_of(np.zeros((digest.BUCKETS, 4), np.uint64))
