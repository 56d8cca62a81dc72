"""The best k documents of a term or of any of several terms: blocks that cannot matter are not decoded.

Each block of postings carries a bound on its scores (`impact`: greatest frequency << 8 | smallest norm byte). Once k documents
are known, the worst of them is a threshold, and what cannot pass it is skipped:

* one term: a block whose bound does not pass;
* any term (MaxScore: Turtle and Flood 1995, with bounds per block as in Block-Max: Ding and Suel 2011): documents are walked in
  windows; in each window terms are ordered by their bound there, and those whose bounds together do not pass are only looked
  up for documents that other terms brought in, unless adding all their postings costs less.

The k best are a heap (``heap_kernels``). Where segments and rows come in order of offset a document that only equals the threshold
cannot enter (`ordered`), else it may. The slow twins are in ``score_kernels`` with ``push_scores``.

Sums are float64 (see ``score_kernels``); bounds have a slack of 1e-9, far above what their summation can lose.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F32Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, bit_count64, prefetch, trailing_zeros64
from pipeline.search.kernels.heap_kernels import offer, threshold
from pipeline.search.kernels.limit_kernels import excluded, passes
from pipeline.search.kernels.score_kernels import bm25
from pipeline.segments.postings_kernels import (
    BLOCK,
    decode_block,
    decode_documents,
    decode_frequencies,
    frequency_at,
)

WINDOW = 2048  # documents at a time; more of them where terms are rare
WINDOW_MAX = 16384
WINDOW_POSTINGS = 256
LOOKUP_COST = 4
AHEAD = 2  # blocks whose bytes are fetched while others are looked at
SLACK = 1.0 + 1e-9


@kernel
def bound_of(impact: int, weight: float, inverse: F32Array) -> float:
    """The greatest score that a posting of a block can have."""
    frequency = np.float32(impact >> np.uint32(8))
    return np.float64(bm25(weight, frequency, inverse[impact & np.uint32(255)])) * SLACK


@kernel
def top_of_term(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    block_impact: U32Array,
    first: int,
    end: int,
    weight: float,
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
    """The term's best documents into the heap. `mask`: documents that count, or empty for all; so do `limits`."""
    base = address_of(data)
    masked = mask.shape[0] > 0
    limited = limits.shape[0] > 0
    documents = np.empty(BLOCK, np.uint32)
    frequencies = np.empty(BLOCK, np.uint32)
    scores = np.empty(BLOCK, np.float32)
    cut = threshold(heap_scores, size, ordered)
    for block in range(first, end):
        if block + AHEAD < end:
            prefetch(base, block_offset[block + AHEAD])
        if bound_of(block_impact[block], weight, inverse) <= cut:
            continue
        previous = np.int64(block_last[block - 1]) if block > first else np.int64(-1)
        if limited and excluded(limits, previous + 1, np.int64(block_last[block])):
            continue
        count = decode_block(
            base, block_offset[block], block_bits[block], np.int64(block_last[block]), previous, documents, frequencies
        )
        for i in range(count):
            scores[i] = inverse[norms[documents[i]]]
        for i in range(count):  # without branches, so many at once
            scores[i] = bm25(weight, np.float32(frequencies[i]), scores[i])
        for i in range(count):
            score = scores[i]
            if np.float64(score) > cut:
                document = np.int64(documents[i])
                if (masked and not mask[document]) or (limited and not passes(limits, document)):
                    continue
                size = offer(heap_scores, heap_ties, heap_rows, size, score, row + document, offsets, ordered)
                cut = threshold(heap_scores, size, ordered)
    return size


@kernel
def find_in_block(documents: U32Array, at: int, count: int, wanted: int) -> int:
    """The first index >= `at` of a decoded block whose document is >= `wanted`; `count` where there is none."""
    near = min(at + 4, count)
    while at < near:
        if documents[at] >= wanted:
            return at
        at += 1
    size = count - at
    while size > 0:  # without branches that depend on the documents
        half = (size + 1) >> 1
        at += half if documents[at + half - 1] < wanted else 0
        size -= half
    return at


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
    base = address_of(data)
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
    while start < total_documents:
        stop = start + window
        if limited and excluded(limits, start, min(stop, total_documents) - 1):
            start = stop
            continue
        cut = threshold(heap_scores, size, ordered)
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
                greatest = max(greatest, bound_of(block_impact[after], weights[t], inverse))
                after += 1
            window_end[t] = after
            bounds[t] = greatest
            total += greatest
        if left == 0:
            return size
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
            others = total - bounds[t] + total * 1e-12
            for block in range(cursor[t], window_end[t]):
                if bound_of(block_impact[block], weight, inverse) + others <= cut:
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
                        cut = threshold(heap_scores, size, ordered)
        start = stop
    return size


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
