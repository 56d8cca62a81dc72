"""Aggregations of what other aggregations show: avg_bucket and its like, derivative, cumulative_sum, serial_diff, bucket_sort.

They work on the answer's objects. A *sibling* stands beside the aggregation whose buckets it sums up; a *parent* kind stands inside
of it and adds something to each bucket, or changes which there are.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.search.aggregations.partials import Shown
from query_api.fanout.aggregations.shown import as_string, java_double
from schemas.aggregations import Aggregation, Pipeline
from schemas.errors import illegal_argument, invalid

Json = dict[str, Any]
Bucket = Json
_BRACKETS: Final = re.compile(r"(.*?)\[(?:'([^']*)'|\"([^\"]*)\"|([^\]]*))\]")
_STEP: Final = re.compile(r"[>.]")
KEYS: Final = ("_key", "_count", "_bucket_count")


def buckets_of(shown: Json) -> list[Bucket]:
    """The buckets of an aggregation in their order, keyed or not."""
    buckets = shown.get("buckets", ())
    return list(buckets.values()) if isinstance(buckets, dict) else list(buckets)


@dataclass(frozen=True, slots=True)
class Asked:
    """A pipeline aggregation, how Elasticsearch calls what aggregations by name show (for messages), the names of all pipelines."""

    name: str
    pipeline: Pipeline
    kinds: Mapping[str, str]
    names: frozenset[str]

    @property
    def path(self) -> str:
        """``buckets_path``."""
        return self.pipeline.path

    @property
    def options(self) -> Mapping[str, Any]:
        """Its parameters."""
        return self.pipeline.options


# ---------------------------------------------------------------------- paths


def value_at(asked: Asked, path: str, bucket: Bucket) -> Any:
    """What a path gives within a bucket: a number, a key, or None where there is none. Raises ``aggregation_execution``."""
    at: Any = bucket
    rest = path
    last = ""
    while rest:
        name, rest = _step(rest, at)
        if name in KEYS:
            return _special(name, at)
        if not isinstance(at, dict) or name not in at:
            if last and isinstance(at, dict):
                return _measure(asked, last, f"{name}.{rest}" if rest else name, at)
            if name in asked.names:  # one that says nothing of this bucket
                return None
            raise _nothing(path, name)
        at, last = at[name], name
        if isinstance(at, dict) and isinstance(at.get("buckets"), list | dict) and rest and rest not in KEYS:
            raise _several(asked, last)
    return _measure(asked, last, "", at)


def _step(path: str, at: Any) -> tuple[str, str]:
    """(the next name of a path, what follows): names may have dots in them."""
    element, _, after = path.partition(">")
    found = _BRACKETS.fullmatch(element)
    if found is not None and found[1]:
        inner = next(part for part in found.groups()[1:] if part is not None)
        return found[1], f"{inner}>{after}" if after else inner
    if isinstance(at, dict):
        name = element
        while name not in at and "." in name:
            name = name.rpartition(".")[0]
        if name in at:
            rest = element[len(name) + 1 :]
            return name, ">".join(part for part in (rest, after) if part)
    return element, after


def _special(name: str, at: Any) -> Any:
    if name == "_bucket_count":
        return len(buckets_of(at)) if isinstance(at, dict) else None
    return at.get("doc_count" if name == "_count" else "key") if isinstance(at, dict) else None


def _measure(asked: Asked, name: str, measure: str, shown: Any) -> Any:
    """A number of a metric."""
    if not isinstance(shown, dict):
        return shown
    if measure in {"", "value"} and "value" in shown:
        return shown["value"]
    if isinstance(shown.get("values"), dict):
        values = shown["values"]
        known = {key for key in (measure, _as_double(measure)) if key in values}
        if known:
            return values[known.pop()]
    bounds = shown.get("std_deviation_bounds", {})
    if measure in {"std_upper", "std_lower"} and bounds:
        return bounds.get(measure.removeprefix("std_"))
    if measure and measure in shown and not isinstance(shown[measure], dict | list):
        return shown[measure]
    raise _several(asked, name)


def _as_double(text: str) -> str:
    try:
        return java_double(float(text))
    except ValueError:
        return text


def _nothing(path: str, name: str) -> Exception:
    return illegal_argument(f"Cannot find an aggregation named [{name}] in [{path}]")


def _several(asked: Asked, name: str) -> Exception:
    kind = asked.kinds.get(name, "Object[]")
    return invalid(
        "aggregation_execution",
        "buckets_path must reference either a number value or a single value numeric metric aggregation, got: "
        f"[{kind}] at aggregation [{name}]",
    )


def _number(agg: Asked, path: str, bucket: Bucket) -> float:
    """The number of a bucket; NaN for a gap that is to be skipped."""
    value = value_at(agg, path, bucket)
    if isinstance(value, str):
        value = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise invalid("aggregation_execution", f"buckets_path must reference a number, [{path}] gives [{value}]")
    if value is None or not math.isfinite(value) or (not bucket.get("doc_count") and path not in KEYS):
        return 0.0 if agg.options.get("gap_policy") == "insert_zeros" else math.nan
    return float(value)


def _shown(agg: Asked, value: float) -> Json:
    """``value``, and as the format shows it."""
    if not math.isfinite(value):
        return {"value": None}
    form = agg.options.get("format", "")
    text = as_string(value, Shown("double", form)) if form else None
    return {"value": value} if text is None else {"value": value, "value_as_string": text}


# ---------------------------------------------------------------------- siblings


@dataclass(frozen=True, slots=True)
class _Series:
    """The numbers of a path in the buckets that have one, and the buckets' keys."""

    numbers: list[float]
    keys: list[str]


