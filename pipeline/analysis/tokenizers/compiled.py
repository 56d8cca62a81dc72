"""The tokenizers that kernels know: standard, letter, lowercase, whitespace, keyword. They cut columns of texts and single texts alike."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from pipeline.analysis import characters as c
from pipeline.analysis.characters import characters
from pipeline.analysis.tokenize_kernels import lower_bytes, token_bounds
from pipeline.analysis.words import ALPHANUM, WORD, Word
from schemas.limits import READABLE_PAD_BYTES


class Cut(IntEnum):
    """How text is cut; the values are those the kernels know."""

    STANDARD = 0  # Unicode word breaks, as Lucene's StandardTokenizer
    LETTERS = 1  # runs of letters
    WHITESPACE = 2  # runs of anything else than white space
    WHOLE = 3  # one token, however long


_TYPES: Final = {
    c.HAN: "<IDEOGRAPHIC>",
    c.HIRAGANA: "<HIRAGANA>",
    c.KATAKANA: "<KATAKANA>",
    c.COMPLEX: "<SOUTHEAST_ASIAN>",
    c.COMPLEX_EXTEND: "<SOUTHEAST_ASIAN>",
    c.REGIONAL_INDICATOR: "<EMOJI>",
}
_PASSIVE: Final = {c.EXTEND, c.EXTEND_NUM_LET, c.MID_NUM, c.MID_NUM_LET, c.SINGLE_QUOTE, c.OTHER}
_HANGUL: Final = (
    (0x1100, 0x11FF),
    (0x3131, 0x318E),
    (0xA960, 0xA97C),
    (0xAC00, 0xD7A3),
    (0xD7B0, 0xD7FB),
    (0xFFA0, 0xFFDC),
)


@dataclass(frozen=True, slots=True)
class CompiledTokenizer:
    """One of those tokenizers; ``lowercase``: its words are in lower case."""

    cut: Cut
    lowercase: bool = False

    def words(self, text: str) -> list[Word]:
        """The words of one text. Unpaired surrogates must be gone."""
        if self.cut is Cut.WHOLE:
            return [Word(text, 0, len(text))]
        data = text.encode()
        if not data:
            return []
        known = characters()
        column = np.frombuffer(data + bytes(READABLE_PAD_BYTES), np.uint8)
        bounds = np.empty(2 * len(data), np.int64)
        count = token_bounds(column, 0, len(data), int(self.cut), known.classes, known.kinds, bounds)
        pairs = bounds[: 2 * count] if text.isascii() else _characters_before(data)[bounds[: 2 * count]]
        standard = self.cut is Cut.STANDARD
        found = []
        for start, end in pairs.reshape(-1, 2).tolist():
            term = text[start:end]
            kind = standard_type(term) if standard else WORD
            found.append(Word(lowered(term) if self.lowercase else term, start, end, type=kind))
        return found


def lowered(text: str) -> str:
    """Lower case as the kernels have it."""
    if text.isascii():
        return text.lower()
    data = text.encode()
    column = np.frombuffer(data + bytes(READABLE_PAD_BYTES), np.uint8)
    return lower_bytes(column, 0, len(data), characters().lower).tobytes().decode()


def _characters_before(data: bytes) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """int64[len(data) + 1]: characters before each byte of UTF-8."""
    firsts = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
    return np.concatenate([[0], np.cumsum(firsts, dtype=np.int64)])


def standard_type(term: str) -> str:
    """The type that the standard tokenizer gives a token."""
    if term.isascii():
        return ALPHANUM if any(ch.isalpha() for ch in term) or not any(ch.isdigit() for ch in term) else "<NUM>"
    codes = [ord(ch) for ch in term]
    known = characters().classes
    values = [int(known[code]) for code in codes]
    if values[0] >> c.EMOJI_SHIFT and values[0] & c.WORD_MASK in {c.OTHER, c.REGIONAL_INDICATOR}:
        return "<EMOJI>"
    classes = [v & c.WORD_MASK for v in values]
    telling = {k for k in classes if k not in _PASSIVE}
    if telling == {c.NUMERIC}:
        return "<NUM>"
    if telling == {c.LETTER} and all(any(a <= code <= b for a, b in _HANGUL) for code in codes):
        return "<HANGUL>"
    first = _TYPES.get(classes[0])
    return first if first is not None and telling <= {classes[0], c.COMPLEX, c.COMPLEX_EXTEND} else ALPHANUM
