"""The numbers of metrics: read from partials as a column, and shown as Elasticsearch does."""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.partials import Shown, Values
from pipeline.search.aggregations.summaries.digests import Digest, Digests, hdr_quantiles, hdr_shares
from pipeline.search.aggregations.summaries.sketches import counts_of
from pipeline.search.aggregations.summaries.sums import Sums, floats_of, fraction_of
from query_api.fanout.aggregations.shown import as_string, java_double, texts_of
from schemas.aggregations import ExtendedStats, Metric, Quantiles

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Json = dict[str, Any]
STATS: Final = ("count", "min", "max", "avg", "sum")
SPREAD: Final = (
    "sum_of_squares", "variance", "variance_population", "variance_sampling", "std_deviation", "std_deviation_population",
    "std_deviation_sampling",
)  # fmt: skip
BOUNDS: Final = ("upper", "lower", "upper_population", "lower_population", "upper_sampling", "lower_sampling")


def measures_of(agg: Metric) -> frozenset[str] | None:
    """By what an order may name one of several numbers of a metric; None: it has one."""
    if agg.kind == "stats":
        return frozenset(STATS)
    if isinstance(agg, ExtendedStats):
        return frozenset({*STATS, *SPREAD, "std_upper", "std_lower"})
    if isinstance(agg, Quantiles) and agg.points:
        return frozenset({java_double(point) for point in agg.points} | {f"{point:g}" for point in agg.points})
    return None


def metric_column(agg: Metric, measure: str, partial: Values, wanted: I64) -> F64:
    """float64[wanted]: a number of the metric for these buckets; NaN where it has none (buckets below 0 are empty)."""
    real = wanted >= 0
    if type(agg) is Metric and real.all():
        return _plain(measure or agg.kind, partial, wanted)
    column = np.full(len(wanted), np.nan)
    rows = wanted[real]
    if isinstance(agg, Quantiles):
        column[real] = [_quantile(agg, measure, partial.digests, row) for row in rows.tolist()]
    elif measure in SPREAD or measure in {"std_upper", "std_lower"}:
        column[real] = [_number(_spread(agg, partial, row).get(measure)) for row in rows.tolist()]
    else:
        column[real] = _plain(measure or agg.kind, partial, rows)
        column[~real] = 0.0 if (measure or agg.kind) in {"value_count", "count", "cardinality", "sum"} else np.nan
    return column


def _number(value: Any) -> float:
    return value if isinstance(value, float) else math.nan


