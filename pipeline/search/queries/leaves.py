"""Plans of queries about exact values: term, terms, prefix, wildcard, regexp, fuzzy, exists, ids."""

import re
from typing import Final

import numpy as np

from pipeline.analysis.definitions.analyzer_set import analyzer_set
from pipeline.analysis.filters.folding import rewritten
from pipeline.search.date_math import DateContext, resolve
from pipeline.search.patterns.globs import glob_of, glob_of_literal
from pipeline.search.patterns.regexps import machine_of
from pipeline.search.patterns.similar import Word, edits_of
from pipeline.search.queries.plan import (
    Combine,
    Constant,
    Context,
    Everything,
    HasValue,
    IdSet,
    IdSlice,
    Nothing,
    NumberSet,
    NumberSpan,
    Plan,
    SimilarTerms,
    TermPattern,
    TermPrefix,
    TermScore,
    TermSet,
    TermSpan,
)
from pipeline.search.values import (
    FALSE,
    TRUE,
    address_of,
    boolean_of,
    distinct,
    float_of,
    integer_of,
    network_of,
    text_of,
)
from schemas.errors import illegal_argument, invalid
from schemas.limits import CLAUSES_MAX, TERMS_QUERY_MAX
from schemas.mapping import FLOAT_TYPES, INTEGER_TYPES, INVERTED_TYPES, Field, FieldType
from schemas.query import Exists, Fuzzy, Ids, Prefix, Regexp, Scalar, Slice, Term, Terms, Wildcard

FUZZY_BYTES_MAX: Final = 256
# Fields that every document has.
META_FIELDS: Final = frozenset({"_id", "_index", "_source", "_seq_no", "_version"})


def searchable(context: Context, path: str) -> Field | None:
    """The field, if it holds values; None: nothing can match. Raises where the mapping forbids searching it."""
    field = context.mapping.get(path)
    if field is None or field.type is FieldType.OBJECT:
        return None
    if not field.index and (not field.doc_values or field.type in INVERTED_TYPES):
        message = f"Cannot search on field [{path}] since it is not indexed."
        raise illegal_argument(message)
    return field


def compile_term(node: Term, context: Context, boost: float) -> Plan:
    """Exactly this value."""
    if node.field in META_FIELDS:
        return _meta(node.field, (node.value,), context, boost)
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type in INVERTED_TYPES:
        text = normalized(context, field, text_of(node.value))
        if node.case_insensitive:
            return Constant(TermPattern(field.path, glob_of_literal(text, folded=True)), boost)
        return TermScore(field.path, text.encode(), boost)
    return term_of_type(field, node.value, context, boost)


def normalized(context: Context, field: Field, text: str) -> str:
    """A text as the field's normalizer, where it has one, writes it into the index."""
    if field.type is not FieldType.KEYWORD:
        return text
    normalizer = analyzer_set(context.mapping.analysis).normalizer_of(field)
    if normalizer is None:
        return text
    return next((t.term for t in normalizer.analyze(text)), "")


def written(context: Context, field: Field, text: str, *, as_text: bool) -> str:
    """A pattern or a word without analysis: as the normalizer writes it, and ``as_text`` as the analyzer of a text field does."""
    if as_text and field.type is FieldType.TEXT:
        return rewritten(analyzer_set(context.mapping.analysis).of_search(field).filters, text)
    return normalized(context, field, text)


def term_of_type(field: Field, value: Scalar, context: Context, boost: float) -> Plan:
    """A value of a field that is neither text nor keyword."""
    if field.type is FieldType.BOOLEAN:
        return TermScore(field.path, TRUE if boolean_of(value) else FALSE, boost)
    if field.type is FieldType.IP:
        network = network_of(value)
        if network is not None:
            return Constant(TermSpan(field.path, *network), boost)
        return Constant(TermSet(field.path, (address_of(value),)), boost)
    if field.type is FieldType.DATE:
        return Constant(_date(field, value, context), boost)
    number = integer_of(value, field) if field.type in INTEGER_TYPES else float_of(value, field)
    return Nothing() if number is None else Constant(NumberSpan(field.path, number, number), boost)


def _date(field: Field, value: Scalar, context: Context) -> Plan:
    """A date that leaves something out means the whole of it: ``2020-01`` is January."""
    dates = DateContext(field.path, field.format, context.now_ms)
    low = resolve(value, dates, round_up=False)
    return NumberSpan(field.path, low, resolve(value, dates, round_up=True))


def _meta(name: str, values: tuple[Scalar, ...], context: Context, boost: float) -> Plan:
    texts = [text_of(v) for v in values]
    if name == "_id":
        return Constant(IdSet(distinct(t.encode() for t in texts)), boost)
    if name == "_index":
        return Everything(boost) if context.index in texts else Nothing()
    message = f"The [{name}] field is not searchable here: query a field of the mapping, [_id] or [_index]"
    raise illegal_argument(message)


def compile_terms(node: Terms, context: Context, boost: float) -> Plan:
    """Any of these values. Raises where there are more than TERMS_QUERY_MAX."""
    if len(node.values) > TERMS_QUERY_MAX:
        message = (
            f"The number of terms [{len(node.values)}] used in the Terms Query request has exceeded the allowed maximum of "
            f"[{TERMS_QUERY_MAX}]. This maximum can be set by changing the [index.max_terms_count] index level setting."
        )
        raise illegal_argument(message)
    if node.field in META_FIELDS:
        return _meta(node.field, tuple(node.values), context, boost)
    field = searchable(context, node.field)
    if field is None or not node.values:
        return Nothing()
    return _any_of_type(field, node, context, boost)


