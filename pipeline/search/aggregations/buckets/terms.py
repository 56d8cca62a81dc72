"""``terms``: one bucket per value; all of a partition's values are in its partial, so counts are exact."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.search.aggregations.buckets.hashes import PARTITION_SEED, mixed, murmur3
from pipeline.search.aggregations.fields import (
    ANY_TYPE,
    TERM_TYPES,
    Docs,
    SegmentScope,
    Source,
    TermCodes,
    Wanted,
    numbers_of,
    source_of,
    terms_of,
)
from pipeline.search.aggregations.partials import UNIVERSE, Buckets, Keys
from pipeline.search.aggregations.summaries.sum_kernels import count_codes
from schemas.aggregations import TermsAggregation
from schemas.errors import illegal_argument

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
REGEX_SECONDS_MAX: Final = 1.0  # for all the terms of a segment


def collect_terms(
    name: str, agg: TermsAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    """(buckets, index int64[v] into ``docs``, bucket int64[v]): which documents are in which bucket."""
    wanted = Wanted(
        name=name,
        kind="terms",
        path=agg.field,
        types=ANY_TYPE,
        missing=agg.missing,
        format=agg.format,
        value_type=agg.value_type,
    )
    source = source_of(wanted, scope)
    if source.type in TERM_TYPES or not source.type:
        return _collect_strings(name, agg, scope, source, docs, parents)
    return _collect_numbers(name, agg, scope, source, docs, parents)


def count_terms(name: str, agg: TermsAggregation, scope: SegmentScope, rows: NDArray[np.uint32]) -> Buckets | None:
    """The buckets of all these rows together, by one count; None where ``collect_terms`` is needed: where a document has several
    values or none is replaced, where terms are chosen, or buckets are shown that are empty.
    """
    if agg.include is not None or agg.exclude is not None or agg.missing is not None or agg.min_doc_count == 0:
        return None
    wanted = Wanted(
        name=name, kind="terms", path=agg.field, types=ANY_TYPE, format=agg.format, value_type=agg.value_type
    )
    source = source_of(wanted, scope)
    column, terms = scope.reader.ordinals(source.path), scope.reader.terms(source.path)
    if source.type not in TERM_TYPES or column is None or column.starts is not None or terms is None:
        return None
    counts = np.zeros(terms.count, np.int64)
    count_codes(column.ordinals, frozen(rows), counts)
    present = np.flatnonzero(counts)
    found = TermCodes(present, present, terms)
    return Buckets(np.zeros(len(present), np.int64), found.bytes_of(present), counts[present], source.shown)


def _collect_strings(
    name: str, agg: TermsAggregation, scope: SegmentScope, source: Source, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    found = terms_of(scope, source, docs)
    index, codes = found.index, found.codes
    everywhere = np.zeros(0, np.int64)
    if agg.min_doc_count == 0:
        everywhere = np.unique(terms_of(scope, source, np.flatnonzero(scope.alive)).codes)
    if agg.include is not None or agg.exclude is not None:
        present = np.unique(np.concatenate([codes, everywhere]))
        allowed = np.zeros(found.count + 1, np.bool_)
        allowed[present[_allowed_terms(name, agg, source, found, present)]] = True
        kept = allowed[codes]
        index, codes = index[kept], codes[kept]
        everywhere = everywhere[allowed[everywhere]]
    bucket, of, code, counts = group(parents[index], codes, found.count)
    if len(everywhere):
        of = np.concatenate([of, np.full(len(everywhere), UNIVERSE)])
        code = np.concatenate([code, everywhere])
        counts = np.concatenate([counts, np.zeros(len(everywhere), np.int64)])
    keys: Keys = found.bytes_of(code)
    return Buckets(of, keys, counts, source.shown), index, bucket


def _collect_numbers(
    name: str, agg: TermsAggregation, scope: SegmentScope, source: Source, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    index, values = numbers_of(scope, source, docs)
    everywhere = values[:0]
    if agg.min_doc_count == 0:
        everywhere = np.unique(numbers_of(scope, source, np.flatnonzero(scope.alive))[1])
    if agg.include is not None or agg.exclude is not None:
        kept = _allowed_numbers(name, agg, source, values)
        index, values = index[kept], values[kept]
        everywhere = everywhere[_allowed_numbers(name, agg, source, everywhere)]
    distinct, codes = coded(values)
    kept = first_of_document(index, codes)
    index, codes = index[kept], codes[kept]
    bucket, of, code, counts = group(parents[index], codes, len(distinct))
    keys = distinct[code]
    if len(everywhere):
        of = np.concatenate([of, np.full(len(everywhere), UNIVERSE)])
        keys = np.concatenate([keys, everywhere])
        counts = np.concatenate([counts, np.zeros(len(everywhere), np.int64)])
    return Buckets(of, keys, counts, source.shown), index, bucket


def coded(values: NDArray[Any]) -> tuple[NDArray[Any], I64]:
    """(distinct values ascending, number of each value among them)."""
    distinct = np.unique(values)
    if len(distinct) * 8 < len(values):  # looking up in a short array is faster than sorting positions
        return distinct, np.searchsorted(distinct, values)
    distinct, codes = np.unique(values, return_inverse=True)
    return distinct, codes.reshape(-1)


def group(parents: I64, codes: I64, code_count: int) -> tuple[I64, I64, I64, I64]:
    """Number the distinct (parent, code) pairs: (number int64[v], parent, code, count of each number), ascending."""
    if not len(codes):
        return codes, codes, codes, codes
    combined = parents * code_count + codes
    space = (int(parents.max()) + 1) * code_count
    if space <= max(1 << 16, 4 * len(codes)):
        counts = np.bincount(combined, minlength=space)
        present = np.flatnonzero(counts)
        lookup = np.empty(space, np.int64)
        lookup[present] = np.arange(len(present))
        number = lookup[combined]
        counts = counts[present]
    else:
        present, number, counts = np.unique(combined, return_inverse=True, return_counts=True)
    return number.reshape(-1), present // code_count, present % code_count, counts


def first_of_document(index: I64, codes: I64) -> Bools:
    """bool[v]: False where the value before is the same document's same code."""
    first = np.ones(len(codes), np.bool_)
    first[1:] = (index[1:] != index[:-1]) | (codes[1:] != codes[:-1])
    return first


