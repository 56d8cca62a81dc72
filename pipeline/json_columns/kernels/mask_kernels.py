# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
r"""Stage one of the JSON scanner: 64 bytes at a time to the positions that matter; escapes, UTF-8.

Langdale and Lemire, Parsing Gigabytes of JSON per Second (2019). For each block of 64 bytes, class masks
(bit i: does byte i belong to the class?) give, by word operations only:

    bytes       { " a \ " " : 1 2 }
    quotes        1     . 1              quotes that no odd run of backslashes precedes
    inside        1 1 1 1 .              prefix XOR of the quotes: opening quote included, closing one not
    marks       1 1       1 1 1   1      quotes, operators outside strings, first bytes of scalars

Three facts carry over from block to block (inside a string, next byte is escaped, a scalar goes on); they start
afresh with each document, and bits beyond the document's end are cleared, so that a document's marks never depend on
its neighbours.
"""

import numpy as np

from pipeline.kernels.arrays import I32Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import (
    any_of,
    below,
    bit_count64,
    byte_mask,
    copy64,
    either,
    high,
    load64,
    trailing_zeros64,
    with_bits,
)

ZERO = np.uint64(0)
ONE = np.uint64(1)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
ODD = np.uint64(0xAAAAAAAAAAAAAAAA)
HIGH_BITS = np.uint64(0x8080808080808080)

ERROR_ESCAPE = 3
ERROR_SURROGATE = 5
NON_ASCII = 16

quote_mask = byte_mask(any_of(b'"'))
backslash_mask = byte_mask(any_of(b"\\"))
space_mask = byte_mask(any_of(b" \t\n\r"))
operator_mask = byte_mask(either(with_bits(0x20, any_of(b"{}")), any_of(b":,")))  # 0x20: [ and ] as { and }
simple_escape_mask = byte_mask(any_of(b'"\\/bfnrt'))
control_mask = byte_mask(below(32))
high_mask = byte_mask(high)

HEX = np.full(256, -1, np.int64)
for _digit in b"0123456789abcdefABCDEF":
    HEX[_digit] = int(chr(_digit), 16)
ESCAPED = np.zeros(256, np.uint8)
for _letter, _byte in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    ESCAPED[_letter] = _byte


@kernel
def find_marks(
    base: int,
    start: int,
    end: int,
    marks: I32Array,
    escapes: U64Array,
    hard: U64Array,
    highs: U64Array,
) -> tuple[int, bool, bool, int, bool]:
    r"""Marks of the document [start, end), relative to its start, ascending.

    Fills one word per 64 bytes: ``escapes`` (backslashes that begin an escape), ``hard`` (escaped characters that
    are not one of ``"\/bfnrt``: a ``u``, or an error), ``highs`` (bytes >= 0x80). Returns the number of marks, any
    escape?, any high byte?, the first control character inside a string (-1: none), does a string stay open?
    """
    count = 0
    block = 0
    i = start
    inside = ZERO
    escaped_next = ZERO
    scalar_before = ZERO
    any_escape = ZERO
    any_high = ZERO
    control_at = np.int64(-1)
    while i < end:
        left = end - i
        valid = FULL if left >= 64 else FULL >> np.uint64(64 - left)
        quotes = quote_mask(base, i) & valid
        backslashes = backslash_mask(base, i) & valid
        operators = operator_mask(base, i) & valid
        spaces = space_mask(base, i)
        high_bytes = high_mask(base, i) & valid
        escape = ZERO
        hard_escaped = ZERO
        if (backslashes | escaped_next) != ZERO:  # odd runs of backslashes, with carry
            candidates = backslashes & ~escaped_next
            runs = (((candidates << ONE) | ODD) - candidates) ^ ODD
            escaped = runs ^ (backslashes | escaped_next)
            quotes &= ~escaped
            hard_escaped = escaped & ~simple_escape_mask(base, i) & valid
            escape = runs & backslashes
            escaped_next = escape >> np.uint64(63)
        x = quotes ^ (quotes << ONE)
        x ^= x << np.uint64(2)
        x ^= x << np.uint64(4)
        x ^= x << np.uint64(8)
        x ^= x << np.uint64(16)
        x ^= x << np.uint64(32)
        x ^= inside
        inside = ZERO - (x >> np.uint64(63))
        controls = control_mask(base, i) & x & valid
        if controls != ZERO and control_at < 0:
            control_at = i - start + trailing_zeros64(controls)
        scalars = ~(operators | spaces | quotes | x) & valid
        found = (operators & ~x) | quotes | (scalars & ~((scalars << ONE) | scalar_before))
        scalar_before = scalars >> np.uint64(63)
        escape &= x
        escapes[block] = escape
        hard[block] = hard_escaped & x
        highs[block] = high_bytes
        any_escape |= escape
        any_high |= high_bytes
        first = i - start
        while found != ZERO:
            marks[count] = first + trailing_zeros64(found)
            count += 1
            found &= found - ONE
        i += 64
        block += 1
    return count, any_escape != ZERO, any_high != ZERO, control_at, inside != ZERO


