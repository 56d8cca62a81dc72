"""JSON documents to a tape: where each value lies, of what kind it is and under which path.

Twice as fast as a parser that builds objects, since nothing is built: a leaf is five numbers. The loops and the
reasoning stand in ``kernels.mask_kernels`` and ``kernels.tape_kernels``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.json_columns.columns import Reject
from pipeline.json_columns.kernels.tape_kernels import (
    ARENA_END,
    ARENA_WANTED,
    ERRORS,
    LEAVES,
    LEAVES_WANTED,
    NEXT_ROW,
    OBJECTS,
    PATHS,
    PATHS_WANTED,
    STATE_SIZE,
    ErrorArrays,
    PathArrays,
    Scratch,
    TapeArrays,
    fill_slots,
    scan_documents,
)
from pipeline.json_columns.kernels.value_kernels import order_by_group
from pipeline.json_columns.rejects import malformed
from pipeline.kernels.arrays import I32Array, I64Array, U8Array
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

DOCUMENT_SCAN_BYTES_MAX = (1 << 31) - (1 << 20)  # positions in a document are int32
TABLE_PATHS_MAX = 65_536  # a table with more paths is begun anew at the next batch
TABLE_ARENA_BYTES_MAX = 8 << 20
PATHS_AT_FIRST = 256
LEAVES_AT_FIRST = 4096
A = TypeVar("A", bound=NDArray[Any])
Slices = tuple[I32Array, I64Array, I64Array, U8Array]


def readonly(array: A) -> A:
    """A read-only, contiguous view: so that a kernel is compiled for one type of array, however it was made."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return cast(A, view)


class PathTable:
    """The paths that one scanner has seen. A path's number is its place in the order of arrival; it never changes.

    ``resolved`` is a place where the extraction keeps what it found out about these paths.
    """

    def __init__(self, seed: int) -> None:
        self.seed: Any = np.uint64(seed & ((1 << 64) - 1))
        self.count = 0
        self.arena_end = 0
        self.objects = 0
        self.resolved: object = None
        n = PATHS_AT_FIRST
        self.arrays = PathArrays(
            slots=np.full(4 * n, -1, np.int32),
            hashes=np.zeros(n, np.uint64),
            parents=np.zeros(n, np.int32),
            offsets=np.zeros(n, np.int64),
            lengths=np.zeros(n, np.int32),
            slot_of=np.zeros(n, np.int64),
            touched=np.zeros(n, np.int64),
            arena=np.zeros(1 << 16, np.uint8),
        )

    @property
    def full(self) -> bool:
        """Whether it holds enough to begin anew."""
        return self.count > TABLE_PATHS_MAX or self.arena_end > TABLE_ARENA_BYTES_MAX

    def grow(self, paths: int, arena: int) -> None:
        """Make room for so many paths and bytes of keys."""
        old = self.arrays
        if arena > len(old.arena):
            self.arrays = old = old._replace(arena=_grown(old.arena, arena))
        if paths > len(old.hashes):
            grown: dict[str, Any] = {name: _grown(getattr(old, name), paths) for name in old._fields[1:-1]}
            size = 1 << (2 * len(grown["hashes"])).bit_length()
            self.arrays = old._replace(slots=np.full(size, -1, np.int32), **grown)
            fill_slots(self.arrays, self.count)

    def key(self, path: int) -> tuple[int, str]:
        """The parent of a path (-1: the document) and its last key."""
        a = self.arrays
        start = int(a.offsets[path])
        return int(a.parents[path]), a.arena[start : start + int(a.lengths[path])].tobytes().decode()


@dataclass(frozen=True)
class Tape:
    """The leaves of a batch of documents, in order. Holds views of the scanned bytes; independent of later scans."""

    data: U8Array
    starts: I64Array  # int64[rows]: where each document begins in ``data``
    ends: I64Array
    leaves: TapeArrays
    table: PathTable
    path_count: int
    errors: Sequence[Reject] = field(default_factory=tuple)

    @property
    def rows(self) -> int:
        """How many documents, absent ones included."""
        return len(self.starts)

    @cached_property
    def _names(self) -> list[tuple[str, ...]]:
        names: list[tuple[str, ...]] = []
        for path in range(self.path_count):
            parent, key = self.table.key(path)
            names.append((*names[parent], key) if parent >= 0 else (key,))
        return names

    def paths(self) -> Sequence[tuple[str, ...]]:
        """The keys that lead to each path seen so far, by path number."""
        return self._names

    @cached_property
    def by_path(self) -> tuple[I64Array, I32Array]:
        """Leaves of path p, in document order: order[first[p]:first[p + 1]]."""
        every = np.arange(self.path_count, dtype=np.int32)
        return order_by_group(self.leaves.paths, len(self.leaves.rows), every, self.path_count)


