"""Random documents and aggregations, and both ways of aggregating them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pipeline.search.aggregations.collect import collect_aggregations
from pipeline.search.aggregations.merge import merge_all
from pipeline.search.aggregations.partials import from_wire, to_wire
from pipeline.search.cache import SearchCache
from pipeline.search.columns import Columns
from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.selection import Selection
from pipeline.search.sort import Rows
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import PartitionView, SegmentView
from query_api.fanout.aggregations.reduce import reduce_aggregations
from schemas.aggregations import (
    Aggregation,
    Cardinality,
    CompositeAggregation,
    DateHistogramAggregation,
    ExtendedStats,
    FilterAggregation,
    FiltersAggregation,
    GlobalAggregation,
    HistogramAggregation,
    KeySource,
    Metric,
    MissingAggregation,
    MultiTermsAggregation,
    Quantiles,
    RangeAggregation,
    RangeBucket,
    RareTermsAggregation,
    TermsAggregation,
)
from schemas.ids import IndexName, LogOffset, PartitionId, TopicName
from schemas.query import Exists, Node, Term
from tests.oracle.aggregation_oracle import World
from tests.pipeline.segments.documents import MAPPING, segment_of
from tests.pipeline.segments.documents import Document as Stored

TYPES = {"tag": "keyword", "count": "long", "price": "double", "flag": "boolean", "when": "date"}
DAY = 86_400_000
Document = Mapping[str, Sequence[Any]]

VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "tag": st.sampled_from(["", "a", "b", "ba", "zz", "ü"]),
    "count": st.integers(-40, 40) | st.sampled_from([(1 << 62) + 1, -(1 << 62)]),
    "price": st.floats(-50, 50) | st.sampled_from([1e16, -1e16, 0.1, 1e-300]),
    "flag": st.integers(0, 1),
    "when": st.integers(19_000 * DAY, 19_200 * DAY) | st.integers(-10 * DAY, 10 * DAY),
}


def document() -> st.SearchStrategy[Document]:
    """A document with some fields, values ascending as the columns have them (strings distinct)."""

    def lists(name: str) -> st.SearchStrategy[list[Any]]:
        values = st.lists(VALUES[name], min_size=1, max_size=3, unique=name == "tag")
        return values.map(sorted)

    return st.fixed_dictionaries({}, optional={name: lists(name) for name in VALUES})


def stored(doc: Document) -> Stored:
    values = {name: [v.encode() if isinstance(v, str) else v for v in some] for name, some in doc.items()}
    return Stored(values=values)


def matches(query: Any, doc: Document) -> bool:
    """Whether a document matches a ``term`` of tag or an ``exists``."""
    if isinstance(query, Term):
        return query.value in doc.get("tag", ())
    assert isinstance(query, Exists)
    return bool(doc.get(query.field))


class Indexed:
    """A partition of segments over documents; ``dead`` ones are in it, but deleted."""

    def __init__(self, segments: Sequence[Sequence[Document]], dead: Document) -> None:
        self.documents = [[*docs, dead] for docs in segments]
        views = []
        for number, docs in enumerate(self.documents):
            data = segment_of([stored(d) for d in docs], number=number)
            alive = np.ones(len(docs), np.bool_)
            alive[-1] = False
            views.append(SegmentView(SegmentReader(data.meta, data.arrays), alive, 1, 0))
        self.view = PartitionView(IndexName("i"), TopicName("i"), PartitionId(0), LogOffset(0), 1, MAPPING, views)

    def evaluate(self, query: Node, segment: int) -> Selection:
        docs = self.documents[segment]
        found = np.array([i for i, d in enumerate(docs[:-1]) if matches(query, d)], np.uint32)
        return Selection(len(docs), found)

    def partials(self, aggs: Mapping[str, Aggregation], query: Node | None) -> dict[str, Any]:
        """The partials as dicts of bytes: by the way other processes' partials come."""
        cache = SearchCache()
        matched = []
        for number, (docs, view) in enumerate(zip(self.documents, self.view.segments, strict=True)):
            some = [i for i, d in enumerate(docs[:-1]) if query is None or matches(query, d)]
            selection = Selection(len(docs), np.array(some, np.uint32))
            if number % 2:
                selection = Selection(len(docs), mask=selection.as_mask())
            matched.append(Rows(SegmentQueries(number, view, cache), selection, None))
        columns = [Columns(view.reader, cache) for view in self.view.segments]
        found = collect_aggregations(aggs, self.view, matched, self.evaluate, columns, now_ms=0)
        return {name: to_wire(partial) for name, partial in found.items()}


