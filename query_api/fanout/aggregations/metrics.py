"""The numbers of metrics: read from partials as a column, and shown as Elasticsearch does."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.partials import Shown, Values
from pipeline.search.aggregations.summaries.sums import Sums, floats_of
from query_api.fanout.aggregations.shown import as_string
from schemas.aggregations import Metric

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
STATS: Final = ("count", "min", "max", "avg", "sum")


def metric_column(kind: str, partial: Values, wanted: I64) -> F64:
    """float64[wanted]: the metric of these buckets; NaN where it has no value (buckets below 0 are empty)."""
    real = wanted >= 0
    rows = wanted[real]
    counts = np.zeros(len(wanted))
    counts[real] = partial.counts[rows]
    if kind in {"value_count", "count"}:
        return counts
    column = np.zeros(len(wanted))
    if kind in {"sum", "avg"}:
        assert partial.sums is not None
        column[real] = floats_of(Sums(partial.sums.limbs[rows], partial.sums.base))
        if kind == "sum":
            return column
        column /= np.maximum(counts, 1)
    else:
        extreme = partial.low if kind == "min" else partial.high
        assert extreme is not None
        column[real] = extreme[rows]
    column[counts == 0] = np.nan
    return column


def render_metric(agg: Metric, partial: Values, wanted: I64) -> list[dict[str, Any]]:
    """The object of a metric for each of these buckets."""
    shown = partial.shown
    if agg.kind == "value_count":
        counts = metric_column("count", partial, wanted).astype(np.int64).tolist()
        return [{"value": count} for count in counts]
    if agg.kind == "stats":
        columns = {kind: metric_column(kind, partial, wanted).tolist() for kind in STATS}
        return [_stats({kind: column[i] for kind, column in columns.items()}, shown) for i in range(len(wanted))]
    return [_value(v, shown) for v in metric_column(agg.kind, partial, wanted).tolist()]


def _value(value: float, shown: Shown) -> dict[str, Any]:
    if value != value:  # noqa: PLR0124  NaN
        return {"value": None}
    text = as_string(value, shown)
    return {"value": value} if text is None else {"value": value, "value_as_string": text}


def _stats(row: dict[str, float], shown: Shown) -> dict[str, Any]:
    count = int(row["count"])
    if not count:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    result: dict[str, Any] = {**row, "count": count}
    for kind in STATS[1:]:
        text = as_string(row[kind], shown)
        if text is not None:
            result[f"{kind}_as_string"] = text
    return result
