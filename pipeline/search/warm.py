"""Compile the kernels of searching ahead of the first request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # kernels may be imported only once the cache folder is chosen
    from collections.abc import Mapping, Sequence

    from pipeline.segments.view import PartitionView
    from schemas.aggregations import Aggregation
    from schemas.query import Node


def warm_words() -> None:
    """Search a small segment, one row of it dead, by words and by values in every way there is a kernel for."""
    _search(_word_queries())
    _look_at_zones()


def warm_positions() -> None:
    """The same by phrases and by patterns; beside ``warm_words`` in another process, each compiles half."""
    _search(_position_queries())


def warm_columns() -> None:
    """Sort and aggregate it in every way there is a kernel for, and by columns of widths that a small segment does not have."""
    import numpy as np

    from pipeline.kernels.arrays import frozen
    from pipeline.search.columns import EVERYWHERE
    from pipeline.search.kernels.count_kernels import code_steps, count_codes, greatest_counts
    from pipeline.search.searcher import Searcher
    from schemas.query import MatchAll, SearchRequest, SortKey

    searcher = Searcher(_view(), remember_answers=False)
    for request in (
        *(SearchRequest(size=1, sort=[SortKey(field), SortKey("_doc")]) for field in ("n", "x", "k")),
        *[SearchRequest(size=0, query=MatchAll(), aggregations=_aggregations())] * 3,  # what is asked again is kept
    ):
        searcher.query(request, searcher.statistics(request))
    counts, rows, bounds = np.zeros(3, np.int64), frozen(np.zeros(1, np.uint32)), frozen(np.arange(3))
    for width in (np.uint8, np.uint16, np.uint32):
        count_codes(frozen(np.zeros(1, width)), rows, EVERYWHERE, 0, 2, counts)
        codes = np.zeros(1, width)
        code_steps(frozen(np.zeros(1, np.int64)), EVERYWHERE, 0, 0, frozen(np.zeros(1, np.uint16)), bounds, codes)
    greatest_counts(frozen(counts), counts.copy())


def _aggregations() -> "Mapping[str, Aggregation]":
    from pipeline.dsl.aggregations.parse import parse_aggregations

    plain = {"terms": {"field": "k"}, "date_histogram": {"field": "n", "fixed_interval": "1ms"}}
    of_numbers = ("extended_stats", "percentiles", "cardinality")
    return parse_aggregations({
        **{kind: {kind: given} for kind, given in plain.items()},
        **{f"{kind}_{field}": {kind: {"field": field}} for kind in of_numbers for field in ("n", "x")},
        "distinct": {"cardinality": {"field": "k"}},
        "pairs": {"multi_terms": {"terms": [{"field": "k"}, {"field": "n"}]}, "aggs": {"s": {"stats": {"field": "x"}}}},
    })  # fmt: skip


def _search(queries: "Sequence[Node]") -> None:
    from pipeline.search.searcher import Searcher
    from schemas.query import SearchRequest, SortKey

    searcher = Searcher(_view())
    for query in queries:
        for request in (
            SearchRequest(query=query, size=1, track_total_hits=-1),
            SearchRequest(query=query, size=0, track_total_hits=-1),
            SearchRequest(query=query, min_score=0.0),
            SearchRequest(query=query, sort=[SortKey("_doc")]),
        ):
            searcher.query(request, searcher.statistics(request))


def _look_at_zones() -> None:
    """What is only done in segments that are large."""
    import numpy as np

    from pipeline.search.cache import SearchCache
    from pipeline.search.columns import Columns
    from pipeline.search.kernels.limit_kernels import LIMIT_COLUMNS, undecided_zones

    columns = Columns(_view().segments[0].reader, SearchCache())
    for path in ("k", "n", "x"):
        columns.zones_of(path)
    undecided_zones(np.zeros(LIMIT_COLUMNS, np.int64), 0)


def _view() -> "PartitionView":
    import numpy as np

    from pipeline.json_columns.columns import BytesValues, NumberValues
    from pipeline.segments.build import build_segment
    from pipeline.segments.reader import SegmentReader
    from pipeline.segments.view import PartitionView, SegmentView
    from schemas.ids import IndexName, LogOffset, PartitionId, SegmentId, TopicName
    from schemas.mapping import parse_mapping
    from schemas.records import ByteColumn

    types = {"t": "text", "k": "keyword", "n": "long", "x": "double"}
    mapping = parse_mapping({"properties": {name: {"type": kind} for name, kind in types.items()}})
    rows, words, numbers = np.arange(3, dtype=np.int32), ByteColumn.of([b"a b", b"a b", b"b c a"]), np.arange(3)
    texts = BytesValues(rows, words)
    data = build_segment(
        segment_id=SegmentId("warm"), schema_version=0, documents=3, mapping=mapping, ids=words, sources=words,
        columns={
            "t": texts, "k": texts, "n": NumberValues(rows, numbers), "x": NumberValues(rows, numbers.astype(np.float64))
        },
        seq_nos=numbers, versions=numbers, offsets=numbers, timestamps=numbers,
    )  # fmt: skip
    alive = np.array([True, False, True])
    segment = SegmentView(SegmentReader(data.meta, data.arrays), alive, 1, 1)
    return PartitionView(IndexName("warm"), TopicName("warm"), PartitionId(0), LogOffset(3), 0, mapping, [segment])


def _word_queries() -> "Sequence[Node]":
    from schemas.query import Bool, DisMax, Ids, Match, Operator, Prefix, Range, Term, Terms

    one, two = Match(field="t", text="a"), Match(field="t", text="a b")
    return (
        one, two, Match(field="t", text="a b", operator=Operator.AND), Term(field="k", value="a b"),
        DisMax(queries=[one, two]), Bool(must=[two], should=[one, Term(field="n", value=1)]),
        Bool(filter=[Terms(field="t", values=["a", "c"]), Prefix(field="t", value="a")], must=[two]),
        Bool(filter=[one, Term(field="t", value="b")]),
        Range(field="n", gte=0), Range(field="x", gte=0), Terms(field="n", values=[0]), Terms(field="x", values=[0]),
        Ids(values=["a b"]),
    )  # fmt: skip


def _position_queries() -> "Sequence[Node]":
    from schemas.query import Fuzzy, MatchPhrase, MatchPhrasePrefix, Regexp, Wildcard

    return (
        MatchPhrase(field="t", text="a b a", slop=2), MatchPhrase(field="t", text="a b"),
        MatchPhrase(field="t", text="a b", slop=1), MatchPhrasePrefix(field="t", text="a b"),
        Regexp(field="t", pattern="a.*"), Wildcard(field="t", pattern="*a"),
        Fuzzy(field="t", value="d", fuzziness="1"),
    )  # fmt: skip
