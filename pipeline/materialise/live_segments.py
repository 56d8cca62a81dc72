"""The segments of one logical index in one partition while they change: alive masks, ordinals, published views.

An ordinal names a segment inside this process only: the id index points at (ordinal, document). A view gets a copy of an alive
mask that changed since the last one, so what is published is never written again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.materialise.decisions.decide_kernels import mark_dead
from pipeline.materialise.merge_policy import Size
from pipeline.segments.digest import add_level_1
from pipeline.segments.manifest import StoredAlive, StoredSegment
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import SegmentView

Bools = NDArray[np.bool_]
I64 = NDArray[np.int64]
OFFSET_DIGITS_MAX = 18
U64 = NDArray[np.uint64]


@dataclass(slots=True)
class LiveSegment:
    """One segment and what became of its rows since it was made."""

    ordinal: int
    reader: SegmentReader
    alive: Bools
    nbytes: int
    dead: int = 0
    deletes: int = 0  # counts changes of ``alive``
    stored: StoredSegment | None = None  # None: in memory only
    stored_alive: StoredAlive | None = None
    stored_deletes: int = -1  # ``deletes`` as ``stored_alive`` has them
    published: SegmentView | None = field(default=None, repr=False)

    @property
    def documents(self) -> int:
        """Live rows."""
        return len(self.alive) - self.dead

    def kill(self, docs: I64) -> None:
        """Mark rows dead."""
        gone = int(mark_dead(self.alive, docs))
        if gone:
            self.dead += gone
            self.deletes += 1

    def view(self) -> SegmentView:
        """This segment as it is now, for good."""
        seen = self.published
        if seen is None or seen.deletes != self.deletes or seen.reader is not self.reader:
            same = seen is not None and seen.deletes == self.deletes
            alive = seen.alive if seen is not None and same else self.alive.copy()
            self.published = seen = SegmentView(self.reader, alive, self.dead, self.deletes)
        return seen

    def validate(self) -> None:
        """Assert what must hold; on in tests."""
        assert len(self.alive) == self.reader.meta.documents
        assert self.dead == len(self.alive) - int(self.alive.sum())


class LiveSegments:
    """All segments of one logical index in a partition, in order of their data's age."""

    def __init__(self) -> None:
        self._by_ordinal: dict[int, LiveSegment] = {}
        self._next_ordinal = 0

    def __iter__(self) -> Iterator[LiveSegment]:
        return iter(self._by_ordinal.values())

    def __len__(self) -> int:
        return len(self._by_ordinal)

    def __getitem__(self, ordinal: int) -> LiveSegment:
        return self._by_ordinal[ordinal]

    def get(self, ordinal: int) -> LiveSegment | None:
        """The segment of that ordinal, if it still is there."""
        return self._by_ordinal.get(ordinal)

    @property
    def documents(self) -> int:
        """Live rows of all segments."""
        return sum(s.documents for s in self)

    @property
    def unstored(self) -> list[LiveSegment]:
        """Segments that no commit has yet."""
        return [s for s in self if s.stored is None]

    def next_ordinal(self) -> int:
        """A number never used before in this process."""
        self._next_ordinal += 1
        return self._next_ordinal - 1

    def add(self, ordinal: int, reader: SegmentReader, nbytes: int, alive: Bools | None = None) -> LiveSegment:
        """Add a segment at the end."""
        mask = np.ones(reader.meta.documents, np.bool_) if alive is None else alive
        segment = LiveSegment(ordinal, reader, mask, nbytes, dead=len(mask) - int(mask.sum()))
        self._by_ordinal[ordinal] = segment
        return segment

    def replace(self, old: Iterable[int], new: LiveSegment | None) -> None:
        """Put a merged segment where the first of its inputs stood (so that age keeps its order); drop the inputs."""
        gone = set(old)
        kept: dict[int, LiveSegment] = {}
        placed = new is None
        for ordinal, segment in self._by_ordinal.items():
            if ordinal not in gone:
                kept[ordinal] = segment
            elif not placed and new is not None:
                kept[new.ordinal] = new
                placed = True
        if not placed and new is not None:
            kept[new.ordinal] = new
        self._by_ordinal = kept

    def kill(self, ordinals: I64, docs: I64, digest: U64) -> None:
        """Mark rows dead, given as (segment ordinal, document) columns; -1 = no row. Takes them out of a level 1 digest."""
        for ordinal in np.unique(ordinals[ordinals >= 0]).tolist():
            segment = self._by_ordinal.get(ordinal)
            if segment is not None:
                rows = np.unique(docs[ordinals == ordinal])
                add_level_1(segment.reader, rows[segment.alive[rows]], digest, negative=True)
                segment.kill(rows)

    def views(self) -> Sequence[SegmentView]:
        """Every segment with a live row, for good."""
        return tuple(s.view() for s in self if s.documents)

    @property
    def unstored_bytes(self) -> int:
        """Bytes of what no commit has yet."""
        return sum(s.nbytes for s in self if s.stored is None)


def settle(dead: LiveSegments, partition: int, redriven: Mapping[int, bytes], offsets: I64) -> None:
    """Take dead letters away that were sent again: each is a document now, or a new dead letter. ``redriven``: their ids by row;
    what a row names counts only where it lies before the row, so that batches make no difference.
    """
    prefix = f"{partition}-".encode()
    named = {row: one.removeprefix(prefix) for row, one in redriven.items() if one.startswith(prefix)}
    earlier = [
        int(n) for row, n in named.items() if n.isdigit() and len(n) <= OFFSET_DIGITS_MAX and int(n) < offsets[row]
    ]
    wanted = np.unique(np.array(earlier, np.int64))
    for segment in dead if len(wanted) else ():
        segment.kill(np.flatnonzero(np.isin(segment.reader.offsets(), wanted)))


def sizes(segments: LiveSegments, *, stored: bool) -> list[Size]:
    """Segments in the store, or those in memory only, as the merge policy sees them."""
    chosen = (s for s in segments if (s.stored is not None) is stored)
    return [Size(s.ordinal, s.documents, s.dead, s.nbytes) for s in chosen]
