"""The best rows of a partition by several sort keys, after ``search_after``, ties by the offset of the row's record.

Each segment gives its best rows by its own keys; the few that are left are merged by their raw values. Where the first key is a column of
single values, most rows are never looked at: zones of rows that cannot hold one of the best are passed over (``kernels.zone_kernels``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.search.columns import EVERYWHERE, ZONE_ROWS, Columns
from pipeline.search.kernels.column_kernels import kth_least
from pipeline.search.kernels.zone_kernels import best_rows, rows_below
from pipeline.search.queries.selection import NO_DOCUMENTS, Selection
from pipeline.search.queries.top import Ranked
from pipeline.search.sort import LEAST, Column, Quick, Rows, Sorter
from schemas.errors import illegal_argument

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A row and its raw sort values."""

    row: Ranked
    values: tuple[Any, ...]


class SortedCollector:
    """Rows of a partition, segment by segment; ``k`` at least 1. ``columns``: of each segment by its number."""

    def __init__(
        self, sorters: Sequence[Sorter], k: int, after: Sequence[Any] | None, columns: Sequence[Columns]
    ) -> None:
        self._sorters = sorters
        self._columns = columns
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
        if rows.scores is None:  # scores go by their place among the documents
            rows = self._narrowed(rows)
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

    def _narrowed(self, rows: Rows) -> Rows:
        """The same rows, or fewer, the best among them."""
        sorter, segment = self._sorters[0], rows.segment
        alone = len(self._sorters) == 1
        if rows.selection.nothing or (self._after is not None and not alone):
            return rows
        quick = sorter.quick(segment, self._columns[segment.number])
        if quick is None:
            return rows
        keys, found = self._first_rows(rows, quick)
        if alone and (segment.rows_in_order or len(found) < self._k):
            return Rows(segment, Selection(rows.selection.size, np.sort(found).astype(np.uint32)), None)
        if len(found) < self._k:
            return rows
        # ties of the first key are told apart by others: all rows that are no worse than the last
        documents = frozen(rows.documents)
        places = np.empty(len(documents), np.int64)
        slots = quick.slots
        count = rows_below(
            slots.values, slots.present, slots.kind, sorter.key.descending, quick.missing, documents, int(keys[-1]), places
        )  # fmt: skip
        return Rows(segment, Selection(rows.selection.size, documents[places[:count]]), None)

    def _first_rows(self, rows: Rows, quick: Quick) -> tuple[I64, I64]:
        """(keys, rows) of the k best by the first key, of equal keys the first rows; fewer where there are fewer."""
        sorter, selection, slots = self._sorters[0], rows.selection, quick.slots
        descending = sorter.key.descending
        after, strictly = LEAST, False
        if self._after is not None:
            limit = sorter.encode(rows.segment, self._after[0])
            after, strictly = max(limit + quick.shift if descending else limit - quick.shift, LEAST), True
        zones = self._columns[rows.segment.number].zone_order(
            quick.path, slots, descending=descending, missing=quick.missing
        )
        keys, found = np.empty(min(self._k, selection.size), np.int64), np.empty(min(self._k, selection.size), np.int64)
        documents, mask = selection.documents, selection.mask
        count = best_rows(
            slots.values, slots.present, slots.kind, descending, quick.missing,
            NO_DOCUMENTS if documents is None else frozen(documents), EVERYWHERE if mask is None else frozen(mask),
            selection.everything, after, strictly, ZONE_ROWS, zones.order, zones.best, zones.worst, keys, found,
        )  # fmt: skip
        return keys[:count], found[:count]

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
