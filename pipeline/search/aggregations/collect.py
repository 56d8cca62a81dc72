"""Aggregations of one partition: each segment's partials, merged.

Documents move through the tree of aggregations as pairs (document, bucket): an aggregation expands each pair
into one for each of its buckets that the document is in, and hands these to its children. Every level is a few
operations on whole columns, however many buckets there are.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.compound import collect_composite, collect_multi_terms
from pipeline.search.aggregations.buckets.histograms import (
    collect_date_histogram,
    collect_histogram,
    count_date_histogram,
)
from pipeline.search.aggregations.buckets.slots import (
    collect_filter,
    collect_global,
    collect_missing,
    collect_range,
)
from pipeline.search.aggregations.buckets.terms import collect_terms, count_terms
from pipeline.search.aggregations.fields import Docs, Placed, SegmentScope
from pipeline.search.aggregations.merge import merge_all
from pipeline.search.aggregations.metrics.numbers import collect_metric, sum_metric
from pipeline.search.aggregations.metrics.top_rows import collect_top_hits
from pipeline.search.aggregations.partials import Buckets, Partial
from pipeline.search.cache import SearchCache
from pipeline.search.columns import Columns
from pipeline.search.queries.selection import Selection, nothing
from pipeline.search.sort import Rows
from pipeline.segments.format import SegmentMeta
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import PartitionView
from schemas.aggregations import (
    Aggregation,
    CompositeAggregation,
    DateHistogramAggregation,
    FilterAggregation,
    FiltersAggregation,
    GlobalAggregation,
    HistogramAggregation,
    Metric,
    MissingAggregation,
    MultiTermsAggregation,
    Pipeline,
    RangeAggregation,
    TermsAggregation,
    TopHitsAggregation,
)
from schemas.ids import SegmentId
from schemas.query import Node

I64 = NDArray[np.int64]


def collect_aggregations(
    aggregations: Mapping[str, Aggregation],
    view: PartitionView,
    matched: Sequence[Rows | None],
    evaluate: Callable[[Node, int], Selection],
    columns: Sequence[Columns],
    *,
    now_ms: int,
) -> dict[str, Partial]:
    """The partials of a partition.

    ``matched``: per segment the live rows that the query matches (None: it was not looked at); ``evaluate``: the live rows of a
    segment (by its number in the view) that match a node. Raises ``illegal_argument`` for fields of types an aggregation cannot take.
    """
    parts = []
    for number, segment in enumerate(view.segments):

        def rows(node: Node, number: int = number) -> Selection:
            return evaluate(node, number)

        found = matched[number]
        scope = SegmentScope(
            view.index,
            segment.reader,
            segment.alive,
            view.mapping,
            now_ms,
            rows,
            columns[number],
            found,
            view.partition,
        )
        parts.append(
            _collect_all(
                aggregations, scope, nothing(columns[number].reader.documents) if found is None else found.selection
            )
        )
    if not parts:
        # fields are checked, and unmapped ones are said to be so, on an empty partition too
        parts.append(_collect_all(aggregations, _nothing(view, now_ms), nothing(0)))
    return merge_all(parts)


# A segment without documents or fields.
EMPTY = SegmentReader(SegmentMeta(SegmentId(""), 0, 0, 0, 0, 0), {})


def _nothing(view: PartitionView, now_ms: int) -> SegmentScope:
    columns = Columns(EMPTY, SearchCache())
    return SegmentScope(view.index, EMPTY, np.zeros(0, np.bool_), view.mapping, now_ms, lambda _: nothing(0), columns)


def _collect_all(
    aggregations: Mapping[str, Aggregation], scope: SegmentScope, selection: Selection
) -> dict[str, Partial]:
    found: dict[str, Partial] = {}
    docs: Docs | None = None
    for name, agg in aggregations.items():
        if isinstance(agg, Pipeline):
            continue
        counted = None if agg.children else _count(name, agg, scope, selection)
        if counted is not None:
            found[name] = counted
            continue
        docs = selection.as_documents().astype(np.int64) if docs is None else docs
        found[name] = _collect(name, agg, scope, docs, np.zeros(len(docs), np.int64), 1)
    return found


def _count(name: str, agg: Aggregation, scope: SegmentScope, selection: Selection) -> Partial | None:
    """An aggregation on the top that has none below, without listing documents; None where there is no such way."""
    match agg:
        case MultiTermsAggregation():
            return None
        case TermsAggregation():
            return count_terms(name, agg, scope, selection)
        case DateHistogramAggregation():
            return count_date_histogram(name, agg, scope, selection)
        case Metric():
            return sum_metric(name, agg, scope, selection)
        case _:
            return None


def _collect(name: str, agg: Aggregation, scope: SegmentScope, docs: Docs, parents: I64, count: int) -> Partial:
    """One aggregation under ``count`` parent buckets; document docs[i] is in parents[i]."""
    if isinstance(agg, TopHitsAggregation):
        return collect_top_hits(agg, scope, Placed(docs, parents, count))
    if isinstance(agg, Metric):
        return collect_metric(name, agg, scope, Placed(docs, parents, count))
    buckets, index, bucket, docs = _buckets(name, agg, scope, docs, parents)
    if not agg.children:
        return buckets
    inner = docs[index]
    children = {
        child: _collect(child, one, scope, inner, bucket, len(buckets.parents))
        for child, one in agg.children.items()
        if not isinstance(one, Pipeline)
    }
    return Buckets(buckets.parents, buckets.keys, buckets.counts, buckets.shown, children)


def _buckets(  # noqa: PLR0911  one per kind
    name: str, agg: Aggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64, Docs]:
    match agg:
        case MultiTermsAggregation():
            return *collect_multi_terms(name, agg, scope, docs, parents), docs
        case CompositeAggregation():
            return *collect_composite(name, agg, scope, docs), docs
        case TermsAggregation():
            return *collect_terms(name, agg, scope, docs, parents), docs
        case HistogramAggregation():
            return *collect_histogram(name, agg, scope, docs, parents), docs
        case DateHistogramAggregation():
            return *collect_date_histogram(name, agg, scope, docs, parents), docs
        case RangeAggregation():
            return *collect_range(name, agg, scope, docs, parents), docs
        case FilterAggregation() | FiltersAggregation():
            return *collect_filter(agg, scope, docs, parents), docs
        case MissingAggregation():
            return *collect_missing(name, agg, scope, docs, parents), docs
        case GlobalAggregation():
            return collect_global(scope)
        case _:
            raise AssertionError(f"the parser makes no {type(agg).__name__}")
