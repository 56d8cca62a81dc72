"""The first documents with any of some terms, and how many there are: what queries ask whose matches all score the same.

For the first k, a term is looked at only as far as its documents come before the k-th one known so far. They are counted in a set of
bits, no further than is wanted.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.pointer_kernels import bools_at, i64_at, u32_at
from pipeline.kernels.simd_kernels import trailing_zeros64
from pipeline.search.kernels.view_kernels import (
    ALIVE,
    BITS,
    BLOCK_TERM,
    BLOCKS,
    DATA,
    DOCUMENTS,
    LAST,
    OFFSET,
    TERM_COUNT,
)
from pipeline.segments.postings_kernels import BLOCK, decode_documents

SORTED_MAX = 256  # first documents that are kept in order; more are read off the bits


@kernel
def insert(documents: U32Array, count: int, document: int) -> int:
    """Put a document into a sorted array of the least, if it is not there; returns how many it holds."""
    low, high = np.int64(0), np.int64(count)
    while low < high:
        middle = (low + high) >> 1
        if documents[middle] < document:
            low = middle + 1
        else:
            high = middle
    if low == documents.shape[0] or (low < count and documents[low] == document):
        return count
    last = min(count, documents.shape[0] - 1)
    while last > low:
        documents[last] = documents[last - 1]
        last -= 1
    documents[low] = document
    return min(count + 1, documents.shape[0])


@kernel
def first_of_terms(row: I64Array, numbers: I64Array, wanted: int, documents: U32Array) -> tuple[int, int]:
    """The first live documents of a segment with any of these terms into `documents`, ascending, as many as it holds; returns how
    many that are, and how many there are in all, counted up to `wanted` at least. `row`: the segment's in a field's table.
    """
    k = documents.shape[0]
    size = row[DOCUMENTS]
    base = np.uintp(row[DATA])
    block_term = u32_at(row[BLOCK_TERM], row[TERM_COUNT] + 1)
    block_last, block_bits = u32_at(row[LAST], row[BLOCKS]), u32_at(row[BITS], row[BLOCKS])
    block_offset = i64_at(row[OFFSET], row[BLOCKS])
    alive = bools_at(row[ALIVE], size)
    masked = alive.shape[0] > 0
    decoded = np.empty(BLOCK, np.uint32)
    listing = k > SORTED_MAX
    bits = np.zeros((size + 63) >> 6 if wanted > 0 or listing else 0, np.uint64)
    count = np.int64(0)
    hits = np.int64(0)
    for n in range(numbers.shape[0]):
        first, end = np.int64(block_term[numbers[n]]), np.int64(block_term[numbers[n] + 1])
        counting = listing or hits < wanted
        for block in range(first, end):
            previous = np.int64(block_last[block - 1]) if block > first else np.int64(-1)
            near = not listing and k > 0 and (count < k or previous + 1 < np.int64(documents[count - 1]))
            if not near and not counting:
                break
            found = decode_documents(
                base, block_offset[block], block_bits[block], np.int64(block_last[block]), previous, decoded
            )
            for i in range(found):
                document = decoded[i]
                if masked and not alive[document]:
                    continue
                if counting:
                    bit = np.uint64(1) << np.uint64(document & np.uint32(63))
                    hits += (bits[document >> 6] & bit) == 0
                    bits[document >> 6] |= bit
                if near and (count < k or document < documents[count - 1]):
                    count = insert(documents, count, document)
    if listing:
        for word in range(bits.shape[0]):
            left = bits[word]
            while left != 0 and count < k:
                documents[count] = (word << 6) + trailing_zeros64(left)
                left &= left - np.uint64(1)
                count += 1
    return count, hits
