"""Digests against sorted values: exact while these are few, near beyond; HdrHistogram's steps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search.aggregations.summaries import digests
from pipeline.search.aggregations.summaries.digests import (
    JOINED,
    Digests,
    add_digests,
    digests_of,
    half_bits,
    hdr_quantiles,
    hdr_shares,
    rounded,
)
from tests.oracle.aggregation_oracle import percentile, rank

VALUES = st.lists(st.floats(-100, 100) | st.integers(-3, 3).map(float), min_size=1, max_size=30)
SHARES = np.array([0.0, 0.1, 0.25, 0.5, 0.77, 1.0])


def one(values: list[float], digits: int = -1) -> Digests:
    return digests_of(np.array(values), np.zeros(len(values), np.int64), 1, 100.0, digits)


@given(VALUES, st.lists(st.floats(-120, 120), max_size=4))
def test_few_values_are_kept(values: list[float], asked: list[float]) -> None:
    """Percentiles and ranks of the values themselves, each as often as it occurs."""
    digest = one(values).of(0)
    assert digest.quantiles(SHARES) == pytest.approx(
        [percentile(values, share) for share in SHARES], rel=1e-12, abs=1e-9
    )
    points = [*asked, *values]
    assert digest.shares_below(np.array(points)) == pytest.approx([rank(values, p) for p in points], abs=1e-9)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(-9, 9).map(float), st.integers(0, 2)), max_size=30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
    st.sampled_from([(100, 100), (3, 100), (3, 2)]),
)
def test_digests_do_not_depend_on_how_values_are_split(
    rows: list[tuple[float, int]], parts: list[int], limits: tuple[int, int]
) -> None:
    """Any split over four parts, whose buckets are renumbered: the same digests; centroids have the same weights and ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "ORDERED_MAX", limits[0])
        patch.setattr(digests, "EXACT_MAX", limits[1])

        def digest(some: list[tuple[int, tuple[float, int]]]) -> Digests:
            values, buckets = np.array([v for _, (v, _) in some]), np.array([b for _, (_, b) in some], np.int64)
            return digests_of(values, buckets, 3, 100.0, orders=np.array([place for place, _ in some], np.int64))

        numbered = list(enumerate(rows))
        split = [
            [(i, (v, 2 - b)) for (i, (v, b)), part in zip(numbered, parts, strict=False) if part == n] for n in range(4)
        ]
        merged = add_digests([(digest(some), np.array([2, 1, 0])) for some in split], 3)
        whole = digest(numbered)
    assert np.array_equal(whole.kinds, merged.kinds)
    for bucket in range(3):
        if whole.kinds[bucket] == JOINED:
            assert whole.of(bucket).total == merged.of(bucket).total
        else:
            found = [(d.means[some].tolist(), d.weights[some].tolist()) for d, some in _slices(whole, merged, bucket)]
            assert found[0] == found[1]
    assert np.array_equal(whole.low, merged.low)
    assert np.array_equal(whole.high, merged.high)


def _slices(whole: Digests, merged: Digests, bucket: int) -> list[tuple[Digests, slice]]:
    return [(d, slice(int(d.starts[bucket]), int(d.starts[bucket + 1]))) for d in (whole, merged)]


def taken(values: list[float], compression: float) -> tuple[list[float], list[float]]:
    """An AVL-tree digest of the values, written plainly: each goes into the nearest centroid that has room, or is one."""
    centroids: list[list[float]] = []
    for total, value in enumerate(values):
        nearest = min((abs(mean - value) for mean, _ in centroids), default=math.inf)
        chosen = None
        for place, (mean, weight) in enumerate(centroids):
            below = sum(w for _, w in centroids[:place])
            share = 0.5 if total == 1 else (below + (weight - 1) / 2) / (total - 1)
            left_of_it = mean > value and place and abs(centroids[place - 1][0] - value) == nearest
            if (
                abs(mean - value) == nearest
                and weight + 1 <= 4 * total * share * (1 - share) / compression
                and not left_of_it
            ):
                chosen = place
                break
        if chosen is None:
            centroids.append([value, 1.0])
        else:
            mean, weight = centroids[chosen]
            centroids[chosen] = [(mean * weight + value) / (weight + 1), weight + 1]
        centroids.sort(key=lambda c: c[0])
    return [mean for mean, _ in centroids], [weight for _, weight in centroids]


