"""The use cases of replay and verification: jobs in threads, resumable, one a partition and kind at a time."""

import logging
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.state import IndexState
from pipeline.log.ports import Log, Skipped
from pipeline.materialise.worker import Worker
from pipeline.replay import directories, history, redrive
from pipeline.replay.directories import Rebuild
from pipeline.replay.ports import Event, Job, Redriven
from pipeline.replay.rebuild import Progress, Start, check_offset, check_timestamp, run_until, starting_point
from pipeline.replay.verify import compare, lost_text
from pipeline.replay.window import Limits, WindowLog
from pipeline.rocks.database import OPEN
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas.errors import ErrorKind, SedimentError, illegal_argument, not_found
from schemas.ids import IndexName, LogOffset, PartitionId, TopicName
from schemas.outcomes import Result, WriteError
from schemas.routing import partition_of

JOBS_KEPT: Final = 64
DECISION_TIMEOUT_S: Final = 60.0
_log = logging.getLogger(__name__)


Check = Callable[
    [Worker, Worker], None
]  # the live one, the other; both stand still. Raises where they may not be swapped


class Host(Protocol):
    """What the composition root offers: partitions, and making and swapping their workers."""

    @property
    def log(self) -> Log:
        """The log."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The metrics."""
        ...

    def index_state(self, name: str) -> IndexState:
        """An index. Raises NOT_FOUND."""
        ...

    def all_states(self) -> Sequence[IndexState]:
        """Every index."""
        ...

    def workers(self, name: str) -> Sequence[Worker]:
        """Its live partitions."""
        ...

    def folder(self, index: IndexState) -> Path:
        """Where the partitions of an index lie."""
        ...

    @property
    def past(self) -> Mapping[tuple[TopicName, PartitionId], LogOffset]:
        """Partitions that are shown as they were before an offset."""
        ...

    def live(self, index: IndexState, partition: PartitionId) -> Worker:
        """A partition as it is served now. Raises NOT_FOUND where the index was deleted."""
        ...

    def make_worker(
        self, index: IndexState, partition: PartitionId, directory: Path, log: Log, metrics: Metrics | None = None
    ) -> Worker:
        """A worker over another directory and log, which counts by itself."""
        ...

    def swap(self, index: IndexState, worker: Worker, directory: Path, check: Check) -> None:
        """Let a rebuilt partition take the live one's place, unless ``check`` raises, and drop the old one."""
        ...


@dataclass(frozen=True, slots=True)
class Growth:
    """Where a rebuild grows, at what rate, and what must hold before it is swapped in."""

    directory: Path
    limits: Limits
    check: Check


@dataclass(slots=True)
class _Running:
    progress: Progress
    thread: threading.Thread | None = None


