"""How fast a partition applies, and how long it will be until it is through with what it has.

Admission (how much bulk writes may put before it) and the sizes of batches go by this. It never decides what a record comes to: only
how many records are read together, and when.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

RECORD_BYTES: Final = 256  # what a record costs besides its bytes: with it one rate fits small and large documents
HALF_LIFE_S: Final = 0.5  # of what was measured, in seconds of work
WORK_PER_S_GUESSED: Final = 20e6  # until something was measured
MEASURED_WORK_MIN: Final = 64 << 10  # smaller batches are mostly overhead and say nothing about larger ones
RECORDS_MIN: Final = 2_000  # whatever the rate: in batches half as large each record costs a quarter more
BYTES_MIN: Final = 3 << 19


@dataclass(frozen=True, slots=True)
class Amount:
    """So many records of so many bytes of keys and values together."""

    records: int
    nbytes: int


class Pace:
    """The rate of a partition: one thread measures, any thread may ask. ``clock_ms`` is monotonic."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._work, self._seconds = WORK_PER_S_GUESSED * HALF_LIFE_S, HALF_LIFE_S
        self._per_record = 1024.0  # bytes
        self._doing: tuple[int, float] | None = None  # (since when, work) of the batch under way

    @property
    def rate(self) -> float:
        """Work a second; work is bytes and RECORD_BYTES a record."""
        return self._work / self._seconds

    @contextmanager
    def batch(self, records: int, nbytes: int) -> Iterator[None]:
        """Measure a batch that is applied in the block, with all that it has to wait for."""
        began, work = self._clock_ms(), work_of(records, nbytes)
        self._doing = (began, work)
        try:
            yield
        finally:
            self._doing = None
        if work >= MEASURED_WORK_MIN:
            seconds = max(1, self._clock_ms() - began) / 1000
            keep = 0.5 ** (seconds / HALF_LIFE_S)
            self._work, self._seconds = self._work * keep + work, self._seconds * keep + seconds
            self._per_record += (nbytes / records - self._per_record) * (1 - keep)

    def seconds(self, records: int, nbytes: int | None = None) -> float:
        """How long until it is through with so much, the batch under way among it, seconds; ``nbytes`` None: of the usual size."""
        rate = self.rate
        left = work_of(records, records * self._per_record if nbytes is None else nbytes) / rate
        doing = self._doing
        if doing is not None:
            since_ms, work = doing
            left -= min((self._clock_ms() - since_ms) / 1000, work / rate)
        return max(0.0, left)

    def within(self, seconds: float) -> Amount:
        """How much it applies in so many seconds, at least RECORDS_MIN and BYTES_MIN."""
        work = self.rate * seconds
        records = work / (RECORD_BYTES + self._per_record)
        return Amount(max(RECORDS_MIN, int(records)), max(BYTES_MIN, int(work)))


def work_of(records: int, nbytes: float) -> float:
    """What applying costs, in bytes."""
    return nbytes + RECORD_BYTES * records
