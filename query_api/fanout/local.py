"""Partitions in this process: searchers over the views that a worker publishes."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from pipeline.search.cache import SEARCH_BYTES_MAX, SearchBudget, SearchCache
from pipeline.search.lookup import read_documents
from pipeline.search.searcher import Searcher
from query_api.fanout.ports import PartitionSearcher, PointInTime
from schemas.ids import IndexName, PartitionId
from schemas.query import Ids, SearchRequest, SourceFilter
from schemas.results import Document, Freshness

DEAD_SHARE: Final = 16  # of what is remembered of documents, so much less of dead letters


class LocalWorker(Protocol):
    """What is asked of a partition's worker. Views and segments stay opaque here: only ``pipeline.search`` looks into them."""

    @property
    def view(self) -> Any:
        """The newest visible state."""
        ...

    @property
    def dead_view(self) -> Any:
        """The same of the dead letters."""
        ...

    def locate(self, ids: Sequence[str]) -> Sequence[Any]:
        """(segment, row) of the newest applied version of each id, or None."""
        ...

    def refresh(self) -> None:
        """Make everything applied visible."""
        ...

    def flush(self) -> None:
        """Make everything applied durable in the index."""
        ...

    def force_merge(self, segments_max: int = 1) -> None:
        """Merge until at most so many segments are left."""
        ...

    def expunge_deletes(self) -> None:
        """Write segments with many deleted rows again without them."""
        ...

    def freshness(self) -> Freshness:
        """Where the partition stands."""
        ...


class Near:
    """What is kept for a partition, or for its dead letters, beside its worker: caches, and the newest searcher."""

    def __init__(self, budget: SearchBudget | None = None, observe: Callable[[str, str], None] | None = None) -> None:
        self.cache = SearchCache(budget, observe)
        self.newest: tuple[Any, Searcher] | None = None


class LocalPartition:
    """A partition, or its dead letters, in this process; see ``PartitionSearcher``. While one lives, so does the worker's store."""

    def __init__(self, worker: LocalWorker, near: Near | None = None, *, dead_letters: bool = False) -> None:
        self._worker = worker
        self._dead_letters = dead_letters
        self._near = near or Near()

    @property
    def partition(self) -> PartitionId:
        """The partition."""
        return PartitionId(int(self._worker.view.partition))

    def view(self) -> PointInTime:
        """The newest visible state."""
        view = self._worker.dead_view if self._dead_letters else self._worker.view
        newest = self._near.newest
        if newest is None or newest[0] is not view:
            self._near.newest = newest = (view, Searcher(view, self._near.cache))
        return newest[1]

    def get(self, ids: Sequence[str], *, realtime: bool) -> Sequence[Document | None]:
        """Documents by id: as applied (``realtime``) or as visible. Dead letters are never ahead of what is visible."""
        if not realtime or self._dead_letters:
            return self._visible(ids)
        view = self._worker.view
        return [
            None if found is None else read_documents(found[0], [found[1]], view.topic, view.partition)[0]
            for found in self._worker.locate(ids)
        ]

    def _visible(self, ids: Sequence[str]) -> Sequence[Document | None]:
        request = SearchRequest(
            query=Ids(values=list(ids)),
            size=len(ids),
            source=SourceFilter(),
            version=True,
            seq_no_primary_term=True,
            provenance=True,
        )
        view = self.view()
        statistics = view.statistics(request)
        hits = view.query(request, statistics).hits
        known = {
            one.id: Document(one.id, one.version, one.seq_no, one.source or b"", one.provenance, one.routing)
            for one in view.fetch(request, hits, statistics)
            if one.provenance is not None
        }
        return [known.get(one) for one in ids]

    def refresh(self) -> None:
        """Make everything that is applied now visible."""
        self._worker.refresh()

    def flush(self) -> None:
        """Make everything that is applied now durable in the index. A partition and its dead letters are one."""
        self._worker.flush()

    def force_merge(self, segments_max: int) -> None:
        """Merge until at most so many segments are left."""
        self._worker.force_merge(segments_max)

    def expunge_deletes(self) -> None:
        """Write segments with many deleted rows again without them."""
        self._worker.expunge_deletes()

    def freshness(self) -> Freshness:
        """Where the partition stands."""
        return self._worker.freshness()


class LocalTopology:
    """All partitions are here; see ``Topology``. A partition's caches live as long as its worker. Dead letters are rarely searched: what
    is remembered of them shares a small budget of its own.
    """

    def __init__(
        self,
        workers: Callable[[str], Sequence[LocalWorker]],
        observe: Callable[[str, str], None] | None = None,
        search_bytes: int = SEARCH_BYTES_MAX,
    ) -> None:
        self._workers = workers
        self._budget, self._dead_budget = SearchBudget(search_bytes), SearchBudget(search_bytes // DEAD_SHARE)
        self._observe = observe  # (cache, hit or miss)
        self._known: WeakKeyDictionary[LocalWorker, tuple[Near, Near]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def _near(self, worker: LocalWorker) -> tuple[Near, Near]:
        with self._lock:
            known = self._known.get(worker)
            if known is None:
                known = self._known[worker] = (Near(self._budget, self._observe), Near(self._dead_budget))
            return known

    def cache_bytes(self) -> Counter[str]:
        """What searches remember now, bytes by cache."""
        with self._lock:
            nears = [one for pair in self._known.values() for one in pair]
        found: Counter[str] = Counter()
        for one in nears:
            found.update(one.cache.bytes)
        return found

    def partitions(self, index: IndexName) -> Sequence[PartitionSearcher]:
        """All partitions of an index, by number."""
        return [LocalPartition(one, self._near(one)[0]) for one in self._workers(index)]

    def dead_letters(self, index: IndexName) -> Sequence[PartitionSearcher]:
        """The same for its dead letters."""
        return [LocalPartition(one, self._near(one)[1], dead_letters=True) for one in self._workers(index)]
