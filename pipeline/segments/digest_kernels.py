"""Hashes of rows and of what was indexed for them, to be added up. The twin is ``tests/pipeline/segments/digest_twin.py``.

All arithmetic is modulo 2^64. ``fold(a, b)`` is the xor of both halves of the 128-bit product, as in wyhash (Wang Yi, 2019): a
mixer that is fast and well spread. These hashes find what went wrong by accident; they do not resist an adversary, and need not: who
can write to the log can write what he likes.
"""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,no-any-return"

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64, multiply_high64
from pipeline.segments.postings_kernels import BLOCK, decode_documents, decode_frequencies, positions_offset

S0 = np.uint64(0xA0761D6478BD642F)
S1 = np.uint64(0xE7037ED1A0B428DB)
S2 = np.uint64(0x8EBC6AF09C88C6E3)
S3 = np.uint64(0x589965CC75374CC3)
TAG_TERM, TAG_COLUMN, TAG_LENGTH = 1, 2, 3


@kernel
def fold(a: int, b: int) -> int:
    """Both halves of a * b, xored."""
    x, y = np.uint64(a), np.uint64(b)
    return multiply_high64(x, y) ^ (x * y)


@kernel
def hash_bytes(data: U8Array, start: int, end: int, seed: np.uint64) -> int:
    """64 bits of data[start:end]; needs 8 readable bytes after the end."""
    base = address_of(data)
    h = fold(np.uint64(seed) ^ S0, np.uint64(end - start) ^ S1)
    i = np.int64(start)
    while i + 8 <= end:
        h = fold(h ^ load64(base, i), S2)
        i += 8
    if i < end:
        rest = (np.uint64(1) << np.uint64(8 * (end - i))) - np.uint64(1)
        h = fold(h ^ (load64(base, i) & rest), S3)
    return fold(h, S1)


@kernel
def hash_column(data: U8Array, starts: I64Array, seed: np.uint64, out: U64Array) -> None:
    """The hash of each byte string."""
    for i in range(starts.shape[0] - 1):
        out[i] = hash_bytes(data, starts[i], starts[i + 1], seed)


@kernel
def add_rows(
    ids: U64Array,
    first: U64Array,
    second: U64Array,
    seq_nos: I64Array,
    versions: I64Array,
    rows: I64Array,
    sums: U64Array,
    negative: bool,
) -> None:
    """Add the hashes of rows to sums[buckets, 4], or take them away. ``ids``, ``first``, ``second``: hashes of id and content.

    The bucket is the id's, so that a difference between two partitions points at the ids to compare.
    """
    buckets = np.uint64(sums.shape[0])
    for i in range(rows.shape[0]):
        d = rows[i]
        h = fold(ids[d] ^ S2, np.uint64(seq_nos[d]) ^ S3)
        h = fold(h ^ np.uint64(versions[d]), S0)
        bucket = ids[d] % buckets
        a, b = fold(h ^ first[d], S1), fold(h ^ second[d], S2)
        lanes = (a, b, fold(a ^ S3, b), fold(b ^ S0, a ^ S1))
        for lane in range(4):
            if negative:
                sums[bucket, lane] -= lanes[lane]
            else:
                sums[bucket, lane] += lanes[lane]


@kernel
def add_postings(
    terms: U64Array,
    block_term: U32Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    data: U8Array,
    with_positions: bool,
    field: np.uint64,
    alive: BoolArray,
    sums: U64Array,
) -> None:
    """Add to sums[documents, 2] what the postings of a field say of each living document: term, and positions in order."""
    base = address_of(data)
    documents = np.empty(BLOCK, np.uint32)
    frequencies = np.empty(BLOCK, np.uint32)
    for t in range(terms.shape[0]):
        tag = fold(terms[t] ^ np.uint64(field), S0 ^ np.uint64(TAG_TERM))
        previous = np.int64(-1)
        for block in range(np.int64(block_term[t]), np.int64(block_term[t + 1])):
            bits, offset, last = block_bits[block], block_offset[block], np.int64(block_last[block])
            count = decode_documents(base, offset, bits, last, previous, documents)
            decode_frequencies(base, offset, bits, frequencies)
            previous = last
            at = positions_offset(offset, bits)
            width = np.int64(bits >> np.uint32(24))
            mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
            bit = np.int64(0)
            for i in range(count):
                h = fold(tag, np.uint64(frequencies[i]) ^ S1)
                if with_positions:
                    position = np.uint64(0)
                    for _ in range(frequencies[i]):
                        word = load64(base, at + (bit >> 3))
                        position += (word >> np.uint64(bit & 7)) & mask
                        h = fold(h ^ position, S2)
                        bit += width
                d = np.int64(documents[i])
                if alive[d]:
                    sums[d, 0] += h
                    sums[d, 1] += fold(h, S3)


@kernel
def add_values(values: U64Array, starts: I64Array, field: np.uint64, tag: int, sums: U64Array) -> None:
    """Add to sums[documents, 2] the values of a column: value i of document d for starts[d] <= i < starts[d + 1]."""
    for d in range(starts.shape[0] - 1):
        for i in range(starts[d], starts[d + 1]):
            h = fold(values[i] ^ np.uint64(field), S0 ^ np.uint64(tag))
            sums[d, 0] += h
            sums[d, 1] += fold(h, S3)


def warm() -> None:
    """Compile with the types they are used with."""
    data, starts = np.zeros(32, np.uint8), np.array([0, 1], np.int64)
    one = np.zeros(1, np.uint64)
    hash_column(data, starts, np.uint64(1), one)
    number = np.zeros(1, np.int64)
    add_rows(one, one, one, number, number, number, np.zeros((4, 4), np.uint64), False)
    sums = np.zeros((1, 2), np.uint64)
    none = np.zeros(2, np.uint32)
    add_postings(one, none, none, number, none, data, True, np.uint64(1), np.ones(1, np.bool_), sums)
    add_values(one, starts, np.uint64(1), 2, sums)
