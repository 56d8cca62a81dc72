"""Searching a partition: against the slow oracle, and against itself in other layouts."""

import json
from dataclasses import replace
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.search.searcher import Searcher
from schemas.errors import SedimentError
from schemas.mapping import parse_mapping
from schemas.query import (
    Bool,
    Boosting,
    ConstantScore,
    DisMax,
    Exists,
    Fuzzy,
    Ids,
    Match,
    MatchAll,
    MatchBoolPrefix,
    MatchNone,
    MatchPhrase,
    MatchPhrasePrefix,
    MultiMatch,
    Node,
    Operator,
    Prefix,
    Range,
    Regexp,
    SearchRequest,
    SortKey,
    Term,
    Terms,
    Wildcard,
)
from schemas.results import QueryResult
from tests.oracle.search_oracle import Oracle, OracleDocument
from tests.oracle.views import Row, build_view

MAPPING = parse_mapping({
    "properties": {
        "title": {"type": "text"}, "body": {"type": "text"}, "tag": {"type": "keyword"}, "n": {"type": "long"},
        "x": {"type": "double"}, "flag": {"type": "boolean"}, "day": {"type": "date"}, "ip": {"type": "ip"},
        "o": {"properties": {"k": {"type": "keyword"}}},
    }
})  # fmt: skip
WORDS = ["a", "b", "c", "dd", "ee", "fox"]
words = st.sampled_from(WORDS)
texts = st.lists(words, max_size=30).map(" ".join)


def one_or_many(values: st.SearchStrategy) -> st.SearchStrategy:
    return values | st.lists(values, max_size=3)


sources = st.fixed_dictionaries(
    {},
    optional={
        "title": texts, "body": one_or_many(texts), "tag": one_or_many(words), "n": one_or_many(st.integers(-3, 3)),
        "x": one_or_many(st.sampled_from([-1.5, 0.0, 0.25, 2.0])), "flag": st.booleans(),
    },
)  # fmt: skip
boosts = st.sampled_from([1.0, 1.0, 2.0, 0.5])
text_fields = st.sampled_from(["title", "body"])
string_fields = st.sampled_from(["title", "body", "tag"])


def ranges(path: str, values: st.SearchStrategy) -> st.SearchStrategy:
    maybe = st.none() | values
    either = st.sampled_from(["gt", "gte", None]), st.sampled_from(["lt", "lte", None])
    return st.builds(
        lambda low, high, a, b, boost: Range(
            field=path, boost=boost, **({low: a} if low else {}), **({high: b} if high else {})
        ),
        *either, maybe, maybe, boosts,
    )  # fmt: skip


leaves = st.one_of(
    st.builds(Term, field=string_fields, value=words, boost=boosts),
    st.builds(Term, field=st.just("n"), value=st.integers(-3, 3)),
    st.builds(Term, field=st.just("flag"), value=st.booleans(), boost=boosts),
    st.builds(Terms, field=string_fields, values=st.lists(words, max_size=3)),
    st.builds(Terms, field=st.just("n"), values=st.lists(st.integers(-3, 3), max_size=3)),
    st.builds(
        Match, field=text_fields, text=texts, operator=st.sampled_from(list(Operator)), boost=boosts,
        minimum_should_match=st.none() | st.sampled_from(["1", "2", "3"]),
    ),
    st.builds(MatchPhrase, field=text_fields, text=texts, boost=boosts),
    st.builds(
        MultiMatch, fields=st.just([("title", 2.0), ("body", 1.0)]), text=texts, boost=boosts,
        type=st.sampled_from(["best_fields", "most_fields", "phrase"]), operator=st.sampled_from(list(Operator)),
        tie_breaker=st.sampled_from([None, 0.3]),
    ),
    st.builds(Prefix, field=string_fields, value=st.sampled_from(["", "d", "fo", "z"]), boost=boosts),
    st.builds(Wildcard, field=string_fields, pattern=st.sampled_from(["*", "?", "d*", "*o?", "fox"])),
    st.builds(Regexp, field=string_fields, pattern=st.sampled_from(["[a-d]+", "d.|f.*", ".*", "(a|b)?", "z+"]), boost=boosts),
    st.builds(
        Fuzzy, field=string_fields, value=st.sampled_from(["a", "d", "de", "fxo", "foxx"]), fuzziness=st.sampled_from(["1", "2"]),
        max_expansions=st.sampled_from([1, 2, 50]), boost=boosts,
    ),
    st.builds(MatchPhrasePrefix, field=text_fields, text=texts, max_expansions=st.sampled_from([1, 50]), boost=boosts),
    st.builds(MatchPhrasePrefix, field=text_fields, text=st.sampled_from(["a d", "b b f", "e"]), boost=boosts),
    st.builds(MatchBoolPrefix, field=text_fields, text=texts, operator=st.sampled_from(list(Operator)), boost=boosts),
    ranges("n", st.integers(-4, 4)),
    ranges("x", st.sampled_from([-1.5, -1.0, 0.0, 0.25, 2.0])),
    ranges("tag", words),
    st.builds(Exists, field=st.sampled_from(["title", "body", "tag", "n", "x", "flag"])),
    st.builds(Ids, values=st.lists(st.integers(0, 30).map(lambda i: f"id{i}"), max_size=4)),
    st.builds(MatchAll, boost=boosts),
    st.builds(MatchNone),
    st.builds(Term, field=st.just("unmapped"), value=words),
)  # fmt: skip