class Scanner:
    """Scans batch after batch and keeps the table of paths. One per thread.

    ``seed`` salts the hash of keys, so that colliding keys cannot be prepared; nothing that comes out depends on it.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = hash("paths") if seed is None else seed  # Python salts the hash of strings per process
        self._table = PathTable(self._seed)
        self._leaves = LEAVES_AT_FIRST

    def scan(self, values: ByteColumn, ends: I64Array | None = None) -> Tape:
        """Scan the documents of a column; null ones are skipped.

        With ``ends`` (int64[n]) document i is data[values.starts[i]:ends[i]], so that documents need not be adjacent.
        """
        data, starts = readonly(values.data), readonly(values.starts[:-1])
        stops = readonly(values.starts[1:] if ends is None else ends)
        lengths = stops - starts
        longest = int(lengths.max()) if len(starts) else 0
        assert longest <= DOCUMENT_SCAN_BYTES_MAX, "documents are bounded far below this"
        assert not len(starts) or int(stops.max()) + 64 <= len(data), "the data is padded"
        if self._table.full:
            self._table = PathTable(self._seed)
        table, rows = self._table, len(starts)
        absent = readonly(values.null_mask())
        state = np.zeros(STATE_SIZE, np.int64)
        state[[PATHS, ARENA_END, OBJECTS]] = table.count, table.arena_end, table.objects
        scratch = _scratch(longest)
        errors = ErrorArrays(np.empty(rows, np.int32), np.empty(rows, np.int64), np.empty(rows, np.uint8))
        tape = _tape(self._leaves)
        while True:
            scan_documents(
                data, starts, stops, absent, table.seed, state, table.arrays, tape, errors, scratch
            )  # fmt: skip
            table.count, table.arena_end, table.objects = (int(state[i]) for i in (PATHS, ARENA_END, OBJECTS))
            if state[NEXT_ROW] == rows:
                break
            table.grow(int(state[PATHS_WANTED]), int(state[ARENA_WANTED]))
            if state[LEAVES_WANTED] > len(tape.rows):
                tape = TapeArrays._make(_grown(a, int(state[LEAVES_WANTED])) for a in tape)
        count, failed = int(state[LEAVES]), int(state[ERRORS])
        self._leaves = max(LEAVES_AT_FIRST, count + count // 8)
        leaves = TapeArrays._make(a[:count] for a in tape)
        rejects = tuple(
            malformed(data[int(starts[row]) : int(stops[row])], int(row), int(position), int(code))
            for row, position, code in zip(*(a[:failed] for a in errors), strict=True)
        )
        return Tape(data, starts, stops, leaves, table, table.count, rejects)


def raw(tape: Tape, path: tuple[str, ...]) -> Slices:
    """The source slices at a path: rows int32[v] ascending, starts and ends int64[v] in ``tape.data``, kinds uint8[v].

    A string's slice lies between its quotes and is not unescaped (``kinds & ESCAPED_FLAG``: it has escapes); the
    kinds are those of ``kernels.scalar_kernels``. An object's slice holds its braces, an empty array's its brackets.
    """
    try:
        number = tape.paths().index(path)
    except ValueError:
        none = np.empty(0, np.int64)
        return none.astype(np.int32), none, none, none.astype(np.uint8)
    first, order = tape.by_path
    chosen = order[first[number] : first[number + 1]]
    leaves = tape.leaves
    return leaves.rows[chosen], leaves.starts[chosen], leaves.ends[chosen], leaves.kinds[chosen]


def _grown(array: A, size: int) -> A:
    """A copy with room for at least this many, and twice as many as before; arrays that are big enough stay."""
    if len(array) >= size:
        return array
    larger = np.empty(max(size, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return cast(A, larger)


def _tape(size: int) -> TapeArrays:
    return TapeArrays(
        rows=np.empty(size, np.int32),
        paths=np.empty(size, np.int32),
        kinds=np.empty(size, np.uint8),
        starts=np.empty(size, np.int64),
        ends=np.empty(size, np.int64),
        cuts=np.empty(size, np.int32),
    )


def _scratch(longest: int) -> Scratch:
    words = longest // 64 + 2
    masks = (np.empty(words, np.uint64) for _ in range(3))
    return Scratch(np.empty(longest + READABLE_PAD_BYTES, np.int32), *masks)