def sibling(agg: Asked, level: Mapping[str, Json]) -> Json:
    """What a sibling shows, given what the others of its level show."""
    first, rest = _first_of(agg.path, level)
    if first is None or "buckets" not in level[first]:
        raise invalid(
            "action_request_validation",
            f"Validation Failed: 1: The first aggregation in buckets_path must be a multi-bucket aggregation for aggregation [{agg.name}] "
            f"for buckets path: {agg.path};",
        )
    series = _Series([], [])
    shown = level[first]
    keyed = shown["buckets"] if isinstance(shown["buckets"], dict) else None
    names = list(keyed) if keyed is not None else [None] * len(shown["buckets"])
    for key, bucket in zip(names, buckets_of(shown), strict=True):
        number = _number(agg, rest or "_count", bucket)
        if not math.isnan(number):
            series.numbers.append(number)
            series.keys.append(str(bucket.get("key_as_string", bucket.get("key", key))))
    return _SIBLINGS[agg.pipeline.kind](agg, series)


def _first_of(path: str, level: Mapping[str, Json]) -> tuple[str | None, str]:
    """(the aggregation of this level that a path begins with, what follows)."""
    name, rest = _step(path, level)
    return (name, rest) if name in level else (None, rest)


def _extreme(choose: Callable[[Sequence[float]], float]) -> Callable[[Asked, _Series], Json]:
    def find(agg: Asked, series: _Series) -> Json:
        if not series.numbers:
            return {"value": None, "keys": []}
        best = choose(series.numbers)
        keys = [key for key, number in zip(series.keys, series.numbers, strict=True) if number == best]
        return {**_shown(agg, best), "keys": keys}

    return find


def _stats(agg: Asked, series: _Series) -> Json:
    numbers = series.numbers
    if not numbers:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    total = math.fsum(numbers)
    found: Json = {
        "count": len(numbers), "min": min(numbers), "max": max(numbers), "avg": total / len(numbers), "sum": total,
    }  # fmt: skip
    for key in ("min", "max", "avg", "sum"):
        text = _shown(agg, found[key]).get("value_as_string")
        if text is not None:
            found[f"{key}_as_string"] = text
    return found


def _extended(agg: Asked, series: _Series) -> Json:
    numbers = series.numbers
    found = _stats(agg, series)
    sides = ("", "_population", "_sampling")
    if not numbers:
        names = ["sum_of_squares", *(f"{kind}{side}" for kind in ("variance", "std_deviation") for side in sides)]
        bounds: Json = {f"{end}{side}": None for side in sides for end in ("upper", "lower")}
        return found | dict.fromkeys(names) | {"std_deviation_bounds": bounds}
    squares = math.fsum(n * n for n in numbers)
    apart = max(math.fsum((n - found["avg"]) ** 2 for n in numbers), 0.0)
    variances = {"": apart / len(numbers), "_population": apart / len(numbers)}
    variances["_sampling"] = apart / (len(numbers) - 1) if len(numbers) > 1 else math.nan
    sigma = agg.options.get("sigma", 2.0)
    bounds = {}
    for side in sides:
        away = sigma * math.sqrt(variances[side])
        bounds |= {f"upper{side}": _finite(found["avg"] + away), f"lower{side}": _finite(found["avg"] - away)}
    return {
        **found,
        "sum_of_squares": squares,
        **{f"variance{side}": _finite(variances[side]) for side in sides},
        **{f"std_deviation{side}": _finite(math.sqrt(variances[side])) for side in sides},
        "std_deviation_bounds": bounds,
    }


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "NaN"


def _percentiles(agg: Asked, series: _Series) -> Json:
    """The nearest of the buckets' numbers."""
    ordered = sorted(series.numbers)
    values: Json = {}
    for percent in agg.options.get("percents", (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)):
        found = ordered[math.floor(percent / 100 * (len(ordered) - 1) + 0.5)] if ordered else math.nan
        one = _shown(agg, found)
        values[java_double(percent)] = one["value"]
        if "value_as_string" in one:
            values[f"{java_double(percent)}_as_string"] = one["value_as_string"]
    if agg.options.get("keyed", True):
        return {"values": values}
    rows = [{"key": float(key), "value": value} for key, value in values.items() if not key.endswith("_as_string")]
    return {"values": rows}


