"""Plans of one text on several fields: multi_match of every type."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from pipeline.analysis.definitions.analyzer_set import analyzer_set
from pipeline.search.queries.leaves import searchable
from pipeline.search.queries.plan import Best, Blended, Combine, Context, Nothing, Plan, TermScore
from pipeline.search.queries.texts.match import (
    check_clauses,
    compile_bool_prefix,
    compile_match,
    compile_phrase,
    compile_phrase_prefix,
    tokens_of,
)
from pipeline.search.queries.texts.minimum import minimum_should_match
from schemas.errors import SedimentError, illegal_argument
from schemas.mapping import INVERTED_TYPES, Field, FieldType, IndexMapping
from schemas.query import Match, MatchBoolPrefix, MatchPhrase, MatchPhrasePrefix, MultiMatch, Operator

# The types a field name pattern reaches (QueryParserHelper.ALLOWED_QUERY_MAPPER_TYPES).
_PATTERN_TYPES: Final = frozenset(FieldType) - {FieldType.OBJECT, FieldType.BOOLEAN}
_OneField = Callable[[MultiMatch, str, Context, float], Plan]


def _on_match(node: MultiMatch, path: str, context: Context, boost: float) -> Plan:
    match = Match(
        field=path, text=node.text, operator=node.operator, minimum_should_match=node.minimum_should_match,
        analyzer=node.analyzer, lenient=node.lenient, fuzziness=node.fuzziness, prefix_length=node.prefix_length,
        max_expansions=node.max_expansions, transpositions=node.transpositions, zero_terms_all=node.zero_terms_all,
    )  # fmt: skip
    return compile_match(match, context, boost)


def _on_phrase(node: MultiMatch, path: str, context: Context, boost: float) -> Plan:
    phrase = MatchPhrase(
        field=path, text=node.text, slop=node.slop, analyzer=node.analyzer, zero_terms_all=node.zero_terms_all
    )
    return compile_phrase(phrase, context, boost)


def _on_phrase_prefix(node: MultiMatch, path: str, context: Context, boost: float) -> Plan:
    phrase = MatchPhrasePrefix(
        field=path, text=node.text, slop=node.slop, analyzer=node.analyzer, max_expansions=node.max_expansions,
        zero_terms_all=node.zero_terms_all,
    )  # fmt: skip
    return compile_phrase_prefix(phrase, context, boost)


def _on_bool_prefix(node: MultiMatch, path: str, context: Context, boost: float) -> Plan:
    match = MatchBoolPrefix(
        field=path, text=node.text, operator=node.operator, minimum_should_match=node.minimum_should_match,
        analyzer=node.analyzer, fuzziness=node.fuzziness, prefix_length=node.prefix_length,
        max_expansions=node.max_expansions, transpositions=node.transpositions,
    )  # fmt: skip
    return compile_bool_prefix(match, context, boost)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a multi_match type asks a field and combines the fields."""

    tie_breaker: float
    one: _OneField


_KINDS: Final[Mapping[str, _Kind]] = {
    "best_fields": _Kind(0.0, _on_match),
    "most_fields": _Kind(1.0, _on_match),
    "phrase": _Kind(0.0, _on_phrase),
    "phrase_prefix": _Kind(0.0, _on_phrase_prefix),
    "bool_prefix": _Kind(1.0, _on_bool_prefix),
}


def compile_multi_match(node: MultiMatch, context: Context, boost: float) -> Plan:
    """One text on several fields."""
    fields = expand_fields(node.fields, context)
    if node.type == "cross_fields":
        plans = _cross_fields(node, fields, context, boost)
        return _best(plans, 0.0 if node.tie_breaker is None else node.tie_breaker)
    kind = _KINDS.get(node.type)
    if kind is None:
        message = f"[multi_match] type [{node.type}] is not supported; use one of: {', '.join(_KINDS)}, cross_fields"
        raise illegal_argument(message)
    plans = []
    for path, factor in fields.items():
        try:
            plan = kind.one(node, path, context, boost * factor)
        except SedimentError:
            if not node.lenient:
                raise
            continue
        if not isinstance(plan, Nothing):
            plans.append(plan)
    return _best(plans, kind.tie_breaker if node.tie_breaker is None else node.tie_breaker)


def _best(plans: Sequence[Plan], tie_breaker: float) -> Plan:
    if len(plans) < 2:
        return plans[0] if plans else Nothing()
    check_clauses(len(plans))
    return Best(tuple(plans), tie_breaker)


def _cross_fields(node: MultiMatch, fields: Mapping[str, float], context: Context, boost: float) -> list[Plan]:
    """Fields with one analyzer are one field: each term may be in any of them."""
    groups: dict[str, list[tuple[Field, float]]] = {}
    plans: list[Plan] = []
    analyzers = analyzer_set(context.mapping.analysis)
    for path, factor in fields.items():
        field = searchable(context, path)
        if field is None:
            continue
        if field.type in INVERTED_TYPES:
            name = analyzers.of_search(field).name
            groups.setdefault(name, []).append((field, boost * factor))
        else:
            plans.append(_on_match(node, path, context, boost * factor))
    tie_breaker = 0.0 if node.tie_breaker is None else node.tie_breaker
    plans += [_of_group(node, group, context, tie_breaker) for group in groups.values()]
    return [p for p in plans if not isinstance(p, Nothing)]


def _of_group(node: MultiMatch, group: Sequence[tuple[Field, float]], context: Context, tie_breaker: float) -> Plan:
    """Any field for each place of the text. Of a graph's paths the terms count one by one."""
    places: dict[int, dict[bytes, None]] = {}
    for token in tokens_of(context, group[0][0], node.text, node.analyzer):
        places.setdefault(token.position, {}).setdefault(token.term.encode())
    check_clauses(sum(map(len, places.values())) * len(group))
    clauses: list[Plan] = []
    for terms in places.values():
        parts = tuple(TermScore(field.path, term, factor) for term in terms for field, factor in group)
        clauses.append(parts[0] if len(parts) == 1 else Blended(parts, tie_breaker))
    if len(clauses) < 2:
        return clauses[0] if clauses else Nothing()
    if node.operator is Operator.AND:
        return Combine(must=tuple(clauses))
    least = 1
    if node.minimum_should_match is not None:
        least = max(1, minimum_should_match(node.minimum_should_match, len(clauses)))
    return Combine(should=tuple(clauses), least=least)


def expand_fields(fields: Sequence[tuple[str, float]], context: Context) -> dict[str, float]:
    """Field -> factor, patterns resolved; a field that is named twice has both factors multiplied."""
    factors: dict[str, float] = {}
    for name, factor in fields or (("*", 1.0),):
        for path in _matching(name, context.mapping) if "*" in name else [name]:
            factors[path] = factors.get(path, 1.0) * factor
    return factors


def _matching(pattern: str, mapping: IndexMapping) -> list[str]:
    return [f.path for f in mapping.leaves() if f.type in _PATTERN_TYPES and f.index and fnmatchcase(f.path, pattern)]
