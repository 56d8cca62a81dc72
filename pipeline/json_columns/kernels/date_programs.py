"""Date formats: Elasticsearch's names and Java's patterns to steps; steps to programs for the kernel.

A format is alternatives separated by ``||``; an alternative is a name or a pattern; a pattern is a sequence of steps. In
the patterns of the table below three letters are ours: ``j`` a year of 1 to 5 digits, ``f`` a fraction of 1 to 9
digits, ``z`` an offset in any spelling or a zone's id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from pipeline.kernels.arrays import I32Array, I64Array
from schemas.errors import illegal_argument

FORMAT_CHARACTERS_MAX = 1000
DATE_FORMAT_DETECTED = "strict_date_optional_time"


class Unit(IntEnum):
    """What a step reads: the index of its value among the fields of a date."""

    YEAR = 0
    MONTH = 1
    DAY = 2
    HOUR = 3
    MINUTE = 4
    SECOND = 5
    NANO = 6
    OFFSET = 7  # seconds east of UTC
    DAY_OF_YEAR = 8
    EPOCH_MS = 9
    HALF_HOUR = 10  # hour of am or pm; from here on Python only
    HALF = 11
    MONTH_NAME = 12
    WEEKDAY_NAME = 13
    ZONE_NAME = 14


class Op(IntEnum):
    """What a step does; the numbers are the kernel's."""

    END = 0
    DIGITS = 1  # unit, least digits, most digits
    LITERAL = 2  # byte
    OPTIONAL = 3  # where to go on if what follows, up to CLOSE, does not match
    CLOSE = 4
    FRACTION = 5  # least digits, most digits
    ZONE = 6  # spelling, Z allowed?, zone names allowed?
    EPOCH = 7  # milliseconds of one unit, digits of a fraction
    YEAR = 8  # least digits, most digits: may be negative
    NAME = 9  # unit, letters: in Python only


OFFSET_ANY, OFFSET_SHORT, OFFSET_PLAIN, OFFSET_COLON = range(4)  # +01:30 or less; +01 +0130; +0130; +01:30


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pattern; the meaning of a, b, c is Op's."""

    op: Op
    a: int = 0
    b: int = 0
    c: int = 0


Steps = tuple[Step, ...]
_CLOCK = "HH:mm:ss"
_NAMED: Mapping[str, str] = {
    "date": "uuuu-MM-dd",
    "date_hour": "uuuu-MM-dd'T'HH",
    "date_hour_minute": "uuuu-MM-dd'T'HH:mm",
    "date_hour_minute_second": f"uuuu-MM-dd'T'{_CLOCK}",
    "date_hour_minute_second_millis": f"uuuu-MM-dd'T'{_CLOCK}.f",
    "date_hour_minute_second_fraction": f"uuuu-MM-dd'T'{_CLOCK}.f",
    "date_time": f"uuuu-MM-dd'T'{_CLOCK}.fz",
    "date_time_no_millis": f"uuuu-MM-dd'T'{_CLOCK}z",
    "hour": "HH",
    "hour_minute": "HH:mm",
    "hour_minute_second": _CLOCK,
    "hour_minute_second_millis": f"{_CLOCK}.f",
    "hour_minute_second_fraction": f"{_CLOCK}.f",
    "time": f"{_CLOCK}.fz",
    "time_no_millis": f"{_CLOCK}z",
    "t_time": f"'T'{_CLOCK}.fz",
    "t_time_no_millis": f"'T'{_CLOCK}z",
    "ordinal_date": "uuuu-DDD",
    "ordinal_date_time": f"uuuu-DDD'T'{_CLOCK}.fz",
    "ordinal_date_time_no_millis": f"uuuu-DDD'T'{_CLOCK}z",
    "year": "uuuu",
    "year_month": "uuuu-MM",
    "year_month_day": "uuuu-MM-dd",
    "date_optional_time": f"uuuu[-MM[-dd]]['T'[HH[:mm[:ss[.f][,f]]][z]]]",  # noqa: F541  braces read as the others do
}
_BASIC: Mapping[str, str] = {
    "basic_date": "uuuuMMdd",
    "basic_date_time": "uuuuMMdd'T'HHmmss.fz",
    "basic_date_time_no_millis": "uuuuMMdd'T'HHmmssz",
    "basic_ordinal_date": "uuuuDDD",
    "basic_ordinal_date_time": "uuuuDDD'T'HHmmss.fz",
    "basic_ordinal_date_time_no_millis": "uuuuDDD'T'HHmmssz",
    "basic_time": "HHmmss.fz",
    "basic_time_no_millis": "HHmmssz",
    "basic_t_time": "'T'HHmmss.fz",
    "basic_t_time_no_millis": "'T'HHmmssz",
}
_STRICT_FULL = _NAMED["date_optional_time"]
_OTHERS: Mapping[str, str] = {
    "iso8601": _STRICT_FULL,
    "strict_date_optional_time_nanos": _STRICT_FULL,
    "rfc3339_lenient": _STRICT_FULL,
}
_EPOCHS = {"epoch_millis": Step(Op.EPOCH, 1, 6), "epoch_second": Step(Op.EPOCH, 1000, 9)}
_LENIENT = {"uuuu": "j", "MM": "M", "dd": "d", "HH": "H", "mm": "m", "ss": "s", "DDD": "D"}
_FULL_PRINTED = "uuuu-MM-dd'T'HH:mm:ss.SSSXXX"


