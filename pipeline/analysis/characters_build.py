"""Make the character table from Unicode properties: ``python -m pipeline.analysis.characters_build``.

Where today's Unicode and the one that Lucene's grammar was written for (Unicode 9, Emoji 11) disagree on how text is cut, the
grammar wins: the colon is MidLetter, emoji modifiers are not Extend, fullwidth digits are Numeric.
"""

import sys
from collections.abc import Iterator
from typing import Final

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import NDArray

from pipeline.analysis import characters as c

# In order: a later line overrides an earlier one.
_WORDS: Final = (
    (r"\p{Script=Hiragana}", c.HIRAGANA),
    (r"\p{Script=Han}", c.HAN),
    (r"\p{LB=SA}", c.COMPLEX),
    (r"\p{WB=Regional_Indicator}", c.REGIONAL_INDICATOR),
    (r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]", c.EXTEND),
    (r"[\p{LB=SA}&&[\p{WB=Extend}\p{WB=Format}]]", c.COMPLEX_EXTEND),
    (r"\p{WB=Double_Quote}", c.DOUBLE_QUOTE),
    (r"\p{WB=Single_Quote}", c.SINGLE_QUOTE),
    (r"\p{WB=MidNumLet}", c.MID_NUM_LET),
    (r"\p{WB=MidNum}", c.MID_NUM),
    (r"[\p{WB=MidLetter}:\uFE13\uFE55\uFF1A]", c.MID_LETTER),
    (r"\p{WB=Katakana}", c.KATAKANA),
    (r"\p{WB=ExtendNumLet}", c.EXTEND_NUM_LET),
    (r"[\p{WB=Numeric}\uFF10-\uFF19]", c.NUMERIC),
    (r"\p{WB=Hebrew_Letter}", c.HEBREW),
    (r"\p{WB=ALetter}", c.LETTER),
    (r"\p{Emoji_Modifier}", c.OTHER),
)
_EMOJI: Final = (
    (
        r"[[\p{Extended_Pictographic}\p{Emoji}]--[\p{Emoji_Modifier}\p{WB=Regional_Indicator}0-9#*]]",
        c.EMOJI_CHARACTER,
    ),
    (r"\p{Emoji_Modifier_Base}", c.EMOJI_MODIFIER_BASE),
    (r"\p{Emoji_Modifier}", c.EMOJI_MODIFIER),
    (r"[#*]", c.EMOJI_KEYCAP_BASE),
)
# Java's Character.isLetter and Character.isWhitespace.
_KINDS: Final = (
    (r"\p{L}", c.KIND_LETTER),
    (r"[[\p{Z}\x09-\x0D\x1C-\x1F]--[\u00A0\u2007\u202F]]", c.KIND_WHITESPACE),
)
_ALL: Final = "".join(" " if 0xD800 <= code < 0xE000 else chr(code) for code in range(c.CODE_POINTS))


def _runs(pattern: str) -> Iterator[tuple[int, int]]:
    for match in regex.finditer(f"(?:{pattern})+", _ALL, flags=regex.VERSION1):
        yield match.start(), match.end()


def _table(rules: tuple[tuple[str, int], ...]) -> NDArray[np.uint8]:
    table = np.zeros(c.CODE_POINTS, np.uint8)
    for pattern, value in rules:
        for start, end in _runs(pattern):
            table[start:end] = value
    table[0xD800:0xE000] = 0
    return table


def build_classes() -> NDArray[np.uint8]:
    """uint8[0x110000]: word class and emoji class of each code point."""
    return _table(_WORDS) | (_table(_EMOJI) << np.uint8(c.EMOJI_SHIFT))


def build_kinds() -> NDArray[np.uint8]:
    """uint8[0x110000]: letter or white space, as Java sees them."""
    return _table(_KINDS)


def build_lower() -> NDArray[np.uint32]:
    """uint32[0x20000]: Java's Character.toLowerCase, the simple mapping of one code point to one."""
    lower = np.arange(c.LOWER_CODE_POINTS, dtype=np.uint32)
    for code in range(c.LOWER_CODE_POINTS):
        low = chr(code).lower()
        if len(low) == 1:
            lower[code] = ord(low)
    lower[0x130] = ord("i")  # the only one whose full lower case has two code points
    return lower


def runs_of(table: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A table as values and lengths of its runs."""
    edges = np.flatnonzero(np.diff(table)) + 1
    starts = np.concatenate([[0], edges])
    return table[starts], np.diff(np.concatenate([starts, [len(table)]])).astype(np.int32)


def main() -> None:
    """Write the table beside this file."""
    class_values, class_lengths = runs_of(build_classes())
    kind_values, kind_lengths = runs_of(build_kinds())
    lower = build_lower()
    upper = np.flatnonzero(lower != np.arange(len(lower))).astype(np.uint32)
    np.savez_compressed(
        c.TABLE,
        class_values=class_values,
        class_lengths=class_lengths,
        kind_values=kind_values,
        kind_lengths=kind_lengths,
        upper=upper,
        lower=lower[upper],
    )
    sys.stdout.write(f"{c.TABLE.name}: {c.TABLE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
