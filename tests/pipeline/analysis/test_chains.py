"""Columns through chains of components against analysing their texts one by one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.analyzer import Analyzer
from pipeline.analysis.columns import intern_column, normalize, tokenize
from pipeline.analysis.definitions.analyzer_set import analyzer_set
from pipeline.analysis.scratch import Scratch
from pipeline.analysis.vocabulary import results
from schemas.records import ByteColumn
from tests.pipeline.analysis.chains import chain, missing
from tests.pipeline.analysis.test_columns import column_of, read

_GRAPH = {"type": "synonym_graph", "synonyms": ["ny, new york, big apple", "wifi => wi fi"]}
_TERMS = {"type": "synonym_graph", "synonyms": ["ny => ny, new york", "fox => dog cat, wolf"]}
_PARTS = {"type": "word_delimiter_graph", "catenate_all": True, "preserve_original": True}
_HTML = {"char_filters": ["html_strip", {"type": "mapping", "mappings": ["& => and", "ph => f"]}]}
CHAINS: dict[str, dict[str, Any]] = {
    "stem": {"filters": ["lowercase", "porter_stem"]},
    "stop and stem": {"filters": ["lowercase", "stop", "stemmer"]},
    "upper": {"tokenizer": "whitespace", "filters": ["uppercase", "trim"]},
    "whole": {"tokenizer": "keyword", "filters": ["lowercase", "asciifolding"]},
    "lower letters": {"tokenizer": "lowercase", "filters": [{"type": "length", "min": 2, "max": 4}]},
    "edge n-grams": {"filters": ["lowercase", {"type": "edge_ngram", "max_gram": 4, "preserve_original": True}]},
    "n-grams": {"tokenizer": "whitespace", "filters": ["ngram"]},
    "parts": {"tokenizer": "whitespace", "filters": [_PARTS, "lowercase", "stop"]},
    "repeated": {"filters": ["lowercase", "keyword_repeat", "stemmer", "remove_duplicates"]},
    "synonyms by term": {"filters": ["lowercase", _TERMS, "stop"]},
    "cut": {"tokenizer": {"type": "standard", "max_token_length": 3}, "filters": ["lowercase"]},
    "synonyms": {"filters": ["lowercase", _GRAPH, "stop"]},
    "shingles": {"filters": ["lowercase", "stop", "shingle"]},
    "bigrams": {"filters": ["lowercase", "cjk_bigram"]},
    "characters": {"filters": ["lowercase", "stop"], **_HTML},
    "pattern": {"tokenizer": "pattern", "filters": ["lowercase", "unique"]},
    "paths": {"tokenizer": "path_hierarchy"},
    "nothing": {"filters": [{"type": "limit", "max_token_count": 1}, {"type": "length", "min": 99, "max": 99}]},
}
BY_TERM = list(CHAINS)[:11]
_PIECES = [
    *("the", "a", "New", "york", "NY", "fox", "Foxes", "running", "wi-fi", "PowerShot", "x/y/z", "<b>bold</b>", "R&D"),
    *("é'", "東京都", "한국", "ߙ", "1,2", "Σ"),
]  # fmt: skip
_text = st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join) | st.text(max_size=20)
_documents = st.lists(st.lists(_text, max_size=3), max_size=5)


def slowly(analyzer: Analyzer, values: Sequence[str]) -> list[tuple[str, int]]:
    """One document's (term, position), text by text."""
    found, before = [], 0
    for value in values:
        tokens, taken = analyzer.analyze_with_end(value)
        found += [(t.term, t.position + before) for t in tokens]
        before += taken + analyzer.position_gap
    return found


@pytest.mark.parametrize("name", CHAINS)
@given(documents=_documents, batches=st.integers(1, 2))
def test_a_column_is_its_texts(name: str, documents: list[list[str]], batches: int) -> None:
    """Terms, positions, lengths and counts are those of one text at a time, also where terms are known from a batch before."""
    analyzer = chain(**CHAINS[name]).analyzer
    scratch = Scratch()
    rows, values = column_of(documents)
    for _ in range(batches):
        tokens = tokenize(analyzer, rows=rows, values=values, documents=len(documents), scratch=scratch)
        expected = [slowly(analyzer, d) for d in documents]
        assert read(tokens) == expected
        assert tokens.terms.counts.tolist() == np.bincount(tokens.ids, minlength=len(tokens.terms)).tolist()
        assert len(set(tokens.terms.to_list())) == len(tokens.terms)
        assert tokens.lengths.tolist() == [len({p for _, p in document}) for document in expected]


def test_which_chains_go_by_term() -> None:
    """Chains of a compiled tokenizer and filters of single terms need no look at whole texts."""
    for name, components in CHAINS.items():
        by_term = all(f.termwise for f in chain(**components).analyzer.filters)
        assert by_term or name not in BY_TERM


def test_a_full_vocabulary_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terms beyond the bound are found again, the same."""
    monkeypatch.setattr(results, "TERMS_KEPT_MAX", 50)
    analyzer, scratch = chain(filters=["stop", "stemmer"]).analyzer, Scratch()
    for batch in range(4):
        documents = [[f"running{i} the walks{i * batch}"] for i in range(40)]
        rows, values = column_of(documents)
        tokens = tokenize(analyzer, rows=rows, values=values, documents=40, scratch=scratch)
        assert read(tokens) == [slowly(analyzer, d) for d in documents]


def test_a_large_vocabulary() -> None:
    """Tables grow: many terms over several batches."""
    analyzer, scratch = chain(filters=["lowercase", "stemmer"]).analyzer, Scratch()
    for batch in range(3):
        documents = [[" ".join(f"Walking{i * 7 + j + batch * 3000}" for j in range(7))] for i in range(1000)]
        rows, values = column_of(documents)
        tokens = tokenize(analyzer, rows=rows, values=values, documents=1000, scratch=scratch)
        assert read(tokens) == [slowly(analyzer, d) for d in documents]


@given(st.lists(_text, max_size=8))
def test_normalized_values(values: list[str]) -> None:
    """A normalizer gives each value one term; equal results have one number."""
    normalizer = analyzer_set().normalizing("n", ["lowercase", "asciifolding", "trim"], [], missing)
    _, column = column_of([values])
    scratch = Scratch()
    ids, terms = normalize(normalizer, *intern_column(column, scratch), scratch)
    found = [terms.to_list()[i].decode() for i in ids]
    assert found == [normalizer.analyze(v)[0].term for v in values]
    assert len(set(terms.to_list())) == len(terms) or not values


def test_an_empty_column() -> None:
    """No documents, no tokens."""
    tokens = tokenize(
        chain(**CHAINS["parts"]).analyzer, rows=np.zeros(0, np.int32), values=ByteColumn.of([]), documents=0
    )
    assert read(tokens) == []
