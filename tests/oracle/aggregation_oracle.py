"""Aggregations in the obvious way: Python over documents as dicts of lists. Knows the schemas only.

A document maps field names to lists of values: strings (keyword), ints (long, boolean, date in ms), floats
(double). ``Types`` says which is which.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from schemas.aggregations import (
    Aggregation,
    DateHistogramAggregation,
    FilterAggregation,
    FiltersAggregation,
    GlobalAggregation,
    HistogramAggregation,
    Metric,
    MissingAggregation,
    RangeAggregation,
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


def metric(world: World, agg: Metric, docs: Sequence[Document]) -> dict[str, Any]:
    values = [v for d in docs for v in values_of(d, agg.field, agg.missing)]
    if agg.kind == "value_count":
        return {"value": len(values)}
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

    if agg.kind == "stats":
        result: dict[str, Any] = {"count": len(values), **computed}
        for name, value in computed.items() if values else ():
            result |= text(value, name)
        return result
    value = computed[agg.kind]
    return {"value": value, **text(value, "value")}


def order_value(world: World, agg: Any, path: str, docs: Sequence[Document]) -> float | None:
    head, _, rest = path.partition(">")
    name, _, part = head.partition(".")
    child = agg.children[name]
    result = one(world, child, docs)
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
    groups = {k: g for k, g in groups.items() if len(g) >= agg.min_doc_count}
    keys = sort_buckets(world, agg, groups)
    buckets = []
    for key in keys[: agg.size]:
        text = None if isinstance(key, str) else shown(world, agg.field, key)
        shown_key = float(key) if world.types.get(agg.field) == "double" else key
        head = {"key": shown_key} if text is None else {"key": key, "key_as_string": text}
        buckets.append(bucket(world, agg, groups[key], **head))
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(len(groups[k]) for k in keys[agg.size :]),
        "buckets": buckets,
    }


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
