"""Partials of aggregations to the final answer, in Elasticsearch's JSON shape. Pure.

Partials are merged (``pipeline.search.aggregations.merge``: associative and commutative), then shown from the top: an
aggregation chooses which buckets of which parents are shown, and its children are shown for those only, all at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.histograms import rounding_of
from pipeline.search.aggregations.buckets.rounding import check_buckets
from pipeline.search.aggregations.merge import merge_all
from pipeline.search.aggregations.partials import UNIVERSE, Buckets, Partial, keys_at
from query_api.fanout.aggregations.metrics import render_metric
from query_api.fanout.aggregations.orders import BY_KEY, check_order, ordered, sorted_by
from query_api.fanout.aggregations.shown import as_string, java_double, keys_shown, numbers_shown
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


def reduce_aggregations(
    aggregations: Mapping[str, Aggregation],
    parts: Sequence[Mapping[str, Partial]],
    *,
    typed_keys: bool = False,
) -> Json:
    """The ``aggregations`` object of a search answer. Raises ``too_many_buckets``, ``aggregation_execution``."""
    merged = merge_all(parts)
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

    def _filled(self, agg: Aggregation, partial: Buckets, numbers: I64, buckets: list[Json]) -> list[Json]:
        """The buckets with these numbers, with what the aggregations below give of each; they are counted."""
        self.buckets += len(buckets)
        check_buckets(self.buckets)
        if agg.children:
            for bucket, inner in zip(buckets, self.level(agg.children, partial.children, numbers), strict=True):
                bucket.update(inner)
        return buckets

    def _terms(self, agg: TermsAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        check_order(agg)
        found = [self._terms_of(agg, partial, low, high) for low, high in _ranges(partial, wanted)]
        numbers = _joined([one.numbers for one in found])
        heads = [head for one in found for head in one.heads]
        buckets = iter(self._filled(agg, partial, numbers, heads))
        return [
            {
                "doc_count_error_upper_bound": 0,
                "sum_other_doc_count": one.others,
                "buckets": list(islice(buckets, len(one.numbers))),
            }
            for one in found
        ]

    def _terms_of(self, agg: TermsAggregation, partial: Buckets, low: int, high: int) -> "_Chosen":
        """The terms that are shown of one parent's."""
        counts = partial.counts[low:high]
        total = int((counts if agg.min_doc_count < 2 else counts[counts >= agg.min_doc_count]).sum())
        if agg.min_doc_count == 0:
            numbers, heads = self._with_empty_terms(agg, partial, low, high)
        else:
            numbers = ordered(agg, partial, low, high)
            heads = keys_shown(partial.keys, numbers, partial.shown, partial.counts[numbers])
        return _Chosen(numbers, heads, total - int(partial.counts[numbers[numbers >= 0]].sum()))

    def _with_empty_terms(self, agg: TermsAggregation, partial: Buckets, low: int, high: int) -> tuple[I64, list[Json]]:
        """The same with the keys that exist somewhere and have no documents here."""
        end = int(np.searchsorted(partial.parents, UNIVERSE, side="right"))
        places = np.concatenate([np.arange(low, high), np.arange(end)])
        keys = keys_at(partial, places)
        numbers = {
            key: place if low <= place < high else NO_BUCKET
            for key, place in zip(keys[::-1], places[::-1].tolist(), strict=True)
        }
        known = sorted(numbers)
        column = np.array([numbers[key] for key in known], np.int64)
        order = sorted_by(agg, partial, column, np.arange(len(known)))[: agg.size]
        somewhere = dict(zip(keys, places.tolist(), strict=True))
        shown = np.array([somewhere[known[i]] for i in order.tolist()], np.int64)
        chosen = column[order]
        return chosen, keys_shown(partial.keys, shown, partial.shown, _counts(partial, chosen))

    def _histogram(
        self, agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, wanted: I64
    ) -> list[Json]:
        check_order(agg)
        counts: list[int] = []
        numbers: list[I64] = []
        keys: list[NDArray[Any]] = []
        for low, high in _ranges(partial, wanted):
            some, held = self._intervals(agg, partial, low, high, sum(counts))
            counts.append(len(some))
            numbers.append(some)
            keys.append(held)
        every = _joined(numbers)
        buckets = self._filled(agg, partial, every, _intervals_shown(agg, partial, _joined(keys), every))
        return _split(buckets, counts, keyed=agg.keyed)

    def _intervals(
        self, agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, low: int, high: int, before: int
    ) -> tuple[I64, NDArray[Any]]:
        """(buckets, keys) of one parent in order, gaps filled where these are shown."""
        held = np.asarray(partial.keys)
        if agg.min_doc_count:
            some = ordered(agg, partial, low, high)
            return some, held[some]
        every = _steps(agg, partial, held[low:high])
        check_buckets(self.buckets + before + len(every))
        numbers = np.full(len(every), NO_BUCKET)
        numbers[np.searchsorted(every, held[low:high])] = np.arange(low, high)
        if tuple(agg.order) != BY_KEY:
            order = sorted_by(agg, partial, numbers, np.arange(len(every)))
            numbers, every = numbers[order], every[order]
        return numbers, every

    def _range(self, agg: RangeAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        labels = [_range_label(partial, *label) for label in partial.shown.labels]
        numbers = _slot_numbers(partial, wanted, len(labels))
        heads = [dict(label) for _ in range(len(wanted)) for label in labels]
        for head, count in zip(heads, _counts(partial, numbers).tolist(), strict=True):
            head["doc_count"] = count
        buckets = self._filled(agg, partial, numbers, heads)
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
        buckets = self._filled(agg, partial, numbers, [{"doc_count": n} for n in _counts(partial, numbers).tolist()])
        results = _split(buckets, [len(names)] * len(wanted), keyed=False)
        if anonymous:
            return results
        return [{"buckets": dict(zip(names, one["buckets"], strict=True))} for one in results]

    def _single(self, agg: Aggregation, partial: Buckets, wanted: I64) -> list[Json]:
        numbers = _slot_numbers(partial, wanted, 1)
        return self._filled(agg, partial, numbers, [{"doc_count": n} for n in _counts(partial, numbers).tolist()])


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Buckets of one parent that are shown, their heads, and how many documents are in the others."""

    numbers: I64
    heads: list[Json]
    others: int


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


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate([np.zeros(0, np.int64), *arrays])


def _ranges(partial: Buckets, wanted: I64) -> list[tuple[int, int]]:
    """[low, high): where the buckets of each wanted parent lie."""
    if len(wanted) == 1 and len(partial.parents) and partial.parents[0] == wanted[0] == partial.parents[-1]:
        return [(0, len(partial.parents))]  # on the top
    lows = np.searchsorted(partial.parents, wanted, side="left")
    highs = np.searchsorted(partial.parents, wanted, side="right")
    highs = np.where(wanted < 0, lows, highs)
    return list(zip(lows.tolist(), highs.tolist(), strict=True))


def _slot_numbers(partial: Buckets, wanted: I64, slots: int) -> I64:
    """The bucket of each slot of each wanted parent, NO_BUCKET where it is empty."""
    keys = np.asarray(partial.keys, np.int64)
    combined = partial.parents * slots + keys
    asked = (wanted[:, None] * slots + np.arange(slots)).ravel()
    if not len(combined):
        return np.full(len(asked), NO_BUCKET)
    inside = np.minimum(np.searchsorted(combined, asked), len(combined) - 1)
    return np.where((combined[inside] == asked) & (asked >= 0), inside, NO_BUCKET)


def _steps(agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, held: NDArray[Any]) -> NDArray[Any]:
    """Every key from the first bucket (they ascend) to the last, and over the extended bounds."""
    ends = [held[0].item(), held[-1].item()] if len(held) else []
    if isinstance(agg, DateHistogramAggregation):
        ends += partial.shown.bounds or ()
        return rounding_of(agg).steps(int(min(ends)), int(max(ends))) if ends else held
    if agg.extended_bounds is not None:
        ends += [float(np.floor((b - agg.shift) / agg.interval)) for b in agg.extended_bounds]
    if not ends:
        return held
    check_buckets(int(min(max(ends) - min(ends) + 1, 1 << 40)))
    steps: NDArray[Any] = min(ends) + np.arange(int(max(ends) - min(ends)) + 1)
    return steps


def _intervals_shown(
    agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, keys: NDArray[Any], numbers: I64
) -> list[Json]:
    shown, counts = partial.shown, _counts(partial, numbers)
    if isinstance(agg, DateHistogramAggregation):
        return numbers_shown(keys, shown if shown.type == "date" else replace(shown, type="date"), counts)
    heads = numbers_shown(keys * agg.interval + agg.shift, shown, counts)
    for head in heads if agg.keyed else ():
        if "key_as_string" not in head:
            head[KEYED_BY] = java_double(head["key"])
    return heads


def _counts(partial: Buckets, numbers: I64) -> I64:
    """The documents of these buckets."""
    if not len(numbers) or numbers.min() >= 0:
        return partial.counts[numbers]
    counts = np.zeros(len(numbers), np.int64)
    counts[numbers >= 0] = partial.counts[numbers[numbers >= 0]]
    return counts


KEYED_BY: Final = "\0keyed by"  # no user's aggregation can have such a name


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
