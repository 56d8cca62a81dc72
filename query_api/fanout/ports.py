"""What a partition can be asked, wherever it lives; adapters: in this process (``local``), in a worker (``remote``)."""

from collections.abc import Sequence
from typing import Protocol

from schemas.ids import IndexName, PartitionId
from schemas.query import SearchRequest
from schemas.results import Document, FetchedHit, Freshness, QueryResult, RowHit, Statistics


class PointInTime(Protocol):
    """One partition at one visible offset: the three steps of a search see the same documents.

    A ``PointInTime`` may be kept (scroll, point in time API); what it sees does not change.
    """

    @property
    def index(self) -> IndexName:
        """The index."""
        ...

    @property
    def partition(self) -> PartitionId:
        """The partition."""
        ...

    def statistics(self, request: SearchRequest) -> Statistics:
        """How frequent the terms of the request are here."""
        ...

    def query(self, request: SearchRequest, statistics: Statistics) -> QueryResult:
        """The best ``offset + size`` rows, the total, aggregation partials."""
        ...

    def fetch(self, request: SearchRequest, hits: Sequence[RowHit], statistics: Statistics) -> Sequence[FetchedHit]:
        """The rows as they are shown, in the order given."""
        ...


class PartitionSearcher(Protocol):
    """A partition that answers. Raises ``SedimentError`` UNAVAILABLE when it cannot."""

    @property
    def partition(self) -> PartitionId:
        """The partition."""
        ...

    def view(self) -> PointInTime:
        """The newest visible state."""
        ...

    def get(self, ids: Sequence[str], *, realtime: bool) -> Sequence[Document | None]:
        """Documents by id: as applied (``realtime``) or as visible."""
        ...

    def refresh(self) -> None:
        """Make everything that is applied now visible; returns when it is."""
        ...

    def flush(self) -> None:
        """Make everything that is applied now durable in the index; returns when it is."""
        ...

    def force_merge(self, segments_max: int) -> None:
        """Flush, then merge until at most so many segments are left; returns when they are."""
        ...

    def expunge_deletes(self) -> None:
        """Flush, then write segments with many deleted rows again without them; returns when they are gone."""
        ...

    def freshness(self) -> Freshness:
        """Where the partition stands."""
        ...


class Topology(Protocol):
    """Who answers for the partitions of an index."""

    def partitions(self, index: IndexName) -> Sequence[PartitionSearcher]:
        """All partitions of an index, by number. Raises UNAVAILABLE where one has nobody."""
        ...

    def dead_letters(self, index: IndexName) -> Sequence[PartitionSearcher]:
        """The same for the dead letters of an index (``<index>.dead``)."""
        ...
