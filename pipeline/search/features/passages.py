"""Passages of a text around what matched, after Lucene's UnifiedHighlighter as Elasticsearch sets it up.

A passage is as many whole sentences as fit the fragment size, or a part of a longer sentence, cut at words. Passages are scored by
BM25 with a pivot of 87 characters (PassageScorer), the best are kept.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

PIVOT: Final = 87.0
K1: Final = 1.2
B: Final = 0.75
# After . a sentence ends before white space and something that does not go on in lower case; after ! ? 。 at once.
_SENTENCE_END: Final = re.compile(
    "[!?\u3002\uff01\uff1f]+[)\\]}\u00bb\u201d\u2019\"']*\\s*|\\.+[)\\]}\u00bb\u201d\u2019\"']*\\s+(?![a-z])|\u2029"
)
_WORD: Final = re.compile(r"\w+(?:['.’]\w+)*|[^\w]")


@dataclass(frozen=True, slots=True)
class Match:
    """What matched: characters [start, end), and the term that counts for the score."""

    start: int
    end: int
    term: str


@dataclass(slots=True)
class Passage:
    """A part of the text and the matches in it."""

    start: int
    end: int
    matches: list[Match] = field(default_factory=list)
    score: float = 0.0


def sentence_breaks(text: str) -> list[int]:
    """Where sentences begin and end, 0 and the length of the text among them."""
    ends = [m.end() for m in _SENTENCE_END.finditer(text)]
    return sorted({0, len(text), *ends})


def word_breaks(text: str) -> list[int]:
    """Where words begin and end."""
    return [0, *(m.end() for m in _WORD.finditer(text))]


def following(breaks: Sequence[int], at: int) -> int:
    """The first break after a position; the last break if there is none."""
    found = bisect_right(breaks, at)
    return breaks[min(found, len(breaks) - 1)]


def preceding(breaks: Sequence[int], at: int) -> int:
    """The last break before a position; the first if there is none."""
    return breaks[max(bisect_left(breaks, at) - 1, 0)]


class Boundaries:
    """The passage around a position of a text (Elasticsearch's BoundedBreakIteratorScanner); positions are asked for in order."""

    def __init__(self, text: str, size: int) -> None:
        self._sentences = sentence_breaks(text)
        self._words = word_breaks(text)
        self._size = size
        self._window = (0, 0)
        self._end = 0

    def around(self, at: int) -> tuple[int, int]:
        """[start, end) of the passage that shows position ``at``."""
        if self._window[0] <= at < self._window[1]:
            start, end = self._end, self._window[1]  # the rest of a sentence of which a part was shown
        else:
            start, end = preceding(self._sentences, at + 1), following(self._sentences, at)
            while end - start < self._size:
                further = following(self._sentences, end)
                if further == end or further - start > self._size:
                    break
                end = further
            self._window = (start, end)
        if end - start > self._size:
            if at - self._size > start:
                start = max(start, preceding(self._words, at - self._size))
            left = max(0, self._size - (at - start))
            if at + left < self._window[1]:
                end = min(self._window[1], following(self._words, at + left))
        self._end = end
        return start, end


def passages(text: str, matches: Sequence[Match], size: int) -> list[Passage]:
    """The passages that show the matches (ascending), scored; size 0: the whole text is one."""
    if not matches:
        return []
    around: Callable[[int], tuple[int, int]] = Boundaries(text, size).around if size else lambda at: (0, len(text))
    found: list[Passage] = []
    for match in matches:
        if not found or match.start >= found[-1].end:
            start, end = around(match.start)
            found.append(Passage(max(start, found[-1].end if found else 0), max(end, match.end)))
        found[-1].matches.append(match)
    totals = Counter(m.term for m in matches)
    for passage in found:
        passage.score = _score(passage, len(text), totals)
    return found


def _score(passage: Passage, length: int, totals: Counter[str]) -> float:
    documents = 1 + length / PIVOT
    norm = K1 * ((1 - B) + B * (passage.end - passage.start) / PIVOT)
    score = 0.0
    for term, count in Counter(m.term for m in passage.matches).items():
        weight = (K1 + 1) * math.log(1 + (documents + 0.5) / (totals[term] + 0.5))
        score += weight * count / (count + norm)
    return score * (1 + 1 / math.log(PIVOT + passage.start))


def marked(text: str, passage: Passage, pre: str, post: str) -> str:
    """The passage with its matches between tags; matches that overlap share theirs."""
    parts, at = [], passage.start
    for start, end in _joined(passage.matches):
        parts += [text[at:start], pre, text[start:end], post]
        at = end
    parts.append(text[at : passage.end])
    return "".join(parts).strip()


def _joined(matches: Sequence[Match]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for match in matches:
        if spans and match.start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], match.end))
        else:
            spans.append((match.start, match.end))
    return spans


def beginning(text: str, size: int) -> str:
    """The first ``size`` characters, to the end of a word."""
    return text if len(text) <= size else text[: following(word_breaks(text), size)].strip()
