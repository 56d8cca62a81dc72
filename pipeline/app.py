"""Composition root of the write side and the partitions: builds the log, the catalog, the workers and the writer, and wires them.

``open_node`` gives one process with all partitions of all indices; the REST side is put on top of it by ``query_api.app``.
"""

import base64
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

from pipeline.catalog.catalog import Catalog
from pipeline.catalog.commands import Proposal
from pipeline.catalog.names import CONTROL_TOPIC
from pipeline.catalog.state import CatalogState, IndexState
from pipeline.ingest.backpressure import InFlight
from pipeline.ingest.indices import IndexService, IndicesParts, refresh_ms
from pipeline.ingest.ports import Decisions
from pipeline.ingest.writer import LogWriter, WriterParts
from pipeline.log.ports import Log
from pipeline.log.views.measured import MeasuredLog
from pipeline.materialise.apply import Schema
from pipeline.materialise.commit import Probe
from pipeline.materialise.parts import WorkerParts
from pipeline.materialise.state import Policy
from pipeline.materialise.worker import Worker
from pipeline.replay.operations import Check, ReplayOperations
from pipeline.replay.past import mapping_before, state_before
from pipeline.replay.sample import Sampler
from pipeline.replay.upkeep import Upkeep
from pipeline.replay.window import PastLog, parse_until
from pipeline.rocks.database import RocksStore, StoreMemory
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.chunks.damage import Damage
from pipeline.segments.manifest import Identity
from pipeline.segments.store import SegmentStore
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from schemas.errors import ErrorKind, SedimentError, not_found, unavailable
from schemas.ids import IndexName, PartitionId, TopicName
from schemas.mapping import IndexMapping
from schemas.settings import ServeSettings

SERVING_TIMEOUT_S = 60.0
WATCH_S = 5.0
OPENED_TOGETHER_MAX = 4  # partitions of an index
APPENDS_PER_WRITE = (
    4  # threads: a part of a request may have to wait for its turn, and must not keep others out meanwhile
)
AUTO_ID_BYTES = 15  # 20 characters of base64, as Elasticsearch's
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Served:
    """An index that this process serves."""

    state: IndexState
    workers: list[Worker]
    error: SedimentError | None = None


@dataclass(frozen=True, slots=True)
class _Pools:
    commits: Executor
    merges: Executor
    appends: Executor
    placement: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "placement"))


