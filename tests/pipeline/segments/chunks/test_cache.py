"""The array cache: budget, order, counters, one load for many threads."""

import threading
import time
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.chunks.cache import ArrayCache, CacheKey
from pipeline.segments.format import Array


def make(size: int) -> Array:
    return np.zeros(size, np.uint8)


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=60), st.integers(0, 12))
def test_it_is_an_lru(steps: list[tuple[int, bool]], budget: int) -> None:
    """Against a list in order of use: the same hits, misses, evictions and bytes at every step."""
    cache = ArrayCache(budget)
    model: list[int] = []
    hits = misses = evictions = 0
    for number, drop in steps:
        if drop:
            cache.drop_segment(1, str(number % 3))
            model = [n for n in model if n % 3 != number % 3]
            continue
        size = number % 4 + 1
        cache.get(CacheKey(1, str(number % 3), str(number)), partial(make, size))
        if number in model:
            hits += 1
            model.remove(number)
            model.append(number)
            continue
        misses += 1
        if size <= budget:
            model.append(number)
        while sum(n % 4 + 1 for n in model) > budget:
            model.pop(0)
            evictions += 1
        assert (cache.hits, cache.misses, cache.evictions) == (hits, misses, evictions)
        assert cache.bytes == sum(n % 4 + 1 for n in model)


def test_evicted_arrays_stay_valid() -> None:
    """An array that a reader holds is unharmed when the cache lets go of it."""
    cache = ArrayCache(10)
    held = cache.get(CacheKey(1, "s", "a"), lambda: np.full(10, 7, np.uint8))
    cache.get(CacheKey(1, "s", "b"), lambda: make(10))
    assert cache.evictions == 1
    assert held.tolist() == [7] * 10


def test_threads_load_once() -> None:
    """Eight threads that miss the same array at once make one load."""
    cache = ArrayCache(1000)
    loads = []

    def load() -> Array:
        loads.append(1)
        time.sleep(0.05)
        return make(10)

    threads = [threading.Thread(target=cache.get, args=(CacheKey(1, "s", "a"), load)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(loads) == 1
    assert cache.bytes == 10


def test_a_failed_load_leaves_nothing() -> None:
    """An error of the load is the caller's; the next call loads again."""
    cache = ArrayCache(1000)

    def fail() -> Array:
        raise KeyError

    with pytest.raises(KeyError):
        cache.get(CacheKey(1, "s", "a"), fail)
    assert len(cache.get(CacheKey(1, "s", "a"), lambda: make(3))) == 3


def test_spaces_are_apart() -> None:
    """Two partitions with the same segment id do not share arrays."""
    cache = ArrayCache(1000)
    first, second = cache.space(), cache.space()
    cache.get(CacheKey(first, "s", "a"), lambda: make(1))
    assert len(cache.get(CacheKey(second, "s", "a"), lambda: make(2))) == 2
