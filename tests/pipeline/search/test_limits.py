"""Queries that would take too much: bounded work, and errors that name the limit as OpenSearch does."""

import time

import pytest

from pipeline.dsl.parse import parse_query
from pipeline.search.searcher import Searcher
from schemas.errors import SedimentError
from schemas.query import SearchRequest
from tests.oracle.views import build_view
from tests.pipeline.search.test_searcher import MAPPING, corpus, rows_of

LARGE = "w1 " * 300_000  # almost as long as a text may be
SECONDS_MAX = 10.0  # on a busy machine; they take a fraction of it


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    return Searcher(build_view(MAPPING, [rows_of(corpus(5, 300))]))


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"match": {"body": LARGE}}, "too_many_clauses", "maxClauseCount is set to 1024"),
        ({"match_bool_prefix": {"body": LARGE}}, "too_many_clauses", "maxClauseCount"),
        ({"match_phrase_prefix": {"body": LARGE}}, "too_many_clauses", "maxClauseCount"),
        ({"match": {"body": LARGE * 2}}, "illegal_argument", "the limit is 1000000"),
        ({"query_string": {"query": LARGE}}, "query_shard", "Failed to parse query"),
        ({"query_string": {"query": "body:" + "(" * 500_000}}, "query_shard", "Failed to parse query"),
        ({"simple_query_string": {"query": LARGE}}, "too_many_clauses", "maxClauseCount"),
        ({"simple_query_string": {"query": "(" * 100_000 + "a" + ")" * 100_000}}, "illegal_argument", "nested more than"),
        ({"terms": {"tag": [f"t{i}" for i in range(100_000)]}}, "illegal_argument", "index.max_terms_count"),
        ({"bool": {"should": [{"term": {"tag": "a"}}] * 1_025}}, "too_many_clauses", "maxClauseCount"),
        ({"regexp": {"body": "a" * 1_001}}, "illegal_argument", "index.max_regex_length"),
        ({"regexp": {"body": "(a|b)*a(a|b){30}"}}, "query_shard", "Determinizing automaton"),
        ({"fuzzy": {"body": {"value": "w1", "fuzziness": 3}}}, "illegal_argument", "fuzziness"),
        ({"fuzzy": {"n": 1}}, "illegal_argument", "Can only use fuzzy queries on keyword and text fields"),
        ({"multi_match": {"query": "a", "type": "sideways"}}, "parse", "unknown type"),
        ({"boosting": {"positive": {"match_all": {}}}}, "parsing", "requires 'negative' query"),
    ],
)  # fmt: skip
def test_too_much_is_refused(searcher: Searcher, body: dict, code: str, message: str) -> None:
    """Each limit, quickly."""
    started = time.perf_counter()
    with pytest.raises(SedimentError, match=message) as caught:
        ask(searcher, body)
    assert caught.value.code == code
    assert time.perf_counter() - started < SECONDS_MAX


@pytest.mark.parametrize(
    "body",
    [
        {"wildcard": {"body": "*w" * 5_000}},
        {"wildcard": {"body": "*?*?*?" * 2_000}},
        {"fuzzy": {"body": {"value": "w", "fuzziness": 2}}},
        {"fuzzy": {"body": {"value": "w" * 100_000, "fuzziness": 2}}},
        {"terms": {"tag": [f"t{i}" for i in range(65_536)]}},
        {"prefix": {"body": ""}},
        {"regexp": {"body": ".*.*.*.*.*"}},
        {"match_phrase_prefix": {"body": {"query": "w1 w", "max_expansions": 1_000_000}}},
        {"simple_query_string": {"query": '"((+|-~*\\\\'}},
    ],
)
def test_much_is_answered(searcher: Searcher, body: dict) -> None:
    """What looks as if it would explode takes no long time."""
    started = time.perf_counter()
    ask(searcher, body)
    assert time.perf_counter() - started < SECONDS_MAX


def ask(searcher: Searcher, body: dict) -> int:
    request = SearchRequest(query=parse_query(body))
    return searcher.query(request, searcher.statistics(request)).total
