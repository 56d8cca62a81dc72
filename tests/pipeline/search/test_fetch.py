"""Hits as they are shown: sources, provenance, fields, named queries, explanations, highlights."""

import json
from dataclasses import replace

import pytest

from pipeline.search.searcher import Searcher
from schemas.errors import SedimentError
from schemas.mapping import parse_mapping
from schemas.query import (
    Bool,
    DisMax,
    DocValueField,
    HighlightField,
    Match,
    MatchPhrase,
    Node,
    Range,
    SearchRequest,
    SortKey,
    SourceFilter,
    Term,
)
from schemas.results import FetchedHit, Provenance
from tests.oracle.views import build_view

MAPPING = parse_mapping({
    "properties": {
        "body": {"type": "text"}, "tag": {"type": "keyword"}, "n": {"type": "long"}, "x": {"type": "double"},
        "flag": {"type": "boolean"}, "ip": {"type": "ip"}, "day": {"type": "date", "format": "yyyy-MM-dd||epoch_millis"},
    }
})  # fmt: skip
SOURCES = [
    b'{"body": "the fox", "tag": ["b", "a"], "n": [3, 1], "day": "2020-01-02", "flag": true, "ip": "10.0.0.1"}',
    b'{ "body":"a fox, a dog",\n "x": 1.50, "n": "7"}',
    b'{"body": ["fox", "fox dog"], "day": 0}',
]


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    rows = [(i, f"id{i}", source) for i, source in enumerate(SOURCES)]
    return Searcher(build_view(MAPPING, [rows[:1], rows[1:]], partition=4))


def fetched(searcher: Searcher, query: Node, **options: object) -> list[FetchedHit]:
    request = SearchRequest(query=query, sort=[SortKey("_doc")], **options)  # type: ignore[arg-type]
    statistics = searcher.statistics(request)
    return list(searcher.fetch(request, searcher.query(request, statistics).hits, statistics))


FOX = Match(field="body", text="fox")


def test_sources_are_byte_exact_and_say_where_they_come_from(searcher: Searcher) -> None:
    """Bytes as they were written, with topic, partition, offset; none where the source is not asked for."""
    hits = fetched(searcher, FOX, version=True, seq_no_primary_term=True, provenance=True)
    assert [h.source for h in hits] == SOURCES
    assert [(h.id, h.version, h.seq_no, h.routing) for h in hits] == [(f"id{i}", 1, i, None) for i in range(3)]
    assert hits[1].provenance == Provenance("test", 4, 1, 1000, 1, "4-1")
    bare = fetched(searcher, FOX, source=SourceFilter(enabled=False))
    assert [(h.id, h.version, h.seq_no, h.source, h.provenance) for h in bare] == [
        (f"id{i}", -1, -1, None, None) for i in range(3)
    ]


def test_fields(searcher: Searcher) -> None:
    """Columns' values ascend and are formatted; the fields option reads the source as the mapping does."""
    wanted = [DocValueField(f) for f in ("tag", "n", "flag", "ip", "day", "x")]
    first, second, third = (h.fields for h in fetched(searcher, FOX, docvalue_fields=wanted))
    assert first == {"tag": ["a", "b"], "n": [1, 3], "flag": [True], "ip": ["10.0.0.1"], "day": ["2020-01-02"]}
    assert second == {"n": [7], "x": [1.5]}
    assert third == {"day": ["1970-01-01"]}
    formatted = [DocValueField("day", "epoch_millis")]
    assert fetched(searcher, FOX, docvalue_fields=formatted)[0].fields == {"day": ["1577923200000"]}
    every = [h.fields for h in fetched(searcher, FOX, fields=[DocValueField("*")])]
    assert every[0] == {
        "body": ["the fox"], "tag": ["b", "a"], "n": [3, 1], "day": ["2020-01-02"], "flag": [True], "ip": ["10.0.0.1"],
    }  # fmt: skip
    assert every[1] == {"body": ["a fox, a dog"], "x": [1.5], "n": [7]}
    with pytest.raises(SedimentError, match="Text fields are not optimised"):
        fetched(searcher, FOX, docvalue_fields=[DocValueField("body")])


def test_named_queries(searcher: Searcher) -> None:
    """A hit names the queries that it matched."""
    query = Bool(
        must=[replace(FOX, name="fox")],
        should=[Term(field="tag", value="a", name="tag"), Range(field="n", gt=5, name="n")],
    )
    assert [list(h.matched) for h in fetched(searcher, query)] == [["fox", "tag"], ["fox", "n"], ["fox"]]


def test_highlights(searcher: Searcher) -> None:
    """Fragments come with the hit."""
    hits = fetched(searcher, FOX, highlight=[HighlightField("body")])
    assert [dict(h.highlight) for h in hits] == [
        {"body": ["the <em>fox</em>"]}, {"body": ["a <em>fox</em>, a dog"]}, {"body": ["<em>fox</em>", "<em>fox</em> dog"]},
    ]  # fmt: skip


def test_explanations_add_up(searcher: Searcher) -> None:
    """The root's value is the score; sums are sums; a best clause is the best."""
    query = Bool(
        must=[DisMax(queries=[FOX, MatchPhrase(field="body", text="a dog")], tie_breaker=0.5)],
        should=[Term(field="tag", value="a"), Range(field="n", gte=0)],
        filter=[Range(field="day", gte="1970-01-01")],
    )
    request = SearchRequest(query=query, explain=True)
    statistics = searcher.statistics(request)
    hits = searcher.query(request, statistics).hits
    assert hits
    for hit, shown in zip(hits, searcher.fetch(request, hits, statistics), strict=True):
        tree = shown.explanation
        assert tree is not None
        assert json.loads(json.dumps(tree)) == tree
        assert tree["value"] == pytest.approx(hit.score)
        assert tree["description"] == "sum of:"
        assert tree["value"] == pytest.approx(sum(d["value"] for d in tree["details"]))


def test_empty(searcher: Searcher) -> None:
    """Nothing to fetch is nothing."""
    assert fetched(searcher, Term(field="tag", value="none")) == []
