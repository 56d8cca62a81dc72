"""Ours: a node in this process, loaded through its embedded log.

Ingestion appends records (key = id, value = the JSON document) to the log in batches and lets the partitions' workers take
them from there, as they do whatever a record's way in was. Records are upserts: ids are looked up and kept, which the peer
does not do.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.corpus import Corpus
from bench.fields import Field, mappings
from bench.queries import Case
from bench.rounds import bytes_below
from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())  # before anything imports a kernel

from pipeline.app import Node, open_node  # noqa: E402  kernels learn their folder when they are declared
from pipeline.catalog.state import IndexState  # noqa: E402
from pipeline.dsl.parse import parse_search  # noqa: E402
from pipeline.kernels.murmur2_kernels import partitions_of_keys  # noqa: E402
from pipeline.kernels.rows import take_rows  # noqa: E402
from pipeline.search.cache import SearchCache  # noqa: E402
from pipeline.search.searcher import Searcher  # noqa: E402
from schemas.ids import PartitionId  # noqa: E402
from schemas.query import SearchRequest  # noqa: E402
from schemas.records import AppendBatch, ByteColumn  # noqa: E402
from schemas.settings import ServeSettings, settings_from  # noqa: E402

INDEX = "bench"
_appenders = ThreadPoolExecutor(4, thread_name_prefix="append")
BATCH_RECORDS = 2_000
WARM_UP_DOCUMENTS = 6_000
APPLIED_SECONDS_MAX = 3_600.0
MERGES_QUIET_SECONDS = 3.0


@contextmanager
def opened(folder: Path, settings: dict[str, Any] | None = None) -> Iterator[Node]:
    """A node with its data in a folder; ``settings`` by their dotted names."""
    chosen: ServeSettings = settings_from(flags={"data": str(folder), **(settings or {})})
    node = open_node(chosen)
    try:
        yield node
    finally:
        node.close()


def create(
    node: Node, fields: Sequence[Field], *, partitions: int, name: str = INDEX, refresh: str | None = None
) -> IndexState:
    """An index for a corpus' fields; ``refresh`` is its refresh_interval (None: the default)."""
    settings = {"number_of_shards": str(partitions)} | ({"refresh_interval": refresh} if refresh else {})
    return node.indices.create(name, settings, mappings(fields))


