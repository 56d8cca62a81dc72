"""The best documents over all segments of a view by one call: what a query costs besides its postings is the call itself.

A table says where the arrays of one field lie, a row of addresses for each segment; whoever calls keeps the arrays alive. ``blocks``
int64[terms, segments, 3] says where each term's blocks begin and end, and its df (0: the segment has no such term).
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from pipeline.kernels.arrays import BoolArray, F32Array, I64Array
from pipeline.kernels.compile import kernel
from pipeline.search.kernels.all_kernels import top_of_all
from pipeline.search.kernels.top_kernels import count_any, top_of_any, top_of_term, worse

DATA, DATA_SIZE, LAST, OFFSET, BITS, IMPACT, BLOCKS, NORMS, DOCUMENTS, OFFSETS, ALIVE, NUMBER, COLUMNS = range(13)


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), code


@kernel
def sort_best_first(scores: F32Array, offsets: I64Array, rows: I64Array, size: int) -> None:
    """The heap's hits in order: the root, which is the worst, goes to the end again and again."""
    for end in range(size - 1, 0, -1):
        score, offset, row = scores[end], offsets[end], rows[end]
        scores[end], offsets[end], rows[end] = scores[0], offsets[0], rows[0]
        at = 0
        while True:
            child = 2 * at + 1
            if child >= end:
                break
            if child + 1 < end and worse(scores[child + 1], offsets[child + 1], scores[child], offsets[child]):
                child += 1
            if not worse(scores[child], offsets[child], score, offset):
                break
            scores[at], offsets[at], rows[at] = scores[child], offsets[child], rows[child]
            at = child
        scores[at], offsets[at], rows[at] = score, offset, row


@kernel
def mask_at(address: int, documents: int) -> BoolArray:
    """The mask at an address; an empty one at 0."""
    if address == 0:
        return carray(_pointer(address), (0,), np.bool_)
    return carray(_pointer(address), (documents,), np.bool_)


@kernel
def top_of_view(
    table: I64Array,
    blocks: I64Array,
    weights: F32Array,
    inverse: F32Array,
    masks: I64Array,
    every: bool,
    ordered: bool,
    wanted: int,
    heap_scores: F32Array,
    heap_offsets: I64Array,
    heap_rows: I64Array,
) -> tuple[int, int]:
    """Fill the heap, best first in the end. `masks`: by segment the address of bool[documents], 0: the live ones, -1: no document.

    Returns (documents in the heap, matches counted): matches are counted up to `wanted` at least, where that is above 0.
    """
    terms = blocks.shape[0]
    first = np.empty(terms, np.int64)
    end = np.empty(terms, np.int64)
    df = np.empty(terms, np.int64)
    some = np.empty(terms, np.float32)
    size = np.int64(0)
    hits = np.int64(0)
    counting = heap_scores.shape[0] == 0
    if counting:  # `top_of_all` counts as it goes, and wants a heap
        heap_scores, heap_offsets, heap_rows = np.zeros(1, np.float32), np.zeros(1, np.int64), np.zeros(1, np.int64)
    for s in range(table.shape[0]):
        if masks[s] < 0:
            continue
        known = 0
        for t in range(terms):
            count = blocks[t, s, 2]
            if count == 0:
                continue
            slot = known
            while slot > 0 and df[slot - 1] > count:
                first[slot], end[slot], df[slot], some[slot] = (
                    first[slot - 1],
                    end[slot - 1],
                    df[slot - 1],
                    some[slot - 1],
                )
                slot -= 1
            first[slot], end[slot], df[slot], some[slot] = blocks[t, s, 0], blocks[t, s, 1], count, weights[t]
            known += 1
        if known == 0 or (every and known < terms):
            continue
        row = table[s]
        documents = row[DOCUMENTS]
        data = carray(_pointer(row[DATA]), (row[DATA_SIZE],), np.uint8)
        last = carray(_pointer(row[LAST]), (row[BLOCKS],), np.uint32)
        offset = carray(_pointer(row[OFFSET]), (row[BLOCKS],), np.int64)
        bits = carray(_pointer(row[BITS]), (row[BLOCKS],), np.uint32)
        impact = carray(_pointer(row[IMPACT]), (row[BLOCKS],), np.uint32)
        norms = carray(_pointer(row[NORMS]), (documents,), np.uint8)
        offsets = carray(_pointer(row[OFFSETS]), (documents,), np.int64)
        mask = mask_at(masks[s] if masks[s] != 0 else row[ALIVE], documents)
        number = row[NUMBER] << 32
        if every and known > 1:
            size, hits = top_of_all(
                data, last, offset, bits, impact, first, end, some, inverse, norms, mask, offsets, number, ordered,
                heap_scores, heap_offsets, heap_rows, size, hits, wanted,
            )  # fmt: skip
            continue
        if hits < wanted:
            if known == 1 and mask.shape[0] == 0:
                hits += df[0]
            elif mask.shape[0] == 0 and df[known - 1] >= wanted - hits:
                hits = np.int64(wanted)
            else:
                hits += count_any(data, last, offset, bits, first[:known], end[:known], mask, documents, wanted - hits)
        if counting:
            continue
        if known == 1:
            size = top_of_term(
                data, last, offset, bits, impact, first[0], end[0], some[0], inverse, norms, mask, offsets, number,
                ordered, heap_scores, heap_offsets, heap_rows, size,
            )  # fmt: skip
        else:
            size = top_of_any(
                data, last, offset, bits, impact, first[:known], end[:known], some[:known], inverse, norms, mask,
                offsets, number, ordered, heap_scores, heap_offsets, heap_rows, size,
            )  # fmt: skip
    if counting:
        return np.int64(0), hits
    sort_best_first(heap_scores, heap_offsets, heap_rows, size)
    return size, hits
