"""One partition on one thread: the real worker over a log, a store and a catalog in memory, with executors that wait to be told.

Same calls, same run. ``crash`` ends the process at once: what the store had not flushed is lost, all of it or all but the first few batches.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from typing_extensions import override

from pipeline.catalog.commands import AddFields, Proposal, PutMapping, RefuseFields
from pipeline.catalog.fold import fold
from pipeline.catalog.state import CatalogState, IndexState
from pipeline.log.memory import MemoryLog
from pipeline.log.ports import PartitionReader
from pipeline.materialise.apply import Horizons, Schema
from pipeline.materialise.merge_policy import Plan
from pipeline.materialise.parts import WorkerParts
from pipeline.materialise.state import Policy
from pipeline.materialise.worker import Worker
from pipeline.rocks.memory import Disk, Faults, MemoryStore
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.digest import add_level_1, no_sums
from pipeline.segments.manifest import Identity
from pipeline.segments.store import SegmentStore
from pipeline.segments.view import PartitionView
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from schemas.errors import SedimentError, unavailable
from schemas.ids import IndexName, LogOffset, PartitionId, TopicName
from schemas.mapping import IndexMapping
from schemas.outcomes import Result
from schemas.records import AppendBatch, ByteColumn, RecordBatch
from tests.pipeline.materialise.model import UUID, Document, Outcome, Record

TOPIC, PARTITION = TopicName("books"), PartitionId(0)
BY_HAND = Policy(refresh_ms=-1, flush_ms=1 << 40, flush_bytes=1 << 40)


class Killed(BaseException):
    """The process ends here."""


class Later(Executor):
    """Runs nothing before it is told."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], object]] = deque()

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs.append(lambda: fn(*args, **kwargs))
        return Future()

    def run_next(self, *, newest: bool = False) -> None:
        """Carry out the oldest job, or the newest one, if any."""
        if self.jobs:
            (self.jobs.pop if newest else self.jobs.popleft)()()


class CutReader:
    """A reader that never waits and gives as few records as the simulation says."""

    def __init__(self, reader: PartitionReader, log: "SimulatedLog") -> None:
        self._reader = reader
        self._log = log

    @property
    def position(self) -> LogOffset:
        return self._reader.position

    def read(self, *, records_max: int, bytes_max: int, timeout_s: float) -> RecordBatch:
        self._log.check()
        return self._reader.read(records_max=min(records_max, self._log.records_max), bytes_max=bytes_max, timeout_s=0)

    def seek(self, offset: LogOffset) -> None:
        self._reader.seek(offset)

    def wake(self) -> None:
        self._reader.wake()

    def close(self) -> None:
        self._reader.close()


