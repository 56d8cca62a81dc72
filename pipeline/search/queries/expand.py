"""Plans that depend on which terms an index has, replaced once its statistics are known.

What a leaf expands to is computed from ``Statistics.terms`` alone, into which every partition puts its own best candidates
(``statistics.gather``): so the answer does not depend on how an index is split. Terms of other clauses are there too; where they
fit they would have been candidates anyway.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from pipeline.search.queries.plan import (
    Best,
    Blended,
    Combine,
    Constant,
    Demoted,
    Nothing,
    PhraseScore,
    Plan,
    PrefixPhrase,
    SimilarTerms,
    TermScore,
)
from schemas.results import FieldStatistics, Statistics


def expand(plan: Plan, statistics: Statistics) -> Plan:
    """The plan with terms in place of what stands for them."""
    how = _EXPANSIONS.get(type(plan))
    return plan if how is None else how(plan, statistics)


def _best(plan: Best, statistics: Statistics) -> Plan:
    return Best(tuple(expand(p, statistics) for p in plan.plans), plan.tie_breaker)


def _constant(plan: Constant, statistics: Statistics) -> Plan:
    return replace(plan, inner=expand(plan.inner, statistics))


def _demoted(plan: Demoted, statistics: Statistics) -> Plan:
    return Demoted(expand(plan.positive, statistics), expand(plan.negative, statistics), plan.factor)


def _combined(plan: Combine, statistics: Statistics) -> Plan:
    def all_of(plans: Sequence[Plan]) -> tuple[Plan, ...]:
        return tuple(expand(p, statistics) for p in plans)

    should = all_of(plan.should)
    if plan.is_any:  # any of: alternatives inside are alternatives here
        should = tuple(_flat(should))
        if not should:
            return Nothing()
    return Combine(all_of(plan.must), should, all_of(plan.must_not), all_of(plan.filter), plan.least)


def _flat(plans: Iterable[Plan]) -> Iterable[Plan]:
    for plan in plans:
        if isinstance(plan, Combine) and plan.is_only_any:
            yield from plan.should
        elif not isinstance(plan, Nothing):
            yield plan


def known_terms(field: str, counts: Mapping[tuple[str, bytes], int]) -> list[bytes]:
    """The field's terms that a live document has."""
    return [term for (path, term), count in counts.items() if path == field and count > 0]


def _similar(plan: SimilarTerms, statistics: Statistics) -> Plan:
    known = known_terms(plan.field, statistics.terms)
    near = [(t, edits) for t in known if (edits := plan.word.distance(t)) is not None]
    best = plan.word.best(near, plan.most)
    if not best:
        return Nothing()
    most = max(statistics.terms[plan.field, term] for term, _ in best)
    parts = tuple(TermScore(plan.field, term, plan.boost * float(factor), most) for term, factor in best)
    return parts[0] if len(parts) == 1 else Combine(should=parts, least=1)


def first_with_prefix(terms: Iterable[bytes], prefix: bytes, most: int) -> list[bytes]:
    """The first ``most`` terms that begin so."""
    return sorted(t for t in terms if t.startswith(prefix))[:most]


def _phrase(plan: PrefixPhrase, statistics: Statistics) -> Plan:
    last = first_with_prefix(known_terms(plan.field, statistics.terms), plan.prefix, plan.most)
    if not last:
        return Nothing()
    if not plan.terms:
        parts = tuple(TermScore(plan.field, term, plan.boost) for term in last)
        return parts[0] if len(parts) == 1 else Combine(should=parts, least=1)
    terms = (*plan.terms, *last)
    positions = (*plan.positions, *[plan.position] * len(last))
    return PhraseScore(plan.field, terms, positions, plan.slop, plan.boost)


def _blended(plan: Blended, statistics: Statistics) -> Plan:
    """As OpenSearch's BlendedTermQuery: all fields take the greatest count, with a bias towards those that have the term more often."""
    counts = [statistics.terms.get((p.field, p.term), 0) for p in plan.parts]
    if not any(counts):
        return Nothing()
    fields = [statistics.fields.get(p.field, FieldStatistics()) for p in plan.parts]
    limit = min([statistics.documents, *(f.tokens for f, count in zip(fields, counts, strict=True) if count)])
    actual = min(limit, max(counts))
    order = sorted(range(len(counts)), key=lambda i: -counts[i])
    before = counts[order[0]]
    parts: dict[int, Plan] = {}
    for i in order:
        if counts[i] == 0:
            break
        actual += before > counts[i]
        before = counts[i]
        parts[i] = replace(plan.parts[i], count=min(limit, actual))
    kept = tuple(parts[i] for i in sorted(parts))
    return kept[0] if len(kept) == 1 else Best(kept, plan.tie_breaker)


_EXPANSIONS: Final[Mapping[type[Plan], Callable[[Any, Statistics], Plan]]] = {
    SimilarTerms: _similar,
    PrefixPhrase: _phrase,
    Blended: _blended,
    Combine: _combined,
    Best: _best,
    Constant: _constant,
    Demoted: _demoted,
}
