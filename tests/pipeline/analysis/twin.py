"""The standard tokenizer as regular expressions over Unicode properties: slow, and written after the grammar's own text.

UAX #29 and UTS #51 as Lucene's StandardTokenizer combines them. Leftmost-longest alternatives, as a lexer generator matches.
"""

import regex  # type: ignore[import-untyped]

from pipeline.analysis.characters_build import EMOJI_11, FORMATS, NO_LETTERS

X = rf"[\p{{WB=Extend}}\p{{WB=Format}}\p{{WB=ZWJ}}{FORMATS}]*"
X_NO_SELECTOR = rf"[[\p{{WB=Extend}}\p{{WB=Format}}\p{{WB=ZWJ}}{FORMATS}]--[\uFE0E\uFE0F]]*"
LETTER = rf"[[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}]--[{NO_LETTERS}{FORMATS}]]{X}"
HEBREW = rf"\p{{WB=Hebrew_Letter}}{X}"
NUMERIC = rf"[[\p{{WB=Numeric}}\uFF10-\uFF19]--[{FORMATS}\u19DA]]{X}"
KATAKANA = rf"\p{{WB=Katakana}}{X}"
MID_LETTER = rf"[[\p{{WB=MidLetter}}:\uFE13\uFE55\uFF1A\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]--\u055F]{X}"
MID_NUMERIC = rf"[[[\p{{WB=MidNum}}\uFE10\uFE14]--[:\uFE13\uFE55\uFF1A]]\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{X}"
UNDERSCORE = rf"\p{{WB=ExtendNumLet}}{X}"
SINGLE = rf"\p{{WB=Single_Quote}}{X}"
DOUBLE = rf"\p{{WB=Double_Quote}}{X}"
PART = rf"""(?:
    {KATAKANA}(?:(?:{UNDERSCORE})*{KATAKANA})*
  | (?: {HEBREW}(?:{SINGLE}|{DOUBLE}{HEBREW})
      | {NUMERIC}(?:(?:(?:{UNDERSCORE})*|{MID_NUMERIC}){NUMERIC})*
      | {LETTER}(?:(?:(?:{UNDERSCORE})*|{MID_LETTER}){LETTER})*
    )+
)"""
WORD = rf"(?:{UNDERSCORE})*{PART}(?:(?:{UNDERSCORE})+{PART})*(?:{UNDERSCORE})*"
EMOJI_CHARACTER = (
    rf"[[\p{{Extended_Pictographic}}\p{{Emoji}}{''.join(EMOJI_11.split())}]"
    r"--[\p{Emoji_Modifier}\p{WB=Regional_Indicator}0-9#*]]"
)
ELEMENT = rf"""(?:
    \u200D*{EMOJI_CHARACTER}{X_NO_SELECTOR}\uFE0F?
  | (?:\u200D*\p{{Emoji_Modifier_Base}}{X_NO_SELECTOR})?\p{{Emoji_Modifier}}{X_NO_SELECTOR}
)"""
EMOJI = rf"""(?:
    {ELEMENT}(?:(?:\u200D{ELEMENT})*|[\U000E0020-\U000E007E]+\U000E007F)
  | [0-9\#*]{X_NO_SELECTOR}\uFE0F?\u20E3{X_NO_SELECTOR}
  | (?:\p{{WB=Regional_Indicator}}{X}){{2}}
)"""
COMPLEX = rf"(?:[\p{{LB=SA}}\u19DA]{X})+"
SINGLES = rf"(?:[\p{{Script=Han}}--\p{{WB=Extend}}]|\p{{Script=Hiragana}}){X}"
TOKEN = regex.compile(
    rf"(?:{EMOJI}|{WORD}|{COMPLEX}|{SINGLES})",
    flags=regex.VERSION1 | regex.VERBOSE | regex.POSIX,
)


def window_end(text: str, start: int, units_max: int = 255) -> int:
    """How far a token that begins at `start` may reach: so many UTF-16 code units."""
    units = 0
    for i in range(start, len(text)):
        units += 2 if ord(text[i]) > 0xFFFF else 1
        if units > units_max:
            return i
    return len(text)


def standard_tokens(text: str) -> list[tuple[int, int]]:
    """(start, end) of each token, in characters."""
    tokens = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at, window_end(text, at))
        if match is None or match.end() == at:
            at += 1
        else:
            tokens.append((at, match.end()))
            at = match.end()
    return tokens


def lower(token: str) -> str:
    """Lower case, character by character."""
    return "".join("i" if c == "İ" else c.lower() for c in token)
