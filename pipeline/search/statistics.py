"""How frequent a query's terms are among the live rows of a partition, and the weights that follow for the whole index.

A term's live count is its df less its postings of dead rows; it is counted once per segment and version of its deletes. Counts are
added over segments and partitions (``Statistics.plus``), so that scores do not depend on how an index is laid out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.plan import (
    Expanding,
    PhraseScore,
    PrefixPhrase,
    SimilarTerms,
    Survey,
    TermScore,
)
from pipeline.search.queries.tables import Tables
from pipeline.segments.columns.norms import NORM_LENGTHS
from schemas.fields.similarity import Similarity
from schemas.mapping import FieldType, IndexMapping
from schemas.results import FieldStatistics, Statistics

SCALES_KEPT: Final = 64
NO_FIELD: Final = FieldStatistics()
_ONE: Final = np.float32(1)
_LENGTHS: Final = NORM_LENGTHS.astype(np.float32)
_INFINITE: Final = np.full(256, np.inf, np.float32)


def gather(surveys: Sequence[Survey], tables: Tables, documents: int) -> Statistics:
    """The statistics that scoring some plans needs; ``documents``: the partition's live documents."""
    found = _Gathered(tables, {}, {})
    for survey in surveys:
        for path, words in survey.words.items():
            found.add_terms(path, tuple(words))
        for expanding in survey.expanding:
            _gather_expanding(expanding, tables.segments, found)
    return Statistics(documents, found.fields, found.terms)


@dataclass(slots=True)
class _Gathered:
    tables: Tables
    fields: dict[str, FieldStatistics]
    terms: dict[tuple[str, bytes], int]

    def add_terms(self, path: str, terms: tuple[bytes, ...]) -> None:
        """Count terms of a field that are scored, by one lookup."""
        counts = self.tables.field(path).find(terms).counts
        for term, count in zip(terms, counts, strict=True):
            self.terms[path, term] = count
        self.add_field(path)

    def add_field(self, path: str) -> None:
        """Count the field, once."""
        if path not in self.fields:
            self.fields[path] = self.tables.field(path).statistics


def _gather_expanding(leaf: Expanding, segments: Sequence[SegmentQueries], found: _Gathered) -> None:
    """The terms that this partition would put in place of the leaf."""
    if isinstance(leaf, SimilarTerms):
        counts: dict[bytes, int] = {}
        edits: dict[bytes, int] = {}
        for segment in segments:
            for term, distance, count in segment.similar_terms(leaf.field, leaf.word):
                counts[term] = counts.get(term, 0) + count
                edits[term] = distance
        live = [(term, distance) for term, distance in edits.items() if counts[term]]
        chosen = [term for term, _ in leaf.word.best(live, leaf.most)]
    elif isinstance(leaf, PrefixPhrase):
        counts = _first_live(leaf, segments)
        chosen = list(counts)
    else:  # its parts are among the scored leaves
        return
    found.terms.update({(leaf.field, term): counts[term] for term in chosen})
    found.add_field(leaf.field)


def _first_live(leaf: PrefixPhrase, segments: Sequence[SegmentQueries]) -> dict[bytes, int]:
    """The first terms with the prefix that live documents have, and how many have them."""
    look = leaf.most
    while True:
        listed = [segment.terms_with_prefix(leaf.field, leaf.prefix, look) for segment in segments]
        cut = [terms[-1] for terms in listed if len(terms) == look]  # what comes after may be missing
        known = sorted({t for terms in listed for t in terms if not cut or t <= min(cut)})
        counts: dict[bytes, int] = {}
        for term in known:
            count = sum(s.live_df(leaf.field, term) for s in segments)
            if count:
                counts[term] = count
            if len(counts) == leaf.most:
                return counts
        if not cut:
            return counts
        look *= 4


