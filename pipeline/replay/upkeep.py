"""The directories behind the partitions of this process: opened, put aside where they are damaged, swapped, reopened.

*Damaged*: the directory is put aside at opening, or a replay begins when a reader meets the damage. *Refused*: a store whose disk failed
may refuse every commit from then on, and RocksDB 9 does not always come back from it by itself, nor always close: after an fsync of its
directory that answered ENOSPC it waits for ever. So a partition that goes on refusing while its disk takes files again is opened once
more, in another directory that shares its files, and swapped in; the old store is left behind.
"""

import logging
import os
import shutil
from collections.abc import Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from pipeline.catalog.state import IndexState
from pipeline.log.ports import Log
from pipeline.materialise.worker import Worker, log_cut
from pipeline.replay.directories import (
    current_directory,
    link_store,
    point_to,
    remove_leftovers,
    spare_directory,
    until_directory,
)
from pipeline.replay.operations import Check, Host, ReplayOperations
from pipeline.rocks.database import HANGING, OPEN
from pipeline.telemetry import names
from schemas.errors import ErrorKind, SedimentError, unavailable
from schemas.ids import LogOffset, PartitionId

REFUSING_MS: Final = 5_000
SPARE_BYTES: Final = 16 << 20  # room that a disk must have, besides what waits, before a store is opened again
SWAP_TIMEOUT_S: Final = 10.0
PROBE: Final = ".probe"
_log = logging.getLogger(__name__)


class Kept(Host, Protocol):
    """What the composition root offers to this; see also ``Host``."""

    @property
    def operations(self) -> ReplayOperations:
        """Replays and what is like them."""
        ...

    def install(self, index: IndexState, partition: PartitionId, worker: Worker) -> None:
        """Serve this worker from now on."""
        ...

    def serves(self, index: IndexState) -> bool:
        """Whether the index is open."""
        ...

    def later(self, act: Callable[[], None]) -> None:
        """Do it in a thread of its own, unless the process is ending."""
        ...


class Upkeep:
    """See the module. ``quarantined``: partitions that grow again, and what was wrong, by (index uuid, partition)."""

    def __init__(self, host: Kept, clock_ms: Callable[[], int]) -> None:
        self._host = host
        self._clock_ms = clock_ms
        self.quarantined: MutableMapping[tuple[str, int], str] = {}

    # ------------------------------------------------------------------ opening
    def open(self, index: IndexState, partition: PartitionId) -> Worker:
        """The worker of a partition's current directory, not started. A damaged directory is put aside, and grows again from the log."""
        folder, log = self._host.folder(index), self._host.log
        until = self._host.past.get((index.topic, partition))
        if until is not None:
            return self._host.make_worker(index, partition, folder / until_directory(partition, until), log)
        remove_leftovers(folder, partition, OPEN)
        directory = _away_from_hanging(folder, partition)
        try:
            worker = self._host.make_worker(index, partition, directory, log)
        except SedimentError as error:
            if error.kind is not ErrorKind.DAMAGED or log.begin_offset(index.topic, partition) > 0:
                raise
            directory.rename(directory.with_name(f"{directory.name}.damaged-{self._clock_ms()}"))
            self._quarantine(index, partition, error)
            return self._host.make_worker(index, partition, directory, log)
        _check_end(worker, index, partition, log)
        return worker

    # ------------------------------------------------------------------ damage
    def _quarantine(self, index: IndexState, partition: PartitionId, error: SedimentError) -> None:
        _log.error(
            "partition %s of %s is damaged and grows again from the log: %s", partition, index.name, error.message
        )
        self.quarantined[index.uuid, partition] = error.message
        self._host.metrics.add(names.DAMAGED, index=index.name)

    def on_damage(self, index: IndexState, partition: PartitionId, directory: Path, error: SedimentError) -> None:
        """A partition met damage: where it is a live one, it is rebuilt. In any thread, under any lock."""
        if not self._host.serves(index) or current_directory(self._host.folder(index), partition) != directory.name:
            return  # it is being opened, or it is a rebuild itself: whoever made it sees the error
        self._quarantine(index, partition, error)
        self._host.later(partial(self._rebuild, index, partition))

    def _rebuild(self, index: IndexState, partition: PartitionId) -> None:
        try:
            self._host.operations.replay(index.name, partition=partition)
        except SedimentError as error:
            _log.error("partition %s of %s cannot be rebuilt: %s", partition, index.name, error.message)
            self.quarantined[index.uuid, partition] += f"; it cannot be rebuilt: {error.message}"

    # ------------------------------------------------------------------ a store that refuses
    def look(self, index: IndexState, partition: PartitionId, worker: Worker) -> None:
        """Now and then: forget what was wrong where a partition is live again; open one again that goes on refusing commits."""
        if worker.freshness().state == "live":  # also sets the gauges of a partition
            self.quarantined.pop((index.uuid, partition), None)
        elif worker.jobs.failing_ms >= REFUSING_MS and takes_files(
            self._host.folder(index), worker.jobs.unstored_bytes
        ):
            self._host.later(partial(self._reopen, index, partition))

    def _reopen(self, index: IndexState, partition: PartitionId) -> None:
        try:
            self._host.operations.reopen(index, partition)
        except SedimentError as error:
            _log.warning("partition %s of %s cannot be opened again: %s", partition, index.name, error.message)

    # ------------------------------------------------------------------ swapping
    def swap(self, index: IndexState, worker: Worker, directory: Path, check: Check) -> None:
        """Let another worker take the live one's place, unless ``check`` of the two raises. Where it raises, nothing happened.

        The live one stands still for the moment that the other needs to be where it is: so no offset that somebody was told goes back.
        Its directory goes when the last search that began on it has ended.
        """
        folder, partition = self._host.folder(index), worker.view.partition
        old, old_directory = self._host.live(index, partition), folder / current_directory(folder, partition)
        with old.exclusive():
            if not worker.outcomes.wait(old.outcomes.applied, SWAP_TIMEOUT_S):
                raise unavailable(
                    "replay_behind", worker.reason or "the rebuild does not keep up with the writes: try again later"
                )
            worker.refresh()
            check(old, worker)
            point_to(folder, partition, directory.name)
            self._host.install(index, partition, worker)
            old.outcomes.hand_to(worker.outcomes)
            self.quarantined.pop((index.uuid, partition), None)
        worker.measure(self._host.metrics)
        old.leave(partial(shutil.rmtree, old_directory, ignore_errors=True))


def _away_from_hanging(folder: Path, partition: PartitionId) -> Path:
    """The current directory; another one that shares its files where a store on it hangs in this process and keeps its lock."""
    directory = folder / current_directory(folder, partition)
    if str(directory) not in HANGING:
        return directory
    spare = folder / spare_directory(folder, partition, OPEN)
    link_store(directory, spare)
    point_to(folder, partition, spare.name)
    return spare


def _check_end(worker: Worker, index: IndexState, partition: PartitionId, log: Log) -> None:
    """Stop a partition that stands beyond its log's end: else offsets would be given out twice."""
    stands: LogOffset = worker.outcomes.applied
    end = log.end_offset(index.topic, partition)
    if stands > end:
        worker.halt(log_cut(index.topic, partition, end, stands).message)


def takes_files(folder: Path, nbytes: int) -> bool:
    """Whether a disk has room for so many bytes and some more, and makes a small file durable."""
    path = folder / PROBE
    try:
        if shutil.disk_usage(folder).free < nbytes + SPARE_BYTES:
            return False
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
        try:
            os.write(descriptor, bytes(4096))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            path.unlink()
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
