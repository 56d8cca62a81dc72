"""The catalog over a log in memory."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.catalog.catalog import Catalog
from pipeline.catalog.commands import DeleteIndex, PutMapping, PutSettings
from pipeline.catalog.names import CONTROL_TOPIC
from pipeline.catalog.state import CatalogState
from pipeline.log.memory import MemoryLog
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import PartitionId
from schemas.mapping import FieldType
from schemas.records import AppendBatch, ByteColumn
from tests.pipeline.catalog.commands import LONG, TEXT, add, create


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    """A log."""
    made = MemoryLog()
    yield made
    made.close()


@pytest.fixture
def catalogs(log: MemoryLog) -> Iterator[list[Catalog]]:
    """Two processes' catalogs on one log."""
    made = [Catalog(log, lambda: 77), Catalog(log, lambda: 77)]
    for one in made:
        one.start()
    yield made
    for one in made:
        one.close()


def refused(catalog: Catalog, command: object) -> SedimentError:
    """What a proposal is refused with."""
    with pytest.raises(SedimentError) as raised:
        catalog.propose(command)  # type: ignore[arg-type]
    return raised.value


def put_raw(log: MemoryLog, value: bytes | None) -> None:
    """A record of the control log that nobody proposed."""
    batch = AppendBatch(ByteColumn.of([None]), ByteColumn.of([value]), np.zeros(1, np.int64))
    log.append(CONTROL_TOPIC, PartitionId(0), batch)


def test_a_proposal_returns_when_it_is_in_force(catalogs: list[Catalog]) -> None:
    """The proposer sees its own change at once, with the outcome that everyone sees."""
    made = catalogs[0].propose(create())
    assert made is not None
    assert catalogs[0].index("books") == made
    assert made.created_ms == 77
    changed = catalogs[0].propose(PutSettings("u1", {"refresh_interval": "1s"}))
    assert changed is not None
    assert changed.setting("refresh_interval", "") == "1s"
    assert [i.name for i in catalogs[0].indices()] == ["books"]
    assert catalogs[0].propose(DeleteIndex("u1")) is None
    assert catalogs[0].index("books") is None


def test_losers_of_a_race_are_refused_the_same_way_everywhere(catalogs: list[Catalog], log: MemoryLog) -> None:
    """Many threads over two catalogs create one index: one wins, all others hear of the same uuid, both states agree."""
    winners, losers = [], []

    def race(number: int) -> None:
        try:
            winners.append(catalogs[number % 2].propose(create(uuid=f"u{number}")))
        except SedimentError as error:
            losers.append(error)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1
    assert winners[0] is not None
    assert {(e.code, e.details["index_uuid"]) for e in losers} == {("resource_already_exists", winners[0].uuid)}
    fresh = Catalog(log, lambda: 99)
    fresh.start()
    catalogs[1].propose(PutSettings(winners[0].uuid, {}))  # both have read to the end now
    catalogs[0].propose(PutSettings(winners[0].uuid, {}))
    deadline = time.monotonic() + 10
    while not catalogs[0].state == catalogs[1].state == fresh.state:  # they follow the log, each in its own time
        assert time.monotonic() < deadline
        time.sleep(0.01)
    fresh.close()


def test_dynamic_fields_of_two_partitions_agree(catalogs: list[Catalog]) -> None:
    """Two processes propose the same field with two types: both are bound to the first."""
    catalogs[0].propose(create())
    catalogs[1].propose(PutSettings("u1", {}))
    first = catalogs[0].bind("u1", {"n": LONG}, 0, 3)
    second = catalogs[1].bind("u1", {"n": TEXT}, 1, 5)
    assert first.fields["n"].type is second.fields["n"].type is FieldType.LONG
    with pytest.raises(SedimentError) as raised:
        catalogs[1].bind("u1", {"n.x": LONG}, 1, 6)
    assert raised.value.kind is ErrorKind.INVALID
    assert list(catalogs[1].refused("u1", 1)) == [6]
    assert not catalogs[1].refused("u1", 0)


def test_what_is_known_is_not_proposed_again(catalogs: list[Catalog], log: MemoryLog) -> None:
    """Binding known fields writes nothing, and gives them as they were born."""
    catalogs[0].propose(create(properties={"k": {"type": "keyword", "ignore_above": 1}}))
    catalogs[0].propose(PutMapping("u1", {"properties": {"k": {"type": "keyword", "ignore_above": 2}}}))
    end = log.end_offset(CONTROL_TOPIC, PartitionId(0))
    assert catalogs[0].bind("u1", {"k": TEXT}, 0, 0).fields["k"].ignore_above == 1
    assert log.end_offset(CONTROL_TOPIC, PartitionId(0)) == end
    newest = catalogs[0].mapping_at("u1", catalogs[0].explicit_version("u1"))
    assert newest is not None
    assert newest.fields["k"].ignore_above == 2
    assert catalogs[0].mapping_at("u1", 9) is None


def test_fields_of_a_deleted_index_are_unavailable(catalogs: list[Catalog]) -> None:
    """A worker whose index is being deleted must wait, not write dead letters."""
    with pytest.raises(SedimentError) as raised:
        catalogs[0].bind("gone", {"a": LONG}, 0, 0)
    assert raised.value.code == "index_deleted"
    catalogs[0].propose(create())
    late = Catalog(catalogs[0]._log, lambda: 1)
    late.start()
    late.close()  # it still believes in the index
    catalogs[0].propose(DeleteIndex("u1"))
    assert refused(catalogs[0], add({"a": LONG})).code == "index_not_found"


def test_listeners_hear_of_every_change(catalogs: list[Catalog]) -> None:
    """Before and after, in order, and done before the proposer goes on."""
    heard: list[tuple[CatalogState, CatalogState]] = []
    catalogs[0].listen(lambda before, after: heard.append((before, after)))
    catalogs[0].propose(create())
    catalogs[0].propose(DeleteIndex("u1"))
    assert [list(after.indices) for _, after in heard] == [["books"], []]


def test_an_empty_record_is_skipped(catalogs: list[Catalog], log: MemoryLog) -> None:
    """A tombstone in the control log means nothing."""
    put_raw(log, None)
    assert catalogs[0].propose(create()) is not None


def test_a_damaged_control_log_is_said_at_once(catalogs: list[Catalog], log: MemoryLog) -> None:
    """Garbage stops the catalog; proposers hear why instead of waiting; so does who starts anew."""
    put_raw(log, b"garbage")
    assert refused(catalogs[0], create()).kind is ErrorKind.DAMAGED
    with pytest.raises(SedimentError) as raised:
        Catalog(log, lambda: 0).start()
    assert "not a command" in raised.value.message


def test_a_listener_that_fails_does_not_leave_proposers_waiting(catalogs: list[Catalog]) -> None:
    """Whatever stops the following thread, the next proposal says so within moments."""

    def fail(before: CatalogState, after: CatalogState) -> None:
        raise ZeroDivisionError

    catalogs[0].listen(fail)
    assert refused(catalogs[0], create()).code == "catalog_stopped"
    assert refused(catalogs[0], create()).kind is ErrorKind.UNAVAILABLE


def test_a_control_log_that_does_not_answer_is_a_timeout(log: MemoryLog) -> None:
    """A catalog that nobody moves (it was closed) gives up after the time asked for."""
    catalog = Catalog(log, lambda: 0)
    catalog.start()
    catalog.close()
    with pytest.raises(SedimentError) as raised:
        catalog.propose(create(), timeout_s=0.01)
    assert raised.value.code == "control_log_timeout"
