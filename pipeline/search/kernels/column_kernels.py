"""Filters over columns: which documents have a value in a span, one of some values, one of some ids.

A column is `values` beside `starts`: document d has values[starts[d]:starts[d + 1]]. Where every document has one slot `starts` is
empty and slot d is document d's (documents without a value are taken out afterwards).
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

from typing import Any

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64


@kernel
def mark_span(values: Any, starts: I64Array, low: Any, high: Any, mask: BoolArray) -> None:
    """mask[d] = whether document d has a value in [low, high]; bounds of the values' own type."""
    if starts.shape[0] == 0:
        for d in range(mask.shape[0]):
            mask[d] = (values[d] >= low) & (values[d] <= high)
        return
    for d in range(mask.shape[0]):
        found = False
        for i in range(starts[d], starts[d + 1]):
            found |= (values[i] >= low) & (values[i] <= high)
        mask[d] = found


@kernel
def mark_any_of(values: Any, starts: I64Array, wanted: Any, mask: BoolArray) -> None:
    """mask[d] = whether document d has one of the wanted values (sorted, at least one)."""
    size = wanted.shape[0]
    each = starts.shape[0] == 0
    for d in range(mask.shape[0]):
        first = d if each else starts[d]
        end = d + 1 if each else starts[d + 1]
        found = False
        for i in range(first, end):
            low = 0
            high = size
            while low < high:
                middle = (low + high) >> 1
                if wanted[middle] < values[i]:
                    low = middle + 1
                else:
                    high = middle
            found |= low < size and wanted[low] == values[i]
        mask[d] = found


@kernel
def id_key(base: int, start: int, end: int) -> int:
    """A word that tells most ids apart: length, first and last eight bytes. 8 bytes must be readable after every id."""
    length = end - start
    if length >= 8:
        head = load64(base, start)
        tail = load64(base, end - 8)
    else:
        head = load64(base, start) & ~(~np.uint64(0) << np.uint64(8 * length))
        tail = head
    mixed = (head ^ np.uint64(length)) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (tail * np.uint64(0xC2B2AE3D27D4EB4F))


@kernel
def keys_of_ids(data: U8Array, starts: I64Array, keys: U64Array) -> None:
    """The key of every id."""
    base = address_of(data)
    for i in range(starts.shape[0] - 1):
        keys[i] = id_key(base, starts[i], starts[i + 1])


@kernel
def find_ids(
    data: U8Array,
    starts: I64Array,
    wanted: U8Array,
    wanted_starts: I64Array,
    wanted_keys: U64Array,
    found: I64Array,
) -> int:
    """Rows whose id is wanted, ascending, into `found` (of the length of the column); `wanted_keys` ascending. Returns their count."""
    base = address_of(data)
    count = 0
    size = wanted_keys.shape[0]
    for row in range(starts.shape[0] - 1):
        key = id_key(base, starts[row], starts[row + 1])
        low = 0
        high = size
        while low < high:
            middle = (low + high) >> 1
            if wanted_keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        while low < size and wanted_keys[low] == key:
            length = wanted_starts[low + 1] - wanted_starts[low]
            if length == starts[row + 1] - starts[row]:
                same = True
                for i in range(length):
                    same &= data[starts[row] + i] == wanted[wanted_starts[low] + i]
                if same:
                    found[count] = row
                    count += 1
                    break
            low += 1
    return count


@kernel
def kth_least(keys: I64Array, k: int) -> int:
    """The k-th least of at least k keys, by a heap of the k least so far."""
    heap = np.full(k, np.iinfo(np.int64).max, np.int64)  # the root is the greatest of them
    for i in range(keys.shape[0]):
        key = keys[i]
        if key >= heap[0]:
            continue
        at = 0
        while True:
            child = 2 * at + 1
            if child >= k:
                break
            if child + 1 < k and heap[child + 1] > heap[child]:
                child += 1
            if heap[child] <= key:
                break
            heap[at] = heap[child]
            at = child
        heap[at] = key
    return heap[0]
