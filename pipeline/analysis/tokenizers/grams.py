"""Tokenizers into n-grams and into the levels of paths."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.analysis.words import Word
from schemas.errors import illegal_argument

CHARACTERS: Final[dict[str, Callable[[str], bool]]] = {
    "letter": lambda c: unicodedata.category(c)[0] == "L",
    "digit": lambda c: unicodedata.category(c) == "Nd",
    "whitespace": lambda c: c.isspace() and c not in "\u00a0\u2007\u202f\x85",
    "punctuation": lambda c: unicodedata.category(c)[0] == "P",
    "symbol": lambda c: unicodedata.category(c)[0] == "S",
}


@dataclass(frozen=True, slots=True)
class GramTokenizer:
    """All n-grams of a text's runs of some characters, or (``edge``) those at the beginning of each run."""

    least: int
    most: int
    classes: tuple[str, ...] = ()  # none: all characters
    custom: str = ""
    edge: bool = False

    def words(self, text: str) -> list[Word]:
        """The n-grams, each at a position of its own."""
        return [
            Word(text[at : at + n], at, at + n)
            for start, end in self._runs(text)
            for at in range(start, start + 1 if self.edge else end)
            for n in range(self.least, min(self.most, end - at) + 1)
        ]

    def _runs(self, text: str) -> list[tuple[int, int]]:
        if not self.classes:
            return [(0, len(text))] if text else []
        runs: list[tuple[int, int]] = []
        start = -1
        for i, c in enumerate(text):
            inside = c in self.custom or any(CHARACTERS[k](c) for k in self.classes if k != "custom")
            if inside and start < 0:
                start = i
            elif not inside and start >= 0:
                runs.append((start, i))
                start = -1
        return [*runs, (start, len(text))] if start >= 0 else runs


@dataclass(frozen=True, slots=True)
class PathTokenizer:
    """A path and those above it: /a/b is /a and /a/b. ``reverse``: /a/b is /a/b and b. All stand at one position."""

    delimiter: str = "/"
    replacement: str = "/"
    skip: int = 0
    reverse: bool = False

    def words(self, text: str) -> list[Word]:
        """The paths."""
        if not text:
            return []
        spans = self._up(text) if self.reverse else self._down(text)
        return [
            Word(text[a:b].replace(self.delimiter, self.replacement), a, b, 0 if i else 1)
            for i, (a, b) in enumerate(spans)
        ]

    def _down(self, text: str) -> list[tuple[int, int]]:
        """Ends of the levels: before each delimiter but one at the very beginning."""
        marks = [i for i, c in enumerate(text) if c == self.delimiter]
        begin = 0
        if self.skip:
            inner = [i for i in marks if i > 0]
            if len(inner) < self.skip:
                return []
            begin = inner[self.skip - 1]
        return [(begin, end) for end in [*(i for i in marks if i > begin), len(text)] if end > begin]

    def _up(self, text: str) -> list[tuple[int, int]]:
        marks = [i for i, c in enumerate(text) if c == self.delimiter]
        begins = [0, *(i + 1 for i in marks)]
        if text[-1] == self.delimiter:
            begins.pop()
        ends = [*(i + 1 for i in marks if i + 1 < len(text)), len(text)]
        if self.skip >= len(ends):
            return []
        end = ends[-1 - self.skip]
        return [(b, end) for b in begins if b < end]


def char_classes(names: list[str], known_more: tuple[str, ...] = ("custom",)) -> tuple[str, ...]:
    """The ``token_chars`` of a tokenizer, checked."""
    for name in names:
        if name.lower() not in CHARACTERS and name.lower() not in known_more:
            raise illegal_argument(
                f"Unknown token type: '{name}', must be one of [symbol, private_use, paragraph_separator, start_punctuation, "
                "unassigned, enclosing_mark, connector_punctuation, letter_number, other_number, math_symbol, lowercase_letter, "
                "space_separator, surrogate, initial_quote_punctuation, decimal_digit_number, digit, other_punctuation, "
                "dash_punctuation, currency_symbol, non_spacing_mark, format, modifier_letter, control, uppercase_letter, "
                "other_symbol, end_punctuation, modifier_symbol, other_letter, line_separator, titlecase_letter, letter, punctuation, "
                "combining_spacing_mark, final_quote_punctuation, whitespace]"
            )
    return tuple(n.lower() for n in names)
