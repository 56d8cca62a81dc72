"""THE test of the write side: whatever the log holds and however it is applied, a partition comes to what the model says.

Logs demand everything that a record can demand; schedules cut batches anywhere, commit, merge and compact at any moment, install merges late,
lose the catalog, end the process between any two steps of a commit, and lose any suffix of what was not flushed.
"""

from dataclasses import replace

from hypothesis import HealthCheck, currently_in_test_context, event, given, settings
from hypothesis import strategies as st

from pipeline.catalog.commands import AddFields
from pipeline.catalog.fold import fold
from pipeline.catalog.state import CatalogState
from pipeline.materialise.apply import Horizons
from pipeline.materialise.state import Policy
from tests.pipeline.materialise.logs import LONG_WORLDS, SCHEDULES, WORLDS, Put, Schedule, World
from tests.pipeline.materialise.model import UUID, Document, Model, Record, new_catalog
from tests.pipeline.materialise.simulation import BY_HAND, FoldedCatalog, Partition, SimulatedLog

HORIZONS = Horizons(deleted_ids=9, request_ids=7)
BY_ITSELF = Policy(refresh_ms=20, flush_ms=10, flush_bytes=1 << 40)  # a step takes 10 ms


def prepare(world: World) -> tuple[CatalogState, list[Record]]:
    """The catalog with all that others did to it, and the log with its markers."""
    limit = {"mapping.total_fields.limit": str(world.fields_max)}
    catalog = FoldedCatalog(new_catalog(world.properties, limit, world.dynamic))
    if world.neighbour:
        catalog.state, _ = fold(catalog.state, AddFields(UUID, world.neighbour, 1, 0), 0)
    log: list[Record] = []
    for one in world.log:
        if isinstance(one, Record):
            log.append(one)
            continue
        version = 99 if one.mappings is None else catalog.put_mapping(one.mappings)
        if version is not None:
            log.append(Record(None, None, (("op", b"mapping"), ("schema-version", b"%d" % version))))
    return catalog.state, log


def expected(catalog: CatalogState, log: list[Record]) -> tuple[Model, list[dict[str, Document]]]:
    """The model at the end, and the documents at each offset."""
    model = Model(catalog, deleted_ids=HORIZONS.deleted_ids, request_ids=HORIZONS.request_ids)
    history = [dict(model.documents)]
    for offset, record in enumerate(log):
        model.apply(offset, record)
        history.append(dict(model.documents))
    return model, history


def partition_of(catalog: CatalogState, log: list[Record], policy: Policy = BY_HAND) -> Partition:
    """A partition that has all before it."""
    simulated = SimulatedLog()
    simulated.put(log)
    return Partition(simulated, FoldedCatalog(catalog), horizons=HORIZONS, policy=policy)


def act(partition: Partition, action: tuple[object, ...], history: list[dict[str, Document]]) -> None:
    """Carry out one action of a schedule."""
    match action:
        case ("step", int(records)):
            partition.now_ms += 10
            partition.step(records)
        case ("refresh",):
            partition.worker.refresh()
            assert partition.documents() == history[partition.worker.view.visible]
        case ("compact",):
            partition.begin_compact()
        case ("commit",):
            partition.begin_commit()
        case ("job",):
            partition.run_job()
        case ("newest job",):
            partition.run_job(newest=True)
        case ("merge", int(first), int(count)):
            partition.begin_merge(first, count)
        case ("crash", int(kept)):
            partition.crash(kept)
        case ("kill", int(probe), int(kept)):
            if not partition.run_job(kill_at=probe):
                if currently_in_test_context():
                    event("killed inside " + partition.probes[-1])
                partition.crash(kept)
        case ("catalog_away", int(question)):
            partition.catalog.failing = {partition.catalog.questions + question}
        case _:
            raise AssertionError(action)
    assert partition.worker.freshness().state != "stopped", partition.worker.freshness().reason


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(world=WORLDS | LONG_WORLDS, schedule=SCHEDULES, policy=st.sampled_from([BY_HAND, BY_ITSELF]))
def test_a_partition_is_what_the_model_says(world: World, schedule: Schedule, policy: Policy) -> None:
    """Documents with versions and sequence numbers, outcomes, dead letters and mapping, now and after every reopening."""
    catalog, log = prepare(world)
    model, history = expected(catalog, log)
    partition = partition_of(catalog, log, policy)
    for action in schedule:
        act(partition, action, history)
    partition.catch_up()
    check(partition, model, len(log))
    partition.begin_commit()
    partition.run_jobs()
    partition.crash()
    assert partition.worker.machine.applied == len(log)
    check(partition, model, len(log))


def check(partition: Partition, model: Model, end: int) -> None:
    """Everything that can be seen of a partition."""
    partition.validate()
    machine = partition.worker.machine
    assert partition.documents() == model.documents
    assert partition.outcomes(end) == model.outcomes
    assert {offset: one["code"] for offset, one in partition.dead().items()} == model.dead
    assert machine.mapping == replace(model.mapping, fields=machine.mapping.fields)
    assert dict(machine.mapping.fields) == dict(model.mapping.fields)
    assert machine.schema_version == model.schema_version
    assert machine.next_seq_no == model.versions.next_seq_no
    keys = sorted(model.documents)
    for key, place in zip(keys, partition.worker.locate(keys), strict=True):
        assert place is not None
        assert int(place[0].seq_nos()[place[1]]) == model.documents[key].seq_no
    assert partition.worker.locate(["nobody"]) == [None]


def test_the_puts_of_a_world_are_marked() -> None:
    """The preparation itself: known changes have versions, unknown markers another."""
    world = World({}, "true", 1000, {}, [Put({"properties": {"a": {"type": "long"}}}), Put(None), Record(b"x", b"{}")])
    _, log = prepare(world)
    assert [dict(r.headers).get("schema-version") for r in log] == [b"2", b"99", None]