_SIBLINGS: Final[Mapping[str, Callable[[Asked, _Series], Json]]] = {
    "avg_bucket": lambda agg, s: _shown(agg, math.fsum(s.numbers) / len(s.numbers) if s.numbers else math.nan),
    "sum_bucket": lambda agg, s: _shown(agg, math.fsum(s.numbers)),
    "min_bucket": _extreme(min),
    "max_bucket": _extreme(max),
    "stats_bucket": _stats,
    "extended_stats_bucket": _extended,
    "percentiles_bucket": _percentiles,
}
SIBLINGS: Final = frozenset(_SIBLINGS)


# ---------------------------------------------------------------------- parents


def _derivative(agg: Asked, buckets: list[Bucket]) -> list[Bucket]:
    unit_ms = agg.options.get("unit_ms")
    before: float | None = None
    key_before = 0.0
    for bucket in buckets:
        value = _number(agg, agg.path, bucket)
        if before is not None:
            bucket[agg.name] = _shown(agg, value - before)
            if unit_ms is not None:
                span = (bucket["key"] - key_before) / unit_ms
                bucket[agg.name]["normalized_value"] = _shown(agg, (value - before) / span)["value"] if span else None
        before, key_before = value, bucket.get("key", 0)
    return buckets


def _cumulative_sum(agg: Asked, buckets: list[Bucket]) -> list[Bucket]:
    total = 0.0
    for bucket in buckets:
        value = _number(agg, agg.path, bucket)
        total += 0.0 if math.isnan(value) else value
        bucket[agg.name] = _shown(agg, total)
    return buckets


def _serial_diff(agg: Asked, buckets: list[Bucket]) -> list[Bucket]:
    lag = agg.options.get("lag", 1)
    values = [_number(agg, agg.path, bucket) for bucket in buckets]
    for at, bucket in enumerate(buckets[lag:], lag):
        if not math.isnan(values[at]) and not math.isnan(values[at - lag]):
            bucket[agg.name] = _shown(agg, values[at] - values[at - lag])
    return buckets


def _bucket_sort(agg: Asked, buckets: list[Bucket]) -> list[Bucket]:
    """Buckets in another order, and some of them; those without a value to sort by are left out."""
    keys: Sequence[tuple[str, bool]] = agg.options.get("sort", ())
    rows = [(bucket, [_sort_value(agg, path, bucket) for path, _ in keys]) for bucket in buckets]
    rows = [row for row in rows if not any(value != value for value in row[1])]  # noqa: PLR0124  NaN
    for at in reversed(range(len(keys))):
        rows.sort(key=lambda row, at=at: row[1][at], reverse=keys[at][1])  # type: ignore[misc]
    first = agg.options.get("from", 0)
    size = agg.options.get("size")
    chosen = rows[first:] if size is None else rows[first : first + size]
    return [bucket for bucket, _ in chosen]


def _sort_value(agg: Asked, path: str, bucket: Bucket) -> Any:
    if path == "_key":
        return bucket.get("key")
    return _number(agg, path, bucket)


_PARENTS: Final[Mapping[str, Callable[[Asked, list[Bucket]], list[Bucket]]]] = {
    "derivative": _derivative,
    "cumulative_sum": _cumulative_sum,
    "serial_diff": _serial_diff,
    "bucket_sort": _bucket_sort,
}


def within(agg: Asked, shown: Json) -> None:
    """Apply a parent kind to the buckets of the aggregation that it stands in."""
    buckets = shown["buckets"]
    if isinstance(buckets, dict):
        names = {id(bucket): key for key, bucket in buckets.items()}
        left = _PARENTS[agg.pipeline.kind](agg, list(buckets.values()))
        shown["buckets"] = {names[id(bucket)]: bucket for bucket in left}
    else:
        shown["buckets"] = _PARENTS[agg.pipeline.kind](agg, buckets)


def names_of(aggregations: Mapping[str, Aggregation]) -> frozenset[str]:
    """The names of all pipelines of a request."""
    found = {name for name, agg in aggregations.items() if isinstance(agg, Pipeline)}
    return frozenset(found.union(*(names_of(agg.children) for agg in aggregations.values())))


def in_dependency(pipelines: Mapping[str, Pipeline]) -> list[str]:
    """The names of pipelines, those that others read first. Raises ``illegal_argument`` for a circle."""
    waiting, order = dict(pipelines), list[str]()
    while waiting:
        ready = [name for name, agg in waiting.items() if not _reads(agg) & (waiting.keys() - {name})]
        if not ready:
            raise illegal_argument(f"Cyclical dependency found with pipeline aggregator [{next(iter(waiting))}]")
        for name in ready:
            del waiting[name]
        order += ready
    return order


def _reads(agg: Pipeline) -> set[str]:
    """The first names of its paths."""
    paths = [agg.path, *(path for path, _ in agg.options.get("sort", ()))]
    return {_STEP.split(path)[0] for path in paths}
