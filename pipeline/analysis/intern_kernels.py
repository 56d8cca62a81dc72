"""Byte strings to dense numbers: the hash table that tokens and keywords are numbered with, in order of appearance.

The table holds pairs (hash, number), open addressing with linear probing, its size a power of two and never more than half
full; hash 0 marks a free pair. The strings themselves lie in arrays of the caller's.

Strings are compared, and hashed, a word of 8 bytes at a time. Where upper and lower case are to be one, ``lowered`` puts the
word's ASCII letters in lower case on the way: a token need not be copied to be looked up.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

from typing import Any

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64

TABLE_SIZE_MIN = 1 << 12
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
FOLD = np.uint64(0x8080808080808080)  # for `lowered`: upper case is put in lower case
EXACT = np.uint64(0)  # for `lowered`: nothing is changed
_SEVEN_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_TO_A = np.uint64(0x3F3F3F3F3F3F3F3F)  # 0x80 - "A": added to seven bits, the eighth says at least "A"
_BEYOND_Z = np.uint64(0x2525252525252525)  # 0x80 - "Z" - 1: the eighth says beyond "Z"
_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xD6E8FEB86659FD93)
ONE = np.uint64(1)
_TWO = np.uint64(2)


@kernel(inline="always")
def lowered(word: Any, fold: Any) -> Any:
    """Eight bytes with their ASCII letters in lower case where `fold` is FOLD, as they are where it is EXACT."""
    low = word & _SEVEN_BITS
    upper = (low + _TO_A) & ~(low + _BEYOND_Z) & ~word & fold
    return word | (upper >> _TWO)


@kernel
def hash_bytes(base: int, offset: int, length: int, fold: int) -> int:
    """A hash of length bytes, never 0. Reads up to 8 bytes beyond."""
    h = np.uint64(length) * _K2
    j = np.int64(0)
    while j + 8 < length:
        h = (h ^ lowered(load64(base, offset + j), fold)) * _K1
        h ^= h >> np.uint64(29)
        j += 8
    if length > 0:
        mask = FULL >> np.uint64(64 - 8 * (length - j))
        h = (h ^ (lowered(load64(base, offset + j), fold) & mask)) * _K1
    h ^= h >> np.uint64(32)
    return h | ONE


@kernel
def same_bytes(base: int, offset: int, other: int, other_offset: int, length: int, fold: int) -> bool:
    """Whether a string, with `fold` in lower case, is another of the same length. Reads up to 8 bytes beyond."""
    j = np.int64(0)
    while j + 8 < length:
        if lowered(load64(base, offset + j), fold) != load64(other, other_offset + j):
            return False
        j += 8
    if length == 0:
        return True
    mask = FULL >> np.uint64(64 - 8 * (length - j))
    return (lowered(load64(base, offset + j), fold) ^ load64(other, other_offset + j)) & mask == 0


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
        h = hash_bytes(base, offset, length, EXACT)
        p = (h >> np.uint64(8)) & mask
        found = np.int64(-1)
        while True:
            other = table[2 * p]
            if other == 0:
                break
            if other == h:
                t = np.int64(table[2 * p + ONE])
                at = starts[firsts[t]]
                if starts[firsts[t] + 1] - at == length and same_bytes(base, offset, base, at, length, EXACT):
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
