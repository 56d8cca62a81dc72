"""Aggregations in the obvious way: Python over documents as dicts of lists. Knows the schemas only.

A document maps field names to lists of values: strings (keyword), ints (long, boolean, date in ms), floats
(double). ``Types`` says which is which.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

from schemas.aggregations import (
    Aggregation,
    CompositeAggregation,
    DateHistogramAggregation,
    ExtendedStats,
    FilterAggregation,
    FiltersAggregation,
    GlobalAggregation,
    HistogramAggregation,
    KeySource,
    Metric,
    MissingAggregation,
    MultiTermsAggregation,
    Quantiles,
    RangeAggregation,
    RareTermsAggregation,
    TermsAggregation,
)

Document = Mapping[str, Sequence[Any]]
Types = Mapping[str, str]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)


@dataclass
class World:
    """Every document, the types of fields, and how a query is matched."""

    documents: Sequence[Document]
    types: Types
    matches: Callable[[Any, Document], bool]
    seen: list[int] = field(default_factory=list)


def aggregate(world: World, aggs: Mapping[str, Aggregation], docs: Sequence[Document]) -> dict[str, Any]:
    """The ``aggregations`` object for these documents."""
    return {
        name: ({"meta": agg.meta} if agg.meta is not None else {}) | one(world, agg, docs) for name, agg in aggs.items()
    }


def bucket(world: World, agg: Aggregation, docs: Sequence[Document], **key: Any) -> dict[str, Any]:
    return {**key, "doc_count": len(docs), **aggregate(world, agg.children, docs)}


def one(world: World, agg: Aggregation, docs: Sequence[Document]) -> dict[str, Any]:
    match agg:
        case Metric():
            return metric(world, agg, docs)
        case CompositeAggregation():
            return composite(world, agg, docs)
        case MultiTermsAggregation():
            return multi_terms(world, agg, docs)
        case TermsAggregation():
            return terms(world, agg, docs)
        case HistogramAggregation():
            return histogram(world, agg, docs)
        case DateHistogramAggregation():
            return date_histogram(world, agg, docs)
        case RangeAggregation():
            return ranges(world, agg, docs)
        case FilterAggregation():
            return bucket(world, agg, [d for d in docs if world.matches(agg.query, d)])
        case FiltersAggregation():
            return filters(world, agg, docs)
        case GlobalAggregation():
            return bucket(world, agg, world.documents)
        case MissingAggregation():
            return bucket(world, agg, [d for d in docs if not d.get(agg.field)])
        case _:
            raise AssertionError(agg)


def values_of(doc: Document, name: str, missing: Any) -> list[Any]:
    values = list(doc.get(name, ()))
    return values if values or missing is None else [missing]


def show_date(ms: int, zone: str = "") -> str:
    moment = (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone) if zone else UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(world: World, name: str, value: float, zone: str = "") -> str | None:
    kind = world.types.get(name)
    if kind == "date":
        return show_date(int(value), zone)
    return None if kind != "boolean" else "true" if value else "false"


def percentile(values: Sequence[float], share: float) -> float:
    """Hazen's: the k-th of n values, from 0, stands at (k + 1/2) / n."""
    ordered = sorted(map(float, values))
    place = min(max(share * len(ordered) - 0.5, 0.0), len(ordered) - 1.0)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def rank(values: Sequence[float], value: float) -> float:
    """A value's one share lies evenly between the middles to its neighbours, as far beyond the outermost; the shares below."""
    ordered = sorted(map(float, values))
    if len(ordered) == 1:
        return 0.0 if value < ordered[0] else 1.0
    halves = [(b - a) / 2 for a, b in pairwise(ordered)]
    for place, (one, left, right) in enumerate(zip(ordered, halves[:1] + halves, halves + halves[-1:], strict=True)):
        if value < one + right and not left + right:  # before the first of equal values
            return 0.0
        if value < one + right:
            return max((place + (value - (one - left)) / (left + right)) / len(ordered), 0.0)
    return 1.0


def deviation(values: Sequence[float]) -> float:
    middle = percentile(values, 0.5)
    return percentile([abs(float(v) - middle) for v in values], 0.5)


def quantiles(world: World, agg: Quantiles, values: Sequence[Any]) -> dict[str, Any]:
    if agg.kind == "median_absolute_deviation":
        found = deviation(values) if values else None
        text = None if found is None else shown(world, agg.field, found)
        return {"value": found, **({} if text is None else {"value_as_string": text})}
    rows = []
    for point in agg.points:
        found = None
        if values:
            found = percentile(values, point / 100) if agg.kind == "percentiles" else 100 * rank(values, point)
        text = None if found is None else shown(world, agg.field, found)
        rows.append((point, found, text))
    if not agg.keyed:
        return {
            "values": [
                {"key": p, "value": v, **({} if text is None else {"value_as_string": text})} for p, v, text in rows
            ]
        }
    keyed: dict[str, Any] = {}
    for point, found, text in rows:
        keyed[str(float(point))] = found
        if text is not None:
            keyed[f"{float(point)}_as_string"] = text
    return {"values": keyed}


