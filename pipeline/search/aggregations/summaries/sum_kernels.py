"""Sums without rounding: numbers added as wide integers; counts and extremes by bucket.

A float64 is an integer times a power of two. The sum of a bucket is kept as one wide integer in units of
2^-1088, in limbs of 32 bits (each in an int64, so 2^31 additions fit before carries are propagated):
after Kulisch's long accumulator. Only the limbs that occur are kept, the first of them is ``base``.
"""

# mypy: disable-error-code="arg-type,assignment,operator,return-value"

import numpy as np

from pipeline.kernels.arrays import F64Array, I64Array, U32Array
from pipeline.kernels.compile import kernel

MANTISSA = (1 << 52) - 1
LOW = 0xFFFFFFFF


@kernel
def add_floats(bits: I64Array, buckets: I64Array, base: int, limbs: I64Array) -> None:
    """Add the float64 numbers with these bits to limbs[bucket, limb - base]; three limbs each."""
    for i in range(bits.shape[0]):
        exponent = (bits[i] >> 52) & 0x7FF
        mantissa = bits[i] & MANTISSA
        if exponent == 0:
            exponent = 1
        else:
            mantissa |= 1 << 52
        place = exponent + 13  # value = mantissa * 2^(exponent - 1075); 1088 - 1075
        at = (place >> 5) - base
        by = place & 31
        low = (mantissa & LOW) << by
        high = ((mantissa >> 32) << by) + (low >> 32)
        row = limbs[buckets[i]]
        if bits[i] < 0:
            row[at] -= low & LOW
            row[at + 1] -= high & LOW
            row[at + 2] -= high >> 32
        else:
            row[at] += low & LOW
            row[at + 1] += high & LOW
            row[at + 2] += high >> 32


@kernel
def add_integers(values: I64Array, buckets: I64Array, limbs: I64Array) -> None:
    """Add whole numbers to limbs[bucket, 0:2], whose base is the limb of 2^0."""
    for i in range(values.shape[0]):
        row = limbs[buckets[i]]
        row[0] += values[i] & LOW
        row[1] += values[i] >> 32


@kernel
def extremes(values: F64Array, buckets: I64Array, low: F64Array, high: F64Array) -> None:
    """The least and the greatest value of each bucket; low begins at +inf, high at -inf."""
    for i in range(values.shape[0]):
        bucket = buckets[i]
        value = values[i]
        if value < low[bucket]:
            low[bucket] = value
        if value > high[bucket]:
            high[bucket] = value


@kernel
def count_codes(codes: U32Array, rows: U32Array, counts: I64Array) -> None:
    """Add to counts[codes[row]] for every row; codes beyond the counts are rows without a value."""
    known = np.int64(counts.shape[0])
    for i in range(rows.shape[0]):
        code = np.int64(codes[rows[i]])
        if code < known:
            counts[code] += 1
