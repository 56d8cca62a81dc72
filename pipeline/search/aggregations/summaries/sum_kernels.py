"""Sums without rounding: numbers added as wide integers; counts and extremes by bucket.

A float64 is an integer times a power of two. The sum of a bucket is kept as one wide integer in units of
2^-1088, in limbs of 32 bits (each in an int64, so 2^31 additions fit before carries are propagated):
after Kulisch's long accumulator. Only the limbs that occur are kept, the first of them is ``base``.
"""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,index"

import numpy as np

from pipeline.kernels.arrays import BoolArray, F64Array, I64Array, U32Array
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
def sum_rows(
    values: I64Array, present: BoolArray, documents: U32Array, mask: BoolArray, rows: int, found: I64Array
) -> None:
    """Of a selection's whole numbers (``count_kernels``; `present` empty: every row has one) into found: how many, the sums of their low
    32 bits and of the rest, the least, the greatest.
    """
    count = np.int64(0)
    low = np.int64(0)
    high = np.int64(0)
    least = np.iinfo(np.int64).max
    most = np.iinfo(np.int64).min
    sparse = present.shape[0] > 0
    chosen = mask.shape[0] > 0
    for i in range(rows if rows > 0 else documents.shape[0]):
        row = np.int64(i) if rows > 0 else np.int64(documents[i])
        if (chosen and not mask[row]) or (sparse and not present[row]):
            continue
        value = values[row]
        count += 1
        low += value & LOW
        high += value >> 32
        least = min(least, value)
        most = max(most, value)
    found[0], found[1], found[2], found[3], found[4] = count, low, high, least, most
