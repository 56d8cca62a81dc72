"""The newest batches of a partition, kept in memory for readers that follow the log."""

from bisect import bisect_right
from collections.abc import Sequence

from pipeline.log.batches import GATHER_BYTES_MAX
from schemas.records import RecordBatch


class TailCache:
    """Consecutive batches up to the end of the log, bounded in bytes. Not locked: its owner does that."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._batches: list[RecordBatch] = []
        self._ends: list[int] = []
        self._sizes: list[int] = []
        self._bytes = 0
        self._begin = 0

    def add(self, batch: RecordBatch, nbytes: int) -> None:
        """Keep one more batch, of so many bytes in memory; the oldest give way."""
        if not self._batches:
            self._begin = int(batch.offsets[0])
        self._batches.append(batch)
        self._ends.append(batch.next_offset)
        self._sizes.append(nbytes)
        self._bytes += nbytes
        if self._bytes > self._bytes_max:
            self._evict()

    def _evict(self) -> None:
        # A little more than needed, so that many small batches are not moved for each new one.
        first = 0
        while self._bytes > self._bytes_max - self._bytes_max // 8 and first < len(self._sizes):
            self._bytes -= self._sizes[first]
            first += 1
        self._begin = self._ends[first - 1]
        del self._batches[:first], self._ends[:first], self._sizes[:first]

    def from_offset(self, offset: int) -> Sequence[RecordBatch]:
        """Some batches, the first of which ends beyond the offset; none if it is older than the cache."""
        if not self._batches or offset < self._begin:
            return ()
        first = last = bisect_right(self._ends, offset)
        nbytes = 0
        while last < len(self._batches) and nbytes < GATHER_BYTES_MAX:
            nbytes += self._sizes[last]
            last += 1
        return self._batches[first:last]
