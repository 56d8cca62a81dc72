"""An analyzer: how text becomes terms: character filters, a tokenizer, token filters. One text at a time (queries, _analyze, highlighting).

Columns of texts go through ``pipeline.analysis.columns``, which gives the same terms at the same positions.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.analysis.char_filters import CharFilter, Filtered
from pipeline.analysis.words import Filter, Stream, Token, Word, run

POSITION_GAP = 100  # between the values of an array (Elasticsearch's position_increment_gap)


class Tokenizer(Protocol):
    """What every tokenizer is."""

    def words(self, text: str) -> list[Word]:
        """The words of one text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Analyzer:
    """A chain of components."""

    name: str
    tokenizer: Tokenizer
    filters: tuple[Filter, ...] = ()
    char_filters: tuple[CharFilter, ...] = ()
    position_gap: int = POSITION_GAP

    def analyze(self, text: str) -> list[Token]:
        """The terms of one text, in order."""
        return self.analyze_with_end(text)[0]

    def analyze_with_end(self, text: str) -> tuple[list[Token], int]:
        """The terms, and how many positions the text takes, those left out at its end among them."""
        text = clean(text)
        filtered, steps = self.filter_characters(text)
        stream = run(self.filters, Stream(self.tokenizer.words(filtered)))
        return tokens_of(stream, text, steps), sum(w.increment for w in stream.words) + stream.trailing

    def stream(self, text: str) -> Stream:
        """The words of one text, for columns."""
        for one in self.char_filters:
            text = one.apply(text).text
        return run(self.filters, Stream(self.tokenizer.words(text)))

    def filter_characters(self, text: str) -> tuple[str, list[Filtered]]:
        """The text after the character filters, and the result of each."""
        steps: list[Filtered] = []
        for one in self.char_filters:
            steps.append(one.apply(text))
            text = steps[-1].text
        return text, steps


def clean(text: str) -> str:
    """The text with question marks for unpaired surrogates, which UTF-8 has no bytes for."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def tokens_of(stream: Stream, text: str, steps: list[Filtered]) -> list[Token]:
    """Words as tokens: positions from the text's start, offsets in UTF-16 units of the text before the character filters."""
    units = None if text.isascii() else _utf16_offsets(text)
    position, found = -1, []
    for word in stream.words:
        position += word.increment
        start, end = word.start, word.end
        for step in reversed(steps):
            start, end = step.origin(start), step.origin(end)
        if units is not None:
            start, end = int(units[start]), int(units[end])
        found.append(Token(word.term, start, end, max(position, 0), word.type, word.length, word.keyword))
    return found


def _utf16_offsets(text: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """int64[len(text) + 1]: UTF-16 code units before each character."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return np.concatenate([[0], np.cumsum(1 + (codes > 0xFFFF), dtype=np.int64)])
