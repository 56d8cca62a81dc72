"""Aggregations whose buckets the request gives: filter, filters, global, missing, range, date_range.

Their keys are the numbers of these buckets (int64); ``Shown.labels`` says how a range is shown.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.groups import group
from pipeline.search.aggregations.fields import (
    ANY_TYPE,
    NUMERIC,
    Docs,
    SegmentScope,
    Source,
    Wanted,
    date_of,
    mask_of,
    numbers_of,
    source_of,
)
from pipeline.search.aggregations.partials import Buckets, Shown
from schemas.aggregations import (
    FilterAggregation,
    FiltersAggregation,
    MissingAggregation,
    RangeAggregation,
)

I64 = NDArray[np.int64]
Collected = tuple[Buckets, I64, I64]
_SLOT = Shown("slot")
Label = tuple[str | None, float | None, float | None]


def collect_filter(
    agg: FilterAggregation | FiltersAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> Collected:
    """As ``collect_terms``: slot i is the i-th query's, the last one of what no query matches."""
    queries = [agg.query] if isinstance(agg, FilterAggregation) else [q for _, q in agg.queries]
    found = [np.flatnonzero(mask_of(scope, query)[docs]) for query in queries]
    if isinstance(agg, FiltersAggregation) and agg.other_bucket_key is not None:
        unmatched = np.ones(len(docs), np.bool_)
        for index in found:
            unmatched[index] = False
        found.append(np.flatnonzero(unmatched))
    return _slots(found, parents, _SLOT)


def collect_global(scope: SegmentScope) -> tuple[Buckets, I64, I64, Docs]:
    """Every live document of the segment, in one bucket; the documents besides."""
    docs = np.flatnonzero(scope.alive)
    return *_slots([np.arange(len(docs))], np.zeros(len(docs), np.int64), _SLOT), docs


def collect_missing(name: str, agg: MissingAggregation, scope: SegmentScope, docs: Docs, parents: I64) -> Collected:
    """The documents without a value."""
    wanted = Wanted(name=name, kind="missing", path=agg.field, types=ANY_TYPE)
    source = source_of(wanted, scope)
    present = scope.reader.present(source.path) if source.type else None
    without = np.ones(len(docs), np.bool_) if present is None else ~present[docs]
    if agg.missing is not None:
        without[:] = False
    return _slots([np.flatnonzero(without)], parents, _SLOT)


def collect_range(name: str, agg: RangeAggregation, scope: SegmentScope, docs: Docs, parents: I64) -> Collected:
    """As ``collect_terms``; slots are the ranges by (from, to)."""
    kind = "date_range" if agg.date else "range"
    wanted = Wanted(
        name=name,
        kind=kind,
        path=agg.field,
        types=NUMERIC,
        missing=agg.missing,
        format=agg.format,
        zone=agg.time_zone,
    )
    source = source_of(wanted, scope)
    labels = _labels(agg, source)
    index, values = numbers_of(scope, source, docs)
    found = []
    for _, start, end in labels:
        inside = np.ones(len(values), np.bool_)
        if start is not None:
            inside &= values >= start
        if end is not None:
            inside &= values < end
        found.append(np.unique(index[inside]))
    form = source.shown.format if source.type or agg.date else ""
    shown = Shown(source.type or ("date" if agg.date else ""), form, agg.time_zone, None, labels)
    return _slots(found, parents, shown)


def _labels(agg: RangeAggregation, source: Source) -> tuple[Label, ...]:
    """(key, from, to) of each range, ordered by where it begins, then where it ends."""

    def end(given: object) -> float | None:
        if given is None:
            return None
        if not agg.date:
            return float(given)  # type: ignore[arg-type]
        # a number is read in the field's format like a text: 1000 are seconds where that is epoch_second
        return float(date_of(str(int(given)) if isinstance(given, int | float) else given, source))

    labels = [(one.key, end(one.start), end(one.end)) for one in agg.ranges]
    infinite = float("inf")
    return tuple(
        sorted(
            labels,
            key=lambda one: (
                -infinite if one[1] is None else one[1],
                infinite if one[2] is None else one[2],
            ),
        )
    )


def _slots(found: Sequence[I64], parents: I64, shown: Shown) -> Collected:
    """Buckets of (parent, slot); found[i] are indices of the documents in slot i."""
    index = np.concatenate(found) if found else np.zeros(0, np.int64)
    codes = np.repeat(np.arange(len(found)), [len(one) for one in found])
    bucket, of, code, counts = group(parents[index], codes, max(len(found), 1))
    return Buckets(of, code, counts, shown), index, bucket
