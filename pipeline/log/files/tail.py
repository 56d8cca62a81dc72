"""The newest batches of partitions, kept in memory for readers that follow the log, within one budget for all of them.

What came first goes first, whichever partition it belongs to: a partition that nobody writes to any more gives its room away.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from threading import Lock

from pipeline.log.batches import GATHER_BYTES_MAX
from schemas.records import RecordBatch


class TailBudget:
    """The bytes that all tails of a log may take together. Its lock guards them all; whoever holds it takes no other."""

    def __init__(self, bytes_max: int) -> None:
        self.lock = Lock()
        self.bytes = 0
        self._bytes_max = bytes_max
        self._kept: deque[tuple[TailCache, int]] = deque()  # in the order of arrival

    def took(self, tail: "TailCache", nbytes: int) -> None:
        """A tail has one batch more; the oldest of all give way. With the lock held."""
        self._kept.append((tail, nbytes))
        self.bytes += nbytes
        if self.bytes <= self._bytes_max:
            return
        # A little more than needed, so that many small batches are not moved for each new one.
        gone: Counter[TailCache] = Counter()
        while self.bytes > self._bytes_max - self._bytes_max // 8 and self._kept:
            oldest, size = self._kept.popleft()
            self.bytes -= size
            gone[oldest] += 1
        for oldest, batches in gone.items():
            oldest.drop(batches)

    def forget(self, tail: "TailCache") -> None:
        """A tail is gone. With the lock held."""
        self.bytes -= sum(size for one, size in self._kept if one is tail)
        self._kept = deque(pair for pair in self._kept if pair[0] is not tail)


class TailCache:
    """Consecutive batches up to the end of one partition's log."""

    def __init__(self, budget: TailBudget) -> None:
        self._budget = budget
        self._batches: list[RecordBatch] = []
        self._ends: list[int] = []
        self._sizes: list[int] = []
        self._begin = 0

    def add(self, batch: RecordBatch, nbytes: int) -> None:
        """Keep one more batch, of so many bytes in memory."""
        with self._budget.lock:
            if not self._batches:
                self._begin = int(batch.offsets[0])
            self._batches.append(batch)
            self._ends.append(batch.next_offset)
            self._sizes.append(nbytes)
            self._budget.took(self, nbytes)

    def drop(self, first: int) -> None:
        """The budget takes the first so many batches away, and holds its lock."""
        self._begin = self._ends[first - 1]
        del self._batches[:first], self._ends[:first], self._sizes[:first]

    def clear(self) -> None:
        """Give everything back."""
        with self._budget.lock:
            self._budget.forget(self)
            self._batches, self._ends, self._sizes = [], [], []

    def from_offset(self, offset: int) -> Sequence[RecordBatch]:
        """Some batches, the first of which ends beyond the offset; none if it is older than the cache."""
        with self._budget.lock:
            if not self._batches or offset < self._begin:
                return ()
            first = last = bisect_right(self._ends, offset)
            nbytes = 0
            while last < len(self._batches) and nbytes < GATHER_BYTES_MAX:
                nbytes += self._sizes[last]
                last += 1
            return self._batches[first:last]
