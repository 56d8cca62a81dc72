"""The standard tokenizer's grammar, code point by code point: Unicode's word breaks as Lucene's StandardTokenizer has them.

UAX #29 (rules WB4 to WB13b) with Lucene's decisions where the annex leaves room:

    word     letters, digits, katakana joined by underscores; one MidLetter between letters, one MidNum between digits
    Hebrew   a letter may keep a quote after it, and a double quote between two
    complex  a run of Thai, Lao, Khmer or Myanmar is one token
    Han      one token per character; hiragana likewise
    emoji    a sequence (UTS #51: presentation, modifiers, ZWJ, tags, keycaps, flags) is one token

The longest match wins. A token is at most TOKEN_UNITS UTF-16 code units, as Java counts; the rest of a longer one is matched
anew. Text is UTF-8; positions are bytes.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.analysis.characters import (
    COMPLEX,
    COMPLEX_EXTEND,
    DOUBLE_QUOTE,
    EMOJI_CHARACTER,
    EMOJI_KEYCAP_BASE,
    EMOJI_MODIFIER,
    EMOJI_SHIFT,
    EXTEND,
    EXTEND_NUM_LET,
    HEBREW,
    HIRAGANA,
    KATAKANA,
    LETTER,
    MID_LETTER,
    MID_NUM,
    NUMERIC,
    REGIONAL_INDICATOR,
    SINGLE_QUOTE,
    WORD_MASK,
)
from pipeline.kernels.arrays import U8Array, U32Array
from pipeline.kernels.compile import kernel
from schemas.limits import TOKEN_CHARACTERS_MAX

TOKEN_UNITS = TOKEN_CHARACTERS_MAX
HEBREW_DONE = 30  # after a Hebrew letter with its quote, or a pair with a double quote: no Mid may follow
ZWJ = 0x200D
TEXT_SELECTOR = 0xFE0E
EMOJI_SELECTOR = 0xFE0F
KEYCAP = 0x20E3
TAG_FIRST, TAG_LAST, TAG_END = 0xE0020, 0xE007E, 0xE007F


@kernel
def code_point(data: U8Array, i: int) -> tuple[int, int]:
    """The code point at byte i and its bytes; data is valid UTF-8 (else: some code point in range)."""
    c = np.int64(data[i])
    if c < 0x80:
        return c, 1
    if c < 0xE0:
        return ((c & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F), 2
    if c < 0xF0:
        return (((c & 0x0F) << 12) | ((np.int64(data[i + 1]) & 0x3F) << 6) | (np.int64(data[i + 2]) & 0x3F)), 3
    value = (
        ((c & 0x07) << 18)
        | ((np.int64(data[i + 1]) & 0x3F) << 12)
        | ((np.int64(data[i + 2]) & 0x3F) << 6)
        | (np.int64(data[i + 3]) & 0x3F)
    )
    return min(value, 0x10FFFF), 4


@kernel
def put_code_point(out: U8Array, at: int, c: int) -> int:
    """Write a code point as UTF-8; returns where it ends."""
    if c < 0x80:
        out[at] = c
        return at + 1
    if c < 0x800:
        out[at] = 0xC0 | (c >> 6)
        out[at + 1] = 0x80 | (c & 0x3F)
        return at + 2
    if c < 0x10000:
        out[at] = 0xE0 | (c >> 12)
        out[at + 1] = 0x80 | ((c >> 6) & 0x3F)
        out[at + 2] = 0x80 | (c & 0x3F)
        return at + 3
    out[at] = 0xF0 | (c >> 18)
    out[at + 1] = 0x80 | ((c >> 12) & 0x3F)
    out[at + 2] = 0x80 | ((c >> 6) & 0x3F)
    out[at + 3] = 0x80 | (c & 0x3F)
    return at + 4


@kernel
def put_lower(data: U8Array, start: int, end: int, lower: U32Array, out: U8Array, at: int) -> int:
    """data[start:end] in lower case to out[at:], code point by code point; returns where it ends."""
    i = start
    while i < end:
        c, n = code_point(data, i)
        if c < lower.shape[0]:
            c = np.int64(lower[c])
        at = put_code_point(out, at, c)
        i += n
    return at


@kernel
def _word_end(data: U8Array, start: int, end: int, classes: U8Array) -> int:
    """Where the word beginning at `start` ends; 0 if there is none (underscores only)."""
    i = start
    units = 0
    previous = 0  # class of the last character that is neither Extend nor Mid
    middle = 0  # a Mid that waits for what follows it
    core = False  # something besides underscores
    accepted = 0
    while i < end:
        code, n = code_point(data, i)
        units += 2 if n == 4 else 1
        if units > TOKEN_UNITS:
            break
        kind = np.int64(classes[code]) & WORD_MASK
        i += n
        if kind == EXTEND or kind == COMPLEX_EXTEND:
            if middle == 0 and core:
                accepted = i
            continue
        if kind == LETTER or kind == HEBREW:
            if middle == 0:
                if previous == KATAKANA:
                    break
                previous = kind
            elif middle == DOUBLE_QUOTE:
                if kind != HEBREW:
                    break
                previous = HEBREW_DONE
            elif middle == MID_NUM or previous == NUMERIC:
                break
            else:
                previous = LETTER  # reached over a Mid: a Hebrew letter here takes no quotes
        elif kind == NUMERIC:
            if middle == 0:
                if previous == KATAKANA:
                    break
            elif previous != NUMERIC or middle == MID_LETTER or middle == DOUBLE_QUOTE:
                break
            previous = NUMERIC
        elif kind == KATAKANA:
            if middle != 0 or (previous != 0 and previous != KATAKANA and previous != EXTEND_NUM_LET):
                break
            previous = KATAKANA
        elif kind == EXTEND_NUM_LET:
            if middle != 0:
                break
            previous = EXTEND_NUM_LET
            if core:
                accepted = i
            continue
        elif MID_LETTER <= kind <= DOUBLE_QUOTE:
            if middle != 0:
                break
            if previous == HEBREW:
                if kind == SINGLE_QUOTE:
                    previous = HEBREW_DONE
                    accepted = i
                    continue
            elif (previous != LETTER and previous != NUMERIC) or kind == DOUBLE_QUOTE:
                break
            middle = kind
            continue
        else:
            break
        middle = 0
        core = True
        accepted = i
    return accepted


@kernel
def _with_extends(data: U8Array, start: int, end: int, classes: U8Array, run: bool) -> int:
    """The end of one character with what extends it; with `run` of all COMPLEX characters that follow, too."""
    code, n = code_point(data, start)
    units = 2 if n == 4 else 1
    i = start + n
    while i < end:
        code, n = code_point(data, i)
        kind = np.int64(classes[code]) & WORD_MASK
        units += 2 if n == 4 else 1
        if units > TOKEN_UNITS:
            break
        if kind != EXTEND and kind != COMPLEX_EXTEND and not (run and kind == COMPLEX):
            break
        i += n
    return i


@kernel
def _keycap_end(data: U8Array, start: int, end: int, classes: U8Array) -> int:
    """# or *, extenders, perhaps an emoji selector, the keycap, extenders; 0 if it is not that."""
    i = start + 1
    units = 1
    accepted = 0
    seen = False
    selected = False
    while i < end:
        code, n = code_point(data, i)
        kind = np.int64(classes[code]) & WORD_MASK
        units += 2 if n == 4 else 1
        if units > TOKEN_UNITS or (kind != EXTEND and kind != COMPLEX_EXTEND):
            break
        if code == TEXT_SELECTOR or (code == EMOJI_SELECTOR and selected):
            break
        i += n
        if code == EMOJI_SELECTOR:
            selected = True
            _next, _n = code_point(data, i)
            if i >= end or _next != KEYCAP:
                break
            continue
        seen = seen or code == KEYCAP
        if seen:
            accepted = i
    return accepted


