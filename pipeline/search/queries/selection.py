"""Sets of documents of one segment: a sorted list where few match, a mask where many do, neither where all do.

And ``Matches``: documents with their scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.search.kernels.score_kernels import intersect

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
# A mask costs a byte a document; a list is better below this share of the segment.
DENSE_SHARE = 16
NO_DOCUMENTS = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Selection:
    """Documents of a segment of ``size``: ``documents`` (sorted, distinct) or ``mask`` bool[size], or all (both None)."""

    size: int
    documents: U32 | None = None
    mask: Mask | None = None

    @property
    def everything(self) -> bool:
        """Whether all documents are in it without looking."""
        return self.documents is None and self.mask is None

    @property
    def nothing(self) -> bool:
        """Whether no document is in it, as far as is known without looking at a mask."""
        return self.size == 0 or (self.documents is not None and len(self.documents) == 0)

    def count(self) -> int:
        """How many."""
        if self.documents is not None:
            return len(self.documents)
        return self.size if self.mask is None else int(np.count_nonzero(self.mask))

    def as_documents(self) -> U32:
        """As a sorted list."""
        if self.documents is not None:
            return self.documents
        if self.mask is None:
            return np.arange(self.size, dtype=np.uint32)
        return np.flatnonzero(self.mask).astype(np.uint32)

    def as_mask(self) -> Mask:
        """As a mask, not to be written to."""
        if self.mask is not None:
            return self.mask
        if self.documents is None:
            return np.ones(self.size, np.bool_)
        mask = np.zeros(self.size, np.bool_)
        mask[self.documents] = True
        return mask

    def compact(self) -> "Selection":
        """In the form that costs less."""
        if self.documents is not None and len(self.documents) * DENSE_SHARE > self.size:
            return Selection(self.size, mask=self.as_mask())
        return self

    def both(self, other: "Selection") -> "Selection":
        """Documents in both."""
        if self.everything or other.nothing:
            return other
        if other.everything or self.nothing:
            return self
        if self.documents is None and other.documents is None:
            return Selection(self.size, mask=self.as_mask() & other.as_mask())
        listed, rest = (self, other) if self.documents is not None else (other, self)
        documents = listed.as_documents()
        if rest.documents is None:
            return Selection(self.size, documents[rest.as_mask()[documents]])
        return Selection(self.size, documents[common(documents, rest.documents)[0]])

    def without(self, other: "Selection") -> "Selection":
        """Documents here that are not in the other."""
        if other.nothing or self.nothing:
            return self
        if self.documents is not None:
            return Selection(self.size, self.documents[~other.as_mask()[self.documents]])
        return Selection(self.size, mask=self.as_mask() & ~other.as_mask())


def nothing(size: int) -> Selection:
    """No document."""
    return Selection(size, NO_DOCUMENTS)


def common(a: U32, b: U32) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the documents of both sorted lists stand in each."""
    most = min(len(a), len(b))
    in_a, in_b = np.empty(most, np.int64), np.empty(most, np.int64)
    count = intersect(a, b, in_a, in_b)
    return in_a[:count], in_b[:count]


def at_least(parts: Sequence[Selection], least: int, size: int) -> Selection:
    """Documents in at least so many of the parts."""
    if least > len(parts):
        return nothing(size)
    if least == 1 and any(p.everything for p in parts):
        return Selection(size)
    small = all(p.documents is not None for p in parts)
    total = sum(len(p.documents) for p in parts if p.documents is not None)
    if small and total * DENSE_SHARE < size:
        every = np.concatenate([p.as_documents() for p in parts])
        documents, counts = np.unique(every, return_counts=True)
        return Selection(size, documents[counts >= least])
    if least == 1:
        mask = np.zeros(size, np.bool_)
        for part in parts:
            if part.documents is not None:
                mask[part.documents] = True
            else:
                mask |= part.as_mask()
        return Selection(size, mask=mask)
    held = np.zeros(size, np.uint16)
    for part in parts:
        if part.documents is not None:
            held[part.documents] += 1
        else:
            held += part.as_mask()
    return Selection(size, mask=held >= least)


@dataclass(frozen=True, slots=True)
class Matches:
    """Documents (sorted, distinct) and their scores, float32[n]."""

    documents: U32
    scores: F32

    def __len__(self) -> int:
        return len(self.documents)

    def keep(self, selection: Selection) -> "Matches":
        """Those that are in the selection too."""
        if selection.everything:
            return self
        if selection.documents is not None:
            where, _ = common(self.documents, selection.documents)
        else:
            where = np.flatnonzero(selection.as_mask()[self.documents])
        if len(where) == len(self.documents):
            return self
        return Matches(self.documents[where], self.scores[where])


def constant(selection: Selection, score: float) -> Matches:
    """All with the same score."""
    documents = selection.as_documents()
    return Matches(documents, np.full(len(documents), score, np.float32))