@settings(max_examples=20)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=120, unique=True))
def test_values_are_taken_one_after_another(values: list[float]) -> None:
    """The centroids of an AVL-tree digest of little compression."""
    digest = digests_of(np.array(values), np.zeros(len(values), np.int64), 1, 10.0).of(0)
    means, weights = taken(values, 10.0)
    assert digest.weights.tolist() == weights
    assert digest.means == pytest.approx(means, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shape", ["uniform", "lognormal", "sorted"])
@pytest.mark.parametrize("ordered", [200, 100_000])
def test_many_values_are_near(shape: str, ordered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Percentiles of many values, kept or joined and merged of parts, lie within half a per cent of their rank, the ends exactly."""
    monkeypatch.setattr(digests, "ORDERED_MAX", ordered)
    monkeypatch.setattr(digests, "EXACT_MAX", 200)
    random = np.random.default_rng(7)
    values = {
        "uniform": random.random(30_000),
        "lognormal": random.lognormal(0, 2, 30_000),
        "sorted": np.arange(30_000.0),
    }[shape]
    parts = [
        (digests_of(part, np.zeros(len(part), np.int64), 1, 100.0), np.zeros(1, np.int64))
        for part in np.split(values, 6)
    ]
    digest = add_digests(parts, 1).of(0)
    assert len(digest.means) < 2_100
    assert digest.total == 30_000
    order = np.sort(values)
    for share, found in zip(SHARES, digest.quantiles(SHARES), strict=True):
        assert abs(np.searchsorted(order, found) / 30_000 - share) < 0.005
    assert digest.quantiles(np.array([0.0, 1.0])).tolist() == [order[0], order[-1]]
    middle = np.array([np.median(values)])
    assert digest.shares_below(middle)[0] == pytest.approx(0.5, abs=0.005)


def test_counts_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many values of few numbers: percentiles and ranks are those of the values."""
    monkeypatch.setattr(digests, "ORDERED_MAX", 10)
    values = [float(n) for n in (1, 1, 1, 2, 2, 5, 5, 5, 5, 5, 9, 9)]
    digest = one(values).of(0)
    assert digest.exact
    assert digest.quantiles(SHARES).tolist() == [percentile(values, share) for share in SHARES]
    assert digest.shares_below(np.array([0.0, 1.0, 5.0, 7.0, 9.0, 10.0])) == pytest.approx(
        [0, 1.5 / 12, 7.5 / 12, (7.5 + 11) / 24, 11 / 12, 1]
    )


def equivalents(value: float, digits: int, least: float) -> tuple[float, float]:
    """HdrHistogram's lowest and highest equivalent value, by counting units of the range that begins with the least value."""
    unit = 2.0 ** math.floor(math.log2(least)) / (1 << half_bits(digits))
    units = math.floor(value / unit)
    step = 1 << max(0, units.bit_length() - 1 - half_bits(digits))
    return units // step * step * unit, (units // step * step + step - 1) * unit


@settings(max_examples=60)
@given(st.lists(st.floats(0.5, 1e6), min_size=1, max_size=20), st.integers(0, 5))
def test_steps_are_those_of_hdrhistogram(values: list[float], digits: int) -> None:
    """Percentiles are the highest value equivalent to the one at their place; ranks count whole steps."""
    least = min(values)
    low = rounded(np.array(values), digits)
    assert low.tolist() == [equivalents(v, digits, least)[0] for v in values]
    digest = one(values, digits).of(0)
    ordered = sorted(values)
    for share in (0.01, 0.25, 0.5, 0.99):
        place = max(math.ceil(round(share * len(values), 9)), 1) - 1
        wanted = equivalents(ordered[place], digits, least)[1]
        assert hdr_quantiles(digest, np.array([share]), digits).tolist() == [wanted]
    (found,) = hdr_shares(digest, np.array([ordered[0]]), digits)
    below = sum(equivalents(v, digits, least)[0] <= equivalents(ordered[0], digits, least)[0] for v in values)
    assert found == below / len(values)


def test_hdr_gives_the_numbers_of_opensearch() -> None:
    """1, 51, 101, 151 to three digits."""
    digest = one([1.0, 51.0, 101.0, 151.0], 3).of(0)
    found = hdr_quantiles(digest, np.array([0.01, 0.25, 0.5, 0.75, 0.99]), 3)
    assert found.tolist() == [1.0, 1.0, 51.0302734375, 101.0615234375, 151.1240234375]
    assert hdr_quantiles(one([0.0, 4.0], 3).of(0), np.array([0.5, 1.0]), 3).tolist() == [0.0, 4.0]
