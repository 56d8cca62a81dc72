"""N-grams and edge n-grams of words; shingles of neighbouring words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from typing_extensions import override

from pipeline.analysis.words import Stream, StreamFilter, TermFilter, Word


@dataclass(frozen=True, slots=True)
class Grams(TermFilter):
    """All n-grams of a word, or (``edge``) those at its beginning, at the position of the word and with its offsets."""

    least: int
    most: int
    preserve_original: bool = False
    edge: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The n-grams in order of their beginnings, then of their lengths; last the word, where it is wanted and no n-gram."""
        term, size = word.term, len(word.term)
        places = range(1 if self.edge else size)
        lengths = range(self.least, min(self.most, size) + 1)
        grams = [term[at : at + n] for at in places for n in lengths if at + n <= size]
        if self.preserve_original and not self.least <= size <= self.most:
            grams.append(term)
        return [word.copy(gram, word.increment if i == 0 else 0) for i, gram in enumerate(grams)]


@dataclass(frozen=True, slots=True)
class BackGrams(TermFilter):
    """The n-grams at a word's end."""

    least: int
    most: int
    preserve_original: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The n-grams, shortest first."""
        size = len(word.term)
        grams = [word.term[size - n :] for n in range(self.least, min(self.most, size) + 1)]
        if self.preserve_original and not self.least <= size <= self.most:
            grams.append(word.term)
        return [word.copy(gram, word.increment if i == 0 else 0) for i, gram in enumerate(grams)]


@dataclass(frozen=True, slots=True)
class _Place:
    """A word of the window, or the filler in the place of a word that was left out."""

    term: str
    word: Word
    filler: bool = False


@dataclass(frozen=True, slots=True)
class Shingles(StreamFilter):
    """Words joined with those that follow them, after Lucene's ShingleFilter: at every word, first the word, then its shingles."""

    least: int = 2
    most: int = 2
    unigrams: bool = True
    unigrams_if_none: bool = False
    separator: str = " "
    filler: str = "_"

    @override
    def apply(self, stream: Stream) -> Stream:
        """The shingles. Positions left out hold the filler, which never stands alone."""
        places = self._places(stream)
        sizes = [*([1] if self.unigrams else []), *range(self.least, self.most + 1)]
        found = self._joined(places, sizes)
        if not self.unigrams and self.unigrams_if_none and not found:
            found = self._joined(places, [1])
        return Stream(found)

    def _places(self, stream: Stream) -> list[_Place]:
        places: list[_Place] = []
        for i, word in enumerate(stream.words):
            missing = word.increment - 1
            if i > 0 or missing > 0:
                hole = replace(word, end=word.start)
                places += [_Place(self.filler, hole, filler=True)] * min(missing, self.most - 1)
            places.append(_Place(word.term, word))
        if places and stream.trailing > 0:
            end = replace(places[-1].word, start=places[-1].word.end)
            places += [_Place(self.filler, end, filler=True)] * min(stream.trailing, self.most - 1)
        return places

    def _joined(self, places: Sequence[_Place], sizes: Sequence[int]) -> list[Word]:
        found: list[Word] = []
        for at in range(len(places)):
            here = False
            for size in sizes:
                window = places[at : at + size]
                if len(window) < size or all(p.filler for p in window):
                    continue
                found.append(self._shingle(window, 0 if here else 1))
                here = True
        return found

    def _shingle(self, window: Sequence[_Place], increment: int) -> Word:
        first, last, size = window[0].word, window[-1].word, len(window)
        length = size if self.unigrams else max(1, size - self.least + 1)
        return replace(
            first,
            term=self.separator.join(p.term for p in window),
            end=last.end,
            increment=increment,
            length=length,
            type="shingle" if size > 1 else first.type,
        )


@dataclass(frozen=True, slots=True)
class CommonGrams(StreamFilter):
    """Pairs of neighbours of which one is a common word, beside the words; ``query_mode``: pairs instead of the words they hold."""

    common: frozenset[str]
    query_mode: bool = False

    @override
    def apply(self, stream: Stream) -> Stream:
        """Words and pairs."""
        words = stream.words
        pairs = [a.term in self.common or b.term in self.common for a, b in pairwise(words)] + [False]
        found: list[Word] = []
        for i, word in enumerate(words):
            gram = None
            if pairs[i]:
                after = words[i + 1]
                gram = replace(
                    word, term=f"{word.term}_{after.term}", end=after.end, increment=0, length=2, type="gram"
                )
            if self.query_mode:
                if gram is not None:
                    found.append(replace(gram, increment=word.increment, length=1))
                elif i == 0 or i + 1 < len(words) or not pairs[i - 1]:
                    found.append(word)
            else:
                found += [word] if gram is None else [word, gram]
        return Stream(found, stream.trailing)
