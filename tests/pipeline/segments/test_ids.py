"""The id index against a dict; collisions, growth, recovery, forgetting."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of
from pipeline.segments import ids as ids_module
from pipeline.segments.ids import IdIndex, Tombstones, power_of_two, tombstones_of
from pipeline.segments.ids_kernels import hash_of
from schemas.errors import ErrorKind, SedimentError
from schemas.limits import ID_BYTES_MAX
from schemas.records import ByteColumn


@dataclass
class Entry:
    """What the twin knows of an id."""

    seq_no: int = -1
    version: int = 0
    segment: int = -1
    doc: int = 0
    deleted: int = 1
    offset: int = -1


names = st.one_of(
    st.sampled_from([b"", b"a", b"ab", b"abcdefg", b"abcdefgh", b"abcdefghi", b"abcdefgh\x00"]),
    st.binary(max_size=20),
)
name_lists = st.lists(names, max_size=12)


class IdIndexMachine(RuleBasedStateMachine):
    """Any sequence of calls leaves the index equal to a dict of entries."""

    def __init__(self) -> None:
        super().__init__()
        self.index = IdIndex()
        self.twin: dict[bytes, Entry] = {}
        self.clock = 0

    def entry(self, slot: int) -> Entry:
        index = self.index
        columns = (index.seq_no, index.version, index.segment, index.doc, index.deleted, index.offset)
        return Entry(*(int(column[slot]) for column in columns))

    @rule(batch=name_lists)
    def insert(self, batch: list[bytes]) -> None:
        slots = self.index.slots(ByteColumn.of(batch))
        assert len({(slot, name) for slot, name in zip(slots.tolist(), batch, strict=True)}) == len(set(batch))
        for name in batch:
            self.twin.setdefault(name, Entry())

    @rule(batch=name_lists, segment=st.integers(0, 3), deleted=st.booleans())
    def operate(self, batch: list[bytes], segment: int, deleted: bool) -> None:
        slots = self.index.slots(ByteColumn.of(batch))
        for row, (slot, name) in enumerate(zip(slots.tolist(), batch, strict=True)):
            self.clock += 1
            new = Entry(
                self.clock, self.clock * 2, -1 if deleted else segment, 0 if deleted else row, int(deleted), self.clock
            )
            self.twin[name] = new
            self.index.seq_no[slot], self.index.version[slot] = new.seq_no, new.version
            self.index.segment[slot], self.index.doc[slot] = new.segment, new.doc
            self.index.deleted[slot], self.index.offset[slot] = new.deleted, new.offset

    @rule(batch=name_lists)
    def find(self, batch: list[bytes]) -> None:
        before = self.index.count
        slots = self.index.find(ByteColumn.of(batch))
        assert self.index.count == before
        for slot, name in zip(slots.tolist(), batch, strict=True):
            assert (slot >= 0) == (name in self.twin)
            if slot >= 0:
                assert self.entry(slot) == self.twin[name]

    @rule(back=st.integers(0, 20), at_least=st.integers(1, 3))
    def forget(self, back: int, at_least: int) -> None:
        before = self.clock - back
        gone = [n for n, e in self.twin.items() if e.deleted and e.offset < before]
        dropped = self.index.forget(before, at_least=at_least)
        if len(gone) < at_least:
            gone = []
        assert dropped == len(gone)
        for name in gone:
            del self.twin[name]

    @rule(
        olds=st.lists(st.integers(0, 3), unique=True, max_size=3),
        into=st.integers(4, 6),
        data=st.data(),
    )
    def relocate(self, olds: list[int], into: int, data: st.DataObject) -> None:
        maps = [data.draw(st.lists(st.integers(-1, 30), min_size=12, max_size=12)) for _ in olds]
        self.index.relocate(olds, [np.array(m, np.int32) for m in maps], into)
        for entry in self.twin.values():
            if entry.segment in olds:
                new = maps[olds.index(entry.segment)][entry.doc]
                if new >= 0:
                    entry.segment, entry.doc = into, new

    @rule(batch=st.lists(names, max_size=8, unique=True), segment=st.integers(0, 3), data=st.data())
    def load(self, batch: list[bytes], segment: int, data: st.DataObject) -> None:
        n = len(batch)
        alive = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
        offsets = data.draw(st.lists(st.integers(0, self.clock + 5), min_size=n, max_size=n))
        numbers = np.arange(n, dtype=np.int64)
        at = np.array(offsets, np.int64)
        self.index.load_segment(ByteColumn.of(batch), numbers, numbers + 1, at, np.array(alive, np.bool_), segment)
        for row, name in enumerate(batch):
            if alive[row]:
                entry = self.twin.setdefault(name, Entry())
                if offsets[row] >= entry.offset:
                    self.twin[name] = Entry(row, row + 1, segment, row, 0, offsets[row])

    @rule()
    def reopen_tombstones(self) -> None:
        """Tombstones come back through bytes into an empty index, and do not outdo later operations in this one."""
        wanted = {n: e for n, e in self.twin.items() if e.deleted and e.offset >= 0}
        stones = tombstones_of(self.index.tombstones().to_bytes())
        fresh = IdIndex()
        fresh.load_tombstones(*stones)
        found = fresh.find(ByteColumn.of(list(wanted)))
        assert fresh.count == len(wanted)
        assert len(fresh) == 0
        for slot, entry in zip(found.tolist(), wanted.values(), strict=True):
            assert (fresh.seq_no[slot], fresh.version[slot], fresh.offset[slot]) == (
                entry.seq_no,
                entry.version,
                entry.offset,
            )
        self.index.load_tombstones(*stones)
        for entry in wanted.values():
            entry.segment, entry.doc = -1, 0

    @invariant()
    def agrees(self) -> None:
        index = self.index
        assert index.count == len(self.twin)
        assert len(index) == sum(not e.deleted for e in self.twin.values())
        slots = np.arange(index.count)
        for slot, name in enumerate(index.ids_of(slots).to_list()):
            assert name is not None
            assert self.entry(slot) == self.twin[name]


IdIndexMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestIdIndex = IdIndexMachine.TestCase


def random_ids(count: int, seed: int, width: int = 20) -> ByteColumn:
    data = np.random.default_rng(seed).integers(97, 123, count * width + 128, np.uint8)
    return ByteColumn(data, np.arange(count + 1, dtype=np.int64) * width)


def test_it_grows() -> None:
    """Fifty thousand ids in batches across several doublings: all found, columns kept, slots in order of first sight."""
    index = IdIndex()
    batches = [random_ids(5000, seed) for seed in range(10)]
    for number, ids in enumerate(batches):
        slots = index.slots(ids)
        assert slots.tolist() == list(range(number * 5000, number * 5000 + 5000))
        index.version[slots] = number
    for number, ids in enumerate(batches):
        slots = index.find(ids)
        assert (index.version[slots] == number).all()
        assert index.ids_of(slots[:3]).to_list() == ids.slice(0, 3).to_list()
    assert (index.find(random_ids(100, 99)) == -1).all()
    assert index.nbytes > 50_000 * 60


def test_the_longest_ids() -> None:
    """Ids of the greatest length that differ in their last byte only are told apart."""
    ids = ByteColumn.of([b"x" * (ID_BYTES_MAX - 1) + bytes([i]) for i in range(256)])
    assert sorted(IdIndex().slots(ids).tolist()) == list(range(256))


def test_the_same_ids_give_the_same_slots() -> None:
    """Slots depend on nothing but the order of the ids."""
    ids = ByteColumn.of([b"%d" % (i * i % 1000) for i in range(5000)])
    assert np.array_equal(IdIndex().slots(ids), IdIndex().slots(ids))


@kernel
def hashes(data, starts, seed, out):  # type: ignore[no-untyped-def]
    base = address_of(data)
    for i in range(out.shape[0]):
        out[i] = hash_of(base, starts[i], starts[i + 1], np.uint64(seed))


def hash_twin(value: bytes, seed: int) -> int:
    def fold(a: int, b: int) -> int:
        product = a * b
        return (product & (1 << 64) - 1) ^ (product >> 64)

    h = seed ^ len(value) * 0xE7037ED1A0B428DB & (1 << 64) - 1
    for at in range(0, len(value), 8):
        h = fold(h ^ int.from_bytes(value[at : at + 8], "little"), 0xA0761D6478BD642F)
    return fold(h ^ 0x8EBC6AF09C88C6E3, 0xA0761D6478BD642F)


@given(st.lists(st.binary(max_size=30), max_size=5), st.integers(0, (1 << 63) - 1))
def test_the_hash_is_what_its_page_says(values: list[bytes], seed: int) -> None:
    """The kernel's hash against whole numbers in Python."""
    ids = ByteColumn.of(values)
    out = np.zeros(len(values), np.uint64)
    hashes(ids.data, ids.starts, seed, out)
    assert out.tolist() == [hash_twin(value, seed) for value in values]


