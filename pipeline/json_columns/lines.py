"""NDJSON bodies: where each line lies, without a copy."""

from dataclasses import dataclass

import numpy as np

from pipeline.json_columns.conversions import copied
from pipeline.json_columns.kernels.value_kernels import find_lines
from pipeline.json_columns.scanner import readonly
from pipeline.kernels.arrays import I32Array, I64Array, U8Array
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a body: line i is data[starts[i]:ends[i]], without its end; ``data`` is padded."""

    data: U8Array
    starts: I64Array
    ends: I64Array

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, i: int) -> bytes:
        return self.data[self.starts[i] : self.ends[i]].tobytes()

    def chosen(self, rows: I64Array | I32Array) -> tuple[ByteColumn, I64Array]:
        """Some lines for ``Scanner.scan(column, ends)``, without a copy: the column's starts are theirs, its values are not."""
        starts, ends = self.starts[rows], self.ends[rows]
        last = ends[-1:] if len(ends) else np.zeros(1, np.int64)
        return ByteColumn(self.data, np.concatenate([starts, last])), ends

    def column(self, rows: I64Array | I32Array) -> ByteColumn:
        """Some lines as a column of their own, copied once."""
        return copied(self.data, self.starts[rows], self.ends[rows])


def split_lines(body: bytes | U8Array) -> Lines:
    r"""The lines of a body; ``\n`` and ``\r\n`` end a line, the last may lack its end, empty ones are kept.

    ``bytes`` are copied once, to pad them; an array must have READABLE_PAD_BYTES of padding, which are not looked at.
    """
    if isinstance(body, bytes):
        data = np.empty(len(body) + READABLE_PAD_BYTES, np.uint8)
        data[: len(body)] = np.frombuffer(body, np.uint8)
        data[len(body) :] = 0
    else:
        data = body
    size, nothing = len(data) - READABLE_PAD_BYTES, np.empty(0, np.int64)
    view = readonly(data)
    count = find_lines(view, size, nothing, nothing)
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    if count:
        find_lines(view, size, starts, ends)
    return Lines(data, starts, ends)
