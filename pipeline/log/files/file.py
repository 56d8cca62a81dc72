"""One file of a partition: its name, its header, its frames; and how bytes reach the disk.

A partition is a row of files, each ``<serial>-<base offset>.log``: a header of 64 bytes, then frames. A file is written
until it is large enough, then the next one begins. Names are never used twice: the serial only grows.

    0   magic            8 bytes
    8   format version   u32
    12  partition        u32
    16  topic id         16 bytes
    32  base offset      i64   of the first frame; the files before end here, whatever they hold
    40  serial           u64
    48  newest before    i64   largest timestamp in the files before (to find a time without reading them)
    56  nothing          u32
    60  checksum         u32   CRC-32 of bytes 0-59
"""

import os
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.log.files.frames import Damage, Frame, Read, walk
from pipeline.log.ports import TopicInfo
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import PartitionId
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import U8

FORMAT_VERSION: Final = 1
MAGIC: Final = b"\x93SDlogfl"
HEADER: Final = struct.Struct("<8sII16sqQqII")
HEADER_BYTES: Final = HEADER.size
INDEX_BYTES: Final = 64 << 10  # one entry of the sparse index for this many bytes of file
OLDEST: Final = -(1 << 63)  # before every timestamp
BUFFERS_PER_WRITE_MAX: Final = 512  # below IOV_MAX

assert HEADER_BYTES == 64


@dataclass(slots=True)
class FrameIndex:
    """Where frames stand in a file: an entry for some of them, in order of offset."""

    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    positions: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, offset: int, position: int) -> None:
        """Remember a frame, if the last remembered one is far enough away."""
        if not self.positions or position - self.positions[-1] >= INDEX_BYTES:
            self.positions.append(position)
            self.offsets.append(offset)

    def before(self, offset: int) -> tuple[int, int] | None:
        """The nearest remembered frame that is not beyond the offset: its position and first offset."""
        entry = bisect_right(self.offsets, offset) - 1
        return (self.positions[entry], self.offsets[entry]) if entry >= 0 else None


@dataclass(slots=True)
class LogFile:
    """A file of one partition. ``size`` is its durable length; ``index`` is None until somebody needs it."""

    path: Path
    serial: int
    base_offset: int
    salt: int
    newest_before: int
    size: int
    index: FrameIndex | None = None


@dataclass(slots=True)
class Scan:
    """All that a file holds, checked: its index, where valid frames end, what is damaged."""

    index: FrameIndex
    end: int = HEADER_BYTES
    next_offset: int = 0
    newest: int = OLDEST
    damages: list[Damage] = field(default_factory=list)


def file_name(serial: int, base_offset: int) -> str:
    """The name of a file; names sort in the order of the log."""
    return f"{serial:010d}-{base_offset:020d}.log"


def _header(topic: TopicInfo, partition: PartitionId, base_offset: int, serial: int, newest_before: int) -> bytes:
    identity = bytes.fromhex(topic.topic_id)
    fields = (MAGIC, FORMAT_VERSION, partition, identity, base_offset, serial, newest_before, 0)
    return HEADER.pack(*fields, zlib.crc32(HEADER.pack(*fields, 0)[:-4]))


def _salt(topic: TopicInfo, partition: PartitionId, base_offset: int, serial: int) -> int:
    # Not from the stored header: its own damage must not make the frames unreadable. And without the header's
    # checksum: over a message with its own CRC at the end, CRC-32 is the same for every message.
    return zlib.crc32(_header(topic, partition, base_offset, serial, OLDEST)[:-4])


def create_file(
    directory: Path,
    topic: TopicInfo,
    partition: PartitionId,
    *,
    serial: int,
    base_offset: int,
    newest_before: int,
) -> tuple[LogFile, int]:
    """Create an empty file, durably; also its descriptor for writing."""
    path = directory / file_name(serial, base_offset)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        write_all(descriptor, [_header(topic, partition, base_offset, serial, newest_before)], 0)
        os.fsync(descriptor)
        sync_directory(directory)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    salt = _salt(topic, partition, base_offset, serial)
    file = LogFile(path, serial, base_offset, salt, newest_before, HEADER_BYTES, FrameIndex())
    return file, descriptor