def compounds(children: st.SearchStrategy) -> st.SearchStrategy:
    few = st.lists(children, max_size=2)
    return st.one_of(
        st.builds(
            Bool, must=few, should=st.lists(children, max_size=3), must_not=few, filter=few, boost=boosts,
            minimum_should_match=st.none() | st.sampled_from(["0", "1", "2"]),
        ),
        st.builds(ConstantScore, filter=children, boost=boosts),
        st.builds(Boosting, positive=children, negative=children, negative_boost=st.sampled_from([0.0, 0.5])),
        st.builds(DisMax, queries=st.lists(children, min_size=1, max_size=3), tie_breaker=st.sampled_from([0.0, 0.5])),
    )  # fmt: skip


queries = st.recursive(leaves, compounds, max_leaves=6)


def rows_of(documents: list[dict]) -> list[Row]:
    return [(i, f"id{i}", json.dumps(d).encode()) for i, d in enumerate(documents)]


def cut(rows: list[Row], cuts: list[int]) -> list[list[Row]]:
    edges = sorted({0, len(rows), *(c % (len(rows) + 1) for c in cuts)})
    return [rows[a:b] for a, b in pairwise(edges)]


def search(searcher: Searcher, request: SearchRequest) -> QueryResult:
    return searcher.query(request, searcher.statistics(request))


def found(searcher: Searcher, query: Node, size: int = 10_000) -> list[tuple[int, float]]:
    result = search(searcher, SearchRequest(query=query, size=size, track_total_hits=-1))
    assert result.total_exact
    return scored(result)


def scored(result: QueryResult) -> list[tuple[int, float]]:
    return [(h.offset, h.score) for h in result.hits if h.score is not None]


@settings(max_examples=150)
@given(
    st.lists(sources, max_size=25), queries, st.lists(st.integers(0, 30), max_size=3), st.frozensets(st.integers(0, 24))
)
def test_matches_and_scores_are_the_oracles(
    documents: list[dict], query: Node, cuts: list[int], dead: frozenset[int]
) -> None:
    """Random documents in random segments with random deletes: the oracle's ids and scores, best first, ties by offset."""
    rows = rows_of(documents)
    searcher = Searcher(build_view(MAPPING, cut(rows, cuts), dead))
    live = [OracleDocument(o, i, documents[o]) for o, i, _ in rows if o not in dead]
    wanted = dict(Oracle(MAPPING, live).search(query))
    result = search(searcher, SearchRequest(query=query, size=100, track_total_hits=-1))
    got = {f"id{h.offset}": h.score for h in result.hits}
    assert got.keys() == wanted.keys()
    assert result.total == searcher.count(query) == len(wanted)
    for name, score in got.items():
        assert score == pytest.approx(wanted[name], rel=1e-5, abs=1e-6)
    assert scored(result) == sorted(scored(result), key=lambda hit: (-hit[1], hit[0]))
    assert result.max_score == (result.hits[0].score if result.hits else None)


