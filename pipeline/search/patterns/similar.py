"""Terms within one or two edits of a word, and how much less they score: Lucene's FuzzyQuery."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.search.patterns.pattern_kernels import CHARACTERS_MAX, edits_between, scan_similar, sign_terms
from pipeline.segments.columns.terms import Terms
from schemas.errors import illegal_argument, invalid

I64 = NDArray[np.int64]
EDITS_MAX: Final = 2
ROOM: Final = 1024  # similar terms that are expected at most
_AUTO: Final = re.compile(r"auto(?::(.*),(.*))?", re.IGNORECASE)


def edits_of(fuzziness: str, term: str) -> int:
    """How many edits ``fuzziness`` (0, 1, 2, AUTO, AUTO:low,high) allows a term. Raises ``illegal_argument``."""
    auto = _AUTO.fullmatch(fuzziness.strip())
    if auto is None:
        return _fixed(fuzziness)
    low, high = (3, 6) if auto[1] is None else (_integer(auto[1]), _integer(auto[2]))
    if low < 0 or high < 0 or low > high:
        message = f"fuzziness wrongly configured, must be: lowDistance > 0, highDistance > lowDistance [{fuzziness}]"
        raise illegal_argument(message)
    length = len(term)
    return 0 if length < low else 1 if length < high else 2


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise invalid("number_format", f'For input string: "{text}"') from None


def _fixed(fuzziness: str) -> int:
    try:
        edits = float(fuzziness)
    except ValueError:
        raise invalid("number_format", f'For input string: "{fuzziness}"') from None
    if edits not in (0, 1, 2):
        raise illegal_argument(f"Invalid fuzziness value: {fuzziness}. Valid values are 0, 1, 2 and AUTO")
    return int(edits)


@dataclass(frozen=True, slots=True)
class Signed:
    """What ``scan_similar`` needs to know of a dictionary beforehand: its terms by length."""

    signatures: NDArray[np.uint64]
    numbers: NDArray[np.uint32]
    bounds: I64

    @classmethod
    def of(cls, terms: Terms) -> "Signed":
        """Computed once per segment and field."""
        signatures, lengths = np.empty(terms.count, np.uint64), np.empty(terms.count, np.uint32)
        sign_terms(terms.data, terms.starts, signatures, lengths)
        order = np.argsort(lengths, kind="stable")
        longest = int(lengths.max(initial=0))
        bounds = np.searchsorted(lengths[order], np.arange(longest + 2))
        return cls(frozen(signatures[order]), frozen(order.astype(np.uint32)), frozen(bounds.astype(np.int64)))


@dataclass(frozen=True, slots=True)
class Word:
    """A word and what is near it: at most ``edits`` edits behind its first ``prefix_length`` characters."""

    term: bytes
    edits: int
    prefix_length: int = 0
    transpositions: bool = True
    _prefix: bytes = attribute(init=False, compare=False, repr=False)
    _rest: I64 = attribute(init=False, compare=False, repr=False)
    _signature: int = attribute(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        text = self.term.decode(errors="replace")
        signature = 0
        for character in text:
            signature |= 1 << (ord(character) & 63)
        rest = np.array([ord(c) for c in text[self.prefix_length :]], np.int64)
        object.__setattr__(self, "_prefix", text[: self.prefix_length].encode())
        object.__setattr__(self, "_rest", rest)
        object.__setattr__(self, "_signature", np.uint64(signature))

    def scan(self, terms: Terms, signed: Signed) -> tuple[I64, I64]:
        """(term numbers, edits) of the similar terms of a dictionary, in its order."""
        prefix, rest = self._prefix, self._rest
        first, end = terms.prefix_range(prefix) if prefix else (0, terms.count)
        if first >= end:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        room = ROOM
        while True:
            found, edits = np.empty(room, np.int64), np.empty(room, np.int64)
            count = scan_similar(
                terms.data, terms.starts, first, end, len(prefix), signed.signatures, signed.numbers, signed.bounds,
                self._signature, rest, self.edits, self.transpositions, found, edits,
            )  # fmt: skip
            if count <= room:
                order = np.argsort(found[:count])
                return found[order], edits[order]
            room = count

    def distance(self, term: bytes) -> int | None:
        """Edits to a term; None: too many."""
        prefix, rest = self._prefix, self._rest
        if not term.startswith(prefix):
            return None
        data = np.frombuffer(term + b"\0", np.uint8)
        rows = np.empty(3 * (len(rest) + 1), np.int64)
        scratch = np.empty(CHARACTERS_MAX, np.int64)
        edits = edits_between(data, len(prefix), len(term), rest, self.edits, self.transpositions, scratch, rows)
        return int(edits) if edits <= self.edits else None

    def similarity(self, term: bytes, edits: int) -> np.float32:
        """The factor of a term's score: 1 - edits / the shorter length, float32."""
        shorter = min(len(term.decode(errors="replace")), len(self.term.decode(errors="replace")))
        if edits == 0:
            return np.float32(1)
        one: np.float32 = np.float32(1) - np.float32(edits) / np.float32(max(shorter, 1))
        return one

    def best(self, near: Iterable[tuple[bytes, int]], most: int) -> list[tuple[bytes, np.float32]]:
        """The ``most`` most similar of (term, edits), by term; of equal ones those that sort first. Negative factors are left out."""
        factors = [(term, self.similarity(term, edits)) for term, edits in near]
        ranked = sorted((pair for pair in factors if pair[1] >= 0), key=lambda pair: (-pair[1], pair[0]))
        return sorted(ranked[:most])
