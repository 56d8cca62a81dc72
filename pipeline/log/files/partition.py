"""A partition in files: group commit, what readers see of it, and what happens when the disk fails.

Appenders queue their frames. Whoever finds nobody writing becomes the leader: it writes all queued frames in one go,
makes them durable with one fdatasync, publishes the new end and wakes up the others and the readers:

    append A ─┐ queue           leader: write A B C, fdatasync, publish
    append B ─┼──────► A B C ──►        meanwhile D E queue up: the next group
    append C ─┘

Readers see only what is durable. After a failed write or fdatasync nobody can say what is on the disk, and asking the
same file again would be answered from memory. So the file is cut back to its last durable length and never written
again; the next append begins a new one. No offset is handed out twice, also where the end of a file was found damaged.
"""

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

import numpy as np

from pipeline.log.files.cursor import EmbeddedCursor, Place
from pipeline.log.files.file import (
    HEADER_BYTES,
    OLDEST,
    LogFile,
    create_file,
    list_files,
    opened,
    scan,
    sync_directory,
    write_all,
)
from pipeline.log.files.frames import (
    RECORD_BYTES_MIN,
    WRONG_CHECKSUM,
    Damage,
    Frame,
    decode,
    encode,
    stamp,
    walk,
)
from pipeline.log.files.tail import TailBudget, TailCache
from pipeline.log.local_reader import Bounds
from pipeline.log.ports import Skipped, TopicInfo
from pipeline.log.refusals import log_unreadable, log_unwritable
from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId
from schemas.records import I64, AppendBatch, RecordBatch


@dataclass(eq=False, slots=True)
class Append:
    """A frame on its way: waiting until ``done``, then written or failed with ``error``."""

    frame: Frame
    done: bool = False
    error: SedimentError | None = None


