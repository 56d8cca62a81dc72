"""Filters of single terms: cases, folding, selection, patterns, stems, n-grams."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.filters.cases import decimal_digits, lower, upper
from pipeline.analysis.filters.folding import fold
from schemas.errors import SedimentError
from tests.pipeline.analysis.chains import analyzed, chain, words


@pytest.mark.parametrize(
    ("filters", "text", "expected"),
    [
        (["lowercase"], "THE Quick ΣΊΣΥΦΟΣ", ["the", "quick", "σίσυφοσ"]),
        ([{"type": "lowercase", "language": "greek"}], "ΣΊΣΥΦΟΣ Άς", ["σισυφοσ", "ασ"]),
        ([{"type": "lowercase", "language": "turkish"}], "ISI İZMİR", ["ısı", "izmir"]),
        ([{"type": "lowercase", "language": "irish"}], "nAthair tAcht Nathair", ["n-athair", "t-acht", "nathair"]),
        (["uppercase"], "the straße", ["THE", "STRAßE"]),
        (["reverse"], "quick fox", ["kciuq", "xof"]),
        (["decimal_digit"], "१-one २.५ ٣", ["1", "one", "2.5", "3"]),
        (["cjk_width"], "ｶﾞﾊﾟﾀﾞ ＡＢＣ", ["ガパダ", "ABC"]),
        (["apostrophe"], "Istanbul'da Ali’nin", ["Istanbul", "Ali"]),
        (["asciifolding"], "açaí à la carte Ærø straße Łódź ﬁn", ["acai", "a", "la", "carte", "AEro", "strasse", "Lodz", "fin"]),
        ([{"type": "asciifolding", "preserve_original": True}], "açaí la", ["acai", "açaí", "la"]),
        (["german_normalization"], "äpfel goethe queue straße", ["apfel", "gothe", "queue", "strasse"]),
        (["scandinavian_folding"], "blåbærsyltetøj blaabaer", ["blabarsyltetoj", "blabar"]),
        ([{"type": "truncate", "length": 3}], "quick fox", ["qui", "fox"]),
        (["truncate"], "abcdefghijklm", ["abcdefghij"]),
        ([{"type": "length", "min": 2, "max": 4}], "a quick fox", ["fox"]),
        (["stop"], "a fox to the The", ["fox", "The"]),
        ([{"type": "stop", "stopwords": ["x", "_german_"], "ignore_case": True}], "Der X Hund und", ["Hund"]),
        ([{"type": "stop", "stopwords": "_none_"}], "the", ["the"]),
        ([{"type": "keep", "keep_words": ["dog", "elephant", "fox"]}], "the quick fox", ["fox"]),
        ([{"type": "elision"}], "j'examine l’avion d'été", ["examine", "avion", "été"]),
        ([{"type": "elision", "articles": ["L"], "articles_case": True}], "l'avion L'un", ["avion", "un"]),
        ([{"type": "pattern_replace", "pattern": "(dog)", "replacement": "watch$1"}], "dogdog", ["watchdogwatchdog"]),
        ([{"type": "pattern_replace", "pattern": "o", "replacement": "0", "all": False}], "foo", ["f0o"]),
        ([{"type": "pattern_capture", "patterns": [r"(\p{Ll}+|\p{Lu}\p{Ll}+|\p{Lu}+)", r"(\d+)"]}], "abc123", ["abc123", "abc", "123"]),
        (["porter_stem"], "the foxes jumping quickly", ["the", "fox", "jump", "quickli"]),
        (["stemmer"], "the foxes jumping quickly", ["the", "fox", "jump", "quickli"]),
        ([{"type": "stemmer", "language": "possessive_english"}], "dog's Dogs’ it’S", ["dog", "Dogs", "it"]),
        ([{"type": "stemmer", "language": "minimal_english"}], "ponies foxes boss dogs", ["pony", "foxe", "boss", "dog"]),
        ([{"type": "snowball", "language": "English"}], "generously running", ["generous", "run"]),
        ([{"type": "snowball", "language": "German"}], "laufende häuser", ["laufend", "haus"]),
        ([{"type": "keyword_marker", "keywords": ["jumping"]}, "stemmer"], "running jumping", ["run", "jumping"]),
        ([{"type": "keyword_marker", "keywords_pattern": "j.*"}, "stemmer"], "running jumping", ["run", "jumping"]),
        (["keyword_repeat", "stemmer", "remove_duplicates"], "fox running", ["fox", "running", "run"]),
        ([{"type": "stemmer_override", "rules": ["running, runs => run", "stemmer => stemmer"]}, "stemmer"], "runs stemmer dogs",
         ["run", "stemmer", "dog"]),
        ([{"type": "multiplexer", "filters": ["lowercase", "lowercase, porter_stem"]}], "Going HOME", ["Going", "going", "go", "HOME", "home"]),
        (["flatten_graph"], "a b", ["a", "b"]),
    ],
)  # fmt: skip
def test_terms(filters: list[Any], text: str, expected: list[str]) -> None:
    """Each filter's terms."""
    assert words(text, filters=filters) == expected


