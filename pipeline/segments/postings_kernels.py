"""Reading postings: blocks of up to 128 documents with frequencies and positions, bit-packed.

A term's postings are cut into blocks of BLOCK_POSTINGS (the last may be shorter). The bytes of a block, each part
beginning on a byte:

    document gaps    count values of `document bits`   gap = document - previous document - 1; none where count is 1
    frequencies - 1  count values of `frequency bits`
    position gaps    sum(frequencies) values of `position bits`; a document's first is its position, not a gap

Value i of width w lies at bit i * w, least significant bit first, so that any value is one unaligned 64-bit load away.
The widths stand in the block's `bits` word (see ``pipeline.segments.format``); the last document of a block stands
beside it, which is why a block of one document holds no gap and why blocks can be skipped undecoded.

Kernels below take `base = address_of(postings)` and a byte offset. The array ends in READABLE_PAD_BYTES zero bytes.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64
from pipeline.kernels.unpack_kernels import VECTORS, WIDTH_MAX, sum_groups, unpack_groups

BLOCK = 128


@kernel
def unpack(base: int, offset: int, count: int, width: int, out: U32Array) -> None:
    """`count` values of `width` bits (0 to 32) from byte `offset` into out[:count]."""
    if width == 0:
        for i in range(count):
            out[i] = 0
        return
    done = np.int64(0)
    if VECTORS and width <= WIDTH_MAX:
        done = count & ~np.int64(15)
        unpack_groups(np.int64(base) + offset, np.int64(address_of(out)), done >> 4, np.int64(width))
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    bit = done * width
    for i in range(done, count):
        word = load64(base, offset + (bit >> 3))
        out[i] = np.uint32((word >> np.uint64(bit & 7)) & mask)
        bit += width


@kernel
def sum_gaps(documents: U32Array, count: int, previous: int) -> None:
    """Gaps to documents, in place; `previous` is the document before, -1 for none."""
    done = np.int64(0)
    at = np.uint32(previous)  # -1 wraps, and the first addition wraps back
    if VECTORS and count >= 16:
        done = count & ~np.int64(15)
        sum_groups(np.int64(address_of(documents)), done >> 4, np.int64(previous))
        at = documents[done - 1]
    for i in range(done, count):
        at = np.uint32(at + documents[i] + np.uint32(1))
        documents[i] = at


@kernel
def block_count(bits: int) -> int:
    """Postings in a block."""
    return np.int64(bits & np.uint32(0xFF)) + 1


@kernel
def decode_documents(base: int, offset: int, bits: int, last: int, previous: int, documents: U32Array) -> int:
    """The documents of a block into documents[:count]; returns count.

    `last` is the block's last document, `previous` that of the term's block before it, -1 for the first.
    """
    count = np.int64(bits & np.uint32(0xFF)) + 1
    if count == 1:
        documents[0] = last
        return count
    unpack(base, offset, count, np.int64((bits >> np.uint32(8)) & np.uint32(0xFF)), documents)
    sum_gaps(documents, count, previous)
    return count


@kernel
def decode_frequencies(base: int, offset: int, bits: int, frequencies: U32Array) -> int:
    """The frequencies of a block into frequencies[:count]; returns count. `offset` is the block's own."""
    count = np.int64(bits & np.uint32(0xFF)) + 1
    width = np.int64((bits >> np.uint32(16)) & np.uint32(0xFF))
    if width == 0:
        for i in range(count):
            frequencies[i] = 1
        return count
    document_bits = np.int64((bits >> np.uint32(8)) & np.uint32(0xFF))
    unpack(base, offset + ((count * document_bits + 7) >> 3), count, width, frequencies)
    for i in range(count):
        frequencies[i] += np.uint32(1)
    return count


@kernel
def frequency_at(base: int, offset: int, bits: int, index: int) -> int:
    """One frequency of a block, by its posting's place in the block."""
    width = np.int64((bits >> np.uint32(16)) & np.uint32(0xFF))
    if width == 0:
        return np.int64(1)
    count = np.int64(bits & np.uint32(0xFF)) + 1
    document_bits = np.int64((bits >> np.uint32(8)) & np.uint32(0xFF))
    bit = index * width
    word = load64(base, offset + ((count * document_bits + 7) >> 3) + (bit >> 3))
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    return np.int64((word >> np.uint64(bit & 7)) & mask) + 1


@kernel
def seek_block(block_last: U32Array, block: int, end: int, document: int) -> int:
    """The first block from `block` on whose last document is at or behind `document`, by galloping; `end` if there is none."""
    if block >= end or np.int64(block_last[block]) >= document:
        return block
    step = np.int64(1)
    low = np.int64(block)
    while low + step < end and np.int64(block_last[low + step]) < document:
        low += step
        step <<= 1
    high = min(low + step, end)
    low += 1
    while low < high:
        middle = (low + high) >> 1
        if np.int64(block_last[middle]) < document:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def decode_block(
    base: int,
    offset: int,
    bits: int,
    last: int,
    previous: int,
    documents: U32Array,
    frequencies: U32Array,
) -> int:
    """Documents and frequencies of a block (arrays of at least BLOCK); returns their count."""
    decode_documents(base, offset, bits, last, previous, documents)
    return decode_frequencies(base, offset, bits, frequencies)


