"""Tokenizers by regular expressions: pattern, simple_pattern, simple_pattern_split, char_group, uax_url_email, classic."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import regex  # type: ignore[import-untyped]

from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut
from pipeline.analysis.words import ALPHANUM, Word

URL: Final = "<URL>"
EMAIL: Final = "<EMAIL>"
_LABEL: Final = r"[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?"
_ADDRESS: Final = regex.compile(
    rf"(?P<email>[\w!#$%&'*+/=?^`{{|}}~-]+(?:\.[\w!#$%&'*+/=?^`{{|}}~-]+)*@(?:{_LABEL}\.)+\p{{L}}{{2,}})"
    rf"|(?P<url>(?:(?:https?|ftp|file)://[^\s<>\"]*[\p{{L}}\p{{N}}/_=&%#-]"
    rf"|(?<![\w@.-])(?:{_LABEL}\.)+(?:com|org|net|edu|gov|mil|int|info|biz|name|io|dev|app|[a-z]{{2}})(?![\w.-]*[\p{{L}}\p{{N}}@])"
    rf"(?::\d+)?(?:/[^\s<>\"]*[\p{{L}}\p{{N}}/_=&%#-])?))",
    regex.IGNORECASE | regex.VERSION1,
)
_CLASSIC: Final = regex.compile(
    r"(?P<email>[\p{L}\p{N}]+(?:[._-][\p{L}\p{N}]+)*@[\p{L}\p{N}]+(?:[.-][\p{L}\p{N}]+)+)"
    r"|(?P<acronym>\p{L}\.(?:\p{L}\.)+)"
    r"|(?P<company>\p{L}+[&@]\p{L}+)"
    r"|(?P<host>[\p{L}\p{N}]+(?:\.[\p{L}\p{N}]+)+)"
    r"|(?P<num>(?=[\p{L}\p{N}]*\p{N}|[\p{L}\p{N}]+[_\-/.,]\p{L}*\p{N})[\p{L}\p{N}]+(?:[_\-/.,](?=\p{L}*\p{N})[\p{L}\p{N}]+)+)"
    r"|(?P<apostrophe>\p{L}+(?:'\p{L}+)+)"
    r"|(?P<cj>[\p{Han}\p{Hiragana}\p{Katakana}])"
    r"|(?P<alphanum>[[\p{L}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}]]+)",
    regex.VERSION1,
)
_STANDARD: Final = CompiledTokenizer(Cut.STANDARD)


@dataclass(frozen=True, slots=True)
class PatternTokenizer:
    """``group`` -1: the pattern stands between words; else: the words are that group of its matches."""

    pattern: Any
    group: int = -1

    def words(self, text: str) -> list[Word]:
        """The words of one text; empty ones are left out."""
        spans = self._between(text) if self.group < 0 else (m.span(self.group) for m in self.pattern.finditer(text))
        return [Word(text[a:b], a, b) for a, b in spans if b > a]

    def _between(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        for match in self.pattern.finditer(text):
            yield at, match.start()
            at = match.end()
        yield at, len(text)


@dataclass(frozen=True, slots=True)
class AddressTokenizer:
    """``uax_url_email``: the standard tokenizer, but URLs and e-mail addresses are words."""

    def words(self, text: str) -> list[Word]:
        """The words of one text."""
        found: list[Word] = []
        at = 0
        for match in _ADDRESS.finditer(text):
            found += _shifted(_STANDARD.words(text[at : match.start()]), at)
            kind = EMAIL if match["email"] is not None else URL
            found.append(Word(match.group(), match.start(), match.end(), type=kind))
            at = match.end()
        return found + _shifted(_STANDARD.words(text[at:]), at)


def _shifted(words: list[Word], by: int) -> list[Word]:
    for word in words:
        word.start, word.end = word.start + by, word.end + by
    return words


@dataclass(frozen=True, slots=True)
class ClassicTokenizer:
    """``classic``: the grammar of the first Lucene: acronyms, companies, hosts, e-mail addresses, numbers with marks inside."""

    length_max: int = 255

    def words(self, text: str) -> list[Word]:
        """The words of one text; longer ones than ``length_max`` are left out."""
        found = []
        skipped = 0
        for match in _CLASSIC.finditer(text):
            start, end = match.span()
            kind = ALPHANUM if match.lastgroup is None else f"<{match.lastgroup.upper()}>"
            if end - start > self.length_max:
                skipped += 1
                continue
            found.append(Word(match.group(), start, end, 1 + skipped, type=kind))
            skipped = 0
        return found
