"""Arrays on their way to kernels: buffers that one thread uses again from batch to batch, so that fresh memory is not paged in
every time; and inputs that are read only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GROWTH = 1.25


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory, not to be written: what kernels take as input.

    A kernel is compiled anew for every combination of array types, and read-only is part of the type: inputs that are
    sometimes writable would be compiled twice, the second time while somebody waits.
    """
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


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
