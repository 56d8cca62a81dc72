"""The DSL parser: forms it takes, the words of its errors, and that no JSON makes it fall over."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.dsl.parse import parse_count, parse_query, parse_search
from schemas.errors import SedimentError
from schemas.query import (
    Bool,
    ConstantScore,
    DisMax,
    DocValueField,
    Exists,
    HighlightField,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    MultiMatch,
    Operator,
    Prefix,
    Range,
    SearchRequest,
    SortKey,
    SourceFilter,
    Term,
    Terms,
    Wildcard,
)

A = Match(field="a", text="x")
QUERIES: list[tuple[Any, Any]] = [
    ({"match_all": {}}, MatchAll()),
    ({"match_all": {"boost": 2, "_name": "n"}}, MatchAll(boost=2.0, name="n")),
    ({"match_none": {}}, MatchNone()),
    ({"match": {"a": "x"}}, A),
    ({"match": {"a": 5}}, Match(field="a", text=5)),
    (
        {"match": {"a": {"query": "x y", "operator": "AND", "minimum_should_match": 2,
                         "zero_terms_query": "all", "lenient": "true", "analyzer": "standard",
                         "boost": 3, "fuzziness": "AUTO", "prefix_length": 1, "max_expansions": 9}}},
        Match(field="a", text="x y", operator=Operator.AND, minimum_should_match="2",
              zero_terms_all=True, lenient=True, analyzer="standard", boost=3.0, fuzziness="AUTO",
              prefix_length=1, max_expansions=9),
    ),
    ({"match_phrase": {"a": {"query": "x", "slop": 2}}}, MatchPhrase(field="a", text="x", slop=2)),
    ({"term": {"a": True}}, Term(field="a", value=True)),
    ({"term": {"a": {"value": 1.5, "boost": 2, "case_insensitive": True}}},
     Term(field="a", value=1.5, boost=2.0, case_insensitive=True)),
    ({"terms": {"a": ["x", 1], "boost": 2}}, Terms(field="a", values=("x", 1), boost=2.0)),
    ({"range": {"a": {"gt": 1, "lte": "2"}}}, Range(field="a", gt=1, lte="2")),
    ({"range": {"a": {"from": 1, "to": 2, "include_lower": False}}}, Range(field="a", gt=1, lte=2)),
    ({"range": {"a": {"gte": "now-1d", "format": "yyyy", "time_zone": "+01:00", "lt": None}}},
     Range(field="a", gte="now-1d", format="yyyy", time_zone="+01:00")),
    ({"exists": {"field": "a"}}, Exists(field="a")),
    ({"ids": {"values": ["1", 2]}}, Ids(values=("1", "2"))),
    ({"prefix": {"a": "x"}}, Prefix(field="a", value="x")),
    ({"wildcard": {"a": {"wildcard": "x*", "case_insensitive": True}}},
     Wildcard(field="a", pattern="x*", case_insensitive=True)),
    ({"bool": {}}, Bool()),
    ({"bool": {"must": {"match": {"a": "x"}}, "filter": [{"match": {"a": "x"}}], "must_not": [],
               "should": [{"match": {"a": "x"}}] * 2, "minimum_should_match": "50%", "boost": 2}},
     Bool(must=(A,), filter=(A,), should=(A, A), minimum_should_match="50%", boost=2.0)),
    ({"constant_score": {"filter": {"match": {"a": "x"}}, "boost": 1.7}},
     ConstantScore(filter=A, boost=1.7)),
    ({"dis_max": {"queries": [{"match": {"a": "x"}}], "tie_breaker": 0.3}},
     DisMax(queries=(A,), tie_breaker=0.3)),
    ({"multi_match": {"query": "x", "fields": ["a^2", "b*"], "type": "phrase", "slop": 1}},
     MultiMatch(fields=(("a", 2.0), ("b*", 1.0)), text="x", type="phrase", slop=1)),
]  # fmt: skip

ERRORS: list[tuple[Any, str, str]] = [
    ({"foo": {}}, "parsing", "unknown query [foo]"),
    ({"mach": {}}, "parsing", "unknown query [mach] did you mean [match]?"),
    ({}, "illegal_argument", "query malformed, empty clause found"),
    ([], "parsing", "[_na] query malformed, must start with start_object"),
    ({"match": "x"}, "parsing", "[match] query malformed, no start_object after query name"),
    ({"match": {"a": "x", "b": "y"}}, "parsing",
     "[match] query doesn't support multiple fields, found [a] and [b]"),
    ({"match": {"a": {"query": "x", "foo": 1}}}, "parsing", "[match] query does not support [foo]"),
    ({"match": {"a": {"query": {}}}}, "parsing", "[match] unknown token [START_OBJECT] after [query]"),
    ({"match": {}}, "parsing", "No text specified for text query"),
    ({"term": {"a": ["x"]}}, "parsing", "[term] query does not support array of values"),
    ({"term": {"a": {"value": 1, "x": 1}}}, "parsing", "[term] query does not support [x]"),
    ({"term": {"a": None}}, "illegal_argument", "value cannot be null"),
    ({"terms": {"a": ["x"], "b": ["y"]}}, "parsing", "[terms] query does not support multiple fields"),
    ({"terms": {"a": [None]}}, "parsing", "No value specified for terms query"),
    ({"range": {"a": {"foo": 1}}}, "parsing", "[range] query does not support [foo]"),
    ({"exists": {}}, "parsing", "[exists] must be provided with a [field]"),
    ({"bool": {}, "match": {}}, "parsing",
     "[bool] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"),
    ({"bool": {"foo": []}}, "x_content_parse", "[bool] unknown field [foo]"),
    ({"bool": {"must": [{"term": {"a": {"x": 1}}}]}}, "parsing", "[term] query does not support [x]"),
    ({"constant_score": {}}, "parsing", "[constant_score] requires a 'filter' element"),
    ({"dis_max": {}}, "parsing", "[dis_max] requires 'queries' field with at least one clause"),
    ({"multi_match": {"query": "x", "type": "foo"}}, "parse",
     "failed to parse [multi_match] query type [foo]. unknown type."),
    ({"bool": {"should": [{"match_all": {}}] * 1025}}, "too_many_clauses", "maxClauseCount is set to 1024"),
    ({"nested": {}}, "parsing", "[nested] query is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "node"), QUERIES)
def test_queries(body: Any, node: Any) -> None:
    """Every clause, short and long form, becomes its node."""
    assert parse_query(body) == node


@pytest.mark.parametrize(("body", "code", "message"), ERRORS)
def test_query_errors(body: Any, code: str, message: str) -> None:
    """Malformed clauses are refused in Elasticsearch's words."""
    with pytest.raises(SedimentError) as caught:
        parse_query(body)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


