"""Terms looked up and the best documents found over all segments of a view, by one call each: what a query costs besides its postings
is the call itself.

A table says where the arrays of one field lie, a row of addresses for each segment; whoever calls keeps the arrays alive. A row of
zeros: the segment does not have the field. ``found`` int64[terms, FOUND + CELLS segments] says of each term its length in bytes, in
how many documents it is, and for each segment where its blocks begin and end, its df (0: the segment has no such term) and number.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

import numpy as np

from pipeline.kernels.arrays import F32Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.pointer_kernels import bools_at, f32_at, i64_at, u8_at, u32_at, u64_at
from pipeline.kernels.simd_kernels import address_of
from pipeline.search.kernels.all_kernels import SLOTS, top_of_all, top_of_listed
from pipeline.search.kernels.heap_kernels import sort_best_first
from pipeline.search.kernels.limit_kernels import DOCUMENTS as LISTED
from pipeline.search.kernels.limit_kernels import (
    KIND,
    LIMIT_COLUMNS,
    MASK,
    VALUES,
    fewest,
    list_allowed,
    settle,
)
from pipeline.search.kernels.top_kernels import count_any, top_of_any
from pipeline.segments.columns.term_kernels import compare, guided_bound

(
    DATA, DATA_SIZE, LAST, OFFSET, BITS, IMPACT, BLOCKS, NORMS, DOCUMENTS, OFFSETS, ALIVE, NUMBER,
    TERMS, TERM_BYTES, TERM_STARTS, TERM_COUNT, BLOCK_TERM, FREQUENCY, GUIDE, GUIDE_SIZE, COLUMNS,
) = range(21)  # fmt: skip
LENGTH, COUNT, FOUND = range(3)
CELLS = 4
GUIDE_STEP = 32  # terms between two words of a dictionary's guide
LISTING_COST = 4  # looking a document up costs as much as looking at so many postings
ANY, ALL, PHRASE = range(3)  # how a query's terms have to match


@kernel
def find_terms(table: I64Array, texts: U8Array, found: I64Array) -> None:
    """Look up terms, one after another in `texts`, in every segment; all but their lengths in `found` is zero before."""
    text = address_of(texts)
    for s in range(table.shape[0]):
        row = table[s]
        count = row[TERM_COUNT]
        if count == 0:
            continue
        data = u8_at(row[TERMS], row[TERM_BYTES])
        starts = i64_at(row[TERM_STARTS], count + 1)
        block_term = u32_at(row[BLOCK_TERM], count + 1)
        frequency = u32_at(row[FREQUENCY], count)
        guide = u64_at(row[GUIDE], row[GUIDE_SIZE])
        end = np.int64(0)
        for t in range(found.shape[0]):
            begin, length = end, found[t, LENGTH]
            end += length
            number = guided_bound(data, starts, texts, begin, length, GUIDE_STEP, guide)
            if number == count:
                continue
            at = starts[number]
            if compare(address_of(data), at, starts[number + 1] - at, text, begin, length) != 0:
                continue
            cell = FOUND + CELLS * s
            found[t, cell] = block_term[number]
            found[t, cell + 1] = block_term[number + 1]
            found[t, cell + 2] = frequency[number]
            found[t, cell + 3] = number
            found[t, COUNT] += np.int64(frequency[number])


@kernel
def top_of_view(
    table: I64Array,
    found: I64Array,
    weights: F32Array,
    inverse: F32Array,
    limits: I64Array,
    mode: int,
    shifts: I64Array,
    slop: int,
    ordered: bool,
    wanted: int,
    scores: F32Array,
    places: I64Array,
) -> tuple[int, int]:
    """Fill the heap, best first in the end: scores, and as `places` their offsets, segments and documents.

    `mode`: ANY, ALL, or a PHRASE with its shifts and slop. `limits` int64[segments, limits, LIMIT_COLUMNS]: see ``limit_kernels``; a
    MASK stands alone, and says what is alive too. Returns (documents in the heap, matches counted): matches are counted up to
    `wanted` at least, where that is above 0.
    """
    terms = found.shape[0]
    spaces = np.empty((3, terms), np.int64)
    first, end, df = spaces[0], spaces[1], spaces[2]
    some = np.empty(terms, np.float32)
    shifted = np.empty(shifts.shape[0], np.int64)
    size = np.int64(0)
    hits = np.int64(0)
    ties, rows = places[0], places[1]
    no_documents, no_frequencies = u32_at(0, 0), f32_at(0, 0)
    slots = np.zeros(SLOTS + 1 if mode != ANY or limits.shape[1] > 0 else 0, np.uint16)
    rounds = np.zeros(1, np.int64)
    for s in range(table.shape[0]):
        within = limits[s]
        lead = fewest(within) if within.shape[0] > 0 else -1
        if lead == -2:
            continue
        known = 0
        postings = np.int64(0)
        for t in range(terms):
            at = FOUND + CELLS * s
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
            postings += count
        if known == 0 or (mode != ANY and known < terms):
            continue
        arrays = table[s]
        documents = arrays[DOCUMENTS]
        data = u8_at(arrays[DATA], arrays[DATA_SIZE])
        last = u32_at(arrays[LAST], arrays[BLOCKS])
        begin = i64_at(arrays[OFFSET], arrays[BLOCKS])
        bits = u32_at(arrays[BITS], arrays[BLOCKS])
        impact = u32_at(arrays[IMPACT], arrays[BLOCKS])
        norms = u8_at(arrays[NORMS], documents)
        offsets = i64_at(arrays[OFFSETS], documents)
        mask = bools_at(arrays[ALIVE], documents)
        row = s << 32
        listing = lead >= 0 and mode != PHRASE and within[lead, LISTED] * LISTING_COST < postings
        if within.shape[0] == 1 and within[0, KIND] == MASK:
            mask = bools_at(within[0, VALUES], documents)
            within = within[:0]
        held = bools_at(0, 0)
        if within.shape[0] > 0:
            within, held = settle(within, lead if listing else -1, documents)
        if listing:
            listed = list_allowed(limits[s], lead, within, mask)
            size, matched = top_of_listed(
                data, last, begin, bits, first[:known], end[:known], some[:known], inverse, norms, listed, mode == ALL,
                offsets, row, ordered, scores, ties, rows, size, slots, rounds,
            )  # fmt: skip
            hits += matched + 0 * held.shape[0]
            continue
        if mode != ANY and known > 1:
            size, hits = top_of_all(
                data, last, begin, bits, impact, first, end, some, inverse, norms, mask, within, offsets, row, ordered,
                shifted, slop, scores, ties, rows, size, hits, wanted, no_documents, no_frequencies, slots, rounds, -1.0,
                np.bool_(False),
            )  # fmt: skip
            hits += 0 * held.shape[0]  # until here masks are kept alive, whose addresses stand in `within`
            continue
        free = mask.shape[0] == 0 and within.shape[0] == 0
        if hits < wanted:
            if known == 1 and free:
                hits += df[0]
            elif free and df[known - 1] >= wanted - hits:
                hits = np.int64(wanted)
            else:
                hits += count_any(
                    data, last, begin, bits, first[:known], end[:known], mask, within, documents, wanted - hits
                )
        if scores.shape[0] == 0:
            continue
        size = top_of_any(
            data, last, begin, bits, impact, first[:known], end[:known], some[:known], inverse, norms, mask, within,
            offsets, row, ordered, scores, ties, rows, size,
        )  # fmt: skip
        hits += 0 * held.shape[0]
    sort_best_first(scores, ties, rows, size)
    for i in range(size):
        s, document = rows[i] >> 32, rows[i] & 0xFFFFFFFF
        offsets = i64_at(table[s, OFFSETS], table[s, DOCUMENTS])
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
    first, end = np.empty(terms, np.int64), np.empty(terms, np.int64)
    for t in range(terms):
        first[t], end[t] = blocks[t, 0], blocks[t, 1]
    size = row[DOCUMENTS]
    _, listed = top_of_all(
        u8_at(row[DATA], row[DATA_SIZE]),
        u32_at(row[LAST], row[BLOCKS]),
        i64_at(row[OFFSET], row[BLOCKS]),
        u32_at(row[BITS], row[BLOCKS]),
        u32_at(row[IMPACT], row[BLOCKS]),
        first, end, np.zeros(terms, np.float32), np.zeros(256, np.float32),
        u8_at(row[NORMS], size), bools_at(0, 0), np.empty((0, LIMIT_COLUMNS), np.int64),
        i64_at(row[OFFSETS], size), np.int64(0), np.bool_(True), shifts, slop,
        np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64), np.int64(0), np.int64(0), np.int64(0),
        documents, frequencies, np.zeros(SLOTS + 1, np.uint16), np.zeros(1, np.int64), -1.0,
        np.bool_(False),
    )  # fmt: skip
    return listed
