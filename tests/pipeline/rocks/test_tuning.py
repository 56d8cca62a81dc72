"""The memory budget: shared, bounded from both sides."""

import pytest

from pipeline.rocks.tuning import MEMORY_BYTES_DEFAULT, MEMTABLE_BYTES_MAX, MEMTABLE_BYTES_MIN, Tuning, split


def test_the_default_is_what_it_says() -> None:
    """The default tuning takes the default budget."""
    assert Tuning().memory_bytes == MEMORY_BYTES_DEFAULT


@pytest.mark.parametrize("stores", [1, 3, 16])
def test_a_budget_is_kept(stores: int) -> None:
    """The stores of a process together stay within the budget."""
    assert split(1 << 30, stores).memory_bytes * stores <= 1 << 30


def test_extremes_still_work() -> None:
    """Too small a budget gives the smallest memtables, too large a one the largest."""
    assert split(1, 8).memtable_bytes == MEMTABLE_BYTES_MIN
    assert split(1 << 40, 1).memtable_bytes == MEMTABLE_BYTES_MAX
