"""What an analyzer's filters make of terms, found once per distinct term and kept across batches.

The result of a term is a sequence of terms with shifts: where each stands, counted from where the word itself would. Most filters
give one term at the word's own place or none; such results are kept as bare bytes, and a column of them needs no arithmetic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.words import Stream

TERMS_KEPT_MAX = 1 << 20  # then the vocabulary starts anew: a bound on memory, nothing else
_NONE: "Expansion"


@dataclass(frozen=True, slots=True)
class Expansion:
    """Terms in order of position, their shifts (>= 0), and by how many positions what follows is moved (beyond the word's own)."""

    terms: tuple[bytes, ...]
    shifts: tuple[int, ...]
    advance: int


_NONE = Expansion((), (), 0)


@dataclass(frozen=True, slots=True)
class Expansions:
    """The expansions of a column of terms: those of term t are numbers[starts[t]:starts[t + 1]].

    ``numbers`` uint32: into ``terms``. ``shifts`` and ``advances`` int64, None where all are 0.
    """

    terms: Sequence[bytes]
    numbers: NDArray[np.uint32]
    starts: NDArray[np.int64]
    shifts: NDArray[np.int64] | None
    advances: NDArray[np.int64] | None


class Vocabulary:
    """Results by term. Threads may share it: at worst two of them find the same result."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, bytes | Expansion] = {}

    def expand(self, terms: Sequence[bytes], find: Callable[[str], Stream], *, keep: bool) -> Expansions:
        """The results of distinct terms; ``find`` makes a new one. ``keep`` False: texts, which hardly come again."""
        known = self._known
        if len(known) > TERMS_KEPT_MAX:
            known = self._known = {}
        if not keep:
            known = {}
        found: list[bytes | Expansion] = []
        for term in terms:
            one = known.get(term)
            if one is None:
                one = known[term] = expansion_of(find(term.decode()))
            found.append(one)
        return _gathered(found)


def expansion_of(stream: Stream) -> bytes | Expansion:
    """What a word became: bare bytes if it is one term in its place."""
    words, position = stream.words, -1
    if len(words) == 1 and words[0].increment == 1 and stream.trailing == 0:
        return words[0].term.encode()
    shifts = []
    for word in words:
        position += word.increment
        shifts.append(max(position, 0))
    advance = position + stream.trailing
    if not words and advance == 0:
        return _NONE
    return Expansion(tuple(w.term.encode() for w in words), tuple(shifts), advance)


def _gathered(found: Sequence[bytes | Expansion]) -> Expansions:
    numbers: dict[bytes, int] = {}
    number = numbers.setdefault
    several = [(t, one) for t, one in enumerate(found) if not isinstance(one, bytes)]
    if not several:
        column = np.array([number(one, len(numbers)) for one in found], np.uint32)  # type: ignore[arg-type]
        return Expansions(list(numbers), column, np.arange(len(found) + 1), None, None)
    counts = np.ones(len(found), np.int64)
    advances = np.zeros(len(found), np.int64)
    for t, expansion in several:
        counts[t], advances[t] = len(expansion.terms), expansion.advance
    places: list[int] = []
    shifts: list[int] = []
    for one in found:
        if isinstance(one, bytes):
            places.append(number(one, len(numbers)))
            shifts.append(0)
        else:
            places += [number(term, len(numbers)) for term in one.terms]
            shifts += one.shifts
    starts = np.concatenate([[0], np.cumsum(counts)])
    moved = np.array(shifts, np.int64)
    return Expansions(
        list(numbers),
        np.array(places, np.uint32),
        starts,
        moved if moved.any() else None,
        advances if advances.any() else None,
    )
