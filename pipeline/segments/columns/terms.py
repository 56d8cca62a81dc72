"""A field's dictionary: its distinct terms in byte order, found by bisection; how one is made of unsorted terms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.columns import DistinctTerms
from pipeline.analysis.scratch import frozen
from pipeline.kernels.gather_kernels import gather_strings
from pipeline.segments.columns.term_kernels import (
    find_all,
    lower_bound,
    prefix_words,
    sort_ties,
)
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The sorted terms of one field in one segment. ``data`` is padded; both arrays are read only."""

    data: NDArray[np.uint8]
    starts: I64

    @property
    def count(self) -> int:
        """How many terms."""
        return len(self.starts) - 1

    def term(self, number: int) -> bytes:
        """The bytes of one term."""
        return self.data[self.starts[number] : self.starts[number + 1]].tobytes()

    def lookup(self, term: bytes) -> int:
        """The number of a term, -1 where it is not there."""
        at = self._bound(term)
        return at if at < self.count and self.term(at) == term else -1

    def lookup_many(self, terms: ByteColumn) -> I64:
        """int64[n]: the number of each term, -1 where it is not there."""
        found: I64 = find_all(self.data, self.starts, frozen(terms.data), frozen(terms.starts))
        return found

    def prefix_range(self, prefix: bytes) -> tuple[int, int]:
        """[low, high): the terms that begin with these bytes."""
        following = _after_prefix(prefix)
        return self._bound(prefix), self.count if following is None else self._bound(following)

    def range(
        self,
        low: bytes | None,
        high: bytes | None,
        *,
        include_low: bool = True,
        include_high: bool = True,
    ) -> tuple[int, int]:
        """[first, end): the terms between two bounds; None is no bound."""
        first = 0 if low is None else self._bound(low if include_low else low + b"\0")
        end = self.count if high is None else self._bound(high + b"\0" if include_high else high)
        return first, max(first, end)

    def slice(self, low: int, high: int) -> ByteColumn:
        """The terms [low, high), without a copy."""
        return ByteColumn(self.data, self.starts[low : high + 1])

    def _bound(self, term: bytes) -> int:
        target = np.frombuffer(term + bytes(READABLE_PAD_BYTES), np.uint8)
        return int(lower_bound(self.data, self.starts, target, 0, len(term)))


def _after_prefix(prefix: bytes) -> bytes | None:
    """The least byte string above everything that begins with the prefix; None: there is nothing above."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def gather(data: NDArray[np.uint8], begins: I64, ends: I64, order: I64) -> tuple[NDArray[np.uint8], I64]:
    """Strings data[begins[i]:ends[i]] in this order, one after another and padded; and where each begins, int64[n + 1]."""
    gathered: tuple[NDArray[np.uint8], I64] = gather_strings(frozen(data), frozen(begins), frozen(ends), frozen(order))
    return gathered


def order_of_terms(terms: DistinctTerms) -> I64:
    """int64[t]: the terms' numbers in byte order."""
    words = prefix_words(terms.data, terms.begins, terms.ends)
    order: I64 = np.argsort(words)
    sort_ties(order, words, terms.data, terms.begins, terms.ends)
    return order
