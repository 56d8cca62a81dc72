"""Counting a segment's documents by one column, straight from a selection: what most aggregations on the top come to.

Intervals are a table of where each begins, found by a grid of cells that hold at most one beginning each, so that no division and no
calendar is left to the loop over documents. The table follows from the segment's extremes and is remembered; so is every row's interval once
documents were counted twice by the same ones, as they are by a dashboard.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.search.aggregations.buckets.rounding import Rounding
from pipeline.search.aggregations.fields import SegmentScope, Source
from pipeline.search.columns import EVERYWHERE, Slots
from pipeline.search.kernels.count_kernels import code_steps, count_codes, count_steps, gather_counts
from pipeline.search.kernels.zone_kernels import WHOLE
from pipeline.search.queries.selection import NO_DOCUMENTS, Selection

I64 = NDArray[np.int64]
Counted = tuple[I64, I64]
STEPS_MAX: Final = (1 << 16) - 1  # the grid's numbers are uint16
CELLS_MAX: Final = 1 << 18
INSTANT_MAX: Final = 1 << 62  # beyond, rounding would leave int64
_NONE: Final = frozen(NO_DOCUMENTS)


@dataclass(frozen=True, slots=True)
class Steps:
    """Interval i is [bounds[i], bounds[i + 1]); cell c of ``grid`` has the interval of low + (c << shift)."""

    low: int
    shift: int
    grid: NDArray[np.uint16]
    bounds: I64


@dataclass(slots=True)
class KnownSteps:
    """Intervals of one column of one segment, and how often documents were counted by them."""

    key: tuple[str, Hashable]
    steps: Steps
    asked: int = 0


def taken(selection: Selection) -> tuple[NDArray[np.uint32], NDArray[np.bool_], int]:
    """(documents, mask, rows) as ``count_kernels`` take a selection."""
    if selection.documents is not None:
        return frozen(selection.documents), EVERYWHERE, 0
    return _NONE, EVERYWHERE if selection.mask is None else frozen(selection.mask), selection.size


def count_selected(codes: NDArray[Any], selection: Selection, limit: int) -> Counted:
    """(codes below ``limit`` that documents have, how many have each)."""
    counts = np.zeros(limit + 1, np.int64)
    count_codes(codes, *taken(selection), limit, counts)
    return _gathered(counts)


def _gathered(counts: I64) -> Counted:
    found, totals = np.empty(len(counts), np.int64), np.empty(len(counts), np.int64)
    count = gather_counts(counts, len(counts) - 1, found, totals)
    return found[:count], totals[:count]


def count_in_steps(scope: SegmentScope, known: KnownSteps, selection: Selection) -> Counted:
    """(where the intervals of documents' values begin, how many are in each)."""
    steps = known.steps
    counts = np.zeros(len(steps.bounds), np.int64)
    if known.asked > 1 and not selection.everything:
        count_codes(_codes(scope, known), *taken(selection), len(counts) - 1, counts)
    else:
        known.asked += 1
        slots = _column(scope, known)
        count_steps(
            slots.values, slots.present, *taken(selection), steps.low, steps.shift, steps.grid, steps.bounds, counts
        )
    numbers, totals = _gathered(counts)
    return steps.bounds[numbers], totals


def _codes(scope: SegmentScope, known: KnownSteps) -> NDArray[Any]:
    """The interval of every row, in the least width: intervals that are asked for again are looked up, not computed again."""
    steps = known.steps
    count = len(steps.bounds) - 1

    def make() -> NDArray[Any]:
        slots = _column(scope, known)
        codes = np.empty(len(slots.values), np.uint8 if count < 1 << 8 else np.uint16)
        code_steps(slots.values, slots.present, steps.low, steps.shift, steps.grid, steps.bounds, codes)
        return frozen(codes)

    size = scope.reader.documents * (1 if count < 1 << 8 else 2)
    return scope.columns.kept(("step codes", *known.key), size, make)


def _column(scope: SegmentScope, known: KnownSteps) -> Slots:
    slots = scope.columns.slots(known.key[0])
    assert slots is not None
    return slots


def numbers_in_steps(known: KnownSteps, values: I64) -> I64:
    """int64[v]: the interval of each value, which lies between the column's extremes."""
    numbers, steps = np.empty(len(values), np.int64), known.steps
    code_steps(frozen(values), EVERYWHERE, steps.low, steps.shift, steps.grid, steps.bounds, numbers)
    return numbers


def unit_steps(scope: SegmentScope, source: Source) -> KnownSteps | None:
    """Every whole number from a column's least to its greatest; None where they are too many, or documents have several values."""

    def make(low: int, high: int) -> Steps | None:
        if high - low >= STEPS_MAX:
            return None
        bounds = np.arange(low, high + 2)
        return Steps(low, 0, frozen(np.arange(len(bounds) - 1, dtype=np.uint16)), frozen(bounds))

    return _known(scope, (source.path, "units"), make)


def interval_steps(scope: SegmentScope, source: Source, rounding: Rounding) -> KnownSteps | None:
    """The intervals of a column's dates; None where they are too many, or where an interval is not one piece of time."""

    def make(low: int, high: int) -> Steps | None:
        if low < -INSTANT_MAX or high > INSTANT_MAX:
            return None
        bounds = rounding.edges(low, high, STEPS_MAX)
        if bounds is None:
            return None
        gaps = np.diff(bounds)
        shift = int(gaps.min()).bit_length() - 1 if len(gaps) else 62
        origin = int(bounds[0])
        if high - origin >> shift >= CELLS_MAX:
            return None
        cells = origin + (np.arange((high - origin >> shift) + 1) << shift)
        grid = (np.searchsorted(bounds, cells, side="right") - 1).astype(np.uint16)
        return Steps(origin, shift, frozen(grid), frozen(np.append(bounds, np.iinfo(np.int64).max)))

    return _known(scope, (source.path, rounding), make)


def _known(
    scope: SegmentScope, key: tuple[str, Hashable], make: Callable[[int, int], Steps | None]
) -> KnownSteps | None:
    """What is known of a column's intervals, found once; None where there are none, or documents have several values."""
    path = key[0]

    def look() -> tuple[KnownSteps | None]:
        slots = scope.columns.slots(path)
        ends = None if slots is None or slots.kind != WHOLE else scope.columns.zones(path, slots).ends()
        steps = None if ends is None else make(*ends)
        return (None if steps is None else KnownSteps(key, steps),)

    (found,) = scope.columns.kept(("steps", *key), 1 << 14, look)
    return found
