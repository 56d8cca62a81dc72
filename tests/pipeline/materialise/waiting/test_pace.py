"""The rate of a partition, on a clock that is set by hand."""

import pytest

from pipeline.materialise.waiting.pace import (
    BYTES_MIN,
    HALF_LIFE_S,
    MEASURED_WORK_MIN,
    RECORD_BYTES,
    RECORDS_MIN,
    WORK_PER_S_GUESSED,
    Amount,
    Pace,
    work_of,
)


class Clock:
    """Milliseconds."""

    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def measured(seconds: float, records: int, nbytes: int, batches: int = 1) -> tuple[Pace, Clock]:
    """A partition that has applied batches that took so long each."""
    clock = Clock()
    pace = Pace(clock)
    for _ in range(batches):
        with pace.batch(records, nbytes):
            clock.now_ms += int(seconds * 1000)
    return pace, clock


def test_the_rate_follows_what_was_measured() -> None:
    """After many half-lives the guess is forgotten; a new rate counts for half after one."""
    pace, clock = measured(0.1, 1_000, 1_000_000, batches=100)
    rate = work_of(1_000, 1_000_000) / 0.1
    assert pace.rate == pytest.approx(rate, rel=1e-3)
    with pace.batch(1_000, 1_000_000):
        clock.now_ms += int(HALF_LIFE_S * 1000)
    slow = work_of(1_000, 1_000_000) / HALF_LIFE_S
    assert slow < pace.rate < rate


def test_small_batches_say_nothing() -> None:
    """A single write takes as long as some hundreds together: it must not look as if the partition were slow."""
    pace, _ = measured(0.1, 1, MEASURED_WORK_MIN - RECORD_BYTES - 1, batches=50)
    assert pace.rate == WORK_PER_S_GUESSED


def test_a_batch_that_fails_is_not_measured() -> None:
    """And it is not under way any more."""
    clock = Clock()
    pace = Pace(clock)
    with pytest.raises(ZeroDivisionError), pace.batch(1_000, 1_000_000):
        clock.now_ms += 1
        raise ZeroDivisionError
    assert pace.rate == WORK_PER_S_GUESSED
    assert pace.seconds(1_000, 1_000_000) == work_of(1_000, 1_000_000) / WORK_PER_S_GUESSED


def test_what_is_left_grows_less_while_a_batch_runs() -> None:
    """By the time it has run, but by no more than the batch was expected to take."""
    pace, clock = measured(0.1, 1_000, 1_000_000, batches=100)
    assert pace.seconds(2_000, 2_000_000) == pytest.approx(0.2, rel=0.01)
    with pace.batch(1_000, 1_000_000):
        clock.now_ms += 40
        assert pace.seconds(2_000, 2_000_000) == pytest.approx(0.16, rel=0.01)
        clock.now_ms += 400
        assert pace.seconds(2_000, 2_000_000) == pytest.approx(0.1, rel=0.01)
        assert pace.seconds(0, 0) == 0.0


def test_an_amount_takes_so_long() -> None:
    """Records of the usual size within a time; large ones bound it by bytes; never less than is worth a batch."""
    pace, _ = measured(0.1, 10_000, 10_000_000, batches=100)
    found = pace.within(0.5)
    assert found.records == pytest.approx(50_000, rel=0.01)
    assert pace.seconds(found.records) == pytest.approx(0.5, rel=0.01)
    assert pace.within(1e-9) == Amount(RECORDS_MIN, BYTES_MIN)
    large, _ = measured(0.1, 10, 100_000_000, batches=100)
    assert large.within(0.1).nbytes == pytest.approx(100_000_000, rel=0.01)
    assert large.within(0.1).records == RECORDS_MIN
