"""Keys that are byte strings, as columns: no Python object before a key is shown.

A column names strings of a dictionary by their numbers, or is the dictionary itself. A segment's own dictionary is used as it lies;
``compact`` copies what is used, for what is kept longer than the segment's arrays are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.segments.columns.merge_inverted import merge_dictionaries
from pipeline.segments.columns.terms import Terms, gather
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Names:
    """Name i is data[starts[n]:starts[n + 1]] with n = numbers[i], or n = i where ``numbers`` is None. ``data`` is padded."""

    data: U8
    starts: I64
    numbers: I64 | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1 if self.numbers is None else len(self.numbers)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.texts(np.arange(len(self))))

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays it holds on to."""
        return int(self.data.nbytes + self.starts.nbytes + (0 if self.numbers is None else self.numbers.nbytes))

    def take(self, places: I64) -> "Names":
        """Some of them, in this order."""
        return Names(self.data, self.starts, places if self.numbers is None else self.numbers[places])

    def texts(self, places: I64) -> list[bytes]:
        """The bytes of some of them."""
        numbers = places if self.numbers is None else self.numbers[places]
        data = memoryview(self.data)  # type: ignore[arg-type]
        ends = self.starts[numbers + 1].tolist()
        return [bytes(data[a:b]) for a, b in zip(self.starts[numbers].tolist(), ends, strict=True)]

    def compact(self) -> "Names":
        """The same in arrays of their own."""
        numbers = np.arange(len(self)) if self.numbers is None else self.numbers
        return Names(*gather(self.data, self.starts[:-1], self.starts[1:], numbers))

    @staticmethod
    def of(values: Sequence[bytes]) -> "Names":
        """From Python's values."""
        column = ByteColumn.of(list(values))
        return Names(column.data, column.starts)

    @staticmethod
    def from_parts(data: bytes, ends: I64) -> "Names":
        """From all bytes, one string after another, and where each ends."""
        starts = np.zeros(len(ends) + 1, np.int64)
        starts[1:] = ends
        return Names(np.frombuffer(data + bytes(READABLE_PAD_BYTES), np.uint8), starts)


def unite(parts: Sequence[Names]) -> tuple[list[I64], Names]:
    """Several columns' names by number in byte order: the number of each name of each part, and the distinct names."""
    tight = [part.compact() for part in parts]
    merged = merge_dictionaries([Terms(one.data, one.starts) for one in tight])
    distinct = Names(
        *gather(merged.terms.data, merged.terms.begins, merged.terms.ends, merged.order[merged.groups[:-1]])
    )
    return np.split(merged.group_of, merged.firsts[1:]), distinct
