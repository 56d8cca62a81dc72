"""Segments while they change."""

import numpy as np

from pipeline.materialise.live_segments import LiveSegments, settle
from pipeline.segments.digest import no_sums
from pipeline.segments.reader import SegmentReader
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog


def reader(documents: int = 4) -> SegmentReader:
    """A segment of some documents, offsets 0, 1, 2 ..."""
    log = SimulatedLog()
    log.put([Record(b"id-%d" % n, b"{}") for n in range(documents)])
    made = Partition(log, FoldedCatalog(new_catalog({}, {})))
    made.catch_up()
    (segment,) = made.worker.machine.segments
    return segment.reader


def segments(count: int = 3) -> LiveSegments:
    """Some segments."""
    made, one = LiveSegments(), reader()
    for _ in range(count):
        made.add(made.next_ordinal(), one, 100)
    return made


def test_what_is_published_is_never_written_again() -> None:
    """A view keeps its mask when rows die; the next view has a new one; without changes it is the same object."""
    made = segments(1)
    before = made.views()
    assert made.views()[0] is before[0]
    made.kill(np.array([0, 0, -1]), np.array([1, 3, 0]), no_sums())
    after = made.views()
    assert before[0].alive.tolist() == [True] * 4
    assert after[0].alive.tolist() == [True, False, True, False]
    assert (after[0].dead, made.documents) == (2, 2)
    made[0].validate()


def test_rows_die_once() -> None:
    """A second kill changes neither counts nor views; unknown ordinals are left alone."""
    made = segments(1)
    for _ in range(2):
        made.kill(np.array([0, 7]), np.array([2, 2]), no_sums())
    assert (made[0].dead, made[0].deletes) == (1, 1)
    made[0].validate()


def test_segments_without_a_row_are_not_shown() -> None:
    """A view holds what a search may find."""
    made = segments(2)
    made.kill(np.zeros(4, np.int64), np.arange(4), no_sums())
    assert len(made.views()) == 1
    assert len(made) == 2


def test_a_merged_segment_takes_the_place_of_its_oldest_input() -> None:
    """Age keeps its order; without a result the inputs just go; ordinals are never used twice."""
    made = segments(4)
    new = segments(1)[0]
    new.ordinal = made.next_ordinal()
    made.replace([1, 2], new)
    assert [s.ordinal for s in made] == [0, 4, 3]
    made.replace([0], None)
    assert [s.ordinal for s in made] == [4, 3]
    assert made.get(0) is None
    assert made.next_ordinal() == 5
    assert made.unstored_bytes == 200


def test_only_earlier_letters_of_this_partition_are_settled() -> None:
    """What a record names counts where it lies before the record, in this partition, and is a number."""
    made = segments(1)
    named = {0: b"2-1", 1: b"2-3", 2: b"3-0", 3: b"2-x", 4: b"2-" + b"9" * 40, 5: b""}
    settle(made, 2, named, np.array([2, 3, 9, 9, 9, 9]))
    assert made[0].alive.tolist() == [True, False, True, True]
