"""Phrases: how often terms stand at given distances in a document (which documents have them all: ``all_kernels``).

A position minus the term's place in the phrase (its shift) is where the phrase would begin: an exact match is a beginning that all
terms share.

With slop the beginnings may differ by at most `slop`; each match of width w counts 1 / (1 + w) (Lucene's SloppyPhraseMatcher): the
term with the least beginning moves on as long as that narrows the match. Where places share a
term (`groups`) no two of them take the same token: of two that do, the lesser moves on (Lucene's repeats).
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import F32Array, I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of
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
def tokens_among(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    wanted: U32Array,
    out: U64Array,
) -> int:
    """A term's tokens in the wanted documents (ascending) as document << 32 | position; returns their count.

    An empty `out` is not written to: call once to count and once to write.
    """
    base = address_of(data)
    write = out.shape[0] > 0
    documents = np.empty(BLOCK, np.uint32)
    frequencies = np.empty(BLOCK, np.uint32)
    positions = np.empty(1024, np.uint32)
    total = 0
    at = 0
    for block in range(first, end):
        last = np.int64(block_last[block])
        if at == wanted.shape[0]:
            return total
        if last < np.int64(wanted[at]):
            continue
        previous = np.int64(block_last[block - 1]) if block > first else np.int64(-1)
        bits = block_bits[block]
        count = decode_block(base, block_offset[block], bits, last, previous, documents, frequencies)
        where = positions_offset(block_offset[block], bits)
        skip = np.int64(0)
        for i in range(count):
            while at < wanted.shape[0] and wanted[at] < documents[i]:
                at += 1
            if at == wanted.shape[0]:
                return total
            size = np.int64(frequencies[i])
            if wanted[at] == documents[i]:
                if write:
                    if size > positions.shape[0]:
                        positions = np.empty(2 * size, np.uint32)
                    decode_positions(base, where, bits, skip, size, positions, 0)
                    for j in range(size):
                        out[total + j] = (np.uint64(documents[i]) << np.uint64(32)) | np.uint64(positions[j])
                total += size
            skip += size
    return total


@kernel
def colliding(begins: I64Array, shifts: I64Array, groups: I64Array, place: int) -> int:
    """A place of the same group that takes the same token, -1 if there is none."""
    for t in range(begins.shape[0]):
        if t != place and groups[t] == groups[place] and begins[t] + shifts[t] == begins[place] + shifts[place]:
            return t
    return -1


@kernel
def lesser(begins: I64Array, shifts: I64Array, a: int, b: int) -> int:
    """Of two places the one that begins first, of equal ones the first in the phrase."""
    if begins[a] < begins[b] or (begins[a] == begins[b] and shifts[a] < shifts[b]):
        return a
    return b


@kernel
def repeating_frequency(
    positions: U32Array,
    starts: I64Array,
    shifts: I64Array,
    groups: I64Array,
    slop: int,
    at: I64Array,
    begins: I64Array,
) -> float:
    """``sloppy_frequency`` for places that share terms. Places ascend by their shift."""
    terms = shifts.shape[0]
    for t in range(terms):
        at[t] = starts[t]
        begins[t] = np.int64(positions[starts[t]]) - shifts[t]
    for t in range(terms):  # at first, always the later place moves on
        if groups[t] < 0:
            continue
        other = colliding(begins, shifts, groups, t)
        while other >= 0:
            moved = lesser(begins, shifts, t, other)
            at[moved] += 1
            if at[moved] >= starts[moved + 1]:
                return np.float32(0)
            begins[moved] = np.int64(positions[at[moved]]) - shifts[moved]
            other = colliding(begins, shifts, groups, t)
    greatest = np.int64(-(1 << 40))
    for t in range(terms):
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
            place = moving
            while groups[place] >= 0:
                other = colliding(begins, shifts, groups, place)
                if other < 0:
                    break
                place = lesser(begins, shifts, place, other)
                at[place] += 1
                if at[place] >= starts[place + 1]:
                    ended = True
                    break
                begins[place] = np.int64(positions[at[place]]) - shifts[place]
                greatest = max(greatest, begins[place])
            if ended:
                break
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
def count_in_slots(
    documents: U32Array,
    tokens: U64Array,
    bounds: I64Array,
    shifts: I64Array,
    groups: I64Array,
    slop: int,
    frequencies: F32Array,
) -> None:
    """The frequency of a phrase in each document; place t's tokens are tokens[bounds[t]:bounds[t + 1]], at least one a document."""
    terms = shifts.shape[0]
    cursor = bounds[:-1].copy()
    starts = np.zeros(terms + 1, np.int64)
    positions = np.empty(1024, np.uint32)
    at = np.zeros(terms, np.int64)
    begins = np.zeros(terms, np.int64)
    repeats = False
    for t in range(terms):
        repeats |= groups[t] >= 0
    for d in range(documents.shape[0]):
        total = np.int64(0)
        for t in range(terms):
            starts[t] = total
            while cursor[t] < bounds[t + 1] and tokens[cursor[t]] >> np.uint64(32) == np.uint64(documents[d]):
                if total == positions.shape[0]:
                    larger = np.empty(2 * total, np.uint32)
                    larger[:total] = positions
                    positions = larger
                positions[total] = np.uint32(tokens[cursor[t]] & np.uint64(0xFFFFFFFF))
                total += 1
                cursor[t] += 1
        starts[terms] = total
        if slop == 0:
            frequencies[d] = exact_frequency(positions, starts, shifts, at)
        elif repeats:
            frequencies[d] = repeating_frequency(positions, starts, shifts, groups, slop, at, begins)
        else:
            frequencies[d] = sloppy_frequency(positions, starts, shifts, slop, at, begins)
