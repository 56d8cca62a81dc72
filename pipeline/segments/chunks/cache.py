"""Loaded arrays of all partitions, within a budget: what was used longest ago goes first.

An array that goes while a reader holds it stays valid: numpy counts references, the cache only lets go of its own. So the budget bounds
what is kept for later, not what is in use. Threads that miss the same array at the same time load it once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from pipeline.segments.format import Array


class CacheKey(NamedTuple):
    """An array, or with ``chunk`` >= 0 one chunk of it."""

    space: int  # the segment store it belongs to: see ``ArrayCache.space``
    segment: str
    name: str
    chunk: int = -1


class ArrayCache:
    """A map from keys to arrays with at most ``bytes_max`` bytes in it. The counters are for metrics: read them, do not write."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0
        self._spaces = 0
        self._arrays: OrderedDict[CacheKey, Array] = OrderedDict()
        self._segments: dict[tuple[int, str], set[CacheKey]] = {}
        self._loading: dict[CacheKey, threading.Lock] = {}
        self._lock = threading.Lock()

    def space(self) -> int:
        """A number that keeps the keys of one segment store apart from all others."""
        with self._lock:
            self._spaces += 1
            return self._spaces

    def find(self, key: CacheKey) -> Array | None:
        """The array if it is here (a hit), else None (not counted)."""
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self.hits += 1
                self._arrays.move_to_end(key)
            return array

    def get(self, key: CacheKey, load: Callable[[], Array]) -> Array:
        """The array, loaded if it is not here. What ``load`` raises is raised and nothing is kept."""
        array = self.find(key)
        if array is not None:
            return array
        with self._lock:
            gate = self._loading.setdefault(key, threading.Lock())
        with gate:
            array = self.find(key)
            if array is not None:
                return array
            try:
                array = load()
                self._keep(key, array)
            finally:
                with self._lock:
                    self.misses += 1
                    self._loading.pop(key, None)
        return array

    def drop_segment(self, space: int, segment: str) -> None:
        """Let go of all arrays of a segment."""
        with self._lock:
            for key in self._segments.pop((space, segment), ()):
                self.bytes -= self._arrays.pop(key).nbytes

    def _keep(self, key: CacheKey, array: Array) -> None:
        if array.nbytes > self.bytes_max:
            return
        with self._lock:
            if key in self._arrays:  # another thread was between our two looks
                return
            self._arrays[key] = array
            self._segments.setdefault(key[:2], set()).add(key)
            self.bytes += array.nbytes
            while self.bytes > self.bytes_max:
                oldest, evicted = self._arrays.popitem(last=False)
                self._forget(oldest)
                self.bytes -= evicted.nbytes
                self.evictions += 1

    def _forget(self, key: CacheKey) -> None:
        keys = self._segments[key[:2]]
        keys.discard(key)
        if not keys:
            del self._segments[key[:2]]
