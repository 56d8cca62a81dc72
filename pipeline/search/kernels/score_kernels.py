"""Scoring postings and combining scored lists: the exhaustive path, which looks at every posting.

BM25 of one term, in float32 and in the form Lucene computes it (BM25Similarity, 9.12), monotone in frequency and norm:

    score = weight - weight / (1 + frequency * inverse[norm])        inverse[norm] = 1 / (k1 * (1 - b + b * length / average))

Scores of several clauses are added in float64 and rounded once: such sums do not depend on the order of addition (float32 values
within 2**29 of each other add exactly), so a score never depends on how an index is laid out.

Lists are sorted document numbers beside scores. Several lists lie one after another in two arrays; list i is [bounds[i], bounds[i + 1]).
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F32Array, F64Array, I64Array, U8Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, trailing_zeros64
from pipeline.segments.postings_kernels import BLOCK, decode_block, decode_documents

WINDOW = 2048


@kernel
def bm25(weight: float, frequency: float, inverse: float) -> float:
    """The score of one term in one document; all float32."""
    return weight - weight / (np.float32(1) + frequency * inverse)


@kernel
def score_term(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    norms: U8Array,
    weight: float,
    inverse: F32Array,
    documents: U32Array,
    scores: F32Array,
) -> int:
    """Documents and scores of the term whose blocks are [first, end); outputs hold its df. Returns df."""
    base = address_of(data)
    block_documents = np.empty(BLOCK, np.uint32)
    frequencies = np.empty(BLOCK, np.uint32)
    previous = np.int64(-1)
    at = 0
    for block in range(first, end):
        last = np.int64(block_last[block])
        count = decode_block(base, block_offset[block], block_bits[block], last, previous, block_documents, frequencies)
        previous = last
        for i in range(count):
            document = block_documents[i]
            documents[at + i] = document
            scores[at + i] = bm25(weight, np.float32(frequencies[i]), inverse[norms[document]])
        at += count
    return at


@kernel
def documents_of_term(
    data: U8Array,
    block_last: U32Array,
    block_offset: I64Array,
    block_bits: U32Array,
    first: int,
    end: int,
    documents: U32Array,
) -> int:
    """The documents of a term into documents[:df]; returns df."""
    base = address_of(data)
    previous = np.int64(-1)
    at = 0
    for block in range(first, end):
        last = np.int64(block_last[block])
        at += decode_documents(base, block_offset[block], block_bits[block], last, previous, documents[at:])
        previous = last
    return at


@kernel
def count_alive(documents: U32Array, alive: BoolArray) -> int:
    """How many of the documents are alive."""
    count = 0
    for i in range(documents.shape[0]):
        count += alive[documents[i]]
    return count


@kernel
def score_frequencies(
    documents: U32Array,
    frequencies: F32Array,
    norms: U8Array,
    weight: float,
    inverse: F32Array,
    scores: F32Array,
) -> None:
    """Scores of documents whose (phrase) frequencies are known."""
    for i in range(documents.shape[0]):
        scores[i] = bm25(weight, frequencies[i], inverse[norms[documents[i]]])


@kernel
def seek(documents: U32Array, at: int, wanted: int) -> int:
    """The first index >= `at` whose document is >= `wanted`, by galloping; the length if there is none."""
    size = documents.shape[0]
    if at >= size or documents[at] >= wanted:
        return at
    step = 1
    low = at
    while low + step < size and documents[low + step] < wanted:
        low += step
        step <<= 1
    high = min(low + step, size)
    low += 1
    while low < high:
        middle = (low + high) >> 1
        if documents[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def intersect(a: U32Array, b: U32Array, in_a: I64Array, in_b: I64Array) -> int:
    """Where the documents that both lists hold stand in a and in b; `in_*` hold min(len) entries. Returns their count."""
    i = 0
    j = 0
    count = 0
    while i < a.shape[0] and j < b.shape[0]:
        if a[i] == b[j]:
            in_a[count] = i
            in_b[count] = j
            count += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i = seek(a, i, b[j])
        else:
            j = seek(b, j, a[i])
    return count


@kernel
def add_where_present(documents: U32Array, sums: F64Array, other: U32Array, scores: F32Array, matched: U8Array) -> None:
    """Add the other list's scores to the documents that it also holds, and count it in `matched`."""
    at = 0
    for i in range(documents.shape[0]):
        at = seek(other, at, documents[i])
        if at >= other.shape[0]:
            return
        if other[at] == documents[i]:
            sums[i] += np.float64(scores[at])
            matched[i] += 1


@kernel
def union_scores(
    documents: U32Array,
    scores: F32Array,
    bounds: I64Array,
    least: int,
    tie_breaker: float,
    out_documents: U32Array,
    out_scores: F32Array,
) -> int:
    """Documents that at least `least` lists hold, ascending, with a score; returns their count.

    tie_breaker 1: the sum of the lists' scores; less: the greatest plus `tie_breaker` times the others (dis_max).
    The outputs hold min(sum of lengths, documents) entries.
    """
    lists = bounds.shape[0] - 1
    cursors = bounds[:-1].copy()
    sums = np.zeros(WINDOW, np.float64)
    best = np.zeros(WINDOW, np.float32)
    held = np.zeros(WINDOW, np.uint16)
    bits = np.zeros(WINDOW // 64, np.uint64)
    total = 0
    while True:
        start = np.int64(1) << 40
        for t in range(lists):
            if cursors[t] < bounds[t + 1]:
                start = min(start, np.int64(documents[cursors[t]]))
        if start == np.int64(1) << 40:
            return total
        start = start & ~np.int64(63)
        stop = start + WINDOW
        for t in range(lists):
            at = cursors[t]
            end = bounds[t + 1]
            while at < end and np.int64(documents[at]) < stop:
                slot = np.int64(documents[at]) - start
                score = scores[at]
                sums[slot] += np.float64(score)
                best[slot] = max(best[slot], score)
                held[slot] += 1
                bits[slot >> 6] |= np.uint64(1) << np.uint64(slot & 63)
                at += 1
            cursors[t] = at
        for word in range(WINDOW // 64):
            mask = bits[word]
            bits[word] = 0
            while mask != 0:
                slot = (word << 6) + trailing_zeros64(mask)
                mask &= mask - np.uint64(1)
                if held[slot] >= least:
                    out_documents[total] = start + slot
                    if tie_breaker == 1.0:
                        out_scores[total] = np.float32(sums[slot])
                    else:
                        rest = sums[slot] - np.float64(best[slot])
                        out_scores[total] = np.float32(np.float64(best[slot]) + rest * tie_breaker)
                    total += 1
                sums[slot] = 0
                best[slot] = 0
                held[slot] = 0