def corpus(seed: int, size: int) -> list[dict]:
    """Documents with words of very different frequency."""
    random = np.random.default_rng(seed)
    names = np.array([f"w{i}" for i in range(30)])
    weights = 1 / np.arange(1, 31) ** 1.3
    return [
        {
            "body": " ".join(random.choice(names, random.integers(1, 40), p=weights / weights.sum())),
            "tag": str(random.choice(names[:4])), "n": int(random.integers(0, 1000)),
        }
        for _ in range(size)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def layouts() -> list[Searcher]:
    """3,000 documents, a tenth of them dead: in one segment, in four, and in two that interleave."""
    rows = rows_of(corpus(1, 3000))
    dead = frozenset(range(0, 3000, 10))
    ways = [[rows], [rows[:100], rows[100:900], rows[900:2000], rows[2000:]], [rows[1::2], rows[::2]]]
    return [Searcher(build_view(MAPPING, segments, dead)) for segments in ways]


PRUNED = [
    Match(field="body", text="w1"),
    Match(field="body", text="w25"),
    Term(field="tag", value="w2"),
    Match(field="body", text="w0 w1 w2"),
    Match(field="body", text="w3 w20 w29 nothing"),
    Match(field="body", text="w4 w9", operator=Operator.AND),
    Match(field="body", text="w0 w5 w12", operator=Operator.AND),
    MatchPhrase(field="body", text="w0 w1"),
    MatchPhrase(field="body", text="w1 w0 w1"),
    MatchPhrase(field="body", text="w3 w0 w2", slop=3),
    Bool(must=[MatchPhrase(field="body", text="w1 w2")], filter=[Range(field="n", lt=700)]),
    Bool(must=[Match(field="body", text="w2 w7")], filter=[Range(field="n", lt=500)], must_not=[Term(field="tag", value="w0")]),
    Bool(must=[Term(field="body", value="w2"), Term(field="body", value="w6", boost=3)], filter=[Exists(field="n")]),
    MatchAll(),
    ConstantScore(filter=Range(field="n", gte=300), boost=2.5),
]  # fmt: skip


@pytest.mark.parametrize("query", PRUNED, ids=repr)
@pytest.mark.parametrize("size", [1, 10, 300])
def test_pruning_changes_nothing(layouts: list[Searcher], query: Node, size: int) -> None:
    """The best k are the first k of all, bit by bit, in every layout; the exhaustive way (asked for by min_score) agrees."""
    request = SearchRequest(query=query, size=4000, track_total_hits=-1, min_score=-1.0)
    everything = search(layouts[0], request)
    wanted = [(h.offset, h.score) for h in everything.hits]
    for searcher in layouts:
        assert found(searcher, query, size) == wanted[:size]
        for limit in (0, 5, 50, 10_000):
            result = search(searcher, SearchRequest(query=query, size=size, track_total_hits=limit))
            assert [(h.offset, h.score) for h in result.hits] == wanted[:size]
            assert result.total == min(limit, len(wanted))
            assert result.total_exact == (limit > 0 and len(wanted) <= limit)
        assert search(searcher, SearchRequest(query=query, size=0, track_total_hits=-1)).total == len(wanted)


@pytest.mark.parametrize("path", ["n", "tag"])
def test_filters_of_other_values_are_other_filters(layouts: list[Searcher], path: str) -> None:
    """Sets of values that differ select their own documents, each asked after the other."""
    for searcher in layouts:
        for values in ([1, 2, 3], [4, 5, 6], list(range(0, 1000, 2))):
            texts = [f"w{value}" for value in values]
            some = Terms(field=path, values=values if path == "n" else texts)
            query = Bool(must=[Match(field="body", text="w1")], filter=[some])
            wanted = search(searcher, SearchRequest(query=query, size=4000, min_score=-1.0)).hits
            assert found(searcher, query) == [(h.offset, h.score) for h in wanted]
            assert search(searcher, SearchRequest(query=query, size=5)).hits == wanted[:5]


def test_scores_do_not_depend_on_partitions() -> None:
    """Two partitions with statistics added up score as one does."""
    documents = corpus(2, 400)
    rows = rows_of(documents)
    query = Match(field="body", text="w1 w3 w8")
    request = SearchRequest(query=query, size=400)
    whole = Searcher(build_view(MAPPING, [rows]))
    parts = [Searcher(build_view(MAPPING, [rows[p::2]], partition=p)) for p in (0, 1)]
    statistics = parts[0].statistics(request).plus(parts[1].statistics(request))
    assert statistics == whole.statistics(request)
    hits = [h for p in parts for h in p.query(request, statistics).hits]
    wanted = search(whole, request).hits
    assert {(h.offset, h.score) for h in hits} == {(h.offset, h.score) for h in wanted}


sort_keys = st.builds(
    SortKey,
    field=st.sampled_from(["n", "x", "tag", "flag", "_score", "_doc"]),
    descending=st.booleans(),
    missing=st.sampled_from(["_last", "_first"]),
)


def key_of(key: SortKey, document: dict, offset: int, score: float) -> tuple:
    """(place of a missing value, value) by the sort key, ascending."""
    if key.field in {"_score", "_doc"}:
        return (0, score if key.field == "_score" else offset)
    listed = document.get(key.field)
    held = [v for v in (listed if isinstance(listed, list) else [listed]) if v is not None]
    if not held:
        return (1 if (key.missing == "_last") != key.descending else -1, 0)
    return (0, max(held) if key.descending else min(held))


@settings(max_examples=80)
@given(
    st.lists(sources, max_size=25),
    st.lists(sort_keys, min_size=1, max_size=3),
    st.lists(st.integers(0, 30), max_size=3),
    st.integers(1, 7),
)
def test_sorting_and_paging(documents: list[dict], keys: list[SortKey], cuts: list[int], page: int) -> None:
    """Any keys in any layout: Python's order; pages by search_after give the same rows, none twice."""
    rows = rows_of(documents)
    searcher = Searcher(build_view(MAPPING, cut(rows, cuts)))
    query = Bool(should=[Term(field="body", value="a"), MatchAll()])
    request = SearchRequest(query=query, size=100, sort=keys, track_scores=True)
    hits = search(searcher, request).hits
    scores = {h.offset: h.score or 0.0 for h in hits}
    order = list(range(len(documents)))
    for key in reversed(keys):
        order.sort(key=lambda o: key_of(key, documents[o], o, scores[o]), reverse=key.descending)
        if key.descending:  # reverse keeps equal ones in order
            continue
    assert [h.offset for h in hits] == order
    by_place = [*keys, SortKey("_doc")]
    paged, after = [], None
    while True:
        part = search(searcher, replace(request, sort=by_place, size=page, search_after=after)).hits
        if not part:
            break
        paged += [h.offset for h in part]
        after = part[-1].sort
    assert paged == order


def errors_of(query: Node) -> SedimentError:
    searcher = Searcher(build_view(MAPPING, [rows_of([{"n": 1}])]))
    with pytest.raises(SedimentError) as caught:
        searcher.count(query)
    return caught.value


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (Term(field="n", value="abc"), "number_format", 'For input string: "abc"'),
        (Match(field="n", text="abc"), "number_format", 'For input string: "abc"'),
        (Term(field="flag", value="yes"), "illegal_argument", "Can't parse boolean value [yes], expected [true] or [false]"),
        (Term(field="ip", value="x"), "illegal_argument", "'x' is not an IP string literal."),
        (
            Range(field="day", gte="soon"), "parse",
            "failed to parse date field [soon] with format [strict_date_optional_time||epoch_millis]",
        ),
        (
            Prefix(field="n", value="1"), "query_shard",
            "Can only use prefix queries on keyword, text and wildcard fields - not on [n] which is of type [long]",
        ),
        (Bool(should=[MatchAll()] * 1025), "too_many_clauses", "maxClauseCount is set to 1024"),
    ],
)  # fmt: skip
def test_errors_are_in_elasticsearchs_words(query: Node, code: str, message: str) -> None:
    """What does not fit a field is refused with the message its users know."""
    error = errors_of(query)
    assert (error.code, error.message) == (code, message)


