"""One append as bytes: a frame, in columns, so that neither writing nor reading touches single records.

A frame, little-endian, a multiple of 8 bytes, at a multiple of 8 in its file:

    0   magic            8 bytes
    8   length           u64   the whole frame
    16  base offset      i64   offset of the first record; the others follow without gaps
    24  count            u32   records
    28  flags            u32   which optional arrays follow
    32  max timestamp    i64   of all records
    40  key bytes        u64
    48  value bytes      u64
    56  payload checksum u32   CRC-32 of all that follows the header
    60  header checksum  u32   CRC-32 of bytes 0-59, begun at the file's salt
    64  timestamps       i64[count]
        key lengths      u32[count]
        value lengths    u32[count]
        null keys        one bit a record     (flag 1)
        null values      one bit a record     (flag 2)
        headers          u32 length, MessagePack of [(row, [(name, value)])]   (flag 4)
        key bytes, value bytes, zeros up to a multiple of 8

The salt (a checksum of topic id, partition and file) makes a frame valid in its own file only. So the search for the
next frame after damage cannot be led astray by a document that happens to contain a log file.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.ids import LogOffset, PartitionId
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import I64, U8, AppendBatch, Bools, ByteColumn, Headers, RecordBatch

MAGIC: Final = b"\x93SDframe"
HEADER: Final = struct.Struct("<8sQqIIqQQII")
HEADER_BYTES: Final = HEADER.size
RECORD_BYTES_MIN: Final = 16  # a timestamp and two lengths: bounds how many records some bytes can be
CHUNK_BYTES: Final = 1 << 20  # read from a file at a time
NULL_KEYS: Final = 1
NULL_VALUES: Final = 2
HEADERS: Final = 4

NO_HEADER: Final = "there is no frame header"
CUT_SHORT: Final = "the frame is cut short"
WRONG_CHECKSUM: Final = "the checksum of the records is wrong"

HeaderRows = list[tuple[int, tuple[tuple[str, bytes], ...]]]
Read = Callable[[int, int], U8]
"""(position, size) to that many bytes of a file, with READABLE_PAD_BYTES more to spare."""

assert HEADER_BYTES == 64


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A frame's header, as it stands in the file."""

    length: int
    base_offset: int
    count: int
    flags: int
    timestamp_ms_max: int
    key_bytes: int
    value_bytes: int
    payload_checksum: int

    @property
    def next_offset(self) -> int:
        """The offset after the last record."""
        return self.base_offset + self.count


