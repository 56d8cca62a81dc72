"""Make the character table from Unicode properties: ``python -m pipeline.analysis.characters_build``.

Where today's Unicode and the one that Lucene's grammar was written for (Unicode 9, Emoji 11) disagree on how a character that both
know is cut, the grammar wins: the colon is MidLetter, fullwidth digits are Numeric, ★ and ♪ are emoji. Compared with Lucene 9.12.1 code
point by code point. Characters that are newer than Unicode 9 are what Unicode says today.
"""

import sys
from collections.abc import Iterator
from typing import Final

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import NDArray

from pipeline.analysis import characters as c

# In order: a later line overrides an earlier one.
# What Unicode 9 and Emoji 11 had otherwise: pictographs, tone letters and signs that were no letters, signs before numbers that were Format.
EMOJI_11: Final = r"""
    \u2388 \u2600-\u2605 \u2607-\u2612 \u2614-\u2685 \u2690-\u2705 \u2708-\u2712 \u2763-\u2767 \U0001F000-\U0001F0FF \U0001F10D-\U0001F10F
    \U0001F12F \U0001F16C-\U0001F171 \U0001F1AD-\U0001F1E5 \U0001F260-\U0001F265 \U0001F300-\U0001F53D \U0001F546-\U0001F64F
    \U0001F680-\U0001F6FF \U0001F774-\U0001F77F \U0001F7D5-\U0001F7FF \U0001F8B0-\U0001F8FF \U0001F90C-\U0001F93A
    \U0001F93C-\U0001F945 \U0001F947-\U0001FBEF \U0001FBFA-\U0001FFFD
"""
NO_LETTERS: Final = r"\u00B8\u02E5-\u02EB\u055A\u055F\u058A\uA708-\uA716"
FORMATS: Final = r"\u0600-\u0605\u06DD\u070F\u08E2\U000110BD"
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
    (rf"[{NO_LETTERS}]", c.OTHER),
    (rf"[{FORMATS}]", c.EXTEND),
    (r"[\uFE10\uFE14]", c.MID_NUM),
    (r"\u19DA", c.COMPLEX),
)
_EMOJI: Final = (
    (
        (
            rf"[[\p{{Extended_Pictographic}}\p{{Emoji}}{''.join(EMOJI_11.split())}]"
            r"--[\p{Emoji_Modifier}\p{WB=Regional_Indicator}0-9#*]]"
        ),
        c.EMOJI_CHARACTER,
    ),
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
