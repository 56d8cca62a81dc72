"""The hash table of ids: insert, find, rebuild. The twin is a dict, in ``tests/pipeline/segments/test_ids.py``.

Open addressing with linear probing in a power of two of words, at most half of them taken. A word is 0 (free) or

    upper 32 bits of the id's hash  |  slot + 1

so that nearly all probes are decided within the word; where the hash halves agree, lengths and bytes are compared in full.

The hash takes 8 bytes a step: h = fold(h ^ word, K), where fold multiplies to 128 bits and xors both halves (the step of wyhash,
Wang Yi, 2019). It is the same in every process, so somebody could make ids that collide. A probe longer than ``probes_max`` therefore
stops the kernel, and the caller builds the table anew with another seed.

Ids and the arena have 8 readable bytes after their last one. Ids are slices of ``data``; slot s has the bytes
``arena[begins[s]:begins[s + 1]]``.
"""

from typing import Any

import numpy as np

from pipeline.kernels.arrays import BoolArray, I32Array, I64Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64, multiply_high64, store64

BLOCK = 64  # ids whose table words are fetched at once, so that their cache misses overlap
K_WORD = np.uint64(0xA0761D6478BD642F)
K_LENGTH = np.uint64(0xE7037ED1A0B428DB)
K_END = np.uint64(0x8EBC6AF09C88C6E3)
HIGH = np.uint64(0xFFFFFFFF00000000)
LOW = np.uint64(0x00000000FFFFFFFF)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
FREE = np.uint64(0)
EIGHT = np.uint64(8)


@kernel(inline="always")
def fold(a: Any, b: Any) -> Any:
    """Both halves of the 128-bit product, as one word."""
    return (a * b) ^ multiply_high64(a, b)


@kernel
def hash_of(base: Any, start: Any, end: Any, seed: Any) -> Any:
    """64 bits from the bytes [start, end) at an address."""
    h = seed ^ (np.uint64(end - start) * K_LENGTH)
    at = start
    while end - at >= 8:
        h = fold(h ^ load64(base, at), K_WORD)
        at += 8
    if at < end:
        mask = ALL >> np.uint64(64 - 8 * (end - at))
        h = fold(h ^ (load64(base, at) & mask), K_WORD)
    return fold(h ^ K_END, K_WORD)


@kernel
def same_bytes(a: Any, a_start: Any, b: Any, b_start: Any, length: Any) -> Any:
    """Whether two slices of one length are equal."""
    at = 0
    while length - at >= 8:
        if load64(a, a_start + at) != load64(b, b_start + at):
            return False
        at += 8
    if at < length:
        mask = ALL >> np.uint64(64 - 8 * (length - at))
        return ((load64(a, a_start + at) ^ load64(b, b_start + at)) & mask) == FREE
    return True


@kernel
def copy_bytes(source: Any, source_at: Any, target: Any, target_at: Any, length: Any) -> None:
    """Copy a slice; writes up to 7 bytes beyond its end."""
    at = 0
    while at < length:
        store64(target, target_at + at, load64(source, source_at + at))
        at += 8


@kernel
def insert_ids(
    data: U8Array,
    starts: I64Array,
    wanted: BoolArray,
    table: U64Array,
    seed: int,
    arena: U8Array,
    begins: I64Array,
    count: int,
    first: int,
    probes_max: int,
    slots: I64Array,
) -> tuple[int, int]:
    """Find or insert the ids ``first``..n-1 that are wanted (all, where ``wanted`` is empty) and write their slots.

    ``count`` slots are taken before. Returns (slots taken, rows done): less than n where a probe grew too long. There must be room
    for all ids in ``table`` (half of it free), ``arena`` (and 8 bytes) and ``begins``.
    """
    n = starts.shape[0] - 1
    every = wanted.shape[0] == 0
    mask = np.int64(table.shape[0] - 1)
    ids, known = address_of(data), address_of(arena)
    hashes = np.empty(BLOCK, np.uint64)
    words = np.empty(BLOCK, np.uint64)
    for block in range(first, n, BLOCK):
        end = min(block + BLOCK, n)
        for row in range(block, end):
            h = hash_of(ids, starts[row], starts[row + 1], np.uint64(seed))
            hashes[row - block] = h
            words[row - block] = table[np.int64(h & LOW) & mask]  # brings the line into the cache
        for row in range(block, end):
            if not every and not wanted[row]:
                continue
            h = hashes[row - block]
            at = np.int64(h & LOW) & mask
            start = starts[row]
            length = starts[row + 1] - start
            probes = 0
            while True:
                word = table[at]
                if word == FREE:
                    table[at] = (h & HIGH) | np.uint64(count + 1)
                    copy_bytes(ids, start, known, begins[count], length)
                    begins[count + 1] = begins[count] + length
                    slots[row] = count
                    count += 1
                    break
                if (word & HIGH) == (h & HIGH):
                    slot = np.int64(word & LOW) - 1
                    begin = begins[slot]
                    if begins[slot + 1] - begin == length and same_bytes(ids, start, known, begin, length):
                        slots[row] = slot
                        break
                at = (at + 1) & mask
                probes += 1
                if probes > probes_max:
                    return count, row
    return count, n


