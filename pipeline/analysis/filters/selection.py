"""Filters that keep words, leave them out, cut or mark them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from typing_extensions import override

from pipeline.analysis.filters.cases import lower
from pipeline.analysis.words import Filter, Stream, StreamFilter, TermFilter, Word, run


@dataclass(frozen=True, slots=True)
class Stop(TermFilter):
    """Leaves words out; their positions stay empty. With ``ignore_case`` the words are given in lower case."""

    words: frozenset[str]
    ignore_case: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """Nothing for a stop word."""
        return [] if (lower(word.term) if self.ignore_case else word.term) in self.words else [word]


@dataclass(frozen=True, slots=True)
class Keep(TermFilter):
    """Leaves out everything else."""

    words: frozenset[str]
    ignore_case: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word, if it is one of those."""
        return [word] if (lower(word.term) if self.ignore_case else word.term) in self.words else []


@dataclass(frozen=True, slots=True)
class Length(TermFilter):
    """Words of ``least`` to ``most`` characters."""

    least: int
    most: int

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word, if its length is right."""
        return [word] if self.least <= len(word.term) <= self.most else []


@dataclass(frozen=True, slots=True)
class Truncate(TermFilter):
    """At most ``length`` characters; keywords stay whole."""

    length: int

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word's beginning."""
        if not word.keyword:
            word.term = word.term[: self.length]
        return [word]


@dataclass(frozen=True, slots=True)
class Split(TermFilter):
    """Words longer than ``length`` in pieces, one position each (a tokenizer's max_token_length)."""

    length: int

    @override
    def expand(self, word: Word) -> list[Word]:
        """The pieces."""
        term, size = word.term, self.length
        if len(term) <= size:
            return [word]
        intact = word.end - word.start == len(term)
        found = []
        for at in range(0, len(term), size):
            piece = word.copy(term[at : at + size], word.increment if at == 0 else 1)
            if intact:
                piece.start, piece.end = word.start + at, word.start + at + len(piece.term)
            found.append(piece)
        return found


@dataclass(frozen=True, slots=True)
class MarkKeywords(TermFilter):
    """Marks words that stemmers leave alone."""

    is_keyword: Callable[[str], bool]

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word, marked if it is one."""
        word.keyword = word.keyword or self.is_keyword(word.term)
        return [word]


@dataclass(frozen=True, slots=True)
class RepeatKeywords(TermFilter):
    """Each word twice: as a keyword, and as it is."""

    @override
    def expand(self, word: Word) -> list[Word]:
        """Keyword and word."""
        again = replace(word, increment=0, keyword=False)
        word.keyword = True
        return [word, again]


@dataclass(frozen=True, slots=True)
class Override(TermFilter):
    """Words with given stems; they are keywords from then on."""

    stems: Mapping[str, str]
    ignore_case: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word or its given stem."""
        stem = None if word.keyword else self.stems.get(lower(word.term) if self.ignore_case else word.term)
        if stem is not None:
            word.term, word.keyword = stem, True
        return [word]


@dataclass(frozen=True, slots=True)
class Multiplex(TermFilter):
    """Each word through several chains of filters; the results stand at its position, each term once."""

    chains: tuple[tuple[Filter, ...], ...]
    preserve_original: bool = True

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word and what the chains make of it."""
        found = [replace(word)] if self.preserve_original else []
        for chain in self.chains:
            found += run(chain, Stream([replace(word, increment=1)])).words
        distinct = {w.term: w for w in reversed(found)}
        results = [w for w in found if distinct[w.term] is w]
        for i, one in enumerate(results):
            one.increment = word.increment if i == 0 else 0
        return results


@dataclass(frozen=True, slots=True)
class RemoveDuplicates(TermFilter):
    """The same term twice at a position: once."""

    @override
    def apply(self, stream: Stream) -> Stream:
        """The first of each. Positions cannot empty, so that nothing is carried."""
        found: list[Word] = []
        here: set[str] = set()
        for word in stream.words:
            if word.increment > 0:
                here = set()
            if word.term not in here:
                here.add(word.term)
                found.append(word)
        return Stream(found, stream.trailing)


@dataclass(frozen=True, slots=True)
class Types(StreamFilter):
    """Words of some types only, or of all others."""

    types: frozenset[str]
    exclude: bool = False

    @override
    def apply(self, stream: Stream) -> Stream:
        """Those words; the others leave their positions empty."""
        found: list[Word] = []
        carried = 0
        for word in stream.words:
            word.increment += carried
            carried = 0
            if (word.type in self.types) is not self.exclude:
                found.append(word)
            else:
                carried = word.increment
        return Stream(found, stream.trailing + carried)