@kernel
def positions_offset(offset: int, bits: int) -> int:
    """Where the position gaps of a block begin, in bytes from the start of ``postings``."""
    count = np.int64(bits & np.uint32(0xFF)) + 1
    document_bits = np.int64((bits >> np.uint32(8)) & np.uint32(0xFF))
    frequency_bits = np.int64((bits >> np.uint32(16)) & np.uint32(0xFF))
    return offset + ((count * document_bits + 7) >> 3) + ((count * frequency_bits + 7) >> 3)


@kernel
def decode_positions(base: int, positions: int, bits: int, skip: int, count: int, out: U32Array, start: int) -> None:
    """The positions of one posting into out[start:start + count], ascending.

    `positions` is the block's ``positions_offset``; `skip` the sum of the frequencies before this posting in its
    block; `count` its frequency.
    """
    width = np.int64(bits >> np.uint32(24))
    at = np.uint32(0)
    if width == 0:
        for i in range(count):
            out[start + i] = 0
        return
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    bit = skip * width
    for i in range(count):
        word = load64(base, positions + (bit >> 3))
        at = np.uint32(at + np.uint32((word >> np.uint64(bit & 7)) & mask))
        out[start + i] = at
        bit += width


@kernel
def decode_term(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    documents: U32Array,
    frequencies: U32Array,
) -> int:
    """All postings of the term whose blocks are [first, end); both outputs hold its df. Returns df."""
    base = address_of(data)
    at = np.int64(0)
    previous = np.int64(-1)
    for block in range(first, end):
        last = np.int64(block_last[block])
        offset, bits = block_offset[block], block_bits[block]
        count = np.int64(bits & np.uint32(0xFF)) + 1
        stop = at + count
        decode_documents(base, offset, bits, last, previous, documents[at:stop])
        decode_frequencies(base, offset, bits, frequencies[at:stop])
        previous = last
        at = stop
    return at


@kernel
def decode_term_positions(
    data: U8Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    frequencies: U32Array,
    starts: I64Array,
    positions: U32Array,
) -> None:
    """All positions of a term whose frequencies are known: positions[starts[p]:starts[p + 1]] are those of posting p."""
    base = address_of(data)
    posting = np.int64(0)
    starts[0] = 0
    for block in range(first, end):
        bits = block_bits[block]
        at = positions_offset(block_offset[block], bits)
        skip = np.int64(0)
        for _ in range(np.int64(bits & np.uint32(0xFF)) + 1):
            count = np.int64(frequencies[posting])
            decode_positions(base, at, bits, skip, count, positions, starts[posting])
            skip += count
            starts[posting + 1] = starts[posting] + count
            posting += 1


@kernel
def mark_documents(
    data: U8Array,
    block_term: U32Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    terms: I64Array,
    marks: BoolArray,
) -> None:
    """Set marks[d] for every document d of these terms: the union that prefix, range and terms queries need."""
    base = address_of(data)
    documents = np.empty(BLOCK, np.uint32)
    for t in range(terms.shape[0]):
        first = np.int64(block_term[terms[t]])
        previous = np.int64(-1)
        for block in range(first, np.int64(block_term[terms[t] + 1])):
            last = np.int64(block_last[block])
            count = decode_documents(base, block_offset[block], block_bits[block], last, previous, documents)
            for i in range(count):
                marks[documents[i]] = True
            previous = last


@kernel
def decode_slots(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    with_positions: bool,
    slots: U64Array,
    at: int,
) -> int:
    """A term's postings as the writer takes them, into slots[at:]: (document << 32 | position), one per token.

    Without positions one per document, position 0. `slots` must have room; returns where they end.
    """
    base = address_of(data)
    documents = np.empty(BLOCK, np.uint32)
    frequencies = np.empty(BLOCK, np.uint32)
    low = np.uint64(32)
    previous = np.int64(-1)
    for block in range(first, end):
        bits = block_bits[block]
        offset = block_offset[block]
        last = np.int64(block_last[block])
        count = decode_documents(base, offset, bits, last, previous, documents)
        previous = last
        if not with_positions:
            for i in range(count):
                slots[at] = np.uint64(documents[i]) << low
                at += 1
            continue
        decode_frequencies(base, offset, bits, frequencies)
        positions = positions_offset(offset, bits)
        width = np.int64(bits >> np.uint32(24))
        mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
        bit = np.int64(0)
        for i in range(count):
            document = np.uint64(documents[i]) << low
            position = np.uint64(0)
            for _ in range(frequencies[i]):
                word = load64(base, positions + (bit >> 3))
                position += (word >> np.uint64(bit & 7)) & mask
                slots[at] = document | position
                bit += width
                at += 1
    return at
