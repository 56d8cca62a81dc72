"""The id index of a partition: from a document's id to the last operation on it, and to the row that holds it.

One slot per id, numbered in order of first sight; what is known of it are columns indexed by slot. Deleted ids keep their slot (their
versions go on) until they are forgotten. In memory only: at open it is loaded from the segments and the tombstones.

Not thread-safe. It belongs to the worker's thread; another thread (a real-time get) holds the worker's lock from ``find`` until it
has copied what it needs from the columns, since inserting may replace every array.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.segments.ids_kernels import fill, find_ids, gather_ids, insert_ids, rebuild, relocate_rows
from schemas.errors import damaged
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import I64, U8, Bools, ByteColumn

SLOTS_MIN: Final = 1024
ARENA_BYTES_MIN: Final = 1 << 14
PROBES_MAX: Final = 256  # ten million random ids at half load need fewer than 100
SEEDS_MAX: Final = 8  # then long probes are borne with
SEED_STEP: Final = 0x9E3779B97F4A7C15
NO_SEGMENT: Final = -1
EVERY: Final[Bools] = np.zeros(0, np.bool_)


class Tombstones(NamedTuple):
    """Deleted ids that are still remembered, in order of slots: the last operation on each."""

    ids: ByteColumn
    seq_nos: I64
    versions: I64
    offsets: I64

    def to_bytes(self) -> bytes:
        """For the manifest's state: their number, three int64 columns, where each id begins, the ids."""
        starts = self.ids.starts - self.ids.starts[0]
        data = self.ids.data[self.ids.starts[0] : self.ids.starts[-1]]
        head = np.array([len(self.ids)], np.int64)
        parts = (head, self.seq_nos, self.versions, self.offsets, starts, data)
        return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def tombstones_of(data: bytes) -> Tombstones:
    """What ``Tombstones.to_bytes`` gave. Raises DAMAGED where the lengths do not agree."""
    n = int.from_bytes(data[:8], "little")
    body = 8 * (1 + 3 * n + n + 1)
    if len(data) < body or n < 0:
        raise damaged("the tombstones in the manifest's state are cut short: delete the data directory to rebuild it")
    seq_nos, versions, offsets = np.frombuffer(data, np.int64, 3 * n, 8).reshape(3, n).copy()
    starts = np.frombuffer(data, np.int64, n + 1, 8 * (1 + 3 * n)).copy()
    if len(data) != body + int(starts[-1]):
        raise damaged("the tombstones in the manifest's state are cut short: delete the data directory to rebuild it")
    ids = np.frombuffer(data[body:] + bytes(READABLE_PAD_BYTES), np.uint8).copy()
    return Tombstones(ByteColumn(ids, starts), seq_nos, versions, offsets)


