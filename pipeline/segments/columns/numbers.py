"""Columns of values by document: numbers, and the ordinals of keywords.

Two layouts. Where no document has more than one value there is exactly one slot per document (0 or NO_ORDINAL where there is
none) and no ``starts``; else the values lie one after another and ``starts`` says where each document's begin. Values
of a document are ascending; ordinals are distinct besides.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Values of a numeric, date (ms) or boolean (0/1) field: int64 or float64.

    ``starts`` None: one slot per document. ``present`` None: every document has a value.
    """

    values: NDArray[Any]
    starts: I64 | None
    present: Bools | None


@dataclass(frozen=True, slots=True)
class Ordinals:
    """Term numbers of a keyword or ip field; NO_ORDINAL in the slot of a document without one.

    ``starts`` and ``present`` as in Numbers.
    """

    ordinals: NDArray[np.uint32]
    starts: I64 | None
    present: Bools | None


@dataclass(frozen=True, slots=True)
class Slotted:
    """Values laid out by document, as both kinds of column are stored."""

    values: NDArray[Any]
    starts: I64 | None
    present: NDArray[np.uint8] | None


def present_of(rows: NDArray[Any], documents: int) -> NDArray[np.uint8] | None:
    """uint8[n]: 1 where a document has a value; None where all have."""
    present = np.zeros(documents, np.uint8)
    present[rows] = 1
    return None if present.all() else present


def sort_within(rows: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """The values with those of each document ascending. Rows ascend."""
    return values if single(rows) else values[np.lexsort((values, rows))]


def single(rows: NDArray[Any]) -> bool:
    """Whether no document occurs twice."""
    return len(rows) < 2 or bool((rows[1:] > rows[:-1]).all())


def slot(rows: NDArray[Any], values: NDArray[Any], documents: int, missing: int) -> Slotted:
    """Lay out values, sorted within each document, by document."""
    present = present_of(rows, documents)
    if not single(rows):
        starts = np.zeros(documents + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=documents), out=starts[1:])
        return Slotted(values.copy(), starts, present)
    slots = np.full(documents, missing, values.dtype)
    slots[rows] = values
    return Slotted(slots, None, present)


def rows_of(starts: I64 | None, present: NDArray[Any] | None, documents: int) -> I64:
    """int64[v]: the document of each value, ascending: the inverse of ``slot``."""
    if starts is not None:
        return np.repeat(np.arange(documents), np.diff(starts))
    return np.arange(documents) if present is None else np.flatnonzero(present)
