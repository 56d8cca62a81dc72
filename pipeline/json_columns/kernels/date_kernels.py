# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""A date format's program (``date_programs``) run over a column of strings.

A program is rows of four numbers (operation and operands). An optional part that does not match is undone: the
position and the set of fields are those of its beginning. Alternatives are tried in order.
"""

import numpy as np

from pipeline.json_columns.kernels.date_programs import Op, Unit
from pipeline.kernels.arrays import I32Array, I64Array, U8Array
from pipeline.kernels.compile import kernel

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, NANO, OFFSET, DAY_OF_YEAR, EPOCH_MS = (int(u) for u in list(Unit)[:10])
END, DIGITS, LITERAL, OPTIONAL, CLOSE, FRACTION, ZONE, EPOCH, SIGNED_YEAR, _NAME = (int(op) for op in Op)
FIELDS = 10
NESTING_MAX = 16
YEAR_MAX = 292_000_000  # milliseconds of such years fit an int64
EPOCH_DIGITS_MAX = 18
OFFSET_SECONDS_MAX = 18 * 3600
GOOD, BAD, UNSURE = 0, 1, 2  # unsure: there is a zone's name, which Python knows
DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


@kernel
def is_digit(data: U8Array, p: int, end: int) -> bool:
    """Is there a digit at p?"""
    return p < end and data[p] >= 48 and data[p] <= 57


@kernel
def days_of_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, chrono-compatible low-level date algorithms)."""
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    shifted = month - 3 if month > 2 else month + 9
    of_year = (153 * shifted + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@kernel
def is_leap(year: int) -> bool:
    """Has the year 366 days?"""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@kernel
def two_digits(data: U8Array, p: int, end: int) -> int:
    """The number of two digits at p, -1 if they are none."""
    if not (is_digit(data, p, end) and is_digit(data, p + 1, end)):
        return np.int64(-1)
    return np.int64(data[p] - 48) * 10 + np.int64(data[p + 1] - 48)


@kernel
def read_offset(data: U8Array, p: int, end: int, spelling: int, z: int) -> tuple[int, int]:
    """(position after the offset at p, or -1; seconds). Spellings: date_programs.OFFSET_*."""
    if p >= end:
        return np.int64(-1), np.int64(0)
    if data[p] == 90 and z == 1:
        return p + 1, np.int64(0)
    if data[p] != 43 and data[p] != 45:
        return np.int64(-1), np.int64(0)
    negative = data[p] == 45
    hours = two_digits(data, p + 1, end)
    if hours < 0:
        return np.int64(-1), np.int64(0)
    p += 3
    minutes = np.int64(0)
    seconds = np.int64(0)
    colon = p < end and data[p] == 58
    allowed = spelling == 0 or (colon and spelling == 3) or (not colon and spelling != 3)
    q = p + 1 if colon else p
    more = two_digits(data, q, end) if allowed else np.int64(-1)
    if more >= 0:
        minutes = more
        p = q + 2
        if spelling == 0 and colon and p < end and data[p] == 58:
            more = two_digits(data, p + 1, end)
            if more >= 0:
                seconds = more
                p += 3
    elif spelling >= 2:
        return np.int64(-1), np.int64(0)
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > OFFSET_SECONDS_MAX:
        return np.int64(-1), np.int64(0)
    return p, -total if negative else total


@kernel
def resolve_date(fields: I64Array, present: int) -> tuple[int, int]:
    """(GOOD or BAD, milliseconds) of fields; what is absent is the first of its kind, and the year 1970."""
    if present & (1 << EPOCH_MS):
        return GOOD, fields[EPOCH_MS]
    year = fields[YEAR] if present & (1 << YEAR) else np.int64(1970)
    month = fields[MONTH] if present & (1 << MONTH) else np.int64(1)
    day = fields[DAY] if present & (1 << DAY) else np.int64(1)
    hour = fields[HOUR] if present & (1 << HOUR) else np.int64(0)
    minute = fields[MINUTE] if present & (1 << MINUTE) else np.int64(0)
    second = fields[SECOND] if present & (1 << SECOND) else np.int64(0)
    nano = fields[NANO] if present & (1 << NANO) else np.int64(0)
    offset = fields[OFFSET] if present & (1 << OFFSET) else np.int64(0)
    if year > YEAR_MAX or year < -YEAR_MAX or month < 1 or month > 12 or day < 1:
        return BAD, np.int64(0)
    if hour > 23 or minute > 59 or second > 59:
        return BAD, np.int64(0)
    leap = is_leap(year)
    if present & (1 << DAY_OF_YEAR):
        of_year = fields[DAY_OF_YEAR]
        if of_year < 1 or of_year > (366 if leap else 365):
            return BAD, np.int64(0)
        days = days_of_civil(year, 1, 1) + of_year - 1
    else:
        if day > DAYS_OF_MONTH[month] + (1 if leap and month == 2 else 0):
            return BAD, np.int64(0)
        days = days_of_civil(year, month, day)
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
    return GOOD, seconds * 1000 + nano // 1000000


@kernel
def read_iso(data: U8Array, p: int, end: int, fields: I64Array) -> tuple[int, int]:
    """(GOOD, milliseconds) of yyyy-MM-ddTHH:mm:ss, perhaps .S to .SSSSSSSSS, perhaps Z; else BAD: the program decides."""
    if end - p < 19:
        return BAD, np.int64(0)
    high = two_digits(data, p, end)
    low = two_digits(data, p + 2, end)
    good = high >= 0 and low >= 0
    fields[YEAR] = high * 100 + low
    p += 4
    for i in range(5):
        c = data[p]
        good &= c == (45 if i < 2 else (84 if i == 2 else 58))
        value = two_digits(data, p + 1, end)
        good &= value >= 0
        fields[MONTH + i] = value
        p += 3
    if not good:
        return BAD, np.int64(0)
    present = np.int64((1 << YEAR) | (31 << MONTH))
    if p < end and data[p] == 46:
        p += 1
        first = p
        nano = np.int64(0)
        while is_digit(data, p, end) and p - first < 9:
            nano = nano * 10 + np.int64(data[p] - 48)
            p += 1
        if p == first:
            return BAD, np.int64(0)
        for _ in range(9 - (p - first)):
            nano *= 10
        fields[NANO] = nano
        present |= 1 << NANO
    if p < end and data[p] == 90:
        p += 1
    if p != end:
        return BAD, np.int64(0)
    return resolve_date(fields, present)


@kernel
def run_program(
    data: U8Array, start: int, end: int, code: I32Array, pc: int, fields: I64Array, stack: I64Array
) -> tuple[int, int]:
    """(GOOD, BAD or UNSURE; the set of fields that are present) for one string and one alternative."""
    p = start
    present = np.int64(0)
    depth = 0
    unsure = False
    while True:
        op = code[pc, 0]
        a = np.int64(code[pc, 1])
        b = np.int64(code[pc, 2])
        ok = True
        pc += 1
        if op == DIGITS or op == SIGNED_YEAR or op == FRACTION:
            least = b if op == DIGITS else a
            most = np.int64(code[pc - 1, 3]) if op == DIGITS else b
            negative = op == SIGNED_YEAR and p < end and data[p] == 45
            q = p + 1 if negative else p
            first = q
            value = np.int64(0)
            while q - first < most and is_digit(data, q, end):
                value = value * 10 + np.int64(data[q] - 48)
                q += 1
            count = q - first
            ok = count >= least
            if ok:
                p = q
                unit = a
                if op == SIGNED_YEAR:
                    unit = np.int64(YEAR)
                    value = -value if negative else value
                elif op == FRACTION:
                    unit = np.int64(NANO)
                    for _ in range(9 - count):
                        value *= 10
                elif a == YEAR:
                    value += 2000
                fields[unit] = value
                present |= 1 << unit
        elif op == LITERAL:
            ok = p < end and data[p] == a
            if ok:
                p += 1
        elif op == OPTIONAL:
            ok = depth < NESTING_MAX
            if ok:
                stack[3 * depth] = p
                stack[3 * depth + 1] = present
                stack[3 * depth + 2] = a
                depth += 1
        elif op == CLOSE:
            depth -= 1
        elif op == ZONE:
            q, offset = read_offset(data, p, end, a, b)
            ok = q >= 0
            if ok:
                p = q
                fields[OFFSET] = offset
                present |= 1 << OFFSET
            elif code[pc - 1, 3] == 1 and p < end:
                letter = data[p] | 32
                unsure |= letter >= 97 and letter <= 122
        elif op == EPOCH:
            negative = p < end and data[p] == 45
            q = p + 1 if negative else p
            first = q
            value = np.int64(0)
            while q - first <= EPOCH_DIGITS_MAX and is_digit(data, q, end):
                value = value * 10 + np.int64(data[q] - 48)
                q += 1
            ok = q > first and q - first <= EPOCH_DIGITS_MAX - (3 if a == 1000 else 0)
            value *= a
            below = False  # a fraction of a millisecond
            if ok and q < end and data[q] == 46:
                q += 1
                first = q
                scale = a // 10
                while q - first < b and is_digit(data, q, end):
                    value += np.int64(data[q] - 48) * scale
                    below |= scale == 0 and data[q] != 48
                    scale //= 10
                    q += 1
                ok = q > first
            if ok:
                p = q
                fields[EPOCH_MS] = -value - (1 if below else 0) if negative else value
                present |= 1 << EPOCH_MS
        else:  # END
            ok = p == end
            if ok:
                return GOOD, present
        if not ok:
            if depth == 0:
                return (UNSURE if unsure else BAD), present
            depth -= 1
            p = stack[3 * depth]
            present = stack[3 * depth + 1]
            pc = stack[3 * depth + 2]


@kernel
def parse_date_column(
    data: U8Array,
    starts: I64Array,
    code: I32Array,
    begins: I64Array,
    iso: bool,
    out: I64Array,
    status: U8Array,
) -> int:
    """Each string data[starts[i]:starts[i + 1]] by the first alternative that takes it; how many are not GOOD.

    ``iso``: the first alternative takes yyyy-MM-ddTHH:mm:ss.SSSZ, which is tried without its program.
    """
    fields = np.zeros(FIELDS, np.int64)
    stack = np.zeros(3 * NESTING_MAX, np.int64)
    other = 0
    for i in range(starts.shape[0] - 1):
        if iso:
            fate, out[i] = read_iso(data, starts[i], starts[i + 1], fields)
            status[i] = fate
            if fate == GOOD:
                continue
        fate = BAD
        for k in range(begins.shape[0]):
            verdict, present = run_program(data, starts[i], starts[i + 1], code, begins[k], fields, stack)
            if verdict == GOOD:
                verdict, out[i] = resolve_date(fields, present)
            if verdict == GOOD:
                fate = GOOD
                break
            if verdict == UNSURE:
                fate = UNSURE
        status[i] = fate
        if fate != GOOD:
            out[i] = 0
            other += 1
    return other
