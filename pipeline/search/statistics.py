"""How frequent a query's terms are among the live rows of a partition, and the weights that follow for the whole index.

A term's live count is its df less its postings of dead rows; it is counted once per segment and version of its deletes. Counts are
added over segments and partitions (``Statistics.plus``), so that scores do not depend on how an index is laid out.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.plan import Plan, TermScore, scored_leaves
from pipeline.segments.columns.norms import NORM_LENGTHS
from schemas.mapping import FieldType, IndexMapping
from schemas.results import FieldStatistics, Statistics

K1: Final = np.float32(1.2)
B: Final = np.float32(0.75)
_ONE: Final = np.float32(1)
_LENGTHS: Final = NORM_LENGTHS.astype(np.float32)


def gather(plans: Iterable[Plan], segments: Sequence[SegmentQueries], documents: int) -> Statistics:
    """The statistics that scoring these plans needs; ``documents``: the partition's live documents."""
    terms: dict[tuple[str, bytes], int] = {}
    fields: dict[str, FieldStatistics] = {}
    for plan in plans:
        for leaf in scored_leaves(plan):
            for term in (leaf.term,) if isinstance(leaf, TermScore) else leaf.terms:
                if (leaf.field, term) not in terms:
                    terms[leaf.field, term] = sum(s.live_df(leaf.field, term) for s in segments)
            if leaf.field not in fields:
                fields[leaf.field] = _of_field(leaf.field, segments)
    return Statistics(documents, fields, terms)


def _of_field(path: str, segments: Sequence[SegmentQueries]) -> FieldStatistics:
    total = FieldStatistics()
    for segment in segments:
        total = total.plus(segment.live_field(path))
    return total


class Weights:
    """BM25 as OpenSearch 2.19 computes it (LegacyBM25Similarity: the factor k1 + 1 is kept), in float32 as it does."""

    def __init__(self, statistics: Statistics, mapping: IndexMapping) -> None:
        self._statistics = statistics
        self._mapping = mapping
        self._inverses: dict[str, NDArray[np.float32]] = {}

    def idf(self, path: str, term: bytes) -> np.float32:
        """ln(1 + (N - n + 0.5) / (n + 0.5)): N live documents with the field, n of them with the term."""
        total, count = self.counts(path, term)
        return np.float32(math.log(1 + (total - count + 0.5) / (count + 0.5)))

    def counts(self, path: str, term: bytes) -> tuple[int, int]:
        """(N, n) of ``idf``."""
        count = self._statistics.terms.get((path, term), 0)
        return max(self._field(path).documents, count), count

    def weight(self, path: str, terms: Sequence[bytes], boost: float) -> np.float32:
        """Boost * (k1 + 1) * idf; the idf of a phrase is the sum of its terms'."""
        idf = np.float32(sum(float(self.idf(path, term)) for term in terms))
        return np.float32(np.float32(boost) * (_ONE + K1)) * idf

    def average_length(self, path: str) -> np.float32:
        """Tokens per document that has the field."""
        field = self._field(path)
        return np.float32(field.tokens / field.documents) if field.tokens else _ONE

    def inverse(self, path: str) -> NDArray[np.float32]:
        """1 / (k1 * (1 - b + b * length / average)) for each norm byte; without norms every length is 1."""
        found = self._inverses.get(path)
        if found is None:
            lengths = _LENGTHS if self.has_norms(path) else np.ones(256, np.float32)
            found = _ONE / (K1 * ((_ONE - B) + B * lengths / self.average_length(path)))
            self._inverses[path] = found
        return found

    def has_norms(self, path: str) -> bool:
        """Whether the length of a field counts."""
        field = self._mapping.get(path)
        return field is not None and field.type is FieldType.TEXT and field.norms

    def _field(self, path: str) -> FieldStatistics:
        return self._statistics.fields.get(path, FieldStatistics())
