"""Patterns of * and ?, against regular expressions of the standard library."""

import re

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from pipeline.analysis.scratch import frozen
from pipeline.search.patterns.globs import glob_of, glob_of_literal
from pipeline.segments.columns.terms import Terms
from schemas.limits import READABLE_PAD_BYTES

letters = st.text("abAB\u00e9\u4e2d\U0001f600", max_size=6)
patterns = st.text("abAB\u00e9\u4e2d*?", max_size=7)


def terms_of(words: set[str]) -> tuple[Terms, list[bytes]]:
    """A dictionary of these words, and they in its order."""
    ordered = sorted(w.encode() for w in words)
    data = np.frombuffer(b"".join(ordered) + bytes(READABLE_PAD_BYTES), np.uint8)
    starts = np.concatenate([[0], np.cumsum([len(w) for w in ordered])]).astype(np.int64)
    return Terms(data, frozen(starts)), ordered


def twin(pattern: str, word: str, folded: bool) -> bool:
    parts = [".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern]
    flags = re.DOTALL | (re.IGNORECASE | re.ASCII if folded else 0)
    return re.fullmatch("".join(parts), word, flags) is not None


@given(patterns, st.sets(letters, max_size=20), st.booleans())
def test_terms_that_fit_a_pattern(pattern: str, words: set[str], folded: bool) -> None:
    """The scan finds what the regular expression finds, in order; ? is one character, of however many bytes."""
    terms, ordered = terms_of(words)
    glob = glob_of(pattern, folded=folded)
    wanted = [i for i, w in enumerate(ordered) if twin(pattern, w.decode(), folded)]
    assert glob.numbers(terms).tolist() == wanted
    assert [i for i, w in enumerate(ordered) if glob.matches(w)] == wanted


def test_escapes_and_literals() -> None:
    """A backslash takes the next character as it is; a literal has no special characters."""
    assert glob_of(r"a\*b").matches(b"a*b")
    assert not glob_of(r"a\*b").matches(b"axb")
    assert glob_of_literal("A*", folded=True).matches(b"a*")
    assert glob_of_literal("Ab", folded=True, open_end=True).matches(b"aBc")
    assert glob_of("ab*c").prefix == b"ab"


def test_a_pattern_that_would_explode_is_quick() -> None:
    """Many runs cost no more than the pattern times the term."""
    assert not glob_of("*a" * 2_000 + "b").matches(b"a" * 30_000)
