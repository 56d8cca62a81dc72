"""The best k documents that have all of several terms, or have them as a phrase: candidates of the rarest term, a block at a time.

A block of the rarest term is skipped where the bounds of all terms over the same documents do not pass the threshold (see
``top_kernels``). Of the others, the documents that every term has are found first (``keep_common``), then scored together; of a
phrase, positions are read only where the terms' frequencies alone could pass: a phrase is no more frequent than its rarest term
(with slop: than all of them together).

`left` lists the candidates by their places in the lead block, so that what is known of each (its place and block in every other
term) need not move when others drop out. A block is searched for few candidates one by one. For many, its places are written to
`slots`, one for each document from the first candidate on, and every candidate reads its own; a slot counts if it carries the
current round (`rounds` int64[1]), so slots, zeros at first, need not be cleared, nor from segment to segment.

    lead block       3    7    9   20   21          candidates, low = 3
    other block    1      7  8     20     22        round r
    slots          3:.  7:(r, 1)  8:(r, 2)  20:(r, 3)  22:(r, 4)    1 is before low: slot SLOTS, which nobody reads
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F32Array, I64Array, U8Array, U16Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load8, load16, load32, store8, store16
from pipeline.search.kernels.heap_kernels import holds, offer, threshold
from pipeline.search.kernels.led_kernels import SLACK, bound_of, find_in_block
from pipeline.search.kernels.limit_kernels import excluded, passes
from pipeline.search.kernels.phrase_kernels import exact_frequency, sloppy_frequency
from pipeline.search.kernels.score_kernels import bm25
from pipeline.segments.postings_kernels import (
    BLOCK,
    decode_documents,
    decode_frequencies,
    decode_positions,
    frequency_at,
    positions_offset,
    seek_block,
)

SLOTS = 1 << 14
ROUNDS = 1 << 9  # a slot is round << 7 | place
FEW = 16  # candidates are searched for one by one where a block has more than so many documents for each


@kernel
def keep_common(
    base: int,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    documents: U32Array,
    decoded: I64Array,
    lead: U32Array,
    left: U8Array,
    count: int,
    places: U8Array,
    blocks: I64Array,
    slots: U16Array,
    rounds: I64Array,
) -> int:
    """Keep those of left[:count] whose document lead[left[i]] the term has too; returns how many.

    Document i of the lead block stands at places[i] of the term's block blocks[i]. `decoded`: the term's cursor, the block that
    `documents` holds, its size.
    """
    kept = np.int64(0)
    at = np.int64(0)
    block = decoded[0]
    lead_base, left_base = np.uintp(address_of(lead)), np.uintp(address_of(left))
    documents_base, slots_base = np.uintp(address_of(documents)), np.uintp(address_of(slots))
    while at < count:
        low = lead[left[at]]
        block = seek_block(block_last, block, end, np.int64(low))
        if block >= end:
            break
        last = block_last[block]
        if decoded[1] != block:
            before = np.int64(block_last[block - 1]) if block > first else np.int64(-1)
            decoded[2] = decode_documents(
                base, block_offset[block], block_bits[block], np.int64(last), before, documents
            )
            decoded[1] = block
        size = decoded[2]
        stop = count
        if lead[left[count - 1]] > last:
            stop = at + 1
            behind = count - stop
            while behind > 0:
                half = (behind + 1) >> 1
                stop += half if lead[left[stop + half - 1]] <= last else 0
                behind -= half
        kept_before = kept
        if (stop - at) * FEW < size or lead[left[stop - 1]] - low >= np.uint32(SLOTS):
            place = 0
            while at < stop:
                i = left[at]
                place = find_in_block(documents, place, size, lead[i])
                left[kept] = i
                places[i] = place
                kept += documents[place] == lead[i]
                at += 1
        else:
            current = rounds[0] + 1
            if current == ROUNDS:
                for slot in range(SLOTS + 1):
                    slots[slot] = 0
                current = np.int64(1)
            rounds[0] = current
            for place in range(size):
                slot = min(load32(documents_base, place << 2) - low, np.uint32(SLOTS))
                store16(slots_base, np.int64(slot) << 1, np.uint16((current << 7) + place))
            for j in range(at, stop):
                i = load8(left_base, j)
                slot = load32(lead_base, np.int64(i) << 2) - low
                store8(left_base, kept, i)
                kept += np.int64(load16(slots_base, np.int64(slot) << 1) >> np.uint16(7)) == current
            for j in range(kept_before, kept):
                i = left[j]
                places[i] = slots[lead[i] - low] & np.uint16(127)
            at = stop
        for j in range(kept_before, kept):
            blocks[left[j]] = block
    decoded[0] = block
    return kept


@kernel
def bound_of_others(
    block_last: U32Array,
    block_impact: U32Array,
    first: I64Array,
    end: I64Array,
    lead: int,
    weights: F32Array,
    inverse: F32Array,
    phrase: bool,
    cursor: I64Array,
) -> float:
    """A bound on the scores of the lead block's documents, -1 where a term has none of them: what terms can add, or a phrase score."""
    after = np.int64(block_last[lead - 1]) + 1 if lead > first[0] else np.int64(0)
    last = block_last[lead]
    bound = bound_of(block_impact[lead], weights[0], inverse)
    for t in range(1, first.shape[0]):
        block = seek_block(block_last, cursor[t], end[t], after)
        cursor[t] = block
        if block >= end[t]:
            return np.float64(-1)
        greatest = 0.0
        while block < end[t]:
            greatest = max(greatest, bound_of(block_impact[block], weights[t], inverse))
            if block_last[block] >= last:
                break
            block += 1
        bound = min(bound, greatest) if phrase else bound + greatest
    return bound


