"""Character filters: the text they make, and the way back to the offsets of the text they were given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.char_filters import StripHtml, edited, mapping_of
from schemas.errors import SedimentError
from tests.pipeline.analysis.chains import analyzed

_ARABIC = {"type": "mapping", "mappings": [f"{chr(0x660 + n)} => {n}" for n in range(10)]}


def test_markup_is_stripped() -> None:
    """Paragraphs become line feeds, inline elements nothing, entities are decoded."""
    assert (
        analyzed("<p>I&apos;m so <b>happy</b>!</p>", "keyword", char_filters=["html_strip"])
        == "\nI'm so happy!\n[0-32]@0"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<!-- b > c -->d", "ad"),
        ("a<script>if (a < b) {}</script>b", "a\nb"),
        ("x<br/>y &lt;z&gt; &#65;&#x42; &eacute;&nbsp;.", "x\ny <z> AB é ."),
        ("<![CDATA[<raw>]]>", "<raw>"),
        ("1 < 2 && 3 > 2 &unknown; &#9999999;", "1 < 2 && 3 > 2 &unknown; \ufffd"),
        ("<a href='x>y'>link</a><td title=\"&\">cell</td>", "link\ncell\n"),
        ("<!doctype html><?xml version='1'?>t", "t"),
        ("<open", "<open"),
    ],
)
def test_html(html: str, text: str) -> None:
    """Comments, scripts, entities, CDATA, declarations, and what only looks like markup."""
    assert StripHtml().apply(html).text == text


def test_escaped_tags_stay() -> None:
    """Elements that are named are left alone."""
    strip = {"type": "html_strip", "escaped_tags": ["b"]}
    assert analyzed("<p>so <b>happy</b></p>", "keyword", char_filters=[strip]) == "\nso <b>happy</b>\n[0-22]@0"


def test_offsets_behind_markup() -> None:
    """Tokens have the offsets of the text as it was written."""
    assert analyzed("<b>qu</b>ick &amp; fox", char_filters=["html_strip"]) == "quick[3-12]@0 fox[19-22]@1"


def test_mapping_of_digits() -> None:
    """Characters for characters."""
    assert (
        analyzed("My license plate is ٢٥٠١٥", "keyword", char_filters=[_ARABIC]) == "My license plate is 25015[0-25]@0"
    )


def test_the_longest_mapping_wins() -> None:
    """Of keys that begin alike the longest is taken; replacements may be longer or empty; escapes are read."""
    rules = [":) => _happy_", ":)) => _glad_", "ph=>f", "x =>", "\\u00e9 => e"]
    assert mapping_of(rules).apply("a :)) :) phxé").text == "a _glad_ _happy_ fe"


def test_offsets_of_longer_replacements() -> None:
    """A token that a longer replacement made spans what was replaced."""
    emoticons = {"type": "mapping", "mappings": [":) => _happy_", ":( => _sad_"]}
    assert (
        analyzed("I'm delighted :(", "whitespace", char_filters=[emoticons])
        == "I'm[0-3]@0 delighted[4-13]@1 _sad_[14-16]@2"
    )


@pytest.mark.parametrize("rules", [["a"], ["=> b"], ["a => b", "a => c"], []])
def test_mappings_that_are_none(rules: list[str]) -> None:
    """A rule needs a key, each key once; there must be one."""
    with pytest.raises(SedimentError):
        mapping_of(rules)


def test_pattern_replace() -> None:
    """Java's groups in the replacement; offsets lead back."""
    dashes = {"type": "pattern_replace", "pattern": r"(\d+)-(?=\d)", "replacement": "$1_"}
    assert analyzed("My credit card is 123-456-789", char_filters=[dashes]) == (
        "My[0-2]@0 credit[3-9]@1 card[10-14]@2 is[15-17]@3 123_456_789[18-29]@4"
    )
    camel = {"type": "pattern_replace", "pattern": r"(?<=\p{Lower})(?=\p{Upper})", "replacement": " "}
    assert analyzed("The fooBarBaz method", filters=["lowercase"], char_filters=[camel]) == (
        "the[0-3]@0 foo[4-7]@1 bar[7-10]@2 baz[10-13]@3 method[14-20]@4"
    )


_edits = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.text("xyz", max_size=4)), max_size=5)


@given(st.text("abcdefgh", max_size=30), _edits)
def test_offsets_never_go_back(text: str, plan: list[tuple[int, int, str]]) -> None:
    """The way back is monotonic, stays in the text, and is exact for characters that were kept."""
    edits, at = [], 0
    for skip, size, new in plan:
        start = at + skip
        if start + size > len(text) or (size == 0 and not new):
            continue
        edits.append((start, start + size, new))
        at = start + size + 1
    found = edited(text, edits)
    origins = [found.origin(i) for i in range(len(found.text) + 1)]
    assert origins == sorted(origins)
    assert all(0 <= o <= len(text) for o in origins)
    assert all(text[o] == c for c, o in zip(found.text, origins, strict=False) if c in "abcdefgh")