def append(node: Node, index: IndexState, ids: Sequence[bytes], documents: Sequence[bytes]) -> None:
    """One batch: to columns, split by partition as every producer does, to the log; returns when it is durable there."""
    keys, values = ByteColumn.of(ids), ByteColumn.of(documents)
    now = np.full(len(ids), time.time_ns() // 1_000_000, np.int64)
    if index.partitions == 1:
        node.log.append(index.topic, PartitionId(0), AppendBatch(keys, values, now))
        return
    owner = partitions_of_keys(keys.data, keys.starts, index.partitions)

    def to_one(partition: int) -> None:
        rows = np.flatnonzero(owner == partition)
        batch = AppendBatch(take_rows(keys, rows), take_rows(values, rows), now[: len(rows)])
        node.log.append(index.topic, PartitionId(partition), batch)

    list(_appenders.map(to_one, range(index.partitions)))  # at the same time, as the writer behind REST does


def append_all(node: Node, index: IndexState, ids: Sequence[bytes], documents: Sequence[bytes], batch: int) -> None:
    """All of them, in batches."""
    for start in range(0, len(ids), batch):
        append(node, index, ids[start : start + batch], documents[start : start + batch])


def wait_applied(node: Node, name: str = INDEX) -> None:
    """Until the workers have applied what the log holds."""
    if not node.wait_applied(name, APPLIED_SECONDS_MAX):
        raise SystemExit(f"index [{name}] did not reach the end of its log within {APPLIED_SECONDS_MAX:.0f} s")


def visible_documents(node: Node, name: str = INDEX) -> int:
    """Live documents that a search sees now."""
    return sum(worker.view.documents for worker in node.workers(name))


def segments(node: Node, name: str = INDEX) -> int:
    """Segments that a search goes over."""
    return sum(len(worker.view.segments) for worker in node.workers(name))


def warm_up(node: Node, corpus: Corpus, *, partitions: int) -> None:
    """Load the machine code of every kernel that ingestion takes, through an index of its own that is deleted again."""
    index = create(node, corpus.fields, partitions=partitions, name="warm")
    rows = (corpus.ids(0, WARM_UP_DOCUMENTS), corpus.lines(0, WARM_UP_DOCUMENTS))
    for _ in range(2):  # the second time over: replaced documents take kernels of their own
        append_all(node, index, *rows, BATCH_RECORDS)
        wait_applied(node, "warm")
        node.refresh("warm")
        node.flush("warm")
    node.indices.delete(index.name)


def ingest(
    corpus: Corpus,
    folder: Path,
    *,
    partitions: int,
    batch: int = BATCH_RECORDS,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Index a corpus into a folder. The clock: from JSON bytes in memory until every record is durable in the log, visible to a
    search, and RocksDB's flush has returned for every partition."""
    with opened(folder, settings) as node:
        warm_up(node, corpus, partitions=partitions)
        documents, ids = corpus.lines(), corpus.ids()
        index = create(node, corpus.fields, partitions=partitions)
        begin, cpu = time.perf_counter(), time.process_time()
        append_all(node, index, ids, documents, batch)
        appended = time.perf_counter()
        wait_applied(node)
        node.refresh(INDEX)
        seen = time.perf_counter()
        node.flush(INDEX)
        end, cpu = time.perf_counter(), time.process_time() - cpu
        live = sum(worker.freshness().bytes for worker in node.workers(INDEX))
        found, parts = visible_documents(node), segments(node)
        assert found == corpus.documents, f"the index shows {found} of {corpus.documents} documents"
    return {
        "documents_per_second": corpus.documents / (end - begin),
        "megabytes_per_second": corpus.json_bytes / 1e6 / (end - begin),
        "seconds": end - begin,
        "cpu_us_per_document": cpu / corpus.documents * 1e6,
        "appending_seconds": appended - begin,
        "visible_seconds": seen - begin,
        "flush_seconds": end - seen,
        "segments_at_flush": parts,
        "live_bytes": live,
        "index_bytes": bytes_below(folder / "partitions"),
        "log_bytes": bytes_below(folder / "log"),
    }


def settle(node: Node, *, merged: bool) -> None:
    """Everything visible and durable, merges at an end; with ``merged`` one segment a partition."""
    node.refresh(INDEX)
    node.flush(INDEX)
    if merged:
        for worker in node.workers(INDEX):
            worker.force_merge(1)
    since, last = time.monotonic(), -1
    while time.monotonic() - since < MERGES_QUIET_SECONDS:  # no merge has ended for so long: none is under way
        node.refresh(INDEX)
        if segments(node) != last:
            since, last = time.monotonic(), segments(node)
        time.sleep(0.1)


def load(node: Node, corpus: Corpus, *, merged: bool) -> None:
    """A corpus into an index of one partition, to rest; with ``merged`` to one segment."""
    index = create(node, corpus.fields, partitions=1)
    for ids, documents in corpus.batches(BATCH_RECORDS):
        append(node, index, ids, documents)
    wait_applied(node)
    settle(node, merged=merged)


class Asked:
    """An index of one partition, asked as ``search`` wants it: the steps that the REST side takes. Plans and masks are remembered, as
    there, and whole answers are not: with those, asking again would measure nothing."""

    def __init__(self, node: Node) -> None:
        (self._worker,) = node.workers(INDEX)
        self._cache = SearchCache()
        self._searcher = Searcher(self._worker.view, self._cache, remember_answers=False)

    def renew(self) -> None:
        """Take the newest view, if there is a newer one."""
        view = self._worker.view
        if self._searcher.view is not view:
            self._searcher = Searcher(view, self._cache, remember_answers=False)

    def prepared(self, case: Case) -> SearchRequest:
        """The request, parsed."""
        return parse_search(case.elastic() | {"_source": False}, now_ms=0)

    def rows(self, request: SearchRequest) -> Any:
        """The best rows."""
        searcher = self._searcher
        return searcher.query(request, searcher.statistics(request)).hits

    def ids(self, request: SearchRequest) -> list[str]:
        """The best rows' ids."""
        searcher = self._searcher
        statistics = searcher.statistics(request)
        hits = searcher.query(request, statistics).hits
        return [hit.id for hit in searcher.fetch(request, hits, statistics)]

    def buckets(self, request: SearchRequest) -> Any:
        """The aggregation's answer, as REST shows it."""
        from query_api.fanout.aggregations.reduce import reduce_aggregations

        searcher = self._searcher
        partials = searcher.query(request, searcher.statistics(request)).aggregations
        return reduce_aggregations(request.aggregations, [partials])

    def count(self, request: SearchRequest) -> int:
        """All documents that match."""
        searcher = self._searcher
        return searcher.query(replace(request, track_total_hits=-1), searcher.statistics(request)).total
