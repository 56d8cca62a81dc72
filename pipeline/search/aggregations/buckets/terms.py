"""``terms``: one bucket per value; all of a partition's values are in its partial, so counts are exact."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import NDArray

from pipeline.search.aggregations.buckets.counts import count_in_steps, count_selected, unit_steps
from pipeline.search.aggregations.buckets.groups import coded, first_of_document, group
from pipeline.search.aggregations.buckets.hashes import PARTITION_SEED, mixed, murmur3
from pipeline.search.aggregations.fields import (
    ANY_TYPE,
    TERM_TYPES,
    Dictionary,
    Docs,
    SegmentScope,
    Source,
    Wanted,
    numbers_of,
    source_of,
    terms_of,
)
from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.partials import UNIVERSE, Buckets, Keys
from pipeline.search.queries.selection import Selection
from schemas.aggregations import TermsAggregation
from schemas.errors import illegal_argument

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
REGEX_SECONDS_MAX: Final = 1.0  # for all the terms of a segment


def _source(name: str, agg: TermsAggregation, scope: SegmentScope) -> Source:
    wanted = Wanted(
        name=name,
        kind="terms",
        path=agg.field,
        types=ANY_TYPE,
        missing=agg.missing,
        format=agg.format,
        value_type=agg.value_type,
    )
    return source_of(wanted, scope)


def collect_terms(
    name: str, agg: TermsAggregation, scope: SegmentScope, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    """(buckets, index int64[v] into ``docs``, bucket int64[v]): which documents are in which bucket."""
    source = _source(name, agg, scope)
    if source.type in TERM_TYPES or not source.type:
        return _collect_strings(name, agg, scope, source, docs, parents)
    return _collect_numbers(name, agg, scope, source, docs, parents)


def count_terms(name: str, agg: TermsAggregation, scope: SegmentScope, selection: Selection) -> Buckets | None:
    """The buckets of all these documents together, by one count; None where ``collect_terms`` is needed: where a document has
    several values or none is replaced, or buckets are shown that are empty.
    """
    if agg.missing is not None or agg.min_doc_count == 0:
        return None
    source = _source(name, agg, scope)
    if source.type not in TERM_TYPES:
        return _count_numbers(name, agg, scope, source, selection)
    found = _count_ordinals(scope, source, selection)
    terms = scope.reader.terms(source.path)
    if terms is None or found is None:
        return None
    codes, counts = found
    if agg.include is not None or agg.exclude is not None:
        codes = np.arange(terms.count) if codes is None else codes
        kept = _allowed_terms(name, agg, source, Dictionary(terms), codes)
        codes, counts = codes[kept], counts[kept]
    return Buckets(np.zeros(len(counts), np.int64), Names(terms.data, terms.starts, codes), counts, source.shown)


def _count_ordinals(scope: SegmentScope, source: Source, selection: Selection) -> tuple[I64 | None, I64] | None:
    """(the terms that documents have, None for all, how many have each); None where documents have several."""
    if selection.everything:
        postings = scope.reader.postings(source.path)
        if postings is not None:
            return None, postings.df.astype(np.int64)
    codes = scope.columns.codes(source.path)
    return None if codes is None else count_selected(codes.values, selection, codes.count)


def _count_numbers(
    name: str, agg: TermsAggregation, scope: SegmentScope, source: Source, selection: Selection
) -> Buckets | None:
    steps = unit_steps(scope, source) if source.type in {"long", "boolean", "date"} else None
    if steps is None:
        return None
    keys, counts = count_in_steps(scope, steps, selection)
    if agg.include is not None or agg.exclude is not None:
        kept = _allowed_numbers(name, agg, source, keys)
        keys, counts = keys[kept], counts[kept]
    return Buckets(np.zeros(len(keys), np.int64), keys, counts, source.shown)


def _collect_strings(
    name: str, agg: TermsAggregation, scope: SegmentScope, source: Source, docs: Docs, parents: I64
) -> tuple[Buckets, I64, I64]:
    found = terms_of(scope, source, docs)
    index, codes, names = found.index, found.codes, found.dictionary.names
    everywhere = np.zeros(0, np.int64)
    if agg.min_doc_count == 0:
        everywhere = np.unique(terms_of(scope, source, np.flatnonzero(scope.alive)).codes)
    if agg.include is not None or agg.exclude is not None:
        present = np.unique(np.concatenate([codes, everywhere]))
        allowed = np.zeros(len(names) + 1, np.bool_)
        allowed[present[_allowed_terms(name, agg, source, found.dictionary, present)]] = True
        kept = allowed[codes]
        index, codes = index[kept], codes[kept]
        everywhere = everywhere[allowed[everywhere]]
    bucket, of, code, counts = group(parents[index], codes, len(names))
    found_keys = names.take(np.concatenate([everywhere, code]))
    return _with_universe(found_keys, len(everywhere), of, counts, source), index, bucket + len(everywhere)


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
    keys = np.concatenate([everywhere, distinct[code]])
    return _with_universe(keys, len(everywhere), of, counts, source), index, bucket + len(everywhere)


def _with_universe(keys: Keys, everywhere: int, of: I64, counts: I64, source: Source) -> Buckets:
    """Buckets whose first keys are those that exist somewhere, under no parent."""
    if everywhere:
        of = np.concatenate([np.full(everywhere, UNIVERSE), of])
        counts = np.concatenate([np.zeros(everywhere, np.int64), counts])
    return Buckets(of, keys, counts, source.shown)


def _allowed_terms(name: str, agg: TermsAggregation, source: Source, found: Dictionary, codes: I64) -> Bools:
    allowed = np.ones(len(codes), np.bool_)
    if agg.include is not None:
        allowed &= _terms_in(name, agg.include, source, found, codes)
    if agg.exclude is not None:
        allowed &= ~_terms_in(name, agg.exclude, source, found, codes)
    return allowed


def _terms_in(name: str, given: Any, source: Source, found: Dictionary, codes: I64) -> Bools:
    if isinstance(given, Mapping):
        hashes = [murmur3(term, PARTITION_SEED) for term in found.names.texts(codes)]
        parts: I64 = np.array(hashes, np.int64) % int(given["num_partitions"])
        chosen: Bools = parts == int(given["partition"])
        return chosen
    if not isinstance(given, str):
        return np.isin(codes, [found.lookup(source.value(one)) for one in given])
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
            for term in found.names.texts(codes)
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
