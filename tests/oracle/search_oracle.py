"""What a search must answer, computed the slow and obvious way: Python dicts, one document at a time, float64.

Independent of the engine: it shares the request's types with it and nothing else. Texts are ASCII; documents are flat.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from schemas.mapping import FieldType, IndexMapping
from schemas.query import (
    Bool,
    Boosting,
    ConstantScore,
    DisMax,
    Exists,
    Fuzzy,
    Ids,
    Match,
    MatchAll,
    MatchBoolPrefix,
    MatchNone,
    MatchPhrase,
    MatchPhrasePrefix,
    MultiMatch,
    Node,
    Operator,
    Prefix,
    Range,
    Regexp,
    Term,
    Terms,
    Wildcard,
)

GAP = 100  # positions between the values of an array


@dataclass(frozen=True)
class OracleDocument:
    """A live document."""

    offset: int
    id: str
    source: dict


def values(document: OracleDocument, path: str) -> list:
    found = document.source.get(path)
    listed = found if isinstance(found, list) else [found]
    return [v for v in listed if v is not None]


def tokens(document: OracleDocument, path: str) -> list[tuple[int, str]]:
    """(position, term) of a text field."""
    found, at = [], 0
    for number, text in enumerate(values(document, path)):
        at += GAP if number else 0
        for word in re.findall(r"[a-z0-9]+", str(text).lower()):
            found.append((at, word))
            at += 1
    return found


def quantised(length: int) -> int:
    """Lucene's length in a byte: four significant bits above 24 + 15."""
    if length < 24:
        return length
    rest = length - 24
    shift = max(0, rest.bit_length() - 4)
    return 24 + (rest >> shift << shift)


