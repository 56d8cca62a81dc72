"""What a partition answers: statistics, hits, aggregation partials, fetched documents.

A search has three steps, so that scores do not depend on how an index is split and only the hits that are shown are fetched:
``statistics`` (how frequent are the query's terms), ``query`` (the best rows and their sort keys), ``fetch``.

What is made for every search or hit is a ``msgspec.Struct``: a frozen dataclass takes five to ten times as long to make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

from schemas.ids import NO_OFFSET, IndexName, LogOffset, PartitionId


class FieldStatistics(Struct, frozen=True, gc=False):
    """Live documents with the field, and their tokens in all."""

    documents: int = 0
    tokens: int = 0

    def plus(self, other: "FieldStatistics") -> "FieldStatistics":
        """Both together."""
        return FieldStatistics(self.documents + other.documents, self.tokens + other.tokens)


class Statistics(Struct, frozen=True):
    """What scoring needs to know of the whole index: sums over partitions. Counts are of live documents."""

    documents: int = 0
    fields: Mapping[str, FieldStatistics] = field(default_factory=dict)
    terms: Mapping[tuple[str, bytes], int] = field(default_factory=dict)  # (field, term): live documents that have it

    def plus(self, other: "Statistics") -> "Statistics":
        """Both together: addition, so any order of partitions gives the same."""
        fields = dict(self.fields)
        for name, one in other.fields.items():
            fields[name] = fields.get(name, FieldStatistics()).plus(one)
        terms = dict(self.terms)
        for term, count in other.terms.items():
            terms[term] = terms.get(term, 0) + count
        return Statistics(self.documents + other.documents, fields, terms)


class RowHit(Struct, frozen=True, gc=False):
    """A row among the best of its partition, not fetched yet. ``sort`` holds comparable keys (bytes for keywords, int, float,
    None for missing); ties are broken by (partition, offset).
    """

    segment: int
    doc: int
    score: float | None
    sort: tuple[Any, ...] = ()
    offset: int = 0  # of the row's record: the last tie breaker


class QueryResult(Struct, frozen=True):
    """What the query step of one partition answers."""

    index: IndexName
    partition: PartitionId
    total: int
    total_exact: bool
    max_score: float | None
    hits: Sequence[RowHit]
    aggregations: Mapping[str, Any] = field(default_factory=dict)  # partials: pipeline.search.aggregations
    visible: LogOffset = NO_OFFSET
    timed_out: bool = False
    terminated_early: bool = False


class Provenance(Struct, frozen=True, gc=False):
    """Where a document came from."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    schema_version: int
    segment: str
    redriven_from: str = ""  # the dead letter that this document was, <partition>-<offset>


class FetchedHit(Struct, frozen=True):
    """A hit as it is shown. ``source`` is the record's value byte for byte; what is not asked for is None, a number -1."""

    id: str
    version: int
    seq_no: int
    source: bytes | None
    provenance: Provenance | None
    routing: str | None = None
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    highlight: Mapping[str, Sequence[str]] = field(default_factory=dict)
    explanation: Mapping[str, Any] | None = None
    matched: Sequence[str] = ()  # names of the queries that matched


@dataclass(frozen=True, slots=True)
class Document:
    """A document as real-time get sees it."""

    id: str
    version: int
    seq_no: int
    source: bytes
    provenance: Provenance
    routing: str | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """The offsets of a partition; lag = end - applied."""

    partition: PartitionId
    applied: LogOffset
    visible: LogOffset
    durable: LogOffset
    end: LogOffset
    begin: LogOffset
    documents: int
    segments: int
    bytes: int
    dead_letters: int
    state: str  # recovering, live, stopped
    reason: str = ""
    schema_version: int = 0
    digest: str = ""  # level 1 of the documents at ``digest_offset``, 64 hexadecimal characters
    digest_offset: LogOffset = NO_OFFSET
