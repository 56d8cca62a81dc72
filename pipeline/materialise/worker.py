"""The shell of one partition: reads the log, applies, and carries out what the state machine asks for.

One thread reads and applies, a ``step`` at a time (a simulation calls ``step`` itself and gives executors that run on its own thread).
Everything that changes the partition happens under one lock, taken for a batch at a time, so that any thread may refresh, flush or look up.
What takes long beside applying (``jobs``) is carried out by executors without the lock.

Offsets: *applied* (decided, real-time get), *visible* (in the published view), *durable* (survives kill -9).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from pipeline.log.ports import PartitionReader
from pipeline.materialise import commit
from pipeline.materialise.apply import Materialiser
from pipeline.materialise.dead_letters import MAPPING as DEAD_MAPPING
from pipeline.materialise.dead_letters import SUFFIX, Origin
from pipeline.materialise.decisions.outcomes import Outcomes
from pipeline.materialise.gauges import show
from pipeline.materialise.jobs import Gate, Jobs
from pipeline.materialise.live_segments import LiveSegments, sizes
from pipeline.materialise.merge_policy import plan_all, plan_expunge, small_stretches
from pipeline.materialise.parts import WorkerParts
from pipeline.materialise.state import (
    SMALL_DOCUMENTS,
    Commit,
    Compact,
    Facts,
    Instruction,
    Merge,
    Refresh,
    instructions,
    wait_s,
)
from pipeline.materialise.waiting.desk import Desk
from pipeline.materialise.waiting.pace import Amount, Pace
from pipeline.segments.digest import text_of
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import PartitionView
from pipeline.telemetry import names, propagation
from pipeline.telemetry.metrics import Metrics
from schemas.errors import ErrorKind, SedimentError, unavailable
from schemas.ids import IndexName, LogOffset, PartitionId, SchemaVersion, TopicName
from schemas.limits import BATCH_BYTES_MAX
from schemas.records import ByteColumn, RecordBatch
from schemas.results import Freshness

RETRY_S = 1.0
TAIL_S = 5.0
JOIN_S = 30.0
_log = logging.getLogger(__name__)


class Worker:
    """One partition of one index. ``start`` opens and follows the log; ``stop`` commits and closes."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._labels = {"index": str(parts.index), "partition": str(parts.identity.partition)}
        self._gate = Gate()
        self._halted = self.log_is_short = False
        self._stopping = threading.Event()
        self._state, self._reason = "recovering", ""
        self.damage = parts.damage
        self._reader: PartitionReader | None = None
        try:
            self._restore(parts)
        except BaseException:
            with suppress(SedimentError):  # of the two errors the first one counts
                parts.close_store()
            raise
        self._recover_to = LogOffset(0)
        self._refreshed_ms = parts.clock_ms()
        self._publish()
        name = f"worker-{parts.index}-{parts.identity.partition}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _restore(self, parts: WorkerParts) -> None:
        manifest = parts.store.open(parts.identity)
        self.machine = Materialiser(
            Origin(parts.identity.topic, parts.identity.partition),
            parts.schema,
            parts.store.new_segment_id,
            primary_term=parts.identity.layout_epoch,
            horizons=parts.horizons,
        )
        self.jobs = Jobs(parts, self.machine, manifest, self._gate)
        self._pace = Pace(parts.clock_ms)
        self.desk = Desk(self.machine.outcomes, self._pace, parts.clock_ms)
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
        self._end()
        if commit_now and self._state != "stopped":
            try:
                self.flush(JOIN_S)
            except SedimentError as error:
                _log.warning("a partition stops without its last commit: %s", error.message)
        self._rest()
        self._parts.close_store()

    def leave(self, gone: Callable[[], None]) -> None:
        """Stop following; whoever reads a view of it goes on. ``gone`` is called once nobody does and the store is closed."""
        self._end()
        self._rest()
        self._parts.leave_store(gone)

    def _end(self) -> None:
        self._stopping.set()
        reader = self._reader
        if reader is not None:
            reader.wake()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _rest(self) -> None:
        self.desk.follows = False
        self.jobs.wait(JOIN_S)
        self.machine.outcomes.stop("the partition is closed")
        self._close_reader()
        self._state = "stopped"

    def set_policy(self, *, refresh_ms: int) -> None:
        """Change the refresh interval."""
        self._policy = replace(self._policy, refresh_ms=refresh_ms)

    def measure(self, metrics: Metrics) -> None:
        """Count with these from now on: a rebuild counts for itself until it takes the live one's place."""
        self._parts = replace(self._parts, metrics=metrics)
        self.jobs.measure(metrics)

    def _run(self) -> None:
        with self._parts.tracer.span(names.SPAN_RECOVER, None, **self._labels):
            while self._state != "live" and self._go_on():
                pass
        while self._go_on():
            pass
        self._close_reader()

    def _go_on(self) -> bool:
        """One step; whether there may be another."""
        if self._stopping.is_set() or self._halted:
            return False
        if not self.step():
            self._stopping.wait(RETRY_S)
        return True

    def step(self) -> bool:
        """Read once, apply, and do what is due; False where the log or the catalog is away: try again after a while."""
        try:
            return not self._halted and self._try_step()
        except Exception as error:  # noqa: BLE001 - the outermost loop: the partition stops and says why
            _log.exception("a partition stopped")
            self.halt(f"internal error: {error!r}; restart the process, and report this")
            return False
        finally:
            self.desk.follows = self._state == "live"

    def _try_step(self) -> bool:
        if self.jobs.full:  # the log is the buffer: it goes on when the disk takes what there is
            self._do_what_is_due()
            return False
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
        reader = self._reader_of_the_same_log(begin)
        self._state, self._reason = "recovering" if self.machine.applied < self._recover_to else "live", ""
        self.machine.outcomes.resume()
        return reader

    def _reader_of_the_same_log(self, begin: LogOffset) -> PartitionReader:
        """A reader that begins where the partition stands. Raises UNAVAILABLE where the log ends before that, CONFLICT where the last applied
        record is another one now: the log was cut, and written on by somebody who did not know.
        """
        log, topic, partition = self._parts.log, self._parts.identity.topic, self._parts.identity.partition
        applied, (offset, checksum) = self.machine.applied, self.jobs.ledger.tail
        end = log.end_offset(topic, partition)
        self.log_is_short = applied > end
        if self.log_is_short:
            raise log_cut(topic, partition, end, applied)
        if not begin <= offset < applied:
            return log.reader(topic, partition, applied)
        reader = log.reader(topic, partition, LogOffset(offset))
        last = reader.read(records_max=1, bytes_max=1, timeout_s=TAIL_S).slice(0, 1)
        if len(last) and int(last.offsets[0]) == offset and commit.tail_of(last)[1] != checksum:
            reader.close()
            raise SedimentError(
                ErrorKind.CONFLICT,
                "log_replaced",
                f"the record of [{topic}] partition {partition} at offset {offset} is not the one that was applied: the log was cut "
                "and written anew, or is another one; put the log back from a copy, or delete the index and build it anew",
            )
        reader.seek(applied)
        return reader

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def halt(self, reason: str) -> None:
        """Stop following the log for good, and say why; what is applied stays searchable. From any thread."""
        self._halted = True
        self.desk.follows = False
        self._state, self._reason = "stopped", reason
        _log.error("partition %s of %s stopped: %s", self._parts.identity.partition, self._parts.index, reason)
        self.machine.outcomes.stop(reason)
        self._gate.tell()

    def _round(self, reader: PartitionReader) -> None:
        timeout_s = wait_s(self._facts(), self._policy)
        amount = self.desk.next_batch(Amount(self._parts.batch_records, BATCH_BYTES_MAX))
        batch = reader.read(records_max=amount.records, bytes_max=amount.nbytes, timeout_s=timeout_s)
        if self.jobs.full:  # since it was asked for
            reader.seek(self.machine.applied)
            return
        if len(batch):
            with self._pace.batch(len(batch), batch.keys.nbytes + batch.values.nbytes):
                self._take(batch)
        else:
            self._take(batch)
        if self._state == "recovering" and self.machine.applied >= self._recover_to:
            self._state = "live"

    def _take(self, batch: RecordBatch) -> None:
        with self._gate.batch(self._stopping.is_set):
            if len(batch) or batch.next_offset > self.machine.applied:
                self._apply(batch)
        self._do_what_is_due()

    def _do_what_is_due(self) -> None:
        with self._gate.lock:
            for instruction in instructions(self._facts(), self._policy):
                self._carry_out(instruction)

    def _apply(self, batch: RecordBatch) -> None:
        metrics, parent = self._parts.metrics, propagation.of_batch(batch.headers)
        with self._parts.tracer.span(names.SPAN_APPLY, parent, **self._labels, records=len(batch)):
            applied = self.machine.apply(batch)
        if len(batch):
            self.jobs.ledger.tail = commit.tail_of(batch)
        metrics.add(names.APPLIED_RECORDS, applied.records, **self._labels)
        metrics.set(names.APPLIED_OFFSET, self.machine.applied, **self._labels)
        for code, count in applied.dead.items():
            metrics.add(names.DEAD_LETTERS, count, index=self._parts.index, reason=code)

    def _facts(self) -> Facts:
        segments, dead, jobs = self.machine.segments, self.machine.dead, self.jobs
        failed = jobs.waiting
        small = small_stretches(sizes(segments, stored=False), SMALL_DOCUMENTS)
        return Facts(
            now_ms=self._parts.clock_ms(),
            applied=self.machine.applied,
            visible=self._view.visible,
            committed=jobs.committed,
            stale=jobs.stale,
            refreshed_ms=self._refreshed_ms,
            committed_ms=jobs.committed_ms,
            unstored_bytes=segments.unstored_bytes + dead.unstored_bytes,
            small_segments=max(map(len, small), default=0),
            committing=jobs.busy or failed,
            merging=jobs.merging or failed,
            stored=sizes(segments, stored=True),
            stored_dead=sizes(dead, stored=True),
            hurried=self.desk.hurried,
        )

    def _carry_out(self, instruction: Instruction) -> None:
        match instruction:
            case Refresh():
                self._publish()
            case Compact():
                self.jobs.begin_compact()
            case Commit():
                self.jobs.begin_commit()
            case Merge(plan, dead_letters):
                self.jobs.begin_merge(self.machine.dead if dead_letters else self.machine.segments, plan)

    def exclusive(self) -> AbstractContextManager[None]:
        """The apply lock, ahead of the worker's next batch."""
        return self._gate.exclusive()

    def refresh(self) -> None:
        """Make everything applied visible; returns when it is."""
        if self._view.visible >= self.machine.applied and not self.jobs.stale:
            return
        self.desk.hurry()
        with self.exclusive():
            if self._view.visible < self.machine.applied or self.jobs.stale:
                self._publish()

    def _publish(self) -> None:
        view = self._make_view(self.machine.segments, self._parts.index)
        dead = self._make_view(self.machine.dead, IndexName(self._parts.index + SUFFIX))
        self._dead_view = replace(dead, mapping=DEAD_MAPPING, schema_version=1)
        self._view = view  # after the other: who sees that this one is new enough takes both, without the lock
        self.jobs.stale = False
        self._refreshed_ms = self._parts.clock_ms()

    def _make_view(self, segments: LiveSegments, index: IndexName) -> PartitionView:
        return PartitionView(
            index=index,
            topic=self._parts.identity.topic,
            partition=self._parts.identity.partition,
            visible=self.machine.applied,
            schema_version=self.machine.schema_version,
            mapping=self._parts.schema.shown(self.machine.mapping, self.machine.schema_version),
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

    def flush(self, timeout_s: float = 60.0) -> None:
        """Make everything applied now durable in the index; raises UNAVAILABLE when that fails."""
        self.jobs.flush(timeout_s)

    def force_merge(self, segments_max: int = 1, timeout_s: float = 600.0) -> None:
        """Commit, then merge until at most ``segments_max`` segments are left."""
        self.jobs.merge_all(lambda segments: plan_all(segments, segments_max), timeout_s)
        self.refresh()

    def expunge_deletes(self, timeout_s: float = 600.0) -> None:
        """Commit, then write segments with many dead rows again without them."""
        self.jobs.merge_all(plan_expunge, timeout_s)
        self.refresh()

    # ------------------------------------------------------------------ what is known
    def freshness(self) -> Freshness:
        """Where the partition stands."""
        machine, view, jobs, damage = self.machine, self._view, self.jobs, self.damage.reason
        begin, end = self._bounds()
        assert view.digest is not None
        with machine.lock:
            documents, count = machine.segments.documents, len(machine.segments)
            nbytes, dead = sum(s.nbytes for s in machine.segments), machine.dead.documents
        found = Freshness(
            view.partition,
            applied=machine.applied,
            visible=view.visible,
            durable=jobs.durable,
            end=end,
            begin=begin,
            documents=documents,
            segments=count,
            bytes=nbytes,
            dead_letters=dead,
            state="damaged" if damage else self._shown_state(),
            reason="; ".join(filter(None, (damage, self._reason, jobs.commit_error, jobs.merge_error))),
            schema_version=machine.schema_version,
            digest=text_of(view.digest),
            digest_offset=view.visible,
        )
        show(found, machine, self._pace, self._parts.metrics, self._labels)
        return found

    def _shown_state(self) -> str:
        """``stalled`` where all is well but for the disk, which refuses commits."""
        return "stalled" if self.jobs.commit_error and self._state in {"live", "recovering"} else self._state


def log_cut(topic: TopicName, partition: PartitionId, end: LogOffset, stands: LogOffset) -> SedimentError:
    """What is said of a log that ends before the index: acknowledged records are gone, and offsets would be given out twice."""
    return unavailable(
        "log_cut",
        f"the log of [{topic}] partition {partition} ends at {end}, the index stands at {stands}: acknowledged "
        "records are gone from the log; put its files back from a copy, or reindex what can still be read here",
    )
