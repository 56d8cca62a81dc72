"""The distribution of each bucket's values: themselves while they are few, then each with its count, then a t-digest.

Up to ORDERED_MAX values a bucket keeps them in the order of their records in the log. When they are read they are put into an
AVL-tree digest one after another, as OpenSearch does with the documents of a shard, so that the same numbers come out; where it leaves
a choice among equal centroids to chance, the first is taken. (Dunning & Ertl, "Computing extremely accurate quantiles using
t-digests", 2019, and their library's ``AVLTreeDigest``.)

Beyond, up to EXACT_MAX distinct values, a bucket keeps each with its count: percentiles are exact then. Beyond that, neighbours
are joined to centroids, the finer the nearer to the ends. Least and greatest value are kept beside. Which of the three it is follows
from the values alone, and in the first two so does the result: neither depends on how values were split over segments and merges.

With ``digits`` from 0 values are rounded down as HdrHistogram's buckets do, to so many significant digits; these are counted exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.summaries.digest_kernels import CROWDED, join_centroids, take_values

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
ORDERED_MAX: Final = 1 << 14
EXACT_MAX: Final = 1 << 14
FINER: Final = 5  # as much finer than asked for are joined centroids: they are cheap
COMPRESSION_MIN: Final = 20.0
ORDERED, COUNTED, JOINED = range(3)


@dataclass(frozen=True, slots=True)
class Digests:
    """p buckets: bucket b has means[starts[b]:starts[b + 1]] with their weights.

    kinds: uint8[p]. ORDERED: values by ``orders``, the places of their records. COUNTED: distinct values, ascending, and how often
    each occurs. JOINED: centroids, ascending. low and high: float64[p], +inf and -inf where there is none.
    """

    compression: float
    digits: int
    starts: I64
    means: F64
    weights: F64
    orders: I64
    kinds: U8
    low: F64
    high: F64

    def of(self, bucket: int) -> "Digest":
        """One bucket's."""
        some = slice(int(self.starts[bucket]), int(self.starts[bucket + 1]))
        means, weights = self.means[some], self.weights[some]
        if self.kinds[bucket] == ORDERED:
            means, weights = _taken(means, weights, self.compression)
        ends = float(self.low[bucket]), float(self.high[bucket])
        return Digest(means, weights, bool(self.kinds[bucket] == COUNTED), self.compression, *ends)


def _taken(values: F64, weights: F64, compression: float) -> tuple[F64, F64]:
    compression = max(compression, 1e-3)
    room = min(len(values), int(CROWDED * compression) + 1) + 1
    means, sums = np.empty(room), np.empty(room)
    count = take_values(np.ascontiguousarray(values), np.ascontiguousarray(weights), compression, means, sums)
    return means[:count], sums[:count]


@dataclass(frozen=True, slots=True)
class _Loose:
    """Values, or centroids, of any buckets in any order."""

    means: F64
    weights: F64
    orders: I64
    buckets: I64

    def take(self, places: I64) -> "_Loose":
        return _Loose(self.means[places], self.weights[places], self.orders[places], self.buckets[places])


