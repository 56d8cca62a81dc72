"""Where a replay may begin, and how far it is."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.log.memory import MemoryLog
from pipeline.replay.ports import Job
from pipeline.replay.rebuild import Progress, Start, check_timestamp, starting_point
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId
from schemas.records import AppendBatch, ByteColumn
from tests.pipeline.replay.test_window import P, T, batch_of, log_of


def trimmed() -> MemoryLog:
    """A log that holds 10 to 20."""
    log = log_of(20)
    log.trim(T, P, LogOffset(10))
    assert log.begin_offset(T, P) == 10
    return log


def begins(log: MemoryLog, start: Start, kept: Sequence[int] = ()) -> int:
    """Where a replay begins."""
    return starting_point(log, T, P, start, kept)


def refused(log: MemoryLog, start: Start, kept: Sequence[int] = ()) -> str:
    """The sentence."""
    with pytest.raises(SedimentError) as raised:
        begins(log, start, kept)
    assert raised.value.kind is ErrorKind.INVALID
    return raised.value.message


@pytest.mark.parametrize("start", [Start(), Start(offset=0), Start(timestamp_ms=0), Start(timestamp_ms=-5)])
def test_a_whole_log_can_be_replayed(start: Start) -> None:
    """From the beginning, however that is said."""
    assert begins(log_of(20), start, [5]) == 0


def test_an_offset_below_the_beginning() -> None:
    """It says what there is."""
    assert "offset 3 is not in the log of [books] partition 0: it has 10 to 20" in refused(trimmed(), Start(offset=3))


def test_an_offset_beyond_the_end() -> None:
    """It says what there is."""
    assert "offset 21 is not in the log of [books] partition 0: it has 0 to 20" in refused(log_of(20), Start(offset=21))


def test_a_timestamp_after_everything() -> None:
    """No record is as new."""
    assert "as new as 1970-01-01T00:00:00.099Z" in refused(log_of(20), Start(timestamp_ms=99))


def test_a_timestamp_before_everything() -> None:
    """Of all partitions that are asked for: one that begins later is replayed from its beginning. An empty log has no times."""
    log = MemoryLog()
    log.create_topic(T, 3)
    for partition, first_ms in ((0, 1_000), (1, 2_000)):
        times = np.array([first_ms, 500], np.int64)  # a producer's times need not be in order: the first record counts
        log.append(
            T, PartitionId(partition), AppendBatch(ByteColumn.of([b"a", b"b"]), ByteColumn.of([b"{}", b"{}"]), times)
        )
    every = [PartitionId(p) for p in range(3)]
    check_timestamp(log, T, every, 1_000)
    check_timestamp(log, T, every[2:], 0)
    for partitions, words in (
        (every, "begins at 1970-01-01T00:00:01.000Z"),
        (every[1:2], "begins at 1970-01-01T00:00:02.000Z"),
    ):
        with pytest.raises(SedimentError, match="is before everything") as raised:
            check_timestamp(log, T, partitions, 999)
        assert raised.value.kind is ErrorKind.INVALID
        assert raised.value.message.startswith("1970-01-01T00:00:00.999Z")
        assert words in raised.value.message


@pytest.mark.parametrize(("asked", "begin"), [(0, 0), (4, 0), (5, 5), (11, 5), (12, 12), (20, 12)])
def test_from_the_newest_kept_state_not_after_it(asked: int, begin: int) -> None:
    """What lies before an offset is needed, too: a kept state has it, at worst the empty one."""
    assert begins(log_of(20), Start(offset=asked), [12, 5]) == begin
    assert begins(log_of(20), Start(offset=asked)) == 0


def test_a_log_that_no_longer_reaches_back() -> None:
    """It says from where it could: from a kept state that the log reaches back to."""
    assert refused(trimmed(), Start()) == (
        "the log of [books] partition 0 begins at 10: what lies before is gone, so the index cannot be built again from its beginning; "
        "no state was kept"
    )
    assert refused(trimmed(), Start(offset=11), [3, 12, 15]).endswith(
        ", nor from 11; it could begin at a state that was kept: at 12, 15"
    )
    assert begins(trimmed(), Start(offset=13), [3, 12, 15]) == 12


def test_progress() -> None:
    """Rate over the last seconds, and what is left by it."""
    now = [0.0]
    job = Job("x", "replay", "books", 0, "running", 0, 0, 100, 0.0, None, 0)
    progress = Progress(job, lambda: now[0])
    progress.reach(0, 100)
    assert (progress.job.records_per_second, progress.job.eta_s) == (0.0, None)
    for second in range(1, 8):
        now[0] = second
        progress.reach(10 * second, 100)
    assert progress.job.records_per_second == pytest.approx(10)
    assert progress.job.eta_s == pytest.approx(3)
    progress.finish("done", "yes", equal=True)
    assert (progress.job.state, progress.job.end, progress.job.report) == ("done", 70, {"equal": True})


def test_batches_are_numbered() -> None:
    """The helper of these tests."""
    assert len(batch_of(3)) == 3