@kernel
def top_of_all(
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
    shifts: I64Array,
    slop: int,
    heap_scores: F32Array,
    heap_ties: I64Array,
    heap_rows: I64Array,
    size: int,
    hits: int,
    hits_wanted: int,
    out_documents: U32Array,
    out_frequencies: F32Array,
    slots: U16Array,
    rounds: I64Array,
    seed: float,
    again: bool,
) -> tuple[int, int]:
    """The best documents with all terms into the heap; terms ordered by df, the rarest first.

    `shifts`: where each term stands in a phrase (whose weight each of them has), empty where they may stand anywhere. `hits`
    matches were counted before this segment; nothing is skipped until `hits_wanted` are. Returns (size, hits). Where `out_*` are not
    empty, all documents with the phrase and its frequencies are written there, and nothing to the heap. `seed`: no document matters that
    does not pass it. `again`: some documents were looked at before, all that they have in mind: those in the heap stay as they are.
    """
    base = np.uintp(address_of(data))
    masked = mask.shape[0] > 0
    limited = limits.shape[0] > 0
    phrase = shifts.shape[0] > 0
    listing = out_documents.shape[0] > 0
    terms = first.shape[0]
    k = heap_scores.shape[0]
    documents = np.empty((terms, BLOCK), np.uint32)
    decoded = np.empty((terms, 3), np.int64)
    work = np.empty((4, terms + 1), np.int64)
    cursor, starts, at, begins = work[0], work[1], work[2], work[3, :terms]
    starts[0] = 0
    left = np.empty(BLOCK + 1, np.uint8)
    places = np.empty((terms, BLOCK), np.uint8)
    blocks = np.empty((terms, BLOCK), np.int64)
    inverses = np.empty(BLOCK, np.float32)
    counted = np.empty(BLOCK, np.float32)
    sums = np.empty(BLOCK, np.float64)
    # of phrases only
    frequencies = np.empty((terms, BLOCK), np.uint32)
    # the block whose frequencies these are, a place in it, their sum before that
    known = np.empty((terms, 3), np.int64)
    positions = np.empty(1024, np.uint32)
    for t in range(terms):
        cursor[t] = first[t]
        decoded[t, 0] = first[t]
        decoded[t, 1] = -1
        known[t, 0] = -1
    strictly = ordered and not again
    full = max(seed, threshold(heap_scores, size, strictly)) if k > 0 else np.float64(-1)  # what a score has to exceed
    for lead in range(first[0], end[0]):
        cut = np.float64(-1)  # what a bound has to exceed
        if hits >= hits_wanted and not listing:
            if k == 0:
                return size, hits
            cut = full
            if cut >= 0 and (not phrase or slop == 0):
                bound = bound_of_others(block_last, block_impact, first, end, lead, weights, inverse, phrase, cursor)
                if bound < 0:
                    return size, hits
                if bound <= cut:
                    continue
        previous = np.int64(block_last[lead - 1]) if lead > first[0] else np.int64(-1)
        if limited and excluded(limits, previous + 1, np.int64(block_last[lead])):
            continue
        offset, bits = block_offset[lead], block_bits[lead]
        count = decode_documents(base, offset, bits, np.int64(block_last[lead]), previous, documents[0])
        if masked:
            kept = np.int64(0)
            for i in range(count):
                left[kept] = i
                kept += mask[documents[0, i]]
            count = kept
        else:
            for i in range(count):
                left[i] = i
        ended = False
        for t in range(1, terms):
            if count == 0:
                break
            count = keep_common(
                base, block_last, block_offset, block_bits, first[t], end[t], documents[t], decoded[t], documents[0],
                left, count, places[t], blocks[t], slots, rounds,
            )  # fmt: skip
            ended |= decoded[t, 0] >= end[t]
        if limited and hits < hits_wanted:  # what is counted, else only what would enter the heap
            kept = np.int64(0)
            for c in range(count):
                i = left[c]
                left[kept] = i
                kept += passes(limits, np.int64(documents[0, i]))
            count = kept
        unseen = limited and hits >= hits_wanted
        if not phrase:
            hits += count
            if k == 0:
                count = np.int64(0)
        for c in range(count):
            i = left[c]
            places[0, i] = i
            blocks[0, i] = lead
            inverses[c] = inverse[norms[documents[0, i]]]
            sums[c] = 0
        for t in range(terms):
            for c in range(count):
                i = left[c]
                block = blocks[t, i]
                counted[c] = np.float32(
                    frequency_at(base, block_offset[block], block_bits[block], np.int64(places[t, i]))
                )
            if not phrase:
                weight = weights[t]
                for c in range(count):
                    sums[c] += np.float64(bm25(weight, counted[c], inverses[c]))
            elif slop > 0:
                for c in range(count):
                    sums[c] += np.float64(counted[c])
            else:
                for c in range(count):
                    sums[c] = np.float64(counted[c]) if t == 0 else min(sums[c], np.float64(counted[c]))
        if phrase:  # until here, a frequency that it cannot exceed
            for c in range(count):
                sums[c] = np.float64(bm25(weights[0], np.float32(sums[c]), inverses[c]))
        for c in range(count):
            if sums[c] * SLACK <= cut:
                continue
            score = np.float32(sums[c])
            i = left[c]
            document = np.int64(documents[0, i])
            if np.float64(score) <= full and not phrase and not listing:
                continue
            if unseen and not passes(limits, document):
                continue
            if phrase:
                for t in range(terms):
                    block, place = blocks[t, i], np.int64(places[t, i])
                    bits = block_bits[block]
                    if known[t, 0] != block:
                        decode_frequencies(base, block_offset[block], bits, frequencies[t])
                        known[t, 0] = block
                        known[t, 1] = 0
                        known[t, 2] = 0
                    skip = known[t, 2]
                    for j in range(known[t, 1], place):
                        skip += np.int64(frequencies[t, j])
                    known[t, 1] = place
                    known[t, 2] = skip
                    starts[t + 1] = starts[t] + np.int64(frequencies[t, place])
                    if starts[t + 1] > positions.shape[0]:
                        larger = np.empty(2 * starts[t + 1], np.uint32)
                        for j in range(starts[t]):
                            larger[j] = positions[j]
                        positions = larger
                    where = positions_offset(block_offset[block], bits)
                    decode_positions(base, where, bits, skip, starts[t + 1] - starts[t], positions, starts[t])
                if slop == 0:
                    frequency = exact_frequency(positions, starts, shifts, at)
                else:
                    frequency = sloppy_frequency(positions, starts, shifts, slop, at, begins)
                if frequency == 0:
                    continue
                if listing:
                    out_documents[hits] = document
                    out_frequencies[hits] = frequency
                    hits += 1
                    continue
                hits += 1
                if k == 0:
                    continue
                score = bm25(weights[0], frequency, inverses[c])
            if np.float64(score) > full and not (again and holds(heap_rows, size, row + document)):
                size = offer(heap_scores, heap_ties, heap_rows, size, score, row + document, offsets, ordered)
                full = max(seed, threshold(heap_scores, size, strictly))
                if cut >= 0:
                    cut = full
        if ended:
            return size, hits
    return size, hits


