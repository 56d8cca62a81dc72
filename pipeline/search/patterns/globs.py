"""Patterns: ``*`` any run of characters, ``?`` one character, a backslash takes the next as it is."""

from dataclasses import dataclass
from dataclasses import field as attribute

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.search.patterns.pattern_kernels import ONE, RUN, fits_glob, scan_globs
from pipeline.segments.columns.terms import Terms

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern as symbols: bytes, ONE, RUN. ``folded``: ASCII letters fit in either case."""

    symbols: tuple[int, ...]
    folded: bool = False
    _array: I64 = attribute(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_array", frozen(np.array(self.symbols, np.int64)))

    @property
    def prefix(self) -> bytes:
        """The bytes with which every term that fits begins."""
        if self.folded:
            return b""
        special = (i for i, symbol in enumerate(self.symbols) if symbol >= ONE)
        return bytes(self.symbols[: next(special, len(self.symbols))])

    def matches(self, term: bytes) -> bool:
        """Whether a term fits."""
        data = np.frombuffer(term or b"\0", np.uint8)
        return bool(fits_glob(data, 0, len(term), self._array, self.folded))

    def numbers(self, terms: Terms) -> I64:
        """int64[n]: the terms that fit, ascending."""
        first, end = terms.prefix_range(self.prefix)
        found = np.empty(max(end - first, 0), np.int64)
        count = scan_globs(terms.data, terms.starts, first, max(first, end), self._array, self.folded, found)
        return found[:count]


def glob_of(pattern: str, *, folded: bool = False) -> Glob:
    """The pattern of a wildcard query."""
    symbols: list[int] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            if not symbols or symbols[-1] != RUN:
                symbols.append(RUN)
        elif character == "?":
            symbols.append(ONE)
        else:
            literal = next(characters, "\\") if character == "\\" else character
            symbols.extend(_bytes_of(literal, folded=folded))
    return Glob(tuple(symbols), folded)


def glob_of_literal(text: str, *, folded: bool, open_end: bool = False) -> Glob:
    """The pattern that fits this text alone, or what begins with it."""
    return Glob((*_bytes_of(text, folded=folded), *((RUN,) if open_end else ())), folded)


def _bytes_of(text: str, *, folded: bool) -> bytes:
    data = text.encode("utf-8", "replace")
    return data.lower() if folded else data  # of bytes: ASCII only
