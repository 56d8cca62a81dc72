"""Sketches against sets, hashes against the algorithm written plainly, estimates against their error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search.aggregations.metrics.numbers import hashes_of_names
from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.summaries.sketches import (
    Sketches,
    add_sketches,
    counts_of,
    kept_max,
    precision_of,
    sketches_of,
)

WORD = (1 << 64) - 1


def murmur(data: bytes) -> int:
    """The first word of MurmurHash3_x64_128, seed 0, as its author writes it."""

    def turned(word: int, by: int) -> int:
        return (word << by | word >> (64 - by)) & WORD

    def finished(word: int) -> int:
        word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & WORD
        word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & WORD
        return word ^ word >> 33

    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    a = b = 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        a ^= turned(int.from_bytes(data[at : at + 8], "little") * c1 & WORD, 31) * c2 & WORD
        a = ((turned(a, 27) + b) * 5 + 0x52DCE729) & WORD
        b ^= turned(int.from_bytes(data[at + 8 : at + 16], "little") * c2 & WORD, 33) * c1 & WORD
        b = ((turned(b, 31) + a) * 5 + 0x38495AB5) & WORD
    rest = data[whole:]
    b ^= turned(int.from_bytes(rest[8:], "little") * c2 & WORD, 33) * c1 & WORD
    a ^= turned(int.from_bytes(rest[:8], "little") * c1 & WORD, 31) * c2 & WORD
    a, b = a ^ len(data), b ^ len(data)
    a = (a + b) & WORD
    b = (b + a) & WORD
    return (finished(a) + finished(b)) & WORD


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_terms_are_hashed_as_murmur3_does(words: list[bytes]) -> None:
    """Strings of every length, side by side in a column."""
    assert hashes_of_names(Names.of(words)).tolist() == [murmur(word) for word in words]


def registers_of(hashes: set[int], precision: int) -> list[int]:
    """Of each register the greatest place of a first set bit."""
    found = [0] * (1 << precision)
    for one in hashes:
        rest = f"{one:064b}"[precision:]
        place = rest.find("1") + 1 or len(rest) + 1
        register = one >> (64 - precision)
        found[register] = max(found[register], place)
    return found


HASHES = st.integers(0, WORD) | st.integers(0, 20) | st.sampled_from([1 << 63, WORD, 1 << 40])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(HASHES, st.integers(0, 2)), max_size=40), st.lists(st.integers(0, 3), min_size=40, max_size=40)
)
def test_sketches_do_not_depend_on_how_values_are_split(rows: list[tuple[int, int]], parts: list[int]) -> None:
    """Any split over four parts, whose buckets are renumbered: the same hashes or registers, the plain ones."""
    precision, count = 4, 3

    def sketch(some: list[tuple[int, int]]) -> Sketches:
        return sketches_of(
            np.array([h for h, _ in some], np.uint64), np.array([b for _, b in some], np.int64), count, precision
        )

    whole = sketch(rows)
    turned = np.array([2, 1, 0])
    split = [[(h, 2 - b) for (h, b), part in zip(rows, parts, strict=False) if part == number] for number in range(4)]
    merged = add_sketches([(sketch(some), turned) for some in split], count)
    for name in ("starts", "hashes", "rows", "registers"):
        assert np.array_equal(getattr(whole, name), getattr(merged, name))
    for bucket in range(count):
        distinct = {h for h, b in rows if b == bucket}
        if len(distinct) <= kept_max(precision):
            assert whole.hashes[whole.starts[bucket] : whole.starts[bucket + 1]].tolist() == sorted(distinct)
            assert counts_of(whole)[bucket] == len(distinct)
        else:
            (row,) = np.flatnonzero(whole.rows == bucket)
            assert whole.registers[row].tolist() == registers_of(distinct, precision)


@pytest.mark.parametrize("size", [3_000, 3_073, 20_000, 300_000])
def test_estimates_are_near(size: int) -> None:
    """Exactly the number up to the threshold, beyond it within four standard errors, 0.8 % each."""
    precision = precision_of(3_000)
    hashes = np.random.default_rng(5).integers(0, WORD, size, np.uint64, endpoint=True)
    (found,) = counts_of(sketches_of(hashes, np.zeros(size, np.int64), 1, precision)).tolist()
    assert found == size if size <= 3_000 else abs(found - size) < 4 * 0.0082 * size


@pytest.mark.parametrize(("threshold", "precision"), [(0, 4), (1, 4), (100, 10), (3_000, 14), (40_000, 18)])
def test_precisions_are_those_of_opensearch(threshold: int, precision: int) -> None:
    """The registers that a threshold stands for, and that it is kept."""
    assert precision_of(threshold) == precision
    assert threshold <= kept_max(precision)
