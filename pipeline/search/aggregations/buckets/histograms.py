"""``histogram`` and ``date_histogram``: buckets of equal width, or of a calendar unit."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.counts import count_in_steps, interval_steps, numbers_in_steps
from pipeline.search.aggregations.buckets.groups import coded, first_of_document, group
from pipeline.search.aggregations.buckets.rounding import Rounding
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
from pipeline.search.queries.selection import Selection
from schemas.aggregations import DateHistogramAggregation, HistogramAggregation

I64 = NDArray[np.int64]
UTC_NAMES: Final = ("", "UTC", "Z")
WHOLE_MAX: Final = float(1 << 53)  # below, whole numbers of float64 are exact


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
    if len(keys) and max(-keys.min(), keys.max()) < WHOLE_MAX:
        whole, codes = coded(keys.astype(np.int64))
        return _grouped(index, whole.astype(np.float64), codes, source.shown, parents)
    return _grouped(index, *coded(keys), source.shown, parents)


def _date_source(name: str, agg: DateHistogramAggregation, scope: SegmentScope) -> Source:
    wanted = Wanted(
        name=name,
        kind="date_histogram",
        path=agg.field,
        types=NUMERIC,
        missing=agg.missing,
        format=agg.format,
        zone=agg.time_zone,
    )
    return source_of(wanted, scope)


def collect_date_histogram(
    name: str, agg: DateHistogramAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    """As ``collect_terms``. Keys are where intervals begin, int64 ms."""
    source = _date_source(name, agg, scope)
    index, values = numbers_of(scope, source, docs)
    rounding = rounding_of(agg)
    steps = interval_steps(scope, source, rounding) if source.missing is None else None
    if steps is not None:
        keys, codes = steps.steps.bounds[:-1], numbers_in_steps(steps, values)
    else:
        width = agg.fixed_interval_ms if agg.fixed_interval_ms and agg.time_zone in UTC_NAMES else 1
        keys, codes = coded(rounding.floor(values.astype(np.int64)), width)
    if agg.hard_bounds is not None:
        kept = _within(agg, source, keys)[codes]
        index, codes = index[kept], codes[kept]
    return _grouped(index, keys, codes, _with_bounds(agg, source, rounding), parents)


def count_date_histogram(
    name: str, agg: DateHistogramAggregation, scope: SegmentScope, selection: Selection
) -> Buckets | None:
    """The buckets of all these documents together, by one count; None where ``collect_date_histogram`` is needed."""
    if agg.missing is not None:
        return None
    source = _date_source(name, agg, scope)
    rounding = rounding_of(agg)
    steps = interval_steps(scope, source, rounding)
    if steps is None:
        return None
    keys, counts = count_in_steps(scope, steps, selection)
    if agg.hard_bounds is not None:
        kept = _within(agg, source, keys)
        keys, counts = keys[kept], counts[kept]
    return Buckets(np.zeros(len(keys), np.int64), keys, counts, _with_bounds(agg, source, rounding))


def _within(agg: DateHistogramAggregation, source: Source, keys: I64) -> NDArray[np.bool_]:
    """Which keys lie within the hard bounds."""
    low, high = agg.hard_bounds or (None, None)
    kept = np.ones(len(keys), np.bool_)
    if low is not None:
        kept &= keys >= date_of(low, source)
    if high is not None:
        kept &= keys < date_of(high, source)
    return kept


def _with_bounds(agg: DateHistogramAggregation, source: Source, rounding: Rounding) -> Shown:
    shown = source.shown
    if agg.extended_bounds is None:
        return shown
    ends = np.array([date_of(one, source) for one in agg.extended_bounds], np.int64)
    low, high = rounding.floor(ends).tolist()
    return Shown(shown.type, shown.format, shown.zone, (low, high))


def _grouped(index: I64, keys: NDArray[Any], codes: I64, shown: Shown, parents: I64) -> tuple[Buckets, I64, I64]:
    kept = first_of_document(index, codes)
    index, codes = index[kept], codes[kept]
    bucket, of, code, counts = group(parents[index], codes, len(keys))
    return Buckets(of, keys[code], counts, shown), index, bucket
