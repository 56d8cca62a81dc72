"""The best k documents that all have one term, the lead, and perhaps others: its blocks of postings are walked, the others looked up.

A single term leads itself. Of several terms (`top_kernels.top_of_any`) one leads as soon as the others' greatest scores together do
not pass the threshold: every document that still matters has the lead. What cannot pass is put aside as early as it is known:

    block        its bound, and those of the others' blocks over the same documents
    frequency    what a document of this frequency can score at most (`least_frequency`): the norms of others are not looked at
    score        the lead's own, and the others' bounds
    lookup       term by term, the greatest bounds first: the bound of the one block that may have the document, then its posting

The threshold is worth most before any document was looked at: `seed_of_any` takes it from the few blocks with the greatest bounds. The
documents there are found again in their turn, so hits of equal scores are still taken in order.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F32Array, F64Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import prefetch
from pipeline.search.kernels.heap_kernels import offer, threshold
from pipeline.search.kernels.limit_kernels import excluded, passes
from pipeline.search.kernels.score_kernels import bm25
from pipeline.segments.postings_kernels import (
    BLOCK,
    decode_documents,
    decode_frequencies,
    frequency_at,
    seek_block,
)

SLACK = 1.0 + 1e-9
ROUNDING = 1e-6  # far above what float32 loses
AHEAD = 2  # blocks whose bytes are fetched while others are looked at
SEED_BLOCKS = 4
SEED_BLOCKS_MIN = 16  # of all terms together, from which on a seed is worth its work
SEED_TERMS_MAX = 8
SEED_PLACES_MAX = 128


@kernel
def bound_of(impact: int, weight: float, inverse: F32Array) -> float:
    """The greatest score that a posting of a block can have."""
    frequency = np.float32(impact >> np.uint32(8))
    return np.float64(bm25(weight, frequency, inverse[impact & np.uint32(255)])) * SLACK


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
def bounds_of_blocks(
    block_impact: U32Array,
    first: I64Array,
    end: I64Array,
    weights: F32Array,
    inverse: F32Array,
    bounds: F64Array,
    at: I64Array,
    most: F64Array,
) -> None:
    """Bounds of all blocks of all terms: that of term t's block b at bounds[at[t] + b], the greatest of each term as most[t]."""
    done = np.int64(0)
    for t in range(first.shape[0]):
        at[t] = done - first[t]
        greatest = 0.0
        for block in range(first[t], end[t]):
            bound = bound_of(block_impact[block], weights[t], inverse)
            bounds[done] = bound
            greatest = max(greatest, bound)
            done += 1
        most[t] = greatest


@kernel
def least_frequency(impact: int, weight: float, inverse: F32Array, needed: float) -> int:
    """A frequency below which no document of a block scores more than `needed`: 1 where nothing is known.

    With f for the frequency and l for the length, score = w - w / (1 + x) and 1 / x = a / f + c l / f, where a = k1 (1 - b). A block's
    impact (F, L) bounds both: f <= F, l / f >= L / F. So 1 / x >= 1 / X + a (1 / f - 1 / F), X being that of the impact itself.
    """
    w = np.float64(weight)
    wanted = needed - w * ROUNDING
    if wanted <= 0 or wanted >= w * (1 - ROUNDING):
        return np.int64(1)
    greatest = np.float64(impact >> np.uint32(8))
    a = 1 / np.float64(inverse[0])
    most = (w - wanted) / wanted  # 1 / x of a score of `wanted`: a document's has to be less
    own = 1 / (greatest * np.float64(inverse[impact & np.uint32(255)]))
    rest = most - own + a / greatest
    return np.int64(max(1.0, min(np.floor(a / (rest + (most + own + a) * ROUNDING)) + 1, greatest)))