def _any_of_type(field: Field, node: Terms, context: Context, boost: float) -> Plan:
    if field.type in INVERTED_TYPES:
        terms = distinct(normalized(context, field, text_of(v)).encode() for v in node.values)
        return Constant(TermSet(field.path, terms), boost)
    if field.type in INTEGER_TYPES:
        whole = {integer_of(v, field) for v in node.values} - {None}
        return Constant(NumberSet(field.path, np.array(sorted(whole), np.int64)), boost)  # type: ignore[type-var]
    if field.type in FLOAT_TYPES:
        floats = sorted({float_of(v, field) for v in node.values})
        return Constant(NumberSet(field.path, np.array(floats, np.float64)), boost)
    if field.type is FieldType.BOOLEAN:
        truths = sorted({int(boolean_of(v)) for v in node.values})
        return Constant(NumberSet(field.path, np.array(truths, np.int64)), boost)
    return _any_of_spans(field, node, context, boost)


def _any_of_spans(field: Field, node: Terms, context: Context, boost: float) -> Plan:
    """Dates and addresses: each value may stand for a span of them."""
    if field.type is FieldType.IP and all(network_of(v) is None for v in node.values):
        return Constant(TermSet(field.path, distinct(address_of(v) for v in node.values)), boost)
    spans = [term_of_type(field, value, context, 1.0) for value in node.values]
    inner = tuple(span.inner for span in spans if isinstance(span, Constant))
    return Constant(Combine(should=inner, least=1), boost)


def compile_prefix(node: Prefix, context: Context, boost: float) -> Plan:
    """A term that begins so."""
    field = _of_strings(node.field, "prefix", context)
    if field is None:
        return Nothing()
    text = written(context, field, node.value, as_text=node.as_text)
    if node.case_insensitive:
        glob = glob_of_literal(text, folded=True, open_end=True)
        return Constant(TermPattern(field.path, glob), boost)
    return Constant(TermPrefix(field.path, text.encode("utf-8", "replace")), boost)


def compile_wildcard(node: Wildcard, context: Context, boost: float) -> Plan:
    """A term that matches the pattern."""
    field = _of_strings(node.field, "wildcard", context)
    if field is None:
        return Nothing()
    parts = re.split(
        r"([*?]|\\.)", node.pattern, flags=re.DOTALL
    )  # the normalizer is for what stands between the signs
    pattern = "".join(
        part if i % 2 else written(context, field, part, as_text=node.as_text) for i, part in enumerate(parts)
    )
    glob = glob_of(pattern, folded=node.case_insensitive)
    return Constant(TermPattern(field.path, glob), boost)


def compile_regexp(node: Regexp, context: Context, boost: float) -> Plan:
    """A term that fits the expression."""
    field = _of_strings(node.field, "regexp", context)
    pattern = (
        written(context, field, node.pattern, as_text=True) if node.as_text and field is not None else node.pattern
    )
    machine = machine_of(
        pattern, flags=node.flags, folded=node.case_insensitive, states_max=node.max_determinized_states
    )
    return Nothing() if field is None else Constant(TermPattern(field.path, machine), boost)


def compile_fuzzy(node: Fuzzy, context: Context, boost: float) -> Plan:
    """A term like the value."""
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        message = f"Can only use fuzzy queries on keyword and text fields - not on [{node.field}] which is of type [{field.type.value}]"
        raise illegal_argument(message)
    text = written(context, field, text_of(node.value), as_text=node.as_text)
    word = Word(
        text.encode("utf-8", "replace"), edits_of(node.fuzziness, text), node.prefix_length, node.transpositions
    )
    return similar_terms(field.path, word, boost, node.max_expansions)


def similar_terms(path: str, word: Word, boost: float, most: int) -> Plan:
    """The plan of a word and its like. Raises ``illegal_argument`` where the word is too long to be compared."""
    if word.edits == 0 or len(word.term) > FUZZY_BYTES_MAX:  # no term that long is one edit away from another by chance
        return TermScore(path, word.term, boost)
    return SimilarTerms(path, word, boost, min(most, CLAUSES_MAX))


def _of_strings(path: str, kind: str, context: Context) -> Field | None:
    field = searchable(context, path)
    if field is not None and field.type not in INVERTED_TYPES:
        message = (
            f"Can only use {kind} queries on keyword, text and wildcard fields - not on [{path}] "
            f"which is of type [{field.type.value}]"
        )
        raise invalid("query_shard", message)
    return field


def compile_exists(node: Exists, context: Context, boost: float) -> Plan:
    """A value in the field or in any field below it."""
    if node.field in META_FIELDS:
        return Everything(boost)
    inside = node.field + "."
    paths = tuple(f.path for f in context.mapping.leaves() if f.path == node.field or f.source.startswith(inside))
    return Constant(HasValue(paths), boost) if paths else Nothing()


def compile_slice(node: Slice, context: Context, boost: float) -> Plan:
    """One part of all documents."""
    return Constant(IdSlice(node.number, node.of), boost)


def compile_ids(node: Ids, context: Context, boost: float) -> Plan:
    """These ids."""
    if not node.values:
        return Nothing()
    return Constant(IdSet(distinct(v.encode() for v in node.values)), boost)
