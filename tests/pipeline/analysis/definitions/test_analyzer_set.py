"""Analyzers from an index's settings: what can be said, what is refused, what fields are analysed with."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.definitions import flat
from pipeline.analysis.definitions.analyzer_set import AnalyzerSet, analyzer_set
from schemas.errors import SedimentError
from schemas.mapping import IndexMapping, parse_mapping
from tests.pipeline.analysis.chains import shown, terms

SETTINGS = {
    "char_filter": {"and": {"type": "mapping", "mappings": ["& => and"]}},
    "tokenizer": {"comma": {"type": "pattern", "pattern": ","}},
    "filter": {
        "stops": {"type": "stop", "stopwords": ["one", "two, three"]},
        "same": {"type": "synonym", "synonyms": ["i-pod, i pod => ipod", "sea biscuit, sea biscit => seabiscuit"]},
    },
    "analyzer": {
        "mine": {"type": "custom", "tokenizer": "comma", "char_filter": ["and"], "filter": ["lowercase", "stops"]},
        "short": {"tokenizer": "standard", "filter": "lowercase,same", "position_increment_gap": 7},
        "without": {"type": "standard", "stopwords": "_english_"},
        "default_search": {"type": "whitespace"},
    },
    "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
}


def analysis_of(settings: Any) -> str:
    """Settings ``analysis`` as a mapping carries them."""
    return flat.analysis_of({k: v for k, v in flat.flatten("analysis", settings) if v is not None})


def set_of(settings: Any) -> AnalyzerSet:
    """Their analyzers."""
    return analyzer_set(analysis_of(settings))


def mapping_of(**fields: dict[str, Any]) -> IndexMapping:
    """A mapping of text fields."""
    return parse_mapping({"properties": {name: {"type": "text", **one} for name, one in fields.items()}})


def test_custom_analyzers() -> None:
    """Components of the index's own, lists with commas inside, lists as one text."""
    analyzers = set_of(SETTINGS)
    analyzers.check()
    assert shown(analyzers.analyzer("mine").analyze("One,Rock & Roll,x")) == "rock and roll[4-15]@1 x[16-17]@2"
    assert terms(analyzers.analyzer("mine").analyze("two, three")) == ["two", " three"]
    assert terms(analyzers.analyzer("short").analyze("my I-Pod, a sea biscit")) == ["my", "ipod", "a", "seabiscuit"]
    assert analyzers.analyzer("short").position_gap == 7
    assert terms(analyzers.analyzer("without").analyze("The fox")) == ["fox"]
    normalizer = analyzers.normalizer("folded")
    assert normalizer is not None
    assert terms(normalizer.analyze("Ça Va")) == ["ca va"]


_plain = st.text("abc,.=> ", max_size=5)
_name = st.sampled_from(["a", "b", "type"])
_trees = st.recursive(
    _plain | st.lists(_plain, min_size=1, max_size=12),
    lambda t: st.dictionaries(_name, t, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_name, st.dictionaries(_name, _trees, min_size=1), min_size=1))
def test_settings_come_back_from_their_texts(tree: dict[str, Any]) -> None:
    """What is stored flat means the tree that was written."""
    texts = dict(flat.flatten("analysis", tree))
    assert all(isinstance(text, str) for text in texts.values())
    assert flat.tree_of(analysis_of(tree)) == tree


