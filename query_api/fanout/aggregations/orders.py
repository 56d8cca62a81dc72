"""The order of buckets: by count, by key, by a metric below them (``avg_price``, ``s.max``, ``only_red>price.max``)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.search.aggregations.partials import Buckets, Partial, Values
from pipeline.search.kernels.count_kernels import greatest_counts
from query_api.fanout.aggregations.metrics import measures_of, metric_column
from schemas.aggregations import (
    Aggregation,
    DateHistogramAggregation,
    FilterAggregation,
    GlobalAggregation,
    HistogramAggregation,
    Metric,
    MissingAggregation,
    Pipeline,
    TermsAggregation,
)
from schemas.errors import SedimentError, invalid

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Ordered = TermsAggregation | HistogramAggregation | DateHistogramAggregation
_SINGLE: Final = (FilterAggregation, GlobalAggregation, MissingAggregation)
_PART: Final = re.compile(r"([^.\[]+)(?:\.([^\[]+)|\[([^\]]+)\])?")
_BUILT_OF: Final = (
    "Buckets can only be sorted on a sub-aggregator path that is built out of zero or more "
    "single-bucket aggregations within the path and a final single-bucket or a metrics aggregation "
    "at the path end."
)
_PLAIN: Final = ("_count", "_key")


def _bad(path: str, why: str) -> SedimentError:
    return invalid("aggregation_execution", f"Invalid aggregation order path [{path}]. {why}")


def check_order(agg: Ordered) -> None:
    """Raise ``aggregation_execution`` where an order names nothing that can order buckets."""
    if tuple(agg.order) == BY_COUNT:
        return
    for path, _ in agg.order:
        if path not in _PLAIN:
            _resolve(path, agg.children)


@dataclass(frozen=True, slots=True)
class _Path:
    """The single-bucket aggregations on the way, the last one, and what of it."""

    names: list[str]
    last: Aggregation
    measure: str


def _resolve(path: str, children: Mapping[str, Aggregation]) -> _Path:
    names: list[str] = []
    found: Aggregation | None = None
    wanted = ""
    for part in path.split(">"):
        if wanted or (found is not None and not isinstance(found, _SINGLE)):
            raise _bad(path, _BUILT_OF)
        if part == "_count" and found is not None:
            return _Path(names, found, "_count")
        step = _PART.fullmatch(part)
        if step is None or step[1] not in children or isinstance(children[step[1]], Pipeline):
            name = path if step is None else step[1]
            raise _bad(
                path,
                f"The provided aggregation [{name}] either does not exist, or is a pipeline "
                "aggregation and cannot be used to sort the buckets.",
            )
        names.append(step[1])
        found, wanted = children[step[1]], step[2] or step[3] or ""
        children = found.children
    assert found is not None
    return _Path(names, found, _measure(path, found, wanted))


def _measure(path: str, found: Aggregation, wanted: str) -> str:
    if isinstance(found, Metric):
        several = measures_of(found)
        if several is not None:
            if wanted not in several:
                raise _bad(
                    path,
                    f"Unknown metric name [{wanted}] on multi-value metrics aggregation"
                    if wanted
                    else "When ordering on a multi-value metrics aggregation a metric name must be specified.",
                )
            return wanted
        if wanted not in {"", "value"}:
            short = path.rpartition(".")[0]
            raise _bad(
                path,
                "Ordering on a single-value metrics aggregation can only be done on its value. "
                f'Either drop the key (a la "{short}") or change it to "value" (a la "{short}.value")',
            )
        return ""
    if isinstance(found, _SINGLE) and wanted in {"", "doc_count", "_count"}:
        return "_count"
    raise _bad(path, _BUILT_OF)


def order_column(path: str, agg: Ordered, children: Mapping[str, Partial], numbers: I64) -> F64:
    """float64[numbers]: what a path gives for these buckets; NaN where there is no value."""
    way = _resolve(path, agg.children)
    for name in way.names[:-1]:
        inner = children.get(name)
        if not isinstance(inner, Buckets):
            return np.full(len(numbers), np.nan)
        numbers = _single_bucket(inner, numbers)
        children = inner.children
    last = children.get(way.names[-1])
    if isinstance(last, Buckets):
        numbers = _single_bucket(last, numbers)
        if not len(last.counts):
            return np.zeros(len(numbers))
        return np.where(numbers >= 0, last.counts[np.maximum(numbers, 0)], 0).astype(np.float64)
    if not isinstance(last, Values) or not isinstance(way.last, Metric):
        return np.full(len(numbers), np.nan)
    return metric_column(way.last, way.measure, last, numbers)


def _single_bucket(partial: Buckets, parents: I64) -> I64:
    """The one bucket under each of these parents, -1 where it is empty."""
    if not len(partial.parents):
        return np.full(len(parents), -1)
    at = np.minimum(np.searchsorted(partial.parents, parents), len(partial.parents) - 1)
    found: I64 = np.where((partial.parents[at] == parents) & (parents >= 0), at, -1)
    return found


BY_COUNT: Final = (("_count", False), ("_key", True))
BY_KEY: Final = (("_key", True),)


def ordered(agg: Ordered, partial: Buckets, low: int, high: int) -> I64:
    """The buckets [low, high) that have enough documents, in the aggregation's order. Their keys ascend as they do."""
    counts = partial.counts[low:high]
    least = max(agg.min_doc_count, 1)
    limit = agg.size if isinstance(agg, TermsAggregation) else high - low
    if tuple(agg.order) == BY_COUNT:
        best = np.empty(min(limit, high - low), np.int64)
        best = best[: greatest_counts(frozen(counts), best)]
        return low + (best[counts[best] >= least] if least > 1 else best)
    numbers = low + (np.flatnonzero(counts >= least) if least > 1 else np.arange(high - low))
    if tuple(agg.order) == BY_KEY:
        return numbers[:limit]
    return numbers[sorted_by(agg, partial, numbers, np.arange(len(numbers)))[:limit]]


def sorted_by(agg: Ordered, partial: Buckets, numbers: I64, ranks: I64) -> I64:
    """The order of these buckets (below 0: one without documents), whose keys are ranked so."""
    columns: list[NDArray[Any]] = []
    for path, ascending in agg.order:
        if path == "_count":
            column: NDArray[Any] = np.zeros(len(numbers), np.int64)
            real = numbers >= 0
            column[real] = partial.counts[numbers[real]]
        elif path == "_key":
            column = ranks
        else:
            column = order_column(path, agg, partial.children, numbers)
        columns.append(column if ascending else -column)
    order: I64 = np.lexsort([ranks, *reversed(columns)])
    return order