def spread(world: World, agg: ExtendedStats, values: Sequence[Any]) -> dict[str, Any]:
    names = ["variance", "variance_population", "variance_sampling"]
    names += [name.replace("variance", "std_deviation") for name in names]
    sides = ["", "_population", "_sampling"]
    if not values:
        empty = {f"{end}{side}": None for side in sides for end in ("upper", "lower")}
        return {"sum_of_squares": None, **dict.fromkeys(names), "std_deviation_bounds": empty}
    exact = [Fraction(float(v)) for v in values]
    count, total = len(exact), sum(exact)
    squares = sum(v * v for v in exact)
    apart = squares - total * total / count
    population = float(apart / count)
    sampling = float(apart / (count - 1)) if count > 1 else math.nan
    found = dict(
        zip(names, [population, population, sampling, *map(math.sqrt, (population, population, sampling))], strict=True)
    )
    mean = float(total / count)
    bounds: dict[str, float] = {}
    for side in sides:
        away = agg.sigma * found[f"std_deviation{side}"]
        bounds |= {f"upper{side}": mean + away, f"lower{side}": mean - away}
    found = {"sum_of_squares": float(squares), **found}
    texts = {f"{n}_as_string": shown(world, agg.field, v) for n, v in found.items() if not math.isnan(v)}
    ends = {n: shown(world, agg.field, v) for n, v in bounds.items() if not math.isnan(v)}
    result: dict[str, Any] = {n: "NaN" if math.isnan(v) else v for n, v in found.items()}
    result["std_deviation_bounds"] = {n: "NaN" if math.isnan(v) else v for n, v in bounds.items()}
    result |= {n: text for n, text in texts.items() if text is not None}
    if any(ends.values()):
        result["std_deviation_bounds_as_string"] = ends
    return result


def metric(world: World, agg: Metric, docs: Sequence[Document]) -> dict[str, Any]:
    values = [v for d in docs for v in values_of(d, agg.field, agg.missing)]
    if agg.kind == "value_count":
        return {"value": len(values)}
    if agg.kind == "cardinality":
        return {"value": len(set(values))}
    if isinstance(agg, Quantiles):
        return quantiles(world, agg, values)
    total = float(sum(map(Fraction, values)))
    computed = {
        "min": float(min(values)) if values else None,
        "max": float(max(values)) if values else None,
        "avg": total / len(values) if values else None,
        "sum": total,
    }

    def text(value: float | None, name: str) -> dict[str, Any]:
        string = None if value is None else shown(world, agg.field, value)
        return {} if string is None else {f"{name}_as_string": string}

    if agg.kind in {"stats", "extended_stats"}:
        result: dict[str, Any] = {"count": len(values), **computed}
        for name, value in computed.items() if values else ():
            result |= text(value, name)
        return result | spread(world, agg, values) if isinstance(agg, ExtendedStats) else result
    value = computed[agg.kind]
    return {"value": value, **text(value, "value")}


def order_value(world: World, agg: Any, path: str, docs: Sequence[Document]) -> float | None:
    head, _, rest = path.partition(">")
    name, _, part = head.rstrip("]").replace("[", ".").partition(".")
    child = agg.children[name]
    result = one(world, child, docs)
    if isinstance(child, Quantiles) and child.points:
        plain = one(world, replace(child, keyed=True), docs)
        value: float | None = plain["values"][part]
        return value
    if rest:
        (inner,) = [[d for d in docs if world.matches(child.query, d)]]
        return order_value(world, child, rest, inner)
    if isinstance(child, FilterAggregation):
        return float(result["doc_count"])
    return result[part or "value"]


def sort_buckets(world: World, agg: Any, groups: dict[Any, list[Document]]) -> list[Any]:
    keys = sorted(groups)
    for path, ascending in reversed(agg.order):
        if path == "_key":
            keys.sort(reverse=not ascending)
        elif path == "_count":
            keys.sort(key=lambda k: len(groups[k]) * (1 if ascending else -1))
        else:
            by = {k: order_value(world, agg, path, groups[k]) for k in keys}
            sign = 1 if ascending else -1
            keys.sort(key=lambda k: math.inf if (value := by[k]) is None else value * sign)
    return keys


def allowed(agg: TermsAggregation, value: Any) -> bool:
    def within(given: Any) -> bool:
        if isinstance(given, str):
            return re.fullmatch(given, value) is not None
        return value in given

    if agg.include is not None and not within(agg.include):
        return False
    return agg.exclude is None or not within(agg.exclude)


