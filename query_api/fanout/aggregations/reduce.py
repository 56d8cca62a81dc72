"""Partials of aggregations to the final answer, in Elasticsearch's JSON shape. Pure.

Partials are merged (``pipeline.search.aggregations.merge``: associative and commutative), then shown from the top: an
aggregation chooses which buckets of which parents are shown, and its children are shown for those only, all at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.histograms import rounding_of
from pipeline.search.aggregations.buckets.rounding import check_buckets
from pipeline.search.aggregations.merge import merge_all
from pipeline.search.aggregations.partials import UNIVERSE, Buckets, Partial, from_wire, keys_at, to_wire
from query_api.fanout.aggregations.metrics import render_metric
from query_api.fanout.aggregations.orders import check_order, ordered
from query_api.fanout.aggregations.shown import as_string, bucket_key, java_double, number_key
from schemas.aggregations import (
    Aggregation,
    DateHistogramAggregation,
    FiltersAggregation,
    GlobalAggregation,
    HistogramAggregation,
    Metric,
    MissingAggregation,
    RangeAggregation,
    TermsAggregation,
)

I64 = NDArray[np.int64]
Json = dict[str, Any]
NO_BUCKET: Final = -1  # the number of a bucket that is shown though no document is in it
_TERMS_WORDS: Final = {"keyword": "sterms", "ip": "sterms", "double": "dterms", "": "umterms"}
_KIND_WORDS: Final[Mapping[type, str]] = {
    DateHistogramAggregation: "date_histogram",
    FiltersAggregation: "filters",
    GlobalAggregation: "global",
    HistogramAggregation: "histogram",
    MissingAggregation: "missing",
}


def merge_partials(parts: Sequence[Mapping[str, Any]]) -> Json:
    """Several partitions' partials as one, in the same form."""
    merged = merge_all([{n: from_wire(w) for n, w in part.items()} for part in parts])
    return {name: to_wire(partial) for name, partial in merged.items()}


def reduce_aggregations(
    aggregations: Mapping[str, Aggregation],
    parts: Sequence[Mapping[str, Any]],
    *,
    typed_keys: bool = False,
) -> Json:
    """The ``aggregations`` object of a search answer. Raises ``too_many_buckets``, ``aggregation_execution``."""
    given = [{n: from_wire(w) for n, w in part.items()} for part in parts]
    merged = given[0] if len(given) == 1 else merge_all(given)
    renderer = _Renderer(typed_keys=typed_keys)
    return renderer.level(aggregations, merged, np.zeros(1, np.int64))[0]


