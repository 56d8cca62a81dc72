"""Terms to their numbers in a vocabulary, and a column's tokens to what their terms became."""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.analysis.intern_kernels import EXACT, ONE, grown, hash_bytes, same_bytes
from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of


@kernel
def find_terms(
    data: U8Array,
    begins: I64Array,
    ends: I64Array,
    table: U64Array,
    known_data: U8Array,
    known_starts: I64Array,
    numbers: I64Array,
) -> None:
    """numbers[t]: the number of term data[begins[t]:ends[t]], -1 where the table does not hold it."""
    base = address_of(data)
    known_base = address_of(known_data)
    mask = np.uint64(table.shape[0] // 2 - 1)
    for t in range(begins.shape[0]):
        length = ends[t] - begins[t]
        h = hash_bytes(base, begins[t], length, EXACT)
        p = (h >> np.uint64(8)) & mask
        found = np.int64(-1)
        while table[2 * p] != 0:
            if table[2 * p] == h:
                other = np.int64(table[2 * p + ONE])
                at = known_starts[other]
                if known_starts[other + 1] - at == length and same_bytes(
                    base, begins[t], known_base, at, length, EXACT
                ):
                    found = other
                    break
            p = (p + ONE) & mask
        numbers[t] = found


@kernel
def add_terms(
    data: U8Array,
    begins: I64Array,
    ends: I64Array,
    table: U64Array,
    known_data: U8Array,
    known_starts: I64Array,
    known: int,
) -> U64Array:
    """Add distinct terms that the table does not hold, numbered from `known` on; returns the table, which may be a new one.

    known_data and known_starts have room for them; known_starts[known] is where the first is written.
    """
    base = address_of(data)
    size = table.shape[0] // 2
    mask = np.uint64(size - 1)
    for t in range(begins.shape[0]):
        length = ends[t] - begins[t]
        at = known_starts[known]
        for j in range(length):
            known_data[at + j] = data[begins[t] + j]
        known_starts[known + 1] = at + length
        h = hash_bytes(base, begins[t], length, EXACT)
        p = (h >> np.uint64(8)) & mask
        while table[2 * p] != 0:
            p = (p + ONE) & mask
        table[2 * p] = h
        table[2 * p + ONE] = np.uint64(known)
        known += 1
        if known * 2 > size:
            table = grown(table)
            size = table.shape[0] // 2
            mask = np.uint64(size - 1)
    return table


@kernel
def expand_tokens(
    ids: U32Array,
    starts: I64Array,
    positions: U32Array,
    terms: U32Array,
    result_starts: I64Array,
    results: U32Array,
    shifts: I64Array,
    advances: I64Array,
    locals_: I64Array,
    out_ids: U32Array,
    out_starts: I64Array,
    out_positions: U32Array,
    out_results: U32Array,
    counts: U32Array,
    overlaps: I64Array,
) -> tuple[int, bool]:
    """Each token is replaced by the results of its term; those are numbered anew, by their first appearance.

    Token k of document d (starts[d] <= k < starts[d + 1]) is of the vocabulary's term t = terms[ids[k]]. It stands at positions[k], or
    at its number in the document where `positions` is empty, moved by the `advances` of the document's tokens before it; its results
    results[result_starts[t]:result_starts[t + 1]] at that position plus their `shifts`.

    locals_[r] is -1 for every result before. out_results[n] is the result that is numbered n, counts[n] how often it appears.
    overlaps[d]: results of document d that stand where the one before them does. Returns how many numbers there are, and whether every
    token has one result in its place.
    """
    explicit = positions.shape[0] > 0
    plain = True
    total = np.int64(0)
    distinct = np.int64(0)
    out_starts[0] = 0
    for d in range(starts.shape[0] - 1):
        move = np.int64(0)
        before = np.int64(-1)
        same = np.int64(0)
        first = starts[d]
        for k in range(first, starts[d + 1]):
            term = np.int64(terms[ids[k]])
            base = (np.int64(positions[k]) if explicit else k - first) + move
            begin = result_starts[term]
            end = result_starts[term + 1]
            if end - begin != 1 or shifts[begin] != 0 or advances[term] != 0:
                plain = False
            for r in range(begin, end):
                result = np.int64(results[r])
                number = locals_[result]
                if number < 0:
                    number = distinct
                    locals_[result] = number
                    out_results[number] = result
                    counts[number] = 0
                    distinct += 1
                position = base + shifts[r]
                out_ids[total] = number
                out_positions[total] = position
                counts[number] += np.uint32(1)
                same += position == before
                before = position
                total += 1
            move += advances[term]
        overlaps[d] = same
        out_starts[d + 1] = total
    return distinct, plain
