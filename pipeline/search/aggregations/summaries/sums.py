"""Exact sums by bucket, and what is read from them: float64, rounded once.

The order in which numbers are added, and how they were split over segments and partitions, cannot change a
digit: ``plus`` is addition of integers. See ``sum_kernels`` for the representation.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.summaries.sum_kernels import add_floats, add_integers

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
UNIT_LIMB = 34  # the limb of 2^0: units are 2^-1088
FEW = 4  # buckets that are read one by one


@dataclass(frozen=True, slots=True)
class Sums:
    """limbs int64[buckets, width]: bucket b's sum is sum(limbs[b, i] * 2^(32 * (base + i) - 1088)).

    Carries are propagated: all limbs but the last are in [0, 2^32), the last in (-2^32, 2^32) or more.
    """

    limbs: I64
    base: int


def sums_of(values: NDArray[np.int64] | NDArray[np.float64], buckets: I64, count: int) -> Sums:
    """The sums of ``count`` buckets; values[i], finite, is in buckets[i]."""
    if values.dtype == np.int64:
        limbs = np.zeros((count, 3), np.int64)
        add_integers(np.ascontiguousarray(values), buckets, limbs)
        return _carried(limbs, UNIT_LIMB)
    bits = np.ascontiguousarray(values, np.float64).view(np.int64)
    places = np.maximum((bits >> 52) & 0x7FF, 1) + 13 >> 5
    base = int(places.min(initial=UNIT_LIMB))
    limbs = np.zeros((count, int(places.max(initial=UNIT_LIMB)) - base + 4), np.int64)
    add_floats(bits, buckets, base, limbs)
    return _carried(limbs, base)


def _carried(limbs: I64, base: int) -> Sums:
    """Carries propagated, limbs that say nothing cut off: equal sums of equal numbers are equal arrays."""
    for i in range(limbs.shape[1] - 1):
        limbs[:, i + 1] += limbs[:, i] >> 32
        limbs[:, i] &= 0xFFFFFFFF
    end = limbs.shape[1]
    while end > 1 and ((limbs[:, end - 1] == 0) | (limbs[:, end - 1] == -1)).all():
        limbs[:, end - 2] += limbs[:, end - 1] << 32
        end -= 1
    used = np.flatnonzero(limbs[:, :end].any(axis=0))
    if not len(used):
        return Sums(np.zeros((len(limbs), 1), np.int64), UNIT_LIMB)
    return Sums(np.ascontiguousarray(limbs[:, used[0] : end]), base + int(used[0]))


def add_sums(parts: list[tuple[Sums, I64]], count: int) -> Sums:
    """``count`` buckets, to which each part adds its bucket i as bucket mapping[i]."""
    base = min((s.base for s, _ in parts), default=UNIT_LIMB)
    end = max((s.base + s.limbs.shape[1] for s, _ in parts), default=UNIT_LIMB + 1)
    limbs = np.zeros((count, end - base + 1), np.int64)
    for one, mapping in parts:
        at = one.base - base
        np.add.at(limbs[:, at : at + one.limbs.shape[1]], mapping, one.limbs)
    return _carried(limbs, base)


def floats_of(sums: Sums) -> F64:
    """float64[buckets]: each sum, correctly rounded."""
    limbs = sums.limbs
    if len(limbs) <= FEW:
        return np.array([float_of(row, sums.base) for row in limbs])
    result = np.zeros(len(limbs))
    unit = UNIT_LIMB - sums.base
    easy = np.zeros(len(limbs), np.bool_)
    if 0 <= unit < limbs.shape[1]:
        # whole numbers of less than 53 bits: what most sums are
        top = limbs[:, unit + 1] if unit + 1 < limbs.shape[1] else np.zeros(len(limbs), np.int64)
        sign = limbs[:, unit + 2 :] if unit + 2 < limbs.shape[1] else limbs[:, :0]
        easy = (limbs[:, :unit] == 0).all(axis=1) & (sign == 0).all(axis=1) & (abs(top) < 1 << 20)
        result = np.where(easy, limbs[:, unit].astype(np.float64) + top * 4294967296.0, 0.0)
    for bucket in np.flatnonzero(~easy):
        result[bucket] = float_of(limbs[bucket], sums.base)
    return result


def fraction_of(sums: Sums, bucket: int) -> Fraction:
    """One sum, exactly."""
    number = 0
    for limb in sums.limbs[bucket][::-1].tolist():
        number = (number << 32) + limb
    places = 32 * sums.base - 1088
    return Fraction(number << places) if places >= 0 else Fraction(number, 1 << -places)


def sum_of_halves(low: int, high: int) -> Sums:
    """One bucket: the sum of numbers of which those of the low 32 bits and of the rest are known."""
    return _carried(np.array([[low, high, 0]], np.int64), UNIT_LIMB)


def squares_of(values: NDArray[np.float64], buckets: I64, count: int) -> Sums:
    """The sums of the squares, exactly: a square is the sum of two float64 (Dekker 1971), as long as it is not too great for one."""
    squares = np.minimum(values * values, np.finfo(np.float64).max)
    scaled = values * 134217729.0
    high = np.where(np.isfinite(scaled), scaled - (scaled - values), values)
    low = values - high
    rest = ((high * high - squares) + 2 * high * low) + low * low
    rest = np.where(np.isfinite(rest), rest, 0.0)
    return sums_of(np.concatenate([squares, rest]), np.concatenate([buckets, buckets]), count)


def float_of(limbs: I64, base: int) -> float:
    """One sum, correctly rounded; beyond the greatest float64: infinite."""
    number = 0
    for limb in limbs[::-1].tolist():
        number = (number << 32) + limb
    places = 32 * base - 1088
    try:
        return float(number << places) if places >= 0 else float(Fraction(number, 1 << -places))
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