@dataclass(slots=True)
class Frame:
    """A frame in memory: ``buffer[start:start + header.length]``, padded."""

    buffer: U8
    start: int
    header: FrameHeader


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes [start, end) of a file hold no valid frame; offsets [first, next) are lost with them."""

    start: int
    end: int
    first_offset: int
    next_offset: int | None  # None: nothing valid follows, and the bytes do not tell
    reason: str


def encode(batch: AppendBatch) -> Frame:
    """A frame with everything but its base offset and header checksum: those are known when it is written."""
    count = len(batch)
    flags, optional = _optional_arrays(batch)
    keys, values = batch.keys, batch.values
    pieces = [
        np.ascontiguousarray(batch.timestamps_ms, np.int64).view(np.uint8),
        np.diff(keys.starts).astype(np.uint32).view(np.uint8),
        np.diff(values.starts).astype(np.uint32).view(np.uint8),
        *optional,
        keys.data[keys.starts[0] : keys.starts[-1]],
        values.data[values.starts[0] : values.starts[-1]],
    ]
    filled = HEADER_BYTES + sum(map(len, pieces))
    length = -(-filled // 8) * 8
    buffer = np.empty(length + READABLE_PAD_BYTES, np.uint8)
    buffer[filled:] = 0
    np.concatenate(pieces, out=buffer[HEADER_BYTES:filled])
    checksum = zlib.crc32(buffer[HEADER_BYTES:length].data)
    newest = int(batch.timestamps_ms.max())
    header = FrameHeader(length, -1, count, flags, newest, keys.nbytes, values.nbytes, checksum)
    return Frame(buffer, 0, header)


def _optional_arrays(batch: AppendBatch) -> tuple[int, list[U8]]:
    flags, arrays = 0, []
    for flag, column in ((NULL_KEYS, batch.keys), (NULL_VALUES, batch.values)):
        if column.nulls is not None and column.nulls.any():
            flags |= flag
            arrays.append(np.packbits(column.nulls))
    if batch.headers:
        flags |= HEADERS
        packed = msgspec.msgpack.encode(sorted(batch.headers.items()))
        arrays.append(np.frombuffer(struct.pack("<I", len(packed)) + packed, np.uint8))
    return flags, arrays


def stamp(frame: Frame, base_offset: int, salt: int) -> Frame:
    """Complete an encoded frame in place, for its place in a file."""
    h = frame.header
    frame.header = FrameHeader(
        h.length, base_offset, h.count, h.flags, h.timestamp_ms_max,
        h.key_bytes, h.value_bytes, h.payload_checksum,
    )  # fmt: skip
    fields = (
        MAGIC, h.length, base_offset, h.count, h.flags, h.timestamp_ms_max,
        h.key_bytes, h.value_bytes, h.payload_checksum,
    )  # fmt: skip
    unsigned = HEADER.pack(*fields, 0)[:-4]
    signed = HEADER.pack(*fields, zlib.crc32(unsigned, salt))
    frame.buffer[frame.start : frame.start + HEADER_BYTES] = np.frombuffer(signed, np.uint8)
    return frame


def parse_header(buffer: U8, start: int, salt: int) -> FrameHeader | None:
    """The frame header at a position, if there is a valid one."""
    raw = buffer[start : start + HEADER_BYTES].tobytes()
    if len(raw) < HEADER_BYTES or not raw.startswith(MAGIC):
        return None
    _, *fields, checksum = HEADER.unpack(raw)
    return FrameHeader(*fields) if zlib.crc32(raw[:-4], salt) == checksum else None


def decode(frame: Frame, partition: PartitionId) -> RecordBatch:
    """A frame's records; the columns are views of its buffer."""
    header, buffer, count = frame.header, frame.buffer, frame.header.count
    at = frame.start + HEADER_BYTES
    timestamps = np.frombuffer(buffer, np.int64, count, at)
    lengths = np.frombuffer(buffer, np.uint32, 2 * count, at + 8 * count)
    at += RECORD_BYTES_MIN * count
    nulls: dict[int, Bools] = {}
    for flag in (NULL_KEYS, NULL_VALUES):
        if header.flags & flag:
            size = -(-count // 8)
            nulls[flag] = np.unpackbits(buffer[at : at + size], count=count).view(np.bool_)
            at += size
    headers: Mapping[int, Headers] = {}
    if header.flags & HEADERS:
        size = int.from_bytes(buffer[at : at + 4].tobytes(), "little")
        packed = buffer[at + 4 : at + 4 + size].data
        headers = dict(msgspec.msgpack.decode(packed, type=HeaderRows))
        at += 4 + size
    keys = ByteColumn(buffer[at:], _starts(lengths[:count]), nulls.get(NULL_KEYS))
    at += header.key_bytes
    values = ByteColumn(buffer[at:], _starts(lengths[count:]), nulls.get(NULL_VALUES))
    assert keys.nbytes == header.key_bytes
    assert values.nbytes == header.value_bytes
    offsets = np.arange(header.base_offset, header.next_offset)
    following = LogOffset(header.next_offset)
    return RecordBatch(partition, offsets, timestamps, keys, values, following, headers)


def _starts(lengths: NDArray[np.uint32]) -> I64:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


class Window:
    """A moving view of a file's bytes [.., end), read in chunks."""

    def __init__(self, read: Read, end: int) -> None:
        self._read = read
        self._end = end
        self._position = 0
        self._size = 0
        self._chunk = np.zeros(0, np.uint8)

    def at(self, position: int, size: int) -> tuple[U8, int]:
        """A buffer and where in it ``position`` is; ``size`` bytes follow, or all up to the end."""
        wanted = min(size, self._end - position)
        start = position - self._position
        if start < 0 or start + wanted > self._size:
            self._size = min(max(wanted, CHUNK_BYTES), self._end - position)
            self._chunk = self._read(position, self._size)
            assert len(self._chunk) == self._size + READABLE_PAD_BYTES
            self._position, start = position, 0
        return self._chunk, start


def walk(read: Read, start: int, end: int, *, salt: int, offset: int) -> Iterator[tuple[int, Frame | Damage]]:
    """What bytes [start, end) of a file hold, with positions: valid frames, and the damage between them.

    Offsets begin at ``offset`` or later and ascend; a frame that goes back is damage.
    """
    window = Window(read, end)
    position = start
    while position < end:
        header, reason = _header_at(window, position, end, salt, offset)
        if header is not None and not reason:
            buffer, at = window.at(position, header.length)
            payload = buffer[at + HEADER_BYTES : at + header.length].data
            if zlib.crc32(payload) == header.payload_checksum:
                yield position, Frame(buffer, at, header)
                position, offset = position + header.length, header.next_offset
                continue
            reason = WRONG_CHECKSUM
        first = header.base_offset if header else offset
        lowest = header.next_offset if header else offset
        next_position, resumed = _search(window, position, end, salt, lowest)
        if header is not None:  # its own end is known, whatever follows
            next_position = min(next_position, position + header.length)
            resumed = lowest
        yield position, Damage(position, next_position, first, resumed, reason)
        position, offset = next_position, lowest


def _header_at(window: Window, position: int, end: int, salt: int, offset: int) -> tuple[FrameHeader | None, str]:
    """The header at a position, and why its frame cannot be read; a header that is not one is None."""
    buffer, at = window.at(position, HEADER_BYTES)
    header = parse_header(buffer[: at + end - position], at, salt)
    if header is None:
        return None, NO_HEADER
    if header.base_offset < offset:
        return None, f"the frame begins at offset {header.base_offset}, which was there before"
    if position + header.length > end:
        return header, CUT_SHORT
    return header, ""


def _search(window: Window, position: int, end: int, salt: int, offset: int) -> tuple[int, int | None]:
    """Where the next valid header of this or a later offset is, and its offset; else the end."""
    buffer, at = window.at(position, end - position)
    size = at + end - position
    raw = buffer[:size].tobytes()
    found = raw.find(MAGIC, at + 1)
    while found >= 0:
        header = parse_header(buffer[:size], found, salt)
        if header is not None and header.base_offset >= offset:
            return position + found - at, header.base_offset
        found = raw.find(MAGIC, found + 1)
    return end, None
