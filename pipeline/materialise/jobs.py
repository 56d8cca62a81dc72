"""What a partition does beside applying: compactions, commits, merges, and waiting for them.

A job is begun under the apply lock, where it takes what it needs; an executor carries it out without that lock; it is installed under the
lock again. A job that fails loses nothing: the next one takes it all again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pipeline.materialise import commit, merger
from pipeline.materialise.apply import Materialiser
from pipeline.materialise.dead_letters import MAPPING as DEAD_MAPPING
from pipeline.materialise.live_segments import LiveSegments, sizes
from pipeline.materialise.merge_policy import Plan, Size
from pipeline.materialise.parts import WorkerParts
from pipeline.materialise.state import SMALL_DOCUMENTS
from pipeline.segments.manifest import Manifest
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas.errors import SedimentError, unavailable
from schemas.ids import NO_OFFSET, LogOffset

RETRY_MS = 1000
UNSTORED_FLUSHES_MAX = 4  # times ``flush_bytes`` may wait in memory while the disk refuses commits
_log = logging.getLogger(__name__)


class Gate:
    """The apply lock of a partition, which whoever else asks for gets before the worker's next batch; and word of what has changed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition()
        self.urgent = 0

    @contextmanager
    def batch(self, ending: Callable[[], bool]) -> Iterator[None]:
        """The lock for the worker's thread: once nobody else waits for it, or it has to end."""
        while self.urgent and not ending():
            time.sleep(0.0002)  # a lock is not fair: let those go first who wait for it
        with self.lock:
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """The lock, ahead of the worker's next batch."""
        with self.changed:
            self.urgent += 1
        try:
            with self.lock:
                yield
        finally:
            with self.changed:
                self.urgent -= 1

    def tell(self) -> None:
        """Wake up whoever waits for a change."""
        with self.changed:
            self.changed.notify_all()


