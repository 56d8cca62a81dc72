"""Where writers meet a partition: they ask what was decided and how long its queue is, and it learns whether somebody waits.

Log order decides, so nobody can overtake: what lies before a record in the log is applied before it. What can be done for a single
write is to end a batch with it instead of with what lies behind it, and to keep batches short while such writes come.
"""

import threading
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.materialise.decisions.outcomes import Outcomes
from pipeline.materialise.waiting.pace import Amount, Pace
from schemas.ids import LogOffset
from schemas.outcomes import WriteError

HURRY_BATCH_S: Final = 0.04  # how long a batch may take while single writes or refreshes are waited for
HURRY_MS: Final = 1_000  # how long after the last of them


class Desk:
    """Decisions of one partition for those who wait; see ``pipeline.ingest.ports.Decisions``. From any thread.

    ``follows``: whether the partition is at work, and near the end of the log; its worker says so.
    """

    def __init__(self, outcomes: Outcomes, pace: Pace, clock_ms: Callable[[], int]) -> None:
        self.follows = False
        self._outcomes = outcomes
        self._pace = pace
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._wanted: list[int] = []  # offsets below which somebody in a hurry waits, ascending
        self._hurried_ms = clock_ms() - HURRY_MS - 1

    @property
    def applied(self) -> LogOffset:
        """Records below this offset are decided."""
        return self._outcomes.applied

    @property
    def hurried(self) -> bool:
        """Whether somebody has been in a hurry lately."""
        return self._clock_ms() - self._hurried_ms <= HURRY_MS

    def hurry(self) -> None:
        """Somebody waits, or will in a moment: keep batches short for a while."""
        self._hurried_ms = self._clock_ms()

    def wait(self, below: LogOffset, timeout_s: float, *, hurry: bool = True) -> bool:
        """Wait until every record below this offset is decided; False if not in time or the partition has stopped."""
        if not hurry or below <= self.applied:
            return self._outcomes.wait(below, timeout_s)
        self.hurry()
        with self._lock:
            insort(self._wanted, below)
        try:
            return self._outcomes.wait(below, timeout_s)
        finally:
            with self._lock:
                self._wanted.remove(below)

    def of(
        self, offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], dict[int, WriteError]]:
        """(results, sequence numbers, versions, errors by offset); 0 (pending) where an offset is not known."""
        return self._outcomes.of(offsets)

    def queue_s(self, records: int, nbytes: int) -> float:
        """How long until the partition is through with so much, which it has not applied yet. 0 where it does not keep up with the
        log anyway (it recovers, or the log is away): then the log is the buffer.
        """
        return self._pace.seconds(records, nbytes) if self.follows else 0.0

    def amount(self, seconds: float) -> Amount:
        """About how much the partition applies in so many seconds."""
        return self._pace.within(seconds)

    def next_batch(self, most: Amount) -> Amount:
        """How much to read together: all there is where nobody waits; else so much as takes HURRY_BATCH_S, or less: up to the
        last record that somebody waits for. ``most``: a bound in any case.
        """
        applied = self.applied
        with self._lock:
            wanted = self._wanted[bisect_right(self._wanted, applied) :]
        if not wanted and not self.hurried:
            return most
        short = self._pace.within(HURRY_BATCH_S)
        records, nbytes = min(short.records, most.records), min(short.nbytes, most.nbytes)
        if wanted:
            near = bisect_right(wanted, applied + records)
            if near:
                records = wanted[near - 1] - applied
            else:  # in one go: it is not answered earlier by taking several
                records, nbytes = min(wanted[0] - applied, most.records), most.nbytes
        return Amount(records, nbytes)