class SimulatedLog(MemoryLog):
    """A log in memory that cuts batches, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.records_max = 1 << 30
        self.away = False
        self.create_topic(TOPIC, 1)

    def check(self) -> None:
        """Raise while the log is away."""
        if self.away:
            raise unavailable("log_away", "the log is away: look after the broker")

    @override
    def reader(self, topic: TopicName, partition: PartitionId, start: LogOffset) -> PartitionReader:
        self.check()
        return CutReader(super().reader(topic, partition, start), self)

    @override
    def begin_offset(self, topic: TopicName, partition: PartitionId) -> LogOffset:
        self.check()
        return super().begin_offset(topic, partition)

    def put(self, records: Sequence[Record]) -> None:
        """Append records."""
        batch = AppendBatch(
            ByteColumn.of([r.key for r in records]),
            ByteColumn.of([r.value for r in records]),
            np.arange(len(records), dtype=np.int64),
            {row: r.headers for row, r in enumerate(records) if r.headers},
        )
        self.append(TOPIC, PARTITION, batch)


class FoldedCatalog:
    """A control log that folds at once and survives every crash. May be away, from the nth question on."""

    def __init__(self, state: CatalogState) -> None:
        self.state = state
        self.failing: set[int] = set()
        self.questions = 0

    def schema(self) -> Schema:
        """What a worker sees of it."""
        return Schema(
            self.bind,
            lambda v: self.state.versions.get((UUID, v)),
            lambda: self.state.refused.get((UUID, 0), {}),
            refuse=self.refuse,
        )

    def refuse(self, found: Sequence[tuple[int, Mapping[str, Mapping[str, object]]]]) -> None:
        """As ``Catalog.refuse``."""
        self.questions += 1
        if self.questions in self.failing:
            raise unavailable("control_log_away", "the control log is away")
        proposals = [Proposal(offset, fields) for offset, fields in found]
        self.state, outcome = fold(self.state, RefuseFields(UUID, 0, proposals), 0)
        assert not isinstance(outcome, SedimentError)

    def bind(self, fields: Mapping[str, Mapping[str, object]], offset: int) -> IndexMapping:
        """As ``Catalog.bind``."""
        self.questions += 1
        if self.questions in self.failing:
            raise unavailable("control_log_away", "the control log is away")
        known = self.state.indices["books"]
        if any(path not in known.born for path in fields):
            self.state, outcome = fold(self.state, AddFields(UUID, fields, 0, offset), 0)
            if isinstance(outcome, SedimentError):
                raise outcome
            assert isinstance(outcome, IndexState)
            known = outcome
        return replace(known.mapping, fields=known.born)

    def put_mapping(self, mappings: Mapping[str, Any]) -> int | None:
        """The schema version to mark; None where it was refused."""
        self.state, outcome = fold(self.state, PutMapping(UUID, mappings), 0)
        return outcome.schema_version if isinstance(outcome, IndexState) else None


@dataclass
class Partition:
    """A partition in simulation; ``worker`` is another object after each crash."""

    log: SimulatedLog
    catalog: FoldedCatalog
    disk: Disk = field(default_factory=Disk)
    horizons: Horizons = field(default_factory=Horizons)
    policy: Policy = BY_HAND
    faults: Faults | None = None
    now_ms: int = 1_000_000
    kill_at: int = -1  # probes from now on until the process ends; -1: never
    probes: list[str] = field(default_factory=list)
    topic_id: str | None = None
    store_of: type[MemoryStore] = MemoryStore

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """A new process."""
        self.jobs = Later()
        self.kill_at = -1
        self.store = self.store_of(self.disk, self.faults)
        info = self.log.topic(TOPIC)
        assert info is not None
        self.worker = Worker(
            WorkerParts(
                index=IndexName("books"),
                identity=Identity("", TOPIC, self.topic_id or info.topic_id, PARTITION, 1),
                store=SegmentStore(self.store, ArrayCache(1 << 20)),
                close_store=self.store.close,
                log=self.log,
                schema=self.catalog.schema(),
                policy=self.policy,
                metrics=Metrics(),
                tracer=Tracer.off(),
                committer=self.jobs,
                merger=self.jobs,
                clock_ms=lambda: self.now_ms,
                probe=self.probe,
                horizons=self.horizons,
            )
        )

    def probe(self, name: str) -> None:
        """Called by the worker between the steps of a commit or merge."""
        self.probes.append(name)
        self.kill_at -= 1
        if self.kill_at == 0:
            raise Killed

    def crash(self, kept: int = 0) -> None:
        """End the process and start another; ``kept``: unflushed batches that became durable by themselves. What was said to be durable is."""
        durable = self.worker.jobs.durable
        self.store.crash(min(kept, self.store.unsynced))
        self.open()
        assert self.worker.machine.applied >= durable

    def step(self, records: int = 1 << 30) -> bool:
        """Read and apply at most so many records, and do what is due."""
        self.log.records_max = records
        return self.worker.step()

    def begin_commit(self) -> None:
        """Take a snapshot; it is written when its job is run."""
        if not self.worker.jobs.busy:
            self.worker.jobs.begin_commit()

    def begin_compact(self) -> None:
        """Join small segments in memory; the inputs are as of now, the result is installed when its job is run."""
        if not self.worker.jobs.busy:
            self.worker.jobs.begin_compact()

    def begin_merge(self, first: int, count: int) -> None:
        """Merge stored neighbours; the inputs are as of now, the result is installed when its job is run."""
        worker = self.worker
        stored = [s.ordinal for s in worker.machine.segments if s.stored is not None]
        chosen = stored[first % max(1, len(stored)) :][:count]
        if chosen and not worker.jobs.merging:
            worker.jobs.begin_merge(worker.machine.segments, Plan(tuple(chosen)))

    def run_job(self, kill_at: int = -1, *, newest: bool = False) -> bool:
        """Run the oldest job, or the newest; with ``kill_at`` the process ends at that probe. Whether it survived."""
        self.kill_at = kill_at
        try:
            self.jobs.run_next(newest=newest)
        except Killed:
            return False
        self.kill_at = -1
        return True

    def run_jobs(self) -> None:
        """Run all jobs."""
        while self.jobs.jobs:
            self.run_job()

    def catch_up(self) -> None:
        """Apply all there is, finish all jobs, make it visible."""
        end = self.log.end_offset(TOPIC, PARTITION)
        for _ in range(10_000):
            if self.worker.machine.applied >= end:
                break
            self.step()
            assert self.worker.freshness().state != "stopped", self.worker.freshness().reason
        self.run_jobs()
        self.worker.refresh()

    # ------------------------------------------------------------------ what it says

    def documents(self) -> dict[str, Document]:
        """The visible documents."""
        return documents_of(self.worker.view)

    def dead(self) -> dict[int, Any]:
        """The visible dead letters by offset."""
        import json

        letters = [json.loads(d.source) for d in documents_of(self.worker.dead_view).values()]
        assert len({one["offset"] for one in letters}) == len(letters)
        return {one["offset"]: one for one in letters}

    def outcomes(self, end: int) -> dict[int, Outcome]:
        """The outcomes of all offsets that have one."""
        results, seq_nos, versions, errors = self.worker.outcomes.of(np.arange(end))
        return {
            o: Outcome(
                Result(int(results[o])).name.lower(),
                int(seq_nos[o]),
                int(versions[o]),
                errors[o].code if o in errors else "",
            )
            for o in range(end)
            if results[o]
        }

    def validate(self) -> None:
        """Assert what must always hold."""
        machine = self.worker.machine
        for segments in (machine.segments, machine.dead):
            for segment in segments:
                segment.validate()
        digest = no_sums()
        for segment in machine.segments:
            add_level_1(segment.reader, np.flatnonzero(segment.alive), digest)
        assert (digest == machine.digest).all()
        for view in (self.worker.view, self.worker.dead_view):
            assert view.documents == len(documents_of(view))
        assert machine.segments.documents == len(machine.ids)


def documents_of(view: PartitionView) -> dict[str, Document]:
    """The documents of a view; each id once, in order of offsets."""
    found: dict[str, Document] = {}
    last = -1
    for segment in view.segments:
        reader = segment.reader
        rows = np.flatnonzero(segment.alive)
        sources = reader.sources(rows.astype(np.int64))
        ids, routing = reader.ids(), reader.routing()
        for row, source in zip(rows.tolist(), sources, strict=True):
            key = (ids[row] or b"").decode()
            assert key not in found, "a document twice"
            offset = int(reader.offsets()[row])
            assert offset > last, "documents are in log order"
            last = offset
            found[key] = Document(
                source,
                int(reader.versions()[row]),
                int(reader.seq_nos()[row]),
                offset,
                b"" if routing is None else (routing[row] or b""),
            )
    return found
