"""The best k documents that have all of several terms: candidates of the rarest, a block at a time, kept where the others are too.

A block of the rarest term is skipped where the bounds of all terms over the same documents do not pass the threshold (see
``top_kernels``). Frequencies are read only of documents that have every term.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F32Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of
from pipeline.search.kernels.score_kernels import bm25
from pipeline.search.kernels.top_kernels import bound_of, find_in_block, push, threshold
from pipeline.segments.postings_kernels import BLOCK, decode_documents, frequency_at, seek_block


@kernel
def keep_common(
    base: int,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    documents: U32Array,
    decoded: int,
    decoded_count: int,
    found: U32Array,
    count: int,
    places: I64Array,
    blocks: I64Array,
    term: int,
    cursor: I64Array,
) -> tuple[int, int, int, bool]:
    """Keep those of found[:count] (ascending) that a term has too, in place.

    places[t, i] says where document i stands in block blocks[t, i] of term t, for the terms up to this one. `documents` holds the
    term's block `decoded`. Returns (documents kept, block decoded now, its size, whether the term's postings ended).

    Where candidates are few a block is searched for each, else both lists are walked.
    """
    kept = 0
    at = 0
    block = cursor[term]
    while at < count:
        block = seek_block(block_last, block, end, np.int64(found[at]))
        if block >= end:
            cursor[term] = block
            return kept, decoded, decoded_count, True
        last = block_last[block]
        if decoded != block:
            before = np.int64(block_last[block - 1]) if block > first else np.int64(-1)
            decoded_count = decode_documents(
                base, block_offset[block], block_bits[block], np.int64(last), before, documents
            )
            decoded = block
        stop = count if found[count - 1] <= last else find_in_block(found, at, count, last + np.uint32(1))
        j = 0
        if (stop - at) * 8 < decoded_count:
            while at < stop:
                j = find_in_block(documents, j, decoded_count, found[at])
                if documents[j] == found[at]:
                    found[kept] = found[at]
                    for u in range(term):
                        places[u, kept] = places[u, at]
                        blocks[u, kept] = blocks[u, at]
                    places[term, kept] = j
                    blocks[term, kept] = block
                    kept += 1
                at += 1
        else:
            while at < stop:
                wanted = found[at]
                here = documents[j]
                if wanted == here:
                    found[kept] = wanted
                    for u in range(term):
                        places[u, kept] = places[u, at]
                        blocks[u, kept] = blocks[u, at]
                    places[term, kept] = j
                    blocks[term, kept] = block
                    kept += 1
                at += wanted <= here
                j += here <= wanted
    cursor[term] = block
    return kept, decoded, decoded_count, False


@kernel
def top_of_all(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    block_impact: U32Array,
    first: I64Array,
    end: I64Array,
    weights: F32Array,
    inverse: F32Array,
    norms: U8Array,
    mask: BoolArray,
    offsets: I64Array,
    row: int,
    ordered: bool,
    heap_scores: F32Array,
    heap_offsets: I64Array,
    heap_rows: I64Array,
    size: int,
    hits: int,
    hits_wanted: int,
) -> tuple[int, int]:
    """The best documents with all terms into the heap; terms ordered by df, the rarest first.

    `hits` matches were counted before this segment; nothing is skipped until `hits_wanted` are. Returns (size, hits).
    """
    base = address_of(data)
    masked = mask.shape[0] > 0
    terms = first.shape[0]
    k = heap_scores.shape[0]
    cursor = first.copy()
    documents = np.empty((terms, BLOCK), np.uint32)
    decoded = np.full(terms, -1, np.int64)
    counts = np.zeros(terms, np.int64)
    found = np.empty(BLOCK, np.uint32)
    places = np.zeros((terms, BLOCK), np.int64)
    blocks = np.zeros((terms, BLOCK), np.int64)
    for lead in range(first[0], end[0]):
        previous = np.int64(block_last[lead - 1]) if lead > first[0] else np.int64(-1)
        last = np.int64(block_last[lead])
        if size == k and hits >= hits_wanted:
            bound = bound_of(block_impact[lead], weights[0], inverse)
            for t in range(1, terms):
                block = seek_block(block_last, cursor[t], end[t], previous + 1)
                cursor[t] = block
                if block >= end[t]:
                    return size, hits
                greatest = 0.0
                while block < end[t]:
                    greatest = max(greatest, bound_of(block_impact[block], weights[t], inverse))
                    if np.int64(block_last[block]) >= last:
                        break
                    block += 1
                bound += greatest
            if bound <= threshold(heap_scores, size, ordered):
                continue
        size_of_lead = decode_documents(base, block_offset[lead], block_bits[lead], last, previous, documents[0])
        count = 0
        for i in range(size_of_lead):
            document = documents[0, i]
            if masked and not mask[np.int64(document)]:
                continue
            found[count] = document
            places[0, count] = i
            count += 1
        ended = False
        for t in range(1, terms):
            count, decoded[t], counts[t], ended = keep_common(
                base, block_last, block_offset, block_bits, first[t], end[t], documents[t], decoded[t], counts[t],
                found, count, places, blocks, t, cursor,
            )  # fmt: skip
            if count == 0:
                break
        hits += count
        for c in range(count):
            document = np.int64(found[c])
            norm = inverse[norms[document]]
            frequency = frequency_at(base, block_offset[lead], block_bits[lead], places[0, c])
            score = np.float64(bm25(weights[0], np.float32(frequency), norm))
            for t in range(1, terms):
                block = blocks[t, c]
                frequency = frequency_at(base, block_offset[block], block_bits[block], places[t, c])
                score += np.float64(bm25(weights[t], np.float32(frequency), norm))
            rounded = np.float32(score)
            if size < k or rounded >= heap_scores[0]:
                size = push(heap_scores, heap_offsets, heap_rows, size, rounded, offsets[document], row + document)
        if ended and count == 0:
            return size, hits
    return size, hits
