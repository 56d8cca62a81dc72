"""Tokenizers by regular expressions."""

import pytest

from schemas.errors import SedimentError
from tests.pipeline.analysis.chains import analyzed, chain, words


def test_pattern_between_words() -> None:
    """The default leaves out what is no ASCII word character; empty words vanish."""
    assert words("The foo_bar_size's default is 5.", "pattern") == ["The", "foo_bar_size", "s", "default", "is", "5"]
    assert analyzed("comma,separated,,values", {"type": "pattern", "pattern": ","}) == (
        "comma[0-5]@0 separated[6-15]@1 values[17-23]@2"
    )


def test_pattern_groups() -> None:
    """With a group the matches are the words."""
    quoted = {"type": "pattern", "pattern": r'"((?:\\"|[^"]|\\")*)"', "group": 1}
    assert words(r'"value", "value with embedded \" quote"', quoted) == ["value", r"value with embedded \" quote"]


def test_flags() -> None:
    """Java's flags by name."""
    assert words("aXbxc", {"type": "pattern", "pattern": "x", "flags": "CASE_INSENSITIVE|COMMENTS"}) == ["a", "b", "c"]


@pytest.mark.parametrize("wrong", [{"pattern": "("}, {"pattern": "a", "flags": "NOPE"}, {"pattern": "a", "group": 2}])
def test_patterns_that_are_none(wrong: dict[str, object]) -> None:
    """What cannot be read is refused."""
    with pytest.raises(SedimentError):
        chain({"type": "pattern", **wrong})


def test_simple_patterns() -> None:
    """Matches, and what lies between matches."""
    assert words("fd-786-335-514-x", {"type": "simple_pattern", "pattern": "[0123456789]{3}"}) == ["786", "335", "514"]
    assert words("an_underscored_phrase", {"type": "simple_pattern_split", "pattern": "_"}) == [
        "an",
        "underscored",
        "phrase",
    ]


def test_char_groups() -> None:
    """Characters and classes of characters to cut at."""
    groups = {"type": "char_group", "tokenize_on_chars": ["whitespace", "-", "\n"]}
    assert words("The QUICK brown-fox", groups) == ["The", "QUICK", "brown", "fox"]
    assert words("a]b^c", {"type": "char_group", "tokenize_on_chars": ["]", "^"]}) == ["a", "b", "c"]


def test_addresses() -> None:
    """URLs and e-mail addresses are words; the rest is the standard tokenizer's."""
    tokens = chain("uax_url_email").analyzer.analyze(
        "Email me at john.smith@global-international.com or see https://a.org/b?c=1."
    )
    assert [(t.term, t.type) for t in tokens] == [
        ("Email", "<ALPHANUM>"), ("me", "<ALPHANUM>"), ("at", "<ALPHANUM>"), ("john.smith@global-international.com", "<EMAIL>"),
        ("or", "<ALPHANUM>"), ("see", "<ALPHANUM>"), ("https://a.org/b?c=1", "<URL>"),
    ]  # fmt: skip
    assert [(t.start_offset, t.end_offset) for t in tokens][3] == (12, 47)


def test_classic() -> None:
    """Acronyms, companies, hosts and numbers stay whole."""
    assert words("The 2 Brown-Foxes' dog's bone, U.S.A. AT&T a@b.de wiki.org X-500", "classic") == [
        "The", "2", "Brown", "Foxes", "dog's", "bone", "U.S.A.", "AT&T", "a@b.de", "wiki.org", "X-500",
    ]  # fmt: skip
