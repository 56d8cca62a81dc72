"""The ring of outcomes."""

import threading

import numpy as np

from pipeline.materialise.decisions.outcomes import CAPACITY, Outcomes
from schemas.ids import LogOffset
from schemas.limits import OUTCOMES_KEPT
from schemas.outcomes import Result, WriteError

ERROR = WriteError("mapper_parsing", "bad", 400)


def filled(offsets: range, *, capacity: int = CAPACITY, refused: tuple[int, ...] = ()) -> Outcomes:
    """Outcomes with version = offset + 1."""
    made = Outcomes(capacity)
    columns = np.arange(offsets.start, offsets.stop, offsets.step)
    results = np.where(np.isin(columns, refused), Result.REJECTED, Result.CREATED).astype(np.uint8)
    made.add(columns, results, columns, columns + 1, dict.fromkeys(refused, ERROR))
    made.advance(LogOffset(offsets.stop))
    return made


def test_outcomes_are_found_by_offset() -> None:
    """Known ones with their errors; unknown ones are pending."""
    made = filled(range(0, 10, 2), refused=(4,))
    results, seq_nos, versions, errors = made.of(np.array([4, 0, 3, 99]))
    assert results.tolist() == [Result.REJECTED, Result.CREATED, 0, 0]
    assert (seq_nos[1], versions[1]) == (0, 1)
    assert errors == {4: ERROR}


def test_the_ring_comes_round() -> None:
    """What was overwritten is unknown, not wrong."""
    made = filled(range(OUTCOMES_KEPT), capacity=OUTCOMES_KEPT)
    more = np.array([OUTCOMES_KEPT])
    made.add(more, np.array([Result.DELETED], np.uint8), more, more, {})
    assert made.of(np.array([0, 1, OUTCOMES_KEPT]))[0].tolist() == [0, Result.CREATED, Result.DELETED]


def test_errors_do_not_pile_up() -> None:
    """Errors beyond the ring are dropped."""
    made = Outcomes(OUTCOMES_KEPT)
    for start in range(0, 4 * OUTCOMES_KEPT, 4096):
        offsets = np.arange(start, start + 4096)
        made.add(
            offsets, np.full(4096, Result.REJECTED, np.uint8), offsets, offsets, dict.fromkeys(offsets.tolist(), ERROR)
        )
    assert len(made._errors) <= OUTCOMES_KEPT + 4096


def test_the_newest_survive_a_commit() -> None:
    """Encoding and decoding keeps the newest OUTCOMES_KEPT with their errors."""
    last = OUTCOMES_KEPT + 10
    made = filled(range(last), refused=(5, last - 1))
    again = Outcomes.decode(made.encode(), LogOffset(last))
    assert again.applied == last
    assert again.of(np.array([5, 9, 10, last - 1]))[0].tolist() == [0, 0, Result.CREATED, Result.REJECTED]
    assert again.of(np.array([last - 1]))[3] == {last - 1: ERROR}
    assert again.encode() == made.encode()
    assert Outcomes.decode(b"", LogOffset(3)).applied == 3


def test_what_is_not_decided_yet_is_not_committed() -> None:
    """Outcomes beyond ``applied`` stay out: they will be decided again."""
    made = filled(range(4))
    five = np.array([5])
    made.add(five, np.array([1], np.uint8), five, five, {})
    again = Outcomes.decode(made.encode(), LogOffset(4))
    assert again.of(five)[0].tolist() == [0]


def test_waiting_ends_when_decided_or_stopped_or_late() -> None:
    """True in time; False after the timeout, and at once when the partition has stopped."""
    made = filled(range(4))
    assert made.wait(LogOffset(4), 0)
    assert not made.wait(LogOffset(5), 0.01)
    found: list[bool] = []
    waiter = threading.Thread(target=lambda: found.append(made.wait(LogOffset(6), 30)))
    waiter.start()
    made.advance(LogOffset(6))
    waiter.join()
    stopped = threading.Thread(target=lambda: found.append(made.wait(LogOffset(7), 30)))
    stopped.start()
    made.stop("closed")
    stopped.join()
    assert found == [True, False]
    made.resume()
    assert not made.wait(LogOffset(7), 0.01)


def test_a_successor_answers_who_waits() -> None:
    """Who waited for an offset, or asks for its outcome, hears it from the worker that took the place."""
    old, new = Outcomes(), Outcomes()
    heard: list[bool] = []
    waiting = threading.Thread(target=lambda: heard.append(old.wait(LogOffset(1), 10)))
    waiting.start()
    old.hand_to(new)
    new.add(np.array([0]), np.array([1], np.uint8), np.array([7]), np.array([3]), {})
    new.advance(LogOffset(1))
    waiting.join()
    assert heard == [True]
    results, seq_nos, versions, errors = old.of(np.array([0]))
    assert (results.tolist(), seq_nos.tolist(), versions.tolist(), errors) == ([1], [7], [3], {})