class Node:
    """One process with all partitions. Close it: then everything applied is durable in the index."""

    def __init__(self, settings: ServeSettings, log: Log, metrics: Metrics, tracer: Tracer, probe: Probe) -> None:
        self.settings = settings
        self.past = parse_until(settings.log.until)
        self.log = PastLog(log, self.past) if self.past else log
        self.metrics = metrics
        self.tracer = tracer
        self.cache = ArrayCache(settings.memory.arrays_bytes)
        self._stores = StoreMemory(settings.memory.stores_bytes)
        self._probe = probe
        self._pools = _Pools(
            ThreadPoolExecutor(2, "commit"),
            ThreadPoolExecutor(max(1, settings.threads.merge), "merge"),
            ThreadPoolExecutor(APPENDS_PER_WRITE * max(1, settings.threads.write), "append"),
        )
        self._served: dict[str, _Served] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self.measured: list[Callable[[], Mapping[str, int]]] = []  # caches of others in this process: bytes by name
        self.catalog = Catalog(self.log, wall_clock_ms, TopicName(settings.log.topic_prefix + CONTROL_TOPIC))
        self.in_flight = InFlight(
            settings.memory.writes_bytes, lambda: metrics.add(names.INGEST_REFUSED, reason="in_flight")
        )
        self.indices = IndexService(
            IndicesParts(
                log=self.log,
                catalog=self.catalog,
                decisions=self,
                clock_ms=wall_clock_ms,
                new_uuid=lambda: base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("="),
                partitions_default=settings.partitions,
                topic_prefix=settings.log.topic_prefix,
                serving=self._wait_until_served,
                gone=self._wait_until_gone,
            )
        )
        self.writer = LogWriter(
            WriterParts(self.log, self, self.in_flight, metrics, wall_clock_ms, new_ids, self._pools.appends)
        )

        self.operations = ReplayOperations(self, wall_clock_ms)
        self.upkeep = Upkeep(self, wall_clock_ms)
        self._sampler = Sampler(self, settings.index.verify_ms / 1000)

    # ------------------------------------------------------------------ life
    def start(self) -> None:
        """Read the control log and open every partition."""
        self.catalog.start()
        if self.past:
            self.catalog.show(self._catalog_as_it_was)
        else:
            self._finish_deletions()
        self._place(CatalogState(), self.catalog.state)
        self.catalog.listen(lambda before, after: self._later(before, after))
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._watcher.start()
        self._sampler.start()
        if not self.past:
            self.operations.resume()

    def _finish_deletions(self) -> None:
        """What a process left that ended while it deleted an index."""
        for uuid in self.catalog.state.deleted:
            shutil.rmtree(self._directory(uuid), ignore_errors=True)
        try:
            self.indices.finish_deletions()
        except SedimentError as error:  # it is tried at the next start
            _log.warning("the topic of a deleted index is left: %s", error.message)

    def close(self) -> None:
        """Commit and close everything."""
        self._closing.set()
        self._sampler.close()
        self.operations.close()
        self.catalog.close()
        self._pools.placement.shutdown(wait=True)
        for served in self._served.values():
            for worker in served.workers:
                _close(worker, commit_now=True)
        for pool in (self._pools.commits, self._pools.merges, self._pools.appends):
            pool.shutdown(wait=True)
        self.log.close()

    # ------------------------------------------------------------------ placement
    def _later(self, before: CatalogState, after: CatalogState) -> None:
        self.later(lambda: self._place(before, after))

    def _place(self, before: CatalogState, after: CatalogState) -> None:
        """Open what is new, close what is gone, adopt changed settings."""
        old = {i.uuid: i for i in before.indices.values()}
        new = {i.uuid: i for i in after.indices.values()}
        for uuid in old.keys() - new.keys():
            self._remove(uuid)
        for uuid, index in new.items():
            if uuid not in self._served:
                self._open(index)
            elif index.settings != self._served[uuid].state.settings:
                self._adopt(index)

    def _open(self, index: IndexState) -> None:
        served = _Served(index, [])
        try:
            self._open_partitions(index, served.workers)
            for worker in served.workers:
                worker.start()
        except SedimentError as error:
            _log.error("index %s cannot be opened: %s", index.name, error.message)
            for worker in served.workers:
                _close(worker)
            served = _Served(index, [], error)
        with self._changed:
            self._served[index.uuid] = served
            self._changed.notify_all()
        for worker in served.workers:
            worker.damage.repeat()  # what it met before anybody could answer

    def _open_partitions(self, index: IndexState, opened: list[Worker]) -> None:
        """All of them, side by side: what lies on disk is read without the interpreter lock. Raises what the first to fail says."""
        with ThreadPoolExecutor(min(index.partitions, OPENED_TOGETHER_MAX), "open") as pool:
            opening = [pool.submit(self.upkeep.open, index, PartitionId(n)) for n in range(index.partitions)]
        errors = [error for error in (one.exception() for one in opening) if error is not None]
        opened.extend(one.result() for one in opening if one.exception() is None)  # also for who is to close them
        for error in errors:
            raise error

    def make_worker(
        self, index: IndexState, partition: PartitionId, directory: Path, log: Log, metrics: Metrics | None = None
    ) -> Worker:
        """A worker over a directory and a log; not started."""
        info = log.topic(index.topic)
        if info is None:
            raise not_found(
                "topic_not_found", f"topic [{index.topic}] of index [{index.name}] is gone: delete the index"
            )
        directory.mkdir(parents=True, exist_ok=True)
        database = RocksStore(str(directory), memory=self._stores)
        damage = Damage(partial(self.upkeep.on_damage, index, partition, directory))
        identity = Identity("", index.topic, info.topic_id, partition, index.primary_term)
        return Worker(
            WorkerParts(
                index=index.name,
                identity=identity,
                store=SegmentStore(database, self.cache, damage),
                close_store=database.close,
                leave_store=database.leave,
                log=log,
                schema=self._schema(index.uuid, partition),
                policy=self._policy(index),
                metrics=metrics or self.metrics,
                damage=damage,
                tracer=self.tracer,
                committer=self._pools.commits,
                merger=self._pools.merges,
                clock_ms=monotonic_ms,
                probe=self._probe,
            )
        )

    def live(self, index: IndexState, partition: PartitionId) -> Worker:
        """A partition as it is served now. Raises NOT_FOUND where the index was deleted, or why it could not be opened."""
        served = self._served.get(index.uuid)
        if served is None:
            raise not_found("index_not_found", f"index [{index.name}] was deleted", index=index.name)
        if served.error is not None:
            raise served.error
        return served.workers[partition]

    def swap(self, index: IndexState, worker: Worker, directory: Path, check: Check) -> None:
        """Let a rebuilt partition take the live one's place; then drop the old one. Where it raises, nothing happened."""
        self.upkeep.swap(index, worker, directory, check)

    def install(self, index: IndexState, partition: PartitionId, worker: Worker) -> None:
        """Serve this worker from now on."""
        self._served[index.uuid].workers[partition] = worker

    def serves(self, index: IndexState) -> bool:
        """Whether the index is open here."""
        return index.uuid in self._served

    def later(self, act: Callable[[], None]) -> None:
        """Do it in the thread that opens and closes partitions, unless the process is ending."""
        if not self._closing.is_set():
            self._pools.placement.submit(act)

    def index_state(self, name: str) -> IndexState:
        """An index. Raises NOT_FOUND."""
        state = self.catalog.index(name)
        if state is None:
            raise not_found("index_not_found", f"no such index [{name}]", index=name)
        return state

    def all_states(self) -> Sequence[IndexState]:
        """Every index."""
        return self.catalog.indices()

    def folder(self, index: IndexState) -> Path:
        """Where the partitions of an index lie."""
        return self._directory(index.uuid)

    def _directory(self, uuid: str) -> Path:
        return Path(self.settings.data) / "partitions" / uuid

    def _policy(self, index: IndexState) -> Policy:
        text = index.settings.get("refresh_interval")
        refresh = self.settings.index.refresh_ms if text is None else refresh_ms(text)
        return Policy(refresh, self.settings.index.flush_ms, self.settings.index.flush_bytes)

    def _schema(self, uuid: str, partition: PartitionId) -> Schema:
        return Schema(
            bind=lambda fields, offset: self.catalog.bind(uuid, fields, partition, offset),
            at_version=lambda version: self.catalog.mapping_at(uuid, version),
            refused=lambda: self.catalog.refused(uuid, partition),
            refuse=lambda found: self.catalog.refuse(uuid, partition, [Proposal(o, fields) for o, fields in found]),
            shown=partial(self._as_it_was, uuid) if self.past else lambda mapping, _version: mapping,
        )

    def _as_it_was(self, uuid: str, mapping: IndexMapping, version: int) -> IndexMapping:
        """A partition's mapping as it was where it is shown; the catalog knows the fields that came later."""
        index = next((i for i in self.catalog.state.indices.values() if i.uuid == uuid), None)
        if index is None or all((index.topic, PartitionId(p)) not in self.past for p in range(index.partitions)):
            return mapping
        return mapping_before(index, self.catalog.mapping_at(uuid, version), mapping, self.past)

    def _catalog_as_it_was(self, state: CatalogState) -> CatalogState:
        def mappings(name: IndexName) -> list[tuple[int, IndexMapping]]:
            served = self._served.get(state.indices[name].uuid)
            return [(w.view.schema_version, w.view.mapping) for w in served.workers] if served is not None else []

        return state_before(state, self.past, mappings)

    def _adopt(self, index: IndexState) -> None:
        served = self._served[index.uuid]
        served.state = index
        for worker in served.workers:
            worker.set_policy(refresh_ms=self._policy(index).refresh_ms)

    def _remove(self, uuid: str) -> None:
        served = self._served.get(uuid)
        for worker in served.workers if served is not None else ():
            worker.stop(commit_now=False)
        with self._changed:
            self._served.pop(uuid, None)
            self._changed.notify_all()
        shutil.rmtree(self._directory(uuid), ignore_errors=True)
        if served is not None:
            self.metrics.forget(index=served.state.name)

    def _wait_until_served(self, index: IndexState) -> None:
        with self._changed:
            done = self._changed.wait_for(lambda: index.uuid in self._served, SERVING_TIMEOUT_S)
        if not done:
            raise unavailable(
                "index_not_served", f"index [{index.name}] was created but is not open yet: look at /health"
            )
        error = self._served[index.uuid].error
        if error is not None:
            raise error

    def _wait_until_gone(self, index: IndexState) -> None:
        with self._changed:
            self._changed.wait_for(lambda: index.uuid not in self._served, SERVING_TIMEOUT_S)

    def _watch(self) -> None:
        """Look now and then whether a topic got more partitions: then the index stops, with the reason. Keep gauges fresh."""
        while not self._closing.wait(WATCH_S):
            self._measure_memory()
            for served in list(self._served.values()):
                for number in range(len(served.workers)):
                    self.upkeep.look(served.state, PartitionId(number), served.workers[number])
                if served.error is not None and served.error.kind is ErrorKind.UNAVAILABLE:
                    self._reopen(served)
                try:
                    info = self.log.topic(served.state.topic)
                except SedimentError:
                    continue
                if info is not None and info.partitions != served.state.partitions:
                    self._stop_served(served, info.partitions)

    def _measure_memory(self) -> None:
        logs = self.log.health().cached_bytes
        held = {"arrays": self.cache.bytes, "log": logs, "blocks": self._stores.blocks_used_bytes}
        for one in (held, *(others() for others in self.measured)):
            for cache, nbytes in one.items():
                self.metrics.set(names.CACHE_BYTES, nbytes, cache=cache)
        self.metrics.set(names.STORE_BUFFER_BYTES, self._stores.memtables_used_bytes)

    def _reopen(self, served: _Served) -> None:
        """The disk or the log was away when an index was opened: try again."""

        def again() -> None:
            if self._served.get(served.state.uuid) is served:  # an earlier try may have taken long, and have succeeded
                self._open(served.state)

        self.later(again)

    def _stop_served(self, served: _Served, partitions: int) -> None:
        reason = (
            f"topic [{served.state.topic}] has {partitions} partitions now, the index was made with {served.state.partitions}: "
            "keys may lie in other partitions than before; reindex into a new index with that many shards"
        )
        for worker in served.workers:
            worker.halt(reason)

    # ------------------------------------------------------------------ who answers
    @property
    def quarantined(self) -> Mapping[tuple[str, int], str]:
        """Damaged partitions that grow again, and what was wrong, by (index uuid, partition)."""
        return self.upkeep.quarantined

    def workers(self, name: str) -> Sequence[Worker]:
        """The partitions of an index. Raises NOT_FOUND, or why the index could not be opened."""
        state = self.index_state(name)
        served = self._served.get(state.uuid)
        if served is None:
            self._wait_until_served(state)
            served = self._served[state.uuid]
        if served.error is not None:
            raise served.error
        return served.workers

    def decisions(self, index: IndexState, partition: PartitionId) -> Decisions:
        """The decisions of a partition. Raises UNAVAILABLE where nobody decides any more: then nothing is appended for them."""
        worker = self.workers(index.name)[partition]
        if worker.state == "stopped" or worker.jobs.full or worker.log_is_short:
            why = worker.reason or worker.jobs.commit_error
            raise unavailable("partition_stopped", f"partition {partition} of [{index.name}] takes no writes: {why}")
        return worker.desk

    def check_log(self, index: IndexState, partition: PartitionId) -> None:
        """Raise UNAVAILABLE where nothing may be appended: the partition has stopped, since its log is not what it was."""
        served = self._served.get(index.uuid)
        if served is None or not served.workers:
            return
        worker = served.workers[partition]
        if worker.state == "stopped" or worker.log_is_short:
            self.decisions(index, partition)

    def refresh(self, name: str) -> None:
        """Make everything applied visible."""
        for worker in self.workers(name):
            worker.refresh()

    def flush(self, name: str, timeout_s: float = 60.0) -> None:
        """Make everything applied durable in the index."""
        for worker in self.workers(name):
            worker.flush(timeout_s)

    def wait_applied(self, name: str, timeout_s: float = 60.0) -> bool:
        """Wait until the partitions have applied what the log holds now; False when not in time."""
        deadline = time.monotonic() + timeout_s
        for number, worker in enumerate(self.workers(name)):
            state = self.catalog.index(name)
            assert state is not None
            end = self.log.end_offset(state.topic, PartitionId(number))
            if not worker.outcomes.wait(end, max(0.0, deadline - time.monotonic())):
                return False
        return True


