"""Writing postings: tokens to an inverted index by counting sort, then into bit-packed blocks.

Between the two a term's tokens are `slots`, ascending: (document << 32 | position), one for each occurrence. One
64-bit word per token means one scattered store per token when sorting; documents, frequencies and gaps are read off the
sorted words in sequence. Fields without positions have one slot per document, position 0.

The layout of a block is described in ``pipeline.segments.postings_kernels``. The bound of a block (`impact`) is
described in docs/internals/segments.md.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, bit_length64, store64

BLOCK = 128
SHIFT = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
FREQUENCY_MAX = 0xFFFFFF  # what an impact can say; DOCUMENT_BYTES_MAX keeps real ones below


@kernel
def slots_of_tokens(
    ids: U32Array,
    token_starts: I64Array,
    positions: U32Array,
    ranks: U32Array,
    slot_starts: I64Array,
    slots: U64Array,
) -> None:
    """Counting sort of the tokens by term.

    Token k of document d (token_starts[d] <= k < token_starts[d + 1]) is of term ranks[ids[k]], at positions[k], or at
    its number in the document where `positions` is empty. slot_starts int64[t + 1]: where each term's slots begin.
    """
    explicit = positions.shape[0] > 0
    cursor = slot_starts.copy()
    for d in range(token_starts.shape[0] - 1):
        document = np.uint64(d) << SHIFT
        start = token_starts[d]
        for k in range(start, token_starts[d + 1]):
            term = ranks[ids[k]]
            position = np.uint64(positions[k]) if explicit else np.uint64(k - start)
            slots[cursor[term]] = document | position
            cursor[term] += 1


@kernel
def slots_of_values(rows: I64Array, ordinals: U32Array, slot_starts: I64Array, slots: U64Array) -> None:
    """Counting sort of documents by term: document rows[v] has term ordinals[v], each pair once, rows ascending."""
    cursor = slot_starts.copy()
    for v in range(rows.shape[0]):
        term = ordinals[v]
        slots[cursor[term]] = np.uint64(rows[v]) << SHIFT
        cursor[term] += 1


@kernel
def starts_of_counts(counts: U32Array, order: I64Array) -> I64Array:
    """Where each term's slots begin, for terms taken in this order."""
    starts = np.empty(order.shape[0] + 1, np.int64)
    starts[0] = 0
    for i in range(order.shape[0]):
        starts[i + 1] = starts[i] + np.int64(counts[order[i]])
    return starts


@kernel
def pack(base: int, offset: int, values: U32Array, count: int, width: int) -> int:
    """`count` values of `width` bits to byte `offset`; up to 8 bytes beyond the end are overwritten. Returns the end."""
    if width == 0:
        return offset
    word = np.uint64(0)
    used = np.int64(0)
    at = offset
    for i in range(count):
        value = np.uint64(values[i])
        word |= value << np.uint64(used)
        used += width
        if used >= 64:
            store64(base, at, word)
            at += 8
            used -= 64
            word = value >> np.uint64(width - used) if used > 0 else np.uint64(0)
    if used > 0:
        store64(base, at, word)
    return offset + ((count * width + 7) >> 3)


@kernel
def pack_positions(base: int, offset: int, slots: U64Array, first: int, end: int, width: int) -> int:
    """The position gaps of slots[first:end], as ``pack`` writes them."""
    if width == 0:
        return offset
    word = np.uint64(0)
    used = np.int64(0)
    at = offset
    document = np.uint64(0xFFFFFFFFFFFFFFFF)
    previous = np.uint64(0)
    for k in range(first, end):
        slot = slots[k]
        position = slot & LOW
        if slot >> SHIFT != document:
            document = slot >> SHIFT
            previous = np.uint64(0)
        value = position - previous
        previous = position
        word |= value << np.uint64(used)
        used += width
        if used >= 64:
            store64(base, at, word)
            at += 8
            used -= 64
            word = value >> np.uint64(width - used) if used > 0 else np.uint64(0)
    if used > 0:
        store64(base, at, word)
    return offset + (((end - first) * width + 7) >> 3)