def merge_partials(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several partitions' partials as one, in the same form."""
    merged = merge_all([{n: from_wire(w) for n, w in part.items()} for part in parts])
    return {name: to_wire(partial) for name, partial in merged.items()}


def reduced(aggs: Mapping[str, Aggregation], parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer that follows from partials."""
    return reduce_aggregations(aggs, [{n: from_wire(w) for n, w in part.items()} for part in parts])


def answer(
    parts: Sequence[Sequence[Sequence[Document]]],
    aggs: Mapping[str, Aggregation],
    query: Node | None = None,
    dead: Document | None = None,
) -> dict[str, Any]:
    """What partitions of segments of documents answer."""
    partials = [Indexed(segments, dead or {}).partials(aggs, query) for segments in parts]
    return reduced(aggs, partials)


def world_of(docs: Sequence[Document]) -> World:
    return World(docs, TYPES, matches)


QUERIES = st.sampled_from([Term(field="tag", value="a"), Term(field="tag", value="zz"), Exists(field="count")])
NUMBERS = st.sampled_from(["count", "price", "when", "flag"])
SMALL = st.sampled_from(["count", "flag"])


MISSING = {"tag": st.sampled_from([None, "b", "m"]), "flag": st.sampled_from([None, 1])}


def metrics() -> st.SearchStrategy[Aggregation]:
    kinds = st.sampled_from(["min", "max", "avg", "sum", "stats"])
    plain = st.builds(lambda k, f, m: Metric(kind=k, field=f, missing=m), kinds, NUMBERS, st.sampled_from([None, 1]))
    counts = st.builds(lambda f: Metric(kind="value_count", field=f), st.sampled_from(sorted(TYPES)))
    distinct = st.builds(
        lambda f, t: Cardinality(field=f, precision_threshold=t), st.sampled_from(sorted(TYPES)), st.just(3000)
    )
    spread = st.builds(lambda f: ExtendedStats(field=f, sigma=3.0), st.sampled_from(["count", "price", "flag"]))
    return plain | counts | distinct | spread | distributions()


def distributions() -> st.SearchStrategy[Aggregation]:
    """percentiles, percentile_ranks, median_absolute_deviation."""
    percents = st.builds(
        lambda f, k: Quantiles(kind="percentiles", field=f, points=(0.0, 12.5, 50.0, 100.0), keyed=k),
        NUMBERS,
        st.booleans(),
    )
    ranks = st.builds(
        lambda f, k: Quantiles(kind="percentile_ranks", field=f, points=(-1.0, 0.0, 1.5, 123456.5), keyed=k),
        NUMBERS,
        st.booleans(),
    )
    apart = st.builds(lambda f: Quantiles(kind="median_absolute_deviation", field=f), NUMBERS)
    return percents | ranks | apart


MEASURES = {"stats": ".avg", "extended_stats": ".variance", "percentiles": ".12.5", "percentile_ranks": "[1.5]"}


def order(children: Mapping[str, Aggregation]) -> st.SearchStrategy[Any]:
    """An order by count, key, or a metric below."""
    paths = ["_count", "_key"]
    for name, child in children.items():
        if isinstance(child, Metric):
            paths.append(f"{name}{MEASURES.get(child.kind, '')}")
        if isinstance(child, FilterAggregation):
            paths.append(name)
            inner = [n for n, c in child.children.items() if isinstance(c, Metric) and c.kind not in MEASURES]
            paths += [f"{name}>{n}" for n in inner]
    one = st.tuples(st.sampled_from(paths), st.booleans())
    return one.map(lambda o: (o,) if o[0] == "_key" else (o, ("_key", True)))


@st.composite
def key_source(draw: st.DrawFn, *, compound: bool) -> KeySource:
    """One part of a compound key; ``compound``: of composite, which has more kinds of them."""
    kind = draw(st.sampled_from(["terms", "histogram", "date_histogram"])) if compound else "terms"
    plain = sorted(TYPES if compound else TYPES.keys() - {"price"})  # of multi_terms, fractions are shown as Java does
    fields = {"terms": plain, "histogram": ["count", "flag"], "date_histogram": ["when"]}[kind]
    name = draw(st.sampled_from(fields))
    common: dict[str, Any] = {"name": name, "field": name, "kind": kind}
    if not compound:
        return KeySource(**common, missing=draw(MISSING.get(name, st.just(None))))
    bucket = draw(st.booleans())
    return KeySource(
        **common,
        descending=draw(st.booleans()),
        missing_bucket=bucket,
        missing_first=draw(st.sampled_from([None, True, False])) if bucket else None,
        interval=2.5 if kind == "histogram" else 0.0,
        calendar_interval=draw(st.sampled_from(["day", "month"])) if kind == "date_histogram" else "",
    )


def _after_terms(source: KeySource) -> st.SearchStrategy[Any]:
    values = VALUES[source.field]
    return values | st.none() if source.missing_bucket else values


AFTER: Mapping[str, Callable[[KeySource], st.SearchStrategy[Any]]] = {
    "terms": _after_terms,
    "histogram": lambda _: st.integers(-10, 10).map(lambda n: n * 2.5),
    "date_histogram": lambda _: st.integers(19_000, 19_200).map(lambda n: n * DAY),
}


@st.composite
def aggregation(draw: st.DrawFn, depth: int = 0) -> Aggregation:
    """Any aggregation, with others below it."""
    kind = draw(st.integers(0, 11 if depth < 2 else 0))
    if kind == 0:
        return draw(metrics())
    names = draw(st.lists(st.sampled_from("pqr"), unique=True, max_size=2))
    children = {name: draw(aggregation(depth + 1)) for name in names}
    meta = draw(st.sampled_from([None, {"k": 1}]))
    common: dict[str, Any] = {"children": children, "meta": meta}
    match kind:
        case 1:
            name = draw(st.sampled_from(sorted(TYPES)))
            exact = (("a", "zz") if name == "tag" else (1, 0)) if draw(st.booleans()) else None
            return TermsAggregation(
                field=name,
                size=draw(st.integers(1, 4)),
                order=draw(order(children)),
                min_doc_count=draw(st.integers(0, 2)),
                missing=draw(MISSING.get(name, st.sampled_from([None, 1, 77]))),
                include=draw(st.sampled_from([None, "[abm].*"])) if name == "tag" else exact,
                exclude=draw(st.sampled_from([None, ("zz", "b"), "b.*"])) if name == "tag" else None,
                **common,
            )
        case 2:
            bounded = draw(st.booleans())
            return HistogramAggregation(
                field=draw(SMALL),
                interval=1e17 if not bounded else draw(st.sampled_from([5.0, 2.5])),
                shift=draw(st.sampled_from([0.0, 1.5])),
                min_doc_count=draw(st.integers(0, 2)),
                missing=draw(st.sampled_from([None, 1.0])),
                order=draw(order(children)),
                extended_bounds=draw(st.sampled_from([None, (-20.0, 30.0)])) if bounded else None,
                hard_bounds=(-30.0, draw(st.sampled_from([20.0, 35.0]))) if bounded else None,
                **common,
            )
        case 3:
            unit = draw(st.sampled_from(["", "day", "week", "month", "quarter", "year"]))
            return DateHistogramAggregation(
                field="when",
                fixed_interval_ms=0 if unit else draw(st.sampled_from([30 * DAY, DAY // 4 * 10])),
                calendar_interval=unit,
                time_zone=draw(st.sampled_from(["", "Europe/Berlin", "America/New_York"])) if unit else "",
                shift_ms=draw(st.sampled_from([0, 3_600_000])) if not unit else 0,
                min_doc_count=1 if unit in {"", "day", "week"} else draw(st.integers(0, 2)),
                order=draw(order(children)),
                extended_bounds=draw(st.sampled_from([None, (0, 400 * DAY)])),
                hard_bounds=draw(st.sampled_from([None, (0, 19_100 * DAY)])),
                **common,
            )
        case 4:
            date = draw(st.booleans())
            unit_size = DAY * 19_000 if date else 10
            ends = [None, -1, 0, 1]
            pairs = st.tuples(st.sampled_from(ends), st.sampled_from(ends))
            given = draw(st.lists(pairs, min_size=1, max_size=3, unique=True))
            ranges = [RangeBucket(None, *(None if e is None else e * unit_size for e in pair)) for pair in given]
            return RangeAggregation(
                field="when" if date else draw(st.sampled_from(["count", "price"])),
                ranges=ranges,
                date=date,
                **common,
            )
        case 5:
            return FilterAggregation(query=draw(QUERIES), **common)
        case 6:
            keyed = draw(st.booleans())
            queries = draw(st.lists(QUERIES, min_size=1, max_size=3))
            return FiltersAggregation(
                queries=[(f"k{i}" if keyed else None, q) for i, q in enumerate(queries)],
                other_bucket_key=draw(st.sampled_from([None, "_other_"])),
                **common,
            )
        case 7:
            return MissingAggregation(field=draw(st.sampled_from(sorted(TYPES))), **common)
        case 9 if depth == 0:
            sources = draw(st.lists(key_source(compound=True), min_size=1, max_size=3, unique_by=lambda s: s.name))
            after = [draw(AFTER[source.kind](source)) for source in sources] if draw(st.booleans()) else None
            return CompositeAggregation(sources=sources, size=draw(st.integers(1, 5)), after=after, **common)
        case 9 | 10:
            sources = draw(st.lists(key_source(compound=False), min_size=2, max_size=2))
            return MultiTermsAggregation(
                sources=sources,
                size=draw(st.integers(1, 4)),
                order=draw(order(children)),
                min_doc_count=draw(st.integers(0, 2)),
                **common,
            )
        case 11:
            name = draw(st.sampled_from(sorted(TYPES)))
            return RareTermsAggregation(field=name, max_doc_count=draw(st.integers(1, 2)), **common)
        case _:
            return GlobalAggregation(**common) if depth == 0 else MissingAggregation(field="tag", **common)