def test_trimming_keeps_offsets() -> None:
    """Only the term changes."""
    assert analyzed(" fox ", "keyword", ["trim"]) == "fox[0-5]@0"


def test_positions_of_what_is_left_out() -> None:
    """Words that vanish leave holes; several results share a position."""
    assert analyzed("the fox and a dog", filters=["stop", "keyword_repeat", "stemmer"]) == (
        "fox[4-7]@1 fox[4-7]@1 dog[14-17]@4 dog[14-17]@4"
    )


def test_grams_of_words() -> None:
    """All n-grams of a word stand where it stands, with its offsets."""
    assert analyzed("fox a", filters=["ngram"]) == "f[0-3]@0 fo[0-3]@0 o[0-3]@0 ox[0-3]@0 x[0-3]@0 a[4-5]@1"
    edge = {"type": "edge_ngram", "min_gram": 2, "max_gram": 3, "preserve_original": True}
    assert words("jumps a fo", filters=[edge]) == ["ju", "jum", "jumps", "a", "fo"]
    assert words("jumps", filters=[{**edge, "side": "back"}]) == ["ps", "mps", "jumps"]
    assert analyzed("a jumps", filters=[{"type": "edge_ngram", "min_gram": 2, "max_gram": 3}]) == "ju[2-7]@1 jum[2-7]@1"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"type": "stemmer", "language": "klingon"}, r"Unknown stemmer \[klingon\]"),
        ({"type": "stop", "stopwords": "_klingon_"}, r"no list of stop words \[_klingon_\]"),
        ({"type": "stop", "stopwords_path": "x"}, "stopwords_path"),
        ({"type": "lowercase", "language": "klingon"}, "not support"),
        ({"type": "pattern_replace", "replacement": "x"}, "pattern is missing"),
        ({"type": "pattern_replace", "pattern": "a", "replacement": "$1"}, "names a group"),
        ({"type": "truncate", "length": "x"}, "Failed to parse value"),
        ({"type": "keyword_marker"}, "keyword filter requires"),
        ({"type": "keep"}, "keep requires"),
        ({"type": "stemmer_override", "rules": ["a"]}, "Invalid Keyword override Rule"),
        ({"type": "multiplexer", "filters": ["shingle"]}, "neighbouring"),
        ({"type": "nope"}, r"failed to find global filter under \[nope\]"),
        ({}, r"Missing \[type\] setting for anonymous filter"),
        ("nope", r"no filter \[nope\]"),
    ],
)
def test_filters_that_are_none(wrong: Any, message: str) -> None:
    """What cannot be built is refused with a reason."""
    with pytest.raises(SedimentError, match=message):
        chain(filters=[wrong])


@given(st.text())
def test_filters_that_change_nothing_twice(text: str) -> None:
    """Lower case, upper case, digits and folding to ASCII are done when they are done."""
    for change in (lower, decimal_digits, fold):
        once = change(text)
        assert change(once) == once
    assert upper(upper(text)) == upper(text)


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("ÀÁÂÃÄÅ Ç È Ñ Ö Ø Ü Ý ß æ ð þ ÿ", "AAAAAA C E N O O U Y ss ae d th y"),
        ("ĳ ŉ ŋ œ ŧ ſ ƀ ƒ ǆ ȣ ɐ ə ẞ ỻ", "ij n n oe t s b f dz ou a a SS ll"),
        ("“a” ‘b’ – — ‹›", "\"a\" 'b' - - ''"),
        ("① ⑳ ⑴ ⒜ Ⓐ ₁ ⁵ ❶ ａＢ３", "1 20 (1) (a) A 1 5 1 aB3"),
        ("漢字 кириллица ½ ™ °", "漢字 кириллица ½ ™ °"),
    ],
)
def test_folding(text: str, ascii_text: str) -> None:
    """Latin letters, quotes, dashes, numbers in circles, wide forms; other scripts stay."""
    assert fold(text) == ascii_text
