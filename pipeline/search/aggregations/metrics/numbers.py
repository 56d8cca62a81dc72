"""Metrics: one row of numbers for each bucket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.counts import taken
from pipeline.search.aggregations.buckets.hashes import mixed
from pipeline.search.aggregations.fields import (
    ANY_TYPE,
    NUMERIC,
    TERM_TYPES,
    Docs,
    Placed,
    SegmentScope,
    Source,
    Wanted,
    numbers_of,
    source_of,
    terms_of,
)
from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.partials import Values
from pipeline.search.aggregations.summaries.digests import digests_of
from pipeline.search.aggregations.summaries.sketch_kernels import hash_strings
from pipeline.search.aggregations.summaries.sketches import precision_of, sketches_of
from pipeline.search.aggregations.summaries.sum_kernels import extremes, sum_rows
from pipeline.search.aggregations.summaries.sums import squares_of, sum_of_halves, sums_of
from pipeline.search.kernels.zone_kernels import WHOLE
from pipeline.search.queries.selection import Selection
from schemas.aggregations import Cardinality, Metric, Quantiles, WeightedAverage
from schemas.errors import illegal_argument

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Found = tuple[I64, NDArray[Any]]  # indices into the documents, and a value of each
_STATS: Final = frozenset({"stats", "extended_stats"})
_LOW: Final = _STATS | {"min"}
_HIGH: Final = _STATS | {"max"}
_SUM: Final = _STATS | {"avg", "sum"}
_OF_ANY: Final = frozenset({"value_count", "cardinality"})


def metric_source(name: str, agg: Metric, scope: SegmentScope) -> Source:
    """The field of a metric."""
    wanted = Wanted(
        name=name,
        kind=agg.kind,
        path=agg.field,
        types=ANY_TYPE if agg.kind in _OF_ANY else NUMERIC,
        missing=agg.missing,
        format=agg.format,
    )
    return source_of(wanted, scope)


def collect_metric(name: str, agg: Metric, scope: SegmentScope, placed: Placed) -> Values:
    """The metric of each bucket."""
    source = metric_source(name, agg, scope)
    if isinstance(agg, Cardinality):
        return _distinct(agg, scope, source, placed)
    if isinstance(agg, WeightedAverage):
        return _weighted(name, agg, scope, source, placed)
    if source.type in TERM_TYPES:
        found = terms_of(scope, source, placed.docs)
        index, values = found.index, found.codes
    else:
        index, values = numbers_of(scope, source, placed.docs)
    buckets = placed.parents[index]
    if isinstance(agg, Quantiles):
        offsets = scope.reader.offsets()[placed.docs[index]] if len(index) else index
        return _distribution(agg, source, _Numbers(values.astype(np.float64), buckets, offsets), placed.count)
    return _numbers(agg, source, values, buckets, placed.count)


def sum_metric(name: str, agg: Metric, scope: SegmentScope, selection: Selection) -> Values | None:
    """A plain metric of all these documents together, in one pass over a column of whole numbers; None where ``collect_metric`` is needed:
    for other kinds and columns, and where a value stands in for missing ones.
    """
    if type(agg) is not Metric or agg.missing is not None:
        return None
    source = metric_source(name, agg, scope)
    slots = scope.columns.slots(source.path)
    if slots is None or slots.kind != WHOLE or source.type in TERM_TYPES:
        return None
    found = np.zeros(5, np.int64)
    sum_rows(slots.values, slots.present, *taken(selection), found)
    count, low, high, least, most = found.tolist()
    return Values(
        found[:1].copy(),
        source.shown,
        np.array([float(least) if count else np.inf]) if agg.kind in _LOW else None,
        np.array([float(most) if count else -np.inf]) if agg.kind in _HIGH else None,
        sum_of_halves(low, high) if agg.kind in _SUM else None,
    )


def _numbers(agg: Metric, source: Source, values: NDArray[Any], buckets: I64, count: int) -> Values:
    low = high = None
    if agg.kind in _LOW | _HIGH:
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        extremes(values.astype(np.float64), buckets, low, high)
    return Values(
        np.bincount(buckets, minlength=count).astype(np.int64),
        source.shown,
        low if agg.kind in _LOW else None,
        high if agg.kind in _HIGH else None,
        sums_of(values, buckets, count) if agg.kind in _SUM else None,
        squares_of(values.astype(np.float64), buckets, count) if agg.kind == "extended_stats" else None,
    )


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Values with their buckets, and the offsets of their records."""

    values: NDArray[np.float64]
    buckets: I64
    offsets: I64


