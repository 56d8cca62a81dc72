"""What searches remember of immutable segments: counts, filters' masks; bounded, dropped oldest first.

Keys begin with the segment's id, and with its ``deletes`` where the value depends on which rows are alive, so that nothing
remembered is ever wrong; a segment that is gone is forgotten in time.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
ENTRIES_MAX = 65_536
MASK_BYTES_MAX = 64 << 20


class SearchCache:
    """Shared by all searchers of a process; safe for several threads (two may compute the same value at once)."""

    def __init__(self, entries_max: int = ENTRIES_MAX, mask_bytes_max: int = MASK_BYTES_MAX) -> None:
        self._entries_max = entries_max
        self._mask_bytes_max = mask_bytes_max
        self._values: dict[Hashable, Any] = {}
        self._masks: dict[Hashable, Any] = {}

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The remembered value, or what ``compute`` gives, remembered."""
        return self._remember(self._values, key, compute, self._entries_max)

    def get_mask(self, key: Hashable, size: int, compute: Callable[[], T]) -> T:
        """The same for values that take about ``size`` bytes."""
        return self._remember(self._masks, key, compute, self._mask_bytes_max // max(size, 4096))

    @staticmethod
    def _remember(kept: dict[Hashable, Any], key: Hashable, compute: Callable[[], T], most: int) -> T:
        try:
            found: T = kept[key]
        except KeyError:
            found = compute()
            while len(kept) >= max(most, 1):
                try:
                    kept.pop(next(iter(kept)), None)
                except (RuntimeError, StopIteration):  # another thread was quicker
                    break
            kept[key] = found
        return found
