"""Filters that look at neighbours or give graphs: shingles, bigrams, parts of words, synonyms, unique, limit, fingerprint."""

from typing import Any

import pytest

from schemas.errors import SedimentError
from tests.pipeline.analysis.chains import analyzed, chain, words


def test_shingles() -> None:
    """Each word, then its shingles at its position."""
    assert analyzed("quick brown fox", "whitespace", ["shingle"]) == (
        "quick[0-5]@0 quick brown[0-11]@0~2 brown[6-11]@1 brown fox[6-15]@1~2 fox[12-15]@2"
    )


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"max_shingle_size": 3, "output_unigrams": False}, ["quick brown", "quick brown fox", "brown fox"]),
        ({"min_shingle_size": 3, "max_shingle_size": 3}, ["quick", "quick brown fox", "brown", "fox"]),
        ({"token_separator": "+", "output_unigrams": False}, ["quick+brown", "brown+fox"]),
        ({"min_shingle_size": 4, "max_shingle_size": 4, "output_unigrams": False}, []),
        (
            {
                "min_shingle_size": 4,
                "max_shingle_size": 4,
                "output_unigrams": False,
                "output_unigrams_if_no_shingles": True,
            },
            ["quick", "brown", "fox"],
        ),
    ],
)
def test_sizes_of_shingles(parameters: dict[str, Any], expected: list[str]) -> None:
    """Sizes, separator, with and without the words themselves."""
    assert words("quick brown fox", "whitespace", [{"type": "shingle", **parameters}]) == expected


def test_shingles_over_holes() -> None:
    """A filler stands where a word was left out; it never stands alone."""
    filters = ["stop", {"type": "shingle", "filler_token": "+"}]
    assert words("fox jumps the dog", "whitespace", filters) == ["fox", "fox jumps", "jumps", "jumps +", "+ dog", "dog"]


@pytest.mark.parametrize("wrong", [{"min_shingle_size": 3}, {"max_shingle_size": 9}, {"min_shingle_size": 1}])
def test_shingles_that_are_none(wrong: dict[str, int]) -> None:
    """Sizes the wrong way round, or too far apart."""
    with pytest.raises(SedimentError):
        chain(filters=[{"type": "shingle", **wrong}])


def test_common_grams() -> None:
    """Pairs with a common word; in queries instead of the words."""
    grams = {"type": "common_grams", "common_words": ["is", "the"]}
    assert analyzed("the quick fox is brown", "whitespace", [grams]) == (
        "the[0-3]@0 the_quick[0-9]@0~2 quick[4-9]@1 fox[10-13]@2 fox_is[10-16]@2~2 is[14-16]@3 is_brown[14-22]@3~2 brown[17-22]@4"
    )
    assert words("the quick fox is brown", "whitespace", [{**grams, "query_mode": True}]) == [
        "the_quick",
        "quick",
        "fox_is",
        "is_brown",
    ]


def test_bigrams_of_cjk() -> None:
    """Pairs of characters that touch; one alone stays; other words pass."""
    assert analyzed("東京都は ab 大 한국", filters=["cjk_bigram"]) == (
        "東京[0-2]@0 京都[1-3]@1 都は[2-4]@2 ab[5-7]@3 大[8-9]@4 한국[10-12]@5"
    )
    both = {"type": "cjk_bigram", "output_unigrams": True}
    assert analyzed("東京都", filters=[both]) == "東[0-1]@0 東京[0-2]@0~2 京[1-2]@1 京都[1-3]@1~2 都[2-3]@2"
    assert words("東京の", filters=[{"type": "cjk_bigram", "ignored_scripts": ["hiragana"]}]) == ["東京", "の"]


def test_unique_limit_fingerprint() -> None:
    """Each term once; the first words; all in one."""
    assert analyzed("a b a c", "whitespace", ["unique"]) == "a[0-1]@0 b[2-3]@1 c[6-7]@2"
    assert words("a b c", "whitespace", [{"type": "limit", "max_token_count": 2}]) == ["a", "b"]
    assert words("zebra a zebra b", "whitespace", ["fingerprint"]) == ["a b zebra"]
    assert words("zebra", "whitespace", [{"type": "fingerprint", "max_output_size": 2}]) == []
    assert words("", "whitespace", ["fingerprint"]) == []


def test_kinds_of_tokens() -> None:
    """Only numbers, or anything else."""
    numbers = {"type": "keep_types", "types": ["<NUM>"]}
    assert words("1 quick fox 2", filters=[numbers]) == ["1", "2"]
    assert words("1 quick fox 2", filters=[{**numbers, "mode": "exclude"}]) == ["quick", "fox"]