class IdIndex:
    """Slots by id, and columns by slot. The columns are longer than ``count``: what lies beyond is room.

    A fresh slot: ``version`` 0, ``seq_no`` -1, ``deleted`` 1, ``segment`` -1, ``offset`` -1. Read the columns through their attributes each
    time: ``slots``, ``forget`` and the loading methods may replace them.
    """

    def __init__(self) -> None:
        self.count = 0  # slots taken
        self.seq_no: I64
        self.version: I64
        self.segment: NDArray[np.int32]  # the worker's number of the segment that holds the row
        self.doc: NDArray[np.int32]  # row in that segment
        self.deleted: NDArray[np.uint8]
        self.offset: I64  # of the record that was the last operation
        self._seed = 0
        self._seeds = 0
        self._arena: U8 = np.zeros(ARENA_BYTES_MIN + READABLE_PAD_BYTES, np.uint8)
        self._begins: I64 = np.zeros(SLOTS_MIN + 1, np.int64)
        self._table = np.zeros(2 * SLOTS_MIN, np.uint64)
        self._make_columns(SLOTS_MIN)

    def __len__(self) -> int:
        """Ids that are not deleted. Counts them: 0.3 ms per million."""
        return self.count - int(np.count_nonzero(self.deleted[: self.count]))

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        arrays: list[NDArray[Any]] = [self._arena, self._begins, self._table, *self._columns()]
        return sum(int(array.nbytes) for array in arrays)

    def slots(self, ids: ByteColumn) -> I64:
        """int64[n]: the slot of each id; an unknown one gets a fresh slot. The same id twice has the same slot."""
        return self._slots(ids, EVERY)

    def find(self, ids: ByteColumn) -> I64:
        """int64[n]: the slot of each id, -1 where it is unknown. Changes nothing."""
        assert ids.nulls is None or not ids.nulls.any()
        slots = np.empty(len(ids), np.int64)
        find_ids(ids.data, ids.starts, self._table, self._seed, self._arena, self._begins, slots)
        return slots

    def ids_of(self, slots: I64) -> ByteColumn:
        """The ids of n slots, in the given order."""
        assert not len(slots) or 0 <= int(slots.min()) <= int(slots.max()) < self.count
        size = int((self._begins[1:][slots] - self._begins[:-1][slots]).sum())
        data = np.zeros(size + READABLE_PAD_BYTES, np.uint8)
        starts = np.zeros(len(slots) + 1, np.int64)
        gather_ids(self._arena, self._begins, slots, data, starts)
        data[size:] = 0
        return ByteColumn(data, starts)

    def relocate(self, segments: Sequence[int], doc_maps: Sequence[NDArray[np.integer]], into: int) -> None:
        """After a merge: row d of ``segments[i]`` is row ``doc_maps[i][d]`` of segment ``into``, or stays where that is -1.

        Rows that an operation moved elsewhere since the merge began are in none of these segments any more, and are left alone.
        """
        if not segments:
            return
        lengths = [len(one) for one in doc_maps]
        bases = np.full(max(segments) + 1, -1, np.int64)
        bases[list(segments)] = np.cumsum([0, *lengths[:-1]])
        maps = np.concatenate(doc_maps).astype(np.int64, copy=False)
        relocate_rows(self.segment, self.doc, self.count, bases, maps, into)

    def forget(self, before_offset: int, *, at_least: int = 1) -> int:
        """Drop deleted ids whose last operation lies before an offset; how many went. Slots are numbered anew.

        Builds everything again (0.1 s per million ids), so it does nothing where fewer than ``at_least`` would go. Whether a deleted id
        still counts is therefore for the reader of ``offset`` to decide, record by record: this only frees memory.
        """
        count = self.count
        gone = (self.deleted[:count] != 0) & (self.offset[:count] < before_offset)
        dropped = int(np.count_nonzero(gone))
        if dropped < max(at_least, 1):
            return 0
        kept = np.flatnonzero(~gone)
        ids = self.ids_of(kept)
        columns = [column[kept] for column in self._columns()]
        room = power_of_two(max(len(kept), SLOTS_MIN))
        self._make_columns(room)
        for column, values in zip(self._columns(), columns, strict=True):
            column[: len(kept)] = values
        self._begins = np.zeros(room + 1, np.int64)
        self._begins[: len(kept) + 1] = ids.starts
        self._arena = ids.data
        self.count = len(kept)
        self._make_table(2 * room)
        return dropped

    def reserve(self, ids: int, id_bytes: int) -> None:
        """Make room for so many more ids at once: a table that grows step by step is built anew at each step."""
        self._reserve(ids, id_bytes)

    def load_segment(
        self, ids: ByteColumn, seq_nos: I64, versions: I64, offsets: I64, alive: Bools, segment: int
    ) -> None:
        """At open: the rows of a segment that are alive. Where an id is known already, the later offset counts."""
        assert len(ids) == len(seq_nos) == len(versions) == len(offsets) == len(alive)
        wanted = EVERY if alive.all() else alive
        slots = self._slots(ids, wanted)
        fill(slots, wanted, seq_nos, versions, offsets, segment, *self._columns())

    def tombstones(self) -> Tombstones:
        """Every deleted id that is remembered: to be kept in the manifest's state."""
        slots = np.flatnonzero((self.deleted[: self.count] != 0) & (self.offset[: self.count] >= 0))
        return Tombstones(self.ids_of(slots), self.seq_no[slots], self.version[slots], self.offset[slots])

    def load_tombstones(self, ids: ByteColumn, seq_nos: I64, versions: I64, offsets: I64) -> None:
        """At open: ``load_tombstones(*tombstones)``. Where an id is known already, the later offset counts."""
        fill(self.slots(ids), EVERY, seq_nos, versions, offsets, NO_SEGMENT, *self._columns())

    # ------------------------------------------------------------------ room

    def _columns(self) -> list[NDArray[Any]]:
        return [self.seq_no, self.version, self.segment, self.doc, self.deleted, self.offset]

    def _make_columns(self, room: int) -> None:
        self.seq_no = np.full(room, -1, np.int64)
        self.version = np.zeros(room, np.int64)
        self.segment = np.full(room, NO_SEGMENT, np.int32)
        self.doc = np.zeros(room, np.int32)
        self.deleted = np.ones(room, np.uint8)
        self.offset = np.full(room, -1, np.int64)

    def _slots(self, ids: ByteColumn, wanted: Bools) -> I64:
        assert ids.nulls is None or not ids.nulls.any()
        slots = np.full(len(ids), -1, np.int64)
        self._reserve(len(ids), ids.nbytes)
        done = 0
        while True:
            probes = PROBES_MAX if self._seeds < SEEDS_MAX else len(self._table)
            self.count, done = insert_ids(
                ids.data, ids.starts, wanted, self._table, self._seed, self._arena, self._begins, self.count, done, probes, slots
            )  # fmt: skip
            if done == len(ids):
                return slots
            self._reseed()

    def _reserve(self, ids: int, id_bytes: int) -> None:
        used = int(self._begins[self.count])
        need = used + id_bytes + READABLE_PAD_BYTES
        if need > len(self._arena):
            arena = np.zeros(power_of_two(need), np.uint8)
            arena[:used] = self._arena[:used]
            self._arena = arena
        room = len(self.seq_no)
        if self.count + ids <= room:
            return
        room = power_of_two(self.count + ids)
        begins = np.zeros(room + 1, np.int64)
        begins[: self.count + 1] = self._begins[: self.count + 1]
        self._begins = begins
        old = self._columns()
        self._make_columns(room)
        for column, values in zip(self._columns(), old, strict=True):
            column[: self.count] = values[: self.count]
        self._make_table(2 * room)

    def _make_table(self, words: int) -> None:
        while True:
            self._table = np.zeros(words, np.uint64)
            probes = PROBES_MAX if self._seeds < SEEDS_MAX else words
            if rebuild(self._table, self._seed, self._arena, self._begins, self.count, probes):
                return
            self._next_seed()

    def _reseed(self) -> None:
        self._next_seed()
        self._make_table(len(self._table))

    def _next_seed(self) -> None:
        self._seeds += 1
        self._seed = (self._seeds * SEED_STEP) & ((1 << 63) - 1)


def power_of_two(n: int) -> int:
    """The smallest power of two that is not below n."""
    return 1 << max(n - 1, 0).bit_length()


def warm() -> None:
    """Compile the kernels."""
    index = IdIndex()
    ids = ByteColumn.of([b"a", b"b"])
    ids = ByteColumn(ids.data.copy(), ids.starts)
    numbers = np.zeros(2, np.int64)
    index.load_segment(ids, numbers, numbers, numbers, np.array([True, False]), 0)
    index.slots(ids)
    index.find(ids)
    index.relocate([0], [np.zeros(2, np.int32)], 1)
    index.deleted[: index.count] = 1
    index.load_tombstones(*tombstones_of(index.tombstones().to_bytes()))
    index.forget(10)