def colliding(count: int, seed: int = 0) -> list[bytes]:
    """Ids that all have one hash: a word that makes the state zero hides everything before it."""
    start = seed ^ 24 * 0xE7037ED1A0B428DB & (1 << 64) - 1
    made = []
    for i in range(count):
        first = i.to_bytes(8, "little")
        product = (start ^ i) * 0xA0761D6478BD642F
        state = (product & (1 << 64) - 1) ^ (product >> 64)
        made.append(first + state.to_bytes(8, "little") + b"the same")
    return made


def test_ids_made_to_collide_are_harmless() -> None:
    """Thousands of ids with one hash cost a new seed, not a scan of all for each; nothing is confused."""
    ids = colliding(5000)
    assert len({hash_twin(one, 0) for one in ids}) == 1
    index = IdIndex()
    others = random_ids(1000, 1)
    before = index.slots(others)
    column = ByteColumn.of(ids)
    slots = index.slots(column)
    assert len(set(slots.tolist())) == 5000
    assert index._seeds == 1
    assert np.array_equal(index.find(column), slots)
    assert np.array_equal(index.find(others), before)


def test_collisions_under_every_seed_are_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no seed helps, the index is slow but right."""
    monkeypatch.setattr(ids_module, "PROBES_MAX", 0)
    index = IdIndex()
    ids = random_ids(3000, 5)
    assert index.slots(ids).tolist() == list(range(3000))
    assert index._seeds == ids_module.SEEDS_MAX
    assert index.find(ids).tolist() == list(range(3000))


def test_only_alive_rows_are_loaded() -> None:
    """Dead rows of a segment leave no trace; alive ones point to their row."""
    index = IdIndex()
    numbers = np.arange(4, dtype=np.int64)
    ids = ByteColumn.of([b"a", b"b", b"a", b"c"])
    index.load_segment(ids, numbers, numbers + 1, numbers + 10, np.array([False, True, True, False]), 7)
    assert index.count == 2
    slot = int(index.find(ByteColumn.of([b"a"]))[0])
    assert (index.segment[slot], index.doc[slot], index.version[slot], index.deleted[slot]) == (7, 2, 3, 0)
    assert index.find(ByteColumn.of([b"c"])).tolist() == [-1]


@pytest.mark.parametrize("cut", [0, 1, 7, 40])
def test_cut_tombstones_are_damage(cut: int) -> None:
    """Bytes of a wrong length are refused."""
    numbers = np.arange(2, dtype=np.int64)
    data = Tombstones(ByteColumn.of([b"a", b"bc"]), numbers, numbers, numbers).to_bytes()
    assert tombstones_of(data).ids.to_list() == [b"a", b"bc"]
    with pytest.raises(SedimentError) as caught:
        tombstones_of(data[:cut])
    assert caught.value.kind is ErrorKind.DAMAGED


def test_powers_of_two() -> None:
    """The next power of two at and around powers of two."""
    assert [power_of_two(n) for n in (0, 1, 2, 3, 4, 5, 1024, 1025)] == [1, 1, 2, 4, 4, 8, 1024, 2048]


def test_room_made_ahead_changes_no_slot() -> None:
    """Ids get the same slots as without, and none of the arrays is made anew while they come."""
    ids = [ByteColumn.of([b"%d" % n for n in range(first, first + 2_000)]) for first in range(0, 8_000, 2_000)]
    plain, roomy = IdIndex(), IdIndex()
    roomy.reserve(8_000, sum(one.nbytes for one in ids))
    size = roomy.nbytes
    for one in ids:
        assert np.array_equal(plain.slots(one), roomy.slots(one))
    assert roomy.nbytes == size
    assert plain.nbytes == size
