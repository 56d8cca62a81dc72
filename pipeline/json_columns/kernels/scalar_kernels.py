# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""Kinds of leaves; numbers and literals checked and measured, not yet read."""

import numpy as np

from pipeline.json_columns.kernels.mask_kernels import FULL, NON_ASCII
from pipeline.kernels.arrays import U8Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import load64

# the low three bits of a leaf's kind, and its flags
EMPTY_ARRAY, STRING, WHOLE, DECIMAL, TRUE, FALSE, NULL, OBJECT = range(8)
KIND = 7
ESCAPED_FLAG = 8  # the string has escapes
NON_ASCII_FLAG = NON_ASCII  # 16: the string has characters beyond ASCII
IN_ARRAY_FLAG = 32

UNEXPECTED, NOT_A_NUMBER = 1, 8  # codes of errors
MINUS = 45
PLUS = 43
WORD_TRUE, WORD_FALSE, WORD_NULL, WORD_NAN, WORD_INFINITY = (
    np.uint64(int.from_bytes(word, "little")) for word in (b"true", b"false", b"null", b"NaN", b"Infinity")
)


@kernel
def is_word(base: int, p: int, left: int, word: int, length: int) -> bool:
    """Are the next bytes this word?"""
    return left >= length and (load64(base, p) & (FULL >> np.uint64(64 - 8 * length))) == word


@kernel
def skip_digits(data: U8Array, p: int, end: int) -> int:
    """The first position that is not a digit."""
    while p < end and data[p] >= 48 and data[p] <= 57:
        p += 1
    return p


@kernel
def read_number(data: U8Array, base: int, p: int, end: int) -> tuple[int, int]:
    """Kind and end of the number at p; kind < 0: minus an error code."""
    kind = WHOLE
    if data[p] == MINUS:
        p += 1
    if p < end and data[p] == 48:
        p += 1
    else:
        q = skip_digits(data, p, end)
        if q == p:
            return (-NOT_A_NUMBER if is_word(base, p, end - p, WORD_INFINITY, 8) else -UNEXPECTED), p
        p = q
    if p < end and data[p] == 46:
        q = skip_digits(data, p + 1, end)
        kind = DECIMAL
        if q == p + 1:
            return -UNEXPECTED, p
        p = q
    if p < end and (data[p] | 32) == 101:
        p += 1
        kind = DECIMAL
        if p < end and (data[p] == PLUS or data[p] == MINUS):
            p += 1
        q = skip_digits(data, p, end)
        if q == p:
            return -UNEXPECTED, p
        p = q
    return kind, p


@kernel
def read_scalar(data: U8Array, base: int, p: int, end: int) -> tuple[int, int]:
    """Kind and end of the literal or number at p; kind < 0: minus an error code."""
    c = data[p]
    left = end - p
    kind = -UNEXPECTED
    q = p
    if c == MINUS or (c >= 48 and c <= 57):
        kind, q = read_number(data, base, p, end)
    elif c == 116 and is_word(base, p, left, WORD_TRUE, 4):
        kind = TRUE
        q = p + 4
    elif c == 102 and is_word(base, p, left, WORD_FALSE, 5):
        kind = FALSE
        q = p + 5
    elif c == 110 and is_word(base, p, left, WORD_NULL, 4):
        kind = NULL
        q = p + 4
    elif is_word(base, p, left, WORD_NAN, 3) or is_word(base, p, left, WORD_INFINITY, 8):
        kind = -NOT_A_NUMBER
    if kind > 0 and q < end:  # white space or an operator must follow
        c = data[q]
        if not (c == 44 or c == 125 or c == 93 or c == 32 or c == 10 or c == 13 or c == 9):
            kind = -UNEXPECTED
    return kind, q
