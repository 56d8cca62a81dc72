"""Merging partials: of segments to a partition's, of partitions to an index's. Associative and commutative."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from pipeline.search.aggregations.names import Names, unite
from pipeline.search.aggregations.partials import Buckets, Keys, Partial, Shown, TopRows, Values
from pipeline.search.aggregations.summaries.digests import add_digests
from pipeline.search.aggregations.summaries.sketches import add_sketches
from pipeline.search.aggregations.summaries.sums import add_sums
from schemas.errors import invalid

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
TOP = np.zeros(1, np.int64)  # the whole is bucket 0 of 1


def merge_all(parts: Sequence[Mapping[str, Partial]]) -> dict[str, Partial]:
    """The top-level aggregations of all parts by name."""
    if len(parts) == 1:
        return dict(parts[0])
    return _children([(part, TOP) for part in parts], 1)


def _children(parts: Sequence[tuple[Mapping[str, Partial], I64]], count: int) -> dict[str, Partial]:
    names = dict.fromkeys(name for part, _ in parts for name in part)
    return {
        name: merge(name, [(part[name], mapping) for part, mapping in parts if name in part], count) for name in names
    }


def merge(name: str, parts: Sequence[tuple[Partial, I64]], count: int) -> Partial:
    """One aggregation of ``count`` parent buckets; part's parent bucket i becomes mapping[i]."""
    values = [(p, m) for p, m in parts if isinstance(p, Values)]
    buckets = [(p, m) for p, m in parts if isinstance(p, Buckets)]
    rows = [(p, m) for p, m in parts if isinstance(p, TopRows)]
    if len(rows) == len(parts):
        return _merge_rows(rows, count)
    if len(values) == len(parts):
        return _merge_values(values, count)
    if len(buckets) < len(parts):
        raise _two_types(name)
    return _merge_buckets(name, buckets)


def _merge_rows(parts: Sequence[tuple[TopRows, I64]], count: int) -> TopRows:
    """The rows of all parts in one order. As many are kept as there are: each part has no more than are shown."""
    totals, best = np.zeros(count, np.int64), np.full(count, -np.inf)
    for one, mapping in parts:
        np.add.at(totals, mapping, one.totals)
        np.maximum.at(best, mapping, one.best)
    parents = np.concatenate([mapping[one.parents] for one, mapping in parts])
    joined = {name: np.concatenate([getattr(one, name) for one, _ in parts]) for name in _ROW_COLUMNS}
    first = parts[0][0]
    values = None if first.values is None else [row for one, _ in parts for row in one.values or ()]
    columns: list[NDArray[Any]] = [-joined["scores"]]
    if values is not None:
        columns = [_ranks([row[j] for row in values], *order) for j, order in enumerate(first.orders)]
    order = np.lexsort([joined["offsets"], joined["places"], *reversed(columns), parents])
    return TopRows(
        totals,
        best,
        parents[order],
        **{name: column[order] for name, column in joined.items()},
        values=None if values is None else [values[i] for i in order.tolist()],
        orders=first.orders,
    )


_ROW_COLUMNS: Final = ("places", "segments", "documents", "offsets", "scores")


def _ranks(values: Sequence[Any], descending: bool, missing_first: bool) -> I64:
    """int64 that ascend in the wanted order."""
    present = sorted({value for value in values if value is not None}, reverse=descending)
    place = {value: rank for rank, value in enumerate(present)}
    missing = -1 if missing_first else len(present)
    return np.array([missing if value is None else place[value] for value in values], np.int64)


def _two_types(name: str) -> Exception:
    return invalid(
        "aggregation_execution",
        f"Merging/Reducing the aggregations failed when computing the aggregation [{name}] because "
        "the field you gave in the aggregation query existed as two different types in two "
        "different indices",
    )


def _shown(parts: Sequence[Shown]) -> Shown:
    """That of a mapped field, if any; of several the least, so that order does not matter. Of compound keys part by part."""
    if parts[0].parts:
        return structs.replace(parts[0], parts=tuple(map(_shown, zip(*(s.parts for s in parts), strict=True))))
    return min(parts, key=lambda s: (s.type == "", s.type != "double", _sort_key(s)))


def _sort_key(shown: Shown) -> str:
    return repr(shown)


def _merge_values(parts: Sequence[tuple[Values, I64]], count: int) -> Values:
    counts = np.zeros(count, np.int64)
    low = high = None
    for one, mapping in parts:
        np.add.at(counts, mapping, one.counts)
        if one.low is not None:
            low = np.full(count, np.inf) if low is None else low
            np.minimum.at(low, mapping, one.low)
        if one.high is not None:
            high = np.full(count, -np.inf) if high is None else high
            np.maximum.at(high, mapping, one.high)
    shown = _shown([one.shown for one, _ in parts])
    sums = [(one.sums, mapping) for one, mapping in parts if one.sums is not None]
    others = [(one.others, mapping) for one, mapping in parts if one.others is not None]
    sketches = [(one.sketches, mapping) for one, mapping in parts if one.sketches is not None]
    digests = [(one.digests, mapping) for one, mapping in parts if one.digests is not None]
    return Values(
        counts,
        shown,
        low,
        high,
        add_sums(sums, count) if sums else None,
        add_sums(others, count) if others else None,
        add_sketches(sketches, count) if sketches else None,
        add_digests(digests, count) if digests else None,
    )


def _merge_buckets(name: str, parts: Sequence[tuple[Buckets, I64]]) -> Buckets:
    filled = [(p, m) for p, m in parts if len(p.parents)]
    shown = _shown([p.shown for p, _ in parts])
    if not filled:
        none = np.zeros(0, np.int64)
        children = _children([(p.children, none) for p, _ in parts], 0)
        return Buckets(none, _no_keys(parts[0][0].keys), none, shown, children)
    parents = np.concatenate(
        [np.where(p.parents < 0, p.parents, m[np.maximum(p.parents, 0)] if len(m) else -1) for p, m in filled]
    )
    codes, keys = _coded(name, [p.keys for p, _ in filled])
    counts = np.concatenate([p.counts for p, _ in filled])
    order = np.lexsort((codes, parents))
    parents, codes = parents[order], codes[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (parents[1:] != parents[:-1]) | (codes[1:] != codes[:-1])
    heads = np.flatnonzero(first)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(first) - 1
    pieces = np.split(numbers, np.cumsum([len(p.parents) for p, _ in parts])[:-1])
    children = _children([(p.children, piece) for (p, _), piece in zip(parts, pieces, strict=True)], len(heads))
    chosen = codes[heads]
    kept: Keys = keys.take(chosen) if isinstance(keys, Names) else keys[chosen]
    return Buckets(parents[heads], kept, np.add.reduceat(counts[order], heads), shown, children)


def _no_keys(keys: Keys) -> Keys:
    return keys.take(np.zeros(0, np.int64)) if isinstance(keys, Names) else keys[:0]


def _coded(name: str, parts: Sequence[Keys]) -> tuple[I64, Keys]:
    """The keys of all parts as numbers in the keys' order, and the keys by number."""
    names = [keys for keys in parts if isinstance(keys, Names)]
    if names and len(names) < len(parts):
        raise _two_types(name)
    if names:
        numbers, distinct = unite(names)
        return np.concatenate(numbers), distinct
    values: NDArray[Any] = np.concatenate([keys for keys in parts if not isinstance(keys, Names)])
    keys, codes = np.unique(values, return_inverse=True)
    return codes.reshape(-1), keys
