"""How many distinct values each bucket has: exactly while they are few, then by HyperLogLog.

A bucket keeps its values' 64-bit hashes while there are at most ``kept_max(precision)``; beyond, 2^precision registers, each the
greatest place of a first set bit (Flajolet et al. 2007; 64 bits as in Heule et al. 2013, "HyperLogLog in practice"). Which of both
it is follows from the set of values alone, and registers are greatest places: so a sketch does not depend on how the values were
split over segments and partitions.

Registers are read by Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6),
which needs no table of corrections. The standard error is 1.04 / 2^(precision / 2): 0.8 % for the default.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.summaries.sketch_kernels import fill_registers

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
U8 = NDArray[np.uint8]
PRECISION_MIN: Final = 4
PRECISION_MAX: Final = 18


def precision_of(threshold: int) -> int:
    """The precision at which so many distinct values are still counted exactly, as OpenSearch derives it."""
    return min(max((4 * math.ceil(threshold / 0.75)).bit_length(), PRECISION_MIN), PRECISION_MAX)


def kept_max(precision: int) -> int:
    """How many hashes a bucket keeps before registers take less room."""
    return 3 << precision >> 4


@dataclass(frozen=True, slots=True)
class Sketches:
    """p buckets. Bucket b has the hashes hashes[starts[b]:starts[b + 1]], ascending and distinct, or, if it is rows[r], registers[r].

    ``rows`` ascends. registers: uint8[r, 2^precision].
    """

    precision: int
    starts: I64
    hashes: U64
    rows: I64
    registers: U8


def sketches_of(hashes: U64, buckets: I64, count: int, precision: int) -> Sketches:
    """The sketches of ``count`` buckets; the value with the hash hashes[i] is in buckets[i]."""
    return _settled(hashes, buckets, count, precision, np.zeros(0, np.int64), np.zeros((0, 1 << precision), np.uint8))


def _settled(hashes: U64, buckets: I64, count: int, precision: int, rows: I64, registers: U8) -> Sketches:
    """Hashes sorted and made distinct, those of buckets that have registers, or have too many, added to these."""
    if count == 1:
        hashes = np.unique(hashes)
        buckets = np.zeros(len(hashes), np.int64)
    else:
        order = np.lexsort((hashes, buckets))
        hashes, buckets = hashes[order], buckets[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (hashes[1:] != hashes[:-1]) | (buckets[1:] != buckets[:-1])
        hashes, buckets = hashes[first], buckets[first]
    sizes = np.bincount(buckets, minlength=count)
    every = np.union1d(rows, np.flatnonzero(sizes > kept_max(precision)))
    if len(every):
        grown = np.zeros((len(every), 1 << precision), np.uint8)
        grown[np.searchsorted(every, rows)] = registers
        place = np.full(count, -1)
        place[every] = np.arange(len(every))
        at = place[buckets]
        fill_registers(hashes[at >= 0], at[at >= 0], precision, grown)
        hashes, registers, sizes[every] = hashes[at < 0], grown, 0
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return Sketches(precision, starts, hashes, every, registers)


def add_sketches(parts: Sequence[tuple[Sketches, I64]], count: int) -> Sketches:
    """``count`` buckets, to which each part adds its bucket i as bucket mapping[i]."""
    precision = parts[0][0].precision
    hashes = [one.hashes for one, _ in parts]
    buckets = [mapping[np.repeat(np.arange(len(one.starts) - 1), np.diff(one.starts))] for one, mapping in parts]
    rows = [mapping[one.rows] for one, mapping in parts]
    every, place = np.unique(np.concatenate(rows), return_inverse=True)
    registers = np.zeros((len(every), 1 << precision), np.uint8)
    np.maximum.at(registers, place.reshape(-1), np.concatenate([one.registers for one, _ in parts]))
    return _settled(np.concatenate(hashes), np.concatenate(buckets), count, precision, every, registers)


def counts_of(sketches: Sketches) -> I64:
    """int64[p]: how many distinct values each bucket has, or about how many."""
    counts = np.diff(sketches.starts)
    for row, registers in zip(sketches.rows.tolist(), sketches.registers, strict=True):
        counts[row] = round(estimate(np.bincount(registers, minlength=66 - sketches.precision), sketches.precision))
    return counts


def estimate(histogram: I64, precision: int) -> float:
    """How many distinct values give registers of which histogram[k] hold k."""
    registers = float(1 << precision)
    places = 64 - precision
    z = registers * _tau(1 - histogram[places + 1] / registers)
    for k in range(places, 0, -1):
        z = 0.5 * (z + float(histogram[k]))
    z += registers * _sigma(histogram[0] / registers)
    return registers * registers / (2 * math.log(2) * z)


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in {0.0, 1.0}:
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before = math.sqrt(x), z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3
