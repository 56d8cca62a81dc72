"""Terms within some edits, against the textbook's distance."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from pipeline.search.patterns.similar import Signed, Word, edits_of
from schemas.errors import SedimentError
from tests.pipeline.search.patterns.test_globs import terms_of

words = st.text("abc\u00e9\u4e2d", max_size=8)


def twin(a: str, b: str, swaps: bool) -> int:
    """Optimal string alignment, the whole table."""
    table = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = [table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1])]
            if swaps and i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                ways.append(table[i - 2][j - 2] + 1)
            table[i][j] = min(ways)
    return table[-1][-1]


@given(words, st.sets(words, max_size=25), st.integers(1, 2), st.integers(0, 3), st.booleans())
def test_terms_like_a_word(text: str, known: set[str], most: int, prefix_length: int, swaps: bool) -> None:
    """The scan finds every term that begins alike and whose rest is within so many edits, and how many they are."""
    terms, ordered = terms_of(known)
    word = Word(text.encode(), most, prefix_length, swaps)
    prefix = text[:prefix_length]
    wanted = {}
    for i, term in enumerate(w.decode() for w in ordered):
        if term.startswith(prefix):
            edits = twin(text[prefix_length:], term[len(prefix) :], swaps)
            if edits <= most:
                wanted[i] = edits
    found, distances = word.scan(terms, Signed.of(terms))
    assert dict(zip(found.tolist(), distances.tolist(), strict=True)) == wanted
    assert {i: d for i, w in enumerate(ordered) if (d := word.distance(w)) is not None} == wanted


def test_the_best_are_the_most_similar_of_equal_ones_the_first() -> None:
    """Similarity is 1 - edits / the shorter length, float32; what is below 0 is left out."""
    word = Word(b"abcd", 2)
    near = [(b"abcx", 1), (b"abxx", 2), (b"abcd", 0), (b"abc", 1), (b"ab", 2)]
    best = word.best(near, 3)
    assert best == [(b"abc", np.float32(1) - np.float32(1) / np.float32(3)), (b"abcd", 1.0), (b"abcx", 0.75)]
    assert Word(b"a", 2).best([(b"xy", 2)], 5) == []


@pytest.mark.parametrize(
    ("fuzziness", "term", "edits"),
    [("AUTO", "ab", 0), ("auto", "abc", 1), ("AUTO", "abcdef", 2), ("AUTO:2,4", "ab", 1), ("AUTO:2,4", "abcd", 2), ("1", "a", 1), ("2.0", "a", 2)],
)  # fmt: skip
def test_fuzziness(fuzziness: str, term: str, edits: int) -> None:
    """A number, or by the term's length."""
    assert edits_of(fuzziness, term) == edits


@pytest.mark.parametrize("fuzziness", ["3", "-1", "x", "AUTO:3", "AUTO:4,2", "AUTO:a,b", "1.5"])
def test_bad_fuzziness_is_refused(fuzziness: str) -> None:
    """An error, not a guess."""
    with pytest.raises(SedimentError):
        edits_of(fuzziness, "term")
