"""Plans of queries about texts: match, match_phrase, match_phrase_prefix, match_bool_prefix."""

from collections.abc import Sequence
from typing import Final

from pipeline.analysis.definitions.analyzer_set import analyzer_set
from pipeline.analysis.words import Token
from pipeline.search.patterns.similar import Word, edits_of
from pipeline.search.queries.leaves import META_FIELDS, compile_term, searchable, similar_terms, term_of_type
from pipeline.search.queries.plan import (
    Blended,
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
from pipeline.search.queries.texts.graphs import Path, Place, is_graph, paths_of, places_of, shifts_of
from pipeline.search.queries.texts.minimum import minimum_should_match
from pipeline.search.values import text_of
from schemas.errors import SedimentError, invalid
from schemas.limits import CLAUSES_MAX
from schemas.mapping import INVERTED_TYPES, Field, FieldType
from schemas.query import Match, MatchBoolPrefix, MatchPhrase, MatchPhrasePrefix, Operator, Scalar, Term

LONG_TEXT_CHARACTERS: Final = 32_768


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
    places = places_of(tokens_of(context, field, node.text, node.analyzer))
    return _of_terms(node, [_of_place(field.path, place, node, boost) for place in places], boost)


def _of_place(path: str, place: Place, node: Match | MatchBoolPrefix, boost: float) -> Plan:
    """Any reading of a part of the text. Terms in one place count as one term; readings of several terms are phrases."""
    if len(place.readings) == 1 and place.simple:
        return _one(path, place.readings[0][0].term, node, boost)
    check_clauses(len(place.readings))
    if place.simple and not node.fuzziness:
        return Blended(tuple(TermScore(path, reading[0].term.encode(), boost) for reading in place.readings), 0.0)
    return Combine(should=tuple(_reading(path, one, node, boost) for one in place.readings), least=1)


def _reading(path: str, reading: Path, node: Match | MatchBoolPrefix, boost: float) -> Plan:
    return _one(path, reading[0].term, node, boost) if len(reading) == 1 else _phrase(path, reading, 0, boost)


def _phrase(path: str, reading: Path, slop: int, boost: float) -> Plan:
    terms = tuple(t.term.encode() for t in reading)
    return (
        TermScore(path, terms[0], boost)
        if len(terms) == 1
        else PhraseScore(path, terms, shifts_of(reading), slop, boost)
    )


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


def tokens_of(
    context: Context, field: Field, text: Scalar, analyzer: str | None = None, *, quoted: bool = False
) -> Sequence[Token]:
    """The terms of a query text in a field: by the query's analyzer, else by the field's (that for phrases where it is ``quoted``)."""
    analyzers = analyzer_set(context.mapping.analysis)
    found = analyzers.of_quote(field) if quoted else analyzers.of_search(field)
    if analyzer is not None:
        named = analyzers.find(analyzer)
        if named is None:
            raise invalid("query_shard", f"[match] analyzer [{analyzer}] not found")
        found = named
    whole = text_of(text)
    if len(whole) > LONG_TEXT_CHARACTERS:  # a book has too many words already in its beginning
        check_clauses(len(found.analyze(whole[:LONG_TEXT_CHARACTERS])) - 1)
    return found.analyze(whole)


def compile_phrase(node: MatchPhrase, context: Context, boost: float) -> Plan:
    """The analysed text's terms in order."""
    if node.field in META_FIELDS:
        return compile_term(Term(field=node.field, value=node.text), context, boost)
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        return term_of_type(field, node.text, context, boost)
    tokens = tokens_of(context, field, node.text, node.analyzer, quoted=True)
    if not tokens:
        return Everything(boost) if node.zero_terms_all else Nothing()
    return _in_order(field, tokens, node.slop, boost)


def _in_order(field: Field, tokens: Sequence[Token], slop: int, boost: float) -> Plan:
    terms = tuple(t.term.encode() for t in tokens)
    check_clauses(len(terms))
    if len(terms) == 1:
        return TermScore(field.path, terms[0], boost)
    if field.type is FieldType.KEYWORD:
        message = f"field:[{field.path}] was indexed without position data; cannot run PhraseQuery"
        raise invalid("illegal_state", message)
    if is_graph(tokens):
        return Combine(should=tuple(_phrase(field.path, p, slop, boost) for p in paths_of(tokens)), least=1)
    first = tokens[0].position
    positions = tuple(t.position - first for t in tokens)
    if positions[-1] == 0:
        return Blended(tuple(TermScore(field.path, term, boost) for term in dict.fromkeys(terms)), 0.0)
    return PhraseScore(field.path, terms, positions, slop, boost)


def compile_phrase_prefix(node: MatchPhrasePrefix, context: Context, boost: float) -> Plan:
    """The analysed text's terms in order, the last of them as a prefix."""
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    if field.type not in INVERTED_TYPES:
        message = f"Can only use phrase prefix queries on text fields - not on [{node.field}] which is of type [{field.type.value}]"
        raise invalid("query_shard", message)
    tokens = tokens_of(context, field, node.text, node.analyzer, quoted=True)
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
    places = places_of(tokens_of(context, field, node.text, node.analyzer))
    if not places:
        return Nothing()
    clauses = [_of_place(field.path, place, node, boost) for place in places[:-1]]
    prefixes = tuple(TermPrefix(field.path, reading[-1].term.encode()) for reading in places[-1].readings)
    last = prefixes[0] if len(prefixes) == 1 else Combine(should=prefixes, least=1)
    clauses.append(Constant(last, boost))
    return _of_terms(node, clauses, boost)
