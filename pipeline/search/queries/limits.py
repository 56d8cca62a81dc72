"""The filters around a query as kernels take them, for all segments of a view: see ``limit_kernels``.

What is asked for the first time is looked at document by document, in the columns: no mask is made. Filters that come again, and those
for which there is no such way, become masks (or lists, where few documents pass), which ``SegmentQueries.allowed`` remembers.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.cache import SearchCache
from pipeline.search.kernels import limit_kernels as columns
from pipeline.search.kernels import view_kernels as table_columns
from pipeline.search.kernels.limit_kernels import undecided_zones
from pipeline.search.queries.filters import bounds_of
from pipeline.search.queries.plan import (
    Combine,
    Constant,
    Everything,
    Nothing,
    NumberSpan,
    Plan,
    TermScore,
    TermSet,
)
from pipeline.search.queries.tables import LOOKED_AT, Tables, address
from pipeline.search.values import TRUE

I64 = NDArray[np.int64]
UNDECIDED_SHARE_MAX: Final = 0.5
LISTED_SHARE: Final = 64  # a mask is better above this share of the segment
KEPT_MAX: Final = 1024  # filters of a view that zones decide
MASKS_MAX: Final = 32  # filters of a view whose masks are held
_OF_TABLE: Final = [columns.DATA, columns.DATA_SIZE, columns.LAST, columns.OFFSET, columns.BITS, columns.BLOCKS]
_IN_TABLE: Final = [
    table_columns.DATA, table_columns.DATA_SIZE, table_columns.LAST, table_columns.OFFSET, table_columns.BITS,
    table_columns.BLOCKS,
]  # fmt: skip


@dataclass(slots=True)
class _Asked:
    """How often filters were asked for."""

    times: int = 0


@dataclass(frozen=True, slots=True)
class Limited:
    """``rows`` int64[segments, limits, LIMIT_COLUMNS], and the arrays whose addresses are in them."""

    rows: I64
    kept: Sequence[object] = ()


class Limits:
    """The filters of one view."""

    def __init__(self, tables: Tables, cache: SearchCache) -> None:
        self._tables = tables
        self._cache = cache
        self._known: dict[tuple[Combine, ...], Limited] = {}
        self._masks: dict[tuple[Combine, ...], Limited] = {}
        self.none = Limited(self._rows(0))

    def _rows(self, count: int) -> I64:
        return np.zeros((len(self._tables.segments), count, columns.LIMIT_COLUMNS), np.int64)

    def of(self, filters: tuple[Combine, ...]) -> Limited:
        """The rows of some filters (``none``: of no filters)."""
        known = self._known.get(filters) or self._masks.get(filters)
        if known is not None:
            self._cache.count_mask()
            return known
        asked = self._cache.get(("filters", filters), _Asked)
        asked.times += 1
        parts = [(p, False) for f in filters for p in f.filter] + [(p, True) for f in filters for p in f.must_not]
        rows = self._looked_at(parts)
        if rows is not None and asked.times == 1:
            return Limited(rows)
        if rows is not None and self._zones_decide(rows):
            return _keep(self._known, KEPT_MAX // max(1, len(rows)), filters, Limited(rows))
        return _keep(self._masks, MASKS_MAX, filters, self._masked(filters))

    def _zones_decide(self, rows: I64) -> bool:
        """Whether most documents are told by the extremes of their zones: then masks are no quicker."""
        undecided = np.zeros(rows.shape[1])
        for place in range(len(rows)):
            for at, row in enumerate(rows[place]):
                undecided[at] += undecided_documents(row, self._tables.segments[place].size)
        documents = sum(segment.size for segment in self._tables.segments)
        return bool(undecided.sum() <= UNDECIDED_SHARE_MAX * documents)

    # ------------------------------------------------------------------ a look at a time

    def _looked_at(self, parts: Sequence[tuple[Plan, bool]]) -> I64 | None:
        """Rows without masks; None where there is no such way for some part. Parts: filters, and whether each must not hold."""
        rows = self._rows(len(parts))
        for at, (part, negated) in enumerate(parts):
            if not self._fill(rows[:, at], part.inner if isinstance(part, Constant) else part):
                return None
            rows[:, at, columns.NEGATED] = negated
        return rows

    def _fill(self, rows: I64, part: Plan) -> bool:
        """Fill int64[segments, LIMIT_COLUMNS], zeros before; False: there is no way."""
        match part:
            case TermScore():
                table = self._tables.field(part.field)
                if table.is_boolean:
                    truth = int(part.term == TRUE)
                    self._fill_span(rows, NumberSpan(part.field, truth, truth))
                else:
                    self._fill_term(rows, part.field, part.term)
            case TermSet() if len(part.terms) == 1:
                self._fill_term(rows, part.field, part.terms[0])
            case NumberSpan():
                self._fill_span(rows, part)
            case Everything():
                pass
            case Nothing():
                rows[:, columns.KIND] = columns.NEVER
            case _:
                return False
        return True

    def _fill_term(self, rows: I64, path: str, term: bytes) -> None:
        table = self._tables.field(path)
        found = table.find((term,)).postings[0, table_columns.FOUND :].reshape(len(rows), table_columns.CELLS)
        rows[:, columns.KIND] = np.where(found[:, 2] > 0, columns.TERM, columns.NEVER)
        rows[:, _OF_TABLE] = table.rows[:, _IN_TABLE]
        rows[:, [columns.FIRST, columns.END, columns.DOCUMENTS, columns.LOW]] = found
        rows[:, columns.HIGH] = found[:, 3]
        rows[:, LOOKED_AT[1:]] = table.column[:, 1:]
        key = 2 * found[:, 3]  # of an ordinal: ``zone_kernels.key_of``
        rows[:, columns.ZONE_LOW] = rows[:, columns.ZONE_HIGH] = key

    def _fill_span(self, rows: I64, span: NumberSpan) -> None:
        column = self._tables.field(span.field).column
        rows[:, LOOKED_AT] = column
        whole = bool((column[:, 0] != columns.FRACTION).all())
        low, high = bounds_of(span, whole)
        ends = (low, high) if whole else (bits_of(low), bits_of(high))
        rows[:, columns.LOW : columns.HIGH + 1] = rows[:, columns.ZONE_LOW : columns.ZONE_HIGH + 1] = ends

    # ------------------------------------------------------------------ masks

    def _masked(self, filters: tuple[Combine, ...]) -> Limited:
        """A row a segment: the live documents that pass, as a mask or a list."""
        rows = self._rows(1)
        kept: list[Any] = []
        for place, segment in enumerate(self._tables.segments):
            allowed = segment.allowed(filters)
            row = rows[place, 0]
            if allowed.nothing:
                row[columns.KIND] = columns.NEVER
            elif not allowed.everything:
                few = allowed.count() * LISTED_SHARE < allowed.size
                array: NDArray[Any] = allowed.as_documents() if few else allowed.as_mask()
                kept.append(array)
                row[columns.KIND] = columns.LIST if few else columns.MASK
                row[columns.VALUES], row[columns.DOCUMENTS] = address(array), allowed.count()
        return Limited(rows, kept)


def _keep(kept: dict[tuple[Combine, ...], Limited], most: int, filters: tuple[Combine, ...], known: Limited) -> Limited:
    """Remember what is known of filters, and forget all others where these are too many."""
    if len(kept) >= most:
        kept.clear()
    kept[filters] = known
    return known


def undecided_documents(row: I64, size: int) -> int:
    """Of a segment's documents, about how many a limit has to look at in its column."""
    if row[columns.KIND] in {columns.EVERY, columns.NEVER}:
        return 0
    if row[columns.ZONE_LEAST] == 0:
        return size
    zones = (size + (1 << columns.ZONE_SHIFT) - 1) >> columns.ZONE_SHIFT
    return int(undecided_zones(row, zones)) << columns.ZONE_SHIFT


def bits_of(value: float) -> int:
    """A float's bits as an int64."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return int(bits)
