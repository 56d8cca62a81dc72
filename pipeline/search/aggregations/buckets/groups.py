"""Numbering what documents have: distinct values, and pairs of a parent bucket and a value."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
NEAR: Final = 1 << 12  # values that lie within so many steps of each other are counted, not sorted


def coded(values: NDArray[Any], step: int = 1) -> tuple[NDArray[Any], I64]:
    """(distinct values ascending, number of each value among them). ``step``: what whole values are apart, or a multiple of it."""
    if values.dtype == np.int64 and len(values):
        least, most = int(values.min()), int(values.max())
        if (most - least) // step < max(NEAR, len(values)):
            distinct, codes = _near((values - least) // step, (most - least) // step + 1)
            return least + step * distinct, codes
    distinct = np.unique(values)
    if len(distinct) * 8 < len(values):  # looking up in a short array is faster than sorting positions
        return distinct, np.searchsorted(distinct, values)
    distinct, codes = np.unique(values, return_inverse=True)
    return distinct, codes.reshape(-1)


def _near(steps: I64, count: int) -> tuple[I64, I64]:
    """``coded`` of numbers from 0 to below ``count``."""
    found = np.zeros(count, np.bool_)
    found[steps] = True
    distinct = np.flatnonzero(found)
    return (distinct, steps) if len(distinct) == count else (distinct, (np.cumsum(found) - 1)[steps])


def group(parents: I64, codes: I64, code_count: int) -> tuple[I64, I64, I64, I64]:
    """Number the distinct (parent, code) pairs: (number int64[v], parent, code, count of each number), ascending."""
    if not len(codes):
        return codes, codes, codes, codes
    combined = parents * code_count + codes
    space = (int(parents.max()) + 1) * code_count
    if space <= max(1 << 16, 4 * len(codes)):
        counts = np.bincount(combined, minlength=space)
        present = np.flatnonzero(counts)
        lookup = np.empty(space, np.int64)
        lookup[present] = np.arange(len(present))
        number = lookup[combined]
        counts = counts[present]
    else:
        present, number, counts = np.unique(combined, return_inverse=True, return_counts=True)
    return number.reshape(-1), present // code_count, present % code_count, counts


def first_of_document(index: I64, codes: I64) -> Bools:
    """bool[v]: False where the value before is the same document's same code."""
    first = np.ones(len(codes), np.bool_)
    first[1:] = (index[1:] != index[:-1]) | (codes[1:] != codes[:-1])
    return first