@kernel
def _flag_end(data: U8Array, start: int, end: int, classes: U8Array) -> int:
    """Two regional indicators, each with what extends it; 0 if there is one only."""
    run = end < start  # False, but no literal: a kernel is compiled anew for each literal
    i = _with_extends(data, start, end, classes, run)
    if i >= end:
        return 0
    code, _n = code_point(data, i)
    if np.int64(classes[code]) & WORD_MASK != REGIONAL_INDICATOR:
        return 0
    return _with_extends(data, i, end, classes, run)


@kernel
def _emoji_end(data: U8Array, start: int, end: int, classes: U8Array) -> int:
    """An emoji sequence at `start`: characters with all that extends them, joined by ZWJ, or one with tags; 0 if none."""
    i = start
    units = 0
    accepted = 0
    elements = 0
    selected = False  # the current element has its emoji selector: only a joiner or tags may follow
    modifier = False  # ... is a modifier of its own, at the start or joined: takes no selector
    joined = True  # an element may begin here
    joiners = 0  # since the last selector
    tags = 0
    while i < end:
        code, n = code_point(data, i)
        units += 2 if n == 4 else 1
        if units > TOKEN_UNITS:
            break
        entry = np.int64(classes[code])
        emoji = entry >> EMOJI_SHIFT
        kind = entry & WORD_MASK
        i += n
        if selected and elements == 1 and TAG_FIRST <= code <= TAG_END and (not joined or tags > 0):
            if code == TAG_END:
                return i if tags > 0 else accepted
            tags += 1
            joined = False
            continue
        if tags > 0:
            break
        if emoji == EMOJI_CHARACTER:
            if not joined:
                break
            selected, modifier, joined = False, False, False
            elements += 1
            accepted = i
        elif code == ZWJ:
            joined = True
            joiners += 1
            if accepted > 0 and not selected:
                accepted = i
        elif emoji == EMOJI_MODIFIER and (i - n == start or (selected and joined and joiners == 1)):
            selected, modifier, joined = False, True, False
            elements += 1
            accepted = i
        elif code == EMOJI_SELECTOR:
            if accepted == 0 or selected or modifier:
                break
            selected, joined, joiners = True, False, 0
            accepted = i
        elif (kind == EXTEND or kind == COMPLEX_EXTEND) and code != TEXT_SELECTOR:
            if accepted == 0 or selected:
                break
            joined = False
            accepted = i
        else:
            break
    return accepted


@kernel
def standard_token(data: U8Array, at: int, end: int, classes: U8Array) -> tuple[int, int]:
    """The first token of data[at:end] as (start, end), or (-1, end)."""
    i = at
    while i < end:
        code, n = code_point(data, i)
        entry = np.int64(classes[code])
        if entry != 0:
            kind = entry & WORD_MASK
            emoji = entry >> EMOJI_SHIFT
            stop = 0
            if LETTER <= kind <= KATAKANA:
                stop = _word_end(data, i, end, classes)
            elif COMPLEX <= kind <= HIRAGANA:
                stop = _with_extends(data, i, end, classes, kind <= COMPLEX_EXTEND)
            elif kind == REGIONAL_INDICATOR:
                stop = _flag_end(data, i, end, classes)
            if emoji == EMOJI_KEYCAP_BASE:
                stop = max(stop, _keycap_end(data, i, end, classes))
            elif emoji != 0 or code == ZWJ:
                stop = max(stop, _emoji_end(data, i, end, classes))
            if stop > 0:
                return i, min(stop, end)
        i += n
    return -1, end