def digests_of(
    values: F64, buckets: I64, count: int, compression: float, digits: int = -1, *, orders: I64 | None = None
) -> Digests:
    """The digests of ``count`` buckets; values[i], finite, is in buckets[i]; ``orders``: the places of their records (None: as given)."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, buckets, values)
    np.maximum.at(high, buckets, values)
    kinds = np.full(count, ORDERED if digits < 0 else COUNTED, np.uint8)
    means = rounded(values, digits) if digits >= 0 else values
    places = np.arange(len(values)) if orders is None else orders
    return _settled(_Loose(means, np.ones(len(values)), places, buckets), kinds, compression, digits, (low, high))


def _settled(loose: _Loose, kinds: U8, compression: float, digits: int, ends: tuple[F64, F64]) -> Digests:
    """What is kept of values whose buckets are at least of these kinds."""
    count = len(kinds)
    totals = np.bincount(loose.buckets, weights=loose.weights, minlength=count)
    kinds = np.where((kinds == ORDERED) & (totals > ORDERED_MAX), COUNTED, kinds).astype(np.uint8)
    ordered = kinds[loose.buckets] == ORDERED
    first = loose.take(np.flatnonzero(ordered))
    first = first.take(np.lexsort((first.means, first.orders, first.buckets)))
    second = loose.take(np.flatnonzero(~ordered))
    second = _counted(second.take(np.lexsort((second.means, second.buckets))))
    sizes = np.bincount(second.buckets, minlength=count)
    if digits < 0:
        kinds = np.where((kinds == COUNTED) & (sizes > EXACT_MAX), JOINED, kinds).astype(np.uint8)
        second = _joined(second, kinds, compression)
    means, weights = np.concatenate([first.means, second.means]), np.concatenate([first.weights, second.weights])
    orders, buckets = np.concatenate([first.orders, second.orders]), np.concatenate([first.buckets, second.buckets])
    place = np.argsort(buckets, kind="stable")  # a bucket is wholly in one of both
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(buckets, minlength=count), out=starts[1:])
    return Digests(compression, digits, starts, means[place], weights[place], orders[place], kinds, *ends)


def _counted(loose: _Loose) -> _Loose:
    """Equal values of a bucket as one; they follow each other."""
    first = np.ones(len(loose.means), np.bool_)
    first[1:] = (loose.means[1:] != loose.means[:-1]) | (loose.buckets[1:] != loose.buckets[:-1])
    heads = np.flatnonzero(first)
    weights = np.add.reduceat(loose.weights, heads) if len(heads) else loose.weights
    return _Loose(loose.means[heads], weights, np.full(len(heads), -1), loose.buckets[heads])


def _joined(loose: _Loose, kinds: U8, compression: float) -> _Loose:
    """Centroids in place of the values of JOINED buckets."""
    if not (kinds == JOINED).any():
        return loose
    parts: list[_Loose] = []
    bounds = np.searchsorted(loose.buckets, np.arange(len(kinds) + 1)).tolist()
    for bucket, kind in enumerate(kinds.tolist()):
        some = slice(bounds[bucket], bounds[bucket + 1])
        part = _Loose(loose.means[some], loose.weights[some], loose.orders[some], loose.buckets[some])
        if kind == JOINED and len(part.means):
            means, sums = np.empty(len(part.means)), np.empty(len(part.means))
            count = join_centroids(part.means, part.weights, FINER * max(compression, COMPRESSION_MIN), means, sums)
            part = _Loose(means[:count], sums[:count], part.orders[:count], part.buckets[:count])
        parts.append(part)
    return _together(parts)


def _together(parts: Sequence[_Loose]) -> _Loose:
    return _Loose(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("means", "weights", "orders", "buckets")))


def add_digests(parts: Sequence[tuple[Digests, I64]], count: int) -> Digests:
    """``count`` buckets, to which each part adds its bucket i as bucket mapping[i]."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    kinds = np.zeros(count, np.uint8)
    loose: list[_Loose] = []
    for one, mapping in parts:
        np.minimum.at(low, mapping, one.low)
        np.maximum.at(high, mapping, one.high)
        np.maximum.at(kinds, mapping, one.kinds)
        of = np.repeat(np.arange(len(one.starts) - 1), np.diff(one.starts))
        loose.append(_Loose(one.means, one.weights, one.orders, mapping[of]))
    first = parts[0][0]
    kinds = np.maximum(kinds, ORDERED if first.digits < 0 else COUNTED)
    return _settled(_together(loose), kinds, first.compression, first.digits, (low, high))