def _allowed_terms(name: str, agg: TermsAggregation, source: Source, found: TermCodes, codes: I64) -> Bools:
    allowed = np.ones(len(codes), np.bool_)
    if agg.include is not None:
        allowed &= _terms_in(name, agg.include, source, found, codes)
    if agg.exclude is not None:
        allowed &= ~_terms_in(name, agg.exclude, source, found, codes)
    return allowed


def _terms_in(name: str, given: Any, source: Source, found: TermCodes, codes: I64) -> Bools:
    if isinstance(given, Mapping):
        hashes = [murmur3(term, PARTITION_SEED) for term in found.bytes_of(codes)]
        parts: I64 = np.array(hashes, np.int64) % int(given["num_partitions"])
        chosen: Bools = parts == int(given["partition"])
        return chosen
    if not isinstance(given, str):
        terms = [source.value(one) for one in given]
        numbers = [found.terms.lookup(t) if found.terms else -1 for t in terms]
        if found.extra in terms:
            numbers.append(found.count - 1)
        return np.isin(codes, numbers)
    if source.type == "ip":
        raise illegal_argument(
            f"Aggregation [{name}] cannot support regular expression style include/exclude settings "
            "as they can only be applied to string fields. Use an array of values for "
            "include/exclude clauses"
        )
    pattern = compile_pattern(given)
    try:
        matched = [
            pattern.fullmatch(term.decode(errors="replace"), timeout=REGEX_SECONDS_MAX) is not None
            for term in found.bytes_of(codes)
        ]
    except TimeoutError:
        raise illegal_argument(
            f"the regular expression [{given}] of aggregation [{name}] takes too long: simplify it"
        ) from None
    return np.array(matched, np.bool_)


def compile_pattern(text: str) -> "regex.Pattern[str]":
    """Lucene's regular expressions (anchored; ``@`` any string, ``#`` none, ``"…"`` literal). Raises ``illegal_argument``."""
    out: list[str] = []
    for part in re.findall(r'\\.|"[^"]*"|\[(?:\\.|[^\]\\])*\]|.', text, re.DOTALL):
        if len(part) > 1 and part[0] == '"':
            out.append(regex.escape(part[1:-1]))
        elif part[0] == "\\" and len(part) > 1:
            out.append(regex.escape(part[1]))
        elif part in {"^", "$"}:
            out.append("\\" + part)
        elif part in {"@", "#"}:
            out.append(".*" if part == "@" else "(?!)")
        elif part in {"&", "~", "<", ">"}:
            raise illegal_argument(f"[{part}] in the regular expression [{text}] is not supported")
        else:
            out.append(part)
    try:
        return regex.compile("".join(out), regex.DOTALL)
    except regex.error as error:
        raise illegal_argument(f"cannot read the regular expression [{text}]: {error}") from error


def _allowed_numbers(name: str, agg: TermsAggregation, source: Source, values: NDArray[Any]) -> Bools:
    allowed = np.ones(len(values), np.bool_)
    for given, keep in ((agg.include, True), (agg.exclude, False)):
        if given is None:
            continue
        if isinstance(given, Mapping):
            allowed &= mixed(values.view(np.int64)) % given["num_partitions"] == given["partition"]
            continue
        if isinstance(given, str):
            raise illegal_argument(
                f"Aggregation [{name}] cannot support regular expression style include/exclude "
                "settings as they can only be applied to string fields. Use an array of numeric "
                "values for include/exclude clauses used to filter numeric fields"
            )
        found = np.isin(values, np.array([source.value(one) for one in given], values.dtype))
        allowed &= found if keep else ~found
    return allowed
