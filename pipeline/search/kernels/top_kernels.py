"""The best k documents of a term or of any of several terms: blocks that cannot matter are not decoded.

Each block of postings carries a bound on its scores (`impact`: see docs/internals/segments.md). Once k documents are known, the worst
of them is a threshold, and what cannot pass it is skipped. A first threshold comes from the blocks with the greatest bounds
(`led_kernels.seed_of_any`), so that mostly one of these ways can be taken from the start:

* one term, or one without which no document passes: its blocks are walked (`led_kernels.top_led`);
* no document passes that lacks any of the terms: as if all were asked for (`all_kernels.top_of_all`);
* the same holds but for a term that is far rarer: its documents first, then those with both others;
* else (MaxScore: Turtle and Flood 1995, with bounds per block as in Block-Max: Ding and Suel 2011) documents are walked in windows,
  until one of the terms leads; in each window terms are ordered by their bound there, and those whose bounds together do not pass
  are only looked up for documents that other terms brought in, unless adding all their postings costs less.

The k best are a heap (``heap_kernels``). Where segments and rows come in order of offset a document that only equals the threshold
cannot enter (`ordered`), else it may. The slow twins are in ``score_kernels`` with ``push_scores``.

Sums are float64 (see ``score_kernels``); bounds have a slack of 1e-9, far above what their summation can lose.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F32Array, F64Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.pointer_kernels import f32_at, u32_at
from pipeline.kernels.simd_kernels import address_of, bit_count64, trailing_zeros64
from pipeline.search.kernels.all_kernels import SLOTS, top_of_all
from pipeline.search.kernels.heap_kernels import offer, threshold
from pipeline.search.kernels.led_kernels import bounds_of_blocks, find_in_block, seed_of_any, top_led
from pipeline.search.kernels.limit_kernels import excluded, passes
from pipeline.search.kernels.score_kernels import bm25
from pipeline.segments.postings_kernels import (
    BLOCK,
    decode_documents,
    decode_frequencies,
    frequency_at,
)

WINDOW = 2048  # documents at a time; more of them where terms are rare
WINDOW_MAX = 16384
WINDOW_POSTINGS = 256
LOOKUP_COST = 4
RARER = 4  # a term with so many times fewer blocks is looked at apart
ROUNDING = 1e-12  # of a sum of bounds, far above what subtracting one can lose


@kernel
def top_of_any(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    block_impact: U32Array,
    first: I64Array,
    end: I64Array,
    weights: F32Array,
    inverse: F32Array,
    norms: U8Array,
    mask: BoolArray,
    limits: I64Array,
    offsets: I64Array,
    row: int,
    ordered: bool,
    heap_scores: F32Array,
    heap_ties: I64Array,
    heap_rows: I64Array,
    size: int,
) -> int:
    """The best documents with any of the terms into the heap. `mask`: documents that count, or empty for all; so do `limits`."""
    base = np.uintp(address_of(data))
    terms = first.shape[0]
    blocks = np.int64(0)
    for t in range(terms):
        blocks += end[t] - first[t]
    bounds = np.empty(blocks, np.float64)
    at = np.empty(terms, np.int64)
    most = np.empty(terms, np.float64)
    bounds_of_blocks(block_impact, first, end, weights, inverse, bounds, at, most)
    seed = np.float64(-1)
    if size < heap_scores.shape[0]:
        seed = seed_of_any(
            base, block_last, block_offset, block_bits, block_impact, first, end, weights, inverse, norms, mask, limits,
            offsets, bounds, at, most, heap_scores.shape[0],
        )  # fmt: skip
    cut = max(seed, threshold(heap_scores, size, ordered))
    apart = np.int64(0)  # terms whose documents are looked at before all others
    if terms == 3 and (end[0] - first[0]) * RARER <= end[1] - first[1] and needed(most[1:], cut) == 2:
        apart = np.int64(1)
        size = top_led(
            base, block_last, block_offset, block_bits, block_impact, first, end, weights, inverse, norms, mask, limits,
            offsets, row, ordered, bounds, at, most, np.int64(0), np.empty(0, np.int64), np.int64(0), seed, heap_scores,
            heap_ties, heap_rows, size,
        )  # fmt: skip
    if terms > 1 and (apart > 0 or needed(most, cut) == terms):
        return top_of_all(
            data, block_last, block_offset, block_bits, block_impact, first[apart:], end[apart:], weights[apart:],
            inverse, norms, mask, limits, offsets, row, ordered, np.empty(0, np.int64), np.int64(0), heap_scores,
            heap_ties, heap_rows, size, np.int64(0), np.int64(0), u32_at(0, 0), f32_at(0, 0),
            np.zeros(SLOTS + 1, np.uint16), np.zeros(1, np.int64), seed, apart > 0,
        )[0]  # fmt: skip
    start = np.int64(0)
    lead = leader(first, end, most, cut)
    if lead < 0:
        start, size = top_by_windows(
            base, block_last, block_offset, block_bits, first, end, weights, inverse, norms, mask, limits, offsets, row,
            ordered, bounds, at, most, seed, heap_scores, heap_ties, heap_rows, size,
        )  # fmt: skip
        lead = leader(first, end, most, max(seed, threshold(heap_scores, size, ordered)))
    if lead < 0 or start >= norms.shape[0]:
        return size
    return top_led(
        base, block_last, block_offset, block_bits, block_impact, first, end, weights, inverse, norms, mask, limits,
        offsets, row, ordered, bounds, at, most, lead, np.empty(0, np.int64), start, seed, heap_scores, heap_ties,
        heap_rows, size,
    )  # fmt: skip


@kernel
def needed(most: F64Array, cut: float) -> int:
    """Without how many of these terms no document of them passes."""
    total = most.sum()
    count = np.int64(0)
    for t in range(most.shape[0]):
        count += total - most[t] + total * ROUNDING <= cut
    return count


@kernel
def leader(first: I64Array, end: I64Array, most: F64Array, cut: float) -> int:
    """The term without which no document passes, of several the one with the fewest blocks; -1: there is none."""
    if first.shape[0] == 1:
        return np.int64(0)
    total = most.sum()
    best = np.int64(-1)
    for t in range(first.shape[0]):
        if total - most[t] + total * ROUNDING > cut:
            continue
        if best < 0 or end[t] - first[t] < end[best] - first[best]:
            best = np.int64(t)
    return best


@kernel
def top_by_windows(
    base: int,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: I64Array,
    end: I64Array,
    weights: F32Array,
    inverse: F32Array,
    norms: U8Array,
    mask: BoolArray,
    limits: I64Array,
    offsets: I64Array,
    row: int,
    ordered: bool,
    bounds_of: F64Array,
    at: I64Array,
    most: F64Array,
    seed: float,
    heap_scores: F32Array,
    heap_ties: I64Array,
    heap_rows: I64Array,
    size: int,
) -> tuple[int, int]:
    """The best documents into the heap, window by window, until a term leads; returns (the first document not looked at, how many the
    heap holds). bounds_of, at, most and seed as in ``led_kernels``.
    """
    masked = mask.shape[0] > 0
    limited = limits.shape[0] > 0
    total_documents = norms.shape[0]
    terms = first.shape[0]
    cursor = np.empty(terms, np.int64)
    window_end = np.empty(terms, np.int64)
    bounds = np.empty(terms, np.float64)
    below = np.empty(terms + 1, np.float64)  # of the terms in order, the sum of the bounds before each
    order = np.empty(terms, np.int64)
    postings = np.int64(0)
    for t in range(terms):
        postings += (end[t] - first[t]) * BLOCK
    window = np.int64(WINDOW)
    while window < WINDOW_MAX and postings * window < total_documents * WINDOW_POSTINGS:
        window <<= 1
    sums = np.zeros(window, np.float64)
    bits = np.zeros(window >> 6, np.uint64)
    documents = np.empty((terms, BLOCK), np.uint32)
    frequencies = np.empty((terms, BLOCK), np.uint32)
    decoded = np.empty(terms, np.int64)
    known = np.empty(terms, np.bool_)  # whether the decoded block's frequencies are
    counts = np.empty(terms, np.int64)
    inner = np.empty(terms, np.int64)
    for t in range(terms):
        cursor[t] = first[t]
        decoded[t] = -1
    start = np.int64(0)
    led = max(seed, threshold(heap_scores, size, ordered))  # at which no term leads
    while start < total_documents:
        stop = start + window
        if limited and excluded(limits, start, min(stop, total_documents) - 1):
            start = stop
            continue
        cut = max(seed, threshold(heap_scores, size, ordered))
        if cut > led:
            led = cut
            if leader(first, end, most, cut) >= 0:
                return start, size
        total = 0.0
        left = 0
        nearest = np.int64(total_documents)
        for t in range(terms):
            block = cursor[t]
            while block < end[t] and np.int64(block_last[block]) < start:
                block += 1
            cursor[t] = block
            greatest = 0.0
            after = block
            if block < end[t]:
                left += 1
                # documents of a block lie after the one before it
                begins = np.int64(block_last[block - 1]) + 1 if block > first[t] else np.int64(0)
                nearest = min(nearest, max(begins, start))
            while after < end[t]:
                if after > first[t] and np.int64(block_last[after - 1]) + 1 >= stop:
                    break
                greatest = max(greatest, bounds_of[at[t] + after])
                after += 1
            window_end[t] = after
            bounds[t] = greatest
            total += greatest
        if left == 0:
            return total_documents, size
        if total <= cut:
            start = max(stop, nearest & ~np.int64(63))
            continue
        for t in range(terms):  # insertion sort by bound
            slot = t
            while slot > 0 and bounds[order[slot - 1]] > bounds[t]:
                order[slot] = order[slot - 1]
                slot -= 1
            order[slot] = t
        below[0] = 0.0
        essential = 0
        for a in range(terms):
            below[a + 1] = below[a] + bounds[order[a]]
            if below[a + 1] <= cut:
                essential = a + 1
        looking = np.int64(0)  # blocks of the terms that bring documents in
        for a in range(essential, terms):
            looking += end[order[a]] - first[order[a]]
        while essential > 0:  # looking up a document costs as much as adding several postings
            t = order[essential - 1]
            if end[t] - first[t] > LOOKUP_COST * looking:
                break
            looking += end[t] - first[t]
            essential -= 1
        for a in range(essential, terms):
            t = order[a]
            weight = weights[t]
            others = total - bounds[t] + total * ROUNDING
            for block in range(cursor[t], window_end[t]):
                if bounds_of[at[t] + block] + others <= cut:
                    continue
                if decoded[t] != block:
                    previous = np.int64(block_last[block - 1]) if block > first[t] else np.int64(-1)
                    counts[t] = decode_documents(
                        base,
                        block_offset[block],
                        block_bits[block],
                        np.int64(block_last[block]),
                        previous,
                        documents[t],
                    )
                    decoded[t] = block
                    known[t] = False
                    inner[t] = 0
                if not known[t]:
                    decode_frequencies(base, block_offset[block], block_bits[block], frequencies[t])
                    known[t] = True
                count = counts[t]
                i = find_in_block(documents[t], 0, count, start)
                while i < count:
                    document = np.int64(documents[t, i])
                    if document >= stop:
                        break
                    slot = document - start
                    sums[slot] += np.float64(bm25(weight, np.float32(frequencies[t, i]), inverse[norms[document]]))
                    bits[slot >> 6] |= np.uint64(1) << np.uint64(slot & 63)
                    i += 1
        for word in range(window >> 6):
            found = bits[word]
            if found == 0:
                continue
            bits[word] = 0
            while found != 0:
                slot = (word << 6) + trailing_zeros64(found)
                found &= found - np.uint64(1)
                score = sums[slot]
                sums[slot] = 0
                if score + below[essential] <= cut:
                    continue
                document = start + slot
                if (masked and not mask[document]) or (limited and not passes(limits, document)):
                    continue
                a = essential - 1
                while a >= 0:
                    t = order[a]
                    block = cursor[t]
                    while block < window_end[t] and np.int64(block_last[block]) < document:
                        block += 1
                    if block < window_end[t]:
                        if decoded[t] != block:
                            previous = np.int64(block_last[block - 1]) if block > first[t] else np.int64(-1)
                            counts[t] = decode_documents(
                                base, block_offset[block], block_bits[block], np.int64(block_last[block]), previous,
                                documents[t],
                            )  # fmt: skip
                            decoded[t] = block
                            known[t] = False
                            inner[t] = 0
                        i = inner[t]
                        if i >= counts[t] or np.int64(documents[t, i]) > document:
                            i = 0
                        i = find_in_block(documents[t], i, counts[t], document)
                        inner[t] = i
                        if i < counts[t] and np.int64(documents[t, i]) == document:
                            frequency = frequency_at(base, block_offset[block], block_bits[block], i)
                            score += np.float64(bm25(weights[t], np.float32(frequency), inverse[norms[document]]))
                    if score + below[a] <= cut:
                        break
                    a -= 1
                if a < 0:
                    rounded = np.float32(score)
                    if np.float64(rounded) > cut:
                        size = offer(heap_scores, heap_ties, heap_rows, size, rounded, row + document, offsets, ordered)
                        cut = max(cut, threshold(heap_scores, size, ordered))
        start = stop
    return total_documents, size


@kernel
def count_any(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: I64Array,
    end: I64Array,
    mask: BoolArray,
    limits: I64Array,
    documents_total: int,
    wanted: int,
) -> int:
    """How many documents have any of the terms; stops soon after `wanted` are counted."""
    base = address_of(data)
    masked = mask.shape[0] > 0
    limited = limits.shape[0] > 0
    terms = first.shape[0]
    cursor = np.empty(terms, np.int64)
    for t in range(terms):
        cursor[t] = first[t]
    documents = np.empty(BLOCK, np.uint32)
    words = 1 << 8
    window = np.int64(words * 64)
    bits = np.zeros(words, np.uint64)
    count = 0
    start = np.int64(0)
    while start < documents_total and count < wanted:
        stop = start + window
        if limited and excluded(limits, start, min(stop, documents_total) - 1):
            start = stop
            continue
        for t in range(terms):
            block = cursor[t]
            while block < end[t] and np.int64(block_last[block]) < start:
                block += 1
            while block < end[t]:
                previous = np.int64(block_last[block - 1]) if block > first[t] else np.int64(-1)
                if previous + 1 >= stop:
                    break
                last = np.int64(block_last[block])
                size = decode_documents(base, block_offset[block], block_bits[block], last, previous, documents)
                for i in range(size):
                    slot = np.int64(documents[i]) - start
                    if slot >= 0 and slot < window:
                        bits[slot >> 6] |= np.uint64(1) << np.uint64(slot & 63)
                if last >= stop:
                    break
                block += 1
            cursor[t] = block
        for word in range(words):
            found = bits[word]
            bits[word] = 0
            if not masked and not limited:
                count += bit_count64(found)
                continue
            while found != 0:
                document = start + (word << 6) + trailing_zeros64(found)
                found &= found - np.uint64(1)
                count += (not masked or mask[document]) and (not limited or passes(limits, document))
        start = stop
    return count
