"""What an analyzer's filters make of terms: found once per distinct term, kept across batches by whoever builds segments.

A term's results are terms with shifts: where each stands, counted from where the word itself would. Known terms are looked up by a
kernel; Python sees those that are new. Results are numbered once more, so that a batch need not compare their bytes.

    terms met       the hash table of ``intern_kernels``         "running" → 7
    results         starts int64[terms + 1], numbers, shifts     7 → [(result 3, shift 0)], advance 0
    result terms    an arena of bytes                            3 → "run"
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.intern_kernels import TABLE_SIZE_MIN
from pipeline.analysis.scratch import frozen
from pipeline.analysis.vocabulary.expand_kernels import add_terms, find_terms
from pipeline.analysis.words import Stream
from schemas.limits import READABLE_PAD_BYTES

TERMS_KEPT_MAX: Final = 1 << 17  # then a vocabulary starts anew: a bound on memory, nothing else
_GROWTH: Final = 2
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
U8 = NDArray[np.uint8]
Find = Callable[[str], Stream]


class _Grown:
    """An array that grows at its end."""

    __slots__ = ("_array", "size")

    def __init__(self, dtype: Any, first: Sequence[int] = ()) -> None:
        self._array = np.zeros(64, dtype)
        self.size = 0
        self.extend(first)

    def extend(self, values: Any) -> None:
        """Append a sequence or an array."""
        self.reserve(len(values))
        self._array[self.size : self.size + len(values)] = values
        self.size += len(values)

    def reserve(self, more: int) -> NDArray[Any]:
        """The whole array, with room for so many more (and to be read beyond them)."""
        wanted = self.size + more + READABLE_PAD_BYTES
        if wanted > len(self._array):
            wide = np.zeros(_GROWTH * wanted, self._array.dtype)
            wide[: self.size] = self._array[: self.size]
            self._array = wide
        return self._array

    def view(self) -> NDArray[Any]:
        """All of it, read only, with what lies behind its end."""
        return frozen(self._array)


class Vocabulary:
    """Results by term, of one chain of filters. Not for two threads at once."""

    def __init__(self) -> None:
        self._table: NDArray[np.uint64] = np.zeros(2 * TABLE_SIZE_MIN, np.uint64)
        self._term_bytes, self._term_starts = _Grown(np.uint8), _Grown(np.int64, [0])
        self._terms = 0
        self._result_starts, self._numbers = _Grown(np.int64, [0]), _Grown(np.uint32)
        self._shifts, self._advances = _Grown(np.int64), _Grown(np.int64)
        self._result_bytes, self._begins = _Grown(np.uint8), _Grown(np.int64, [0])
        self._number_of: dict[bytes, int] = {}

    @property
    def full(self) -> bool:
        """Whether it should give way to a new one."""
        return max(self._terms, len(self._number_of)) > TERMS_KEPT_MAX

    def find(self, data: U8, begins: I64, ends: I64, find: Find) -> U32:
        """The numbers of distinct terms; ``find`` makes the results of those that are new."""
        numbers = np.empty(len(begins), np.int64)
        find_terms(
            data, begins, ends, self._table, self._term_bytes.view(), self._term_starts.view(), numbers
        )  # fmt: skip
        new = np.flatnonzero(numbers < 0)
        if len(new):
            texts = [data[a:b].tobytes() for a, b in zip(begins[new].tolist(), ends[new].tolist(), strict=True)]
            self._add(data, frozen(begins[new]), frozen(ends[new]))
            numbers[new] = self._terms + np.arange(len(new))
            self._terms += len(new)
            self.append([find(text.decode("utf-8", "replace")) for text in texts])
        return numbers.astype(np.uint32)

    def _add(self, data: U8, begins: I64, ends: I64) -> None:
        size = int((ends - begins).sum())
        arena, starts = self._term_bytes.reserve(size), self._term_starts.reserve(len(begins))
        self._table = add_terms(data, begins, ends, self._table, arena, starts, self._terms)
        self._term_bytes.size += size
        self._term_starts.size += len(begins)

    def append(self, streams: Sequence[Stream]) -> None:
        """The results of the terms that come next."""
        numbers: list[int] = []
        shifts: list[int] = []
        starts: list[int] = []
        advances: list[int] = []
        first = self._numbers.size
        for stream in streams:
            position = -1
            for word in stream.words:
                position += word.increment
                numbers.append(self._number(word.term.encode()))
                shifts.append(max(position, 0))
            advances.append(position + stream.trailing)
            starts.append(first + len(numbers))
        self._numbers.extend(numbers)
        self._shifts.extend(shifts)
        self._advances.extend(advances)
        self._result_starts.extend(starts)

    def _number(self, term: bytes) -> int:
        known = self._number_of.get(term)
        if known is None:
            known = self._number_of[term] = len(self._number_of)
            self._result_bytes.extend(np.frombuffer(term, np.uint8))
            self._begins.extend([self._result_bytes.size])
        return known

    @property
    def results(self) -> tuple[I64, U32, I64, I64]:
        """(starts, numbers, shifts, advances): those of term t are numbers[starts[t]:starts[t + 1]]."""
        return self._result_starts.view(), self._numbers.view(), self._shifts.view(), self._advances.view()

    @property
    def result_count(self) -> int:
        """How many distinct results there are."""
        return len(self._number_of)

    def result_terms(self, numbers: U32) -> tuple[U8, I64, I64]:
        """(bytes, begins, ends) of results. The bytes stay as they are, whatever is added later."""
        begins = self._begins.view()
        return self._result_bytes.view(), frozen(begins[numbers]), frozen(begins[numbers.astype(np.int64) + 1])