@lru_cache(maxsize=256)
def alternatives(form: str) -> tuple[Steps, ...]:
    """The steps of each alternative of a format. Raises ``illegal_argument``."""
    if len(form) > FORMAT_CHARACTERS_MAX:
        raise illegal_argument(f"Invalid format: longer than {FORMAT_CHARACTERS_MAX} characters")
    return tuple(_steps_of(one.strip(), form) for one in form.split("||"))


@lru_cache(maxsize=256)
def printed(form: str) -> Steps | None:
    """The steps that print a date in a format's first alternative; None for the epoch formats. Raises ``illegal_argument``."""
    first = form.split("||", 1)[0].strip()
    if first in _EPOCHS:
        return None
    plain = first.removeprefix("strict_")
    if first in _OTHERS or plain == "date_optional_time":
        return _pattern(_FULL_PRINTED, form)
    named = _BASIC.get(first) or _NAMED.get(plain)
    if named is not None:
        zone = "XX" if first in _BASIC else "XXX"
        return _pattern(named.replace("f", "SSS").replace("z", zone), form)
    return _steps_of(first, form)


@lru_cache(maxsize=256)
def program(form: str) -> tuple[I32Array, I64Array, bool] | None:
    """A format for the kernel: int32[steps, 4], where each alternative begins, whether the first is ISO 8601 in full.

    None if it needs Python.
    """
    code: list[tuple[int, int, int, int]] = []
    begins: list[int] = []
    for steps in alternatives(form):
        if any(step.op is Op.NAME or (step.op is Op.DIGITS and step.a >= Unit.HALF_HOUR) for step in steps):
            return None
        begins.append(len(code))
        code.extend(_linked(steps, len(code)))
        code.append((Op.END, 0, 0, 0))
    iso = alternatives(form)[0] == _pattern(_STRICT_FULL, form)
    return np.array(code, np.int32), np.array(begins, np.int64), iso


def _linked(steps: Steps, origin: int) -> list[tuple[int, int, int, int]]:
    """Optional parts told where they end."""
    code: list[tuple[int, int, int, int]] = []
    open_at: list[int] = []
    for i, step in enumerate(steps):
        if step.op is Op.OPTIONAL:
            open_at.append(i)
        elif step.op is Op.CLOSE:
            code[open_at.pop()] = (Op.OPTIONAL, origin + i + 1, 0, 0)
        code.append((step.op, step.a, step.b, step.c))
    return code


def _steps_of(one: str, form: str) -> Steps:
    if not one:
        raise _invalid(form, "No date pattern provided")
    if one in _EPOCHS:
        return (_EPOCHS[one],)
    plain = one.removeprefix("strict_")
    if one in _BASIC:
        return _pattern(_BASIC[one], form)
    if one in _OTHERS or (plain in _NAMED and plain != one):
        return _pattern(_OTHERS.get(one) or _NAMED[plain], form)
    if one in _NAMED:
        text = _NAMED[one]
        for strict, lenient in _LENIENT.items():
            text = text.replace(strict, lenient)
        return _pattern(text, form)
    if set(one) & set("jf"):
        raise _invalid(form, "Unknown pattern letter")
    return _pattern(one.removeprefix("8"), form)


