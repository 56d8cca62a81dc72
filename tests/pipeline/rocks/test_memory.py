"""The store in memory: the contract, and what a crash loses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pipeline.rocks.memory import Disk, Faults, MemoryStore
from pipeline.rocks.ports import WriteBatch
from schemas.errors import SedimentError
from tests.contracts.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """The contract on a disk in memory."""

    @override
    def open(self, place: Disk) -> MemoryStore:
        return MemoryStore(place)

    @pytest.fixture
    @override
    def place(self, tmp_path: Path) -> Disk:
        return Disk()


keys = st.sampled_from([b"a", b"b", b"c", b"d"])
batches = st.builds(
    WriteBatch,
    puts=st.lists(st.tuples(keys, st.binary(max_size=2)), max_size=3),
    deletes=st.lists(keys, max_size=2),
    ranges=st.lists(st.tuples(keys, keys), max_size=1),
)


@given(st.lists(st.one_of(batches, st.just("flush")), max_size=12), st.integers(0, 12))
def test_a_crash_loses_exactly_the_unsynced_suffix(steps: list[object], kept: int) -> None:
    """After a crash the state is that after some batch, and never older than the last flush."""
    store = MemoryStore()
    states: list[dict[bytes, bytes]] = [{}]
    flushed = 0
    for step in steps:
        if isinstance(step, WriteBatch):
            store.write(step)
            states.append(
                dict(store.scan(b"a")) | dict(store.scan(b"b")) | dict(store.scan(b"c")) | dict(store.scan(b"d"))
            )
        else:
            store.flush()
            flushed = len(states) - 1
    expected = states[min(flushed + kept, len(states) - 1)]
    again = MemoryStore(store.crash(kept))
    assert {k: v for k in (b"a", b"b", b"c", b"d") if (v := again.get(k)) is not None} == expected


def test_faults_hit_the_named_calls_only() -> None:
    """The second write and the first flush fail and change nothing; the others do their work."""
    store = MemoryStore(faults=Faults(writes=frozenset({2}), flushes=frozenset({1})))
    store.write(WriteBatch(puts=[(b"a", b"1")]))
    with pytest.raises(SedimentError) as caught:
        store.write(WriteBatch(puts=[(b"a", b"2")]))
    assert caught.value.code == "disk_full"
    with pytest.raises(SedimentError):
        store.flush()
    assert store.get(b"a") == b"1"
    assert store.unsynced == 1
    store.flush()
    assert MemoryStore(store.crash()).get(b"a") == b"1"