class Oracle:
    """Answers queries over live documents."""

    def __init__(self, mapping: IndexMapping, documents: Iterable[OracleDocument]) -> None:
        self.mapping = mapping
        self.documents = list(documents)

    def search(self, query: Node) -> list[tuple[str, float]]:
        """Every match, best first, ties by offset."""
        scored = [(d, self.score(query, d)) for d in self.documents]
        found = [(d, s) for d, s in scored if s is not None]
        found.sort(key=lambda pair: (-float(f"{pair[1]:.6g}"), pair[0].offset))
        return [(d.id, s) for d, s in found]

    def score(self, node: Node, d: OracleDocument) -> float | None:
        """The document's score, None where it does not match."""
        found = getattr(self, "_" + type(node).__name__.lower())(node, d)
        return None if found is None else found * node.boost

    # ------------------------------------------------------------------ compounds

    def _matchall(self, node: MatchAll, d: OracleDocument) -> float | None:
        return 1.0

    def _matchnone(self, node: MatchNone, d: OracleDocument) -> float | None:
        return None

    def _bool(self, node: Bool, d: OracleDocument) -> float | None:
        if not (node.must or node.should or node.must_not or node.filter):
            return 1.0
        must = [self.score(n, d) for n in node.must]
        filters = [self.score(n, d) for n in node.filter]
        should = [s for n in node.should if (s := self.score(n, d)) is not None]
        if None in must or None in filters or any(self.score(n, d) is not None for n in node.must_not):
            return None
        least = 0 if node.must or node.filter or not node.should else 1
        if node.minimum_should_match is not None and node.should:
            least = max(least, int(node.minimum_should_match))
        if len(should) < least:
            return None
        return sum(s for s in must if s is not None) + sum(should)

    def _constantscore(self, node: ConstantScore, d: OracleDocument) -> float | None:
        return None if self.score(node.filter, d) is None else 1.0

    def _dismax(self, node: DisMax, d: OracleDocument) -> float | None:
        return best([self.score(q, d) for q in node.queries], node.tie_breaker)

    def _boosting(self, node: Boosting, d: OracleDocument) -> float | None:
        found = self.score(node.positive, d)
        demoted = self.score(node.negative, d) is not None
        return None if found is None else found * (node.negative_boost if demoted else 1.0)

    def _multimatch(self, node: MultiMatch, d: OracleDocument) -> float | None:
        parts = []
        for path, boost in node.fields:
            if node.type == "phrase":
                one: Node = MatchPhrase(field=path, text=node.text, boost=boost)
            else:
                one = Match(field=path, text=node.text, operator=node.operator, boost=boost)
            parts.append(self.score(one, d))
        tie = 1.0 if node.type == "most_fields" else 0.0
        return best(parts, tie if node.tie_breaker is None else node.tie_breaker)

    # ------------------------------------------------------------------ leaves

    def _term(self, node: Term, d: OracleDocument) -> float | None:
        field = self.mapping.get(node.field)
        if field is None:
            return None
        if field.type is FieldType.TEXT:
            return self.bm25(node.field, [str(node.value)], sum(t == node.value for _, t in tokens(d, node.field)), d)
        if node.value not in values(d, node.field):
            return None
        if field.type in (FieldType.KEYWORD, FieldType.BOOLEAN):
            return self.bm25(node.field, [node.value], 1, d)
        return 1.0

    def _terms(self, node: Terms, d: OracleDocument) -> float | None:
        return 1.0 if any(self._term(Term(field=node.field, value=v), d) is not None for v in node.values) else None

    def _match(self, node: Match, d: OracleDocument) -> float | None:
        field = self.mapping.get(node.field)
        if field is None or field.type is not FieldType.TEXT:
            return self._term(Term(field=node.field, value=node.text), d)
        words = re.findall(r"[a-z0-9]+", str(node.text).lower())
        parts = [self._term(Term(field=node.field, value=w), d) for w in words]
        found = [p for p in parts if p is not None]
        least = len(words) if node.operator is Operator.AND else int(node.minimum_should_match or 1)
        least = 1 if len(words) == 1 else least  # Elasticsearch makes a term query of it
        return sum(found) if found and len(found) >= least else None

    def _matchphrase(self, node: MatchPhrase, d: OracleDocument) -> float | None:
        words = re.findall(r"[a-z0-9]+", str(node.text).lower())
        if not words:
            return None
        if len(words) == 1:
            return self._term(Term(field=node.field, value=words[0]), d)
        held = set(tokens(d, node.field))
        count = sum(all((at + i, w) in held for i, w in enumerate(words)) for at, _ in held)
        return self.bm25(node.field, words, count, d)

    def _prefix(self, node: Prefix, d: OracleDocument) -> float | None:
        return 1.0 if any(t.startswith(node.value) for t in self.terms(node.field, d)) else None

    def _wildcard(self, node: Wildcard, d: OracleDocument) -> float | None:
        pattern = re.escape(node.pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return 1.0 if any(re.fullmatch(pattern, t) for t in self.terms(node.field, d)) else None

    def _regexp(self, node: Regexp, d: OracleDocument) -> float | None:
        return 1.0 if any(re.fullmatch(node.pattern, t) for t in self.terms(node.field, d)) else None

    def _fuzzy(self, node: Fuzzy, d: OracleDocument) -> float | None:
        """The most similar terms of the index, all as frequent as the most frequent of them."""
        word = str(node.value)
        counts: dict[str, int] = {}
        for x in self.documents:
            for term in set(self.terms(node.field, x)):
                if distance(term, word) <= int(node.fuzziness):
                    counts[term] = counts.get(term, 0) + 1
        factors = {t: 1 - distance(t, word) / min(len(t), len(word)) for t in counts}
        best = sorted((t for t in factors if factors[t] >= 0), key=lambda t: (-factors[t], t))[: node.max_expansions]
        held = self.terms(node.field, d)
        most = max((counts[t] for t in best), default=0)
        is_text = self.mapping.fields[node.field].type is FieldType.TEXT
        found = [
            factors[t] * (self.bm25(node.field, [t], held.count(t) if is_text else 1, d, most) or 0.0)
            for t in best if t in held
        ]  # fmt: skip
        return sum(found) if found else None

    def _matchphraseprefix(self, node: MatchPhrasePrefix, d: OracleDocument) -> float | None:
        words = re.findall(r"[a-z0-9]+", str(node.text).lower())
        if not words:
            return None
        every = sorted({t for x in self.documents for _, t in tokens(x, node.field) if t.startswith(words[-1])})
        ends = every[: node.max_expansions]
        held = set(tokens(d, node.field))
        if len(words) == 1:
            parts = [self._term(Term(field=node.field, value=t), d) for t in ends]
            known = [p for p in parts if p is not None]
            return sum(known) if known else None
        count = sum(
            all((at + i, w) in held for i, w in enumerate(words[:-1]))
            and any((at + len(words) - 1, end) in held for end in ends)
            for at in {place for place, _ in held}
        )
        return self.bm25(node.field, [*words[:-1], *ends], count, d)

    def _matchboolprefix(self, node: MatchBoolPrefix, d: OracleDocument) -> float | None:
        words = re.findall(r"[a-z0-9]+", str(node.text).lower())
        if not words:
            return None
        parts = [self._term(Term(field=node.field, value=w), d) for w in words[:-1]]
        parts.append(self._prefix(Prefix(field=node.field, value=words[-1]), d))
        found = [p for p in parts if p is not None]
        least = len(words) if node.operator is Operator.AND else 1
        return sum(found) if len(found) >= least else None

    def _range(self, node: Range, d: OracleDocument) -> float | None:
        of_strings = self.mapping.fields[node.field].type in (FieldType.TEXT, FieldType.KEYWORD)
        held: list[Any] = self.terms(node.field, d) if of_strings else values(d, node.field)
        bounds: list[tuple[Any, Callable[[Any, Any], bool]]] = [
            (node.gt, operator.gt), (node.gte, operator.ge), (node.lt, operator.lt), (node.lte, operator.le),
        ]  # fmt: skip
        given = [(bound, holds) for bound, holds in bounds if bound is not None]
        return 1.0 if any(all(holds(v, bound) for bound, holds in given) for v in held) else None

    def _exists(self, node: Exists, d: OracleDocument) -> float | None:
        return 1.0 if values(d, node.field) else None

    def _ids(self, node: Ids, d: OracleDocument) -> float | None:
        return 1.0 if d.id in node.values else None

    def terms(self, path: str, d: OracleDocument) -> list[str]:
        if self.mapping.fields[path].type is FieldType.TEXT:
            return [t for _, t in tokens(d, path)]
        return [str(v) for v in values(d, path)]

    # ------------------------------------------------------------------ BM25

    def bm25(
        self, path: str, terms: list, frequency: float, d: OracleDocument, counted: int | None = None
    ) -> float | None:
        """The score of terms (one, or a phrase's) of this frequency, None where it is 0; as if ``counted`` documents had them."""
        if not frequency:
            return None
        is_text = self.mapping.fields[path].type is FieldType.TEXT
        held: list[list[Any]] = [
            tokens(x, path) if is_text else list(set(map(str, values(x, path)))) for x in self.documents
        ]
        total = sum(bool(h) for h in held)
        average = sum(map(len, held)) / total
        idf = 0.0
        for term in terms:
            n = sum(any(t == term for _, t in h) if is_text else str(term) in h for h in held)
            n = n if counted is None else counted
            idf += math.log(1 + (total - n + 0.5) / (n + 0.5))
        length = quantised(len(tokens(d, path))) if is_text else 1  # without norms every length is 1
        norm = 1.2 * (0.25 + 0.75 * length / average)
        return 2.2 * idf * frequency / (frequency + norm)


def best(parts: list, tie: float) -> float | None:
    found = [p for p in parts if p is not None]
    return max(found) + tie * (sum(found) - max(found)) if found else None


def distance(a: str, b: str) -> int:
    """Edits from one to the other, neighbours swapped being one (optimal string alignment)."""
    table = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = [table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1])]
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                ways.append(table[i - 2][j - 2] + 1)
            table[i][j] = min(ways)
    return table[-1][-1]