class _Renderer:
    """Counts the buckets of one answer."""

    def __init__(self, *, typed_keys: bool) -> None:
        self.typed_keys = typed_keys
        self.buckets = 0

    def level(
        self, aggregations: Mapping[str, Aggregation], partials: Mapping[str, Partial], wanted: I64
    ) -> list[Json]:
        """For each wanted parent bucket the object of its aggregations by name."""
        objects: list[Json] = [{} for _ in range(len(wanted))]
        for name, agg in aggregations.items():
            if name not in partials:
                continue
            partial = partials[name]
            shown_name = f"{_type_word(agg, partial)}#{name}" if self.typed_keys else name
            for target, one in zip(objects, self._one(name, agg, partial, wanted), strict=True):
                target[shown_name] = one if agg.meta is None else {"meta": agg.meta, **one}
        return objects

    def _one(self, name: str, agg: Aggregation, partial: Partial, wanted: I64) -> list[Json]:
        if isinstance(agg, Metric) or not isinstance(partial, Buckets):
            assert isinstance(agg, Metric)
            assert not isinstance(partial, Buckets)
            return render_metric(agg, partial, wanted)
        match agg:
            case TermsAggregation():
                return self._terms(agg, partial, wanted)
            case HistogramAggregation() | DateHistogramAggregation():
                return self._histogram(agg, partial, wanted)
            case RangeAggregation():
                return self._range(agg, partial, wanted)
            case FiltersAggregation():
                return self._filters(agg, partial, wanted)
            case _:
                return self._single(agg, partial, wanted)

    def _children(self, agg: Aggregation, partial: Buckets, numbers: Sequence[int]) -> list[Json]:
        """What the aggregations below give for these buckets; the buckets are counted."""
        self.buckets += len(numbers)
        check_buckets(self.buckets)
        if not agg.children:
            return [{} for _ in numbers]
        return self.level(agg.children, partial.children, np.array(numbers, np.int64))

    def _terms(self, agg: TermsAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        check_order(agg)
        heads: list[tuple[int, int]] = []  # how many buckets are shown, documents in the others
        keys: list[Any] = []
        numbers: list[int] = []
        universe = _universe(partial) if agg.min_doc_count == 0 else []
        for low, high in _ranges(partial, wanted):
            some = np.arange(low, high)
            some = some[partial.counts[low:high] >= agg.min_doc_count]
            absent: list[Any] = []
            if agg.min_doc_count == 0:
                present = set(keys_at(partial, np.arange(low, high)))
                absent = [key for key in universe if key not in present]
            chosen = ordered(agg, partial, some, absent, agg.size)
            shown = sum(int(partial.counts[n]) for n, _ in chosen if n >= 0)
            heads.append((len(chosen), int(partial.counts[some].sum()) - shown))
            numbers += [number for number, _ in chosen]
            keys += [key for _, key in chosen]
        buckets = self._keyed_buckets(agg, partial, numbers, [bucket_key(k, partial.shown) for k in keys])
        results, at = [], 0
        for count, others in heads:
            results.append(
                {
                    "doc_count_error_upper_bound": 0,
                    "sum_other_doc_count": others,
                    "buckets": buckets[at : at + count],
                }
            )
            at += count
        return results

    def _keyed_buckets(
        self, agg: Aggregation, partial: Buckets, numbers: Sequence[int], keys: Sequence[Json]
    ) -> list[Json]:
        below = self._children(agg, partial, numbers)
        return [
            {**key, "doc_count": int(partial.counts[n]) if n >= 0 else 0, **inner}
            for n, key, inner in zip(numbers, keys, below, strict=True)
        ]

    def _histogram(
        self, agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, wanted: I64
    ) -> list[Json]:
        check_order(agg)
        counts: list[int] = []
        steps: list[float] = []
        numbers: list[int] = []
        for low, high in _ranges(partial, wanted):
            some = np.arange(low, high)
            some = some[partial.counts[low:high] >= max(agg.min_doc_count, 1)]
            absent: list[Any] = []
            if agg.min_doc_count == 0:
                held = keys_at(partial, some)
                every = _steps(agg, partial, held)
                check_buckets(self.buckets + len(numbers) + len(every))
                found = set(held)
                absent = [step for step in every if step not in found]
            chosen = ordered(agg, partial, some, absent)
            counts.append(len(chosen))
            numbers += [number for number, _ in chosen]
            steps += [key for _, key in chosen]
        keys = [_histogram_key(agg, partial, step) for step in steps]
        buckets = self._keyed_buckets(agg, partial, numbers, keys)
        return _split(buckets, counts, keyed=agg.keyed)

    def _range(self, agg: RangeAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        labels = [_range_label(partial, *label) for label in partial.shown.labels]
        numbers = _slot_numbers(partial, wanted, len(labels))
        buckets = self._keyed_buckets(agg, partial, numbers, labels * len(wanted))
        results = _split(buckets, [len(labels)] * len(wanted), keyed=False)
        if not agg.keyed:
            return results
        return [{"buckets": {b.pop("key"): b for b in one["buckets"]}} for one in results]

    def _filters(self, agg: FiltersAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        names = [name for name, _ in agg.queries]
        anonymous = bool(names) and names[0] is None
        if agg.other_bucket_key is not None:
            names.append(agg.other_bucket_key)
        numbers = _slot_numbers(partial, wanted, len(names))
        buckets = self._keyed_buckets(agg, partial, numbers, [{}] * len(numbers))
        results = _split(buckets, [len(names)] * len(wanted), keyed=False)
        if anonymous:
            return results
        return [{"buckets": dict(zip(names, one["buckets"], strict=True))} for one in results]

    def _single(self, agg: Aggregation, partial: Buckets, wanted: I64) -> list[Json]:
        numbers = _slot_numbers(partial, wanted, 1)
        return self._keyed_buckets(agg, partial, numbers, [{}] * len(numbers))


def _type_word(agg: Aggregation, partial: Partial) -> str:
    """The word before ``#`` with ``typed_keys``."""
    match agg:
        case Metric():
            return agg.kind
        case TermsAggregation():
            return _TERMS_WORDS.get(partial.shown.type, "lterms")
        case RangeAggregation():
            return "date_range" if agg.date else "range"
        case _:
            return _KIND_WORDS.get(type(agg), "filter")


def _ranges(partial: Buckets, wanted: I64) -> list[tuple[int, int]]:
    """[low, high): where the buckets of each wanted parent lie."""
    lows = np.searchsorted(partial.parents, wanted, side="left")
    highs = np.searchsorted(partial.parents, wanted, side="right")
    highs = np.where(wanted < 0, lows, highs)
    return list(zip(lows.tolist(), highs.tolist(), strict=True))


def _universe(partial: Buckets) -> list[Any]:
    """The keys that exist somewhere."""
    end = int(np.searchsorted(partial.parents, UNIVERSE, side="right"))
    return keys_at(partial, np.arange(end))


def _slot_numbers(partial: Buckets, wanted: I64, slots: int) -> list[int]:
    """The bucket of each slot of each wanted parent, NO_BUCKET where it is empty."""
    keys = np.asarray(partial.keys, np.int64)
    combined = partial.parents * slots + keys
    asked = (wanted[:, None] * slots + np.arange(slots)).ravel()
    at = np.searchsorted(combined, asked)
    inside = np.minimum(at, max(len(combined) - 1, 0))
    found = (combined[inside] == asked) if len(combined) else np.zeros(len(asked), np.bool_)
    numbers: list[int] = np.where(found & (asked >= 0), inside, NO_BUCKET).tolist()
    return numbers


def _steps(agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, held: Sequence[Any]) -> list[Any]:
    """Every key from the first bucket to the last, and over the extended bounds."""
    ends = [min(held), max(held)] if held else []
    if isinstance(agg, DateHistogramAggregation):
        ends += partial.shown.bounds or ()
        if not ends:
            return []
        dates: list[int] = rounding_of(agg).steps(int(min(ends)), int(max(ends))).tolist()
        return dates
    if agg.extended_bounds is not None:
        ends += [float(np.floor((b - agg.shift) / agg.interval)) for b in agg.extended_bounds]
    if not ends:
        return []
    check_buckets(int(min(max(ends) - min(ends) + 1, 1 << 40)))
    steps: list[float] = (min(ends) + np.arange(int(max(ends) - min(ends)) + 1)).tolist()
    return steps


def _histogram_key(agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, step: float) -> Json:
    if isinstance(agg, DateHistogramAggregation):
        return number_key(int(step), _dated(partial))
    key = number_key(float(step * agg.interval + agg.shift), partial.shown)
    if agg.keyed and "key_as_string" not in key:
        key[KEYED_BY] = java_double(key["key"])
    return key


KEYED_BY: Final = "\0keyed by"  # no user's aggregation can have such a name


def _dated(partial: Buckets) -> Any:
    shown = partial.shown
    return shown if shown.type == "date" else type(shown)("date", shown.format, shown.zone)


def _split(buckets: list[Json], counts: Sequence[int], *, keyed: bool) -> list[Json]:
    results: list[Json] = []
    at = 0
    for count in counts:
        some = buckets[at : at + count]
        at += count
        if keyed:
            results.append({"buckets": {b.pop(KEYED_BY, b.get("key_as_string")): b for b in some}})
        else:
            results.append({"buckets": some})
    return results


def _range_label(partial: Buckets, key: str | None, start: float | None, end: float | None) -> Json:
    texts = {}
    label: Json = {}
    for name, bound in (("from", start), ("to", end)):
        if bound is None:
            texts[name] = "*"
            continue
        label[name] = bound
        text = as_string(bound, partial.shown)
        texts[name] = java_double(bound) if text is None else text
        if text is not None:
            label[f"{name}_as_string"] = text
    return {"key": key if key is not None else f"{texts['from']}-{texts['to']}", **label}
