"""Filters that look at neighbours: unique, limit, fingerprint, bigrams of Chinese, Japanese and Korean."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from pipeline.analysis.words import Stream, StreamFilter, Word

CJK_TYPES: Final = {"han": "<IDEOGRAPHIC>", "hiragana": "<HIRAGANA>", "katakana": "<KATAKANA>", "hangul": "<HANGUL>"}
DOUBLE: Final = "<DOUBLE>"
SINGLE: Final = "<SINGLE>"


@dataclass(frozen=True, slots=True)
class Unique(StreamFilter):
    """Each term once in a text."""

    @override
    def apply(self, stream: Stream) -> Stream:
        """The first of each; the positions of the others vanish."""
        seen: set[str] = set()
        found: list[Word] = []
        for word in stream.words:
            if word.term not in seen:
                seen.add(word.term)
                found.append(word)
        return Stream(found, stream.trailing)


@dataclass(frozen=True, slots=True)
class Limit(StreamFilter):
    """The first words of a text."""

    most: int

    @override
    def apply(self, stream: Stream) -> Stream:
        """At most so many."""
        return stream if len(stream.words) <= self.most else Stream(stream.words[: self.most])


@dataclass(frozen=True, slots=True)
class Fingerprint(StreamFilter):
    """The distinct terms, sorted, as one."""

    separator: str = " "
    size_max: int = 255

    @override
    def apply(self, stream: Stream) -> Stream:
        """One word, or none where it would be too long."""
        if not stream.words:
            return Stream([])
        term = self.separator.join(sorted({w.term for w in stream.words}))
        start, end = stream.words[0].start, max(w.end for w in stream.words)
        return Stream([Word(term, start, end, type="fingerprint")] if len(term) <= self.size_max else [])


@dataclass(frozen=True, slots=True)
class Bigrams(StreamFilter):
    """Pairs of neighbouring characters of these scripts, after Lucene's CJKBigramFilter; a character alone stays."""

    types: frozenset[str] = frozenset(CJK_TYPES.values())
    unigrams: bool = False

    @override
    def apply(self, stream: Stream) -> Stream:
        """Runs of words that touch as pairs of characters, the other words as they are."""
        found: list[Word] = []
        run: list[Word] = []
        for word in stream.words:
            cjk = word.type in self.types
            if run and not (cjk and word.start == run[-1].end and word.increment == 1):
                found += self._pairs(run)
                run = []
            if cjk:
                run += self._characters(word)
            else:
                found.append(word)
        return Stream(found + self._pairs(run), stream.trailing)

    @staticmethod
    def _characters(word: Word) -> list[Word]:
        intact = word.end - word.start == len(word.term)
        found = []
        for i, character in enumerate(word.term):
            one = replace(word, term=character, increment=word.increment if i == 0 else 1)
            if intact:
                one.start, one.end = word.start + i, word.start + i + 1
            found.append(one)
        return found

    def _pairs(self, run: Sequence[Word]) -> list[Word]:
        if not run:
            return []
        if len(run) == 1:
            return [replace(run[0], type=SINGLE)]
        found = []
        for i, one in enumerate(run):
            if self.unigrams:
                found.append(replace(one, type=SINGLE))
            if i + 1 < len(run):
                after = run[i + 1]
                pair = replace(one, term=one.term + after.term, end=after.end, type=DOUBLE)
                pair.increment, pair.length = (0, 2) if self.unigrams else (one.increment, 1)
                found.append(pair)
        return found
