"""Buffers that one thread uses again from batch to batch, so that fresh memory is not paged in every time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GROWTH = 1.25


class Scratch:
    """Named buffers that only grow. What ``array`` gives is valid until the same name is asked for again.

    Not for two threads at once; one per builder.
    """

    __slots__ = ("_buffers",)

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}

    def array(self, name: str, dtype: Any, size: int) -> NDArray[Any]:
        """An array of `size` elements with arbitrary content."""
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < size or buffer.dtype != dtype:
            buffer = np.empty(int(size * _GROWTH) + 64, dtype)
            self._buffers[name] = buffer
        return buffer[:size]

    def zeros(self, name: str, dtype: Any, size: int) -> NDArray[Any]:
        """The same, filled with zeros."""
        array = self.array(name, dtype, size)
        array.fill(0)
        return array
