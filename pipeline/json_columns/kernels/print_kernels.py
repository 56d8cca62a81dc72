# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""Dates written by the steps of a format into a table of characters, one row for each date, all rows of one width."""

from pipeline.json_columns.kernels.date_programs import Op, Unit
from pipeline.kernels.arrays import I64Array, U8Array
from pipeline.kernels.compile import kernel

DAY_MS = 86_400_000
LITERAL, YEAR, DIGITS, FRACTION = int(Op.LITERAL), int(Op.YEAR), int(Op.DIGITS), int(Op.FRACTION)
U_YEAR, U_MONTH, U_DAY, U_HOUR, U_MINUTE = (
    int(Unit.YEAR),
    int(Unit.MONTH),
    int(Unit.DAY),
    int(Unit.HOUR),
    int(Unit.MINUTE),
)
U_SECOND, U_DAY_OF_YEAR = int(Unit.SECOND), int(Unit.DAY_OF_YEAR)


@kernel
def write_digits(row: U8Array, at: int, value: int, count: int) -> int:
    """The last ``count`` digits of a number; returns where they end."""
    for place in range(at + count - 1, at - 1, -1):
        row[place] = 48 + value % 10
        value //= 10
    return at + count


@kernel
def unit_of(unit: int, year: int, month: int, day: int, of_year: int, seconds: int) -> int:
    """One number of a date; the hour of am or pm where the unit is none of the others."""
    if unit == U_YEAR:
        return year % 100
    if unit == U_MONTH:
        return month
    if unit == U_DAY:
        return day
    if unit == U_HOUR:
        return seconds // 3600
    if unit == U_MINUTE:
        return seconds // 60 % 60
    if unit == U_SECOND:
        return seconds % 60
    if unit == U_DAY_OF_YEAR:
        return of_year
    return (seconds // 3600 + 11) % 12 + 1


@kernel
def print_dates(milliseconds: I64Array, steps: I64Array, table: U8Array) -> None:
    """Fill a row for each date, of a year from 0 to 9999. steps: int64[s, 3], operation and its first two operands.

    Year, month and day of days since 1970 by Hinnant's civil_from_days.
    """
    for i in range(milliseconds.shape[0]):
        days = milliseconds[i] // DAY_MS
        of_day = milliseconds[i] - days * DAY_MS
        seconds = of_day // 1000
        shifted = days + 719_468
        era = shifted // 146_097
        of_era = shifted - era * 146_097
        year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
        march = of_era - (
            365 * year_of_era + year_of_era // 4 - year_of_era // 100
        )  # day of a year that begins in March
        fifth = (5 * march + 2) // 153
        day = march - (153 * fifth + 2) // 5 + 1
        month = fifth + 3 if fifth < 10 else fifth - 9
        year = year_of_era + era * 400
        if month <= 2:
            year += 1
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        of_year = march + 60 + (1 if leap else 0) if march < 306 else march - 305
        at = 0
        row = table[i]
        for s in range(steps.shape[0]):
            op, a, b = steps[s, 0], steps[s, 1], steps[s, 2]
            if op == LITERAL:
                row[at] = a
                at += 1
            elif op == YEAR:
                at = write_digits(row, at, year, 4)
            elif op == FRACTION:
                value = of_day % 1000 * 1_000_000
                for _ in range(9 - a):
                    value //= 10
                at = write_digits(row, at, value, a)
            else:
                at = write_digits(row, at, unit_of(a, year, month, day, of_year, seconds), b)
