"""Why a document scored as it did: Elasticsearch's tree of explanations, its numbers adding up to the score."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.plan import (
    Best,
    Combine,
    Constant,
    Everything,
    HasValue,
    IdSet,
    IdSlice,
    NumberSet,
    NumberSpan,
    PhraseScore,
    Plan,
    TermPattern,
    TermPrefix,
    TermScore,
    TermSet,
    TermSpan,
)
from pipeline.search.queries.selection import Matches
from pipeline.search.statistics import Weights
from pipeline.segments.columns.norms import NORM_LENGTHS
from schemas.mapping import FieldType

Explanation = dict[str, Any]
EXACT_NORM_MAX = 39  # norm bytes up to here are the length itself


def short(value: float | np.float32) -> float:
    """A float32 as the shortest decimal that is it."""
    return float(str(np.float32(value)))


def node(
    value: int | float | np.float32,  # noqa: PYI041  counts stay whole
    description: str,
    details: Sequence[Explanation] = (),
) -> Explanation:
    """One node of the tree."""
    return {
        "value": value if isinstance(value, int) else short(value),
        "description": description,
        "details": list(details),
    }


class Explainer:
    """Explains one plan. What a plan's parts match is computed once per segment."""

    def __init__(self, plan: Plan, weights: Weights) -> None:
        self._plan = plan
        self._weights = weights
        self._matches: dict[tuple[int, int], Matches] = {}

    def explain(self, segment: SegmentQueries, documents: Sequence[int]) -> list[Explanation]:
        """One tree for each document."""
        return [self._explain(self._plan, segment, d) or node(0.0, "no matching clause") for d in documents]

    def _score(self, plan: Plan, segment: SegmentQueries, document: int) -> float | None:
        """The document's score, None where it does not match."""
        return self._look_up(plan, segment, document, lambda: segment.score(plan, self._weights))

    def _look_up(
        self, plan: Plan, segment: SegmentQueries, document: int, compute: Callable[[], Matches]
    ) -> float | None:
        key = (segment.number, id(plan))
        if key not in self._matches:
            self._matches[key] = compute()
        matches = self._matches[key]
        at = int(np.searchsorted(matches.documents, document))
        found = at < len(matches) and int(matches.documents[at]) == document
        return float(matches.scores[at]) if found else None

    def _explain(self, plan: Plan, segment: SegmentQueries, document: int) -> Explanation | None:
        score = self._score(plan, segment, document)
        if score is None:
            return None
        match plan:
            case TermScore() | PhraseScore():
                return self._weight(plan, segment, document, score)
            case Combine():
                return self._sum(plan, segment, document, score)
            case Best():
                parts = [self._explain(p, segment, document) for p in plan.plans]
                tie = plan.tie_breaker
                description = "max of:" if tie == 0 else f"max plus {tie} times others of:"
                return node(score, description, [p for p in parts if p])
            case _:
                return node(score, describe(plan))

    def _sum(self, plan: Combine, segment: SegmentQueries, document: int, score: float) -> Explanation:
        parts = [self._explain(p, segment, document) for p in (*plan.must, *plan.should)]
        details = [p for p in parts if p]
        for one in plan.filter:
            inner = [node(0.0, "# clause"), node(1.0, describe(one))]
            details.append(node(0.0, "match on required clause, product of:", inner))
        return node(score, "sum of:", details)

    def _weight(
        self, plan: TermScore | PhraseScore, segment: SegmentQueries, document: int, score: float
    ) -> Explanation:
        if self._weights.similarity(plan.field).kind == "boolean":
            description = f"weight({describe(plan)} in {document}) [BooleanSimilarity], result of:"
            return node(score, description, [node(score, "score(BooleanSimilarity), computed from query boost")])
        frequency = self._frequency(plan, segment, document)
        norm = int(segment.norms(plan.field)[document])
        inverse = float(self._weights.inverse(plan.field)[norm])
        boost = np.float32(plan.boost) * (np.float32(1) + np.float32(self._weights.similarity(plan.field).k1))
        tf = 1 - 1 / (1 + frequency * inverse)
        details = [node(boost, "boost"), self._idf(plan), self._tf(plan, tf, frequency, norm)]
        computed = f"score(freq={short(frequency)}), computed as boost * idf * tf from:"
        description = f"weight({describe(plan)} in {document}) [PerFieldSimilarity], result of:"
        return node(score, description, [node(score, computed, details)])

    def _frequency(self, plan: TermScore | PhraseScore, segment: SegmentQueries, document: int) -> float:
        if isinstance(plan, PhraseScore):
            key = PhraseScore(plan.field, plan.terms, plan.positions, plan.slop, 0.0)
            found = segment.phrase_frequencies(key)
            return float(found.scores[np.searchsorted(found.documents, document)])
        field, terms = segment.reader.field(plan.field), segment.reader.terms(plan.field)
        postings = segment.reader.postings(plan.field)
        if field is None or field.type != FieldType.TEXT or terms is None or postings is None:
            return 1.0
        documents, frequencies = postings.documents(terms.lookup(plan.term))
        return float(frequencies[np.searchsorted(documents, document)])

    def _idf(self, plan: TermScore | PhraseScore) -> Explanation:
        terms = (plan.term,) if isinstance(plan, TermScore) else plan.terms
        parts = []
        for term in terms:
            given = plan.count if isinstance(plan, TermScore) else -1
            total, count = self._weights.counts(plan.field, term, given)
            counts = [
                node(count, "n, number of documents containing term"),
                node(total, "N, total number of documents with field"),
            ]
            description = "idf, computed as log(1 + (N - n + 0.5) / (n + 0.5)) from:"
            parts.append(node(self._weights.idf(plan.field, term, given), description, counts))
        if isinstance(plan, TermScore):
            return parts[0]
        return node(float(sum(self._weights.idf(plan.field, t) for t in terms)), "idf, sum of:", parts)

    def _tf(self, plan: TermScore | PhraseScore, tf: float, frequency: float, norm: int) -> Explanation:
        phrase = isinstance(plan, PhraseScore)
        named = f"phraseFreq={short(frequency)}" if phrase else "freq, occurrences of term within document"
        has_norms = self._weights.has_norms(plan.field)
        similarity = self._weights.similarity(plan.field)
        about = " (approximate)" if has_norms and norm > EXACT_NORM_MAX else ""
        details = [
            node(frequency, named),
            node(np.float32(similarity.k1), "k1, term saturation parameter"),
            node(np.float32(similarity.b), "b, length normalization parameter"),
            node(float(NORM_LENGTHS[norm]) if has_norms else 1.0, f"dl, length of field{about}"),
            node(self._weights.average_length(plan.field), "avgdl, average length of field"),
        ]
        return node(tf, "tf, computed as freq / (freq + k1 * (1 - b + b * dl / avgdl)) from:", details)