def _distribution(agg: Quantiles, source: Source, found: _Numbers, count: int) -> Values:
    if agg.digits >= 0 and len(found.values) and found.values.min() < 0:
        raise illegal_argument(
            f"Negative values are not supported by HDR aggregation: the field [{agg.field}] has some; leave [hdr] out"
        )
    digests = digests_of(found.values, found.buckets, count, agg.compression, agg.digits, orders=found.offsets)
    return Values(np.bincount(found.buckets, minlength=count).astype(np.int64), source.shown, digests=digests)


def _weighted(name: str, agg: WeightedAverage, scope: SegmentScope, source: Source, placed: Placed) -> Values:
    wanted = Wanted(name=name, kind=agg.kind, path=agg.weight, types=NUMERIC, missing=agg.weight_missing)
    index, weights = numbers_of(scope, source_of(wanted, scope), placed.docs)
    if len(index) > len(np.unique(index)):
        raise illegal_argument(
            f"Encountered more than one weight for a single document of [{agg.weight}]. Use a field with one value."
        )
    weight = np.full(len(placed.docs), np.nan)
    weight[index] = weights
    index, values = numbers_of(scope, source, placed.docs)
    kept = ~np.isnan(weight[index])
    index, values = index[kept], values[kept].astype(np.float64)
    buckets, count = placed.parents[index], placed.count
    return Values(
        np.bincount(buckets, minlength=count).astype(np.int64),
        source.shown,
        sums=sums_of(values * weight[index], buckets, count),
        others=sums_of(weight[index], buckets, count),
    )


def _distinct(agg: Cardinality, scope: SegmentScope, source: Source, placed: Placed) -> Values:
    index, codes, hashes_of = _coded(scope, source, placed.docs)
    buckets = placed.parents[index]
    radix = int(codes.max(initial=0)) + 1
    pairs = np.unique(buckets * radix + codes)
    distinct, place = np.unique(pairs % radix, return_inverse=True)
    hashes = hashes_of(distinct)[place.reshape(-1)]
    sketches = sketches_of(hashes, pairs // radix, placed.count, precision_of(agg.precision_threshold))
    return Values(np.bincount(buckets, minlength=placed.count).astype(np.int64), source.shown, sketches=sketches)


def _coded(scope: SegmentScope, source: Source, docs: Docs) -> tuple[I64, I64, Callable[[I64], U64]]:
    """(indices into the documents, a number for the value of each, how such numbers are hashed)."""
    if source.type in TERM_TYPES or not source.type:
        found = terms_of(scope, source, docs)
        names = found.dictionary.names
        return found.index, found.codes, lambda codes: hashes_of_names(names.take(codes))
    index, values = numbers_of(scope, source, docs)
    distinct, codes = np.unique(values + 0.0 if values.dtype == np.float64 else values, return_inverse=True)
    return index, codes.reshape(-1), lambda codes: mixed(distinct[codes].view(np.int64)).view(np.uint64)


def hashes_of_names(names: Names) -> U64:
    """The hash of each name."""
    tight = names.compact()
    hashes = np.empty(len(tight), np.uint64)
    hash_strings(tight.data, tight.starts[:-1], tight.starts[1:], hashes)
    return hashes