@kernel
def norm_not_above(length: float, norm_lengths: I64Array) -> int:
    """The greatest norm whose length is at most `length`."""
    low, high = 0, 255
    while low < high:
        middle = (low + high + 1) >> 1
        if np.float64(norm_lengths[middle]) <= length:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def encode_term(
    slots: U64Array,
    first: int,
    end: int,
    with_positions: bool,
    norms: U8Array,
    norm_lengths: I64Array,
    data: U8Array,
    offset: int,
    block: int,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    block_impact: U32Array,
) -> tuple[int, int, int]:
    """Write one term's postings as blocks from number `block` on; returns (df, next block, next offset).

    `norms` uint8[n], empty for a field without lengths. `data` has room for 8 bytes more than is written.
    """
    base = address_of(data)
    gaps = np.empty(BLOCK, np.uint32)
    counts = np.empty(BLOCK, np.uint32)
    has_norms = norms.shape[0] > 0
    df = np.int64(0)
    previous = np.int64(-1)
    k = first
    while k < end:
        begin = k
        count = np.int64(0)
        gap_bits = np.uint64(0)
        count_bits = np.uint64(0)
        position_bits = np.uint64(0)
        frequency_max = np.int64(0)
        ratio_min = np.inf
        norm_min = 255
        while k < end and count < BLOCK:
            document = slots[k] >> SHIFT
            gap = np.uint64(np.int64(document) - previous - 1)
            previous = np.int64(document)
            gaps[count] = np.uint32(gap)
            gap_bits |= gap
            last_position = np.uint64(0)
            run = k
            while k < end and slots[k] >> SHIFT == document:
                position = slots[k] & LOW
                position_bits |= position - last_position
                last_position = position
                k += 1
            frequency = k - run
            counts[count] = np.uint32(frequency - 1)
            count_bits |= np.uint64(frequency - 1)
            frequency_max = max(frequency_max, frequency)
            if has_norms:
                norm = np.int64(norms[np.int64(document)])
                if frequency == 1:
                    norm_min = min(norm_min, norm)
                else:
                    ratio_min = min(ratio_min, np.float64(norm_lengths[norm]) / frequency)
            count += 1
        document_width = bit_length64(gap_bits) if count > 1 else 0
        frequency_width = bit_length64(count_bits)
        position_width = bit_length64(position_bits) if with_positions else 0
        block_last[block] = np.uint32(previous)
        block_offset[block] = offset
        block_bits[block] = np.uint32(
            (count - 1) | (document_width << 8) | (frequency_width << 16) | (position_width << 24)
        )
        bound = np.int64(0)
        if has_norms:
            if frequency_max == 1:
                bound = norm_min
            else:
                ratio_min = min(ratio_min, np.float64(norm_lengths[norm_min]))
                bound = norm_not_above(ratio_min * frequency_max, norm_lengths)
        block_impact[block] = np.uint32((min(frequency_max, FREQUENCY_MAX) << 8) | bound)
        offset = pack(base, offset, gaps, count, document_width)
        offset = pack(base, offset, counts, count, frequency_width)
        if with_positions:
            offset = pack_positions(base, offset, slots, begin, k, position_width)
        df += count
        block += 1
    return df, block, offset


@kernel
def encode_terms(
    slots: U64Array,
    slot_starts: I64Array,
    with_positions: bool,
    norms: U8Array,
    norm_lengths: I64Array,
    data: U8Array,
    df: U32Array,
    block_term: U32Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    block_impact: U32Array,
) -> tuple[int, int]:
    """Write all terms; returns (blocks, bytes). Block arrays need one entry per 128 slots and one more per term."""
    block, offset = np.int64(0), np.int64(0)  # no literals: a kernel is compiled anew for each
    for term in range(df.shape[0]):
        block_term[term] = block
        df[term], block, offset = encode_term(
            slots, slot_starts[term], slot_starts[term + 1], with_positions, norms, norm_lengths,
            data, offset, block, block_last, block_offset, block_bits, block_impact,
        )  # fmt: skip
    block_term[df.shape[0]] = block
    return block, offset