SEARCHES: list[tuple[Any, dict[str, str], SearchRequest]] = [
    (None, {}, SearchRequest()),
    ({"from": 5, "size": "3", "timeout": "10ms", "min_score": 1, "terminate_after": 9}, {},
     SearchRequest(offset=5, size=3, timeout_ms=10, min_score=1.0, terminate_after=9)),
    ({"sort": "a"}, {}, SearchRequest(sort=(SortKey("a"),))),
    ({"sort": ["_score"]}, {}, SearchRequest()),
    ({"sort": ["_score", {"a": "desc"}, {"b": {"order": "asc", "missing": "_first", "mode": "max",
                                               "unmapped_type": "long", "format": "yyyy"}}]}, {},
     SearchRequest(sort=(SortKey("_score", descending=True), SortKey("a", descending=True),
                         SortKey("b", missing="_first", mode="max", unmapped_type="long", format="yyyy")))),
    ({"search_after": [1], "sort": "a"}, {}, SearchRequest(sort=(SortKey("a"),), search_after=(1,))),
    ({"_source": False}, {}, SearchRequest(source=SourceFilter(enabled=False))),
    ({"_source": ["a", "b.*"]}, {}, SearchRequest(source=SourceFilter(includes=("a", "b.*")))),
    ({"_source": {"includes": "a", "excludes": ["b"]}}, {},
     SearchRequest(source=SourceFilter(includes=("a",), excludes=("b",)))),
    ({"_source": False}, {"_source_includes": "a,b"},
     SearchRequest(source=SourceFilter(enabled=False, includes=("a", "b")))),
    ({}, {"_source": "a,b", "_source_excludes": "c"},
     SearchRequest(source=SourceFilter(includes=("a", "b"), excludes=("c",)))),
    ({"stored_fields": ["a"]}, {},
     SearchRequest(stored_fields=("a",), source=SourceFilter(enabled=False))),
    ({"docvalue_fields": ["a", {"field": "b", "format": "yyyy"}], "fields": ["c"]}, {},
     SearchRequest(docvalue_fields=(DocValueField("a"), DocValueField("b", "yyyy")), fields=(DocValueField("c"),))),
    ({"track_total_hits": True}, {}, SearchRequest(track_total_hits=-1)),
    ({"track_total_hits": 7}, {"track_total_hits": "false"}, SearchRequest(track_total_hits=0)),
    ({"_sediment": True, "version": True, "explain": True}, {"seq_no_primary_term": "true"},
     SearchRequest(provenance=True, version=True, explain=True, seq_no_primary_term=True)),
    ({}, {"sort": "a:desc,b", "size": "2", "from": "1"},
     SearchRequest(sort=(SortKey("a", descending=True), SortKey("b")), size=2, offset=1)),
    ({"highlight": {"pre_tags": ["<b>"], "post_tags": ["</b>"], "fields": {"a": {}, "b": {"number_of_fragments": 0}}}}, {},
     SearchRequest(highlight=(HighlightField("a", pre_tag="<b>", post_tag="</b>"),
                              HighlightField("b", pre_tag="<b>", post_tag="</b>", number_of_fragments=0)))),
    ({"highlight": {"fields": [{"a": {"highlight_query": {"match": {"a": "x"}}}}]}}, {},
     SearchRequest(highlight=(HighlightField("a", query=A),))),
    ({"profile": True, "post_filter": {"match": {"a": "x"}}}, {}, SearchRequest(post_filter=A)),
    ({}, {"q": "a:x"}, SearchRequest(query=Match(field="a", text="x", lenient=True))),
    ({}, {"q": "*:*"}, SearchRequest()),
]  # fmt: skip


