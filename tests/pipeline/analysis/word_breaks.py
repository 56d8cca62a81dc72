"""Unicode's word boundaries (UAX #29), rule by rule on a string of class letters: slow, and independent of the tokenizer and its twin."""

import itertools
from functools import cache

import regex  # type: ignore[import-untyped]

# Word_Break values that rules speak of, and the letter each has in the rules below. All else is "o".
LETTERS = {
    "CR": "c", "LF": "f", "Newline": "w", "Extend": "x", "Format": "x", "ZWJ": "z", "Regional_Indicator": "R", "Katakana": "K",
    "Hebrew_Letter": "H", "ALetter": "A", "Single_Quote": "'", "Double_Quote": '"', "MidNumLet": "m", "MidLetter": "l",
    "MidNum": "n", "Numeric": "N", "ExtendNumLet": "E", "WSegSpace": "s",
}  # fmt: skip
_CLASSES = [(letter, regex.compile(rf"\p{{WB={name}}}")) for name, letter in LETTERS.items()]
_PICTOGRAPH = regex.compile(r"\p{Extended_Pictographic}")
# WB3 to WB3d, on neighbours as they are: what is not broken before, and after, a boundary.
_BEFORE_WB4 = (("WB3", "c", "f"), ("WB3d", "s", "s"))
# The others, on what WB4 leaves: each character with all that extends it is one letter.
_AFTER_WB4 = (
    ("WB5", "[AH]", "[AH]"),
    ("WB6", "[AH]", "[lm'][AH]"),
    ("WB7", "[AH][lm']", "[AH]"),
    ("WB7a", "H", "'"),
    ("WB7b", "H", '"H'),
    ("WB7c", 'H"', "H"),
    ("WB8", "N", "N"),
    ("WB9", "[AH]", "N"),
    ("WB10", "N", "[AH]"),
    ("WB11", "N[nm']", "N"),
    ("WB12", "N", "[nm']N"),
    ("WB13", "K", "K"),
    ("WB13a", "[AHNKE]", "E"),
    ("WB13b", "E", "[AHNK]"),
    ("WB15", "^(?:RR)*R", "R"),
    ("WB16", "[^R](?:RR)*R", "R"),
)
_JOINED = regex.compile("|".join(f"(?<={left})(?={right})" for _rule, left, right in _AFTER_WB4))


@cache
def letter_of(character: str) -> str:
    """The letter of a character's Word_Break value."""
    return next((letter for letter, known in _CLASSES if known.match(character)), "o")


def segments(text: str) -> list[str]:
    """The text cut at every word boundary."""
    kinds = [letter_of(character) for character in text]
    units: list[int] = []  # where what WB4 keeps together begins
    joined: set[int] = set()  # of neighbours that WB3, WB3c and WB3d join
    for i, kind in enumerate(kinds):
        before = kinds[i - 1] if i else "f"
        if kind in "xz" and before not in "cfw":
            continue
        units.append(i)
        if any(before == left and kind == right and i for _rule, left, right in _BEFORE_WB4):
            joined.add(i)
        if before == "z" and _PICTOGRAPH.match(text[i]):
            joined.add(i)
    joined |= {units[match.start()] for match in _JOINED.finditer("".join(kinds[i] for i in units))}
    edges = [i for i in units if i not in joined] + [len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]