@kernel
def find_ids(
    data: U8Array,
    starts: I64Array,
    table: U64Array,
    seed: int,
    arena: U8Array,
    begins: I64Array,
    slots: I64Array,
) -> None:
    """Write the slot of each id, -1 where it is not known."""
    n = starts.shape[0] - 1
    mask = np.int64(table.shape[0] - 1)
    ids, known = address_of(data), address_of(arena)
    hashes = np.empty(BLOCK, np.uint64)
    words = np.empty(BLOCK, np.uint64)
    for block in range(0, n, BLOCK):
        end = min(block + BLOCK, n)
        for row in range(block, end):
            h = hash_of(ids, starts[row], starts[row + 1], np.uint64(seed))
            hashes[row - block] = h
            words[row - block] = table[np.int64(h & LOW) & mask]
        for row in range(block, end):
            h = hashes[row - block]
            at = np.int64(h & LOW) & mask
            start = starts[row]
            length = starts[row + 1] - start
            slots[row] = -1
            word = words[row - block]
            while word != FREE:
                if (word & HIGH) == (h & HIGH):
                    slot = np.int64(word & LOW) - 1
                    begin = begins[slot]
                    if begins[slot + 1] - begin == length and same_bytes(ids, start, known, begin, length):
                        slots[row] = slot
                        break
                at = (at + 1) & mask
                word = table[at]


@kernel
def rebuild(table: U64Array, seed: int, arena: U8Array, begins: I64Array, count: int, probes_max: int) -> bool:
    """Enter slots 0..count-1 (distinct ids) into an empty table; False where a probe grew too long."""
    mask = np.int64(table.shape[0] - 1)
    known = address_of(arena)
    for slot in range(count):
        h = hash_of(known, begins[slot], begins[slot + 1], np.uint64(seed))
        at = np.int64(h & LOW) & mask
        probes = 0
        while table[at] != FREE:
            at = (at + 1) & mask
            probes += 1
            if probes > probes_max:
                return False
        table[at] = (h & HIGH) | np.uint64(slot + 1)
    return True


@kernel
def gather_ids(arena: U8Array, begins: I64Array, slots: I64Array, data: U8Array, starts: I64Array) -> None:
    """Copy the ids of slots one after another to ``data`` (8 writable bytes after the last) and write where each begins."""
    source, target = address_of(arena), address_of(data)
    at = 0
    for i in range(slots.shape[0]):
        slot = slots[i]
        length = begins[slot + 1] - begins[slot]
        starts[i] = at
        copy_bytes(source, begins[slot], target, at, length)
        at += length
    starts[slots.shape[0]] = at


@kernel
def fill(
    slots: I64Array,
    wanted: BoolArray,
    new_seq_no: I64Array,
    new_version: I64Array,
    new_offset: I64Array,
    ordinal: int,
    seq_no: I64Array,
    version: I64Array,
    segment: I32Array,
    doc: I32Array,
    deleted: U8Array,
    offset: I64Array,
) -> None:
    """Set the columns of rows that are wanted, where the slot's offset is older: alive in row i of segment ``ordinal``, deleted where that is -1."""
    every = wanted.shape[0] == 0
    for row in range(slots.shape[0]):
        if not every and not wanted[row]:
            continue
        slot = slots[row]
        if offset[slot] > new_offset[row]:
            continue
        seq_no[slot] = new_seq_no[row]
        version[slot] = new_version[row]
        offset[slot] = new_offset[row]
        segment[slot] = ordinal
        doc[slot] = row if ordinal >= 0 else 0
        deleted[slot] = 0 if ordinal >= 0 else 1


@kernel
def relocate_rows(segment: I32Array, doc: I32Array, count: int, bases: I64Array, maps: I64Array, into: int) -> None:
    """Rows of segment s with ``bases[s]`` >= 0 that have a new place (``maps[bases[s] + doc]`` >= 0) go to it, in segment ``into``."""
    for slot in range(count):
        old = segment[slot]
        if 0 <= old < bases.shape[0] and bases[old] >= 0:
            new = maps[bases[old] + doc[slot]]
            if new >= 0:
                segment[slot] = into
                doc[slot] = new