@kernel
def count_bits(words: U64Array, a: int, b: int) -> int:
    """How many of the bits [a, b) are set."""
    if a >= b:
        return np.int64(0)
    first = a >> 6
    last = (b - 1) >> 6
    total = np.int64(0)
    for w in range(first, last + 1):
        bits = words[w]
        if w == first:
            bits &= FULL << np.uint64(a & 63)
        if w == last:
            bits &= FULL >> np.uint64(63 - ((b - 1) & 63))
        total += bit_count64(bits)
    return total


@kernel
def utf8_error_at(data: U8Array, base: int, i: int, end: int) -> int:
    """Where the first ill-formed sequence of [i, end) begins (Unicode 15, table 3-7), -1 if there is none."""
    while i < end:
        if i + 8 <= end and (load64(base, i) & HIGH_BITS) == ZERO:
            i += 8
            continue
        c = data[i]
        if c < 0x80:
            i += 1
            continue
        low = 0x80
        top = 0xBF
        if c < 0xC2 or c > 0xF4:
            return i
        more = 1 if c < 0xE0 else (2 if c < 0xF0 else 3)
        if c == 0xE0:
            low = 0xA0
        elif c == 0xED:
            top = 0x9F
        elif c == 0xF0:
            low = 0x90
        elif c == 0xF4:
            top = 0x8F
        if i + more >= end or data[i + 1] < low or data[i + 1] > top:
            return i
        for j in range(2, more + 1):
            if data[i + j] < 0x80 or data[i + j] > 0xBF:
                return i
        i += more + 1
    return np.int64(-1)


@kernel
def hex4(data: U8Array, p: int) -> int:
    """Four hexadecimal digits; negative where one is none."""
    return (HEX[data[p]] << 12) | (HEX[data[p + 1]] << 8) | (HEX[data[p + 2]] << 4) | HEX[data[p + 3]]


@kernel
def check_escapes(data: U8Array, origin: int, hard: U64Array, a: int, b: int) -> tuple[int, int, int, int]:
    r"""The ``\u`` escapes of the string [a, b), relative to the document at ``origin``.

    Returns an error code (0: none), its position, the bytes that unescaping removes beyond one per backslash, and the
    flag NON_ASCII if an escape stands for a character beyond ASCII.
    """
    cut = np.int64(0)
    flag = np.int64(0)
    skip = a
    last = (b - 1) >> 6
    for w in range(a >> 6, last + 1):
        bits = hard[w]
        first = w << 6
        if first < a:
            bits &= FULL << np.uint64(a - first)
        if w == last:
            bits &= FULL >> np.uint64(63 - ((b - 1) & 63))
        while bits != ZERO:
            p = first + trailing_zeros64(bits) - 1  # the backslash; it may lie in the block before
            bits &= bits - ONE
            if p < skip:
                continue  # the low half of a pair already taken
            value = np.int64(-1)
            if data[origin + p + 1] == 117 and p + 6 <= b:
                value = hex4(data, origin + p + 2)
            if value < 0:
                return ERROR_ESCAPE, p, cut, flag
            if value < 0x80:
                cut += 4
                continue
            flag = NON_ASCII
            if value < 0x800:
                cut += 3
            elif value < 0xD800 or value >= 0xE000:
                cut += 2
            else:
                low = np.int64(-1)
                if value < 0xDC00 and p + 12 <= b and data[origin + p + 6] == 92 and data[origin + p + 7] == 117:
                    low = hex4(data, origin + p + 8)
                if low < 0xDC00 or low > 0xDFFF:
                    return ERROR_SURROGATE, p, cut, flag
                cut += 6
                skip = p + 12
    return 0, a, cut, flag


@kernel
def unescape(data: U8Array, base: int, start: int, end: int, out: U8Array, out_base: int, o: int) -> int:
    """Copy the checked string data[start:end] to out[o:] with its escapes resolved; where it ends there.

    Writes up to 64 bytes too many.
    """
    while start < end:
        copy64(base, start, out_base, o)
        found = backslash_mask(base, start)
        left = end - start
        if left < 64:
            found &= FULL >> np.uint64(64 - left)
        if found == ZERO:
            step = min(64, left)
            start += step
            o += step
            continue
        step = trailing_zeros64(found)
        start += step
        o += step
        c = data[start + 1]
        if c != 117:
            out[o] = ESCAPED[c]
            o += 1
            start += 2
            continue
        v = hex4(data, start + 2)
        start += 6
        if v >= 0xD800 and v < 0xDC00:
            v = 0x10000 + ((v - 0xD800) << 10) + hex4(data, start + 2) - 0xDC00
            start += 6
        if v < 0x80:
            out[o] = v
            o += 1
        elif v < 0x800:
            out[o] = 0xC0 | (v >> 6)
            out[o + 1] = 0x80 | (v & 63)
            o += 2
        elif v < 0x10000:
            out[o] = 0xE0 | (v >> 12)
            out[o + 1] = 0x80 | ((v >> 6) & 63)
            out[o + 2] = 0x80 | (v & 63)
            o += 3
        else:
            out[o] = 0xF0 | (v >> 18)
            out[o + 1] = 0x80 | ((v >> 12) & 63)
            out[o + 2] = 0x80 | ((v >> 6) & 63)
            out[o + 3] = 0x80 | (v & 63)
            o += 4
    return o