def describe(plan: Plan) -> str:
    """A plan in the words of Lucene's query syntax."""
    shown = _DESCRIPTIONS.get(type(plan))
    return type(plan).__name__ if shown is None else shown(plan)


def _text(term: bytes | None) -> str:
    return "*" if term is None else term.decode(errors="replace")


def _constant(plan: Constant) -> str:
    return f"ConstantScore({describe(plan.inner)})" + ("" if plan.score == 1 else f"^{plan.score}")


def _combine(plan: Combine) -> str:
    parts = [("+", plan.must), ("#", plan.filter), ("-", plan.must_not), ("", plan.should)]
    return " ".join(sign + describe(p) for sign, plans in parts for p in plans)


_DESCRIPTIONS: Mapping[type[Plan], Callable[[Any], str]] = {
    Everything: lambda p: "*:*",
    Constant: _constant,
    Combine: _combine,
    TermScore: lambda p: f"{p.field}:{_text(p.term)}",
    PhraseScore: lambda p: f'{p.field}:"{" ".join(map(_text, p.terms))}"' + (f"~{p.slop}" if p.slop else ""),
    TermSet: lambda p: f"{p.field}:({' '.join(map(_text, p.terms))})",
    TermSpan: lambda p: (
        f"{p.field}:{'{' if p.low_open else '['}{_text(p.low)} TO {_text(p.high)}{'}' if p.high_open else ']'}"
    ),
    TermPrefix: lambda p: f"{p.field}:{_text(p.prefix)}*",
    TermPattern: lambda p: f"{p.field}:{_text(p.matcher.prefix)}…",
    NumberSpan: lambda p: f"{p.field}:[{'*' if p.low is None else p.low} TO {'*' if p.high is None else p.high}]",
    NumberSet: lambda p: f"{p.field}:{{{' '.join(map(str, p.values.tolist()))}}}",
    HasValue: lambda p: " ".join(f"FieldExistsQuery [field={f}]" for f in p.fields),
    IdSet: lambda p: f"_id:({' '.join(map(_text, p.ids))})",
    IdSlice: lambda p: f"slice {p.number} of {p.of}",
}