@dataclass(frozen=True, slots=True)
class Digest:
    """One bucket's values: distinct ones with their counts (``exact``), or centroids; ascending."""

    means: F64
    weights: F64
    exact: bool
    compression: float
    low: float
    high: float

    @property
    def total(self) -> float:
        """How many values."""
        return float(self.weights.sum())

    def quantiles(self, shares: F64) -> F64:
        """The values below which these shares (0 to 1) of all lie; NaN where there is none.

        A centroid stands in the middle of its own share, and between two such middles lies the straight line; before the first and
        after the last it leads to the least and the greatest value. Of values with counts each single one has its own middle (Hazen).
        """
        if not len(self.means):
            return np.full(len(shares), np.nan)
        at = shares * self.total
        ends = np.cumsum(self.weights)
        if self.exact:
            place = np.clip(at - 0.5, 0.0, ends[-1] - 1)
            below = np.floor(place)
            left = self.means[np.searchsorted(ends, below, side="right")]
            right = self.means[np.searchsorted(ends, np.minimum(below + 1, ends[-1] - 1), side="right")]
            exact: F64 = left + (right - left) * (place - below)
            return exact
        places = np.concatenate([[0.0], ends - self.weights / 2, ends[-1:]])
        knots = np.concatenate([[self.low], self.means, [self.high]])
        i = np.clip(np.searchsorted(places, at, side="right") - 1, 0, len(places) - 2)
        after, before = at - places[i], places[i + 1] - at
        found: F64 = np.clip((knots[i] * before + knots[i + 1] * after) / (after + before), knots[i], knots[i + 1])
        return found

    def shares_below(self, values: F64) -> F64:
        """Which share of all lies below each value; NaN where there is none.

        Of values with counts, half of those that equal it are below. A centroid's weight lies evenly between the middles to its
        neighbours, and goes as far beyond the outermost.
        """
        if not len(self.means):
            return np.full(len(values), np.nan)
        ends = np.cumsum(self.weights)
        if self.exact:
            found = np.interp(values, self.means, ends - self.weights / 2)
            found = np.where(values < self.low, 0.0, np.where(values > self.high, ends[-1], found))
            return np.asarray(found / ends[-1], np.float64)
        if len(self.means) == 1:
            return np.where(values < self.means[0], 0.0, 1.0)
        halves = np.diff(self.means) / 2
        left = self.means - np.concatenate([halves[:1], halves])
        right = self.means + np.concatenate([halves, halves[-1:]])
        i = np.minimum(np.searchsorted(right, values, side="right"), len(right) - 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            part = (values - left[i]) / (right[i] - left[i])
        shares = (ends[i] - self.weights[i] + self.weights[i] * part) / ends[-1]
        return np.asarray(np.where(values >= right[-1], 1.0, np.maximum(shares, 0.0)), np.float64)

    def deviations(self) -> "Digest":
        """The distances of the values from their median."""
        middle = float(self.quantiles(np.array([0.5]))[0])
        away = np.abs(self.means - middle)
        ends = (float(away.min()), float(away.max())) if len(away) else (math.inf, -math.inf)
        if self.exact or not len(away):
            order = np.argsort(away, kind="stable")
            return Digest(away[order], self.weights[order], self.exact, self.compression, *ends)
        return Digest(*_taken(away, self.weights, self.compression), False, self.compression, *ends)


def half_bits(digits: int) -> int:
    """An octave has 2^half_bits steps."""
    return math.ceil(math.log2(2 * 10**digits)) - 1


def rounded(values: F64, digits: int) -> F64:
    """Each value, not negative, rounded down to its step: HdrHistogram's ``lowestEquivalentValue``."""
    steps = _steps(values, digits)
    found: F64 = np.floor(values / steps) * steps
    return found


def _steps(values: F64, digits: int) -> F64:
    """How far apart steps are where each value lies."""
    _, exponents = np.frexp(values)
    steps: F64 = np.ldexp(1.0, exponents - 1 - half_bits(digits))
    return steps


def hdr_quantiles(digest: Digest, shares: F64, digits: int) -> F64:
    """``getValueAtPercentile``: the greatest value of the step in which the share's last value lies."""
    if not len(digest.means):
        return np.full(len(shares), np.nan)
    ends = np.cumsum(digest.weights)
    wanted = np.maximum(np.ceil(np.round(shares * ends[-1], 9)), 1.0)
    return _highest(digest, digest.means[np.searchsorted(ends, wanted, side="left")], digits)


def hdr_shares(digest: Digest, values: F64, digits: int) -> F64:
    """``getPercentileAtOrBelowValue`` / 100: the share of values that lie in the value's step or below."""
    if not len(digest.means):
        return np.full(len(values), np.nan)
    ends = np.concatenate([[0.0], np.cumsum(digest.weights)])
    below = np.searchsorted(digest.means, rounded(np.maximum(values, 0.0), digits), side="right")
    shares: F64 = ends[below] / ends[-1]
    return shares


def _highest(digest: Digest, lowest: F64, digits: int) -> F64:
    """The greatest value that is counted with each of these: one unit of the range before the next step."""
    least = digest.means[digest.means > 0]
    if not len(least):
        return lowest
    found: F64 = np.where(lowest > 0, lowest + _steps(lowest, digits) - _steps(least[:1], digits), 0.0)
    return found
