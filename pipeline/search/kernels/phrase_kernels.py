"""Phrases: documents in which terms stand at given distances, and how often.

All terms' postings are walked together, the rarest leading; only where a document has every term are positions decoded. A position
minus the term's place in the phrase (its shift) is where the phrase would begin: an exact match is a beginning that all terms share.

With slop the beginnings may differ by at most `slop`; each match of width w counts 1 / (1 + w) (Lucene's SloppyPhraseMatcher): the
term with the least beginning moves on as long as that narrows the match. A phrase that repeats a term is not for this algorithm.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import F32Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of
from pipeline.search.kernels.top_kernels import find_in_block
from pipeline.segments.postings_kernels import (
    BLOCK,
    decode_block,
    decode_positions,
    positions_offset,
)


@kernel
def exact_frequency(positions: U32Array, starts: I64Array, shifts: I64Array, at: I64Array) -> float:
    """How many beginnings all terms share; term t's positions are [starts[t], starts[t + 1])."""
    terms = shifts.shape[0]
    for t in range(terms):
        at[t] = starts[t]
    count = 0
    for i in range(starts[0], starts[1]):
        begin = np.int64(positions[i]) - shifts[0]
        everywhere = True
        for t in range(1, terms):
            j = at[t]
            while j < starts[t + 1] and np.int64(positions[j]) - shifts[t] < begin:
                j += 1
            at[t] = j
            if j == starts[t + 1]:
                return np.float32(count)
            if np.int64(positions[j]) - shifts[t] != begin:
                everywhere = False
                break
        count += everywhere
    return np.float32(count)


@kernel
def least_begin(begins: I64Array, shifts: I64Array, skip: int) -> int:
    """The term whose beginning is the least (of equal ones, the first in the phrase), `skip` left out; -1 if none is left."""
    best = -1
    for t in range(begins.shape[0]):
        if t != skip and (
            best < 0 or begins[t] < begins[best] or (begins[t] == begins[best] and shifts[t] < shifts[best])
        ):
            best = t
    return best


@kernel
def sloppy_frequency(
    positions: U32Array, starts: I64Array, shifts: I64Array, slop: int, at: I64Array, begins: I64Array
) -> float:
    """The sum of 1 / (1 + width) over the matches no wider than slop."""
    terms = shifts.shape[0]
    greatest = np.int64(-(1 << 40))
    for t in range(terms):
        at[t] = starts[t]
        begins[t] = np.int64(positions[starts[t]]) - shifts[t]
        greatest = max(greatest, begins[t])
    frequency = np.float32(0)
    while True:  # one match a turn
        moving = least_begin(begins, shifts, -1)
        following = begins[least_begin(begins, shifts, moving)]
        width = greatest - begins[moving]
        ended = False
        while True:
            at[moving] += 1
            if at[moving] >= starts[moving + 1]:
                ended = True
                break
            begins[moving] = np.int64(positions[at[moving]]) - shifts[moving]
            greatest = max(greatest, begins[moving])
            if begins[moving] > following:
                if width <= slop:
                    break
                moving = least_begin(begins, shifts, -1)
                following = begins[least_begin(begins, shifts, moving)]
                width = greatest - begins[moving]
            else:
                width = min(width, greatest - begins[moving])
        if width <= slop:
            frequency += np.float32(1) / np.float32(1 + width)
        if ended:
            return frequency


@kernel
def match_phrase(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: I64Array,
    end: I64Array,
    shifts: I64Array,
    slop: int,
    out_documents: U32Array,
    out_frequencies: F32Array,
) -> int:
    """Documents with the phrase and its frequency; outputs hold the df of the first term, which is the rarest. Returns their count."""
    base = address_of(data)
    terms = first.shape[0]
    cursor = first.copy()
    documents = np.empty((terms, BLOCK), np.uint32)
    frequencies = np.empty((terms, BLOCK), np.uint32)
    decoded = np.full(terms, -1, np.int64)
    counts = np.zeros(terms, np.int64)
    inner = np.zeros(terms, np.int64)
    summed = np.zeros(terms, np.int64)  # frequencies before posting `summed_to` of the decoded block
    summed_to = np.zeros(terms, np.int64)
    starts = np.zeros(terms + 1, np.int64)
    positions = np.empty(1024, np.uint32)
    at = np.zeros(terms, np.int64)
    begins = np.zeros(terms, np.int64)
    total = 0
    for lead in range(first[0], end[0]):
        previous = np.int64(block_last[lead - 1]) if lead > first[0] else np.int64(-1)
        counts[0] = decode_block(
            base,
            block_offset[lead],
            block_bits[lead],
            np.int64(block_last[lead]),
            previous,
            documents[0],
            frequencies[0],
        )
        decoded[0] = lead
        summed[0] = 0
        summed_to[0] = 0
        for i in range(counts[0]):
            document = np.int64(documents[0, i])
            inner[0] = i
            everywhere = True
            for t in range(1, terms):
                block = cursor[t]
                while block < end[t] and np.int64(block_last[block]) < document:
                    block += 1
                cursor[t] = block
                if block >= end[t]:
                    return total
                if decoded[t] != block:
                    before = np.int64(block_last[block - 1]) if block > first[t] else np.int64(-1)
                    counts[t] = decode_block(
                        base, block_offset[block], block_bits[block], np.int64(block_last[block]), before,
                        documents[t], frequencies[t],
                    )  # fmt: skip
                    decoded[t] = block
                    inner[t] = 0
                    summed[t] = 0
                    summed_to[t] = 0
                j = find_in_block(documents[t], inner[t], counts[t], document)
                inner[t] = j
                if np.int64(documents[t, j]) != document:
                    everywhere = False
                    break
            if not everywhere:
                continue
            for t in range(terms):
                starts[t + 1] = starts[t] + np.int64(frequencies[t, inner[t]])
            if starts[terms] > positions.shape[0]:
                positions = np.empty(2 * starts[terms], np.uint32)
            for t in range(terms):
                for j in range(summed_to[t], inner[t]):
                    summed[t] += np.int64(frequencies[t, j])
                summed_to[t] = inner[t]
                block = decoded[t]
                bits = block_bits[block]
                where = positions_offset(block_offset[block], bits)
                decode_positions(base, where, bits, summed[t], starts[t + 1] - starts[t], positions, starts[t])
            if slop == 0:
                frequency = exact_frequency(positions, starts, shifts, at)
            else:
                frequency = sloppy_frequency(positions, starts, shifts, slop, at, begins)
            if frequency > 0:
                out_documents[total] = document
                out_frequencies[total] = frequency
                total += 1
    return total
