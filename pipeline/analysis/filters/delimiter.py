"""Parts of words, after Lucene's WordDelimiterGraphFilter: Wi-Fi is wi, fi and, catenated, wifi.

A word is cut where the type of character changes (lower, upper, digit, delimiter). The parts are edges of a graph: part i leads
from node i to node i + 1, what is catenated or kept whole leads over several; edges are given by their beginning, longer ones first.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from typing_extensions import override

from pipeline.analysis.words import TermFilter, Word

LOWER: Final = 1
UPPER: Final = 2
DIGIT: Final = 4
DELIMITER: Final = 8
ALPHA: Final = LOWER | UPPER
TYPES: Final = {
    "LOWER": LOWER, "UPPER": UPPER, "ALPHA": ALPHA, "DIGIT": DIGIT, "ALPHANUM": ALPHA | DIGIT, "SUBWORD_DELIM": DELIMITER,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """What is made of the parts of a word."""

    generate_word_parts: bool = True
    generate_number_parts: bool = True
    catenate_words: bool = False
    catenate_numbers: bool = False
    catenate_all: bool = False
    preserve_original: bool = False
    split_on_case_change: bool = True
    split_on_numerics: bool = True
    stem_english_possessive: bool = True
    adjust_offsets: bool = True
    ignore_keywords: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    start: int
    end: int
    kind: int


@dataclass(slots=True)
class _Edge:
    """Characters spans[...] of the word from one node to another."""

    spans: list[tuple[int, int]]
    begin: int
    end: int

    def text(self, term: str) -> str:
        return "".join(term[a:b] for a, b in self.spans)


@dataclass(slots=True)
class _Run:
    """Parts that wait to be catenated."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    begin: int = 0
    kind: int = 0


@dataclass(frozen=True, slots=True)
class Delimiter(TermFilter):
    """``word_delimiter_graph``; without ``graph`` the ``word_delimiter`` that all tokens have length 1 in."""

    parts: Parts
    graph: bool = True
    protected: frozenset[str] = frozenset()
    types: Mapping[str, int] = field(default_factory=dict)

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word as it is where there is nothing to cut; else its parts."""
        if word.term in self.protected or (self.parts.ignore_keywords and word.keyword):
            return [word]
        found = self._cut(word.term)
        if len(found) == 1 and (found[0].start, found[0].end) == (0, len(word.term)):
            return [word]
        edges, whole = self._edges(word.term, found)
        return self._words(word, edges, whole)

    # --- cutting -----------------------------------------------------------------------------------
    def _kind(self, character: str) -> int:
        known = self.types.get(character)
        if known is not None:
            return known
        category = unicodedata.category(character)
        if category == "Ll":
            return LOWER
        if category == "Lu":
            return UPPER
        if category[0] in "LM":
            return ALPHA
        return DIGIT if category[0] == "N" else DELIMITER

    def _breaks(self, before: int, after: int) -> bool:
        if before & after:
            return False
        if before & ALPHA and after & ALPHA:
            return self.parts.split_on_case_change and not before & UPPER
        alpha_digit = (before & ALPHA and after & DIGIT) or (before & DIGIT and after & ALPHA)
        return self.parts.split_on_numerics or not alpha_digit

    def _cut(self, term: str) -> list[_Part]:
        kinds = [self._kind(c) for c in term]
        found: list[_Part] = []
        at, size = 0, len(term)
        while at < size:
            if kinds[at] & DELIMITER:
                at += 1
                continue
            end = at + 1
            while end < size and not kinds[end] & DELIMITER and not self._breaks(kinds[end - 1], kinds[end]):
                end += 1
            found.append(_Part(at, end, kinds[at]))
            at = end + 2 if self._possessive(term, kinds, end) else end
        return found

    def _possessive(self, term: str, kinds: Sequence[int], at: int) -> bool:
        """Whether 's stands there and the word ends behind it."""
        wanted = self.parts.stem_english_possessive and term[at : at + 2].lower() == "'s" and kinds[at - 1] & ALPHA
        return bool(wanted) and (at + 2 == len(term) or bool(kinds[at + 2] & DELIMITER))

    # --- the graph -----------------------------------------------------------------------------------
    def _generates(self, kind: int) -> bool:
        words, numbers = self.parts.generate_word_parts, self.parts.generate_number_parts
        return bool((words and kind & ALPHA) or (numbers and kind & DIGIT))

    def _catenates(self, kind: int) -> bool:
        words, numbers = self.parts.catenate_words, self.parts.catenate_numbers
        return bool((words and kind & ALPHA) or (numbers and kind & DIGIT))

    def _edges(self, term: str, found: Sequence[_Part]) -> tuple[list[_Edge], _Edge | None]:
        """The edges of the parts, and that of the whole word where it is kept."""
        edges: list[_Edge] = []
        node = longest = 0
        run, everything = _Run(), _Run()
        for part in found:
            if run.spans and not run.kind & part.kind:
                node = self._flush(run, edges, node)
                longest, run = max(longest, len(run.spans)), _Run()
            if self._catenates(part.kind):
                run = run if run.spans else _Run([], node, part.kind)
                run.spans.append((part.start, part.end))
            everything.spans.append((part.start, part.end))
            if self._generates(part.kind):
                edges.append(_Edge([(part.start, part.end)], node, node + 1))
                node += 1
        if run.spans:
            node = self._flush(run, edges, node)
            longest = max(longest, len(run.spans))
        if self.parts.catenate_all and everything.spans and len(everything.spans) > longest:
            everything.kind = found[0].kind
            node = self._flush(everything, edges, node)
        if not self.parts.preserve_original:
            return edges, None
        whole = _Edge([(0, len(term))], 0, max(node, 1))
        return [e for e in edges if e.spans != whole.spans], whole

    def _flush(self, run: _Run, edges: list[_Edge], node: int) -> int:
        """Add a catenation, unless it is a part that is there already; the next free node."""
        if len(run.spans) == 1 and self._generates(run.kind):
            return node
        node = max(node, run.begin + 1)
        edges.append(_Edge(run.spans, run.begin, node))
        return node

    def _words(self, word: Word, edges: list[_Edge], whole: _Edge | None) -> list[Word]:
        ordered = sorted(edges, key=lambda e: (e.begin, -e.end))
        ordered = ordered if whole is None else [whole, *ordered]
        intact = self.parts.adjust_offsets and word.end - word.start == len(word.term)
        found: list[Word] = []
        before = 0
        for i, edge in enumerate(ordered):
            increment = word.increment + edge.begin if i == 0 else edge.begin - before
            before = edge.begin
            one = replace(
                word, term=edge.text(word.term), increment=increment, length=edge.end - edge.begin if self.graph else 1
            )
            if intact and edge is not whole:
                one.start, one.end = word.start + edge.spans[0][0], word.start + edge.spans[-1][1]
            found.append(one)
        return found
