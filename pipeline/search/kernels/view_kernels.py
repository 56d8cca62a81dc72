"""Terms looked up and the best documents found over all segments of a view, by one call each: what a query costs besides its postings
is the call itself.

A table says where the arrays of one field lie, a row of addresses for each segment; whoever calls keeps the arrays alive. A row of
zeros: the segment does not have the field. ``found`` int64[terms, FOUND + 3 segments] says of each term its length in bytes, in how
many documents it is, and for each segment where its blocks begin and end, and its df (0: the segment has no such term).
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from pipeline.kernels.arrays import BoolArray, F32Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of
from pipeline.search.kernels.all_kernels import top_of_all
from pipeline.search.kernels.heap_kernels import sort_best_first
from pipeline.search.kernels.top_kernels import count_any, top_of_any, top_of_term
from pipeline.segments.columns.term_kernels import compare, lower_bound

(
    DATA, DATA_SIZE, LAST, OFFSET, BITS, IMPACT, BLOCKS, NORMS, DOCUMENTS, OFFSETS, ALIVE, NUMBER,
    TERMS, TERM_BYTES, TERM_STARTS, TERM_COUNT, BLOCK_TERM, FREQUENCY, COLUMNS,
) = range(19)  # fmt: skip
LENGTH, COUNT, FOUND = range(3)
ANY, ALL, PHRASE = range(3)  # how a query's terms have to match


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), code


@kernel
def mask_at(address: int, documents: int) -> BoolArray:
    """The mask at an address; an empty one at 0."""
    if address == 0:
        return carray(_pointer(address), (0,), np.bool_)
    return carray(_pointer(address), (documents,), np.bool_)


@kernel
def find_terms(table: I64Array, texts: U8Array, found: I64Array) -> None:
    """Look up terms, one after another in `texts`, in every segment; all but their lengths in `found` is zero before."""
    text = address_of(texts)
    for s in range(table.shape[0]):
        row = table[s]
        count = row[TERM_COUNT]
        if count == 0:
            continue
        data = carray(_pointer(row[TERMS]), (row[TERM_BYTES],), np.uint8)
        starts = carray(_pointer(row[TERM_STARTS]), (count + 1,), np.int64)
        block_term = carray(_pointer(row[BLOCK_TERM]), (count + 1,), np.uint32)
        frequency = carray(_pointer(row[FREQUENCY]), (count,), np.uint32)
        end = np.int64(0)
        for t in range(found.shape[0]):
            begin, length = end, found[t, LENGTH]
            end += length
            number = lower_bound(data, starts, texts, begin, length)
            if number == count:
                continue
            at = starts[number]
            if compare(address_of(data), at, starts[number + 1] - at, text, begin, length) != 0:
                continue
            found[t, FOUND + 3 * s] = block_term[number]
            found[t, FOUND + 3 * s + 1] = block_term[number + 1]
            found[t, FOUND + 3 * s + 2] = frequency[number]
            found[t, COUNT] += np.int64(frequency[number])


@kernel
def top_of_view(
    table: I64Array,
    found: I64Array,
    weights: F32Array,
    inverse: F32Array,
    masks: I64Array,
    mode: int,
    shifts: I64Array,
    slop: int,
    ordered: bool,
    wanted: int,
    scores: F32Array,
    places: I64Array,
) -> tuple[int, int]:
    """Fill the heap, best first in the end: scores, and as `places` their offsets, segments and documents.

    `mode`: ANY, ALL, or a PHRASE with its shifts and slop.
    `masks`: by segment the address of bool[documents], 0: the live ones, -1: no document; empty: the live ones everywhere. Returns
    (documents in the heap, matches counted): matches are counted up to `wanted` at least, where that is above 0.
    """
    terms = found.shape[0]
    spaces = np.empty((3, terms), np.int64)
    first, end, df = spaces[0], spaces[1], spaces[2]
    some = np.empty(terms, np.float32)
    shifted = shifts.copy() if mode == PHRASE else np.empty(0, np.int64)
    size = np.int64(0)
    hits = np.int64(0)
    ties, rows = places[0], places[1]
    no_documents, no_frequencies = carray(_pointer(0), (0,), np.uint32), carray(_pointer(0), (0,), np.float32)
    for s in range(table.shape[0]):
        only = masks[s] if masks.shape[0] > 0 else 0
        if only < 0:
            continue
        known = 0
        for t in range(terms):
            at = FOUND + 3 * s
            count = found[t, at + 2]
            if count == 0:
                continue
            slot = known
            while slot > 0 and df[slot - 1] > count:
                first[slot], end[slot], df[slot] = first[slot - 1], end[slot - 1], df[slot - 1]
                some[slot] = some[slot - 1]
                if mode == PHRASE:
                    shifted[slot] = shifted[slot - 1]
                slot -= 1
            first[slot], end[slot], df[slot], some[slot] = found[t, at], found[t, at + 1], count, weights[t]
            if mode == PHRASE:
                shifted[slot] = shifts[t]
            known += 1
        if known == 0 or (mode != ANY and known < terms):
            continue
        arrays = table[s]
        documents = arrays[DOCUMENTS]
        data = carray(_pointer(arrays[DATA]), (arrays[DATA_SIZE],), np.uint8)
        last = carray(_pointer(arrays[LAST]), (arrays[BLOCKS],), np.uint32)
        begin = carray(_pointer(arrays[OFFSET]), (arrays[BLOCKS],), np.int64)
        bits = carray(_pointer(arrays[BITS]), (arrays[BLOCKS],), np.uint32)
        impact = carray(_pointer(arrays[IMPACT]), (arrays[BLOCKS],), np.uint32)
        norms = carray(_pointer(arrays[NORMS]), (documents,), np.uint8)
        offsets = carray(_pointer(arrays[OFFSETS]), (documents,), np.int64)
        mask = mask_at(only if only != 0 else arrays[ALIVE], documents)
        row = s << 32
        if mode != ANY and known > 1:
            size, hits = top_of_all(
                data, last, begin, bits, impact, first, end, some, inverse, norms, mask, offsets, row, ordered,
                shifted, slop, scores, ties, rows, size, hits, wanted, no_documents, no_frequencies,
            )  # fmt: skip
            continue
        if hits < wanted:
            if known == 1 and mask.shape[0] == 0:
                hits += df[0]
            elif mask.shape[0] == 0 and df[known - 1] >= wanted - hits:
                hits = np.int64(wanted)
            else:
                hits += count_any(data, last, begin, bits, first[:known], end[:known], mask, documents, wanted - hits)
        if scores.shape[0] == 0:
            continue
        if known == 1:
            size = top_of_term(
                data, last, begin, bits, impact, first[0], end[0], some[0], inverse, norms, mask, offsets, row,
                ordered, scores, ties, rows, size,
            )  # fmt: skip
        else:
            size = top_of_any(
                data, last, begin, bits, impact, first[:known], end[:known], some[:known], inverse, norms, mask,
                offsets, row, ordered, scores, ties, rows, size,
            )  # fmt: skip
    sort_best_first(scores, ties, rows, size)
    for i in range(size):
        s, document = rows[i] >> 32, rows[i] & 0xFFFFFFFF
        offsets = carray(_pointer(table[s, OFFSETS]), (table[s, DOCUMENTS],), np.int64)
        places[0, i], places[1, i], places[2, i] = offsets[document], table[s, NUMBER], document
    return size, hits


@kernel
def list_phrase(
    row: I64Array, blocks: I64Array, shifts: I64Array, slop: int, documents: U32Array, frequencies: F32Array
) -> int:
    """All documents of a segment with a phrase, dead ones too, and its frequency in each; returns how many.

    Terms, blocks int64[terms, 3], by df, the rarest first; the outputs hold the df of the first.
    """
    terms = blocks.shape[0]
    size = row[DOCUMENTS]
    _, listed = top_of_all(
        carray(_pointer(row[DATA]), (row[DATA_SIZE],), np.uint8),
        carray(_pointer(row[LAST]), (row[BLOCKS],), np.uint32),
        carray(_pointer(row[OFFSET]), (row[BLOCKS],), np.int64),
        carray(_pointer(row[BITS]), (row[BLOCKS],), np.uint32),
        carray(_pointer(row[IMPACT]), (row[BLOCKS],), np.uint32),
        blocks[:, 0].copy(), blocks[:, 1].copy(), np.zeros(terms, np.float32), np.zeros(256, np.float32),
        carray(_pointer(row[NORMS]), (size,), np.uint8), mask_at(np.int64(0), size),
        carray(_pointer(row[OFFSETS]), (size,), np.int64), np.int64(0), True, shifts, slop,
        np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64), np.int64(0), np.int64(0), np.int64(0),
        documents, frequencies,
    )  # fmt: skip
    return listed