def terms(world: World, agg: TermsAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    groups: dict[Any, list[Document]] = {}
    for doc in world.documents if agg.min_doc_count == 0 else ():
        for value in values_of(doc, agg.field, agg.missing):
            if allowed(agg, value):
                groups[value] = []
    for doc in docs:
        for value in set(values_of(doc, agg.field, agg.missing)):
            if allowed(agg, value):
                groups.setdefault(value, []).append(doc)
    if isinstance(agg, RareTermsAggregation):
        keys = sorted((k for k in groups if len(groups[k]) <= agg.max_doc_count), key=lambda k: (len(groups[k]), k))
        agg = replace(agg, size=len(keys))
    else:
        groups = {k: g for k, g in groups.items() if len(g) >= agg.min_doc_count}
        keys = sort_buckets(world, agg, groups)
    buckets = []
    for key in keys[: agg.size]:
        text = None if isinstance(key, str) else shown(world, agg.field, key)
        shown_key = float(key) if world.types.get(agg.field) == "double" else key
        head = {"key": shown_key} if text is None else {"key": key, "key_as_string": text}
        buckets.append(bucket(world, agg, groups[key], **head))
    if isinstance(agg, RareTermsAggregation):
        return {"buckets": buckets}
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(len(groups[k]) for k in keys[agg.size :]),
        "buckets": buckets,
    }


def part_values(world: World, source: KeySource, doc: Document) -> list[Any]:
    """The distinct values of one part of a compound key."""
    values = values_of(doc, source.field, source.missing)
    if source.kind == "histogram":
        values = [float(math.floor(v / source.interval) * source.interval) for v in values]
    elif source.kind == "date_histogram":
        agg = DateHistogramAggregation(
            field=source.field, calendar_interval=source.calendar_interval, fixed_interval_ms=source.fixed_interval_ms
        )
        values = [floor_date(agg, v) for v in values]
    return sorted(set(values)) or ([None] if source.missing_bucket else [])


def part_order(source: KeySource, value: Any) -> tuple[int, Any]:
    """What orders as a part does: none first or last, then values."""
    first = not source.descending if source.missing_first is None else source.missing_first
    return (0 if first else 2, 0) if value is None else (1, Turned(value) if source.descending else value)


@dataclass(frozen=True)
class Turned:
    """Orders the other way round."""

    value: Any

    def __lt__(self, other: "Turned") -> bool:
        return bool(other.value < self.value)


def combinations(
    world: World, sources: Sequence[KeySource], docs: Sequence[Document]
) -> dict[tuple[Any, ...], list[Document]]:
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for doc in docs:
        for key in product(*(part_values(world, source, doc) for source in sources)):
            groups.setdefault(key, []).append(doc)
    return groups


def part_shown(world: World, source: KeySource, value: Any) -> Any:
    if value is None or world.types.get(source.field) != "boolean":
        return value
    return bool(value)


