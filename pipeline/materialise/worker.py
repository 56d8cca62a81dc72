"""The shell of one partition: reads the log, applies, and carries out what the state machine asks for.

One thread reads and applies. Everything that changes the partition happens under one lock, taken for a batch at a time, so that any thread
may refresh, flush or look up. Commits and merges are written by executors without the lock.

Offsets: *applied* (decided, real-time get), *visible* (in the published view), *durable* (survives kill -9).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pipeline.log.ports import Log, PartitionReader
from pipeline.materialise import commit, merger
from pipeline.materialise.apply import Materialiser, Schema
from pipeline.materialise.dead_letters import MAPPING as DEAD_MAPPING
from pipeline.materialise.dead_letters import SUFFIX, Origin
from pipeline.materialise.live_segments import LiveSegments
from pipeline.materialise.merge_policy import Plan, Size, plan_all
from pipeline.materialise.outcomes import Outcomes
from pipeline.materialise.state import (
    SMALL_DOCUMENTS,
    Commit,
    Compact,
    Facts,
    Instruction,
    Merge,
    Policy,
    Refresh,
    instructions,
    wait_s,
)
from pipeline.segments.manifest import Identity
from pipeline.segments.reader import SegmentReader
from pipeline.segments.store import SegmentStore
from pipeline.segments.view import PartitionView
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from schemas.errors import ErrorKind, SedimentError, unavailable
from schemas.ids import IndexName, LogOffset
from schemas.limits import BATCH_BYTES_MAX
from schemas.records import ByteColumn, RecordBatch
from schemas.results import Freshness

RETRY_S = 1.0
JOIN_S = 30.0
BATCH_RECORDS = 5_000  # a batch holds the lock about 100 ms: refreshes and single writes wait that long at most
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of; all but the store and the identity are shared by the partitions of a process."""

    index: IndexName
    identity: Identity
    store: SegmentStore
    close_store: Callable[[], None]
    log: Log
    schema: Schema
    policy: Policy
    metrics: Metrics
    tracer: Tracer
    committer: Executor
    merger: Executor
    clock_ms: Callable[[], int]  # monotonic
    probe: commit.Probe = lambda _name: None


