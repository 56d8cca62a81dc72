"""Dates as texts, a column at a time. ``dates.format_date`` does the same for a single date, and for formats with names."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.json_columns.dates import epoch_seconds, format_date, zone_text
from pipeline.json_columns.kernels.date_programs import Op, Step, Unit, printed
from pipeline.json_columns.kernels.print_kernels import print_dates
from pipeline.kernels.arrays import frozen

I64 = NDArray[np.int64]
_YEAR_0, _YEAR_10000 = -62_167_219_200_000, 253_402_300_800_000


def format_dates(milliseconds: I64, form: str, offsets: I64 | None = None) -> list[str]:
    """Each date in the first alternative of a format; ``offsets``: its distance from UTC in ms (None: all are in UTC).

    Epoch formats show fractions of their unit, as far as there are any. Raises ``illegal_argument`` for a format that is none.
    """
    steps = printed(form)
    if steps is None:
        return _epochs(milliseconds, form)
    local = milliseconds if offsets is None else milliseconds + offsets
    program = _program(form, 0)
    if not len(local) or int(local.min()) < _YEAR_0 or int(local.max()) >= _YEAR_10000 or not program or not program[1]:
        zones = np.zeros(len(local), np.int64) if offsets is None else offsets
        return [format_date(ms, form, zone) for ms, zone in zip(milliseconds.tolist(), zones.tolist(), strict=True)]
    if offsets is None or not offsets.any():
        return _table(local, program)
    texts = [""] * len(local)
    for offset in np.unique(offsets).tolist():
        places = np.flatnonzero(offsets == offset)
        of_zone = _program(form, offset) or program
        for place, text in zip(places.tolist(), _table(local[places], of_zone), strict=True):
            texts[place] = text
    return texts


@lru_cache(maxsize=256)
def _program(form: str, offset: int) -> tuple[I64, int] | None:
    """(the steps for ``print_dates``, characters of a date); None where dates take more or fewer characters."""
    steps = printed(form)
    assert steps is not None
    code: list[tuple[int, int, int]] = []
    for step in steps:
        if step.op is Op.ZONE:
            code += [(Op.LITERAL, byte, 0) for byte in zone_text(offset, step).encode()]
        elif _fixed(step):
            code.append((step.op, step.a, step.b))
        else:
            return None
    width = sum({Op.LITERAL: 1, Op.YEAR: 4, Op.FRACTION: a}.get(Op(op), b) for op, a, b in code)
    return frozen(np.array(code, np.int64).reshape(len(code), 3)), width


def _fixed(step: Step) -> bool:
    """Whether a step writes as many characters for every date of a year from 0 to 9999."""
    match step.op:
        case Op.LITERAL | Op.FRACTION:
            return True
        case Op.YEAR:
            return step.a == 4
        case Op.DIGITS:
            return step.a <= Unit.HALF_HOUR and step.b == (3 if step.a == Unit.DAY_OF_YEAR else 2)
        case _:
            return False


def _epochs(milliseconds: I64, form: str) -> list[str]:
    if form.startswith("epoch_millis"):
        return list(map(str, milliseconds.tolist()))
    if not (milliseconds % 1000).any():
        return list(map(str, (milliseconds // 1000).tolist()))
    return [epoch_seconds(ms) for ms in milliseconds.tolist()]


def _table(local: I64, program: tuple[I64, int]) -> list[str]:
    steps, width = program
    table = np.empty((len(local), width), np.uint8)
    print_dates(frozen(local), steps, table)
    text = table.tobytes().decode()
    size = len(text) // len(local)
    return [text[at : at + size] for at in range(0, len(text), size)]