class Scales:
    """How the fields of a mapping score, as far as it does not depend on a query: kept beside a view."""

    def __init__(self, mapping: IndexMapping) -> None:
        self._mapping = mapping
        self._factors: dict[tuple[str, float], float | None] = {}
        self._inverses: dict[tuple[str, int, int], NDArray[np.float32]] = {}

    def similarity(self, path: str) -> Similarity:
        """How a field scores."""
        return self._mapping.similarity_of(path)

    def factor(self, path: str, boost: float) -> float | None:
        """Boost * (k1 + 1), a float32; None: the score is the boost."""
        key = (path, boost)
        found = self._factors.get(key, 0.0)
        if found != 0.0:
            return found
        similarity = self.similarity(path)
        found = None
        if similarity.kind != "boolean":
            found = float(np.float32(boost) * (_ONE + np.float32(similarity.k1)))
        if len(self._factors) >= SCALES_KEPT:
            self._factors.clear()
        self._factors[key] = found
        return found

    def inverse(self, path: str, field: FieldStatistics) -> NDArray[np.float32]:
        """See ``Weights.inverse``."""
        key = (path, field.documents, field.tokens)
        found = self._inverses.get(key)
        if found is None:
            similarity = self.similarity(path)
            if similarity.kind == "boolean":
                return _INFINITE
            k1, b = np.float32(similarity.k1), np.float32(similarity.b)
            lengths = _LENGTHS if self.has_norms(path) else np.ones(256, np.float32)
            with np.errstate(divide="ignore"):
                found = _ONE / (k1 * ((_ONE - b) + b * lengths / average_length(field)))
            if len(self._inverses) >= SCALES_KEPT:
                self._inverses.clear()
            self._inverses[key] = found
        return found

    def has_norms(self, path: str) -> bool:
        """Whether the length of a field counts."""
        field = self._mapping.get(path)
        return field is not None and field.type is FieldType.TEXT and field.norms


def average_length(field: FieldStatistics) -> np.float32:
    """Tokens per document that has the field."""
    return np.float32(field.tokens / field.documents) if field.tokens else _ONE


class Weights:
    """Scores of terms: BM25 as OpenSearch 2.19 computes it (LegacyBM25Similarity: the factor k1 + 1 is kept), in float32 as it
    does, with the k1 and b of the field's similarity; or ``boolean``, where every term scores its boost.

    A product of two float32 is exact in Python's floats, so that rounding it once gives what float32 arithmetic gives.
    """

    __slots__ = ("scales", "statistics")

    def __init__(self, statistics: Statistics, scales: Scales) -> None:
        self.statistics = statistics
        self.scales = scales

    def similarity(self, path: str) -> Similarity:
        """How a field scores."""
        return self.scales.similarity(path)

    def idf(self, path: str, term: bytes, count: int = -1) -> np.float32:
        """ln(1 + (N - n + 0.5) / (n + 0.5)): N live documents with the field, n of them with the term."""
        total, count = self.counts(path, term, count)
        return np.float32(math.log(1 + (total - count + 0.5) / (count + 0.5)))

    def counts(self, path: str, term: bytes, count: int = -1) -> tuple[int, int]:
        """(N, n) of ``idf``; ``count`` takes the place of n unless it is -1."""
        if count < 0:
            count = self.statistics.terms.get((path, term), 0)
        return max(self._field(path).documents, count), count

    def of(self, leaf: TermScore | PhraseScore) -> np.float32:
        """Boost * (k1 + 1) * idf; the idf of a phrase is the sum of its terms'."""
        factor = self.scales.factor(leaf.field, leaf.boost)
        if factor is None:
            return np.float32(leaf.boost)
        if isinstance(leaf, TermScore):
            idf = float(self.idf(leaf.field, leaf.term, leaf.count))
        else:
            idf = float(np.float32(sum(float(self.idf(leaf.field, term)) for term in leaf.terms)))
        return np.float32(factor * idf)

    def average_length(self, path: str) -> np.float32:
        """Tokens per document that has the field."""
        return average_length(self._field(path))

    def inverse(self, path: str) -> NDArray[np.float32]:
        """1 / (k1 * (1 - b + b * length / average)) for each norm byte; without norms every length is 1. Infinite where neither
        frequency nor length counts: the score is then the weight.
        """
        return self.scales.inverse(path, self._field(path))

    def has_norms(self, path: str) -> bool:
        """Whether the length of a field counts."""
        return self.scales.has_norms(path)

    def _field(self, path: str) -> FieldStatistics:
        return self.statistics.fields.get(path, NO_FIELD)
