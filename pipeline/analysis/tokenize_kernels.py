"""Text columns to numbered tokens: 64 bytes at a time where they are ASCII, by code point where they are not.

One pass over the bytes. Class masks (see ``pipeline.kernels.simd_kernels``) give the edges of spans: runs of word bytes, with a
Mid character inside where its neighbours allow it. A span of ASCII bytes is exactly one token. A span that holds a byte above
0x7F may be cut further, so bytes above 0x7F count as letters and digits alike when spans are found, and the grammar in
``standard_kernels`` decides within the span; no token reaches over the end of a span.

    bytes    d o n ' t   v 2 . 1   f o o . S c h ü t z
    word     1 1 1 1 1 0 1 1 1 1 0 1 1 1 1 1 1 1 1 1 1 1     Mid between letters, Mid between digits: part of the span
    edges    ^         ^ ^       ^ ^                     ^

Tokens are numbered at once: the term is looked up in the text itself, case folded, and copied only when it is new. Each token
costs one random access to memory, because a pair of the hash table says all: a term of up to 7 bytes is its own hash (its
bytes and its length, mixed one to one), so that equal hashes are equal terms; and the other word counts its tokens.

    pair     hash | tokens : 32, number : 31, whether the hash is the term : 1
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.analysis.intern_kernels import (
    EXACT,
    FOLD,
    FULL,
    ONE,
    grown,
    hash_bytes,
    lowered,
    same_bytes,
)
from pipeline.analysis.standard_kernels import (
    TOKEN_UNITS,
    code_point,
    put_lower,
    standard_token,
)
from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import (
    address_of,
    alpha,
    any_of,
    byte_mask,
    digit,
    high,
    load64,
    store64,
    trailing_zeros64,
)

STANDARD = 0  # the modes of `next_token` and `tokenize_values`
LETTERS = 1
WHITESPACE = 2
SHORT_MAX = 7  # bytes of a term that is its own hash
KIND_LETTER = 1
KIND_WHITESPACE = 2
UNDERSCORE = 0x5F
NUMBER_SIGN = 0x23
ASTERISK = 0x2A
ZERO = np.uint64(0)
_COUNT_ONE = np.uint64(1 << 32)
_NUMBER = np.uint64(0x7FFFFFFF)
_MIX = np.uint64(0x9E3779B97F4A7C15)

_alpha = byte_mask(alpha)
_digit = byte_mask(digit)
_high = byte_mask(high)
_underscore = byte_mask(any_of(b"_"))
_mid_letter = byte_mask(any_of(b".:'"))
_mid_number = byte_mask(any_of(b".,;'"))
_single_quote = byte_mask(any_of(b"'"))
_double_quote = byte_mask(any_of(b'"'))


@kernel
def kind_token(data: U8Array, at: int, end: int, kinds: U8Array, wanted: int, inverted: bool) -> tuple[int, int]:
    """The first run of characters of a kind (or, inverted, not of it) in data[at:end], cut at 255; or (-1, end)."""
    i = at
    start = np.int64(-1)
    units = 0
    while i < end:
        code, n = code_point(data, i)
        if ((np.int64(kinds[code]) & wanted) != 0) != inverted:
            if start < 0:
                start = i
            units += 2 if n == 4 else 1
            if units >= TOKEN_UNITS:
                return start, min(i + n, end)
        elif start >= 0:
            return start, i
        i += n
    return start, end


@kernel
def next_token(data: U8Array, at: int, end: int, mode: int, classes: U8Array, kinds: U8Array) -> tuple[int, int]:
    """The first token of data[at:end] as (start, end), or (-1, end)."""
    if mode == STANDARD:
        return standard_token(data, at, end, classes)
    letters = mode == LETTERS  # values, not literals: a kernel is compiled anew for each literal
    wanted = np.int64(KIND_LETTER if letters else KIND_WHITESPACE)
    return kind_token(data, at, end, kinds, wanted, not letters)


@kernel
def token_bounds(
    data: U8Array, start: int, end: int, mode: int, classes: U8Array, kinds: U8Array, bounds: I64Array
) -> int:
    """All tokens of one text, by code points only: bounds[2k], bounds[2k + 1] are token k's; returns how many."""
    count = 0
    at = start
    while at < end:
        begin, stop = next_token(data, at, end, mode, classes, kinds)
        if begin < 0:
            break
        bounds[2 * count] = begin
        bounds[2 * count + 1] = stop
        count += 1
        at = stop
    return count