def test_nested_and_dotted_settings_are_one() -> None:
    """However it is spelt."""
    dotted = dict(flat.flatten("analysis.filter.x", {"type": "stop", "stopwords": ["a"]}))
    assert dotted == {"analysis.filter.x.type": "stop", "analysis.filter.x.stopwords.0": "a"}
    assert flat.analysis_of({"number_of_shards": "1"}) == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"analyzer": {"a": {"type": "nope"}}}, r"Unknown analyzer type \[nope\] for \[a\]"),
        ({"analyzer": {"a": {"filter": "x"}}}, r"analyzer \[a\] must specify either an analyzer type, or a tokenizer"),
        ({"analyzer": {"a": {"type": "custom"}}}, r"analyzer \[a\] must be configured with a tokenizer"),
        (
            {"analyzer": {"a": {"tokenizer": "nope"}}},
            r"Custom Analyzer \[a\] failed to find tokenizer under name \[nope\]",
        ),
        (
            {"analyzer": {"a": {"tokenizer": "standard", "filter": ["nope"]}}},
            r"failed to find filter under name \[nope\]",
        ),
        (
            {"analyzer": {"a": {"tokenizer": "standard", "char_filter": ["nope"]}}},
            r"failed to find char_filter under name \[nope\]",
        ),
        ({"tokenizer": {"t": {"type": "nope"}}}, r"Unknown tokenizer type \[nope\] for \[t\]"),
        ({"filter": {"f": {"type": "nope"}}}, r"Unknown filter type \[nope\] for \[f\]"),
        ({"char_filter": {"c": {"type": "nope"}}}, r"Unknown char_filter type \[nope\] for \[c\]"),
        ({"filter": {"f": {"stopwords": "a"}}}, r"filter \[f\] must specify"),
        ({"filter": {"f": "stop"}}, "must be an object"),
        ({"normalizer": {"n": {"tokenizer": "standard"}}}, "cannot configure a tokenizer"),
        ({"normalizer": {"n": {"filter": ["stop"]}}}, r"Custom normalizer \[n\] may not use filter \[stop\]"),
        ({"normalizer": {"n": {"type": "x"}}}, "Unknown normalizer type"),
        ({"nope": {"n": {"type": "x"}}}, "unknown setting"),
        ({"analyzer": {"a": {"type": "standard", "max_token_length": 256}}}, "at most 255"),
        ({"analyzer": {"a": {"type": "english", "stopwords_path": "x"}}}, "stopwords_path"),
    ],
)
def test_settings_that_are_refused(settings: Any, message: str) -> None:
    """In Elasticsearch's words where it has some."""
    with pytest.raises(SedimentError, match=message):
        set_of(settings).check()


def test_limits_of_the_index() -> None:
    """max_ngram_diff lets n-grams be further apart."""
    texts = {
        k: v for k, v in flat.flatten("analysis", {"filter": {"f": {"type": "ngram", "max_gram": 5}}}) if v is not None
    }
    with pytest.raises(SedimentError, match="max_ngram_diff"):
        analyzer_set(flat.analysis_of(texts)).check()
    analyzer_set(flat.analysis_of({**texts, "max_ngram_diff": "4"})).check()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"f": {"analyzer": "nope"}}, r"analyzer \[nope\] has not been configured in mappings"),
        ({"f": {"analyzer": "english", "search_analyzer": "nope"}}, r"analyzer \[nope\] has not been configured"),
        ({"f": {"search_analyzer": "english"}}, "must be set when search_analyzer is set"),
        ({"f": {"analyzer": "english", "search_quote_analyzer": "english"}}, "when search_quote_analyzer is set"),
        ({"f": {"position_increment_gap": -1}}, "must be positive"),
        ({"f": {"type": "keyword", "normalizer": "nope"}}, r"normalizer \[nope\] not found for field \[f\]"),
    ],
)
def test_mappings_that_are_refused(fields: dict[str, Any], message: str) -> None:
    """Fields name what there is."""
    with pytest.raises(SedimentError, match=message):
        analyzer_set().check_mapping(mapping_of(**fields))


def test_what_fields_are_analysed_with() -> None:
    """The field's analyzers; the index's defaults where it names none."""
    analyzers = set_of(SETTINGS)
    mapping = mapping_of(
        plain={},
        own={"analyzer": "mine"},
        both={
            "analyzer": "mine",
            "search_analyzer": "short",
            "search_quote_analyzer": "without",
            "position_increment_gap": 3,
        },
        key={"type": "keyword", "normalizer": "folded"},
        words={"type": "keyword", "split_queries_on_whitespace": True},
        low={"type": "keyword", "normalizer": "lowercase"},
    )
    analyzers.check_mapping(mapping)
    names = {
        path: (analyzers.of_index(one).name, analyzers.of_search(one).name, analyzers.of_quote(one).name)
        for path, one in mapping.fields.items()
    }
    assert names["plain"] == ("default", "default_search", "default_search")
    assert names["own"] == ("mine", "mine", "mine")
    assert names["both"] == ("mine", "short", "without")
    assert names["key"] == ("folded", "folded", "folded")
    assert analyzers.of_index(mapping.fields["both"]).position_gap == 3
    assert analyzers.of_index(mapping.fields["both"]) is analyzers.of_index(mapping.fields["both"])
    assert terms(analyzers.of_search(mapping.fields["words"]).analyze("a B")) == ["a", "B"]
    assert terms(analyzers.of_index(mapping.fields["low"]).analyze("A B")) == ["a b"]


def test_the_default_analyzer_can_be_changed() -> None:
    """An analyzer called default is that of fields which name none."""
    analyzers = set_of({"analyzer": {"default": {"type": "english"}}})
    assert terms(analyzers.of_index(mapping_of(f={}).fields["f"]).analyze("the foxes")) == ["fox"]