def composite(world: World, agg: CompositeAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    groups = combinations(world, agg.sources, docs)

    def order(key: tuple[Any, ...]) -> list[Any]:
        return [part_order(source, value) for source, value in zip(agg.sources, key, strict=True)]

    keys = sorted(groups, key=order)
    if agg.after is not None:
        limit = order(tuple(agg.after))
        keys = [key for key in keys if limit < order(key)]
    buckets = []
    for key in keys[: agg.size]:
        shown_key = {s.name: part_shown(world, s, v) for s, v in zip(agg.sources, key, strict=True)}
        buckets.append(bucket(world, agg, groups[key], key=shown_key))
    return {**({"after_key": buckets[-1]["key"]} if buckets else {}), "buckets": buckets}


def multi_terms(world: World, agg: MultiTermsAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    groups: dict[tuple[Any, ...], list[Document]] = {}
    if agg.min_doc_count == 0:
        groups = {key: [] for key in combinations(world, agg.sources, world.documents)}
    groups |= combinations(world, agg.sources, docs)
    groups = {k: g for k, g in groups.items() if len(g) >= agg.min_doc_count}
    keys = sort_buckets(world, agg, groups)
    buckets = []
    for key in keys[: agg.size]:
        parts, texts = [], []
        for source, value in zip(agg.sources, key, strict=True):
            part = show_date(value) if world.types.get(source.field) == "date" else part_shown(world, source, value)
            parts.append(part)
            texts.append(str(part).lower() if isinstance(part, bool) else str(part))
        buckets.append(bucket(world, agg, groups[key], key=parts, key_as_string="|".join(texts)))
    others = sum(len(groups[k]) for k in keys[agg.size :])
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets}


def histogram(world: World, agg: HistogramAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    groups: dict[float, list[Document]] = {}
    for doc in docs:
        steps = {math.floor((v - agg.shift) / agg.interval) for v in values_of(doc, agg.field, agg.missing)}
        for step in steps:
            low, high = agg.hard_bounds or (None, None)
            edge = step * agg.interval
            if (low is None or edge >= low) and (high is None or edge <= high):
                groups.setdefault(step, []).append(doc)
    if agg.min_doc_count == 0:
        ends = list(groups)
        ends += [math.floor((b - agg.shift) / agg.interval) for b in agg.extended_bounds or ()]
        for step in range(int(min(ends)), int(max(ends)) + 1) if ends else ():
            groups.setdefault(step, [])
    groups = {k: g for k, g in groups.items() if len(g) >= agg.min_doc_count}
    buckets = []
    for step in sort_buckets(world, agg, groups):
        key = step * agg.interval + agg.shift
        text = shown(world, agg.field, key)
        head = {"key": key} if text is None else {"key": key, "key_as_string": text}
        buckets.append(bucket(world, agg, groups[step], **head))
    return {"buckets": buckets}


def floor_date(agg: DateHistogramAggregation, ms: int) -> int:
    """Where the interval of an instant begins; zones: calendar units of a day and more only."""
    zone = ZoneInfo(agg.time_zone) if agg.time_zone else UTC
    if agg.fixed_interval_ms:
        return (ms - agg.shift_ms) // agg.fixed_interval_ms * agg.fixed_interval_ms + agg.shift_ms
    moment = (EPOCH + timedelta(milliseconds=ms - agg.shift_ms)).astimezone(zone)
    moment = moment.replace(microsecond=0, second=0, minute=0, hour=0, fold=0)
    match agg.calendar_interval:
        case "week":
            moment -= timedelta(days=moment.weekday())
        case "month":
            moment = moment.replace(day=1)
        case "quarter":
            moment = moment.replace(day=1, month=(moment.month - 1) // 3 * 3 + 1)
        case "year":
            moment = moment.replace(day=1, month=1)
        case unit:
            assert unit == "day"
    return (moment.astimezone(UTC) - EPOCH) // MS + agg.shift_ms


def date_histogram(world: World, agg: DateHistogramAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    groups: dict[int, list[Document]] = {}
    for doc in docs:
        for key in {floor_date(agg, v) for v in values_of(doc, agg.field, agg.missing)}:
            low, high = agg.hard_bounds or (None, None)
            if (low is None or key >= low) and (high is None or key < high):
                groups.setdefault(key, []).append(doc)
    if agg.min_doc_count == 0:
        ends = [*groups, *(floor_date(agg, b) for b in agg.extended_bounds or ())]
        at, end = (min(ends), max(ends)) if ends else (0, -1)
        while at <= end:  # six hours at a time: no interval is shorter
            groups.setdefault(floor_date(agg, at), [])
            at += 6 * 3_600_000
        if ends:
            groups.setdefault(end, [])
    groups = {k: g for k, g in groups.items() if len(g) >= agg.min_doc_count}
    buckets = [
        bucket(world, agg, groups[key], key=key, key_as_string=show_date(key, agg.time_zone))
        for key in sort_buckets(world, agg, groups)
    ]
    return {"buckets": buckets}


def ranges(world: World, agg: RangeAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    buckets = []
    order = sorted(
        agg.ranges,
        key=lambda r: (-math.inf if r.start is None else r.start, math.inf if r.end is None else r.end),
    )
    for given in order:
        head: dict[str, Any] = {}
        texts = []
        for name, bound in (("from", given.start), ("to", given.end)):
            if bound is None:
                texts.append("*")
                continue
            head[name] = float(bound)
            text = show_date(bound) if agg.date else None
            texts.append(text or repr(float(bound)))
            if text:
                head[f"{name}_as_string"] = text
        inside = [
            d
            for d in docs
            if any(
                (given.start is None or v >= given.start) and (given.end is None or v < given.end)
                for v in values_of(d, agg.field, agg.missing)
            )
        ]
        buckets.append(bucket(world, agg, inside, key=given.key or "-".join(texts), **head))
    return {"buckets": buckets}


def filters(world: World, agg: FiltersAggregation, docs: Sequence[Document]) -> dict[str, Any]:
    found = [[d for d in docs if world.matches(q, d)] for _, q in agg.queries]
    names = [name for name, _ in agg.queries]
    if agg.other_bucket_key is not None:
        found.append([d for d in docs if not any(world.matches(q, d) for _, q in agg.queries)])
        names.append(agg.other_bucket_key)
    shown_buckets = [bucket(world, agg, some) for some in found]
    if names[0] is None:
        return {"buckets": shown_buckets}
    return {"buckets": dict(zip(names, shown_buckets, strict=True))}