def list_files(
    directory: Path, topic: TopicInfo, partition: PartitionId
) -> tuple[list[LogFile], list[tuple[LogFile, Damage]]]:
    """The files of a partition as they are found, in order, and those whose header is damaged."""
    files: list[LogFile] = []
    damaged: list[tuple[LogFile, Damage]] = []
    newest_before = OLDEST
    for path in sorted(directory.glob("[0-9]*-[0-9]*.log")):
        serial, base_offset = (int(part) for part in path.stem.split("-"))
        raw = path.read_bytes() if path.stat().st_size < HEADER_BYTES else _head(path)
        intact = len(raw) == HEADER_BYTES and zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "little")
        if intact:
            _check_version(path, raw)
            newest_before = HEADER.unpack(raw)[6]
        salt = _salt(topic, partition, base_offset, serial)
        size = path.stat().st_size
        file = LogFile(path, serial, base_offset, salt, newest_before, size)
        files.append(file)
        if not intact:
            end = min(HEADER_BYTES, size)
            reason = "the file's header is damaged"
            damaged.append((file, Damage(0, end, base_offset, base_offset, reason)))
    return files, damaged


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEADER_BYTES)


def _check_version(path: Path, header: bytes) -> None:
    magic, version, *_ = HEADER.unpack(header)
    if magic != MAGIC or version != FORMAT_VERSION:
        raise other_format(path, version)


def other_format(path: Path, version: object) -> SedimentError:
    """Written by another release."""
    return SedimentError(
        ErrorKind.INVALID,
        "unsupported_format",
        f"{path} has log format {version}, this release reads {FORMAT_VERSION}; "
        "open it with the release that wrote it, or name another data directory",
        details={"path": str(path), "format": version, "supported": FORMAT_VERSION},
    )


def reader_of(descriptor: int) -> Read:
    """Reads a file's bytes into padded buffers."""

    def read(position: int, size: int) -> U8:
        buffer = np.empty(size + READABLE_PAD_BYTES, np.uint8)
        buffer[size:] = 0
        done = 0
        while done < size:
            got = os.preadv(descriptor, [buffer[done:size].data], position + done)
            if got == 0:  # shorter than it was: what is missing cannot be valid
                buffer[done:size] = 0
                break
            done += got
        return buffer

    return read


@contextmanager
def opened(file: LogFile) -> Iterator[Read]:
    """A file open for reading."""
    descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield reader_of(descriptor)
    finally:
        os.close(descriptor)


def scan(file: LogFile) -> Scan:
    """Read a whole file and check every frame of it."""
    found = Scan(FrameIndex(), next_offset=file.base_offset)
    if file.size <= HEADER_BYTES:
        found.end = file.size
        return found
    with opened(file) as read:
        for position, item in walk(read, HEADER_BYTES, file.size, salt=file.salt, offset=file.base_offset):
            match item:
                case Frame(header=header):
                    found.index.add(header.base_offset, position)
                    found.end = position + header.length
                    found.next_offset = header.next_offset
                    found.newest = max(found.newest, header.timestamp_ms_max)
                case Damage():
                    found.damages.append(item)
    return found


def write_all(descriptor: int, buffers: Sequence[bytes | memoryview], position: int) -> int:
    """Write all buffers at a position, however many calls that takes; the position after them."""
    waiting = [memoryview(buffer) for buffer in buffers]
    while waiting:
        written = os.pwritev(descriptor, waiting[:BUFFERS_PER_WRITE_MAX], position)
        position += written
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.pop(0))
        if written:
            waiting[0] = waiting[0][written:]
    return position


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