@kernel
def top_of_listed(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: I64Array,
    end: I64Array,
    weights: F32Array,
    inverse: F32Array,
    norms: U8Array,
    listed: U32Array,
    every: bool,
    offsets: I64Array,
    row: int,
    ordered: bool,
    heap_scores: F32Array,
    heap_ties: I64Array,
    heap_rows: I64Array,
    size: int,
    slots: U16Array,
    rounds: I64Array,
) -> tuple[int, int]:
    """Of the listed documents (ascending) those with any of the terms, or with all, into the heap; returns (size, how many these are)."""
    base = np.uintp(address_of(data))
    terms = first.shape[0]
    k = heap_scores.shape[0]
    documents = np.empty(BLOCK, np.uint32)
    decoded = np.empty((terms, 3), np.int64)
    left = np.empty(BLOCK + 1, np.uint8)
    places = np.empty(BLOCK, np.uint8)
    blocks = np.empty(BLOCK, np.int64)
    matched = np.empty(BLOCK, np.int64)
    sums = np.empty(BLOCK, np.float64)
    hits = 0
    for t in range(terms):
        decoded[t, 0] = first[t]
    for start in range(0, listed.shape[0], BLOCK):
        lead = listed[start : start + BLOCK]
        count = lead.shape[0]
        for i in range(count):
            left[i] = i
            matched[i] = 0
            sums[i] = 0
        for t in range(terms):
            if not every:
                count = lead.shape[0]
                for i in range(count):
                    left[i] = i
            decoded[t, 1] = -1  # `documents` was another term's
            count = keep_common(
                base, block_last, block_offset, block_bits, first[t], end[t], documents, decoded[t], lead, left, count,
                places, blocks, slots, rounds,
            )  # fmt: skip
            for c in range(count):
                i = left[c]
                block = blocks[i]
                frequency = frequency_at(base, block_offset[block], block_bits[block], np.int64(places[i]))
                sums[i] += np.float64(bm25(weights[t], np.float32(frequency), inverse[norms[lead[i]]]))
                matched[i] += 1
        for i in range(lead.shape[0]):
            if matched[i] < (terms if every else 1):
                continue
            hits += 1
            score = np.float32(sums[i])
            if k > 0 and np.float64(score) > threshold(heap_scores, size, ordered):
                document = np.int64(lead[i])
                size = offer(heap_scores, heap_ties, heap_rows, size, score, row + document, offsets, ordered)
    return size, hits