@kernel
def top_led(
    base: int,
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
    bounds: F64Array,
    at: I64Array,
    most: F64Array,
    lead: int,
    listed: I64Array,
    start: int,
    seed: float,
    heap_scores: F32Array,
    heap_ties: I64Array,
    heap_rows: I64Array,
    size: int,
) -> int:
    """The best documents from `start` on that have the lead into the heap; returns how many it holds.

    `listed`: the lead's blocks to look at, ascending; empty: all. `seed`: no document matters that does not pass it. bounds, at and
    most: see ``bounds_of_blocks``.
    """
    masked = mask.shape[0] > 0
    limited = limits.shape[0] > 0
    terms = first.shape[0]
    weight = weights[lead]
    others = terms - 1
    order = np.empty(others, np.int64)  # the others, by their greatest bounds
    slot = 0
    for t in range(terms):
        if t == lead:
            continue
        place = slot
        while place > 0 and most[order[place - 1]] < most[t]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = t
        slot += 1
    ever = 0.0  # what the others can add anywhere
    for a in range(others):
        ever += most[order[a]]
    documents = np.empty(BLOCK, np.uint32)
    frequencies = np.empty(BLOCK, np.uint32)
    scores = np.empty(BLOCK + 1, np.float32)
    picked = np.empty(BLOCK + 1, np.uint8)
    cursor = np.empty(terms, np.int64)  # of each other term the first block that may have documents of the lead's
    nearer = np.empty(terms, np.int64)  # the same for the document that is looked at
    decoded = np.full(terms, -1, np.int64)
    counts = np.empty(terms, np.int64)
    inner = np.empty(terms, np.int64)
    found = np.empty((others, BLOCK), np.uint32)
    rest = np.zeros(others + 1, np.float64)  # what the others from one on can add
    for t in range(terms):
        cursor[t] = first[t]
    cut = max(seed, threshold(heap_scores, size, ordered))
    listing = listed.shape[0] > 0
    begin = np.int64(0) if listing else seek_block(block_last, first[lead], end[lead], start)
    stop = listed.shape[0] if listing else end[lead]
    for visit in range(begin, stop):
        block = listed[visit] if listing else visit
        bound = bounds[at[lead] + block]
        if bound + ever <= cut:
            continue
        if block + AHEAD < end[lead]:
            prefetch(base, block_offset[block + AHEAD])
        previous = np.int64(block_last[block - 1]) if block > first[lead] else np.int64(-1)
        last = block_last[block]
        if limited and excluded(limits, previous + 1, np.int64(last)):
            continue
        for a in range(others - 1, -1, -1):
            t = order[a]
            near = seek_block(block_last, cursor[t], end[t], previous + 1)
            cursor[t] = near
            nearer[t] = near
            greatest = 0.0
            while near < end[t]:
                greatest = max(greatest, bounds[at[t] + near])
                if block_last[near] >= last:
                    break
                near += 1
            rest[a] = rest[a + 1] + greatest
        if bound + rest[0] <= cut:
            continue
        offset, bits = block_offset[block], block_bits[block]
        count = decode_frequencies(base, offset, bits, frequencies)
        least = least_frequency(block_impact[block], weight, inverse, cut - rest[0])
        left = np.int64(0)
        if least > 1:
            for i in range(count):
                picked[left] = i
                left += frequencies[i] >= np.uint32(least)
            if left == 0:
                continue
        decode_documents(base, offset, bits, np.int64(last), previous, documents)
        if least == 1:
            left = count
            for i in range(count):
                scores[i] = inverse[norms[documents[i]]]
            for i in range(count):  # without branches, so many at once
                scores[i] = bm25(weight, np.float32(frequencies[i]), scores[i])
            for i in range(count):
                picked[i] = i
        else:
            for j in range(left):
                i = picked[j]
                scores[j] = bm25(weight, np.float32(frequencies[i]), inverse[norms[documents[i]]])
        for j in range(left):
            score = np.float64(scores[j])
            if score + rest[0] <= cut:
                continue
            document = np.int64(documents[picked[j]])
            if document < start or (masked and not mask[document]) or (limited and not passes(limits, document)):
                continue
            a = 0
            while a < others:
                t = order[a]
                near = nearer[t]
                while near < end[t] and np.int64(block_last[near]) < document:
                    near += 1
                nearer[t] = near
                if near < end[t]:
                    if score + bounds[at[t] + near] + rest[a + 1] <= cut:
                        break
                    if decoded[t] != near:
                        before = np.int64(block_last[near - 1]) if near > first[t] else np.int64(-1)
                        counts[t] = decode_documents(
                            base, block_offset[near], block_bits[near], np.int64(block_last[near]), before, found[a]
                        )
                        decoded[t] = near
                        inner[t] = 0
                    place = find_in_block(found[a], inner[t], counts[t], np.uint32(document))
                    inner[t] = place
                    if place < counts[t] and found[a, place] == document:
                        frequency = np.float32(frequency_at(base, block_offset[near], block_bits[near], place))
                        score += np.float64(bm25(weights[t], frequency, inverse[norms[document]]))
                a += 1
                if score + rest[a] <= cut:
                    break
            rounded = np.float32(score)
            if a == others and np.float64(rounded) > cut:
                size = offer(heap_scores, heap_ties, heap_rows, size, rounded, row + document, offsets, ordered)
                cut = max(cut, threshold(heap_scores, size, ordered))
    return size


@kernel
def _greatest_blocks(
    block_last: U32Array, first: int, end: int, bounds: F64Array, at: int, limits: I64Array, chosen: I64Array
) -> int:
    """The blocks of a term with the greatest bounds whose documents no limit excludes, ascending; returns how many there are."""
    size = np.int64(0)
    for block in range(first, end):
        bound = bounds[at + block]
        if size == chosen.shape[0] and bound <= bounds[at + chosen[size - 1]]:
            continue
        previous = np.int64(block_last[block - 1]) if block > first else np.int64(-1)
        if limits.shape[0] > 0 and excluded(limits, previous + 1, np.int64(block_last[block])):
            continue
        size = min(size + 1, chosen.shape[0])
        slot = size - 1
        while slot > 0 and bounds[at + chosen[slot - 1]] < bound:
            chosen[slot] = chosen[slot - 1]
            slot -= 1
        chosen[slot] = block
    chosen[:size].sort()
    return size


@kernel
def seed_of_any(
    base: int,
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
    bounds: F64Array,
    at: I64Array,
    most: F64Array,
    places: int,
) -> float:
    """What a score has to exceed to be among the best `places` of these terms: less than the score of as many documents; -1: not known."""
    blocks = np.int64(0)
    lead = np.int64(0)
    for t in range(first.shape[0]):
        blocks += end[t] - first[t]
        lead = t if most[t] > most[lead] else lead
    if blocks < SEED_BLOCKS_MIN or first.shape[0] > SEED_TERMS_MAX or places > SEED_PLACES_MAX:
        return np.float64(-1)
    chosen = np.empty(SEED_BLOCKS, np.int64)
    count = _greatest_blocks(block_last, first[lead], end[lead], bounds, at[lead], limits, chosen)
    if count == 0:
        return np.float64(-1)
    scores = np.empty(places, np.float32)
    ties, rows = np.empty(places, np.int64), np.empty(places, np.int64)
    size = top_led(
        base, block_last, block_offset, block_bits, block_impact, first, end, weights, inverse, norms, mask, limits,
        offsets, np.int64(0), np.bool_(True), bounds, at, most, lead, chosen[:count], np.int64(0), -1.0, scores, ties, rows,
        np.int64(0),
    )  # fmt: skip
    return threshold(scores, size, False)
