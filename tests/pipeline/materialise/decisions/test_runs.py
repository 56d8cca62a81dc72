"""Cutting batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.materialise.decisions.runs import Run, ids_of, runs_of
from schemas.events import Op
from schemas.ids import LogOffset, PartitionId
from schemas.records import ByteColumn, Headers, RecordBatch

UPDATE, MARKER = ("op", b"update"), ("op", b"mapping")


def batch(rows: list[tuple[bytes | None, Headers]]) -> RecordBatch:
    """Records at every third offset."""
    n = len(rows)
    return RecordBatch(
        PartitionId(2),
        np.arange(n, dtype=np.int64) * 3,
        np.zeros(n, np.int64),
        ByteColumn.of([key for key, _ in rows]),
        ByteColumn.of([b"{}"] * n),
        LogOffset(3 * n),
        {row: headers for row, (_, headers) in enumerate(rows) if headers},
    )


ROWS = st.lists(
    st.tuples(
        st.sampled_from([b"a", b"b", b"c", None]),
        st.sampled_from(
            [(), (), (UPDATE,), (UPDATE,), (MARKER,), (("request-id", b"r"),), (UPDATE, ("request-id", b"r"))]
        ),
    ),
    max_size=20,
)


def ends_before(start: int, row: int, rows: list[tuple[bytes | None, Headers]]) -> bool:
    """Whether a run that begins at ``start`` must end before ``row``."""
    key, headers = rows[row]
    before = rows[start:row]
    if MARKER in headers or (before and MARKER in before[-1][1]):
        return bool(before)
    if UPDATE in headers and key is not None and any(k == key for k, _ in before):
        return True
    return ("request-id", b"r") in headers and any(("request-id", b"r") in h for _, h in rows[:row])


@given(rows=ROWS)
def test_runs_end_where_they_must(rows: list[tuple[bytes | None, Headers]]) -> None:
    """Together they are the batch; inside a run nothing must be decided before something else."""
    found = list(runs_of(batch(rows)))
    assert [o for run in found for o in run.batch.offsets.tolist()] == [3 * n for n in range(len(rows))]
    start = 0
    for run in found:
        end = start + len(run.batch)
        assert not any(ends_before(start, row, rows) for row in range(start + 1, end))
        if start:
            assert any(ends_before(s, start, rows) for s in range(start))
        assert run.batch.next_offset == 3 * end
        assert run.ids.to_list() == [k or b"2-%d" % (3 * (start + i)) for i, (k, _) in enumerate(rows[start:end])]
        assert (run.demands.ops == Op.MARKER).any() == (MARKER in rows[start][1])
        start = end


def test_a_run_can_be_cut() -> None:
    """Both parts have their headers, ids and next offsets."""
    rows: list[tuple[bytes | None, Headers]] = [(b"a", ()), (None, ()), (b"c", (UPDATE,))]
    (run,) = runs_of(batch(rows))
    first, second = run.cut(2)
    assert (first.ids.to_list(), second.ids.to_list()) == ([b"a", b"2-3"], [b"c"])
    assert (first.batch.next_offset, second.batch.next_offset) == (6, 9)
    assert second.demands.ops.tolist() == [Op.UPDATE]
    assert isinstance(second, Run)


def test_keys_without_nulls_are_the_ids_themselves() -> None:
    """Nothing is copied, and a mask that hides nothing is taken off."""
    one = batch([(b"a", ())])
    assert ids_of(one) is one.keys
    masked = ByteColumn(one.keys.data, one.keys.starts, np.zeros(1, np.bool_))
    assert (
        ids_of(RecordBatch(one.partition, one.offsets, one.timestamps_ms, masked, one.values, one.next_offset)).nulls
        is None
    )
