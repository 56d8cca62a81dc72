"""The best rows of a partition by several sort keys, after ``search_after``, ties by the offset of the row's record.

Each segment gives its best rows by its own keys; the few that are left are merged by their raw values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.search.kernels.column_kernels import kth_least
from pipeline.search.queries.top import Ranked
from pipeline.search.sort import Column, Rows, Sorter
from schemas.errors import illegal_argument

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A row and its raw sort values."""

    row: Ranked
    values: tuple[Any, ...]


class SortedCollector:
    """Rows of a partition, segment by segment; ``k`` at least 1."""

    def __init__(self, sorters: Sequence[Sorter], k: int, after: Sequence[Any] | None) -> None:
        self._sorters = sorters
        self._k = k
        self._after = None if after is None else self._comparable(after)
        self._best: list[Sorted] = []

    def _comparable(self, after: Sequence[Any]) -> list[Any]:
        if len(after) != len(self._sorters):
            message = f"search_after has {len(after)} value(s) but sort has {len(self._sorters)}."
            raise illegal_argument(message)
        return [s.comparable(v) for s, v in zip(self._sorters, after, strict=True)]

    def add(self, rows: Rows) -> None:
        """The matches of one segment."""
        columns = [s.column(rows) for s in self._sorters]
        keys = [c.keys for c in columns]
        chosen = best_by_first(keys[0], self._behind(rows, columns), self._k)
        offsets = rows.segment.reader.offsets()[rows.documents[chosen]]
        order = best_of([key[chosen] for key in keys], offsets, self._k)
        for i, offset in zip(chosen[order].tolist(), offsets[order].tolist(), strict=True):
            score = float("nan") if rows.scores is None else float(rows.scores[i])
            row = Ranked(score, rows.segment.number, int(rows.documents[i]), offset)
            self._best.append(Sorted(row, tuple(c.raw(i) for c in columns)))
        if len(self._best) > 4 * self._k:
            self._best = self._merged()

    def _behind(self, rows: Rows, columns: Sequence[Column]) -> I64 | None:
        """Positions of the rows that come after ``search_after``; None: all do."""
        if self._after is None:
            return None
        behind = np.zeros(len(rows.documents), np.bool_)
        level = np.ones(len(rows.documents), np.bool_)
        for sorter, column, value in zip(self._sorters, columns, self._after, strict=True):
            limit = column.limit(value) if column.limit and value is not None else sorter.encode(rows.segment, value)
            behind |= level & (column.keys > limit)
            level &= column.keys == limit
        return np.flatnonzero(behind)

    def _merged(self) -> list[Sorted]:
        """The k best of all that was kept."""
        ranks = [s.rank([b.values[i] for b in self._best]) for i, s in enumerate(self._sorters)]
        offsets = np.array([b.row.offset for b in self._best], np.int64)
        order = np.lexsort([offsets, *reversed(ranks)])[: self._k]
        return [self._best[i] for i in order.tolist()]

    def ranked(self) -> list[Sorted]:
        """Best first."""
        return self._merged()


def best_by_first(first: I64, positions: I64 | None, k: int) -> I64:
    """Positions of all rows that can be among the k best, as far as the first key tells; ``positions``: of those to look at."""
    looked = first if positions is None else first[positions]
    if len(looked) > 4 * k:
        kept = np.flatnonzero(looked <= kth_least(np.ascontiguousarray(looked), k))
        return kept if positions is None else positions[kept]
    return np.arange(len(first)) if positions is None else positions


def best_of(keys: Sequence[I64], offsets: I64, k: int) -> I64:
    """Positions of the k best, best first: by each key, then by offset."""
    order = np.lexsort([offsets, *reversed(keys)])
    best: I64 = order[:k]
    return best