def test_lenient_matches_nothing() -> None:
    """With lenient a text on a number field matches nothing."""
    searcher = Searcher(build_view(MAPPING, [rows_of([{"n": 1}])]))
    assert searcher.count(Match(field="n", text="abc", lenient=True)) == 0


TYPED = [
    {"day": "2020-01-15", "ip": "10.0.0.1", "n": 5, "o": {"k": "v"}},
    {"day": "2020-02-01T00:00:00Z", "ip": "10.0.1.1", "n": -5},
    {"day": ["2019-12-31T23:30:00Z", "2021-06-01"], "ip": ["::1", "192.168.0.1"], "n": [1, 2]},
]


@pytest.mark.parametrize(
    ("query", "offsets"),
    [
        (Term(field="day", value="2020-01"), [0]),
        (Range(field="day", gt="2020-01"), [1, 2]),
        (Range(field="day", lte="2020-01"), [0, 2]),
        (Range(field="day", lt="2020-01"), [2]),
        (Range(field="day", gte="2020-02-01||-1M/M", lte="now"), [0, 1, 2]),
        (Range(field="day", gte="2020-01-01", lt="2020-01-02", time_zone="-01:00"), []),
        (Range(field="day", gte="2020-01-01", lt="2020-01-02", time_zone="+01:00"), [2]),
        (Range(field="day", gte="15/01/2020", lte="16/01/2020", format="dd/MM/yyyy"), [0]),
        (Term(field="ip", value="10.0.0.0/16"), [0, 1]),
        (Terms(field="ip", values=["10.0.0.1", "::1"]), [0, 2]),
        (Terms(field="ip", values=["10.0.1.0/24", "::1"]), [1, 2]),
        (Range(field="ip", gt="10.0.0.1", lt="192.168.0.1"), [1]),
        (Range(field="n", gt=1.5), [0, 2]),
        (Range(field="n", gte="-5", lt=-4.5), [1]),
        (Range(field="n", lt=1e30, gt=-1e30), [0, 1, 2]),
        (Range(field="n", gt=1e30), []),
        (Term(field="n", value="5.0"), [0]),
        (Term(field="n", value=1.5), []),
        (Terms(field="day", values=["2021", "2020-02-01"]), [1, 2]),
        (Exists(field="o"), [0]),
        (Exists(field="nothing"), []),
        (Term(field="_id", value="id1"), [1]),
        (Term(field="_index", value="test"), [0, 1, 2]),
        (Term(field="o.k", value="V", case_insensitive=True), [0]),
        (Term(field="o", value="v"), []),
    ],
)
def test_typed_values(query: Node, offsets: list[int]) -> None:
    """Dates, addresses and numbers are rounded and compared as Elasticsearch does."""
    searcher = Searcher(build_view(MAPPING, [rows_of(TYPED[:2]), [(2, "id2", json.dumps(TYPED[2]).encode())]]))
    request = SearchRequest(query=query, now_ms=1_700_000_000_000)
    assert [h.offset for h in search(searcher, request).hits] == offsets


