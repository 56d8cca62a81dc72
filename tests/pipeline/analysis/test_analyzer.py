"""Analyzers on single texts."""

import pytest

from pipeline.analysis.registry import build_analyzer
from pipeline.analysis.words import Token
from schemas.errors import SedimentError


def test_offsets_are_utf16_units() -> None:
    """Offsets count as Java does: a character beyond the basic plane is two units."""
    assert build_analyzer().analyze("é 𝐀b 👍 c") == [
        Token("é", 0, 1, 0),
        Token("𝐀b", 2, 5, 1),
        Token("👍", 6, 8, 2),
        Token("c", 9, 10, 3),
    ]


def test_stop_words_leave_their_positions() -> None:
    """A word that is left out leaves a hole."""
    tokens = build_analyzer("stop").analyze("The quick AND the dead2end")
    assert [(t.term, t.position) for t in tokens] == [("quick", 1), ("dead", 4), ("end", 5)]


def test_whitespace_keeps_case_and_no_break_spaces() -> None:
    """White space is Java's: a no-break space is none. Long words are cut."""
    tokens = build_analyzer("whitespace").analyze("Don't\u2028Do\u00a0It\t" + "x" * 300)
    assert [t.term for t in tokens] == ["Don't", "Do\u00a0It", "x" * 255, "x" * 45]


def test_keyword_is_the_text_itself() -> None:
    """One token, also of the empty text."""
    assert build_analyzer("keyword").analyze("") == [Token("", 0, 0, 0)]
    assert build_analyzer("keyword").analyze("A b") == [Token("A b", 0, 3, 0)]


def test_an_unknown_analyzer_is_named() -> None:
    """The error says which name and what there is."""
    with pytest.raises(SedimentError, match=r"\[latin\] has not been configured; use one of: catalan"):
        build_analyzer("latin")
