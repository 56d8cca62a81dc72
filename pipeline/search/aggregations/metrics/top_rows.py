"""``top_hits``: the best rows of each bucket, by score or by sort keys, ties by the offset of the row's record."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.fields import Placed, SegmentScope
from pipeline.search.aggregations.partials import TopRows
from pipeline.search.queries.selection import Selection
from pipeline.search.sort import SCORE, Rows, Sorter
from schemas.aggregations import TopHitsAggregation

I64 = NDArray[np.int64]
F32 = NDArray[np.float32]


def collect_top_hits(agg: TopHitsAggregation, scope: SegmentScope, placed: Placed) -> TopRows:
    """The best rows of each bucket in this segment."""
    totals = np.bincount(placed.parents, minlength=placed.count).astype(np.int64)
    sorters = [Sorter(key, scope.mapping, scope.partition, scope.now_ms) for key in agg.sort or (SCORE,)]
    orders = tuple((s.key.descending, s.key.missing == "_first") for s in sorters)
    if scope.matched is None or not len(placed.docs):
        return _nothing(totals, orders, explicit=bool(agg.sort))
    segment = scope.matched.segment
    documents = placed.docs.astype(np.uint32)
    scores = _scores(scope.matched, documents)
    rows = Rows(segment, Selection(segment.size, documents), scores)
    columns = [sorter.column(rows) for sorter in sorters]
    offsets = scope.reader.offsets()[documents]
    order = np.lexsort([offsets, *(c.keys for c in reversed(columns)), placed.parents])
    chosen = first_of_each(placed.parents[order], agg.offset + agg.size)
    kept = order[chosen]
    values = [tuple(c.raw(i) for c in columns) for i in kept.tolist()] if agg.sort else None
    best = np.full(placed.count, -np.inf)
    if scores is not None:
        np.maximum.at(best, placed.parents, scores.astype(np.float64))
    return TopRows(
        totals=totals,
        best=best,
        parents=placed.parents[kept],
        places=np.zeros(len(kept), np.int64),
        segments=np.full(len(kept), segment.number),
        documents=documents[kept].astype(np.int64),
        offsets=offsets[kept],
        scores=np.full(len(kept), np.nan, np.float32) if scores is None else scores[kept],
        values=values,
        orders=orders,
    )


def _scores(matched: Rows, documents: NDArray[np.uint32]) -> F32 | None:
    """The scores of these documents; 0 for those that the query does not match."""
    if matched.scores is None:
        return None
    known = matched.documents
    at = np.minimum(np.searchsorted(known, documents), max(len(known) - 1, 0))
    if not len(known):
        return np.zeros(len(documents), np.float32)
    return np.where(known[at] == documents, matched.scores[at], np.float32(0))


def _nothing(totals: I64, orders: Sequence[tuple[bool, bool]], *, explicit: bool) -> TopRows:
    none = np.zeros(0, np.int64)
    values: list[tuple[Any, ...]] | None = [] if explicit else None
    return TopRows(
        totals,
        np.full(len(totals), -np.inf),
        none,
        none,
        none,
        none,
        none,
        np.zeros(0, np.float32),
        values,
        tuple(orders),
    )


def first_of_each(parents: I64, most: int) -> I64:
    """Places of the first ``most`` elements of each run of equal parents."""
    begins = np.flatnonzero(np.r_[True, parents[1:] != parents[:-1]]) if len(parents) else parents
    lengths = np.diff(np.append(begins, len(parents)))
    place = np.arange(len(parents)) - np.repeat(begins, lengths)
    found: I64 = np.flatnonzero(place < most)
    return found
