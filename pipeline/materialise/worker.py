"""The shell of one partition: reads the log, applies, and carries out what the state machine asks for.

One thread reads and applies, a ``step`` at a time (a simulation calls ``step`` itself and gives executors that run on its own thread).
Everything that changes the partition happens under one lock, taken for a batch at a time, so that any thread may refresh, flush or look up.
Commits and merges are written by executors without the lock.

Offsets: *applied* (decided, real-time get), *visible* (in the published view), *durable* (survives kill -9).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pipeline.log.ports import Log, PartitionReader
from pipeline.materialise import commit, merger
from pipeline.materialise.apply import Horizons, Materialiser, Schema
from pipeline.materialise.dead_letters import MAPPING as DEAD_MAPPING
from pipeline.materialise.dead_letters import SUFFIX, Origin
from pipeline.materialise.decisions.outcomes import Outcomes
from pipeline.materialise.gauges import show
from pipeline.materialise.live_segments import LiveSegments, sizes
from pipeline.materialise.merge_policy import Plan, plan_all, small_stretches
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
from pipeline.segments.chunks.damage import Damage
from pipeline.segments.digest import text_of
from pipeline.segments.manifest import Identity
from pipeline.segments.reader import SegmentReader
from pipeline.segments.store import SegmentStore
from pipeline.segments.view import PartitionView
from pipeline.telemetry import names, propagation
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from schemas.errors import ErrorKind, SedimentError, unavailable
from schemas.ids import NO_OFFSET, IndexName, LogOffset, SchemaVersion
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
    horizons: Horizons = field(default_factory=Horizons)
    batch_records: int = BATCH_RECORDS
    damage: Damage = field(default_factory=Damage)


class Worker:
    """One partition of one index. ``start`` opens and follows the log; ``stop`` commits and closes."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._labels = {"index": str(parts.index), "partition": str(parts.identity.partition)}
        self._apply_lock = threading.RLock()
        self._changed = threading.Condition()
        self._urgent, self._halted = 0, False
        self._stopping = threading.Event()
        self._state, self._reason, self._commit_error, self._merge_error = "recovering", "", "", ""
        self._job_failed_ms = parts.clock_ms() - 1000 * int(RETRY_S)
        self.damage = parts.damage
        self._committing = self._merging = self._stale = False
        self._reader: PartitionReader | None = None
        try:
            self._restore(parts)
        except BaseException:
            parts.close_store()
            raise
        self._recover_to = LogOffset(0)
        self._refreshed_ms = self._committed_ms = parts.clock_ms()
        self._publish()
        name = f"worker-{parts.index}-{parts.identity.partition}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _restore(self, parts: WorkerParts) -> None:
        manifest = parts.store.open(parts.identity)
        self._epoch = manifest.open_epoch
        self.machine = Materialiser(
            Origin(parts.identity.topic, parts.identity.partition),
            parts.schema,
            parts.store.new_segment_id,
            primary_term=parts.identity.layout_epoch,
            horizons=parts.horizons,
        )
        self._ledger = commit.restore(self.machine, parts.store, manifest)
        self._durable = self._committed = manifest.next_offset
        first = None if manifest.schema_version else parts.schema.at_version(1)
        if first is not None:
            self.machine.mapping, self.machine.schema_version = first, SchemaVersion(1)

    # ------------------------------------------------------------------ life
    def start(self) -> None:
        """Follow the log in the background."""
        self._recover_to = self._bounds()[1]
        self._thread.start()

    def _bounds(self) -> tuple[LogOffset, LogOffset]:
        log, identity = self._parts.log, self._parts.identity
        try:
            end = log.end_offset(identity.topic, identity.partition)
            return log.begin_offset(identity.topic, identity.partition), end
        except SedimentError:
            return LogOffset(0), self.machine.applied

    def stop(self, *, commit_now: bool = True) -> None:
        """Stop following, make everything applied durable, close. ``commit_now`` False: the data are to be deleted."""
        self._stopping.set()
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
        self._close_reader()
        self._state = "stopped"
        self._parts.close_store()

    def set_policy(self, *, refresh_ms: int) -> None:
        """Change the refresh interval."""
        self._policy = replace(self._policy, refresh_ms=refresh_ms)

    def measure(self, metrics: Metrics) -> None:
        """Count with these from now on: a rebuild counts for itself until it takes the live one's place."""
        self._parts = replace(self._parts, metrics=metrics)

    def _run(self) -> None:
        while not self._stopping.is_set() and not self._halted:
            if not self.step():
                self._stopping.wait(RETRY_S)
        self._close_reader()

    def step(self) -> bool:
        """Read once, apply, and do what is due; False where the log or the catalog is away: try again after a while."""
        try:
            return not self._halted and self._try_step()
        except Exception as error:  # noqa: BLE001 - the outermost loop: the partition stops and says why
            _log.exception("a partition stopped")
            self.halt(f"internal error: {error!r}; restart the process, and report this")
            return False

    def _try_step(self) -> bool:
        try:
            if self._reader is None:
                self._reader = self._open_reader()
            self._round(self._reader)
        except SedimentError as error:
            self._close_reader()
            self.damage.report(error)
            if error.kind is not ErrorKind.UNAVAILABLE:
                self.halt(error.message)
            elif not self._halted:
                self._state, self._reason = "waiting", error.message
                self._do_what_is_due()
            return False
        return True

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
        reader = self._parts.log.reader(identity.topic, identity.partition, self.machine.applied)
        self._state, self._reason = "recovering" if self.machine.applied < self._recover_to else "live", ""
        self.machine.outcomes.resume()
        return reader

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def halt(self, reason: str) -> None:
        """Stop following the log for good, and say why; what is applied stays searchable. From any thread."""
        self._halted = True
        self._state, self._reason = "stopped", reason
        _log.error("partition %s of %s stopped: %s", self._parts.identity.partition, self._parts.index, reason)
        self.machine.outcomes.stop(reason)
        with self._changed:
            self._changed.notify_all()

    def _round(self, reader: PartitionReader) -> None:
        timeout_s = wait_s(self._facts(), self._policy)
        batch = reader.read(records_max=self._parts.batch_records, bytes_max=BATCH_BYTES_MAX, timeout_s=timeout_s)
        while self._urgent and not self._stopping.is_set():
            time.sleep(0.0002)  # a lock is not fair: let those go first who wait for it
        with self._apply_lock:
            if len(batch) or batch.next_offset > self.machine.applied:
                self._apply(batch)
        self._do_what_is_due()
        if self._state == "recovering" and self.machine.applied >= self._recover_to:
            self._state = "live"

    def _do_what_is_due(self) -> None:
        with self._apply_lock:
            for instruction in instructions(self._facts(), self._policy):
                self._carry_out(instruction)

    def _apply(self, batch: RecordBatch) -> None:
        metrics, parent = self._parts.metrics, propagation.of_batch(batch.headers)
        with self._parts.tracer.span(names.SPAN_APPLY, parent, **self._labels, records=len(batch)):
            applied = self.machine.apply(batch)
        metrics.add(names.APPLIED_RECORDS, applied.records, **self._labels)
        metrics.set(names.APPLIED_OFFSET, self.machine.applied, **self._labels)
        if applied.dead:
            metrics.add(names.DEAD_LETTERS, applied.dead, index=self._parts.index, reason="rejected")

    def _facts(self) -> Facts:
        segments, dead = self.machine.segments, self.machine.dead
        failed = self._parts.clock_ms() - self._job_failed_ms < RETRY_S * 1000
        small = small_stretches(sizes(segments, stored=False), SMALL_DOCUMENTS)
        return Facts(
            now_ms=self._parts.clock_ms(),
            applied=self.machine.applied,
            visible=self._view.visible,
            committed=NO_OFFSET if self._ledger.retired else self._committed,
            stale=self._stale,
            refreshed_ms=self._refreshed_ms,
            committed_ms=self._committed_ms,
            unstored_bytes=segments.unstored_bytes + dead.unstored_bytes,
            small_segments=0 if self._committing else max(map(len, small), default=0),
            committing=self._committing or failed,
            merging=self._merging or failed,
            stored=sizes(segments, stored=True),
            stored_dead=sizes(dead, stored=True),
        )

    def _carry_out(self, instruction: Instruction) -> None:
        match instruction:
            case Refresh():
                self._publish()
            case Compact():
                self._compact()
            case Commit():
                self._begin_commit()
            case Merge(plan, dead_letters):
                self._begin_merge(self.machine.dead if dead_letters else self.machine.segments, plan)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
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
        with self.exclusive():
            self._publish()

    def _publish(self) -> None:
        self._view = self._make_view(self.machine.segments, self._parts.index)
        dead = self._make_view(self.machine.dead, IndexName(self._parts.index + SUFFIX))
        self._dead_view = replace(dead, mapping=DEAD_MAPPING, schema_version=1)
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
            digest=self.machine.digest.copy() if segments is self.machine.segments else None,
        )

    @property
    def state(self) -> str:
        """recovering, live, waiting (the log is away) or stopped."""
        return self._state

    @property
    def reason(self) -> str:
        """Why, where something is wrong."""
        return self._reason

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

    def _compact(self) -> None:
        self._stale |= merger.compact_small(self.machine, self._parts.store.new_segment_id, SMALL_DOCUMENTS)

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
            with self.exclusive():
                commit.install(self.machine, done)
                self._stale = True
                idle, self._durable = self._durable == taken.offset, taken.offset
            self._commit_error = ""
            if idle:  # nothing but replaced segments to commit: time to tidy up
                parts.store.reclaim()
        except SedimentError as error:
            self.damage.report(error)
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
        with self.exclusive():
            commit.give_back(self.machine, self._ledger, taken)
            self._stale = True
            self._committed = self._durable
            self._job_failed_ms = self._parts.clock_ms()
            self._commit_error = reason

    def flush(self, timeout_s: float = 60.0) -> None:
        """Make everything applied now durable in the index; raises UNAVAILABLE when that fails."""
        target = self.machine.applied
        deadline = time.monotonic() + timeout_s
        while self._durable < target or self._ledger.retired:
            with self.exclusive():
                if not self._committing and (self._durable < target or self._ledger.retired):
                    self._begin_commit()
            with self._changed:
                self._changed.wait_for(lambda: not self._committing, max(0.0, deadline - time.monotonic()))
            if self._commit_error or time.monotonic() >= deadline:
                raise unavailable(
                    "flush_failed", self._commit_error or "the commit did not finish in time: see /health"
                )

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
                parts.tracer.span(names.SPAN_MERGE, None, **self._labels, segments=len(inputs)),
            ):
                parts.store.reclaim()
                done = merger.merge_stored(parts.store, inputs, mapping, self.machine.schema_version, parts.probe)
            with self.exclusive():
                merger.install_merge(self.machine, segments, self._ledger, done)
                self._stale = True
            self._merge_error = ""
            if done.stored is not None:
                parts.metrics.add(names.MERGE_BYTES, done.stored.nbytes, index=parts.index)
        except SedimentError as error:
            self.damage.report(error)
            self._merge_failed(f"merge: {error.message}")
        except Exception as error:  # noqa: BLE001 - an executor would swallow it
            _log.exception("a merge failed")
            self._merge_failed(f"merge: internal error: {error!r}")
        finally:
            self._merging = False
            with self._changed:
                self._changed.notify_all()

    def _merge_failed(self, reason: str) -> None:
        """The inputs are still there: it is tried again."""
        _log.error("partition %s of %s cannot merge: %s", self._parts.identity.partition, self._parts.index, reason)
        self._job_failed_ms = self._parts.clock_ms()
        self._merge_error = reason

    def force_merge(self, segments_max: int = 1, timeout_s: float = 600.0) -> None:
        """Commit, then merge until at most ``segments_max`` segments are left."""
        self.flush(timeout_s)
        self._merge_error = ""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self._changed:
                self._changed.wait_for(lambda: not self._merging and not self._committing, timeout_s)
            with self.exclusive():
                if self._merging:
                    continue  # another one was faster
                plan = plan_all(sizes(self.machine.segments, stored=True), segments_max)
                if plan is None or self._merge_error:
                    break
                self._begin_merge(self.machine.segments, plan)
        self.refresh()

    # ------------------------------------------------------------------ what is known
    def freshness(self) -> Freshness:
        """Where the partition stands."""
        machine, view, damage = self.machine, self._view, self.damage.reason
        begin, end = self._bounds()
        assert view.digest is not None
        with machine.lock:
            documents, count = machine.segments.documents, len(machine.segments)
            nbytes, dead = sum(s.nbytes for s in machine.segments), machine.dead.documents
        found = Freshness(
            view.partition,
            applied=machine.applied,
            visible=view.visible,
            durable=self._durable,
            end=end,
            begin=begin,
            documents=documents,
            segments=count,
            bytes=nbytes,
            dead_letters=dead,
            state="damaged" if damage else self._state,
            reason="; ".join(filter(None, (damage, self._reason, self._commit_error, self._merge_error))),
            schema_version=machine.schema_version,
            digest=text_of(view.digest),
            digest_offset=view.visible,
        )
        show(found, machine.segments, self._parts.metrics, self._labels)
        return found