@pytest.mark.parametrize(("body", "parameters", "request_"), SEARCHES)
def test_searches(body: Any, parameters: dict[str, str], request_: SearchRequest) -> None:
    """Every option of a search body and of the URL arrives in the request."""
    assert parse_search(body, now_ms=0, parameters=parameters) == request_


SEARCH_ERRORS: list[tuple[Any, str, str]] = [
    ([], "parsing", "Expected [START_OBJECT] but found [START_ARRAY]"),
    ({"foo": {}}, "parsing", "Unknown key for a START_OBJECT in [foo]."),
    ({"foo": 1}, "parsing", "Unknown key for a VALUE_NUMBER in [foo]."),
    ({"from": -5}, "illegal_argument", "[from] parameter cannot be negative, found [-5]"),
    ({"size": -1}, "illegal_argument", "[size] parameter cannot be negative, found [-1]"),
    ({"from": 10000}, "illegal_argument",
     ("Result window is too large, from + size must be less than or equal to: [10000] but was "
     "[10010]. See the scroll api for a more efficient way to request large data sets. This limit "
     "can be set by changing the [index.max_result_window] index level setting.")),
    ({"size": "x"}, "number_format", 'For input string: "x"'),
    ({"search_after": [1]}, "illegal_argument", "Sort must contain at least one field."),
    ({"search_after": [1, 2], "sort": "a"}, "illegal_argument",
     "search_after has 2 value(s) but sort has 1."),
    ({"search_after": [1], "sort": "a", "from": 1}, "illegal_argument",
     "`from` parameter must be set to 0 when `search_after` is used."),
    ({"timeout": "10"}, "illegal_argument", "failed to parse setting [timeout] with value [10]"),
    ({"_source": 1}, "parsing", "Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT]"),
    ({"sort": {"a": "up"}}, "illegal_argument", "No enum constant"),
    ({"collapse": {"field": "a"}}, "illegal_argument", "[collapse] is not supported"),
    ({"aggs": {"a": {"foo": {}}}}, "parsing", "Unknown aggregation type [foo]"),
    ({"aggs": {"a": {}}}, "parsing", "Missing definition for aggregation [a]"),
    ({"aggs": {"a": {"terms": {}}}}, "illegal_argument", "Required one of fields [field, script]"),
    ({"aggs": {"a": {"terms": {"field": "f", "size": 0}}}}, "illegal_argument",
     "[size] must be greater than 0. Found [0] in [a]"),
    ({"aggs": {"a": {"max": {"field": "f"}, "min": {"field": "f"}}}}, "parsing",
     "Found two aggregation type definitions in [a]: [max] and [min]"),
    ({"aggs": {"a": {"histogram": {"field": "f"}}}}, "illegal_argument",
     "[interval] must be >0 for histogram aggregation [a]"),
    ({"aggs": {"a": {"filters": {"filters": {}}}}}, "illegal_argument", "[filters] cannot be empty"),
    ({"aggs": {"a[b]": {"max": {"field": "f"}}}}, "parsing", "Invalid aggregation name [a[b]]."),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "message"), SEARCH_ERRORS)
def test_search_errors(body: Any, code: str, message: str) -> None:
    """Malformed searches are refused in Elasticsearch's words."""
    with pytest.raises(SedimentError) as caught:
        parse_search(body, now_ms=0)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


def test_count() -> None:
    """A count takes a query only and counts exactly."""
    request = parse_count({"query": {"match": {"a": "x"}}}, now_ms=3)
    assert request == SearchRequest(query=A, size=0, track_total_hits=-1, now_ms=3)
    with pytest.raises(SedimentError, match=r"request does not support \[size\]"):
        parse_count({"size": 1}, now_ms=0)


