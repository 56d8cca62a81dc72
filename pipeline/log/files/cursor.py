"""One reader's way through a partition: from memory near the end of the log, from files before."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.log.batches import GATHER_BYTES_MAX, empty_batch
from pipeline.log.files.file import HEADER_BYTES, LogFile, reader_of, scan
from pipeline.log.files.frames import Damage, decode, walk
from pipeline.log.refusals import log_unreadable
from schemas.ids import LogOffset, PartitionId
from schemas.records import RecordBatch


@dataclass(frozen=True, slots=True)
class Place:
    """A file as it was at one moment: its durable bytes, and the offset that the next file begins at."""

    file: LogFile
    size: int
    end: int


class Places(Protocol):
    """What a cursor asks of its partition."""

    partition: PartitionId

    def tail(self, offset: LogOffset) -> Sequence[RecordBatch]:
        """Batches in memory from an offset on, none if it is older."""
        ...

    def place_of(self, offset: LogOffset) -> Place:
        """The file that holds an offset, as it is now."""
        ...

    def report(self, file: LogFile, damage: Damage, end: int) -> None:
        """Remember damage; if nothing valid follows it in the file, it reaches up to the end offset."""
        ...


class EmbeddedCursor:
    """Fetches batches for one reader; remembers where the last ones ended."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._file: LogFile | None = None
        self._descriptor: int | None = None
        self._next_offset = -1
        self._next_position = 0

    def fetch(self, offset: LogOffset) -> Sequence[RecordBatch]:
        """Batches from the offset on; see ``Cursor``."""
        cached = self._places.tail(offset)
        if cached:
            return cached
        try:
            return self._from_files(offset)
        except OSError as failure:
            self._places.place_of(offset)  # if it was trimmed in the meantime, the offset is gone, too
            raise log_unreadable(failure) from failure

    def _from_files(self, offset: LogOffset) -> Sequence[RecordBatch]:
        while True:
            place = self._places.place_of(offset)
            batches = self._from_file(place, offset)
            if batches:
                return batches
            if place.end > offset:  # nothing valid is left in this file
                return [empty_batch(self._places.partition, LogOffset(place.end))]

    def _from_file(self, place: Place, offset: int) -> list[RecordBatch]:
        position, first = self._start(place, offset)
        batches: list[RecordBatch] = []
        nbytes = 0
        read = reader_of(self._open(place.file))
        for at, found in walk(read, position, place.size, salt=place.file.salt, offset=first):
            if isinstance(found, Damage):
                self._places.report(place.file, found, place.end)
                continue
            header = found.header
            if header.base_offset >= place.end:
                break  # never acknowledged; the next file has these offsets
            if header.next_offset <= offset:
                continue
            batches.append(decode(found, self._places.partition))
            self._next_offset, self._next_position = header.next_offset, at + header.length
            nbytes += header.length
            if nbytes >= GATHER_BYTES_MAX:
                break
        return batches

    def _start(self, place: Place, offset: int) -> tuple[int, int]:
        """Where in the file to begin, and the lowest offset that may stand there."""
        file = place.file
        if file is self._file and offset == self._next_offset:
            return self._next_position, offset
        if offset == file.base_offset:
            return HEADER_BYTES, offset
        if file.index is None:
            found = scan(file)
            for damage in found.damages:
                self._places.report(file, damage, place.end)
            file.index = found.index
        return file.index.before(offset) or (HEADER_BYTES, file.base_offset)

    def _open(self, file: LogFile) -> int:
        if self._descriptor is None or file is not self._file:
            self.close()
            self._descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
            self._file = file
        return self._descriptor

    def close(self) -> None:
        """Release the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._file = None
        self._next_offset = -1
