"""A plan on one segment: all documents that match (``select``), with their scores (``score``), dead rows too.

This is the exhaustive path: every posting of every term is looked at. ``top`` gives the same best documents with less work.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.search.cache import SearchCache
from pipeline.search.columns import Columns
from pipeline.search.kernels.score_kernels import (
    add_where_present,
    count_alive,
    score_frequencies,
    score_term,
    union_scores,
)
from pipeline.search.kernels.view_kernels import FOUND, GUIDE_STEP, list_phrase
from pipeline.search.patterns.similar import Signed, Word
from pipeline.search.queries.filters import select_leaf
from pipeline.search.queries.phrases import match_slots
from pipeline.search.queries.plan import (
    Best,
    Combine,
    Constant,
    Demoted,
    Everything,
    HasValue,
    NumberSpan,
    PhraseScore,
    Plan,
    TermPattern,
    TermPrefix,
    TermScore,
    TermSet,
    TermSpan,
)
from pipeline.search.queries.selection import (
    NO_DOCUMENTS,
    Matches,
    Selection,
    at_least,
    common,
    constant,
)
from pipeline.search.queries.tables import FieldTable
from pipeline.search.values import FALSE, TRUE
from pipeline.segments.columns.postings import Postings
from pipeline.segments.columns.term_kernels import guide_words
from pipeline.segments.columns.terms import Terms
from pipeline.segments.view import SegmentView
from schemas.mapping import FieldType
from schemas.results import FieldStatistics

NOTHING: Final = Matches(NO_DOCUMENTS, np.empty(0, np.float32))
REMEMBERED_TERMS_MAX: Final = 16
# Filters that read a whole column are worth remembering; those over postings are as quick as a lookup.
_REMEMBERED: Final = (NumberSpan, HasValue)


class TermWeights(Protocol):
    """What scoring takes from statistics (``pipeline.search.statistics.Weights``)."""

    def of(self, leaf: TermScore | PhraseScore) -> Any:
        """Boost * (k1 + 1) * the sum of the terms' idf."""
        ...

    def inverse(self, path: str) -> NDArray[np.float32]:
        """float32[256]: see ``score_kernels``."""
        ...