def _close(worker: Worker, *, commit_now: bool = False) -> None:
    """Close a partition whatever is wrong with it: nothing is lost, the log has it."""
    try:
        worker.stop(commit_now=commit_now)
    except SedimentError as error:
        _log.error("a partition did not close: %s", error.message)


def wall_clock_ms() -> int:
    """Milliseconds since 1970: for timestamps of records, never for a decision."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds of a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


def new_ids(count: int) -> list[bytes]:
    """Fresh document ids: 120 random bits each, as 20 characters that are safe in a URL."""
    text = base64.urlsafe_b64encode(os.urandom(AUTO_ID_BYTES * count))
    return [text[i : i + 20] for i in range(0, 20 * count, 20)]


def open_log(settings: ServeSettings) -> Log:
    """The log that the settings name."""
    if settings.kafka:
        from pipeline.log.kafka import KafkaLog

        return KafkaLog(settings.kafka, replication=settings.log.replication)
    from pipeline.log.embedded import EmbeddedLog

    return EmbeddedLog(
        Path(settings.log.path or Path(settings.data) / "log"),
        file_bytes_max=settings.log.segment_bytes,
        tail_cache_bytes_max=settings.log.cache_bytes,
    )


def open_node(
    settings: ServeSettings,
    *,
    log: Log | None = None,
    metrics: Metrics | None = None,
    tracer: Tracer | None = None,
    probe: Probe = lambda _name: None,
) -> Node:
    """Open everything and return when every partition is open (it may still be catching up)."""
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    measured = metrics or Metrics()
    counted = MeasuredLog(log or open_log(settings), measured)
    node = Node(settings, counted, measured, tracer or Tracer.off(), probe)
    try:
        node.start()
    except BaseException:
        node.close()
        raise
    return node


__all__ = ["Node", "monotonic_ms", "new_ids", "open_log", "open_node", "wall_clock_ms"]