@kernel
def lower_bytes(data: U8Array, start: int, end: int, lower: U32Array) -> U8Array:
    """data[start:end] in lower case."""
    out = np.empty(2 * (end - start) + 8, np.uint8)
    return out[: put_lower(data, start, end, lower, out, np.int64(0))]


@kernel
def _spans_of(data: U8Array, text: int, begin: int, end: int, spans: I64Array) -> int:
    """Spans of data[begin:end]; returns how many. Span k: spans[2k] its start, spans[2k + 1] its end * 2 + (has high bytes)."""
    edges_found = 0
    letters_before = ZERO  # bit 0: the byte before the block is a letter or high; a digit or high; high
    digits_before = ZERO
    high_before = ZERO
    inside = ZERO  # bit 0: a span is open
    span_high = ZERO  # not 0: it has had a byte above 0x7F in an earlier block
    block = begin
    top = ONE << np.uint64(63)
    while block < end:
        rest = end - block
        valid = FULL if rest >= 64 else FULL >> np.uint64(64 - rest)
        highs = _high(text, block) & valid
        letters = (_alpha(text, block) & valid) | highs
        digits = (_digit(text, block) & valid) | highs
        words = letters | digits | (_underscore(text, block) & valid)
        letters_after = letters >> ONE
        digits_after = digits >> ONE
        high_after = highs >> ONE
        if rest > 64:
            c = data[block + 64]
            if c >= 0x80:
                letters_after |= top
                digits_after |= top
                high_after |= top
            elif np.uint8((c | 0x20) - 0x61) < 26:
                letters_after |= top
            elif np.uint8(c - 0x30) < 10:
                digits_after |= top
        words |= _mid_letter(text, block) & ((letters << ONE) | letters_before) & letters_after
        words |= _mid_number(text, block) & ((digits << ONE) | digits_before) & digits_after
        if (highs | high_before) != ZERO:
            high_ahead = (highs << ONE) | high_before
            words |= _single_quote(text, block) & valid & high_ahead
            words |= _double_quote(text, block) & high_ahead & high_after
        letters_before = letters >> np.uint64(63)
        digits_before = digits >> np.uint64(63)
        high_before = highs >> np.uint64(63)
        edges = words ^ ((words << ONE) | inside)
        if (highs | span_high) == ZERO:
            while edges != ZERO:
                # a start is kept as it is, an end doubled
                spans[edges_found] = (block + trailing_zeros64(edges)) << np.int64(inside)
                inside ^= ONE
                edges_found += 1
                edges &= edges - ONE
        else:
            while edges != ZERO:
                bit = trailing_zeros64(edges)
                edges &= edges - ONE
                if inside == ZERO:
                    spans[edges_found] = block + bit
                else:
                    # bits of this block from the span's start up to here
                    within = highs & ((ONE << np.uint64(bit)) - ONE)
                    shift = np.uint64(max(spans[edges_found - 1] - block, 0))
                    has_high = (within >> shift) | span_high
                    spans[edges_found] = ((block + bit) << 1) | np.int64(has_high != ZERO)
                    span_high = ZERO
                inside ^= ONE
                edges_found += 1
            if inside != ZERO:
                shift = np.uint64(max(spans[edges_found - 1] - block, 0))
                span_high |= highs >> shift
        block += 64
    if inside != ZERO:
        spans[edges_found] = (end << 1) | np.int64(span_high != ZERO)
        edges_found += 1
    return edges_found >> 1


@kernel
def _only_underscores(data: U8Array, start: int, end: int) -> bool:
    for i in range(start, end):
        if data[i] != UNDERSCORE:
            return False
    return True


