"""What searches remember of immutable segments and views: counts, filters' masks, facts of columns, whole answers; each in its part of
a budget of bytes, which all partitions share.

Keys begin with the segment's id, and with its ``deletes`` where the value depends on which rows are alive; answers are kept by what a
view shows (its segments, their deletes, its visible offset). So nothing remembered is ever wrong, and what belongs to segments that
are gone is dropped in time: the least recently used first.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakSet

T = TypeVar("T")
COUNT_BYTES: Final = 256  # about what a key and a number take
SEARCH_BYTES_MAX: Final = 192 << 20
COUNTS, MASKS, COLUMNS, ANSWERS = 1, 6, 4, 1  # parts of a partition's share
PARTS: Final = COUNTS + MASKS + COLUMNS + ANSWERS
Observer = Callable[[str, str], None]  # cache, outcome (hit, miss): ``telemetry.names.CACHE_LOOKUPS``


@dataclass(slots=True)
class Lookups:
    """How often something was asked for, and found."""

    hits: int = 0
    misses: int = 0

    @property
    def hit_share(self) -> float:
        """Hits of all lookups; 0 before the first."""
        return self.hits / max(1, self.hits + self.misses)


class SearchBudget:
    """Bytes for what searches of all partitions remember: each has an equal share, which shrinks when another comes (what is too much then
    goes with the next thing to remember).
    """

    def __init__(self, bytes_max: int = SEARCH_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._caches: WeakSet[SearchCache] = WeakSet()

    def enter(self, cache: "SearchCache") -> None:
        """Another one shares it, for as long as it lives."""
        self._caches.add(cache)

    def of(self, parts: int) -> int:
        """Bytes that so many parts of a share may take."""
        return self._bytes_max * parts // (PARTS * max(1, len(self._caches)))


class _Kept:
    """Values by key, the least recently used first; safe for several threads, which may compute the same value at once.

    A dict keeps the order of insertion and each of its operations is atomic: a value that is used is taken out and put in again.
    """

    def __init__(self, name: str, budget: SearchBudget, parts: int, observe: Observer | None) -> None:
        self.name = name
        self._budget, self._parts = budget, parts
        self.bytes = 0
        self.lookups = Lookups()
        self._observe = observe
        self._values: dict[Hashable, tuple[Any, int]] = {}

    def get(self, key: Hashable, size: int | Callable[[T], int], compute: Callable[[], T]) -> T:
        """The value remembered, or what ``compute`` gives, remembered if it fits: ``size`` is about what it takes."""
        found = self._values.pop(key, None)
        if found is not None:
            self._values[key] = found
            self.count(hit=True)
            kept: T = found[0]
            return kept
        self.count(hit=False)
        value = compute()
        size = size if isinstance(size, int) else size(value)
        bytes_max = self._budget.of(self._parts)
        if size <= bytes_max:
            self._values[key] = (value, size)
            self.bytes += size
            while self.bytes > bytes_max and self._drop_oldest():
                pass
        return value

    def _drop_oldest(self) -> bool:
        try:
            _, size = self._values.pop(next(iter(self._values)))
        except (KeyError, RuntimeError, StopIteration):  # another thread was quicker, or nothing is left
            self.bytes = sum(size for _, size in list(self._values.values()))
            return False
        self.bytes -= size
        return True

    def count(self, *, hit: bool) -> None:
        """A lookup."""
        if hit:
            self.lookups.hits += 1
        else:
            self.lookups.misses += 1
        if self._observe is not None:
            self._observe(self.name, "hit" if hit else "miss")


class SearchCache:
    """Shared by all searchers of a partition. ``observe`` is told of lookups of masks and answers (not of counts: there are many)."""

    def __init__(self, budget: SearchBudget | None = None, observe: Observer | None = None) -> None:
        budget = budget or SearchBudget()
        budget.enter(self)
        self._counts = _Kept("search_counts", budget, COUNTS, None)
        self._masks = _Kept("search_filters", budget, MASKS, observe)
        self._columns = _Kept("search_columns", budget, COLUMNS, None)
        self._answers = _Kept("search_answers", budget, ANSWERS, observe)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """A small value, remembered."""
        return self._counts.get(key, COUNT_BYTES, compute)

    def get_mask(self, key: Hashable, size: int, compute: Callable[[], T]) -> T:
        """A value that takes about ``size`` bytes."""
        return self._masks.get(key, max(size, COUNT_BYTES), compute)

    def count_mask(self) -> None:
        """A value that ``get_mask`` gave before is used again by whoever still holds it."""
        self._masks.count(hit=True)

    def get_column(self, key: Hashable, size: int, compute: Callable[[], T]) -> T:
        """What follows from a segment's column (``columns``), of about ``size`` bytes."""
        return self._columns.get(key, max(size, COUNT_BYTES), compute)

    def get_answer(self, key: Hashable, size_of: Callable[[T], int], compute: Callable[[], T]) -> T:
        """A whole answer, which takes about ``size_of`` it bytes."""
        return self._answers.get(key, size_of, compute)

    @property
    def lookups(self) -> Mapping[str, Lookups]:
        """By cache."""
        return {kept.name: kept.lookups for kept in (self._counts, self._masks, self._columns, self._answers)}

    @property
    def bytes(self) -> Mapping[str, int]:
        """What each cache holds: ``telemetry.names.CACHE_BYTES``."""
        return {kept.name: kept.bytes for kept in (self._counts, self._masks, self._columns, self._answers)}