class EmbeddedPartition:
    """One partition's files and its appenders."""

    def __init__(
        self,
        directory: Path,
        topic: TopicInfo,
        partition: PartitionId,
        *,
        file_bytes_max: int,
        tails: TailBudget,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.bounds = Bounds()
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._tail = TailCache(tails)
        self._written = Condition(self.bounds.lock)
        self._queue: deque[Append] = deque()
        self._writing = False
        self._failure = ""
        self._skipped: dict[tuple[str, int], Skipped] = {}
        self._descriptor: int | None = None
        self._newest = OLDEST
        self._serial = 0
        self._files = self._open()

    def _open(self) -> list[LogFile]:
        files, damaged = list_files(self._directory, self.topic, self.partition)
        for file, damage in damaged:
            if file.size > HEADER_BYTES:
                self._report(file, damage, file.base_offset)
            elif file is files[-1]:  # the process ended while it began this file
                file.path.unlink()
                files.pop()
        self._serial = files[-1].serial if files else 0
        if not files:
            files.append(self._new_file(0))
            return files
        last = files[-1]
        found = scan(last)
        self._newest = max(last.newest_before, found.newest)
        last.index = found.index
        end = found.next_offset
        if found.end < last.size:
            end = max(end, self._cut_tail(last, found.damages[-1]))
        for damage in found.damages:
            self._report(last, damage, end)
        if last.size < HEADER_BYTES or found.end < last.size or end > found.next_offset:
            files.append(self._new_file(end))
        else:
            self._descriptor = os.open(last.path, os.O_WRONLY | os.O_CLOEXEC)
        with self.bounds.lock:
            self.bounds.publish(0, end)
            self.bounds.publish(files[0].base_offset, end)
        return files

    def _cut_tail(self, file: LogFile, damage: Damage) -> int:
        """Drop what is no frame at the end of the last file; returns the first offset that was never handed out."""
        lost_bytes = damage.end - damage.start
        lost_end = damage.next_offset
        if lost_end is None:
            lost_end = damage.first_offset + max(lost_bytes - HEADER_BYTES, 0) // RECORD_BYTES_MIN
        if damage.reason != WRONG_CHECKSUM:
            with file.path.open("r+b") as stream:
                stream.truncate(damage.start)
                os.fsync(stream.fileno())
            file.size = damage.start
        return lost_end

    def append(self, batch: AppendBatch) -> I64:
        """Append and return the offsets once they are durable."""
        if not len(batch):
            with self.bounds.lock:
                self.bounds.check_open()
            return np.zeros(0, np.int64)
        mine = Append(encode(batch))
        with self.bounds.lock:
            self.bounds.check_open()
            self._queue.append(mine)
            while not mine.done:
                if self._writing:
                    self._written.wait()
                else:
                    self._lead()
        if mine.error is not None:
            raise mine.error
        return np.arange(mine.frame.header.base_offset, mine.frame.header.next_offset)

    def _lead(self) -> None:
        """Write what is queued; called with the lock, which is free while the disk works."""
        group: list[Append] = []
        nbytes = 0
        while self._queue and (not group or nbytes < self._file_bytes_max):
            group.append(self._queue.popleft())
            nbytes += group[-1].frame.header.length
        base_offset = self.bounds.end
        self._writing = True
        self.bounds.lock.release()
        error: SedimentError | None = log_unwritable(self._directory, "the write was interrupted")
        batches: list[RecordBatch] = []
        try:
            batches = self._write(group, base_offset, nbytes)
            error = None
        except OSError as failure:
            error = log_unwritable(self._directory, failure.strerror or str(failure))
        finally:
            if error is not None:
                self._abandon_file()
            self.bounds.lock.acquire()
            self._writing = False
            self._settle(group, batches, error)

    def _settle(self, group: Sequence[Append], batches: Sequence[RecordBatch], error: SedimentError | None) -> None:
        self._failure = error.message if error else ""
        file = self._files[-1]
        for append, batch in zip(group, batches, strict=False):
            header = append.frame.header
            assert file.index is not None
            file.index.add(header.base_offset, file.size)
            file.size += header.length
            self._tail.add(batch, header.length)
            self._newest = max(self._newest, header.timestamp_ms_max)
        for append in group:
            append.done, append.error = True, error
        if batches:
            self.bounds.publish(self._files[0].base_offset, batches[-1].next_offset)
        self._written.notify_all()

    def _write(self, group: Sequence[Append], base_offset: int, nbytes: int) -> list[RecordBatch]:
        file = self._files[-1]
        full = file.size + nbytes > self._file_bytes_max and file.size > HEADER_BYTES
        if self._descriptor is None or full:
            file = self._begin_file(base_offset)
        assert self._descriptor is not None
        for append in group:
            stamp(append.frame, base_offset, file.salt)
            base_offset = append.frame.header.next_offset
        buffers = [a.frame.buffer[: a.frame.header.length].data for a in group]
        write_all(self._descriptor, buffers, file.size)
        os.fdatasync(self._descriptor)
        return [decode(append.frame, self.partition) for append in group]

    def _begin_file(self, base_offset: int) -> LogFile:
        """Go on in a new file, which also ends the one before at this offset, whatever it holds."""
        old = self._descriptor
        file = self._new_file(base_offset)
        if old is not None:
            os.close(old)
        with self.bounds.lock:
            self._files.append(file)
        return file

    def _new_file(self, base_offset: int) -> LogFile:
        self._serial += 1
        file, self._descriptor = create_file(
            self._directory,
            self.topic,
            self.partition,
            serial=self._serial,
            base_offset=base_offset,
            newest_before=self._newest,
        )
        return file

    def _abandon_file(self) -> None:
        if self._descriptor is None:
            return
        try:
            os.ftruncate(self._descriptor, self._files[-1].size)
            os.fsync(self._descriptor)
        except OSError:
            pass  # the next file's base offset says where this one ends
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def offset_at(self, timestamp_ms: int) -> LogOffset | None:
        """The first offset that is not older; reads only files that may hold one."""
        with self.bounds.lock:
            self.bounds.check_open()
            newest = [file.newest_before for file in self._files[1:]] + [self._newest]
            places = [self._place(i) for i in range(len(self._files)) if newest[i] >= timestamp_ms]
        for place in places:
            try:
                found = self._find_time(place, timestamp_ms)
            except OSError as failure:
                with self.bounds.lock:
                    trimmed = place.end <= self._files[0].base_offset
                if not trimmed:
                    raise log_unreadable(failure) from failure
            else:
                if found is not None:
                    return found
        return None

    def _find_time(self, place: Place, timestamp_ms: int) -> LogOffset | None:
        with opened(place.file) as read:
            for _, found in walk(read, HEADER_BYTES, place.size, salt=place.file.salt, offset=0):
                if not isinstance(found, Frame) or found.header.base_offset >= place.end:
                    continue
                if found.header.timestamp_ms_max >= timestamp_ms:
                    batch = decode(found, self.partition)
                    row = int(np.argmax(batch.timestamps_ms >= timestamp_ms))
                    return LogOffset(int(batch.offsets[row]))
        return None

    def trim(self, before: LogOffset) -> None:
        """Remove the files that end at or before an offset; begins a new one where all is to go."""
        with self.bounds.lock:
            self.bounds.check_open()
            while self._writing:
                self._written.wait()
            self._writing = True
        try:
            self._remove_files(before)
        except OSError as failure:
            raise log_unwritable(self._directory, failure.strerror or str(failure)) from failure
        finally:
            with self.bounds.lock:
                self._writing = False
                self._written.notify_all()

    def _remove_files(self, before: LogOffset) -> None:
        end = self.bounds.end
        if before >= end and self._files[-1].size > HEADER_BYTES:
            self._begin_file(end)
        with self.bounds.lock:
            keep = 0
            while keep + 1 < len(self._files) and self._files[keep + 1].base_offset <= before:
                keep += 1
            removed = self._files[:keep]
            del self._files[:keep]
            self.bounds.publish(self._files[0].base_offset, end)
        for file in removed:
            file.path.unlink()
        sync_directory(self._directory)

    def cursor(self) -> EmbeddedCursor:
        """Batches from the tail cache or from the files."""
        return EmbeddedCursor(self)

    def tail(self, offset: LogOffset) -> Sequence[RecordBatch]:
        """Batches in memory from an offset on, none if it is older."""
        with self.bounds.lock:
            self.bounds.check(offset)
            return self._tail.from_offset(offset)

    def place_of(self, offset: LogOffset) -> Place:
        """The file that holds an offset, as it is now."""
        with self.bounds.lock:
            self.bounds.check(offset)
            number = bisect_right([file.base_offset for file in self._files], offset) - 1
            return self._place(number)

    def _place(self, number: int) -> Place:
        """A file by its number, with the lock held."""
        file = self._files[number]
        last = number + 1 == len(self._files)
        end = self.bounds.end if last else self._files[number + 1].base_offset
        return Place(file, file.size, end)

    def report(self, file: LogFile, damage: Damage, end: int) -> None:
        """Remember damage that a reader found."""
        with self.bounds.lock:
            self._report(file, damage, end)

    def _report(self, file: LogFile, damage: Damage, end: int) -> None:
        self._skipped[file.path.name, damage.start] = Skipped(
            self.topic.name,
            self.partition,
            str(file.path),
            damage.start,
            damage.end,
            damage.first_offset,
            end if damage.next_offset is None else damage.next_offset,
            damage.reason,
        )

    def condition(self) -> tuple[str, Sequence[Skipped]]:
        """Why the last write failed, if it did; all damage found so far."""
        with self.bounds.lock:
            return self._failure, list(self._skipped.values())

    def close(self) -> None:
        """Let the write under way end, and release the file; the bounds were finished before."""
        with self.bounds.lock:
            while self._writing or self._queue:
                self._written.wait()
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
        self._tail.clear()