def _plain(kind: str, partial: Values, rows: I64) -> F64:
    counts = partial.counts[rows].astype(np.float64)
    if kind in {"value_count", "count"}:
        return counts
    if partial.sketches is not None:
        return counts_of(partial.sketches)[rows].astype(np.float64)
    if kind in {"sum", "avg", "weighted_avg"}:
        column = _sums(partial.sums, rows)
        if kind == "sum":
            return column
        divisor = counts if kind == "avg" else _sums(partial.others, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            column = column / divisor
    else:
        extreme = partial.low if kind == "min" else partial.high
        assert extreme is not None
        column = extreme[rows]
    column[counts == 0] = np.nan
    return column


def _sums(sums: Sums | None, rows: I64) -> F64:
    assert sums is not None
    return floats_of(Sums(sums.limbs[rows], sums.base))


def _quantile(agg: Quantiles, measure: str, digests: Digests | None, row: int) -> float:
    assert digests is not None
    digest = digests.of(row)
    if agg.kind == "median_absolute_deviation":
        return _deviation(digest)
    point = np.array([float(measure)]) if measure else np.array(agg.points[:1])
    return float(_at(agg, digest, point)[0])


def _deviation(digest: Digest) -> float:
    return float(digest.deviations().quantiles(np.array([0.5]))[0])


def _at(agg: Quantiles, digest: Digest, points: F64) -> F64:
    if agg.kind == "percentiles":
        shares = points / 100
        return digest.quantiles(shares) if agg.digits < 0 else hdr_quantiles(digest, shares, agg.digits)
    return 100 * (digest.shares_below(points) if agg.digits < 0 else hdr_shares(digest, points, agg.digits))


def render_metric(agg: Metric, partial: Values, wanted: I64) -> list[Json]:
    """The object of a metric for each of these buckets."""
    shown = partial.shown
    if isinstance(agg, Quantiles) and agg.kind != "median_absolute_deviation":
        return [_quantiles(agg, partial, row) for row in wanted.tolist()]
    if agg.kind in {"value_count", "cardinality"}:
        counts = metric_column(agg, "", partial, wanted).astype(np.int64).tolist()
        return [{"value": count} for count in counts]
    if agg.kind == "stats" or isinstance(agg, ExtendedStats):
        names = ("count", "min", "max", "sum")
        columns = [metric_column(agg, kind, partial, wanted).tolist() for kind in names]
        rows = [_stats(dict(zip(names, row, strict=True)), shown) for row in zip(*columns, strict=True)]
        if isinstance(agg, ExtendedStats):
            return [row | _extended(agg, partial, number) for row, number in zip(rows, wanted.tolist(), strict=True)]
        return rows
    return [_value(v, shown) for v in metric_column(agg, "", partial, wanted).tolist()]


def _value(value: float, shown: Shown) -> Json:
    if not math.isfinite(value):
        return {"value": None if math.isnan(value) else _special(value)}
    text = as_string(value, shown)
    return {"value": value} if text is None else {"value": value, "value_as_string": text}


def _special(value: float) -> float | str:
    """A number as JSON can have it: what is not finite is a word, as Jackson writes it."""
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _stats(row: dict[str, float], shown: Shown) -> Json:
    count = int(row["count"])
    if not count:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    total = row["sum"]
    result: Json = {"count": count, "min": row["min"], "max": row["max"], "avg": total / count, "sum": total}
    texts = texts_of([result[kind] for kind in STATS[1:]], shown)
    return result | {f"{kind}_as_string": text for kind, text in zip(STATS[1:], texts, strict=False)}


def _spread(agg: Metric, partial: Values, row: int) -> dict[str, float]:
    """How far a bucket's values lie apart: from exact sums, each number rounded once; empty where there are none."""
    count = int(partial.counts[row])
    if not count:
        return {}
    assert partial.sums is not None
    assert partial.others is not None
    total, squares = fraction_of(partial.sums, row), fraction_of(partial.others, row)
    apart = squares - total * total / count
    population = max(float(apart / count), 0.0)
    sampling = max(float(apart / (count - 1)), 0.0) if count > 1 else math.nan
    found = {
        "sum_of_squares": float(squares), "variance": population, "variance_population": population, "variance_sampling": sampling,
        "std_deviation": math.sqrt(population), "std_deviation_population": math.sqrt(population),
        "std_deviation_sampling": math.sqrt(sampling),
    }  # fmt: skip
    mean = float(total / count)
    sigma = agg.sigma if isinstance(agg, ExtendedStats) else 2.0
    for kind in ("", "_population", "_sampling"):
        away = sigma * found[f"std_deviation{kind}"]
        found[f"upper{kind}"], found[f"lower{kind}"] = mean + away, mean - away
    return found | {"std_upper": found["upper"], "std_lower": found["lower"]}


def _extended(agg: ExtendedStats, partial: Values, row: int) -> Json:
    found = _spread(agg, partial, row) if row >= 0 else {}
    if not found:
        return {**dict.fromkeys(SPREAD), "std_deviation_bounds": dict.fromkeys(BOUNDS)}
    result: Json = {name: _special(found[name]) for name in SPREAD}
    result["std_deviation_bounds"] = {name: _special(found[name]) for name in BOUNDS}
    texts = {name: as_string(found[name], partial.shown) for name in (*SPREAD, *BOUNDS) if math.isfinite(found[name])}
    result |= {f"{name}_as_string": texts[name] for name in SPREAD if texts.get(name) is not None}
    bounds = {name: texts[name] for name in BOUNDS if texts.get(name) is not None}
    return result | {"std_deviation_bounds_as_string": bounds} if bounds else result


def _quantiles(agg: Quantiles, partial: Values, row: int) -> Json:
    points = np.array(agg.points)
    assert partial.digests is not None
    found = _at(agg, partial.digests.of(row), points) if row >= 0 else np.full(len(points), np.nan)
    shown = [_value(value, partial.shown) for value in found.tolist()]
    if not agg.keyed:
        return {"values": [{"key": point, **one} for point, one in zip(agg.points, shown, strict=True)]}
    values: Json = {}
    for point, one in zip(agg.points, shown, strict=True):
        values[java_double(point)] = one["value"]
        if "value_as_string" in one:
            values[f"{java_double(point)}_as_string"] = one["value_as_string"]
    return {"values": values}
