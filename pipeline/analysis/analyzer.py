"""An analyzer: how text becomes terms, one text at a time (queries, _analyze, highlighting).

Columns of texts go through ``pipeline.analysis.columns``, which gives the same terms at the same positions.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from pipeline.analysis.characters import characters
from pipeline.analysis.tokenize_kernels import lower_bytes, token_bounds
from schemas.limits import READABLE_PAD_BYTES

POSITION_GAP = 100  # between the values of an array (Elasticsearch's position_increment_gap)


class Tokenizer(IntEnum):
    """How text is cut; the values are those the kernels know."""

    STANDARD = 0  # Unicode word breaks, as Lucene's StandardTokenizer
    LETTERS = 1  # runs of letters
    WHITESPACE = 2  # runs of anything else than white space
    WHOLE = 3  # one token, however long


@dataclass(frozen=True, slots=True)
class Token:
    """One term of a text. Offsets are UTF-16 code units from the start of the text, as Elasticsearch counts."""

    term: str
    start_offset: int
    end_offset: int
    position: int


@dataclass(frozen=True, slots=True)
class Analyzer:
    """A tokenizer and what is done to its tokens: lower case, then words left out (their positions stay empty)."""

    name: str
    tokenizer: Tokenizer
    lowercase: bool
    stop_words: frozenset[str] = field(default_factory=frozenset)

    def analyze(self, text: str) -> list[Token]:
        """The terms of one text, in order. Unpaired surrogates count as any character that is no letter."""
        data = text.encode("utf-8", "replace")
        if not data:
            return [Token("", 0, 0, 0)] if self.tokenizer is Tokenizer.WHOLE else []
        bounds = self._bounds(data)
        units = _utf16_offsets(data)
        tokens = []
        for position, (start, end) in enumerate(bounds):
            term = self._term(data[start:end])
            if term not in self.stop_words:
                tokens.append(Token(term, int(units[start]), int(units[end]), position))
        return tokens

    def _bounds(self, data: bytes) -> list[tuple[int, int]]:
        """(start, end) of each token, in bytes."""
        if self.tokenizer is Tokenizer.WHOLE:
            return [(0, len(data))]
        known = characters()
        column = np.frombuffer(data + bytes(READABLE_PAD_BYTES), np.uint8)
        bounds = np.empty(2 * len(data), np.int64)
        count = token_bounds(column, 0, len(data), int(self.tokenizer), known.classes, known.kinds, bounds)
        pairs: list[list[int]] = bounds[: 2 * count].reshape(-1, 2).tolist()
        return [(start, end) for start, end in pairs]

    def _term(self, token: bytes) -> str:
        if not self.lowercase:
            return token.decode()
        column = np.frombuffer(token + bytes(READABLE_PAD_BYTES), np.uint8)
        return lower_bytes(column, 0, len(token), characters().lower).tobytes().decode()


def _utf16_offsets(data: bytes) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """int64[len(data) + 1]: UTF-16 code units before each byte of UTF-8."""
    column = np.frombuffer(data, np.uint8)
    units = ((column & 0xC0) != 0x80).astype(np.int64) + (column >= 0xF0)
    return np.concatenate([[0], np.cumsum(units)])
