"""The tokenizers that kernels know, on single texts."""

import pytest

from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut, lowered, standard_type
from tests.pipeline.analysis.chains import analyzed

_FOX = "The 2 QUICK Brown-Foxes jumped over the lazy dog's bone."


def test_standard() -> None:
    """Word breaks."""
    assert analyzed(_FOX) == (
        "The[0-3]@0 2[4-5]@1 QUICK[6-11]@2 Brown[12-17]@3 Foxes[18-23]@4 jumped[24-30]@5 over[31-35]@6 the[36-39]@7 lazy[40-44]@8 "
        "dog's[45-50]@9 bone[51-55]@10"
    )


def test_long_words_are_cut() -> None:
    """max_token_length cuts at positions of their own."""
    cut = {"type": "standard", "max_token_length": 5}
    assert analyzed("a jumped dog", cut) == "a[0-1]@0 jumpe[2-7]@1 d[7-8]@2 dog[9-12]@3"


def test_letter_whitespace_keyword() -> None:
    """Runs of letters, of anything but white space, and the whole."""
    assert analyzed("dog's x2", "letter") == "dog[0-3]@0 s[4-5]@1 x[6-7]@2"
    assert analyzed("DOG's", "lowercase") == "dog[0-3]@0 s[4-5]@1"
    assert analyzed("dog's x2", "whitespace") == "dog's[0-5]@0 x2[6-8]@1"
    assert analyzed("New York", "keyword") == "New York[0-8]@0"
    assert analyzed("", "keyword") == "[0-0]@0"


@pytest.mark.parametrize(
    ("term", "kind"),
    [
        ("fox", "<ALPHANUM>"), ("x2", "<ALPHANUM>"), ("3.14", "<NUM>"), ("１２", "<NUM>"), ("漢", "<IDEOGRAPHIC>"), ("ひ", "<HIRAGANA>"),
        ("カタ", "<KATAKANA>"), ("한국어", "<HANGUL>"), ("ไทย", "<SOUTHEAST_ASIAN>"), ("👍🏻", "<EMOJI>"), ("🇩🇪", "<EMOJI>"),
        ("straße", "<ALPHANUM>"),
    ],
)  # fmt: skip
def test_types(term: str, kind: str) -> None:
    """Tokens are told apart by what they are made of."""
    assert standard_type(term) == kind
    assert [w.type for w in CompiledTokenizer(Cut.STANDARD).words(term)] == [kind]


def test_lower_case_is_the_kernels() -> None:
    """One code point for one."""
    assert lowered("ÀΣ İ") == "àσ i"
