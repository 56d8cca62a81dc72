"""min, max, avg, sum, stats, value_count: one row of numbers for each bucket."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.fields import (
    ANY_TYPE,
    NUMERIC,
    TERM_TYPES,
    Docs,
    SegmentScope,
    Wanted,
    numbers_of,
    source_of,
    terms_of,
)
from pipeline.search.aggregations.partials import Values
from pipeline.search.aggregations.summaries.sum_kernels import extremes
from pipeline.search.aggregations.summaries.sums import sums_of
from schemas.aggregations import Metric

I64 = NDArray[np.int64]
_LOW: Final = frozenset({"min", "stats"})
_HIGH: Final = frozenset({"max", "stats"})
_SUM: Final = frozenset({"avg", "sum", "stats"})


def collect_metric(name: str, agg: Metric, scope: SegmentScope, docs: Docs, parents: I64, count: int) -> Values:
    """The metric of each of ``count`` parent buckets; document docs[i] is in parents[i]."""
    wanted = Wanted(
        name=name,
        kind=agg.kind,
        path=agg.field,
        types=ANY_TYPE if agg.kind == "value_count" else NUMERIC,
        missing=agg.missing,
        format=agg.format,
    )
    source = source_of(wanted, scope)
    values: NDArray[Any]
    if source.type in TERM_TYPES:
        found = terms_of(scope, source, docs)
        index, values = found.index, found.codes
    else:
        index, values = numbers_of(scope, source, docs)
    buckets = parents[index]
    counts = np.bincount(buckets, minlength=count).astype(np.int64)
    low = high = sums = None
    if agg.kind in _LOW | _HIGH:
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        extremes(values.astype(np.float64), buckets, low, high)
    if agg.kind in _SUM:
        sums = sums_of(values, buckets, count)
    return Values(
        counts,
        source.shown,
        low if agg.kind in _LOW else None,
        high if agg.kind in _HIGH else None,
        sums,
    )
