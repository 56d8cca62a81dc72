"""Letters with marks to ASCII, after Lucene's ASCIIFoldingFilter.

The table is made of Unicode's decompositions and names of the characters that the filter covers (Latin letters, numbers in circles,
punctuation, full-width forms). All of them are old, and Unicode does not change what is assigned: so the table is the same everywhere.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from typing_extensions import override

from pipeline.analysis.filters.cases import REWRITES, Change
from pipeline.analysis.words import Filter, TermFilter, Word

_RANGES: Final = (
    (0xAA, 0x24F), (0x250, 0x2AF), (0x1D00, 0x1DBF), (0x1E00, 0x1EFF), (0x2070, 0x209C), (0x2184, 0x2184), (0x2460, 0x24FF),
    (0x2C60, 0x2C7C), (0xA728, 0xA78C), (0xFB00, 0xFB06), (0xFF01, 0xFF5E),
)  # fmt: skip
_KEPT: Final = frozenset("¬®¯°±´µ¶·¸¼½¾×÷¤¥¦§¨©")
_LETTER: Final = re.compile(
    r"LATIN (?:(SMALL|CAPITAL) )?(?:LETTER|LIGATURE) (?:SMALL )?(CAPITAL )?(?:(?:TURNED|REVERSED|INVERTED|OPEN|SIDEWAYS|CLOSED|SCRIPT|INSULAR|"
    r"VISIGOTHIC|BARRED|DOTLESS|LONG|MIDDLE-WELSH|BOTTOM HALF|TOP HALF|STRETCHED|HALF|CON|RUM) )*([A-Z]+)(?= |$)"
)
_NAMED: Final = {
    "SHARP": "ss", "ETH": "d", "THORN": "th", "WYNN": "w", "ESH": "s", "EZH": "z", "YOGH": "z", "GAMMA": "g", "ENG": "n",
    "KRA": "q", "IOTA": "i", "UPSILON": "u", "ALPHA": "a", "SCHWA": "a",
}  # fmt: skip
_LETTERS_MAX: Final = 2
_PUNCTUATION: Final = {
    '"': "«»\u201c\u201d\u201e\u2033\u2036\u275d\u275e\u276e\u276f", "'": "\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u275b\u275c",
    "-": "\u2010\u2011\u2012\u2013\u2014\u207b\u208b", "[": "\u2045\u2772", "]": "\u2046\u2773", "(": "\u207d\u208d\u2768\u276a",
    ")": "\u207e\u208e\u2769\u276b", "<": "\u276c\u2770", ">": "\u276d\u2771", "{": "\u2774", "}": "\u2775", "+": "\u207a\u208a",
    "=": "\u207c\u208c", "!!": "\u203c", "??": "\u2047", "?!": "\u2048", "!?": "\u2049", "/": "\u2044", ";": "\u204f",
    "%": "\u2052", "~": "\u2053", "^": "\u2038", "*": "\u204e", "((": "\u2e28", "))": "\u2e29",
}  # fmt: skip


def _by_name(character: str) -> str:
    found = _LETTER.match(unicodedata.name(character, ""))
    if found is None:
        return ""
    size, small_capital, letters = found.groups()
    text = _NAMED.get(letters, letters.lower() if len(letters) <= _LETTERS_MAX else "")
    return text if size == "SMALL" and not small_capital else text.upper()


def _folded(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return plain if plain.isascii() else _by_name(plain) if len(plain) == 1 else _by_name(character)


@cache
def folding_table() -> dict[int, str]:
    """Code point -> its ASCII text."""
    table: dict[int, str] = {}
    for first, last in _RANGES:
        for code in range(first, last + 1):
            folded = "" if chr(code) in _KEPT else _folded(chr(code))
            if folded.strip():
                table[code] = folded
    for first, count in ((0x2776, 10), (0x2780, 10), (0x278A, 10)):  # numbers in circles, without decompositions
        table.update({first + i: str(i + 1) for i in range(count)})
    table.update({0x24EA: "0", 0x24FF: "0", 0x149: "n"})
    table.update({0x24EB + i: str(11 + i) for i in range(10)} | {0x24F5 + i: str(1 + i) for i in range(10)})
    table.update({ord(c): text for text, characters in _PUNCTUATION.items() for c in characters})
    return table


def fold(text: str) -> str:
    """The text in ASCII, as far as its characters have a likeness there."""
    return text if text.isascii() else text.translate(folding_table())


@dataclass(frozen=True, slots=True)
class AsciiFolding(TermFilter):
    """Folds terms; ``preserve_original`` keeps a term that it changes beside the folded one."""

    preserve_original: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The folded word, and the word itself where that is wanted."""
        folded = fold(word.term)
        if folded == word.term:
            return [word]
        original = word.copy(word.term)
        word.term = folded
        return [word, original] if self.preserve_original else [word]


def rewritten(filters: Iterable[Filter], text: str) -> str:
    """A text after those of the filters that only change how characters are written: for patterns and beginnings, which are no terms yet
    (Lucene's ``Analyzer.normalize``).
    """
    for one in filters:
        if isinstance(one, Change) and one.change in REWRITES:
            text = one.change(text)
        elif isinstance(one, AsciiFolding):
            text = fold(text)
    return text
