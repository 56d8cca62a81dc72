"""Plans of queries about texts: match, match_phrase, match_phrase_prefix, match_bool_prefix."""

from collections.abc import Sequence

from pipeline.analysis.analyzer import Token
from pipeline.analysis.registry import build_analyzer
from pipeline.search.patterns.similar import Word, edits_of
from pipeline.search.queries.leaves import META_FIELDS, compile_term, searchable, similar_terms, term_of_type
from pipeline.search.queries.plan import (
    Combine,
    Constant,
    Context,
    Everything,
    Nothing,
    PhraseScore,
    Plan,
    PrefixPhrase,
    TermPrefix,
    TermScore,
)
from pipeline.search.queries.texts.minimum import minimum_should_match
from pipeline.search.values import text_of
from schemas.errors import SedimentError, invalid
from schemas.limits import CLAUSES_MAX
from schemas.mapping import INVERTED_TYPES, Field, FieldType
from schemas.query import Match, MatchBoolPrefix, MatchPhrase, MatchPhrasePrefix, Operator, Scalar, Term


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
    terms = [t.term for t in tokens_of(field, node.text, node.analyzer)]
    return _of_terms(node, [_one(field.path, term, node, boost) for term in terms], boost)


def _one(path: str, term: str, node: Match | MatchBoolPrefix, boost: float) -> Plan:
    """A term of the text, or its like."""
    if not node.fuzziness:
        return TermScore(path, term.encode(), boost)
    word = Word(term.encode(), edits_of(node.fuzziness, term), node.prefix_length, node.transpositions)
    return similar_terms(path, word, boost, node.max_expansions)


def _of_terms(node: Match | MatchBoolPrefix, clauses: Sequence[Plan], boost: float) -> Plan:
    if not clauses:
        return Everything(boost) if isinstance(node, Match) and node.zero_terms_all else Nothing()
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
    first = tokens[0].position
    positions = tuple(t.position - first for t in tokens)
    return PhraseScore(field.path, terms, positions, node.slop, boost)


def compile_phrase_prefix(node: MatchPhrasePrefix, context: Context, boost: float) -> Plan:
    """The analysed text's terms in order, the last of them as a prefix."""
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        message = f"Can only use phrase prefix queries on text fields - not on [{node.field}] which is of type [{field.type.value}]"
        raise invalid("query_shard", message)
    tokens = tokens_of(field, node.text, node.analyzer)
    if not tokens:
        return Everything(boost) if node.zero_terms_all else Nothing()
    check_clauses(len(tokens))
    if field.type is FieldType.KEYWORD:
        message = f"Can only use phrase prefix queries on text fields - not on [{node.field}] which is of type [{field.type.value}]"
        raise invalid("query_shard", message)
    first = tokens[0].position
    *before, last = tokens
    return PrefixPhrase(
        field.path,
        tuple(t.term.encode() for t in before),
        tuple(t.position - first for t in before),
        last.term.encode(),
        last.position - first,
        node.slop,
        boost,
        min(node.max_expansions, CLAUSES_MAX),
    )


def compile_bool_prefix(node: MatchBoolPrefix, context: Context, boost: float) -> Plan:
    """The analysed text's terms, the last of them as a prefix."""
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        return term_of_type(field, node.text, context, boost)
    terms = [t.term for t in tokens_of(field, node.text, node.analyzer)]
    if not terms:
        return Nothing()
    clauses = [_one(field.path, term, node, boost) for term in terms[:-1]]
    clauses.append(Constant(TermPrefix(field.path, terms[-1].encode()), boost))
    return _of_terms(node, clauses, boost)