class Worker:
    """One partition of one index. ``start`` opens and follows the log; ``stop`` commits and closes."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._labels = {"index": str(parts.index), "partition": str(parts.identity.partition)}
        self._apply_lock = threading.RLock()
        self._changed = threading.Condition()
        self._urgent = 0
        self._stopping = False
        self._state, self._reason = "recovering", ""
        self._job_failed_ms = -1_000_000
        self._commit_error = ""
        manifest = parts.store.open(parts.identity)
        self._epoch = manifest.open_epoch
        origin = Origin(parts.identity.topic, parts.identity.partition)
        self.machine = Materialiser(
            origin, parts.schema, parts.store.new_segment_id, primary_term=parts.identity.layout_epoch
        )
        self._ledger = commit.restore(self.machine, parts.store, manifest)
        if not manifest.schema_version:
            self._begin_schema()
        self._durable = self._committed = manifest.next_offset
        self._committing = self._merging = self._stale = False
        now = parts.clock_ms()
        self._refreshed_ms = self._committed_ms = now
        self._view = self._dead_view = self._make_view(self.machine.segments, parts.index)
        self._publish()
        self._thread = threading.Thread(target=self._run, name=f"worker-{parts.index}-{origin.partition}", daemon=True)

    def _begin_schema(self) -> None:
        mapping = self._parts.schema.at_version(1)
        if mapping is not None:
            self.machine.mapping = mapping
            self.machine.schema_version = type(self.machine.schema_version)(1)

    # ------------------------------------------------------------------ life
    def start(self) -> None:
        """Follow the log in the background."""
        self._recover_to = self._end_offset()
        self._thread.start()

    def _end_offset(self) -> LogOffset:
        try:
            return self._parts.log.end_offset(self._parts.identity.topic, self._parts.identity.partition)
        except SedimentError:
            return self.machine.applied

    def stop(self, *, commit_now: bool = True) -> None:
        """Stop following, make everything applied durable, close. ``commit_now`` False: the data are to be deleted."""
        self._stopping = True
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if commit_now and self._state != "stopped":
            try:
                self.flush(JOIN_S)
            except SedimentError as error:
                _log.warning("a partition stops without its last commit: %s", error.message)
        with self._changed:
            self._changed.wait_for(lambda: not self._committing and not self._merging, JOIN_S)
        self.machine.outcomes.stop("the partition is closed")
        self._state = "stopped"
        self._parts.close_store()

    def set_policy(self, *, refresh_ms: int) -> None:
        """Change the refresh interval."""
        self._policy = replace(self._policy, refresh_ms=refresh_ms)

    def _run(self) -> None:
        reader: PartitionReader | None = None
        while not self._stopping:
            try:
                if reader is None:
                    reader = self._open_reader()
                self._step(reader)
            except SedimentError as error:
                if error.kind is not ErrorKind.UNAVAILABLE:
                    self.halt(error.message)
                    break
                self._state, self._reason = "waiting", error.message
                reader = self._close_reader(reader)
                time.sleep(RETRY_S)
            except Exception as error:  # noqa: BLE001 - the outermost loop: the partition stops and says why
                _log.exception("a partition stopped")
                self.halt(f"internal error: {error!r}; restart the process, and report this")
                break
        self._close_reader(reader)

    def _open_reader(self) -> PartitionReader:
        identity = self._parts.identity
        info = self._parts.log.topic(identity.topic)
        if info is not None and info.topic_id != identity.topic_id:
            raise SedimentError(
                ErrorKind.CONFLICT,
                "topic_recreated",
                f"topic [{identity.topic}] was deleted and created again (it was {identity.topic_id}, now {info.topic_id}): "
                "delete the index and create it again to index the new topic",
            )
        begin = self._parts.log.begin_offset(identity.topic, identity.partition)
        if begin > self.machine.applied:
            raise SedimentError(
                ErrorKind.CONFLICT,
                "log_begins_later",
                f"the log of [{identity.topic}] partition {identity.partition} begins at {begin}, the index stands at "
                f"{self.machine.applied}: records between are gone; restore a snapshot, or delete the index and build it anew",
            )
        self._state = "live" if self.machine.applied >= self._recover_to else "recovering"
        self._reason = ""
        self.machine.outcomes.resume()
        return self._parts.log.reader(identity.topic, identity.partition, self.machine.applied)

    def _close_reader(self, reader: PartitionReader | None) -> None:
        if reader is not None:
            reader.close()

    def halt(self, reason: str) -> None:
        """Stop following the log, and say why; what is applied stays searchable."""
        self._state, self._reason = "stopped", reason
        _log.error("partition %s of %s stopped: %s", self._parts.identity.partition, self._parts.index, reason)
        self.machine.outcomes.stop(reason)
        with self._changed:
            self._changed.notify_all()

    # ------------------------------------------------------------------ one step
    def _step(self, reader: PartitionReader) -> None:
        batch = reader.read(
            records_max=BATCH_RECORDS, bytes_max=BATCH_BYTES_MAX, timeout_s=wait_s(self._facts(), self._policy)
        )
        while self._urgent and not self._stopping:
            time.sleep(0.0002)  # a lock is not fair: let those go first who wait for it
        with self._apply_lock:
            if len(batch) or batch.next_offset > self.machine.applied:
                self._apply(batch)
            for instruction in instructions(self._facts(), self._policy):
                self._carry_out(instruction)
        if self._state != "live" and self.machine.applied >= self._recover_to:
            self._state, self._reason = "live", ""

    def _apply(self, batch: RecordBatch) -> None:
        metrics = self._parts.metrics
        with self._parts.tracer.span(names.SPAN_APPLY, **self._labels, records=len(batch)):
            applied = self.machine.apply(batch)
        metrics.add(names.APPLIED_RECORDS, applied.records, **self._labels)
        metrics.set(names.APPLIED_OFFSET, self.machine.applied, **self._labels)
        if applied.dead:
            metrics.add(names.DEAD_LETTERS, applied.dead, index=self._parts.index, reason="rejected")

    def _facts(self) -> Facts:
        segments = self.machine.segments
        small = [s for s in segments if s.stored is None and len(s.alive) <= SMALL_DOCUMENTS]
        return Facts(
            now_ms=self._parts.clock_ms(),
            applied=self.machine.applied,
            visible=self._view.visible,
            committed=self._committed,
            stale=self._stale,
            refreshed_ms=self._refreshed_ms,
            committed_ms=self._committed_ms,
            unstored_bytes=segments.unstored_bytes + self.machine.dead.unstored_bytes,
            small_segments=0 if self._committing else len(small),
            committing=self._committing or self._parts.clock_ms() - self._job_failed_ms < RETRY_S * 1000,
            merging=self._merging or self._committing,
            stored=[Size(s.ordinal, s.documents, s.dead, s.nbytes) for s in segments if s.stored is not None],
        )

    def _carry_out(self, instruction: Instruction) -> None:
        match instruction:
            case Refresh():
                self._publish()
            case Compact():
                self._compact()
            case Commit():
                self._begin_commit()
            case Merge(plan):
                self._begin_merge(self.machine.segments, plan)

    # ------------------------------------------------------------------ refresh
    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """The apply lock, ahead of the worker's next batch."""
        with self._changed:
            self._urgent += 1
        try:
            with self._apply_lock:
                yield
        finally:
            with self._changed:
                self._urgent -= 1

    def refresh(self) -> None:
        """Make everything applied visible; returns when it is."""
        if self._view.visible >= self.machine.applied and not self._stale:
            return
        with self._exclusive():
            self._publish()

    def _publish(self) -> None:
        self._view = self._make_view(self.machine.segments, self._parts.index)
        dead = self._make_view(self.machine.dead, IndexName(self._parts.index + SUFFIX))
        self._dead_view = replace(dead, mapping=DEAD_MAPPING, schema_version=type(dead.schema_version)(1))
        self._stale = False
        self._refreshed_ms = self._parts.clock_ms()

    def _make_view(self, segments: LiveSegments, index: IndexName) -> PartitionView:
        return PartitionView(
            index=index,
            topic=self._parts.identity.topic,
            partition=self._parts.identity.partition,
            visible=self.machine.applied,
            schema_version=self.machine.schema_version,
            mapping=self.machine.mapping,
            segments=segments.views(),
        )

    @property
    def view(self) -> PartitionView:
        """The newest visible state."""
        return self._view

    @property
    def dead_view(self) -> PartitionView:
        """The same of the dead letters."""
        return self._dead_view

    @property
    def outcomes(self) -> Outcomes:
        """What was decided for recent offsets."""
        return self.machine.outcomes

    def locate(self, ids: Sequence[str]) -> list[tuple[SegmentReader, int] | None]:
        """Where the newest applied versions of documents are: real-time get."""
        return self.machine.locate(ByteColumn.of([one.encode() for one in ids]))

    # ------------------------------------------------------------------ commit
    def _compact(self, least: int = 2) -> None:
        for segments, mapping in ((self.machine.segments, self.machine.mapping), (self.machine.dead, DEAD_MAPPING)):
            small = [s.ordinal for s in segments.unstored if len(s.alive) <= SMALL_DOCUMENTS]
            if len(small) >= least:
                merger.compact(self.machine, segments, small, self._parts.store.new_segment_id, mapping)
                self._stale = True

    def _begin_commit(self) -> None:
        """Take a snapshot and hand it to the committer. The caller holds the apply lock."""
        assert not self._committing
        self._compact()
        taken = commit.snapshot(self.machine, self._ledger)
        self._committing = True
        self._committed = taken.offset
        self._committed_ms = self._parts.clock_ms()
        self._parts.committer.submit(self._commit_job, taken)

    def _commit_job(self, taken: commit.Snapshot) -> None:
        parts = self._parts
        try:
            with parts.metrics.timed(names.COMMIT_SECONDS, index=parts.index):
                done = commit.store_snapshot(parts.store, parts.identity, self._epoch, taken, parts.probe)
            with self._exclusive():
                commit.install(self.machine, done)
                self._stale = True
                self._durable = taken.offset
            self._commit_error = ""
            if self._reason.startswith("commit: "):
                self._reason = ""
        except SedimentError as error:
            self._commit_failed(taken, f"commit: {error.message}")
        except Exception as error:  # noqa: BLE001 - an executor would swallow it
            _log.exception("a commit failed")
            self._commit_failed(taken, f"commit: internal error: {error!r}")
        finally:
            self._committing = False
            with self._changed:
                self._changed.notify_all()

    def _commit_failed(self, taken: commit.Snapshot, reason: str) -> None:
        """Nothing is lost: the log has it, and the next commit takes it all again."""
        _log.error("partition %s of %s cannot commit: %s", self._parts.identity.partition, self._parts.index, reason)
        with self._exclusive():
            self._committed = self._durable
            self._ledger.retired += taken.retired
            self._job_failed_ms = self._parts.clock_ms()
            self._reason = self._commit_error = reason

    def flush(self, timeout_s: float = 60.0) -> None:
        """Make everything applied now durable in the index; raises UNAVAILABLE when that fails."""
        target = self.machine.applied
        deadline = time.monotonic() + timeout_s
        while self._durable < target:
            with self._exclusive():
                if not self._committing and self._durable < target:
                    self._begin_commit()
            with self._changed:
                self._changed.wait_for(lambda: not self._committing, max(0.0, deadline - time.monotonic()))
            if self._durable < target and (self._commit_error or time.monotonic() >= deadline):
                raise unavailable(
                    "flush_failed", self._commit_error or "the commit did not finish in time: see /health"
                )

    # ------------------------------------------------------------------ merge
    def _begin_merge(self, segments: LiveSegments, plan: Plan) -> None:
        inputs = merger.inputs_of(segments, plan.ordinals)
        self._merging = True
        self._parts.merger.submit(self._merge_job, segments, inputs)

    def _merge_job(self, segments: LiveSegments, inputs: Sequence[merger.MergeInput]) -> None:
        parts = self._parts
        mapping = DEAD_MAPPING if segments is self.machine.dead else self.machine.mapping
        try:
            with (
                parts.metrics.timed(names.MERGE_SECONDS, index=parts.index),
                parts.tracer.span(names.SPAN_MERGE, **self._labels, segments=len(inputs)),
            ):
                done = merger.merge_stored(parts.store, inputs, mapping, self.machine.schema_version, parts.probe)
            with self._exclusive():
                merger.install_merge(self.machine, segments, self._ledger, done)
                self._stale = True
            if done.stored is not None:
                parts.metrics.add(names.MERGE_BYTES, done.stored.nbytes, index=parts.index)
        except SedimentError as error:
            self._job_failed_ms = parts.clock_ms()
            self._reason = f"merge: {error.message}"
            _log.error("a merge failed: %s", error.message)
        except Exception:  # noqa: BLE001 - an executor would swallow it
            self._job_failed_ms = parts.clock_ms()
            _log.exception("a merge failed")
        finally:
            self._merging = False
            with self._changed:
                self._changed.notify_all()

    def force_merge(self, segments_max: int = 1, timeout_s: float = 600.0) -> None:
        """Commit, then merge until at most ``segments_max`` segments are left."""
        self.flush(timeout_s)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self._changed:
                self._changed.wait_for(lambda: not self._merging and not self._committing, timeout_s)
            with self._exclusive():
                stored = [s for s in self.machine.segments if s.stored is not None]
                plan = plan_all([Size(s.ordinal, s.documents, s.dead, s.nbytes) for s in stored], segments_max)
                if plan is None or self._merging:
                    break
                self._begin_merge(self.machine.segments, plan)
        self.refresh()

    # ------------------------------------------------------------------ what is known
    def freshness(self) -> Freshness:
        """Where the partition stands."""
        identity, machine = self._parts.identity, self.machine
        try:
            end = self._parts.log.end_offset(identity.topic, identity.partition)
            begin = self._parts.log.begin_offset(identity.topic, identity.partition)
        except SedimentError:
            end, begin = machine.applied, LogOffset(0)
        with machine.lock:
            documents, count = machine.segments.documents, len(machine.segments)
            nbytes, dead = sum(s.nbytes for s in machine.segments), machine.dead.documents
        self._measure(end, documents, count, nbytes)
        return Freshness(
            identity.partition,
            applied=machine.applied,
            visible=self._view.visible,
            durable=self._durable,
            end=end,
            begin=begin,
            documents=documents,
            segments=count,
            bytes=nbytes,
            dead_letters=dead,
            state=self._state,
            reason=self._reason,
            schema_version=machine.schema_version,
        )

    def _measure(self, end: LogOffset, documents: int, segments: int, nbytes: int) -> None:
        metrics = self._parts.metrics
        metrics.set(names.LAG, max(0, end - self.machine.applied), **self._labels)
        metrics.set(names.DOCUMENTS, documents, **self._labels)
        metrics.set(names.SEGMENTS, segments, **self._labels)
        metrics.set(names.SEGMENT_BYTES, nbytes, **self._labels)