@kernel
def tokenize_values(
    data: U8Array,
    starts: I64Array,
    mode: int,
    fold: bool,
    classes: U8Array,
    kinds: U8Array,
    lower: U32Array,
    table: U64Array,
    spans: I64Array,
    arena: U8Array,
    term_starts: I64Array,
    counts: U32Array,
    ids: U32Array,
    value_starts: I64Array,
) -> int:
    """Tokens of each value: ids[value_starts[v]:value_starts[v + 1]]; returns the number of distinct terms.

    Term t is arena[term_starts[t]:term_starts[t + 1]] and occurs counts[t] times. `fold`: terms are put in lower case.
    `table` uint64[2 * size] of zeros. Room: ids, counts, term_starts one more than bytes of text; arena twice the bytes and
    2,048 more; spans one and a half times the longest value and 8 more. data is readable 64 bytes beyond its last value.
    """
    text = address_of(data)
    terms_base = address_of(arena)
    folding = FOLD if fold else EXACT
    size = table.shape[0] // 2
    mask = np.uint64(size - 1)
    terms = np.int64(0)
    tokens = np.int64(0)
    free = np.int64(0)  # end of the arena
    term_starts[0] = 0
    value_starts[0] = 0
    for v in range(starts.shape[0] - 1):
        begin, end = starts[v], starts[v + 1]
        if mode == STANDARD:
            count = _spans_of(data, text, begin, end, spans)
        else:
            spans[0] = begin
            spans[1] = (end << 1) | 1
            count = 1
        for k in range(count):
            cursor = spans[2 * k]
            stop = spans[2 * k + 1] >> 1
            length = stop - cursor
            slow = (spans[2 * k + 1] & 1) != 0 or length > TOKEN_UNITS
            if slow:
                if mode == STANDARD and cursor > begin:
                    c = data[cursor - 1]
                    if c == NUMBER_SIGN or c == ASTERISK:  # perhaps under a keycap
                        cursor -= 1
            elif data[cursor] == UNDERSCORE and _only_underscores(data, cursor, stop):
                continue
            while cursor < stop:
                if slow:
                    first, last = next_token(data, cursor, stop, mode, classes, kinds)
                    if first < 0:
                        break
                    cursor = last
                    if fold:
                        length = put_lower(data, first, last, lower, arena, free) - free
                    else:
                        length = last - first
                        for j in range(length):
                            arena[free + j] = data[first + j]
                    base, offset, compare = terms_base, free, EXACT
                else:
                    base, offset, compare = text, cursor, folding
                    first = cursor
                    cursor = stop
                short = np.uint64(length <= SHORT_MAX)
                if short != ZERO:
                    word = lowered(load64(base, offset), compare) & (FULL >> np.uint64(64 - 8 * length))
                    h = (word | (np.uint64(length) << np.uint64(56))) * _MIX
                    h ^= h >> np.uint64(32)
                else:
                    h = hash_bytes(base, offset, length, compare)
                p = (h >> np.uint64(8)) & mask
                term = np.int64(-1)
                while True:
                    other = table[2 * p]
                    if other == ZERO:
                        break
                    entry = table[2 * p + ONE]
                    if other == h and (entry & ONE) == short:
                        t = np.int64((entry >> ONE) & _NUMBER)
                        if short != ZERO or (
                            term_starts[t + 1] - term_starts[t] == length
                            and same_bytes(base, offset, terms_base, term_starts[t], length, compare)
                        ):
                            term = t
                            table[2 * p + ONE] = entry + _COUNT_ONE
                            break
                    p = (p + ONE) & mask
                if term < 0:
                    term = terms
                    table[2 * p] = h
                    table[2 * p + ONE] = _COUNT_ONE | (np.uint64(terms) << ONE) | short
                    if not slow:
                        for j in range(0, length, 8):
                            store64(terms_base, free + j, lowered(load64(text, first + j), compare))
                    free += length
                    terms += 1
                    term_starts[terms] = free
                    if terms * 2 > size:
                        table = grown(table)
                        size = table.shape[0] // 2
                        mask = np.uint64(size - 1)
                ids[tokens] = np.uint32(term)
                tokens += 1
        value_starts[v + 1] = tokens
    for p in range(size):
        if table[2 * p] != ZERO:
            entry = table[2 * p + 1]
            counts[np.int64((entry >> ONE) & _NUMBER)] = np.uint32(entry >> np.uint64(32))
    return terms
