"""Partials of aggregations to the final answer, in Elasticsearch's JSON shape. Pure.

Partials are merged (``pipeline.search.aggregations.merge``: associative and commutative), then shown from the top: an
aggregation chooses which buckets of which parents are shown, and its children are shown for those only, all at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.histograms import rounding_of
from pipeline.search.aggregations.buckets.rounding import check_buckets
from pipeline.search.aggregations.merge import merge_all
from pipeline.search.aggregations.partials import UNIVERSE, Buckets, Partial, TopRows, Values, keys_at
from query_api.fanout.aggregations.metrics import render_metric
from query_api.fanout.aggregations.orders import BY_KEY, check_order, ordered, sorted_by
from query_api.fanout.aggregations.pipelines import SIBLINGS, Asked, in_dependency, names_of, sibling, within
from query_api.fanout.aggregations.shown import (
    as_string,
    composite_keys,
    java_double,
    keys_shown,
    numbers_shown,
)
from query_api.fanout.aggregations.words import KIND_OF_WORD, pipeline_word, type_word
from schemas.aggregations import (
    Aggregation,
    CompositeAggregation,
    DateHistogramAggregation,
    FiltersAggregation,
    HistogramAggregation,
    Metric,
    MultiTermsAggregation,
    Pipeline,
    RangeAggregation,
    RareTermsAggregation,
    TermsAggregation,
    TopHitsAggregation,
)
from schemas.results import RowHit

I64 = NDArray[np.int64]
Json = dict[str, Any]
NO_BUCKET: Final = -1  # the number of a bucket that is shown though no document is in it


@dataclass(frozen=True, slots=True)
class PendingHits:
    """Rows of a ``top_hits`` that are still to be fetched: (number of the answer they are of, row), and the list that takes the hits."""

    agg: TopHitsAggregation
    rows: Sequence[tuple[int, RowHit]]
    target: list[Any]


def reduce_aggregations(
    aggregations: Mapping[str, Aggregation],
    parts: Sequence[Mapping[str, Partial]],
    *,
    typed_keys: bool = False,
) -> Json:
    """The ``aggregations`` object of a search answer. Raises ``too_many_buckets``, ``aggregation_execution``."""
    return reduce_with_hits(aggregations, parts, typed_keys=typed_keys)[0]


def reduce_with_hits(
    aggregations: Mapping[str, Aggregation],
    parts: Sequence[Mapping[str, Partial]],
    *,
    typed_keys: bool = False,
) -> tuple[Json, Sequence[PendingHits]]:
    """The same, and the hits in it that are still to be fetched; ``parts`` are numbered in their order."""
    renderer = _Renderer(aggregations)
    placed = parts if len(parts) == 1 else [_placed(part, i) for i, part in enumerate(parts)]
    (shown,) = renderer.level(aggregations, merge_all(placed), np.zeros(1, np.int64))
    return _typed(shown, aggregations, renderer.words) if typed_keys else shown, renderer.pending


def _placed(part: Mapping[str, Partial], place: int) -> dict[str, Partial]:
    """The partials with their rows marked as those of an answer."""
    found: dict[str, Partial] = {}
    for name, partial in part.items():
        if isinstance(partial, TopRows):
            found[name] = replace(partial, places=np.full(len(partial.places), place))
        elif isinstance(partial, Buckets) and partial.children:
            found[name] = structs.replace(partial, children=_placed(partial.children, place))
        else:
            found[name] = partial
    return found


class _Renderer:
    """One answer: counts its buckets, keeps what is pending, and how each aggregation's result is called by its name."""

    def __init__(self, aggregations: Mapping[str, Aggregation]) -> None:
        self.whole = aggregations
        self.buckets = 0
        self.pending: list[PendingHits] = []
        self.seen: list[tuple[str, Aggregation, Partial]] = []

    def level(
        self, aggregations: Mapping[str, Aggregation], partials: Mapping[str, Partial], wanted: I64
    ) -> list[Json]:
        """For each wanted parent bucket the object of its aggregations by name."""
        objects: list[Json] = [{} for _ in range(len(wanted))]
        for name, agg in aggregations.items():
            if name not in partials:
                continue
            partial = partials[name]
            self.seen.append((name, agg, partial))
            found = self._one(agg, partial, wanted)
            self._apply_parents(agg, found)
            for target, one in zip(objects, found, strict=True):
                target[name] = one if agg.meta is None else {"meta": agg.meta, **one}
        siblings = [(n, a) for n, a in aggregations.items() if isinstance(a, Pipeline) and a.kind in SIBLINGS]
        for name, agg in siblings:
            asked = self._asked(name, agg)
            for target in objects:
                one = sibling(asked, target)
                target[name] = one if agg.meta is None else {"meta": agg.meta, **one}
        return objects

    @property
    def words(self) -> dict[int, str]:
        """How each aggregation's result is called, by its identity."""
        return {id(agg): type_word(agg, partial) for _, agg, partial in self.seen}

    def _asked(self, name: str, agg: Pipeline) -> Asked:
        words = {name: type_word(agg, partial) for name, agg, partial in self.seen}
        kinds = {name: KIND_OF_WORD.get(word, word) for name, word in words.items()}
        return Asked(name, agg, kinds, names_of(self.whole))

    def _apply_parents(self, agg: Aggregation, found: Sequence[Json]) -> None:
        """Pipelines that stand in an aggregation, over its buckets."""
        if not agg.children:
            return
        inside = {n: a for n, a in agg.children.items() if isinstance(a, Pipeline) and a.kind not in SIBLINGS}
        for name in in_dependency(inside):
            asked = self._asked(name, inside[name])
            for one in found:
                within(asked, one)

    def _one(self, agg: Aggregation, partial: Partial, wanted: I64) -> list[Json]:
        if isinstance(partial, TopRows):
            assert isinstance(agg, TopHitsAggregation)
            return self.top_hits(agg, partial, wanted)
        if isinstance(partial, Values):
            assert isinstance(agg, Metric)
            return render_metric(agg, partial, wanted)
        render = _RENDERERS.get(type(agg))
        return self.single(agg, partial, wanted) if render is None else render(self, agg, partial, wanted)

    def top_hits(self, agg: TopHitsAggregation, partial: TopRows, wanted: I64) -> list[Json]:
        """The totals of buckets, and lists that take their hits."""
        found: list[Json] = []
        lows = np.searchsorted(partial.parents, wanted, side="left").tolist()
        highs = np.searchsorted(partial.parents, wanted, side="right").tolist()
        for bucket, low, high in zip(wanted.tolist(), lows, highs, strict=True):
            total = int(partial.totals[bucket]) if bucket >= 0 else 0
            best = float(partial.best[bucket]) if bucket >= 0 else -np.inf
            target: list[Any] = []
            rows = [_row(partial, i) for i in range(low, min(high, low + agg.offset + agg.size))][agg.offset :]
            if bucket >= 0 and rows:
                self.pending.append(PendingHits(agg, rows, target))
            shown = None if not np.isfinite(best) or not agg.by_score else np.float32(best)
            hits = {"total": {"value": total, "relation": "eq"}, "max_score": shown, "hits": target}
            found.append({"hits": hits})
        return found

    def _filled(self, agg: Aggregation, partial: Buckets, numbers: I64, buckets: list[Json]) -> list[Json]:
        """The buckets with these numbers, with what the aggregations below give of each; they are counted."""
        self.buckets += len(buckets)
        check_buckets(self.buckets)
        if agg.children:
            for bucket, inner in zip(buckets, self.level(agg.children, partial.children, numbers), strict=True):
                bucket.update(inner)
        return buckets

    def terms(self, agg: TermsAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        """``terms``, ``multi_terms``, ``rare_terms``."""
        check_order(agg)
        found = [self._terms_of(agg, partial, low, high) for low, high in _ranges(partial, wanted)]
        buckets = [head for one in found for head in one.heads]
        buckets = self._filled(agg, partial, _joined([one.numbers for one in found]), buckets)
        results: list[Json] = []
        end = 0
        for one in found:
            begin, end = end, end + len(one.heads)
            some = buckets[begin:end]
            if isinstance(agg, RareTermsAggregation):
                results.append({"buckets": some})
            else:
                others = one.others
                results.append({"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": some})
        return results

    def _terms_of(self, agg: TermsAggregation, partial: Buckets, low: int, high: int) -> "_Chosen":
        """The terms that are shown of one parent's."""
        counts = partial.counts[low:high]
        total = int((counts if agg.min_doc_count < 2 else counts[counts >= agg.min_doc_count]).sum())
        if isinstance(agg, RareTermsAggregation):
            numbers = low + np.flatnonzero(counts <= agg.max_doc_count)
            numbers = numbers[np.argsort(partial.counts[numbers], kind="stable")]
            heads = keys_shown(partial.keys, numbers, partial.shown, partial.counts[numbers])
        elif agg.min_doc_count == 0:
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

    def composite(self, agg: CompositeAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        """A page of keys, and the last of them."""
        found: list[Json] = []
        names = [source.name for source in agg.sources]
        for low, high in _ranges(partial, wanted):
            numbers = np.arange(low, min(high, low + agg.size))
            keys = [dict(zip(names, values, strict=True)) for values in composite_keys(agg, partial, numbers)]
            counts = partial.counts[numbers].tolist()
            heads: list[Json] = [{"key": key, "doc_count": n} for key, n in zip(keys, counts, strict=True)]
            shown: Json = {"buckets": self._filled(agg, partial, numbers, heads)}
            found.append({"after_key": keys[-1], **shown} if keys else shown)
        return found

    def histogram(
        self, agg: HistogramAggregation | DateHistogramAggregation, partial: Buckets, wanted: I64
    ) -> list[Json]:
        """``histogram``, ``date_histogram``."""
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

    def ranges(self, agg: RangeAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        """``range``, ``date_range``."""
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

    def filters(self, agg: FiltersAggregation, partial: Buckets, wanted: I64) -> list[Json]:
        """``filters``."""
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

    def single(self, agg: Aggregation, partial: Buckets, wanted: I64) -> list[Json]:
        """Aggregations of one bucket."""
        numbers = _slot_numbers(partial, wanted, 1)
        return self._filled(agg, partial, numbers, [{"doc_count": n} for n in _counts(partial, numbers).tolist()])


_RENDERERS: Final[Mapping[type, Callable[..., list[Json]]]] = {
    CompositeAggregation: _Renderer.composite,
    TermsAggregation: _Renderer.terms,
    MultiTermsAggregation: _Renderer.terms,
    RareTermsAggregation: _Renderer.terms,
    HistogramAggregation: _Renderer.histogram,
    DateHistogramAggregation: _Renderer.histogram,
    RangeAggregation: _Renderer.ranges,
    FiltersAggregation: _Renderer.filters,
}


class _Chosen(Struct, frozen=True):
    """Buckets of one parent that are shown, their heads, and how many documents are in the others."""

    numbers: I64
    heads: list[Json]
    others: int


def _row(partial: TopRows, i: int) -> tuple[int, RowHit]:
    score = float(partial.scores[i])
    values = () if partial.values is None else partial.values[i]
    hit = RowHit(
        int(partial.segments[i]),
        int(partial.documents[i]),
        None if np.isnan(score) else score,
        values,
        int(partial.offsets[i]),
    )
    return int(partial.places[i]), hit


def _typed(shown: Json, aggregations: Mapping[str, Aggregation], words: Mapping[int, str]) -> Json:
    """The same with the word of each aggregation's result before its name."""
    found: Json = {}
    for name, value in shown.items():
        agg = aggregations.get(name)
        if agg is None:
            found[name] = value
            continue
        word = pipeline_word(agg) if isinstance(agg, Pipeline) else words[id(agg)]
        found[f"{word}#{name}"] = _typed_inside(value, agg, words)
    return found


def _typed_inside(value: Json, agg: Aggregation, words: Mapping[int, str]) -> Json:
    if not agg.children:
        return value
    buckets = value.get("buckets")
    if isinstance(buckets, dict):
        return value | {"buckets": {key: _typed(one, agg.children, words) for key, one in buckets.items()}}
    if isinstance(buckets, list):
        return value | {"buckets": [_typed(one, agg.children, words) for one in buckets]}
    return _typed(value, agg.children, words)


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
        return numbers_shown(keys, shown if shown.type == "date" else structs.replace(shown, type="date"), counts)
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