@pytest.mark.parametrize(
    ("parameters", "text", "expected"),
    [
        ({}, "Neil's-Super-Duper-XL500--42+AutoCoder", ["Neil", "Super", "Duper", "XL", "500", "42", "Auto", "Coder"]),
        ({}, "PowerShot j2se O'Neil's --", ["Power", "Shot", "j", "2", "se", "O", "Neil"]),
        ({"catenate_words": True}, "wi-fi-4g", ["wifi", "wi", "fi", "4", "g"]),
        ({"catenate_numbers": True}, "01-02", ["0102", "01", "02"]),
        ({"catenate_all": True}, "wi-fi-4", ["wifi4", "wi", "fi", "4"]),
        ({"preserve_original": True}, "wi-fi x", ["wi-fi", "wi", "fi", "x"]),
        ({"generate_word_parts": False, "catenate_words": True}, "wi-fi 7", ["wifi", "7"]),
        ({"generate_number_parts": False}, "a-1", ["a"]),
        ({"split_on_case_change": False}, "PowerShot-x", ["PowerShot", "x"]),
        ({"split_on_numerics": False}, "j2se-x", ["j2se", "x"]),
        ({"stem_english_possessive": False}, "Neil's", ["Neil", "s"]),
        ({"protected_words": ["wi-fi"]}, "wi-fi hi-fi", ["wi-fi", "hi", "fi"]),
        ({"type_table": ["- => ALPHA", "\\u0024 => DIGIT"]}, "wi-fi a$", ["wi-fi", "a", "$"]),
    ],
)
def test_parts_of_words(parameters: dict[str, Any], text: str, expected: list[str]) -> None:
    """What is cut, catenated and kept."""
    assert words(text, "whitespace", [{"type": "word_delimiter_graph", **parameters}]) == expected


def test_parts_make_a_graph() -> None:
    """Parts have their own offsets and positions; what spans them is long. Without the graph all lengths are 1."""
    graph = {"type": "word_delimiter_graph", "catenate_all": True, "preserve_original": True}
    assert analyzed("a wi-fi b", "whitespace", [graph]) == (
        "a[0-1]@0 wi-fi[2-7]@1~2 wifi[2-7]@1~2 wi[2-4]@1 fi[5-7]@2 b[8-9]@3"
    )
    assert analyzed("wi-fi b", "whitespace", [{**graph, "type": "word_delimiter"}]) == (
        "wi-fi[0-5]@0 wifi[0-5]@0 wi[0-2]@0 fi[3-5]@1 b[6-7]@2"
    )


def _synonyms(kind: str, *rules: str, **parameters: Any) -> dict[str, Any]:
    return {"type": kind, "synonyms": list(rules), **parameters}


def test_synonyms_of_one_word() -> None:
    """Equivalent words stand at one position; an arrow replaces."""
    assert analyzed("a sofa b", filters=[_synonyms("synonym", "sofa, couch, divan")]) == (
        "a[0-1]@0 sofa[2-6]@1 couch[2-6]@1 divan[2-6]@1 b[7-8]@2"
    )
    assert words("sofa couch", filters=[_synonyms("synonym", "sofa, couch => seat")]) == ["seat", "seat"]
    assert words("couch", filters=[_synonyms("synonym", "sofa, couch", expand=False)]) == ["sofa"]


def test_synonyms_of_several_words_as_a_graph() -> None:
    """Each reading is a path of its own between the same ends."""
    graph = _synonyms("synonym_graph", "ny, new york, big apple")
    assert analyzed("in ny now", filters=[graph]) == (
        "in[0-2]@0 new[3-5]@1 big[3-5]@1~2 ny[3-5]@1~3 york[3-5]@2~2 apple[3-5]@3 now[6-9]@4"
    )
    assert analyzed("new york now", filters=[_synonyms("synonym_graph", "ny, new york")]) == (
        "ny[0-8]@0~2 new[0-3]@0 york[4-8]@1 now[9-12]@2"
    )


def test_synonyms_of_several_words_laid_flat() -> None:
    """Without a graph the words of a reading stand position upon position."""
    assert analyzed("dns is", filters=[_synonyms("synonym", "dns, domain name system")]) == (
        "dns[0-3]@0 domain[0-3]@0 name[0-3]@1 system[0-3]@2 is[4-6]@3"
    )
    assert (
        analyzed("domain name system is", filters=[_synonyms("synonym", "domain name system => dns")])
        == "dns[0-18]@0 is[19-21]@1"
    )


def test_the_longest_rule_wins() -> None:
    """What was matched is not looked at again; rules are analysed by what stands before them."""
    rules = _synonyms("synonym_graph", "a b c => x", "a b => y", "B => z", "# nothing", "")
    assert words("A b C a b b c", filters=["lowercase", rules]) == ["x", "y", "z", "c"]


def test_commas_can_be_escaped() -> None:
    """A backslash takes the comma as it is."""
    assert words("a,b", "whitespace", [_synonyms("synonym", r"a\,b => c")]) == ["c"]


@pytest.mark.parametrize(
    "wrong",
    [{"synonyms": ["a => b => c"]}, {"synonyms": ["=> b"]}, {}, {"synonyms_path": "x"}, {"synonyms": ["the, a"]}],
)
def test_synonyms_that_are_none(wrong: dict[str, Any]) -> None:
    """Rules with two arrows, empty sides, or words that the filters before leave out."""
    with pytest.raises(SedimentError):
        chain(filters=["stop", {"type": "synonym", **wrong}])


def test_lenient_synonyms() -> None:
    """Wrong rules can be left out."""
    rules = _synonyms("synonym", "a => b => c", "fox => dog", lenient=True)
    assert words("fox", filters=[rules]) == ["dog"]