class ReplayOperations:
    """See ``pipeline.replay.ports.Operations``."""

    def __init__(self, host: Host, clock_ms: Callable[[], int]) -> None:
        self._host = host
        self._clock_ms = clock_ms
        self._jobs: list[_Running] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counter = 0

    def close(self) -> None:
        """Interrupt what runs; a replay goes on when the process starts again."""
        self._stop.set()
        for one in list(self._jobs):
            if one.thread is not None:
                one.thread.join(30.0)

    # ------------------------------------------------------------------ replay
    def replay(
        self,
        index: IndexName,
        *,
        partition: int | None = None,
        from_offset: int | None = None,
        from_timestamp_ms: int | None = None,
        rate: float = 0,
    ) -> Sequence[Job]:
        """Rebuild partitions beside the live ones and swap them in when they have caught up.

        Everything from the given offset or time on is read and decided again; it begins at the newest kept state not after it.
        """
        state = self._host.index_state(index)
        wanted = self._partitions(state, partition)
        start = Start(from_offset, from_timestamp_ms)
        for one in wanted:
            if (state.topic, one) in self._host.past:
                raise illegal_argument(
                    "this process shows the index as it was (log.until): replay it where it is served"
                )
        if from_timestamp_ms is not None:
            check_timestamp(self._host.log, state.topic, wanted, from_timestamp_ms)
        begins = [self._starting_point(state, one, start) for one in wanted]
        return [
            self._begin("replay", state, one, partial(self._replay, state, one, rate, begin), begin)
            for one, begin in zip(wanted, begins, strict=True)
        ]

    def _starting_point(self, state: IndexState, partition: PartitionId, start: Start) -> LogOffset:
        """Where a replay begins; one that was interrupted goes on where it stood."""
        folder = self._host.folder(state)
        if directories.rebuild_of(folder, partition) is not None:
            return self._host.log.begin_offset(state.topic, partition)
        kept = directories.kept_states(folder, partition)
        return starting_point(self._host.log, state.topic, partition, start, kept)

    def resume(self) -> None:
        """Go on with the replays that the last process left."""
        for state in self._host.all_states():
            for one in self._partitions(state, None):
                rebuild = directories.rebuild_of(self._host.folder(state), one)
                if rebuild is not None:
                    begin = self._host.log.begin_offset(state.topic, one)
                    self._begin("replay", state, one, partial(self._replay, state, one, rebuild.rate, begin), begin)

    def reopen(self, state: IndexState, partition: PartitionId) -> Job:
        """Open a partition once more in another directory that shares its files, and swap it in: its store takes no commits any more."""
        begin = self._host.live(state, partition).jobs.durable
        return self._begin("reopen", state, partition, partial(self._reopen, state, partition), begin)

    def _reopen(self, state: IndexState, partition: PartitionId, progress: Progress) -> None:
        folder = self._host.folder(state)
        directory = folder / directories.spare_directory(folder, partition, OPEN)
        directories.link_store(folder / directories.current_directory(folder, partition), directory)
        worker = self._host.make_worker(state, partition, directory, self._host.log, Metrics())
        self._catch_up_and_swap(state, worker, Growth(directory, Limits(), lambda _live, _other: None), progress)
        progress.finish("done", "opened again: its disk takes commits")

    def _replay(
        self, state: IndexState, partition: PartitionId, rate: float, begin: LogOffset, progress: Progress
    ) -> None:
        folder = self._host.folder(state)
        rebuild = directories.rebuild_of(folder, partition)
        if rebuild is not None and str(folder / rebuild.directory) not in OPEN:
            directory = folder / rebuild.directory
        else:
            directory = folder / directories.spare_directory(folder, partition, OPEN)
            shutil.rmtree(directory, ignore_errors=True)
            if begin in directories.kept_states(folder, partition):
                directories.link_store(folder / directories.until_directory(partition, begin), directory)
            directories.note_rebuild(folder, partition, Rebuild(directory.name, rate))
        limits = Limits(rate=rate)
        worker = self._grow(state, partition, directory, limits)
        self._catch_up_and_swap(
            state, worker, Growth(directory, limits, partial(self._check_nothing_is_lost, state)), progress
        )
        directories.forget_rebuild(folder, partition)
        progress.finish(
            "done", f"rebuilt from the log, from offset {begin} on: {worker.freshness().documents} documents"
        )

    def _lost(self, state: IndexState, partition: PartitionId) -> list[Skipped]:
        """What was found missing in a partition's log so far; a rebuild has looked at all of it."""
        skipped = self._host.log.health().skipped
        found = [one for one in skipped if (one.topic, one.partition) == (state.topic, partition)]
        return sorted(found, key=lambda one: one.first_offset)

    def _check_nothing_is_lost(self, state: IndexState, live: Worker, rebuilt: Worker) -> None:
        """Raise CONFLICT where the log has lost records that the live one still has: a rebuild would lose what they held."""
        lost = self._lost(state, live.view.partition)
        live.refresh()
        same = live.view.visible == rebuilt.view.visible and live.freshness().digest == rebuilt.freshness().digest
        if lost and not same:
            raise SedimentError(
                ErrorKind.CONFLICT,
                "log_damaged",
                f"{lost_text(lost)}: this index still has what they held, a rebuild would not; put the file back from a copy. "
                "Nothing was changed",
            )

    def _catch_up_and_swap(self, state: IndexState, worker: Worker, growth: Growth, progress: Progress) -> None:
        partition = worker.view.partition

        def target() -> LogOffset:
            return self._host.live(state, partition).outcomes.applied

        try:
            worker.start()
            run_until(worker, target, progress, self._stop)
            growth.limits.rate = 0
            worker.flush()
            run_until(worker, target, progress, self._stop)
            self._host.swap(state, worker, growth.directory, growth.check)
        except BaseException:
            worker.stop(commit_now=not self._deleted(state))
            raise

    def _deleted(self, state: IndexState) -> bool:
        return all(one.uuid != state.uuid for one in self._host.all_states())

    def _grow(self, state: IndexState, partition: PartitionId, directory: Path, limits: Limits) -> Worker:
        """A worker that grows aside; what an interrupted rebuild left is used, unless it is damaged."""
        log = WindowLog(self._host.log, limits)
        try:
            return self._host.make_worker(state, partition, directory, log, Metrics())
        except SedimentError as error:
            if error.kind is not ErrorKind.DAMAGED:
                raise
            shutil.rmtree(directory)
            return self._host.make_worker(state, partition, directory, log, Metrics())

    def rebuild_until(self, index: IndexName, until: int, partition: int) -> tuple[str, int]:
        """Build a partition as it was before an offset, in a directory of its own; (level 1 digest, documents).

        ``log.until`` shows what was built here. Raises INVALID for an offset that the log does not have.
        """
        state = self._host.index_state(index)
        number = self._partitions(state, partition)[0]
        check_offset(self._host.log, state.topic, number, until)
        starting_point(self._host.log, state.topic, number, Start())
        end = LogOffset(until)
        directory = self._host.folder(state) / directories.until_directory(number, until)
        worker = self._grow(state, number, directory, Limits(until=end))
        try:
            worker.start()
            now = self._clock_ms()
            job = Job(f"until-{index}-{number}", "replay", index, number, "running", 0, 0, until, 0.0, None, now)
            run_until(worker, lambda: end, Progress(job), self._stop)
            worker.refresh()
            found = worker.freshness()
        finally:
            worker.stop()
        return found.digest, found.documents

    # ------------------------------------------------------------------ verify
    def verify(self, index: IndexName, *, partition: int | None = None, deep: bool = False) -> Sequence[Job]:
        """Rebuild partitions aside up to the live ones' offset and compare digests."""
        state = self._host.index_state(index)
        wanted = self._partitions(state, partition)
        for one in wanted:
            starting_point(self._host.log, state.topic, one, Start())
        begin = LogOffset(0)
        return [self._begin("verify", state, one, partial(self._verify, state, one, deep), begin) for one in wanted]

    def _verify(self, state: IndexState, partition: PartitionId, deep: bool, progress: Progress) -> None:
        directory = self._host.folder(state) / f"{partition}{directories.VERIFY}"
        shutil.rmtree(directory, ignore_errors=True)
        live = self._host.live(state, partition)
        live.refresh()
        view = live.view
        worker = self._grow(state, partition, directory, Limits(until=view.visible))
        try:
            worker.start()
            run_until(worker, lambda: view.visible, progress, self._stop)
            worker.refresh()
            report = compare(view, worker.view, deep=deep, lost=self._lost(state, partition))
        finally:
            worker.stop(commit_now=False)
            shutil.rmtree(directory, ignore_errors=True)
        outcome = "equal" if report["equal"] else "different"
        self._host.metrics.add(names.VERIFICATIONS, index=state.name, outcome=outcome)
        why = f": {lost_text(lost)}" if not report["equal"] and (lost := self._lost(state, partition)) else ""
        progress.finish("done", f"{outcome} at offset {report['offset']}{why}", **report)

    # ------------------------------------------------------------------ jobs
    def jobs(self, index: IndexName) -> Sequence[Job]:
        """Running and recent jobs of an index, newest first."""
        return [one.progress.job for one in reversed(self._jobs) if one.progress.job.index == index]

    def _begin(
        self, kind: str, state: IndexState, partition: PartitionId, run: Callable[[Progress], None], begin: LogOffset
    ) -> Job:
        with self._lock:
            for one in self._jobs:
                job = one.progress.job
                if (job.index, job.partition, job.state) == (state.name, partition, "running") and (
                    (job.kind == "verify") == (kind == "verify")  # replay and reopen grow in the same directory
                ):
                    return job
            self._counter += 1
            end = int(self._host.log.end_offset(state.topic, partition))
            identity = f"{kind}-{state.name}-{partition}-{self._counter}"
            now = self._clock_ms()
            job = Job(identity, kind, state.name, partition, "running", begin, begin, end, 0.0, None, now)
            running = _Running(Progress(job))
            running.thread = threading.Thread(
                target=self._guard, args=(state, running.progress, run), name=identity, daemon=True
            )
            self._jobs = [*self._jobs[-JOBS_KEPT:], running]
            running.thread.start()
            return job

    def _guard(self, state: IndexState, progress: Progress, run: Callable[[Progress], None]) -> None:
        try:
            run(progress)
        except Exception as error:  # noqa: BLE001 - a thread's outermost frame: the job says what happened
            if self._deleted(state):  # meanwhile: so is what grew for it, and whatever failed, that is why
                shutil.rmtree(self._host.folder(state), ignore_errors=True)
                progress.finish("failed", f"index [{state.name}] was deleted")
            elif isinstance(error, SedimentError):
                progress.finish("failed", error.message)
            else:
                _log.exception("a job failed")
                progress.finish("failed", f"internal error: {error!r}")

    def _partitions(self, state: IndexState, partition: int | None) -> list[PartitionId]:
        if partition is None:
            return [PartitionId(p) for p in range(state.partitions)]
        if not 0 <= partition < state.partitions:
            raise not_found(
                "partition_not_found",
                f"index [{state.name}] has partitions 0 to {state.partitions - 1}, not {partition}",
            )
        return [PartitionId(partition)]

    # ------------------------------------------------------------------ documents
    def history(self, index: IndexName, identity: str, *, routing: str | None = None) -> Sequence[Event]:
        """The events that made a document, as far as the log reaches, oldest first."""
        state = self._host.index_state(index)
        partition = partition_of((routing or identity).encode(), state.partitions)
        live = self._host.live(state, partition)
        live.refresh()
        letters = history.letters_of(live.dead_view)
        return history.history(self._host.log, live.view, identity, letters, primary_term=state.primary_term)

    def redrive(self, index: IndexName, dead_letters: Sequence[str], *, dry_run: bool = False) -> Sequence[Redriven]:
        """Send dead letters again, in the order of their offsets."""
        state = self._host.index_state(index)
        letters = redrive.order(dead_letters, state.partitions)
        if dry_run:
            return [self._would_send(state, partition, offset) for partition, offset in letters]

        def decided(partition: PartitionId, offsets: NDArray[np.int64]) -> Sequence[tuple[Result, WriteError | None]]:
            outcomes = self._host.workers(index)[partition].outcomes
            outcomes.wait(LogOffset(int(offsets[-1]) + 1), DECISION_TIMEOUT_S)
            results, _, _, errors = outcomes.of(offsets)
            return [(Result(int(r)), errors.get(int(o))) for r, o in zip(results, offsets, strict=True)]

        return redrive.send(self._host.log, state.topic, letters, self._clock_ms, decided)

    def _would_send(self, state: IndexState, partition: PartitionId, offset: LogOffset) -> Redriven:
        record = redrive.read_record(self._host.log, state.topic, partition, offset)
        identity = f"{partition}-{offset}"
        key, _, _ = redrive.redriven_record(record, identity)
        return Redriven(identity, key.decode(errors="replace"), partition, offset, None, "")


def report_of(job: Job) -> Mapping[str, Any]:
    """A job as plain values, for JSON."""
    return {name: getattr(job, name) for name in Job.__slots__}
