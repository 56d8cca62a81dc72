"""What is known of the columns of an immutable segment beside their values: found when first needed, then remembered.

Narrow codes: a keyword's ordinals in the least width that holds them. Zones: the extremes of
each ZONE_ROWS rows, which say where the best rows of an order cannot be.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.search.cache import SearchCache
from pipeline.search.kernels.zone_kernels import FRACTION, ORDINAL, WHOLE, zone_extremes
from pipeline.segments.reader import SegmentReader

T = TypeVar("T")
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
ZONE_ROWS: Final = 1024
EVERYWHERE: Final = frozen(np.zeros(0, np.bool_))  # of a column that every document has


@dataclass(frozen=True, slots=True)
class Slots:
    """A column of one slot a document, as kernels take it: values (fractions by their bits), where there is one, and ``zone_kernels``' kind."""

    values: NDArray[Any]
    present: Bools
    kind: int


@dataclass(frozen=True, slots=True)
class Codes:
    """uint8, uint16 or uint32[n]: the ordinal of each document; ``count``, the number of terms, or more where it has none."""

    values: NDArray[Any]
    count: int


@dataclass(frozen=True, slots=True)
class Zones:
    """Extremes of keys by zone: see ``zone_extremes``."""

    least: I64
    most: I64
    lacking: Bools

    def ends(self) -> tuple[int, int] | None:
        """The least and the greatest key of the segment; None where no row has a value."""
        low, high = (
            int(self.least.min(initial=np.iinfo(np.int64).max)),
            int(self.most.max(initial=np.iinfo(np.int64).min)),
        )
        return (low, high) if low <= high else None


@dataclass(frozen=True, slots=True)
class ZoneOrder:
    """Zones in the order in which they are worth a look, and bounds of their rows' keys, turned around where the order descends."""

    order: I64
    best: I64
    worst: I64


class Columns:
    """The columns of one segment."""

    def __init__(self, reader: SegmentReader, cache: SearchCache) -> None:
        self.reader = reader
        self._cache = cache
        self._segment = reader.meta.id

    def kept(self, key: Hashable, size: int, compute: Callable[[], T]) -> T:
        """Something of about this many bytes that follows from the segment alone."""
        return self._cache.get_column((self._segment, key), size, compute)

    def slots(self, path: str) -> Slots | None:
        """A column of numbers or ordinals where no document has several; None: some has, or the segment does not have the field."""
        numbers = self.reader.numbers(path)
        if numbers is not None:
            if numbers.starts is not None:
                return None
            present = EVERYWHERE if numbers.present is None else frozen(numbers.present)
            if numbers.values.dtype == np.int64:
                return Slots(numbers.values, present, WHOLE)
            return Slots(numbers.values.view(np.int64), present, FRACTION)
        ordinals = self.reader.ordinals(path)
        if ordinals is None or ordinals.starts is not None:
            return None
        return Slots(ordinals.ordinals, EVERYWHERE if ordinals.present is None else frozen(ordinals.present), ORDINAL)

    def codes(self, path: str) -> Codes | None:
        """A keyword's narrow codes. None as in ``slots``."""

        def look() -> tuple[Codes | None]:
            column, terms = self.reader.ordinals(path), self.reader.terms(path)
            if column is None or terms is None or column.starts is not None:
                return (None,)
            count = terms.count
            if count >= 1 << 16:  # as wide as the ordinals are: these are read when they are needed
                return (Codes(column.ordinals[:0], count),)
            width = np.uint8 if count < 1 << 8 else np.uint16
            return (Codes(frozen(np.minimum(column.ordinals, np.uint32(count)).astype(width)), count),)

        (found,) = self.kept(("codes", path), 2 * self.reader.documents, look)
        if found is not None and not len(found.values):
            column = self.reader.ordinals(path)
            return None if column is None else Codes(column.ordinals, found.count)
        return found

    def zones(self, path: str, slots: Slots) -> Zones:
        """The zones of a column."""

        def look() -> Zones:
            count = -(-len(slots.values) // ZONE_ROWS)
            zones = Zones(np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.bool_))
            zone_extremes(slots.values, slots.present, slots.kind, ZONE_ROWS, zones.least, zones.most, zones.lacking)
            return zones

        return self.kept(("zones", path), 17 * len(slots.values) // ZONE_ROWS, look)

    def zones_of(self, path: str) -> Zones | None:
        """The zones of a field's column. None as in ``slots``; the column itself is read only where they are not remembered."""

        def look() -> tuple[Zones | None]:
            slots = self.slots(path)
            return (None if slots is None else self.zones(path, slots),)

        return self.kept(("zones of", path), 17 * self.reader.documents // ZONE_ROWS, look)[0]

    def zone_order(self, path: str, slots: Slots, *, descending: bool, missing: int) -> ZoneOrder:
        """How to visit the zones for an order; ``missing`` is the key, already turned around, of rows without a value."""

        def look() -> ZoneOrder:
            zones = self.zones(path, slots)
            best, worst = (~zones.most, ~zones.least) if descending else (zones.least, zones.most)
            best = np.where(zones.lacking, np.minimum(best, missing), best)
            worst = np.where(zones.lacking, np.maximum(worst, missing), worst)
            return ZoneOrder(np.argsort(best, kind="stable"), best, worst)

        return self.kept(("order", path, descending, missing), 24 * len(slots.values) // ZONE_ROWS, look)
