"""Similarities of fields: BM25 with other parameters, boolean; by name, from the index's settings."""

from dataclasses import replace

import pytest

from pipeline.search.searcher import Searcher
from schemas.errors import SedimentError
from schemas.fields.similarity import parse_similarities
from schemas.mapping import parse_mapping
from schemas.query import Match, MatchPhrase
from tests.oracle.search_oracle import Oracle, OracleDocument
from tests.oracle.views import build_view
from tests.pipeline.search.test_searcher import found, rows_of

DOCUMENTS = [{"t": "a b a", "u": "a b a"}, {"t": "b c d e f g h", "u": "b c d e f g h"}, {"t": "a", "u": "a"}]


def searcher_with(similarity: str, settings: dict) -> Searcher:
    fields = {"t": {"type": "text", "similarity": similarity}, "u": {"type": "text"}}
    mapping = replace(parse_mapping({"properties": fields}), similarities=parse_similarities(settings))
    return Searcher(build_view(mapping, [rows_of(DOCUMENTS)]))


def test_boolean_scores_the_boost() -> None:
    """Every term and phrase scores its boost, however often it stands there."""
    searcher = searcher_with("boolean", {})
    assert found(searcher, Match(field="t", text="a b", boost=2.0)) == [(0, 4.0), (1, 2.0), (2, 2.0)]
    assert found(searcher, MatchPhrase(field="t", text="a b", boost=3.0)) == [(0, 3.0)]


def test_parameters_of_bm25() -> None:
    """Without length (b 0) and with k1 0 a term scores its idf; the default similarity of the index applies where none is named."""
    plain = searcher_with("BM25", {})
    oracle = Oracle(plain.mapping, [OracleDocument(i, f"id{i}", d) for i, d in enumerate(DOCUMENTS)])
    wanted = dict(oracle.search(Match(field="t", text="a")))
    assert {f"id{o}": s for o, s in found(plain, Match(field="t", text="a"))} == pytest.approx(wanted, rel=1e-5)
    flat = searcher_with("flat", {"flat": {"type": "BM25", "k1": 0, "b": 0}})
    scores = [s for _, s in found(flat, Match(field="t", text="a"))]
    assert scores[0] == scores[1] == pytest.approx(0.47000363)
    default = searcher_with("BM25", {"default": {"type": "boolean"}})
    assert [s for _, s in found(default, Match(field="u", text="a"))] == [1.0, 1.0]


@pytest.mark.parametrize("body", [{"type": "DFR"}, {"type": "BM25", "k1": -1}, {"type": "BM25", "b": 2}, "BM25"])
def test_bad_similarities_are_refused(body: object) -> None:
    """Types that are not there, numbers out of their range."""
    with pytest.raises(SedimentError):
        parse_similarities({"mine": body})
