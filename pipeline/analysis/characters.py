"""What each Unicode code point is to the tokenizers: its class, its lower case; loaded from a table beside this file.

The table is part of the release and not taken from a library at run time, since an index is a function of its log: the
same text must give the same terms after an upgrade of Python. ``python -m pipeline.analysis.characters_build`` makes it
anew; a test compares it with the Unicode properties.

A class byte holds the word class in its lower five bits and the emoji class in the upper three.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

CODE_POINTS: Final = 0x110000
LOWER_CODE_POINTS: Final = 0x20000  # above it nothing has a lower case
TABLE: Final = Path(__file__).with_name("characters.npz")

# Word classes: Word_Break values as Lucene's StandardTokenizer groups them.
OTHER: Final = 0
LETTER: Final = 1
HEBREW: Final = 2
NUMERIC: Final = 3
EXTEND_NUM_LET: Final = 4  # the underscore and its like
KATAKANA: Final = 5
MID_LETTER: Final = 6
MID_NUM: Final = 7
MID_NUM_LET: Final = 8
SINGLE_QUOTE: Final = 9
DOUBLE_QUOTE: Final = 10
EXTEND: Final = 11  # Extend, Format, ZWJ: belong to the character before them
# These four in this order: runs first, then single characters.
COMPLEX: Final = 12  # Line_Break=SA: Thai, Lao, Khmer, Myanmar: runs stay together
COMPLEX_EXTEND: Final = 13  # both
HAN: Final = 14
HIRAGANA: Final = 15
REGIONAL_INDICATOR: Final = 16
WORD_MASK: Final = 31
# Emoji classes.
EMOJI_SHIFT: Final = 5
EMOJI_CHARACTER: Final = 1
EMOJI_MODIFIER: Final = 2  # skin tones; Extend besides
EMOJI_KEYCAP_BASE: Final = 3  # the number sign and the asterisk; digits are words anyway
# Kinds, for the tokenizers that know one class only.
KIND_LETTER: Final = 1
KIND_WHITESPACE: Final = 2


@dataclass(frozen=True, slots=True)
class Characters:
    """classes uint8[0x110000], kinds uint8[0x110000], lower uint32[0x20000]."""

    classes: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    lower: NDArray[np.uint32]


@cache
def characters() -> Characters:
    """The tables, expanded from ranges once per process (a few milliseconds)."""
    with np.load(TABLE) as table:
        lower = np.arange(LOWER_CODE_POINTS, dtype=np.uint32)
        lower[table["upper"]] = table["lower"]
        return Characters(
            np.repeat(table["class_values"], table["class_lengths"]),
            np.repeat(table["kind_values"], table["kind_lengths"]),
            lower,
        )
