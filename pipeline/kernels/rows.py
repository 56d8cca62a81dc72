"""Rows of a column of byte strings, copied once."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.kernels.gather_kernels import gather_strings
from schemas.records import ByteColumn


def take_rows(column: ByteColumn, rows: NDArray[np.int64]) -> ByteColumn:
    """The named rows, int64[n], in the given order; rows may repeat."""
    starts = frozen(column.starts)
    data, found = gather_strings(frozen(column.data), starts[:-1], starts[1:], frozen(np.ascontiguousarray(rows)))
    return ByteColumn(data, found, None if column.nulls is None else column.nulls[rows])
