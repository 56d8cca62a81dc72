# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""Decimal digits to exact int64 and correctly rounded float64, and what Elasticsearch makes of other leaves.

A number is read as (up to 19 digits w, power of ten q, were digits cut off?). Whole numbers are exact: w * 10^q, cut
towards zero where q < 0. Floats: Clinger's fast path where w and 10^|q| are both exact in float64, else Eisel-Lemire
(Lemire, Number Parsing at a Gigabyte per Second, 2021): one or two 64x64 -> 128 bit products with a truncated 5^q. It
is exact for w of up to 19 digits; where digits were cut off and w and w + 1 disagree, the value is left to Python.
"""

import numpy as np

from pipeline.json_columns.kernels.scalar_kernels import (
    DECIMAL,
    EMPTY_ARRAY,
    ESCAPED_FLAG,
    FALSE,
    KIND,
    NULL,
    OBJECT,
    STRING,
    TRUE,
    WHOLE,
)
from pipeline.json_columns.kernels.tape_kernels import (
    TapeArrays,
)
from pipeline.kernels.arrays import F64Array, I32Array, I64Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import float64_of_bits, leading_zeros64, multiply_high64

ZERO = np.uint64(0)
ONE = np.uint64(1)
SIGN = np.uint64(0x8000000000000000)
DIGITS_EXACT = 19
POWER_MIN, POWER_MAX = -342, 308
EXPONENT_CLAMP = 100_000_000

# what became of a leaf
TAKEN, ABSENT, IS_NULL, HARD = 0, 1, 2, 3  # a value; none; an explicit null; left to Python
MALFORMED, OUT_OF_RANGE, HAS_FRACTION, NOT_FINITE, IS_OBJECT, IS_BOOLEAN, IS_STRING = range(4, 11)


def _powers_of_five() -> tuple[U64Array, U64Array]:
    """5^q, q in [POWER_MIN, POWER_MAX], as 128 bits with the first one set, rounded as fast_float does."""
    size = POWER_MAX - POWER_MIN + 1
    high, low = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    for q in range(POWER_MIN, POWER_MAX + 1):
        power = 5 ** abs(q)
        if q < 0:
            z = (power - 1).bit_length()
            c = 2 ** (z + 127 if q >= -27 else 2 * z + 128) // power + 1
        else:
            c = power << 128
        c >>= max(c.bit_length() - 128, 0)
        high[q - POWER_MIN], low[q - POWER_MIN] = c >> 64, c & (2**64 - 1)
    return high, low


FIVE_HIGH, FIVE_LOW = _powers_of_five()
TENS = 10.0 ** np.arange(23)
TENS_WHOLE = np.array([10**i for i in range(19)], np.uint64)


@kernel
def eisel_lemire(w: int, q: int) -> float:
    """w * 10^q, correctly rounded; infinite where it is beyond float64."""
    if w == ZERO or q < POWER_MIN:
        return 0.0
    if q > POWER_MAX:
        return np.inf
    shift = leading_zeros64(w)
    w <<= np.uint64(shift)
    low = w * FIVE_HIGH[q - POWER_MIN]
    high = multiply_high64(w, FIVE_HIGH[q - POWER_MIN])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        second = multiply_high64(w, FIVE_LOW[q - POWER_MIN])
        low += second
        if low < second:
            high += ONE
    upper = np.int64(high >> np.uint64(63))
    down = upper + 9
    m = high >> np.uint64(down)
    exponent = ((217706 * q) >> 16) + 63 + upper - shift + 1023
    if exponent <= 0:  # subnormal
        if 1 - exponent >= 64:
            return 0.0
        m >>= np.uint64(1 - exponent)
        m += m & ONE
        m >>= ONE
        return float64_of_bits(m)
    if low <= ONE and q >= -4 and q <= 23 and (m & np.uint64(3)) == ONE and (m << np.uint64(down)) == high:
        m &= ~ONE  # exactly half way: to even
    m += m & ONE
    m >>= ONE
    if m >= np.uint64(1 << 53):
        m = np.uint64(1 << 52)
        exponent += 1
    if exponent >= 0x7FF:
        return np.inf
    return float64_of_bits((m & np.uint64((1 << 52) - 1)) | (np.uint64(exponent) << np.uint64(52)))


@kernel
def decimal_parts(data: U8Array, p: int, end: int) -> tuple[bool, bool, int, int, bool]:
    """[sign] digits [. digits] [exponent] in data[p:end], of JSON or a string: (valid, negative, w, q, digits cut off)."""
    negative = data[p] == 45
    if p < end and (data[p] == 45 or data[p] == 43):
        p += 1
    w = ZERO
    q = np.int64(0)
    significant = 0
    digits = 0
    dot = False
    cut = False
    while p < end:
        c = np.int64(data[p])
        if c == 46 and not dot:
            dot = True
        elif c < 48 or c > 57:
            break
        else:
            digits += 1
            if significant < DIGITS_EXACT:
                w = w * np.uint64(10) + np.uint64(c - 48)
                if w != ZERO:
                    significant += 1
                if dot:
                    q -= 1
            else:
                if c != 48:
                    cut = True
                if not dot:
                    q += 1
        p += 1
    if digits == 0:
        return False, negative, w, q, cut
    if p < end:
        if (data[p] | 32) != 101:
            return False, negative, w, q, cut
        p += 1
        down = p < end and data[p] == 45
        if p < end and (data[p] == 45 or data[p] == 43):
            p += 1
        if p == end:
            return False, negative, w, q, cut
        x = np.int64(0)
        while p < end:
            c = np.int64(data[p])
            if c < 48 or c > 57:
                return False, negative, w, q, cut
            if x < EXPONENT_CLAMP:
                x = x * 10 + c - 48
            p += 1
        q += -x if down else x
    return True, negative, w, q, cut


@kernel
def whole_of(negative: bool, w: int, q: int, cut: bool) -> tuple[int, int, bool]:
    """w * 10^q cut towards zero: (TAKEN or OUT_OF_RANGE; the value; did it have a fraction?)."""
    if w == ZERO:
        return TAKEN, np.int64(0), False
    if q > 18 or (cut and q > 0):  # w has 19 digits where some were cut off
        return OUT_OF_RANGE, np.int64(0), False
    fraction = cut  # less than one unit of w
    while q < 0:
        step = min(-q, 18)
        power = TENS_WHOLE[step]
        if w % power != ZERO:
            fraction = True
        w //= power
        q += step
        if w == ZERO:
            q = np.int64(0)
    if q > 0 and multiply_high64(w, TENS_WHOLE[q]) != ZERO:
        return OUT_OF_RANGE, np.int64(0), fraction
    w *= TENS_WHOLE[q]
    if negative and w <= SIGN:
        return TAKEN, np.int64(ZERO - w), fraction
    if w < SIGN:
        return TAKEN, np.int64(w), fraction
    return OUT_OF_RANGE, np.int64(0), fraction


@kernel
def float_of(negative: bool, w: int, q: int, cut: bool) -> tuple[int, float]:
    """w * 10^q correctly rounded: (TAKEN, NOT_FINITE or HARD; the value)."""
    if not cut and w <= np.uint64(1 << 53) and q >= -22 and q <= 22:
        f = np.float64(w) * TENS[q] if q >= 0 else np.float64(w) / TENS[-q]
    else:
        f = eisel_lemire(w, q)
        if cut and f != eisel_lemire(w + ONE, q):
            return HARD, 0.0
    if f == np.inf:
        return NOT_FINITE, f
    return TAKEN, -f if negative else f


@kernel
def parse_numbers(
    data: U8Array,
    leaves: I32Array,
    tape: TapeArrays,
    floats: bool,
    coerce: bool,
    low: int,
    high: int,
    whole_out: I64Array,
    float_out: F64Array,
    status: U8Array,
) -> int:
    """Each leaf as a number: its fate in ``status``, its value in ``float_out`` if ``floats``, else in ``whole_out``.

    Whole numbers keep to [low, high]. With ``coerce`` strings are numbers too (an empty one is null) and fractions are cut.
    Returns how many leaves are not TAKEN.
    """
    other = 0
    for i in range(leaves.shape[0]):
        leaf = leaves[i]
        kind = tape.kinds[leaf] & KIND
        fate = TAKEN
        if kind == WHOLE or kind == DECIMAL or kind == STRING:
            start = tape.starts[leaf]
            end = tape.ends[leaf]
            if kind == STRING and not coerce:
                fate = IS_STRING
            elif kind == STRING and start == end:
                fate = IS_NULL
            elif tape.kinds[leaf] & ESCAPED_FLAG:
                fate = HARD
            else:
                valid, negative, w, q, cut = decimal_parts(data, start, end)
                if not valid:
                    fate = MALFORMED
                elif floats:
                    fate, float_out[i] = float_of(negative, w, q, cut)
                else:
                    fate, value, fraction = whole_of(negative, w, q, cut)
                    if fate == TAKEN and (value < low or value > high):
                        fate = OUT_OF_RANGE
                    if fate == TAKEN and fraction and not coerce:
                        fate = HAS_FRACTION
                    whole_out[i] = value
        elif kind == NULL:
            fate = IS_NULL
        elif kind == EMPTY_ARRAY:
            fate = ABSENT
        elif kind == OBJECT:
            fate = IS_OBJECT
        else:
            fate = IS_BOOLEAN
        status[i] = fate
        if fate != TAKEN:
            other += 1
    return other


@kernel
def parse_booleans(data: U8Array, leaves: I32Array, tape: TapeArrays, whole_out: I64Array, status: U8Array) -> int:
    """Each leaf as 0 or 1: true, false, "true", "false", "" (false). Returns how many leaves are not TAKEN."""
    other = 0
    for i in range(leaves.shape[0]):
        leaf = leaves[i]
        kind = tape.kinds[leaf] & KIND
        fate = TAKEN
        if kind == TRUE or kind == FALSE:
            whole_out[i] = np.int64(kind == TRUE)
        elif kind == STRING:
            p = tape.starts[leaf]
            length = tape.ends[leaf] - p
            if tape.kinds[leaf] & ESCAPED_FLAG:
                fate = HARD
            elif length == 0:
                whole_out[i] = 0
            elif length == 4 and data[p] == 116 and data[p + 1] == 114 and data[p + 2] == 117 and data[p + 3] == 101:
                whole_out[i] = 1
            elif (
                length == 5
                and data[p] == 102
                and data[p + 1] == 97
                and data[p + 2] == 108
                and data[p + 3] == 115
                and data[p + 4] == 101
            ):
                whole_out[i] = 0
            else:
                fate = MALFORMED
        elif kind == NULL:
            fate = IS_NULL
        elif kind == EMPTY_ARRAY:
            fate = ABSENT
        elif kind == OBJECT:
            fate = IS_OBJECT
        else:
            fate = MALFORMED
        status[i] = fate
        if fate != TAKEN:
            other += 1
    return other
