"""Lucene's regular expressions: against those of the standard library, and by the book where that has none."""

import contextlib
import re
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pipeline.search.patterns.regexps import machine_of
from schemas.errors import SedimentError
from tests.pipeline.search.patterns.test_globs import letters, terms_of

atoms = st.sampled_from(["a", "b", "A", ".", "[ab]", "[^a]", "[a-z]", "\u00e9", "\u4e2d"])
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,}", "{0,2}"])).map(lambda two: f"({two[0]}){two[1]}"),
    ),
    max_leaves=8,
)  # fmt: skip


@given(expressions, st.sets(letters, max_size=20))
def test_terms_that_fit_an_expression(expression: str, words: set[str]) -> None:
    """The machine over the sorted terms finds what the regular expression finds."""
    terms, ordered = terms_of(words)
    wanted = [i for i, w in enumerate(ordered) if re.fullmatch(expression, w.decode(), re.DOTALL)]
    machine = machine_of(expression)
    assert machine.numbers(terms).tolist() == wanted
    assert [i for i, w in enumerate(ordered) if machine.matches(w)] == wanted


@given(expressions, expressions, letters)
def test_complement_and_intersection(one: str, other: str, word: str) -> None:
    """``~`` is every other string, ``&`` both at once."""
    first, second = (re.fullmatch(e, word, re.DOTALL) is not None for e in (one, other))
    assert machine_of(f"~({one})").matches(word.encode()) is not first
    assert machine_of(f"({one})&({other})").matches(word.encode()) is (first and second)


@pytest.mark.parametrize(
    ("expression", "fits", "not_"),
    [
        ('"a.b"c', "a.bc", "axbc"),
        ("a@", "a\nxyz", "b"),
        ("a#|b", "b", "a"),
        ("x<9-11>", "x10", "x12"),
        ("x<09-11>", "x09", "x9"),
        (r"a\.b", "a.b", "axb"),
        (r"\d+\w", "12_", "a1"),
        ("", "", "a"),
        ("a{3}", "aaa", "aa"),
        ("ab?c", "ac", "ab"),
        ("\u00e9\u4e2d.", "\u00e9\u4e2dx", "\u00e9x"),
        ("x\ud800|y", "y", "x?"),
    ],
)
def test_syntax(expression: str, fits: str, not_: str) -> None:
    """Each construct of the syntax."""
    machine = machine_of(expression)
    assert machine.matches(fits.encode())
    assert not machine.matches(not_.encode())


def test_flags_and_case() -> None:
    """Without flags the optional operators are characters; folded, ASCII letters fit in either case."""
    assert machine_of("a@b", flags="NONE").matches(b"a@b")
    assert machine_of("[a-c]X", folded=True).matches(b"Bx")


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("a" * 1_001, "illegal_argument", "index.max_regex_length"),
        ("(a|b)*a(a|b){40}", "query_shard", "Determinizing automaton"),
        ("(" * 500, "query_shard", "nests more than"),
        ("a(b", "query_shard", "expected ')'"),
        ("[a", "query_shard", "expected ']'"),
        ("a{2", "query_shard", "expected '}'"),
        ("a{2,1}", "query_shard", "out of order"),
        ("a{99999}", "query_shard", "repetition"),
        ('"a', "query_shard", "expected '\"'"),
    ],
)
def test_bad_expressions_are_refused_quickly(expression: str, code: str, message: str) -> None:
    """Too long, too complex, malformed: an error that names the limit, after bounded work."""
    started = time.perf_counter()
    with pytest.raises(SedimentError, match=re.escape(message)) as caught:
        machine_of(expression)
    assert caught.value.code == code
    assert time.perf_counter() - started < 5


@given(st.text('ab()[]{}|&~<>@#.?*+\\"-^,0123456789', max_size=20))
def test_any_text_is_answered(expression: str) -> None:
    """Whatever stands there, it is a machine or an error of ours."""
    with contextlib.suppress(SedimentError):
        machine_of(expression).matches(b"ab")