def _pattern(text: str, form: str) -> Steps:
    """The steps of a Java pattern."""
    steps: list[Step] = []
    depth = i = 0
    while i < len(text):
        letter = text[i]
        if letter == "'":
            i = _quoted(text, i, steps, form)
            continue
        end = i + 1
        if letter.isascii() and letter.isalpha():
            while end < len(text) and text[end] == letter:
                end += 1
            steps.append(_letters(letter, end - i, form))
        elif letter in "[]":
            depth += 1 if letter == "[" else -1
            if depth < 0:
                raise _invalid(form, "Pattern invalid as it contains ] without previous [")
            steps.append(Step(Op.OPTIONAL if letter == "[" else Op.CLOSE))
        else:
            steps.extend(Step(Op.LITERAL, byte) for byte in letter.encode())
        i = end
    return (*steps, *[Step(Op.CLOSE)] * depth)


def _quoted(text: str, i: int, steps: list[Step], form: str) -> int:
    """A literal in quotes; two quotes are one. Where the pattern goes on."""
    if text[i : i + 2] == "''":
        steps.append(Step(Op.LITERAL, 39))
        return i + 2
    end = i + 1
    while True:
        end = text.find("'", end)
        if end < 0:
            raise _invalid(form, f"Pattern ends with an incomplete string literal: {text}")
        if text[end : end + 2] != "''":
            break
        end += 2
    literal = text[i + 1 : end].replace("''", "'")
    steps.extend(Step(Op.LITERAL, byte) for byte in literal.encode())
    return end + 1


_DIGIT_LETTERS: Mapping[str, tuple[Unit, int]] = {  # letter: unit, digits at most
    "d": (Unit.DAY, 2), "H": (Unit.HOUR, 2), "m": (Unit.MINUTE, 2), "s": (Unit.SECOND, 2),
    "D": (Unit.DAY_OF_YEAR, 3), "h": (Unit.HALF_HOUR, 2),
}  # fmt: skip


def _letters(letter: str, count: int, form: str) -> Step:
    """The step of ``count`` times one pattern letter."""
    if letter in _DIGIT_LETTERS:
        unit, most = _DIGIT_LETTERS[letter]
        if count <= most:
            return Step(Op.DIGITS, unit, count, most if count == 1 else count)
    step = _date_letters(letter, count) or _zone_letters(letter, count)
    if step is None:
        known = letter in "GYMLwWQqEecakKnNAVOp" or letter in _DIGIT_LETTERS
        words = "Too many pattern letters" if known else "Unknown pattern letter"
        raise _invalid(form, f"{words}: {letter}")
    return step


def _date_letters(letter: str, count: int) -> Step | None:
    match letter:
        case "y" | "u" | "j":
            return _year_letters(letter, count)
        case "M" | "L" if count <= 2:
            return Step(Op.DIGITS, Unit.MONTH, count, 2)
        case "S" | "f" if count <= 9:
            return Step(Op.FRACTION, count, 9 if letter == "f" else count)
        case _:
            return _name_letters(letter, count)


def _year_letters(letter: str, count: int) -> Step | None:
    if letter == "j":
        return Step(Op.YEAR, 1, 5)
    if count == 2:
        return Step(Op.DIGITS, Unit.YEAR, 2, 2)
    return Step(Op.YEAR, count, 4 if count == 4 else 9) if count <= 4 else None


def _name_letters(letter: str, count: int) -> Step | None:
    match letter:
        case "M" | "L" if count <= 4:
            return Step(Op.NAME, Unit.MONTH_NAME, count)
        case "E" if count <= 4:
            return Step(Op.NAME, Unit.WEEKDAY_NAME, max(count, 3))
        case "a" if count == 1:
            return Step(Op.NAME, Unit.HALF, 1)
        case _:
            return None


def _zone_letters(letter: str, count: int) -> Step | None:
    match letter:
        case "z" | "V" | "v":
            return Step(Op.ZONE, OFFSET_ANY, 1, 1)
        case "X" | "x" if count <= 3:
            return Step(Op.ZONE, (OFFSET_SHORT, OFFSET_PLAIN, OFFSET_COLON)[count - 1], int(letter == "X"))
        case "Z" if count <= 3:
            return Step(Op.ZONE, OFFSET_PLAIN, 0)
        case "Z" if count == 5:
            return Step(Op.ZONE, OFFSET_COLON, 1)
        case _:
            return None


def _invalid(form: str, why: str) -> Exception:
    return illegal_argument(f"Invalid format: [{form}]: {why}")
