"""Plans of queries about texts: match, match_phrase, multi_match."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from pipeline.analysis.analyzer import Token
from pipeline.analysis.registry import build_analyzer
from pipeline.search.queries.leaves import META_FIELDS, compile_term, searchable, term_of_type
from pipeline.search.queries.minimum import minimum_should_match
from pipeline.search.queries.plan import (
    Best,
    Combine,
    Context,
    Everything,
    Nothing,
    PhraseScore,
    Plan,
    TermScore,
)
from pipeline.search.values import text_of
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.limits import CLAUSES_MAX
from schemas.mapping import INVERTED_TYPES, Field, FieldType, IndexMapping
from schemas.query import Match, MatchPhrase, MultiMatch, Operator, Scalar, Term

# The types a field name pattern reaches (QueryParserHelper.ALLOWED_QUERY_MAPPER_TYPES).
_PATTERN_TYPES: Final = frozenset(FieldType) - {FieldType.OBJECT, FieldType.BOOLEAN}


def compile_match(node: Match, context: Context, boost: float) -> Plan:
    """The analysed text's terms."""
    try:
        return _match(node, context, boost)
    except SedimentError:
        if node.lenient:
            return Nothing()
        raise


def _match(node: Match, context: Context, boost: float) -> Plan:
    if node.field in META_FIELDS:
        return compile_term(Term(field=node.field, value=node.text), context, boost)
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        return term_of_type(field, node.text, context, boost)
    if node.fuzziness not in (None, "", "0", "0.0"):
        message = f"[match] on [{node.field}] with [fuzziness] is not supported yet: leave it out or set it to 0"
        raise illegal_argument(message)
    terms = [t.term.encode() for t in tokens_of(field, node.text, node.analyzer)]
    return _of_terms(node, [TermScore(field.path, term, boost) for term in terms], boost)


def _of_terms(node: Match, clauses: Sequence[TermScore], boost: float) -> Plan:
    if not clauses:
        return Everything(boost) if node.zero_terms_all else Nothing()
    check_clauses(len(clauses))
    if len(clauses) == 1:
        return clauses[0]
    if node.operator is Operator.AND:
        return Combine(must=clauses)
    least = 1
    if node.minimum_should_match is not None:
        least = max(1, minimum_should_match(node.minimum_should_match, len(clauses)))
    return Combine(should=clauses, least=least)


def check_clauses(count: int) -> None:
    """Raises ``too_many_clauses`` beyond CLAUSES_MAX."""
    if count > CLAUSES_MAX:
        raise invalid("too_many_clauses", f"maxClauseCount is set to {CLAUSES_MAX}")


def tokens_of(field: Field, text: Scalar, analyzer: str | None = None) -> Sequence[Token]:
    """The terms of a query text in a field: by the query's analyzer, else by the field's."""
    by_field = "keyword" if field.type is FieldType.KEYWORD else field.search_analyzer or field.analyzer
    return build_analyzer(analyzer or by_field).analyze(text_of(text))


def compile_phrase(node: MatchPhrase, context: Context, boost: float) -> Plan:
    """The analysed text's terms in order."""
    if node.field in META_FIELDS:
        return compile_term(Term(field=node.field, value=node.text), context, boost)
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        return term_of_type(field, node.text, context, boost)
    tokens = tokens_of(field, node.text, node.analyzer)
    if not tokens:
        return Everything(boost) if node.zero_terms_all else Nothing()
    terms = tuple(t.term.encode() for t in tokens)
    check_clauses(len(terms))
    if len(terms) == 1:
        return TermScore(field.path, terms[0], boost)
    if field.type is FieldType.KEYWORD:
        message = f"field:[{field.path}] was indexed without position data; cannot run PhraseQuery"
        raise invalid("illegal_state", message)
    if node.slop > 0 and len(set(terms)) < len(terms):
        message = f"[match_phrase] on [{field.path}]: a phrase that repeats a term needs [slop] 0"
        raise illegal_argument(message)
    first = tokens[0].position
    positions = tuple(t.position - first for t in tokens)
    return PhraseScore(field.path, terms, positions, node.slop, boost)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a multi_match type combines its fields."""

    tie_breaker: float
    phrase: bool = False


_KINDS: Final = {
    "best_fields": _Kind(0.0),
    "most_fields": _Kind(1.0),
    "phrase": _Kind(0.0, phrase=True),
}


def compile_multi_match(node: MultiMatch, context: Context, boost: float) -> Plan:
    """One text on several fields."""
    kind = _KINDS.get(node.type)
    if kind is None:
        message = f"[multi_match] type [{node.type}] is not supported; use one of: {', '.join(_KINDS)}"
        raise illegal_argument(message)
    compile_one = _on_phrase if kind.phrase else _on_match
    plans = [
        plan
        for path, factor in expand_fields(node.fields, context).items()
        if not isinstance(plan := compile_one(node, path, context, boost * factor), Nothing)
    ]
    if not plans:
        return Nothing()
    if len(plans) == 1:
        return plans[0]
    check_clauses(len(plans))
    return Best(tuple(plans), kind.tie_breaker if node.tie_breaker is None else node.tie_breaker)


def _on_match(node: MultiMatch, path: str, context: Context, boost: float) -> Plan:
    match = Match(
        field=path,
        text=node.text,
        operator=node.operator,
        minimum_should_match=node.minimum_should_match,
        analyzer=node.analyzer,
        lenient=node.lenient,
    )
    return compile_match(match, context, boost)


def _on_phrase(node: MultiMatch, path: str, context: Context, boost: float) -> Plan:
    phrase = MatchPhrase(field=path, text=node.text, slop=node.slop, analyzer=node.analyzer)
    try:
        return compile_phrase(phrase, context, boost)
    except SedimentError:
        if node.lenient:
            return Nothing()
        raise


def expand_fields(fields: Sequence[tuple[str, float]], context: Context) -> dict[str, float]:
    """Field -> factor, patterns resolved; a field that is named twice has both factors multiplied."""
    factors: dict[str, float] = {}
    for name, factor in fields or (("*", 1.0),):
        for path in _matching(name, context.mapping) if "*" in name else [name]:
            factors[path] = factors.get(path, 1.0) * factor
    return factors


def _matching(pattern: str, mapping: IndexMapping) -> list[str]:
    return [f.path for f in mapping.leaves() if f.type in _PATTERN_TYPES and f.index and fnmatchcase(f.path, pattern)]