class SegmentQueries:
    """One segment of a view. ``number`` is its place in the view."""

    def __init__(self, number: int, view: SegmentView, cache: SearchCache) -> None:
        self.number = number
        self.view = view
        self.reader = view.reader
        self.size = view.reader.meta.documents
        self._cache = cache
        self._segment = view.reader.meta.id
        self.columns = Columns(view.reader, cache)
        self._tables: dict[str, FieldTable] = {}
        self._inverted: dict[str, tuple[Terms | None, Postings | None]] = {}

    def terms(self, path: str) -> Terms | None:
        """The dictionary of a field."""
        return self._of(path)[0]

    def postings(self, path: str) -> Postings | None:
        """The postings of a field."""
        return self._of(path)[1]

    def _of(self, path: str) -> tuple[Terms | None, Postings | None]:
        found = self._inverted.get(path)
        if found is None:
            found = self._inverted[path] = self.reader.terms(path), self.reader.postings(path)
        return found

    def guide(self, path: str, terms: Terms) -> NDArray[np.uint64]:
        """The guide to a dictionary: see ``term_kernels.guide_words``."""

        def look() -> NDArray[np.uint64]:
            words = np.empty(-(-terms.count // GUIDE_STEP), np.uint64)
            guide_words(terms.data, terms.starts, GUIDE_STEP, words)
            return words

        return self.columns.kept(("guide", path), terms.count // 4, look)

    def table(self, path: str) -> FieldTable:
        """A field's table of this segment alone."""
        table = self._tables.get(path)
        if table is None:
            table = self._tables[path] = FieldTable(path, (self,))
        return table

    # ------------------------------------------------------------------ selecting

    @property
    def alive(self) -> Selection:
        """The live rows."""
        return Selection(self.size, mask=frozen(self.view.alive) if self.view.dead else None)

    @property
    def rows_in_order(self) -> bool:
        """Whether offsets ascend with document numbers (a segment merged from others may interleave them)."""

        def look() -> bool:
            offsets = self.reader.offsets()
            return bool((offsets[1:] > offsets[:-1]).all())

        return self._cache.get((self._segment, "in order"), look)

    def select(self, plan: Plan) -> Selection:
        """The documents that match."""
        match plan:
            case Constant() | Demoted():
                return self.select(plan.inner if isinstance(plan, Constant) else plan.positive)
            case Combine():
                return self._select_combined(plan)
            case Best():
                return at_least([self.select(p) for p in plan.plans], 1, self.size)
            case PhraseScore():
                return Selection(self.size, self._phrase(plan)[0])
            case _:
                pass
        if isinstance(plan, _REMEMBERED):
            key = (self._segment, plan)
            return self._cache.get_mask(key, self.size, lambda: select_leaf(self.reader, plan))
        return select_leaf(self.reader, plan)

    def _select_combined(self, plan: Combine) -> Selection:
        found = self.restriction(plan)
        for part in plan.must:
            if found.nothing:
                return found
            found = found.both(self.select(part))
        if plan.least > 0 and not found.nothing:
            parts = [self.select(p) for p in plan.should]
            found = found.both(at_least(parts, plan.least, self.size))
        return found

    def restriction(self, plan: Combine, *, remember: bool = True) -> Selection:
        """What ``filter`` and ``must_not`` leave. ``remember`` False: the caller remembers the whole, not each column's part."""
        found = Selection(self.size)
        for part in plan.filter:
            found = found.both(self._filter(part, remember=remember))
        for part in plan.must_not:
            if found.nothing:
                return found
            found = found.without(self._filter(part, remember=remember))
        return found

    def allowed(self, limits: Sequence[Combine]) -> Selection:
        """The live documents within filters, remembered: the same combination of filters recurs with other words."""
        if not limits:
            return self.alive
        key = (self._segment, self.view.deletes, tuple(limits))

        def look() -> Selection:
            found = self.alive
            for limit in limits:
                found = found.both(self.restriction(limit, remember=False))
            if found.everything or found.nothing:
                return found
            return Selection(self.size, mask=found.as_mask())

        return self._cache.get_mask(key, self.size, look)

    def _filter(self, plan: Plan, *, remember: bool = True) -> Selection:
        """A filter's documents; leaves with postings are remembered, as filters recur where queries do not."""
        inner = plan.inner if isinstance(plan, Constant) else plan
        if isinstance(inner, _REMEMBERED) and not remember:
            return select_leaf(self.reader, inner)
        if not isinstance(inner, TermScore | TermPrefix | TermPattern | TermSpan) and not (
            isinstance(inner, TermSet) and len(inner.terms) <= REMEMBERED_TERMS_MAX
        ):
            return self.select(plan)
        key = (self._segment, inner)
        return self._cache.get_mask(key, self.size, lambda: select_leaf(self.reader, inner).compact())

    # ------------------------------------------------------------------ scoring

    def score(self, plan: Plan, weights: TermWeights) -> Matches:
        """The documents that match and their scores."""
        match plan:
            case TermScore() | PhraseScore():
                return self._score_leaf(plan, weights)
            case Combine():
                return self._score_combined(plan, weights)
            case Best():
                parts = [self.score(p, weights) for p in plan.plans]
                return self._unite(parts, 1, plan.tie_breaker)
            case Demoted():
                return self._score_demoted(plan, weights)
            case _:
                pass
        score = plan.score if isinstance(plan, Everything | Constant) else 1.0
        return constant(self.select(plan), score)

    def _score_leaf(self, plan: TermScore | PhraseScore, weights: TermWeights) -> Matches:
        if isinstance(plan, TermScore):
            return self._score_term(plan, weights)
        return self._score_phrase(plan, weights)

    def _score_demoted(self, plan: Demoted, weights: TermWeights) -> Matches:
        matches = self.score(plan.positive, weights)
        negative = self.select(plan.negative)
        if negative.nothing or not len(matches):
            return matches
        demoted = negative.as_mask()[matches.documents]
        return Matches(matches.documents, np.where(demoted, matches.scores * np.float32(plan.factor), matches.scores))

    def _score_term(self, plan: TermScore, weights: TermWeights) -> Matches:
        inverse = weights.inverse(plan.field)
        weight = weights.of(plan)
        field = self.reader.field(plan.field)
        if field is None:
            return NOTHING
        if field.type == FieldType.BOOLEAN:
            return constant(self.select(plan), float(once(weight, inverse)))
        found = self.postings_of(plan.field, plan.term)
        if found is None:
            return NOTHING
        postings, first, end, df = found
        matches = Matches(np.empty(df, np.uint32), np.empty(df, np.float32))
        score_term(
            postings.data, postings.block_last, postings.block_offset, postings.block_bits, first, end,
            self.norms(plan.field), weight, inverse, matches.documents, matches.scores,
        )  # fmt: skip
        return matches

    def postings_of(self, path: str, term: bytes) -> tuple[Postings, int, int, int] | None:
        """(postings of the field, first block, end block, df) of a term of a text, keyword or ip field."""
        terms, postings = self._of(path)
        number = -1 if terms is None else terms.lookup(term)
        if number < 0 or postings is None:
            return None
        first, end = postings.block_term[number], postings.block_term[number + 1]
        return postings, int(first), int(end), int(postings.df[number])

    def norms(self, path: str) -> NDArray[np.uint8]:
        """uint8[n]; zeros where the field has none (its ``inverse`` is then the same for every norm)."""
        norms = self.reader.norms(path)
        if norms is not None:
            return norms
        return self._cache.get_mask(
            (self._segment, "no norms"), self.size, lambda: frozen(np.zeros(self.size, np.uint8))
        )

    def _phrase(self, plan: PhraseScore) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Documents with the phrase and its frequency in each."""
        if not plan.is_plain:
            return match_slots(self, plan)
        table = self.table(plan.field)
        blocks = table.find(tuple(plan.terms)).postings[:, FOUND:]
        if not blocks[:, 2].all():
            return NO_DOCUMENTS, NOTHING.scores
        order = np.argsort(blocks[:, 2], kind="stable")
        most = int(blocks[order[0], 2])
        documents, frequencies = np.empty(most, np.uint32), np.empty(most, np.float32)
        shifts = np.array(plan.positions, np.int64)[order]
        count = list_phrase(table.rows[0], blocks[order], shifts, plan.slop, documents, frequencies)
        return documents[:count], frequencies[:count]

    def phrase_frequencies(self, plan: PhraseScore) -> Matches:
        """Documents with the phrase; the frequency stands in place of the score."""
        return Matches(*self._phrase(plan))

    def _score_phrase(self, plan: PhraseScore, weights: TermWeights) -> Matches:
        documents, frequencies = self._phrase(plan)
        weight = weights.of(plan)
        scores = np.empty(len(documents), np.float32)
        score_frequencies(
            documents, frequencies, self.norms(plan.field), weight, weights.inverse(plan.field), scores
        )  # fmt: skip
        return Matches(documents, scores)

    def _score_combined(self, plan: Combine, weights: TermWeights) -> Matches:
        if plan.least > len(plan.should):
            return NOTHING
        allowed = self.restriction(plan)
        if allowed.nothing:
            return NOTHING
        if not plan.must and plan.least > 0:
            parts = [self.score(p, weights) for p in plan.should]
            return self._unite(parts, plan.least, 1.0).keep(allowed)
        documents, sums = self._required(plan, allowed, weights)
        matched = np.zeros(len(documents), np.uint8)
        for part in plan.should:
            other = self.score(part, weights)
            add_where_present(documents, sums, other.documents, other.scores, matched)
        matches = Matches(documents, sums.astype(np.float32))
        if plan.least > 0:
            enough = matched >= plan.least
            return Matches(matches.documents[enough], matches.scores[enough])
        return matches

    def _required(
        self, plan: Combine, allowed: Selection, weights: TermWeights
    ) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
        """The documents that match every must and every filter, and the sum of must's scores."""
        if not plan.must:
            documents = allowed.as_documents()
            return documents, np.zeros(len(documents), np.float64)
        parts = sorted((self.score(p, weights) for p in plan.must), key=len)
        first = parts[0].keep(allowed)
        documents, sums = first.documents, first.scores.astype(np.float64)
        for part in parts[1:]:
            here, there = common(documents, part.documents)
            documents, sums = documents[here], sums[here] + part.scores[there]
        return documents, sums

    def _unite(self, parts: Sequence[Matches], least: int, tie_breaker: float) -> Matches:
        """Documents in at least so many parts; scores added (tie_breaker 1), or the best one and a share of the others'."""
        if len(parts) == 1 and least <= 1:
            return parts[0]
        if not parts:
            return NOTHING
        bounds = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(p) for p in parts], out=bounds[1:])
        most = min(int(bounds[-1]), self.size)
        documents, scores = np.empty(most, np.uint32), np.empty(most, np.float32)
        count = union_scores(
            np.concatenate([p.documents for p in parts]), np.concatenate([p.scores for p in parts]),
            bounds, least, tie_breaker, documents, scores,
        )  # fmt: skip
        return Matches(documents[:count], scores[:count])

    # ------------------------------------------------------------------ counting

    def live_df(self, path: str, term: bytes) -> int:
        """Live documents with the term."""
        return self._cache.get((self._segment, self.view.deletes, path, term), lambda: self._live_df(path, term))

    def _live_df(self, path: str, term: bytes) -> int:
        field = self.reader.field(path)
        if field is None:
            return 0
        if field.type != FieldType.BOOLEAN and self.view.dead == 0:
            found = self.postings_of(path, term)
            return 0 if found is None else found[3]
        selection = select_leaf(self.reader, TermScore(path, term))
        if selection.documents is not None:
            return count_alive(selection.documents, frozen(self.view.alive))
        return selection.both(self.alive).count()

    def similar_terms(self, path: str, word: Word) -> list[tuple[bytes, int, int]]:
        """(term, edits, live documents) of the terms that are like a word."""
        terms, postings = self._of(path)
        if terms is None or postings is None:
            return []
        key = (self._segment, "signed", path)
        signed = self._cache.get_mask(key, 12 * terms.count, lambda: Signed.of(terms))
        numbers, edits = word.scan(terms, signed)
        found = [(terms.term(n), e) for n, e in zip(numbers.tolist(), edits.tolist(), strict=True)]
        if self.view.dead == 0:
            counts = postings.df[numbers].tolist()
            return [(term, e, count) for (term, e), count in zip(found, counts, strict=True)]
        return [(term, e, self.live_df(path, term)) for term, e in found]

    def terms_with_prefix(self, path: str, prefix: bytes, most: int) -> list[bytes]:
        """The first terms that begin so, in order; dead documents' too."""
        terms = self.terms(path)
        if terms is None:
            return []
        first, end = terms.prefix_range(prefix)
        return [terms.term(n) for n in range(first, min(end, first + most))]

    def live_field(self, path: str) -> FieldStatistics:
        """Live documents with a term in the field, and their tokens."""
        key = (self._segment, self.view.deletes, "field", path)
        return self._cache.get(key, lambda: self._live_field(path))

    def _live_field(self, path: str) -> FieldStatistics:
        field = self.reader.field(path)
        if field is None:
            return FieldStatistics()
        alive = self.view.alive
        if field.type == FieldType.TEXT:
            lengths = self.reader.lengths(path)
            if lengths is None:
                return FieldStatistics()
            if self.view.dead:
                lengths = lengths[alive]
            return FieldStatistics(int(np.count_nonzero(lengths)), int(lengths.sum(dtype=np.int64)))
        present = self.select(HasValue((path,))).both(self.alive).count()
        if field.type == FieldType.BOOLEAN:
            values = self.live_df(path, TRUE) + self.live_df(path, FALSE)
            return FieldStatistics(present, values)
        return FieldStatistics(present, self._live_values(path, present))

    def _live_values(self, path: str, present: int) -> int:
        """Values of a keyword field in live documents; as many as there are documents where none has several."""
        postings, ordinals = self.reader.postings(path), self.reader.ordinals(path)
        if self.view.dead == 0 and postings is not None:
            return int(postings.df.sum(dtype=np.int64))
        if ordinals is None or ordinals.starts is None:
            return present
        return int(np.diff(ordinals.starts)[self.view.alive].sum())


def once(weight: np.float32, inverse: NDArray[np.float32]) -> np.float32:
    """The score of a term that stands once in a field without norms."""
    one = np.float32(1)
    return np.float32(weight - weight / (one + inverse[1]))
