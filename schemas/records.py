"""Records of the log in columns: what producers append and workers read, batch by batch.

No Python object exists per record: keys and values are slices of one buffer each. Headers are rare and
therefore sparse.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.ids import LogOffset, PartitionId
from schemas.limits import READABLE_PAD_BYTES

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Header = tuple[str, bytes]
Headers = tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class ByteColumn:
    """n byte strings: value i is ``data[starts[i]:starts[i + 1]]``; ``data`` is padded (READABLE_PAD_BYTES).

    ``starts`` is int64[n + 1], ascending, and need not begin at 0. ``nulls`` is bool[n] or None (none is null);
    a null value has no bytes.
    """

    data: U8
    starts: I64
    nulls: Bools | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> bytes | None:
        if self.nulls is not None and self.nulls[i]:
            return None
        return self.data[self.starts[i] : self.starts[i + 1]].tobytes()

    @property
    def nbytes(self) -> int:
        """Bytes of all values, without padding."""
        return int(self.starts[-1] - self.starts[0])

    def null_mask(self) -> Bools:
        """bool[n]; a fresh array where no value is null."""
        return np.zeros(len(self), np.bool_) if self.nulls is None else self.nulls

    def slice(self, start: int, end: int) -> "ByteColumn":
        """Rows [start, end), without a copy."""
        nulls = None if self.nulls is None else self.nulls[start:end]
        return ByteColumn(self.data, self.starts[start : end + 1], nulls)

    @staticmethod
    def of(values: Sequence[bytes | None]) -> "ByteColumn":
        """From Python values: at the edges of the system only."""
        nulls = np.fromiter((v is None for v in values), np.bool_, len(values))
        present = [v or b"" for v in values]
        starts = np.zeros(len(values) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, present), np.int64, len(values)), out=starts[1:])
        # a bytearray: kernels are compiled for writable arrays, a read-only one would compile them again
        data = np.frombuffer(bytearray().join([*present, bytes(READABLE_PAD_BYTES)]), np.uint8)
        return ByteColumn(data, starts, nulls if nulls.any() else None)

    @staticmethod
    def concat(columns: Iterable["ByteColumn"]) -> "ByteColumn":
        """Several columns one after another, copied once."""
        parts = list(columns)
        pieces = [c.data[c.starts[0] : c.starts[-1]] for c in parts]
        lengths = [c.starts[1:] - c.starts[:-1] for c in parts]
        starts = np.zeros(sum(map(len, lengths)) + 1, np.int64)
        if lengths:
            np.cumsum(np.concatenate(lengths), out=starts[1:])
        data = np.concatenate([*pieces, np.zeros(READABLE_PAD_BYTES, np.uint8)])
        any_null = any(c.nulls is not None for c in parts)
        nulls = np.concatenate([c.null_mask() for c in parts]) if any_null else None
        return ByteColumn(data, starts, nulls)

    def to_list(self) -> list[bytes | None]:
        """As Python values: for tests and the edges of the system."""
        return [self[i] for i in range(len(self))]


@dataclass(frozen=True, slots=True)
class AppendBatch:
    """Records of one partition on their way to the log. ``headers`` maps a row to its headers; most rows have none."""

    keys: ByteColumn
    values: ByteColumn
    timestamps_ms: I64
    headers: Mapping[int, Headers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.keys) == len(self.values) == len(self.timestamps_ms)

    def __len__(self) -> int:
        return len(self.timestamps_ms)


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition as read from the log, offsets ascending (gaps are normal on Kafka).

    ``next_offset`` is where reading goes on: after the last record, or further where the log says that what
    lies between holds no records (aborted transactions, control batches). It may be ahead with no record at all.
    """

    partition: PartitionId
    offsets: I64
    timestamps_ms: I64
    keys: ByteColumn
    values: ByteColumn
    next_offset: LogOffset
    headers: Mapping[int, Headers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets)

    def slice(self, start: int, end: int) -> "RecordBatch":
        """Rows [start, end); the next offset is that of the first row left out, or this batch's own."""
        following = self.next_offset if end == len(self) else LogOffset(int(self.offsets[end]))
        headers = {row - start: h for row, h in self.headers.items() if start <= row < end}
        return RecordBatch(
            self.partition,
            self.offsets[start:end],
            self.timestamps_ms[start:end],
            self.keys.slice(start, end),
            self.values.slice(start, end),
            following,
            headers,
        )
