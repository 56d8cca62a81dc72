"""Grow a partition from its log, with progress: beside a live one, into an empty directory, up to an offset."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.log.ports import Log
from pipeline.materialise.worker import Worker
from pipeline.replay.ports import Job
from schemas.errors import illegal_argument, unavailable
from schemas.ids import LogOffset, PartitionId, TopicName

TICK_S: Final = 0.1
RATE_WINDOW_S: Final = 5.0
READ_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay is to begin; None: not asked for."""

    offset: int | None = None
    timestamp_ms: int | None = None


def check_offset(log: Log, topic: TopicName, partition: PartitionId, offset: int) -> None:
    """Raise INVALID for an offset that the log does not have."""
    begin, end = log.begin_offset(topic, partition), log.end_offset(topic, partition)
    if not begin <= offset <= end:
        raise illegal_argument(
            f"offset {offset} is not in the log of [{topic}] partition {partition}: it has {begin} to {end}"
        )


def check_timestamp(log: Log, topic: TopicName, partitions: Sequence[PartitionId], timestamp_ms: int) -> None:
    """Raise INVALID for a time before the first record of every partition: whoever names one means some other time, or the whole log."""
    firsts = [one for one in (_first_timestamp(log, topic, p) for p in partitions) if one is not None]
    if firsts and timestamp_ms < min(firsts):
        raise illegal_argument(
            f"{moment(timestamp_ms)} is before everything in the log of [{topic}], which begins at {moment(min(firsts))}: "
            "to replay all of it, name no time"
        )


def _first_timestamp(log: Log, topic: TopicName, partition: PartitionId) -> int | None:
    """When the oldest record that is still there was written, in ms since 1970; None where there is none."""
    begin, end = log.begin_offset(topic, partition), log.end_offset(topic, partition)
    reader = log.reader(topic, partition, begin)
    try:
        before = -1
        while before < reader.position < end:  # on Kafka what comes first may be an aborted transaction
            before = reader.position
            batch = reader.read(records_max=1, bytes_max=1, timeout_s=READ_S)
            if len(batch):
                return int(batch.timestamps_ms[0])
    finally:
        reader.close()
    return None


def moment(timestamp_ms: int) -> str:
    """A time for a person, as it can be given back: any that fits, also one that no calendar has."""
    return f"{np.datetime64(timestamp_ms, 'ms')}Z"


def starting_point(
    log: Log, topic: TopicName, partition: PartitionId, start: Start, kept: Sequence[int] = ()
) -> LogOffset:
    """Where a replay begins that is to decide everything from ``start`` on: at the newest state not after it, with nothing asked at 0.

    An index at N is a function of a state at S and the log from S on. States there are at 0, where nothing is indexed, and at each offset of
    ``kept``; one is of use as long as the log still reaches back to it. Raises INVALID, with what would be possible, where there is none.
    """
    begin = log.begin_offset(topic, partition)
    offset = start.offset
    if start.timestamp_ms is not None:
        offset = log.offset_at(topic, partition, start.timestamp_ms)
        if offset is None:
            raise illegal_argument(
                f"no record of [{topic}] partition {partition} is as new as {moment(start.timestamp_ms)}"
            )
    if offset is not None:
        check_offset(log, topic, partition, offset)
    states = sorted({one for one in (0, *kept) if one >= begin})
    fit = [one for one in states if one <= (offset or 0)]
    if fit:
        return LogOffset(fit[-1])
    possible = (
        f"it could begin at a state that was kept: at {', '.join(map(str, states))}" if states else "no state was kept"
    )
    raise illegal_argument(
        f"the log of [{topic}] partition {partition} begins at {begin}: what lies before is gone, so the index cannot be built again "
        f"from its beginning{'' if offset is None else f', nor from {offset}'}; {possible}"
    )


class Progress:
    """How far a rebuild is; thread-safe."""

    def __init__(self, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._clock = clock
        self._lock = threading.Lock()
        self._marks: list[tuple[float, int]] = [(clock(), job.position)]

    @property
    def job(self) -> Job:
        """The job as it stands."""
        with self._lock:
            return self._job

    def reach(self, position: int, end: int) -> None:
        """The rebuild stands at ``position`` of ``end``."""
        with self._lock:
            now = self._clock()
            self._marks.append((now, position))
            while len(self._marks) > 2 and self._marks[0][0] < now - RATE_WINDOW_S:
                self._marks.pop(0)
            (then, before), elapsed = self._marks[0], now - self._marks[0][0]
            rate = (position - before) / elapsed if elapsed > 0 and then < now else 0.0
            eta = max(0, end - position) / rate if rate > 0 else None
            self._job = replace(self._job, position=position, end=end, records_per_second=rate, eta_s=eta)

    def finish(self, state: str, message: str = "", **report: object) -> None:
        """The job is over."""
        with self._lock:
            position = self._job.position
            end = position if state == "done" else self._job.end
            self._job = replace(self._job, state=state, message=message, report=report, eta_s=0.0, end=end)


def run_until(
    worker: Worker,
    target: Callable[[], LogOffset],
    progress: Progress,
    stop: threading.Event,
    timeout_s: float = 86_400.0,
) -> None:
    """Let a worker catch up with a (possibly moving) offset. Raises UNAVAILABLE when the worker stops or time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        end = target()
        applied = worker.outcomes.applied
        progress.reach(applied, max(end, applied))
        if applied >= end:
            return
        if worker.state == "stopped":
            raise unavailable("replay_stopped", worker.reason or "the rebuild stopped")
        if stop.is_set() or time.monotonic() >= deadline:
            raise unavailable("replay_interrupted", "interrupted: start it again, and it goes on where it stood")
        worker.outcomes.wait(end, TICK_S)
