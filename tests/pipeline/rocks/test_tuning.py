"""The memory budget: shared, bounded from both sides."""

import pytest

from pipeline.rocks.tuning import MEMORY_BYTES_DEFAULT, MEMTABLE_BYTES_MAX, MEMTABLE_BYTES_MIN, MEMTABLES_MAX, split


@pytest.mark.parametrize("budget", [MEMORY_BYTES_DEFAULT, 1 << 30, 40 << 20])
def test_a_budget_is_split_without_rest(budget: int) -> None:
    """Blocks and memtables take the budget, and a store alone may have all memtables."""
    shares = split(budget)
    assert shares.block_cache_bytes + shares.memtables_bytes == budget
    assert shares.memtable_bytes * MEMTABLES_MAX <= max(shares.memtables_bytes, MEMTABLE_BYTES_MIN * MEMTABLES_MAX)


def test_extremes_still_work() -> None:
    """Too small a budget gives the smallest memtables, too large a one the largest."""
    assert split(1).memtable_bytes == MEMTABLE_BYTES_MIN
    assert split(1 << 40).memtable_bytes == MEMTABLE_BYTES_MAX
