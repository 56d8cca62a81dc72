"""Where a replay may begin, and how far it is."""

import pytest

from pipeline.log.memory import MemoryLog
from pipeline.replay.ports import Job
from pipeline.replay.rebuild import Progress, Start, check_start
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset
from tests.pipeline.replay.test_window import P, T, batch_of, log_of


def trimmed() -> MemoryLog:
    """A log that holds 10 to 20."""
    log = log_of(20)
    log.trim(T, P, LogOffset(10))
    assert log.begin_offset(T, P) == 10
    return log


def refused(log: MemoryLog, start: Start, stands_at: int = 0) -> str:
    """The sentence."""
    with pytest.raises(SedimentError) as raised:
        check_start(log, T, P, start, LogOffset(stands_at))
    assert raised.value.kind is ErrorKind.INVALID
    return raised.value.message


@pytest.mark.parametrize("start", [Start(), Start(offset=0), Start(timestamp_ms=0), Start(timestamp_ms=-5)])
def test_a_whole_log_can_be_replayed(start: Start) -> None:
    """From the beginning, however that is said; a timestamp before everything is the beginning."""
    check_start(log_of(20), T, P, start, LogOffset(0))


def test_an_offset_below_the_beginning() -> None:
    """It says what there is."""
    assert "offset 3 is not in the log of [books] partition 0: it has 10 to 20" in refused(trimmed(), Start(offset=3))


def test_an_offset_beyond_the_end() -> None:
    """It says what there is."""
    assert "offset 21 is not in the log of [books] partition 0: it has 0 to 20" in refused(log_of(20), Start(offset=21))


def test_a_timestamp_after_everything() -> None:
    """No record is as new."""
    assert "as new as timestamp 99" in refused(log_of(20), Start(timestamp_ms=99))


@pytest.mark.parametrize("start", [Start(), Start(offset=10), Start(timestamp_ms=0)])
def test_a_log_that_no_longer_reaches_back(start: Start) -> None:
    """It says from where a snapshot would do; a directory that stands there may go on."""
    message = refused(trimmed(), start)
    assert "begins at 10" in message
    assert "a snapshot at 10 or later would do" in message
    check_start(trimmed(), T, P, Start(), LogOffset(10))
    check_start(trimmed(), T, P, Start(), LogOffset(15))


def test_from_the_middle_of_an_empty_directory() -> None:
    """What lies before the offset would be missing."""
    assert "leave the offset out" in refused(log_of(20), Start(offset=7))
    check_start(log_of(20), T, P, Start(offset=7), LogOffset(7))


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
