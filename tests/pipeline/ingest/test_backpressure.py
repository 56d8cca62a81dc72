"""Bytes in flight, and the way into a partition."""

import gc
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.backpressure import ENTRIES_MAX, QUEUE_S, RETRY_AFTER_S, InFlight, Lane, Lanes
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset
from tests.pipeline.ingest.partitions import Decider


def test_more_than_fits_is_refused_until_there_is_room() -> None:
    """The second request is refused with a hint when to come back; nothing leaks, not even when the first one fails."""
    gate = InFlight(100)
    with pytest.raises(ZeroDivisionError), gate.admit(60):
        with pytest.raises(SedimentError) as raised, gate.admit(50):
            pytest.fail("admitted")
        assert raised.value.kind is ErrorKind.OVERLOADED
        assert raised.value.kind.status == 429
        assert raised.value.details["retry_after_s"] == RETRY_AFTER_S
        with gate.admit(40):
            assert gate.bytes == 100
        raise ZeroDivisionError
    assert gate.bytes == 0


def test_a_request_larger_than_the_bound_is_admitted_alone() -> None:
    """Else it could never be written."""
    gate = InFlight(100)
    with gate.admit(500), pytest.raises(SedimentError), gate.admit(1):
        pytest.fail("admitted")
    with gate.admit(1), pytest.raises(SedimentError), gate.admit(500):
        pytest.fail("admitted")


def test_what_is_refused_is_counted() -> None:
    """Once a request, and not what is admitted."""
    refused: list[int] = []
    gate = InFlight(100, lambda: refused.append(1))
    with gate.admit(100):
        assert refused == []
        for _ in range(2):
            with pytest.raises(SedimentError), gate.admit(1):
                pytest.fail("admitted")
    assert refused == [1, 1]


def test_small_writes_are_always_admitted() -> None:
    """They are counted all the same."""
    gate = InFlight(100)
    with gate.admit(100), gate.admit(20, small=True):
        assert gate.bytes == 120
    assert gate.bytes == 0


def bulk(lane: Lane, records: int, done: list[int], end: int) -> threading.Thread:
    """A thread that puts records before the partition when it is its turn."""

    def run() -> None:
        with lane.enter(records, 1, 60.0) as appended:
            done.append(end)
            appended(end)

    before = len(lane._line)
    thread = threading.Thread(target=run)
    thread.start()
    while len(lane._line) == before and end not in done:
        time.sleep(0.001)
    return thread


def put(lane: Lane, end: int, records: int, timeout_s: float | None = 0.0) -> None:
    """Put records before the partition."""
    with lane.enter(records, 1, timeout_s) as appended:
        appended(end)


def test_bulk_writes_wait_in_order_and_small_ones_pass() -> None:
    """While the partition has enough, one bulk write waits after the other; each one's records count for the next."""
    decider = Decider(per_s=1.0)
    lane = Lane(decider)
    put(lane, 10, 10)
    done: list[int] = []
    threads = [bulk(lane, 10, done, 21), bulk(lane, 10, done, 31)]
    assert done == []
    put(lane, 11, 1, None)
    assert lane.queue_s() == 11.0
    decider.applied = LogOffset(11)
    threads[0].join()
    assert done == [21]
    assert len(lane._line) == 1
    decider.applied = LogOffset(21)
    threads[1].join()
    assert done == [21, 31]
    assert lane.queue_s() == 10.0


def test_a_bulk_write_enters_while_a_little_is_left() -> None:
    """So that the partition does not run dry while the next records are being appended."""
    lane = Lane(Decider(per_s=1 / QUEUE_S))
    put(lane, 1, 1)
    put(lane, 2, 1)
    with pytest.raises(SedimentError) as raised:
        put(lane, 3, 1)
    assert raised.value.kind is ErrorKind.OVERLOADED
    assert raised.value.details["retry_after_s"] == RETRY_AFTER_S
    assert not lane._line


def test_what_failed_does_not_count() -> None:
    """Records that did not get into the log are not waited for; while they are on their way they are."""
    lane = Lane(Decider(per_s=1.0))
    with pytest.raises(ZeroDivisionError), lane.enter(5, 1, None):
        assert lane.queue_s() == 5.0
        raise ZeroDivisionError
    assert lane.queue_s() == 0.0


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60)), max_size=ENTRIES_MAX))
def test_the_queue_is_what_was_put_and_not_applied(moves: list[tuple[int, int]]) -> None:
    """However appends and decisions alternate: as many records as lie between the applied offset and the end."""
    decider = Decider(per_s=1.0)
    lane = Lane(decider)
    end = 0
    for records, applied in moves:
        end += records
        put(lane, end, records, None)
        decider.applied = LogOffset(min(end, decider.applied + applied))
        assert lane.queue_s() == end - decider.applied


def test_a_partition_that_stands_still_takes_no_more_memory() -> None:
    """What lies before it is still known."""
    lane = Lane(Decider(per_s=1.0))
    for end in range(1, 10 * ENTRIES_MAX + 1):
        put(lane, end, 1, None)
    assert lane.queue_s() == 10 * ENTRIES_MAX
    assert len(lane._unapplied) == ENTRIES_MAX


def test_a_partition_has_one_lane_as_long_as_it_is_there() -> None:
    """An index that is deleted leaves nothing behind."""
    lanes, decider = Lanes(), Decider()
    assert lanes.of(decider) is lanes.of(decider)
    assert lanes.of(Decider()) is not lanes.of(decider)
    del decider
    gc.collect()
    assert len(lanes._lanes) == 0
