"""``composite`` and ``multi_terms``: one bucket per combination of several fields' values.

Each part's values are numbered in the part's order; a combination is one number, most significant part first. Only combinations that
are kept become keys (``keys``): of ``composite``, a page of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.search.aggregations.buckets.groups import coded, first_of_document, group
from pipeline.search.aggregations.buckets.key_kernels import join_strings
from pipeline.search.aggregations.buckets.keys import piece_of
from pipeline.search.aggregations.buckets.rounding import Rounding, check_buckets
from pipeline.search.aggregations.fields import (
    ANY_TYPE,
    NUMERIC,
    TERM_TYPES,
    Docs,
    SegmentScope,
    Source,
    Wanted,
    date_of,
    lacking,
    numbers_of,
    source_of,
    terms_of,
)
from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.partials import UNIVERSE, Buckets, Shown
from schemas.aggregations import CompositeAggregation, KeySource, MultiTermsAggregation
from schemas.errors import SedimentError, illegal_argument
from schemas.limits import READABLE_PAD_BYTES

I64 = NDArray[np.int64]
COMBINATIONS_MAX: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Part:
    """One part over some documents: document docs[index[i]] has the value numbered codes[i], of ``size``.

    Indices ascend; numbers ascend as the part orders values, and so do ``values``, but where ``given`` descends. Documents without a
    value have the number ``absent``, the first or the last; -1: they have none.
    """

    given: KeySource
    shown: Shown
    index: I64
    codes: I64
    values: NDArray[Any] | Names
    size: int
    absent: int

    def pieces(self, numbers: Sequence[int]) -> list[bytes]:
        """The pieces of keys of some values."""
        known = [n for n in numbers if n != self.absent]
        places = np.array(known, np.int64) - (self.absent == 0)
        if self.given.descending:
            places = len(self.values) - 1 - places
        values = self.values.texts(places) if isinstance(self.values, Names) else self.values[places].tolist()
        found = dict(zip(known, values, strict=True))
        return [_piece(self.given, found.get(n)) for n in numbers]

    @property
    def single(self) -> bool:
        """Whether no document has several values."""
        return len(self.index) < 2 or bool((self.index[1:] > self.index[:-1]).all())


@dataclass(frozen=True, slots=True)
class Combined:
    """Document docs[index[i]] has the combination codes[i]; part j of combination c is c // steps[j] % its size."""

    index: I64
    codes: I64
    steps: Sequence[int]
    parts: Sequence[Part]

    def names(self, codes: I64) -> Names:
        """The keys of some combinations."""
        keys = Names.of([b""]).take(np.zeros(len(codes), np.int64))
        for part, step in zip(self.parts, self.steps, strict=True):
            numbers, places = np.unique(codes // step % part.size, return_inverse=True)
            keys = _joined(keys, Names.of(part.pieces(numbers.tolist())).take(places.reshape(-1)))
        return keys


def _joined(heads: Names, tails: Names) -> Names:
    every = np.arange(len(heads))
    first = frozen(every if heads.numbers is None else heads.numbers)
    second = frozen(every if tails.numbers is None else tails.numbers)
    data, starts = join_strings(
        frozen(heads.data), frozen(heads.starts), first, frozen(tails.data), frozen(tails.starts), second, READABLE_PAD_BYTES
    )  # fmt: skip
    return Names(data, starts)


def _piece(given: KeySource, value: Any) -> bytes:
    return piece_of(value, descending=given.descending, missing_first=_missing_first(given))


def collect_composite(
    name: str, agg: CompositeAggregation, scope: SegmentScope, docs: Docs
) -> tuple[Buckets, I64, I64]:
    """(buckets, index, bucket) as of ``collect_terms``, under one parent: the first ``size`` keys after ``after``."""
    check_buckets(agg.size)
    sources = [_source(name, one, scope, "composite") for one in agg.sources]
    combined = _combined(agg.sources, sources, scope, docs)
    distinct, _ = coded(combined.codes)
    begin = 0
    if agg.after is not None:
        limit = b"".join(map(_after, agg.sources, sources, agg.after))
        low, high = 0, len(distinct)
        while low < high:
            middle = (low + high) // 2
            (key,) = combined.names(distinct[middle : middle + 1])
            low, high = (middle + 1, high) if key <= limit else (low, middle)
        begin = low
    chosen = distinct[begin : begin + agg.size]
    at = np.searchsorted(chosen, combined.codes)
    kept = chosen[np.minimum(at, max(len(chosen) - 1, 0))] == combined.codes if len(chosen) else at < 0
    index, bucket = combined.index[kept], at[kept]
    counts = np.bincount(bucket, minlength=len(chosen)).astype(np.int64)
    shown = _shown(combined)
    return Buckets(np.zeros(len(chosen), np.int64), combined.names(chosen), counts, shown), index, bucket


def collect_multi_terms(
    name: str, agg: MultiTermsAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    """As ``collect_terms``."""
    sources = [_source(name, one, scope, "multi_terms") for one in agg.sources]
    combined = _combined(agg.sources, sources, scope, docs)
    distinct, codes = coded(combined.codes)
    bucket, of, code, counts = group(parents[combined.index], codes, len(distinct))
    keys = combined.names(distinct[code])
    if agg.min_doc_count:
        return Buckets(of, keys, counts, _shown(combined)), combined.index, bucket
    every = _combined(agg.sources, sources, scope, np.flatnonzero(scope.alive))
    universe = every.names(np.unique(every.codes))
    count = len(universe)
    both = Names.of([*universe, *keys])
    of = np.concatenate([np.full(count, UNIVERSE), of])
    counts = np.concatenate([np.zeros(count, np.int64), counts])
    return Buckets(of, both, counts, _shown(combined)), combined.index, bucket + count


def _shown(combined: Combined) -> Shown:
    return Shown("compound", parts=tuple(part.shown for part in combined.parts))


def _source(name: str, source: KeySource, scope: SegmentScope, kind: str) -> Source:
    wanted = Wanted(
        name=name,
        kind=kind,
        path=source.field,
        types=ANY_TYPE if source.kind == "terms" else NUMERIC,
        missing=source.missing,
        format=source.format,
        zone=source.time_zone,
        value_type=source.value_type,
    )
    return source_of(wanted, scope)


def _combined(given: Sequence[KeySource], sources: Sequence[Source], scope: SegmentScope, docs: Docs) -> Combined:
    parts = [_part(one, source, scope, docs) for one, source in zip(given, sources, strict=True)]
    steps = [1] * len(parts)
    for j in range(len(parts) - 1, 0, -1):
        steps[j - 1] = steps[j] * parts[j].size
    if steps[0] * parts[0].size > COMBINATIONS_MAX:
        raise illegal_argument(
            f"[{len(parts)}] sources have more than [{COMBINATIONS_MAX}] combinations in a segment: use fewer sources"
        )
    index, codes = np.arange(len(docs)), np.zeros(len(docs), np.int64)
    for part, step in zip(parts, steps, strict=True):
        if len(part.index) == len(docs) and part.single:
            codes = codes + part.codes[index] * step
            continue
        first = np.searchsorted(part.index, index, side="left")
        counts = np.searchsorted(part.index, index, side="right") - first
        place = np.arange(int(counts.sum())) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        index, codes = np.repeat(index, counts), np.repeat(codes, counts) + part.codes[place] * step
    if not all(part.single for part in parts):
        order = np.lexsort((codes, index))
        kept = order[first_of_document(index[order], codes[order])]
        index, codes = index[kept], codes[kept]
    return Combined(index, codes, steps, parts)


def _part(given: KeySource, source: Source, scope: SegmentScope, docs: Docs) -> Part:
    """The values of one part, in its order, with a number for documents without one where these have a bucket."""
    index, codes, values = _values(given, source, scope, docs)
    size, absent = len(values), -1
    if given.descending:
        codes = size - 1 - codes
    if given.missing_bucket:
        without = lacking(index, len(docs))
        absent = 0 if _missing_first(given) else size
        codes = codes + 1 if absent == 0 else codes
        index = np.concatenate([index, without])
        codes = np.concatenate([codes, np.full(len(without), absent)])
        size += 1
    if given.missing_bucket or source.missing is not None:
        order = np.argsort(index, kind="stable")
        index, codes = index[order], codes[order]
    shown = Shown(source.shown.type, source.shown.format, given.time_zone, descending=given.descending)
    return Part(given, shown, index, codes, values, max(size, 1), absent)


def _missing_first(given: KeySource) -> bool:
    return not given.descending if given.missing_first is None else given.missing_first


def _values(given: KeySource, source: Source, scope: SegmentScope, docs: Docs) -> tuple[I64, I64, NDArray[Any] | Names]:
    """(indices into the documents, number of the value of each, the values by number, ascending)."""
    if given.kind == "terms" and (source.type in TERM_TYPES or not source.type):
        found = terms_of(scope, source, docs)
        numbers, codes = coded(found.codes)
        return found.index, codes, found.dictionary.names.take(numbers)
    index, values = numbers_of(scope, source, docs)
    if given.kind == "histogram":
        values = np.floor(values / given.interval) * given.interval + 0.0
    elif given.kind == "date_histogram":
        values = _rounding(given).floor(values.astype(np.int64))
    distinct, codes = coded(values)
    return index, codes, distinct


def _rounding(given: KeySource) -> Rounding:
    return Rounding(given.calendar_interval, given.fixed_interval_ms, given.time_zone, given.shift_ms)


def _after(given: KeySource, source: Source, value: Any) -> bytes:
    """The piece of a value of ``after``."""
    if value is not None:
        try:
            value = _comparable(given, source, value)
        except (SedimentError, ValueError, TypeError) as error:
            raise illegal_argument(
                f"invalid value for [after.{given.name}], expected a value of source [{given.name}], got [{value}]"
            ) from error
    return _piece(given, value)


def _comparable(given: KeySource, source: Source, value: Any) -> Any:
    if given.kind == "histogram":
        return float(value)
    if source.type == "date":
        return date_of(value, source)
    return source.value(value)