def test_sloppy_phrases() -> None:
    """A phrase with slop: every match of width w adds 1 / (1 + w), as Lucene's sloppy matcher counts."""
    documents = [{"body": "a b"}, {"body": "a x b"}, {"body": "b a"}, {"body": "a x x x b"}, {"body": "a b x a x b"}]
    searcher = Searcher(build_view(MAPPING, [rows_of(documents)]))
    query = MatchPhrase(field="body", text="a b", slop=2)
    assert sorted(o for o, _ in found(searcher, query)) == [0, 1, 2, 4]
    repeating = found(searcher, MatchPhrase(field="body", text="a b a", slop=2))
    assert sorted(o for o, _ in repeating) == [4]  # the second `a` is another one than the first


def test_min_score_post_filter_and_limits(layouts: list[Searcher]) -> None:
    """min_score, post_filter and terminate_after take rows away; a timeout of nothing finds nothing and says so."""
    query = Match(field="body", text="w1 w2")
    every = found(layouts[1], query)
    high = search(layouts[1], SearchRequest(query=query, min_score=every[50][1], size=4000))
    assert [(h.offset, h.score) for h in high.hits] == [p for p in every if p[1] >= every[50][1]]
    after = SearchRequest(query=query, post_filter=Term(field="tag", value="w1"), size=4000)
    only = {o for o, _ in found(layouts[1], Term(field="tag", value="w1"))}
    assert [h.offset for h in search(layouts[1], after).hits] == [o for o, _ in every if o in only]
    few = search(layouts[1], SearchRequest(query=query, terminate_after=7))
    assert (few.total, few.terminated_early) == (7, True)
    late = search(layouts[1], SearchRequest(query=query, timeout_ms=0, sort=[SortKey("n")]))
    assert (late.total, late.timed_out) == (0, True)


def test_text_fields_are_not_sorted_by() -> None:
    """Sorting by a text field is refused in Elasticsearch's words; an unmapped field needs unmapped_type."""
    searcher = Searcher(build_view(MAPPING, [rows_of([{"n": 1}])]))
    with pytest.raises(SedimentError, match="Text fields are not optimised"):
        search(searcher, SearchRequest(sort=[SortKey("body")]))
    with pytest.raises(SedimentError, match=r"No mapping found for \[none\]"):
        search(searcher, SearchRequest(sort=[SortKey("none")]))
    assert len(search(searcher, SearchRequest(sort=[SortKey("none", unmapped_type="long")])).hits) == 1
