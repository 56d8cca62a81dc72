"""Byte strings to dense numbers: the hash table that tokens and keywords are numbered with, in order of appearance.

The table holds pairs (hash, number), open addressing with linear probing, its size a power of two and never more than half
full; hash 0 marks a free pair. The strings themselves lie in arrays of the caller's.

The hash folds bit 0x20 of every byte, so that a token in upper case has the hash of its lower case and need not be copied to
be looked up: with ``fold`` the comparison folds as well. That is exact where no two bytes of the alphabet in question differ
in that bit alone but for the letters: so for letters, digits and ``_ . , : ; '``.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64

TABLE_SIZE_MIN = 1 << 12
FOLD = np.uint64(0x2020202020202020)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xD6E8FEB86659FD93)
ONE = np.uint64(1)


@kernel
def hash_bytes(base: int, offset: int, length: int) -> int:
    """A hash of length bytes, never 0. Reads up to 8 bytes beyond."""
    h = np.uint64(length) * _K2
    j = np.int64(0)
    while j + 8 < length:
        h = (h ^ (load64(base, offset + j) | FOLD)) * _K1
        h ^= h >> np.uint64(29)
        j += 8
    if length > 0:
        mask = FULL >> np.uint64(64 - 8 * (length - j))
        h = (h ^ ((load64(base, offset + j) | FOLD) & mask)) * _K1
    h ^= h >> np.uint64(32)
    return h | ONE


@kernel
def same_bytes(base: int, offset: int, other: int, other_offset: int, length: int, fold: int) -> bool:
    """Whether two strings of one length are equal, with the bits of `fold` set in both. Reads up to 8 bytes beyond."""
    j = np.int64(0)
    while j + 8 < length:
        if (load64(base, offset + j) | fold) != (load64(other, other_offset + j) | fold):
            return False
        j += 8
    if length == 0:
        return True
    mask = FULL >> np.uint64(64 - 8 * (length - j))
    a = (load64(base, offset + j) | fold) & mask
    return a == (load64(other, other_offset + j) | fold) & mask


@kernel
def grown(table: U64Array) -> U64Array:
    """The table in four times the space."""
    size = table.shape[0] // 2
    wide = np.zeros(8 * size, np.uint64)
    mask = np.uint64(4 * size - 1)
    for q in range(size):
        h = table[2 * q]
        if h != 0:
            p = (h >> np.uint64(8)) & mask
            while wide[2 * p] != 0:
                p = (p + ONE) & mask
            wide[2 * p] = h
            wide[2 * p + ONE] = table[2 * q + 1]
    return wide


@kernel
def intern_values(
    data: U8Array,
    starts: I64Array,
    table: U64Array,
    ids: U32Array,
    firsts: I64Array,
    counts: U32Array,
) -> int:
    """Number the values of a column: ids[v]; term t appears first as value firsts[t], counts[t] times. Returns t.

    `table` uint64[2 * size], zeros. firsts and counts have room for one entry per value.
    """
    base = address_of(data)
    size = table.shape[0] // 2
    mask = np.uint64(size - 1)
    terms = np.int64(0)
    for v in range(starts.shape[0] - 1):
        offset = starts[v]
        length = starts[v + 1] - offset
        h = hash_bytes(base, offset, length)
        p = (h >> np.uint64(8)) & mask
        found = np.int64(-1)
        while True:
            other = table[2 * p]
            if other == 0:
                break
            if other == h:
                t = np.int64(table[2 * p + ONE])
                at = starts[firsts[t]]
                if starts[firsts[t] + 1] - at == length and same_bytes(base, offset, base, at, length, np.uint64(0)):
                    found = t
                    break
            p = (p + ONE) & mask
        if found < 0:
            found = terms
            table[2 * p] = h
            table[2 * p + ONE] = np.uint64(terms)
            firsts[terms] = v
            counts[terms] = 0
            terms += 1
            if terms * 2 > size:
                table = grown(table)
                size = table.shape[0] // 2
                mask = np.uint64(size - 1)
        counts[found] += np.uint32(1)
        ids[v] = np.uint32(found)
    return terms
