"""Counting documents by what their columns say, without listing values: ordinals, intervals of a histogram; the greatest counts.

Documents come as a sorted list, as a mask over all rows, or as all rows: `documents` beside `mask`, one of them empty, both where
`rows`, else 0, counts all of them.
"""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,no-any-return,index,call-overload"

from typing import Any

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U16Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.pointer_kernels import i64_at, u32_at
from pipeline.search.kernels.view_kernels import BITS, BLOCKS, DATA, LAST, OFFSET
from pipeline.segments.postings_kernels import decode_documents

TURNS_CODES_MAX = 1024


@kernel
def documents_of_row(row: I64Array, first: int, end: int, documents: U32Array) -> None:
    """The documents of the blocks [first, end) of a field in a segment; `row`: where its arrays lie (``view_kernels``)."""
    last = u32_at(row[LAST], row[BLOCKS])
    offset = i64_at(row[OFFSET], row[BLOCKS])
    bits = u32_at(row[BITS], row[BLOCKS])
    previous = np.int64(-1)
    at = 0
    for block in range(first, end):
        until = np.int64(last[block])
        at += decode_documents(row[DATA], offset[block], bits[block], until, previous, documents[at:])
        previous = until


@kernel
def count_codes(codes: Any, documents: U32Array, mask: BoolArray, rows: int, limit: int, counts: I64Array) -> None:
    """Add the documents to counts[code]; codes above `limit` are counted at `limit`. counts: int64[limit + 1].

    Neighbours often have the same code, as dates come in order: four counters for each take turns, as one would have to wait for its
    own last addition.
    """
    if rows == 0:
        size = documents.shape[0]
        done = np.int64(0)
        if limit < TURNS_CODES_MAX and size >= 4 * (limit + 1):
            done = size & ~np.int64(3)
            turns = np.zeros((4, limit + 1), np.int64)
            for i in range(0, done, 4):
                turns[0, min(np.int64(codes[documents[i]]), limit)] += 1
                turns[1, min(np.int64(codes[documents[i + 1]]), limit)] += 1
                turns[2, min(np.int64(codes[documents[i + 2]]), limit)] += 1
                turns[3, min(np.int64(codes[documents[i + 3]]), limit)] += 1
            for turn in range(4):
                for code in range(limit + 1):
                    counts[code] += turns[turn, code]
        for i in range(done, size):
            counts[min(np.int64(codes[documents[i]]), limit)] += 1
        return
    chosen = mask.shape[0] > 0
    for row in range(rows):
        counts[min(np.int64(codes[row]), limit)] += np.int64(mask[row]) if chosen else 1


@kernel
def step_of(value: int, low: int, shift: int, grid: U16Array, bounds: I64Array) -> int:
    """The interval of a value: bounds[step] <= value < bounds[step + 1]. No cell of the grid holds more than one bound."""
    step = np.int64(grid[(value - low) >> shift])
    return step + np.int64(value >= bounds[step + 1])


@kernel
def count_steps(
    values: I64Array,
    present: BoolArray,
    documents: U32Array,
    mask: BoolArray,
    rows: int,
    low: int,
    shift: int,
    grid: U16Array,
    bounds: I64Array,
    counts: I64Array,
) -> None:
    """Add the documents to counts[interval of their value]; those without a value (`present` empty: there are none) to the last count.

    counts and bounds: int64[intervals + 1].
    """
    last = bounds.shape[0] - 1
    sparse = present.shape[0] > 0
    if rows == 0:
        for i in range(documents.shape[0]):
            row = documents[i]
            step = last if sparse and not present[row] else step_of(values[row], low, shift, grid, bounds)
            counts[step] += 1
        return
    chosen = mask.shape[0] > 0
    for row in range(rows):
        step = last if sparse and not present[row] else step_of(values[row], low, shift, grid, bounds)
        counts[step] += np.int64(mask[row]) if chosen else 1


@kernel
def code_steps(
    values: I64Array, present: BoolArray, low: int, shift: int, grid: U16Array, bounds: I64Array, codes: Any
) -> None:
    """The interval of each value; the number of intervals where there is no value."""
    last = bounds.shape[0] - 1
    sparse = present.shape[0] > 0
    for i in range(values.shape[0]):
        codes[i] = last if sparse and not present[i] else step_of(values[i], low, shift, grid, bounds)


@kernel
def gather_counts(counts: I64Array, size: int, codes: I64Array, totals: I64Array) -> int:
    """The codes below `size` that were counted, ascending, and their counts; returns how many. Both arrays: int64[size + 1]."""
    found = 0
    for code in range(size):
        codes[found] = code
        totals[found] = counts[code]
        found += np.int64(counts[code] > 0)
    return found


@kernel
def greatest_counts(counts: I64Array, best: I64Array) -> int:
    """The places of the greatest counts, greatest first, of equal ones the first; fills `best` and returns how many there are."""
    most = best.shape[0]
    size = 0  # a heap whose root is the worst of the best: the least count, of equal ones the last
    for i in range(counts.shape[0]):
        count = counts[i]
        if size < most:
            at = size
            size += 1
            while at > 0:
                above = (at - 1) >> 1
                if counts[best[above]] < count:
                    break
                best[at] = best[above]
                at = above
            best[at] = i
            continue
        if most == 0 or count <= counts[best[0]]:  # of equal counts the one that is there came first
            continue
        _sink(counts, best, size, i)
    for end in range(size - 1, 0, -1):
        last = best[end]
        best[end] = best[0]
        _sink(counts, best, end, last)
    return size


@kernel
def _worse(counts: I64Array, a: int, b: int) -> bool:
    """Whether place a comes after place b."""
    return counts[a] < counts[b] or (counts[a] == counts[b] and a > b)


@kernel
def _sink(counts: I64Array, heap: I64Array, size: int, place: int) -> None:
    """Put a place in for the root of a heap of this size."""
    at = np.int64(0)
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _worse(counts, heap[child + 1], heap[child]):
            child += 1
        if not _worse(counts, heap[child], place):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = place
