"""Buffers that one thread uses again from batch to batch, so that fresh memory is not paged in every time."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen

__all__ = ["OWNERS_MAX", "Fillable", "Scratch", "frozen"]
_GROWTH = 1.25
OWNERS_MAX = 64  # owners whose things are kept at a time


class Fillable(Protocol):
    """What may grow until it is full."""

    @property
    def full(self) -> bool: ...


V = TypeVar("V", bound=Fillable)


class Scratch:
    """Named buffers that only grow. What ``array`` gives is valid until the same name is asked for again.

    Not for two threads at once; one per builder.
    """

    __slots__ = ("_buffers", "_kept")

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}
        self._kept: dict[int, tuple[object, Any]] = {}

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

    def kept(self, owner: object, make: Callable[[], V]) -> V:
        """What was made for an owner, until it is full; the owner is known by identity."""
        known = self._kept.get(id(owner))
        if known is None or known[1].full:
            if len(self._kept) >= OWNERS_MAX:
                self._kept.clear()
            known = self._kept[id(owner)] = (owner, make())  # holds the owner, whose identity could go to another
        made: V = known[1]
        return made
