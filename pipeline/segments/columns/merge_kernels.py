"""Merging postings: term by term over several inputs, dropping dead documents and renumbering the others.

The inputs' arrays are laid one after another, so that an input is a range of each: its terms, its blocks, its documents.
Terms come in `order`, equal ones side by side and in the order of their inputs, so that the documents of a merged term come out
ascending. Each merged term's slots are written anew by the encoder that builds segments: the same live documents give the same bytes.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.segments.columns.invert_kernels import encode_term
from pipeline.segments.postings_kernels import decode_slots

SLOT_BYTES_MAX = 12
SHIFT = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


@kernel
def renumber(slots: U64Array, start: int, end: int, documents: I64Array, first: int) -> int:
    """Renumber slots[start:end] in place by documents[first + old], dropping those of -1; returns the new end."""
    at = start
    for k in range(start, end):
        slot = slots[k]
        document = documents[first + np.int64(slot >> SHIFT)]
        if document >= 0:
            slots[at] = (np.uint64(document) << SHIFT) | (slot & LOW)
            at += 1
    return at


@kernel
def merge_postings(
    order: I64Array,
    groups: I64Array,
    group: int,
    term_input: I64Array,
    slot_bound: I64Array,
    in_data: U8Array,
    in_term: I64Array,
    in_last: U32Array,
    in_offset: I64Array,
    in_bits: U32Array,
    documents: I64Array,
    document_first: I64Array,
    with_positions: bool,
    norms: U8Array,
    norm_lengths: I64Array,
    slots: U64Array,
    kept: I64Array,
    terms: int,
    block: int,
    offset: int,
    data: U8Array,
    df: U32Array,
    block_term: U32Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    block_impact: U32Array,
) -> tuple[int, int, int, int]:
    """Merge groups from number `group` on, until all are done or there is no room; returns (group, terms, block, offset).

    Term t (of all inputs) has blocks in_term[2t]..in_term[2t + 1], belongs to input term_input[t] and has at most slot_bound[t]
    slots. Document d of input i becomes documents[document_first[i] + d], -1 where it is dropped. kept[group] is the merged term's
    number, -1 where no document is left. A group needs room for its slots, SLOT_BYTES_MAX bytes for each of them and a block
    for every 128.
    """
    while group < groups.shape[0] - 1:
        need = np.int64(0)
        for k in range(groups[group], groups[group + 1]):
            need += slot_bound[order[k]]
        blocks = (need >> 7) + 1
        if (
            need > slots.shape[0]
            or offset + need * SLOT_BYTES_MAX + 16 * blocks + 16 > data.shape[0]
            or block + blocks > block_last.shape[0]
        ):
            break
        end = np.int64(0)
        for k in range(groups[group], groups[group + 1]):
            t = order[k]
            start = end
            end = decode_slots(
                in_data, in_last, in_offset, in_bits, in_term[2 * t], in_term[2 * t + 1],
                with_positions, slots, start,
            )  # fmt: skip
            end = renumber(slots, start, end, documents, document_first[term_input[t]])
        kept[group] = -1
        if end > 0:
            kept[group] = terms
            block_term[terms] = block
            df[terms], block, offset = encode_term(
                slots, np.int64(0), end, with_positions, norms, norm_lengths,
                data, offset, block, block_last, block_offset, block_bits, block_impact,
            )  # fmt: skip
            terms += 1
        group += 1
    block_term[terms] = block
    return group, terms, block, offset


@kernel
def token_bounds_of_terms(
    in_data: U8Array,
    in_term: I64Array,
    in_offset: I64Array,
    in_end: I64Array,
    in_bits: U32Array,
    with_positions: bool,
) -> I64Array:
    """At most how many slots each term has: documents, or as many positions as its blocks' bytes can hold.

    in_end int64[b]: where each block's bytes end. Where positions take no bits the frequencies' width bounds them.
    """
    terms = in_term.shape[0] // 2
    bounds = np.zeros(terms, np.int64)
    for t in range(terms):
        for b in range(in_term[2 * t], in_term[2 * t + 1]):
            bits = in_bits[b]
            count = np.int64(bits & np.uint32(0xFF)) + 1
            width = np.int64(bits >> np.uint32(24))
            if with_positions and width > 0:
                document_bits = np.int64((bits >> np.uint32(8)) & np.uint32(0xFF))
                frequency_bits = np.int64((bits >> np.uint32(16)) & np.uint32(0xFF))
                start = in_offset[b] + ((count * document_bits + 7) >> 3) + ((count * frequency_bits + 7) >> 3)
                bounds[t] += ((in_end[b] - start) << 3) // width
            else:
                bounds[t] += count << np.int64((bits >> np.uint32(16)) & np.uint32(0xFF))
    return bounds