class Jobs:
    """The jobs of one partition: at most one commit or compaction at a time, and one merge beside it."""

    def __init__(self, parts: WorkerParts, machine: Materialiser, manifest: Manifest, gate: Gate) -> None:
        self._parts = parts
        self._machine = machine
        self._epoch = manifest.open_epoch
        self._gate = gate
        self._labels = {"index": str(parts.index), "partition": str(parts.identity.partition)}
        self._committed = manifest.next_offset  # stored, or being stored
        self._failed_ms = parts.clock_ms() - RETRY_MS
        self._failing_since_ms: int | None = None
        self.ledger = commit.restore(machine, parts.store, manifest)
        self.durable = manifest.next_offset
        self.committed_ms = parts.clock_ms()
        self.committing = self.compacting = self.merging = False
        self.stale = False  # segments changed since they were last published
        self.commit_error, self.merge_error = "", ""

    def measure(self, metrics: Metrics) -> None:
        """Count with these from now on."""
        self._parts = replace(self._parts, metrics=metrics)

    @property
    def committed(self) -> LogOffset:
        """The offset that is stored or being stored; NO_OFFSET where replaced segments wait for a commit."""
        return NO_OFFSET if self.ledger.retired else self._committed

    @property
    def waiting(self) -> bool:
        """Whether a job failed just now: it is tried again after a while."""
        return self._parts.clock_ms() - self._failed_ms < RETRY_MS

    @property
    def failing_ms(self) -> int:
        """For how long every commit has failed; 0 where the last one did not."""
        return 0 if self._failing_since_ms is None else self._parts.clock_ms() - self._failing_since_ms

    @property
    def unstored_bytes(self) -> int:
        """Bytes of segments that are in memory only."""
        return self._machine.segments.unstored_bytes + self._machine.dead.unstored_bytes

    @property
    def full(self) -> bool:
        """Whether commits fail and so much waits in memory that no more may be applied."""
        return bool(self.commit_error) and self.unstored_bytes >= UNSTORED_FLUSHES_MAX * self._parts.policy.flush_bytes

    @property
    def busy(self) -> bool:
        """Whether segments in memory are being compacted or committed."""
        return self.committing or self.compacting

    # ------------------------------------------------------------------ compactions
    def begin_compact(self) -> None:
        """Join small neighbours in memory. The caller holds the apply lock."""
        assert not self.busy
        small = merger.small_inputs(self._machine, SMALL_DOCUMENTS)
        if small:
            self.compacting = True
            self._parts.committer.submit(self._compact, small)

    def _compact(self, small: Sequence[merger.Compaction]) -> None:
        try:
            with self._compacted(small):
                self.merge_error = ""
        except Exception as error:  # noqa: BLE001 - an executor would swallow it
            _log.exception("a compaction failed")
            self._merge_failed(f"compaction: internal error: {error!r}")
        finally:
            self.compacting = False
            self._gate.tell()

    @contextmanager
    def _compacted(self, small: Sequence[merger.Compaction]) -> Iterator[None]:
        """Carry compactions out; the block runs under the apply lock, right after they were installed."""
        done = [merger.compact(one, self._parts.store.new_segment_id) for one in small]
        with self._gate.exclusive():
            for one, merged in zip(small, done, strict=True):
                merger.install_merge(self._machine, one.segments, self.ledger, merged)
                self.stale = True
            yield

    # ------------------------------------------------------------------ commits
    def begin_commit(self) -> None:
        """Take a snapshot and hand it to the committer; where small neighbours are to be joined first, after that, with what was applied
        meanwhile. The caller holds the apply lock.
        """
        assert not self.busy
        small = merger.small_inputs(self._machine, SMALL_DOCUMENTS)
        taken = None if small else self._snapshot()
        self.committing = True
        self._parts.committer.submit(self._commit, small, taken)

    def _snapshot(self) -> commit.Snapshot:
        taken = commit.snapshot(self._machine, self.ledger)
        self._committed = taken.offset
        self.committed_ms = self._parts.clock_ms()
        return taken

    def _commit(self, small: Sequence[merger.Compaction], taken: commit.Snapshot | None) -> None:
        parts = self._parts
        try:
            with parts.metrics.timed(names.COMMIT_SECONDS, index=parts.index):
                if taken is None:
                    with self._compacted(small):
                        taken = self._snapshot()
                done = commit.store_snapshot(parts.store, parts.identity, self._epoch, taken, parts.probe)
            with self._gate.exclusive():
                commit.install(self._machine, done)
                self.stale = True
                idle, self.durable = self.durable == taken.offset, taken.offset
            self.commit_error, self._failing_since_ms = "", None
            if idle:  # nothing but replaced segments to commit: time to tidy up
                parts.store.reclaim()
        except SedimentError as error:
            parts.damage.report(error)
            self._commit_failed(taken, f"commit: {error.message}")
        except Exception as error:  # noqa: BLE001 - an executor would swallow it
            _log.exception("a commit failed")
            self._commit_failed(taken, f"commit: internal error: {error!r}")
        finally:
            self.committing = False
            self._gate.tell()

    def _commit_failed(self, taken: commit.Snapshot | None, reason: str) -> None:
        """Nothing is lost: the log has it, and the next commit takes it all again."""
        if reason != self.commit_error:  # said once, not every second
            _log.error(
                "partition %s of %s cannot commit: %s", self._parts.identity.partition, self._parts.index, reason
            )
        with self._gate.exclusive():
            if taken is not None:
                commit.give_back(self._machine, self.ledger, taken)
                self.stale = True
            self._committed = self.durable
            self._failed_ms = self._parts.clock_ms()
            if self._failing_since_ms is None:
                self._failing_since_ms = self._failed_ms
            self.commit_error = reason

    def flush(self, timeout_s: float) -> None:
        """Make everything applied now durable in the index; raises UNAVAILABLE when that fails."""
        target = self._machine.applied
        deadline = time.monotonic() + timeout_s
        while self.durable < target or self.ledger.retired:
            with self._gate.exclusive():
                if not self.busy and (self.durable < target or self.ledger.retired):
                    self.begin_commit()
            with self._gate.changed:
                self._gate.changed.wait_for(lambda: not self.busy, max(0.0, deadline - time.monotonic()))
            if self.commit_error or time.monotonic() >= deadline:
                raise unavailable("flush_failed", self.commit_error or "the commit did not finish in time: see /health")

    # ------------------------------------------------------------------ merges
    def begin_merge(self, segments: LiveSegments, plan: Plan) -> None:
        """Hand a merge to its executor. The caller holds the apply lock."""
        inputs = merger.inputs_of(segments, plan.ordinals)
        self.merging = True
        self._parts.merger.submit(self._merge, segments, inputs)

    def _merge(self, segments: LiveSegments, inputs: Sequence[merger.MergeInput]) -> None:
        parts, machine = self._parts, self._machine
        mapping = DEAD_MAPPING if segments is machine.dead else machine.mapping
        try:
            with (
                parts.metrics.timed(names.MERGE_SECONDS, index=parts.index),
                parts.tracer.span(names.SPAN_MERGE, None, **self._labels, segments=len(inputs)),
            ):
                parts.store.reclaim()
                done = merger.merge_stored(parts.store, inputs, mapping, machine.schema_version, parts.probe)
            with self._gate.exclusive():
                merger.install_merge(machine, segments, self.ledger, done)
                self.stale = True
            self.merge_error = ""
            if done.stored is not None:
                parts.metrics.add(names.MERGE_BYTES, done.stored.nbytes, index=parts.index)
        except SedimentError as error:
            parts.damage.report(error)
            self._merge_failed(f"merge: {error.message}")
        except Exception as error:  # noqa: BLE001 - an executor would swallow it
            _log.exception("a merge failed")
            self._merge_failed(f"merge: internal error: {error!r}")
        finally:
            self.merging = False
            self._gate.tell()

    def _merge_failed(self, reason: str) -> None:
        """The inputs are still there: it is tried again."""
        if reason != self.merge_error:
            _log.error("partition %s of %s cannot merge: %s", self._parts.identity.partition, self._parts.index, reason)
        self._failed_ms = self._parts.clock_ms()
        self.merge_error = reason

    def merge_all(self, next_plan: Callable[[Sequence[Size]], Plan | None], timeout_s: float) -> None:
        """Commit, then merge what ``next_plan`` says of the stored segments, until it says nothing more."""
        self.flush(timeout_s)
        self.merge_error = ""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.wait(timeout_s)
            with self._gate.exclusive():
                if self.merging:
                    continue  # another one was faster
                plan = next_plan(sizes(self._machine.segments, stored=True))
                if plan is None or self.merge_error:
                    break
                self.begin_merge(self._machine.segments, plan)

    def wait(self, timeout_s: float) -> None:
        """Return when no job runs, or time is up."""
        with self._gate.changed:
            self._gate.changed.wait_for(lambda: not self.busy and not self.merging, timeout_s)
