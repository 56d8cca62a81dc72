"""What flows through an analyzer: words with their places in the text; and tokens, what comes out of it.

A place in a stream is an increment, as in Lucene: how many positions a word lies behind the word before it. 0: they stand at the same
position; more than 1: something between them was left out.
"""

from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Protocol

ALPHANUM = "<ALPHANUM>"
WORD = "word"


@dataclass(frozen=True, slots=True)
class Token:
    """One term of a text. Offsets are UTF-16 code units from the start of the text, as Elasticsearch counts.

    A token spans ``position_length`` positions: more than one where a graph of synonyms or parts of words has a longer path beside it.
    """

    term: str
    start_offset: int
    end_offset: int
    position: int
    type: str = attribute(default=ALPHANUM, compare=False)
    position_length: int = attribute(default=1, compare=False)
    keyword: bool = attribute(default=False, compare=False)


@dataclass(slots=True)
class Word:
    """A word on its way through the filters. ``start`` and ``end`` are characters of the text that was cut."""

    term: str
    start: int
    end: int
    increment: int = 1
    length: int = 1
    type: str = WORD
    keyword: bool = False  # stemmers leave it alone

    def copy(self, term: str, increment: int = 0) -> "Word":
        """Another term of the same characters."""
        return replace(self, term=term, increment=increment)


@dataclass(slots=True)
class Stream:
    """Words in order, and how many positions were left out behind the last."""

    words: list[Word]
    trailing: int = 0

    def copy(self) -> "Stream":
        """The same, for somebody who will change the words."""
        return Stream([replace(w) for w in self.words], self.trailing)


class Filter(Protocol):
    """What every token filter is. ``termwise``: what becomes of a word depends on its term only, and of no other word, so that it
    may be found once for all the occurrences of a term.
    """

    @property
    def termwise(self) -> bool: ...

    def apply(self, stream: Stream) -> Stream:
        """The words after this filter. Those given may be changed and used again."""
        ...


class TermFilter:
    """A filter that takes words one by one."""

    __slots__ = ()

    @property
    def termwise(self) -> bool:
        """Whether a term's occurrences all fare alike."""
        return True

    def expand(self, word: Word) -> list[Word]:
        """What becomes of a word: the first result keeps its increment. The word may be changed and used again."""
        raise NotImplementedError

    def apply(self, stream: Stream) -> Stream:
        """Each word's results. Those that vanish leave their positions empty."""
        found: list[Word] = []
        carried = 0
        for word in stream.words:
            word.increment += carried
            results = self.expand(word)
            carried = 0 if results else word.increment
            found += results
        return Stream(found, stream.trailing + carried)


class StreamFilter:
    """A filter that looks at a word's neighbours."""

    __slots__ = ()

    @property
    def termwise(self) -> bool:
        """No: it must see whole texts."""
        return False

    def apply(self, stream: Stream) -> Stream:
        """The words after this filter."""
        raise NotImplementedError


def run(filters: "tuple[Filter, ...]", stream: Stream) -> Stream:
    """All filters in turn."""
    for one in filters:
        stream = one.apply(stream)
    return stream
