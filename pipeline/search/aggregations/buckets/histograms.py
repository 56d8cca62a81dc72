"""``histogram`` and ``date_histogram``: buckets of equal width, or of a calendar unit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.rounding import Rounding
from pipeline.search.aggregations.buckets.terms import coded, first_of_document, group
from pipeline.search.aggregations.fields import (
    NUMERIC,
    Docs,
    SegmentScope,
    Source,
    Wanted,
    date_of,
    numbers_of,
    source_of,
)
from pipeline.search.aggregations.partials import Buckets, Shown
from schemas.aggregations import DateHistogramAggregation, HistogramAggregation

I64 = NDArray[np.int64]


def rounding_of(agg: DateHistogramAggregation) -> Rounding:
    """How a date histogram rounds."""
    return Rounding(agg.calendar_interval, agg.fixed_interval_ms, agg.time_zone, agg.shift_ms)


def collect_histogram(
    name: str, agg: HistogramAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    """As ``collect_terms``. Keys are numbers of intervals (float64): bucket k begins at k * interval + shift."""
    wanted = Wanted(
        name=name,
        kind="histogram",
        path=agg.field,
        types=NUMERIC,
        missing=agg.missing,
        format=agg.format,
    )
    source = source_of(wanted, scope)
    index, values = numbers_of(scope, source, docs)
    keys = np.floor((values - agg.shift) / agg.interval) + 0.0
    if agg.hard_bounds is not None:
        low, high = agg.hard_bounds
        kept = np.ones(len(keys), np.bool_)
        if low is not None:
            kept &= keys * agg.interval >= low
        if high is not None:
            kept &= keys * agg.interval <= high
        index, keys = index[kept], keys[kept]
    return _grouped(index, keys, source.shown, parents)


def collect_date_histogram(
    name: str, agg: DateHistogramAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    """As ``collect_terms``. Keys are where intervals begin, int64 ms."""
    wanted = Wanted(
        name=name,
        kind="date_histogram",
        path=agg.field,
        types=NUMERIC,
        missing=agg.missing,
        format=agg.format,
        zone=agg.time_zone,
    )
    source = source_of(wanted, scope)
    index, values = numbers_of(scope, source, docs)
    rounding = rounding_of(agg)
    keys = rounding.floor(values.astype(np.int64))
    if agg.hard_bounds is not None:
        low, high = agg.hard_bounds
        kept = np.ones(len(keys), np.bool_)
        if low is not None:
            kept &= keys >= date_of(low, source)
        if high is not None:
            kept &= keys < date_of(high, source)
        index, keys = index[kept], keys[kept]
    step = agg.fixed_interval_ms if agg.fixed_interval_ms and agg.time_zone in ("", "UTC", "Z") else 0
    return _grouped(index, keys, _with_bounds(agg, source, rounding), parents, step)


def _with_bounds(agg: DateHistogramAggregation, source: Source, rounding: Rounding) -> Shown:
    shown = source.shown
    bounds: tuple[int, int] | None = None
    if agg.extended_bounds is not None:
        ends = np.array([date_of(one, source) for one in agg.extended_bounds], np.int64)
        low, high = rounding.floor(ends).tolist()
        bounds = (low, high)
    return Shown(shown.type, shown.format, shown.zone, bounds)


def _evenly_coded(values: I64, step: int) -> tuple[I64, I64]:
    """``coded`` for values that are multiples of a step apart: without sorting, where they do not lie too far apart."""
    least, most = int(values.min()), int(values.max())
    count = (most - least) // step + 1
    if count > max(1 << 12, len(values)):
        return coded(values)
    return least + step * np.arange(count), (values - least) // step


def _grouped(index: I64, values: NDArray[Any], shown: Shown, parents: I64, step: int = 0) -> tuple[Buckets, I64, I64]:
    """``step``: what the values, int64, are apart, or a multiple of it; 0: unknown."""
    distinct, codes = coded(values) if not step or not len(values) else _evenly_coded(values, step)
    kept = first_of_document(index, codes)
    index, codes = index[kept], codes[kept]
    bucket, of, code, counts = group(parents[index], codes, len(distinct))
    return Buckets(of, distinct[code], counts, shown), index, bucket