AGGREGATIONS = {
    "t": {"terms": {"field": "a", "size": 3, "order": [{"_count": "asc"}, {"m": "desc"}],
                    "include": ["x"], "exclude": "y.*", "missing": "z", "min_doc_count": 0},
          "aggs": {"m": {"avg": {"field": "b", "missing": 1}}}, "meta": {"k": 1}},
    "h": {"histogram": {"field": "b", "interval": 5, "offset": 1, "keyed": True,
                        "extended_bounds": {"min": 0, "max": 50}, "hard_bounds": {"min": 0}}},
    "d": {"date_histogram": {"field": "c", "calendar_interval": "1M", "time_zone": "+01:00",
                             "offset": "-6h", "format": "yyyy", "order": {"_key": "desc"}}},
    "f": {"date_histogram": {"field": "c", "fixed_interval": "30d"}},
    "r": {"range": {"field": "b", "ranges": [{"to": 1}, {"key": "k", "from": 1, "to": 2}]}},
    "dr": {"date_range": {"field": "c", "ranges": [{"from": "now-1d/d"}], "time_zone": "UTC"}},
    "x": {"filter": {"match": {"a": "x"}}, "aggs": {"y": {"missing": {"field": "a"}}}},
    "fs": {"filters": {"filters": {"p": {"match": {"a": "x"}}}, "other_bucket": True}},
    "g": {"global": {}, "aggs": {"s": {"stats": {"field": "b"}}}},
}  # fmt: skip
WHOLE: list[Any] = [
    {"query": QUERIES[-1][0], "aggs": AGGREGATIONS},
    *({"query": body} for body, _ in QUERIES),
    *(body for body, _, _ in SEARCHES if body),
]


def test_aggregations() -> None:
    """Aggregations of every kind parse, nested, with their parameters."""
    parsed = parse_search({"aggs": AGGREGATIONS}, now_ms=0).aggregations
    assert list(parsed) == list(AGGREGATIONS)
    terms: Any = parsed["t"]
    assert terms.order == (("_count", True), ("m", False), ("_key", True))
    assert terms.meta == {"k": 1}
    assert (terms.include, terms.exclude) == (("x",), "y.*")
    months: Any = parsed["d"]
    assert (months.calendar_interval, months.shift_ms) == ("month", -6 * 3_600_000)
    days: Any = parsed["f"]
    assert days.fixed_interval_ms == 30 * 86_400_000


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
NAMES = st.sampled_from(
    ["match", "term", "bool", "must", "filter", "query", "aggs", "terms", "field", "sort", "range", "a"]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def survives(body: Any) -> None:
    """A request or a SedimentError: anything else is a defect."""
    with contextlib.suppress(SedimentError):
        assert isinstance(parse_search(body, now_ms=0), SearchRequest)


@given(JSON)
def test_any_json_is_answered(body: Any) -> None:
    """Random JSON gives a request or a SedimentError."""
    survives(body)
    survives({"query": body})
    survives({"aggs": {"a": body}})


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid body with one value somewhere replaced, doubled or removed."""
    body = json.loads(json.dumps(draw(st.sampled_from(WHOLE))))
    at = body
    for _ in range(draw(st.integers(0, 6))):
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and draw(st.integers(0, 4)):
            at = at[key]
            continue
        kind = draw(st.integers(0, 2))
        if kind == 0:
            at[key] = draw(JSON)
        elif kind == 1:
            del at[key]
        elif isinstance(at, dict):
            at[draw(NAMES)] = at[key]
        break
    return body


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_mutations_are_answered(body: Any) -> None:
    """Valid bodies with something changed give a request or a SedimentError."""
    survives(body)


def test_depth_is_bounded() -> None:
    """A query nested too deep is an error long before the stack ends."""
    body: Any = {"match_all": {}}
    for _ in range(900):
        body = {"bool": {"must": body}}
    with pytest.raises(SedimentError, match="nested more than"):
        parse_query(body)


@example("a:" * 2000)
@example("(" * 2000)
@given(st.text(alphabet='ab:*?()[]{}"+-!&|^~ \\TOANDR1', max_size=30))
def test_any_url_query_is_answered(text: str) -> None:
    """Any text in ``q`` gives a request or a SedimentError."""
    with contextlib.suppress(SedimentError):
        parse_search(None, now_ms=0, parameters={"q": text})


def test_url_query() -> None:
    """``q`` understands occurrence marks, fields, phrases and the default operator."""
    query = parse_search(None, now_ms=0, parameters={"q": '+a:x -b:"y z"~2 c:[1 TO 5}', "df": "t"}).query
    assert query == Bool(
        must=(Match(field="a", text="x"),),
        must_not=(MatchPhrase(field="b", text="y z", slop=2),),
        should=(Range(field="c", gte="1", lt="5"),),
    )
    query = parse_search(None, now_ms=0, parameters={"q": "x AND y", "df": "t"}).query
    assert query == Bool(must=(Match(field="t", text="x"), Match(field="t", text="y")))
