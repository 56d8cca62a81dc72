"""Bugs planted in the store are found by the model: what a crash loses is modelled well enough to tell a sound store from an unsound one.

The first is one that RocksDB has: two column families and ``Rdict.flush``, which flushes its own only; then kill -9 lost records for good.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from typing_extensions import override

from pipeline.rocks.memory import MemoryStore, apply
from pipeline.rocks.ports import WriteBatch
from pipeline.segments.chunks.keys import MANIFEST_KEY
from schemas.errors import SedimentError
from tests.pipeline.materialise.logs import LONG_SCHEDULES, LONG_WORLDS, Schedule, World, random_log
from tests.pipeline.materialise.test_model import act as act_on
from tests.pipeline.materialise.test_model import check, expected, partition_of, prepare


class TwoFamilies(MemoryStore):
    """The manifest in one column family, everything else in another; only one of them is flushed."""

    @staticmethod
    def flushed(key: bytes) -> bool:
        """Whether a flush is about this key."""
        return key == MANIFEST_KEY

    @override
    def _make_durable(self, batches: int) -> None:
        if batches < len(self._unsynced):  # RocksDB's own flushes are atomic over families, and are in order
            super()._make_durable(batches)
            return
        mine, rest = [], []
        for batch in self._unsynced:
            mine.append(part_of(batch, self.flushed))
            rest.append(part_of(batch, lambda key: not self.flushed(key)))
        for batch in mine:
            apply(batch, self._disk.durable)
        self._unsynced[:] = rest


class OtherFamily(TwoFamilies):
    """The same with the other one flushed: the commit itself is not durable."""

    @staticmethod
    @override
    def flushed(key: bytes) -> bool:
        return key != MANIFEST_KEY


class Reordering(MemoryStore):
    """What was written last becomes durable first."""

    @override
    def _make_durable(self, batches: int) -> None:
        kept = self._unsynced[len(self._unsynced) - batches :]
        for batch in kept:
            apply(batch, self._disk.durable)
        del self._unsynced[len(self._unsynced) - batches :]


def part_of(batch: WriteBatch, mine: Callable[[bytes], bool]) -> WriteBatch:
    """What of a batch goes to one family."""
    return WriteBatch(
        [(k, v) for k, v in batch.puts if mine(k)],
        [k for k in batch.deletes if mine(k)],
        [(a, b) for a, b in batch.ranges if mine(a)],
    )


def is_wrong(world: World, schedule: Schedule, store: type[MemoryStore]) -> bool:
    """Whether a partition on this store ever says something else than the model, or that it is damaged."""
    catalog, log = prepare(world)
    model, history = expected(catalog, log)
    partition = partition_of(catalog, log)
    partition.store_of = store
    try:
        partition.crash()
        for action in schedule:
            act_on(partition, action, history)
        partition.catch_up()
        check(partition, model, len(log))
        partition.begin_commit()
        partition.run_jobs()
        partition.crash()
        check(partition, model, len(log))
    except (AssertionError, SedimentError, KeyError):
        return True
    return False


SETTINGS: Any = {
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "deadline": None,
    "derandomize": True,
    "phases": [Phase.generate],
}
CASES = st.tuples(LONG_WORLDS, LONG_SCHEDULES)


@pytest.mark.parametrize("store", [TwoFamilies, OtherFamily])
def test_a_flush_of_one_column_family_is_found_out(store: type[MemoryStore]) -> None:
    """Within the number of examples that the model's own test runs."""
    try:
        find(CASES, lambda case: is_wrong(case[0], case[1], store), settings=settings(max_examples=100, **SETTINGS))
    except NoSuchExample:
        pytest.fail(f"{store.__name__} was not found out")


def test_an_order_that_is_not_kept_is_found_out() -> None:
    """A commit that is killed at each of its steps, and of which one batch is left."""
    world = World({}, "true", 1000, {}, random_log(3, 40))
    schedules: list[Schedule] = [[("step", 20), ("commit",), ("kill", probe, 1)] for probe in range(1, 8)]
    assert any(is_wrong(world, schedule, Reordering) for schedule in schedules)
    assert not any(is_wrong(world, schedule, MemoryStore) for schedule in schedules)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(case=CASES)
def test_a_sound_store_is_not_suspected(case: tuple[World, Schedule]) -> None:
    """The same question about the store as it is."""
    assert not is_wrong(*case, MemoryStore)
