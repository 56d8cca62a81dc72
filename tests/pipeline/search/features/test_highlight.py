"""Highlighting: what is marked, and which part of a text is shown."""

import pytest

from pipeline.search.features.highlight import Highlighter
from pipeline.search.queries.plan import Context
from schemas.errors import SedimentError
from schemas.mapping import parse_mapping
from schemas.query import (
    Bool,
    HighlightField,
    Match,
    MatchPhrase,
    Node,
    Prefix,
    SearchRequest,
    Term,
    Wildcard,
)

MAPPING = parse_mapping({
    "properties": {
        "body": {"type": "text", "fields": {"raw": {"type": "keyword"}}}, "title": {"type": "text"}, "tag": {"type": "keyword"},
        "n": {"type": "long"},
    }
})  # fmt: skip


def highlight(query: Node, source: dict, **options: object) -> dict:
    name = str(options.pop("field", "body"))
    request = SearchRequest(query=query, highlight=[HighlightField(name, **options)])  # type: ignore[arg-type]
    return dict(Highlighter(request, Context(MAPPING, "test", 0)).highlight(source))


def test_terms_are_marked() -> None:
    """Analysed terms in any form, once each; HTML stays as it is."""
    found = highlight(Match(field="body", text="quick foxes"), {"body": "The Quick <b>brown</b> fox. QUICK!"})
    assert found == {"body": ["The <em>Quick</em> <b>brown</b> fox. <em>QUICK</em>!"]}


def test_only_phrases_of_a_phrase_are_marked() -> None:
    """The terms of a phrase count where they stand together, with slop nearly so."""
    source = {"body": "fox a brown fox a fox brown"}
    assert highlight(MatchPhrase(field="body", text="brown fox"), source) == {
        "body": ["fox a <em>brown</em> <em>fox</em> a fox brown"]
    }
    sloppy = highlight(MatchPhrase(field="body", text="a brown", slop=1), {"body": "a very brown fox, brown"})
    assert sloppy == {"body": ["<em>a</em> very <em>brown</em> fox, brown"]}


def test_prefixes_patterns_and_filters_mark() -> None:
    """Prefix, wildcard and filter clauses are marked, must_not is not."""
    query = Bool(
        must=[Prefix(field="body", value="br")],
        filter=[Wildcard(field="body", pattern="f?x")],
        must_not=[Term(field="body", value="the")],
    )
    assert highlight(query, {"body": "the brown fox"}) == {"body": ["the <em>brown</em> <em>fox</em>"]}


def test_other_fields_need_leave() -> None:
    """A query on another field marks nothing unless require_field_match is off."""
    source = {"body": "fox", "title": "a fox"}
    assert highlight(Match(field="body", text="fox"), source, field="title") == {}
    loose = highlight(Match(field="body", text="fox"), source, field="title", require_field_match=False)
    assert loose == {"title": ["a <em>fox</em>"]}
    both = highlight(Match(field="body", text="fox"), source, field="*", require_field_match=False)
    assert both == {"body": ["<em>fox</em>"], "body.raw": ["<em>fox</em>"], "title": ["a <em>fox</em>"]}


LONG = (
    "First sentence is here. The fox jumps over a lazy dog. "
    + "Nothing of note. " * 10
    + "A second fox came by. The end."
)


def test_fragments_are_sentences() -> None:
    """Whole sentences up to the fragment size, in the order of the text; the best first with order score."""
    found = highlight(Match(field="body", text="fox"), {"body": LONG}, fragment_size=60)
    assert found["body"] == [
        "The <em>fox</em> jumps over a lazy dog. Nothing of note.",
        "A second <em>fox</em> came by. The end.",
    ]
    one = highlight(
        Match(field="body", text="fox"), {"body": LONG}, fragment_size=60, number_of_fragments=1, order="score"
    )
    assert len(one["body"]) == 1


def test_long_sentences_are_cut_at_words() -> None:
    """A sentence longer than the fragment size is cut around the match, between words."""
    text = "word " * 50 + "fox " + "word " * 50
    (fragment,) = highlight(Match(field="body", text="fox"), {"body": text}, fragment_size=40)["body"]
    assert "<em>fox</em>" in fragment
    assert len(fragment) <= 40 + len("<em></em>") + 6
    assert set(fragment.replace("<em>fox</em>", "").split()) == {"word"}


def test_whole_field_and_arrays() -> None:
    """number_of_fragments 0: the values that match, whole; each value of an array by itself."""
    source = {"body": ["no", "a fox", LONG]}
    found = highlight(Match(field="body", text="fox"), source, number_of_fragments=0, pre_tag="[", post_tag="]")
    assert found == {"body": ["a [fox]", LONG.replace("fox", "[fox]")]}


def test_no_match_size() -> None:
    """Without a match the beginning is shown, to the end of a word, if asked for."""
    assert highlight(Match(field="body", text="none"), {"body": LONG}) == {}
    assert highlight(Match(field="body", text="none"), {"body": LONG}, no_match_size=8) == {"body": ["First sentence"]}


def test_characters_beyond_the_basic_plane() -> None:
    """Offsets are UTF-16 units, the text is not."""
    assert highlight(Match(field="body", text="fox"), {"body": "😀😀 fox 😀"}) == {"body": ["😀😀 <em>fox</em> 😀"]}


def test_texts_too_long_are_refused() -> None:
    """Beyond the limit there is an error, not a slow answer."""
    with pytest.raises(SedimentError, match="max_analyzed_offset"):
        highlight(Match(field="body", text="fox"), {"body": "a " * 600_000})
