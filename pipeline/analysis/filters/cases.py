"""Filters that change letters: lower and upper case, decimal digits, widths, reversal."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from typing_extensions import override

from pipeline.analysis.characters import characters
from pipeline.analysis.words import TermFilter, Word

_GREEK: Final = str.maketrans("άέήίϊΐόύϋΰώς", "αεηιιιουυυωσ")
_VOWELS: Final = "AEIOUÁÉÍÓÚ"


@cache
def _lower_table() -> dict[int, int]:
    lower = characters().lower
    return {int(c): int(lower[c]) for c in range(len(lower)) if int(lower[c]) != c}


def lower(text: str) -> str:
    """Java's lower case, code point by code point (Σ is always σ)."""
    return text.lower() if text.isascii() else text.translate(_lower_table())


def upper(text: str) -> str:
    """Java's upper case, code point by code point: what would become several stays (ß)."""
    return text.upper() if text.isascii() else "".join(u if len(u := c.upper()) == 1 else c for c in text)


def lower_turkish(text: str) -> str:
    """Turkish has a dotless i: I is ı, İ is i."""
    return lower(text.replace("I\u0307", "i").replace("İ", "i").replace("I", "ı"))


def lower_greek(text: str) -> str:
    """Without tonos and final sigma."""
    return lower(text).translate(_GREEK)


def lower_irish(text: str) -> str:
    """The prefixes n and t before a capital vowel are set off."""
    if len(text) > 1 and text[0] in "nt" and text[1] in _VOWELS:
        text = f"{text[0]}-{text[1:]}"
    return lower(text)


def decimal_digits(text: str) -> str:
    """Digits of all scripts as 0 to 9."""
    return text if text.isascii() else "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def half_width(text: str) -> str:
    """Full-width ASCII and half-width katakana in their usual width."""
    wide = any("\uff01" <= c <= "\uff5e" or "\uff65" <= c <= "\uff9f" for c in text)
    if not wide:
        return text
    folded = "".join(unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff9d" else c for c in text)
    marks = folded.replace("\uff9e", "\u3099").replace("\uff9f", "\u309a")
    return unicodedata.normalize("NFC", marks)


def german(text: str) -> str:
    """ä, ö, ü and their spellings with e are a, o, u; ß is ss."""
    text = text.replace("ß", "ss").translate(str.maketrans("äöü", "aou"))
    text = text.replace("ae", "a").replace("oe", "o")
    kept = []
    for i, c in enumerate(text):
        ue = c == "e" and i > 0 and text[i - 1] == "u" and (i == 1 or text[i - 2] not in "aeiouyq")
        if not ue:
            kept.append(c)
    return "".join(kept)


def scandinavian(text: str) -> str:
    """å ä æ are a, ö ø are o, and so are aa, ae, ao, oe, oo."""
    text = text.translate(str.maketrans("åäæÅÄÆöøÖØ", "aaaAAAooOO"))
    kept: list[str] = []
    for c in text:
        before = kept[-1] if kept else ""
        doubled = (before in "aA" and c in "aAeEoO") or (before in "oO" and c in "eEoO")
        if not (before and doubled):
            kept.append(c)
    return "".join(kept)


def trimmed(text: str) -> str:
    """Without white space at both ends."""
    return text.strip()


def reversed_text(text: str) -> str:
    """Back to front."""
    return text[::-1]


def before_apostrophe(text: str) -> str:
    """What stands before the first apostrophe."""
    return text.replace("\u2019", "'").split("'")[0] if "'" in text or "\u2019" in text else text


def possessive(text: str) -> str:
    """Without an English 's at the end."""
    return text[:-2] if len(text) > 1 and text[-1] in "sS" and text[-2] in "'\u2019\uff07" else text


def minimal_english(text: str) -> str:
    """Without an English plural ending (Harman's S stemmer)."""
    if len(text) < 3 or text[-1] != "s":
        return text
    if text[-2] in "us":
        return text
    if text[-2] == "e":
        if len(text) > 3 and text[-3] == "i" and text[-4] not in "ae":
            return text[:-3] + "y"
        if text[-3] in "ioae":
            return text
    return text[:-1]


@dataclass(frozen=True, slots=True)
class Change(TermFilter):
    """A term for a term. ``spares_keywords``: words that are marked as keywords stay as they are."""

    change: Callable[[str], str]
    spares_keywords: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The changed word."""
        if not (self.spares_keywords and word.keyword):
            word.term = self.change(word.term)
        return [word]


LOWERCASE: Final = Change(lower)  # the one that tokenizing kernels can do by the way
REWRITES: Final = frozenset({
    lower, upper, lower_turkish, lower_greek, lower_irish, decimal_digits, half_width, german, scandinavian,
})  # fmt: skip
