"""Joining and cutting batches."""

from collections import deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.log.batches import empty_batch, rows_within, take_front
from schemas.ids import LogOffset, PartitionId
from schemas.records import ByteColumn, RecordBatch
from tests.contracts.log_contract import Row, rows

P = PartitionId(0)


def batch_of(first: int, sizes: list[int], gap: int = 0) -> RecordBatch:
    """Records of these value sizes from an offset on; every second one has a header."""
    offsets = np.arange(first, first + len(sizes))
    return RecordBatch(
        P,
        offsets,
        offsets * 10,
        ByteColumn.of([b"k"] * len(sizes)),
        ByteColumn.of([bytes([i % 256]) * size for i, size in enumerate(sizes)]),
        LogOffset(first + len(sizes) + gap),
        {i: (("n", b"%d" % i),) for i in range(0, len(sizes), 2)},
    )


def test_rows_within_counts_keys_and_values() -> None:
    """The limits are inclusive; a batch that begins in the middle of a buffer counts from there."""
    batch = batch_of(0, [9, 9, 9])
    assert [rows_within(batch, 10, limit) for limit in (9, 10, 20, 29, 30)] == [0, 1, 2, 2, 3]
    assert rows_within(batch, 2, 1000) == 2
    assert rows_within(batch.slice(1, 3), 10, 10) == 1


@given(
    sizes=st.lists(st.lists(st.integers(0, 30), max_size=6), min_size=1, max_size=5),
    gaps=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    records_max=st.integers(1, 8),
    bytes_max=st.integers(1, 60),
    start=st.integers(0, 5),
)
def test_any_limits_give_all_records_once(
    sizes: list[list[int]], gaps: list[int], records_max: int, bytes_max: int, start: int
) -> None:
    """In order, within the limits, and the last next offset is the log's."""
    ahead: deque[RecordBatch] = deque()
    expected: list[Row] = []
    end = 0
    for some, gap in zip(sizes, gaps, strict=False):
        batch = batch_of(end, some, gap)
        end = batch.next_offset
        if end > start:
            ahead.append(batch)
            expected += [row for row in rows(batch) if row[0] >= start]
    position, found = LogOffset(start), list[Row]()
    while ahead:
        taken = take_front(ahead, position, records_max=records_max, bytes_max=bytes_max)
        assert len(taken) <= records_max
        assert len(taken) <= 1 or taken.keys.nbytes + taken.values.nbytes <= bytes_max
        assert taken.next_offset >= position
        position = taken.next_offset
        found += rows(taken)
    assert found == expected
    assert position == max(start, end)


def test_small_batches_are_joined_and_gaps_kept() -> None:
    """One read returns many small appends; the next offset is behind what holds no record."""
    ahead = deque([batch_of(0, [1]), batch_of(1, [1, 1]), empty_batch(P, LogOffset(9))])
    taken = take_front(ahead, LogOffset(0), records_max=100, bytes_max=1000)
    assert (taken.offsets.tolist(), taken.next_offset) == ([0, 1, 2], 9)
    assert taken.headers == {0: (("n", b"0"),), 1: (("n", b"0"),)}


def test_a_single_batch_is_not_copied() -> None:
    """What follows the tail gets the columns that were appended."""
    batch = batch_of(0, [5, 5])
    taken = take_front(deque([batch]), LogOffset(0), records_max=10, bytes_max=1000)
    assert taken.values.data is batch.values.data
