"""A log in a directory of this machine, for one process: files, group commit, damage found and passed.

    <directory>/LOCK                       held while the log is open
                format.json                {"format": 1}
                topics/<topic id>/topic.json
                                  <partition>/<serial>-<base offset>.log

A topic's directory is complete from the moment it has its name: it is made under another name, then renamed. It is
named by its id, so that a topic that is deleted and created again cannot meet what is left of the first.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from pipeline.log.files.file import FORMAT_VERSION, other_format, sync_directory
from pipeline.log.files.partition import EmbeddedPartition
from pipeline.log.files.tail import TailBudget
from pipeline.log.local_log import LocalLog
from pipeline.log.ports import LogHealth, Skipped, TopicInfo
from pipeline.log.refusals import log_locked, log_unwritable
from schemas.errors import damaged
from schemas.ids import PartitionId
from schemas.limits import DOCUMENT_BYTES_MAX

FILE_BYTES_MAX: Final = 64 << 20
TAIL_CACHE_BYTES_MAX: Final = 32 << 20  # of all partitions
UNFINISHED: Final = ".new"
DELETED: Final = ".deleted"


class EmbeddedLog(LocalLog[EmbeddedPartition]):
    """A ``Log`` that survives the process and the machine."""

    def __init__(
        self,
        directory: Path,
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        tail_cache_bytes_max: int = TAIL_CACHE_BYTES_MAX,
        document_bytes_max: int = DOCUMENT_BYTES_MAX,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        super().__init__(
            create=self._create_topic,
            delete=self._delete_topic,
            new_id=new_id,
            document_bytes_max=document_bytes_max,
        )
        self._topics_directory = directory / "topics"
        self._file_bytes_max = file_bytes_max
        self._tails = TailBudget(tail_cache_bytes_max)
        self._lock_file: int | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock_file = _take_lock(directory)
            _check_format(directory)
            self._open_topics()
        except OSError as failure:
            self.close()
            raise log_unwritable(directory, failure.strerror or str(failure)) from failure
        except BaseException:
            self.close()
            raise

    def health(self) -> LogHealth:
        """Unhealthy from a failed write until the next one that succeeds; names all damage found."""
        with self._lock:
            if self._closed:
                return LogHealth(healthy=False, reason="the log is closed")
            conditions = [partition.condition() for partition in self._all_partitions()]
        failures = [failure for failure, _ in conditions if failure]
        skipped: list[Skipped] = [one for _, found in conditions for one in found]
        return LogHealth(not failures, failures[0] if failures else "", skipped, self._tails.bytes)

    def close(self) -> None:
        """Let writes under way end, wake up all readers, release the directory."""
        for partition in self._finish_all():
            partition.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _open_topics(self) -> None:
        self._topics_directory.mkdir(exist_ok=True)
        for directory in sorted(self._topics_directory.iterdir()):
            if directory.suffix in (UNFINISHED, DELETED):
                shutil.rmtree(directory)
                continue
            topic = _read_topic(directory)
            self._topics[topic.name] = self._partitions(directory, topic)

    def _partitions(self, directory: Path, topic: TopicInfo) -> list[EmbeddedPartition]:
        return [
            EmbeddedPartition(
                directory / str(number),
                topic,
                PartitionId(number),
                file_bytes_max=self._file_bytes_max,
                tails=self._tails,
            )
            for number in range(topic.partitions)
        ]

    def _create_topic(self, topic: TopicInfo) -> list[EmbeddedPartition]:
        directory = self._topics_directory / topic.topic_id
        unfinished = directory.with_suffix(UNFINISHED)
        try:
            for number in range(topic.partitions):
                (unfinished / str(number)).mkdir(parents=True)
            write_durably(unfinished / "topic.json", msgspec.json.encode(topic))
            unfinished.rename(directory)
            sync_directory(self._topics_directory)
            return self._partitions(directory, topic)
        except OSError as failure:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(directory, ignore_errors=True)
            raise log_unwritable(directory, failure.strerror or str(failure)) from failure

    def _delete_topic(self, partitions: list[EmbeddedPartition]) -> None:
        for partition in partitions:
            partition.close()
        directory = self._topics_directory / partitions[0].topic.topic_id
        deleted = directory.with_suffix(DELETED)
        try:
            directory.rename(deleted)
            sync_directory(self._topics_directory)
        except OSError as failure:
            raise log_unwritable(directory, failure.strerror or str(failure)) from failure
        shutil.rmtree(deleted, ignore_errors=True)  # what is left goes at the next opening


def write_durably(path: Path, data: bytes) -> None:
    """Write a small file whole or not at all."""
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)
    sync_directory(path.parent)


def _take_lock(directory: Path) -> int:
    path = directory / "LOCK"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 100, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise log_locked(directory, holder or "unknown") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
    return descriptor


def _check_format(directory: Path) -> None:
    path = directory / "format.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        write_durably(path, msgspec.json.encode({"format": FORMAT_VERSION}))
        return
    except msgspec.DecodeError:
        raise other_format(path, "(unreadable)") from None
    if found.get("format") != FORMAT_VERSION:
        raise other_format(path, found.get("format"))


def _read_topic(directory: Path) -> TopicInfo:
    path = directory / "topic.json"
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=TopicInfo)
    raise damaged(
        f"{path} is missing or unreadable; restore it from a copy, or move its directory away "
        "and let the indices of this topic be loaded again",
        path=str(path),
    )
