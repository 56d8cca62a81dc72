"""Hashes of values, and HyperLogLog's registers filled with them.

Byte strings are hashed by the first word of MurmurHash3_x64_128 with seed 0, as OpenSearch hashes terms.
"""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,no-any-return,index,call-overload"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64

C1, C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
M1, M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
FIVE, N1, N2 = np.uint64(5), np.uint64(0x52DCE729), np.uint64(0x38495AB5)


@kernel
def rotated(word: int, by: int) -> int:
    """A word with its bits turned to the left."""
    return (word << np.uint64(by)) | (word >> np.uint64(64 - by))


@kernel
def mixed_up(word: int) -> int:
    """MurmurHash3's last step."""
    word = (word ^ (word >> np.uint64(33))) * M1
    word = (word ^ (word >> np.uint64(33))) * M2
    return word ^ (word >> np.uint64(33))


@kernel
def tail_word(base: int, at: int, count: int) -> int:
    """The `count` bytes, at most 8, at `at` as a little-endian word. 8 bytes must be readable."""
    if count <= 0:
        return np.uint64(0)
    word = load64(base, at)
    return word if count >= 8 else word & ~(~np.uint64(0) << np.uint64(8 * count))


@kernel
def hash_strings(data: U8Array, begins: I64Array, ends: I64Array, hashes: U64Array) -> None:
    """The hash of each string; `data` is padded."""
    base = address_of(data)
    for i in range(begins.shape[0]):
        at = begins[i]
        length = ends[i] - at
        a = np.uint64(0)
        b = np.uint64(0)
        for _ in range(length >> 4):
            a ^= rotated(load64(base, at) * C1, 31) * C2
            a = (rotated(a, 27) + b) * FIVE + N1
            b ^= rotated(load64(base, at + 8) * C2, 33) * C1
            b = (rotated(b, 31) + a) * FIVE + N2
            at += 16
        rest = length & 15
        b ^= rotated(tail_word(base, at + 8, rest - 8) * C2, 33) * C1
        a ^= rotated(tail_word(base, at, min(rest, 8)) * C1, 31) * C2
        a ^= np.uint64(length)
        b ^= np.uint64(length)
        a += b
        b += a
        a = mixed_up(a)
        b = mixed_up(b)
        hashes[i] = a + b


@kernel
def fill_registers(hashes: U64Array, rows: I64Array, precision: int, registers: U8Array) -> None:
    """Raise registers[row, first `precision` bits] to the place of the first bit that is set in the rest, from 1."""
    places = 64 - precision
    for i in range(hashes.shape[0]):
        register = np.int64(hashes[i] >> np.uint64(places))
        rest = hashes[i] << np.uint64(precision)
        rank = 1
        while rank <= places and rest & np.uint64(1 << 63) == 0:
            rest <<= np.uint64(1)
            rank += 1
        registers[rows[i], register] = max(registers[rows[i], register], rank)
