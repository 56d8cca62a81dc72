"""Extremes of a column by zones of rows, and the best rows by a column with zones passed over.

A row's key is an int64 that ascends with its value: WHOLE numbers are their own, a FRACTION's are its bits, those of negative ones turned
around (-0.0 before 0.0), and an ORDINAL's twice itself, so that there is room for what a segment lacks. Small is best; `descending` turns keys
around.
"""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,no-any-return,index"

from typing import Any

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U32Array
from pipeline.kernels.compile import kernel

GREATEST = np.iinfo(np.int64).max
LEAST = np.iinfo(np.int64).min
WHOLE, FRACTION, ORDINAL = range(3)


@kernel
def key_of(value: int, kind: int) -> int:
    """The key of a value of a column of this kind."""
    word = np.int64(value)
    if kind == FRACTION:
        return word ^ ((word >> 63) & GREATEST)
    return word << 1 if kind == ORDINAL else word


@kernel
def zone_extremes(
    values: Any, present: BoolArray, kind: int, rows: int, least: I64Array, most: I64Array, lacking: BoolArray
) -> None:
    """Of each zone of `rows` rows the least and greatest key (GREATEST and LEAST where no row has a value), and whether a row lacks one.

    `present` empty: every row has a value.
    """
    sparse = present.shape[0] > 0
    size = values.shape[0]
    for zone in range(least.shape[0]):
        low = GREATEST
        high = LEAST
        lacks = False
        for row in range(zone * rows, min(size, (zone + 1) * rows)):
            if sparse and not present[row]:
                lacks = True
                continue
            key = key_of(values[row], kind)
            low = min(low, key)
            high = max(high, key)
        least[zone] = low
        most[zone] = high
        lacking[zone] = lacks


@kernel
def best_rows(
    values: Any,
    present: BoolArray,
    kind: int,
    descending: bool,
    missing: int,
    documents: U32Array,
    mask: BoolArray,
    every: bool,
    after: int,
    strictly: bool,
    rows: int,
    order: I64Array,
    zone_best: I64Array,
    zone_worst: I64Array,
    keys: I64Array,
    found: I64Array,
) -> int:
    """The best rows by key, of equal keys the first rows: best first, as many as `found` holds; returns how many.

    Rows come as a sorted list, as a mask, or are all of them. Of keys below `after`, and of those equal to it unless `strictly` is
    false, none is taken (LEAST, not strictly: all are). `missing` is the key of rows without a value. Zones of `rows` rows are visited
    in `order`, by their best keys; zone_best and zone_worst bound the keys of their rows, missing ones too.
    """
    most = found.shape[0]
    size = 0
    total = values.shape[0]
    sparse = present.shape[0] > 0
    chosen = mask.shape[0] > 0
    for visit in range(order.shape[0]):
        zone = order[visit]
        if size == most and zone_best[zone] > keys[0]:
            break
        if zone_worst[zone] < after or (strictly and zone_worst[zone] == after):
            continue
        first = zone * rows
        end = min(total, first + rows)
        if every or chosen:
            for row in range(first, end):
                if chosen and not mask[row]:
                    continue
                key = missing
                if not sparse or present[row]:
                    key = key_of(values[row], kind)
                    key = ~key if descending else key
                if key < after or (strictly and key == after):
                    continue
                if size < most or key < keys[0] or (key == keys[0] and row < found[0]):
                    size = _offer(keys, found, size, key, row)
            continue
        low = np.int64(0)
        high = np.int64(documents.shape[0])
        while low < high:
            middle = (low + high) >> 1
            if documents[middle] < first:
                low = middle + 1
            else:
                high = middle
        at = low
        while at < documents.shape[0] and documents[at] < end:
            row = np.int64(documents[at])
            at += 1
            key = missing
            if not sparse or present[row]:
                key = key_of(values[row], kind)
                key = ~key if descending else key
            if key < after or (strictly and key == after):
                continue
            if size < most or key < keys[0] or (key == keys[0] and row < found[0]):
                size = _offer(keys, found, size, key, row)
    for last in range(size - 1, 0, -1):
        key, row = keys[last], found[last]
        keys[last], found[last] = keys[0], found[0]
        _sink(keys, found, last, key, row)
    return size


@kernel
def _offer(keys: I64Array, found: I64Array, size: int, key: int, row: int) -> int:
    """Put a row into the heap of the best, whose root is the worst of them; where it is full, in place of the root."""
    if size == found.shape[0]:
        _sink(keys, found, size, key, row)
        return size
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if keys[above] > key or (keys[above] == key and found[above] > row):
            break
        keys[at], found[at] = keys[above], found[above]
        at = above
    keys[at], found[at] = key, row
    return size + 1


@kernel
def _sink(keys: I64Array, found: I64Array, size: int, key: int, row: int) -> None:
    """Put a row in for the root of a heap of this size."""
    at = np.int64(0)
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (keys[other] > keys[child] or (keys[other] == keys[child] and found[other] > found[child])):
            child = other
        if keys[child] < key or (keys[child] == key and found[child] < row):
            break
        keys[at], found[at] = keys[child], found[child]
        at = child
    keys[at], found[at] = key, row


@kernel
def rows_below(
    values: Any,
    present: BoolArray,
    kind: int,
    descending: bool,
    missing: int,
    documents: U32Array,
    limit: int,
    places: I64Array,
) -> int:
    """The places of the documents whose key is at most `limit`; returns how many. places: int64[documents]."""
    sparse = present.shape[0] > 0
    count = 0
    for i in range(documents.shape[0]):
        row = documents[i]
        key = missing
        if not sparse or present[row]:
            key = key_of(values[row], kind)
            key = ~key if descending else key
        places[count] = i
        count += np.int64(key <= limit)
    return count
