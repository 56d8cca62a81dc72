"""The leaves of one field to its column, type by type, as Elasticsearch coerces them.

Each function takes (tape, field, leaves, problems): all leaves of the field in document order, objects, nulls and empty
arrays among them. It returns the column and adds to ``problems`` what the type does not take, unless the field ignores
malformed values.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.json_columns.addresses import parse_ips
from pipeline.json_columns.columns import BytesValues, NumberValues, Values
from pipeline.json_columns.dates import parse_dates
from pipeline.json_columns.kernels.number_kernels import (
    ABSENT,
    HARD,
    HAS_FRACTION,
    IS_NULL,
    IS_OBJECT,
    MALFORMED,
    NOT_FINITE,
    OUT_OF_RANGE,
    TAKEN,
    parse_booleans,
    parse_numbers,
)
from pipeline.json_columns.kernels.value_kernels import (
    TOO_LONG,
    copy_slices,
    gather_texts,
    measure_texts,
)
from pipeline.json_columns.rejects import Problems, bad_value, immense_term, text_of
from pipeline.json_columns.scanner import Tape, readonly
from pipeline.kernels.arrays import F64Array, I32Array, I64Array, U8Array
from schemas.limits import KEYWORD_BYTES_MAX, READABLE_PAD_BYTES
from schemas.mapping import FLOAT_TYPES, INTEGER_BOUNDS, Field, FieldType
from schemas.records import ByteColumn

UNBOUNDED = 1 << 60
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
Conversion = Callable[[Tape, Field, I32Array, Problems], Values]


def texts(
    tape: Tape, leaves: I32Array, units_max: int = UNBOUNDED, null_value: bytes | None = None
) -> tuple[BytesValues, U8Array]:
    """Scalars as strings (numbers and booleans by their source text), and the fate of each leaf.

    ``units_max``: longer ones (UTF-16 units) are TOO_LONG; ``null_value`` stands for an explicit null.
    """
    null_length = -1 if null_value is None else len(null_value)
    padded_null = np.frombuffer((null_value or b"") + bytes(READABLE_PAD_BYTES), np.uint8)
    status = np.empty(len(leaves), np.uint8)
    units_max = min(units_max, UNBOUNDED)
    count, size = measure_texts(leaves, tape.leaves, units_max, null_length, status)
    out = np.empty(size + 2 * READABLE_PAD_BYTES, np.uint8)
    starts, rows = np.empty(count + 1, np.int64), np.empty(count, np.int32)
    count = gather_texts(
        tape.data, leaves, tape.leaves, units_max, padded_null, null_length, status,
        READABLE_PAD_BYTES, out, starts, rows,
    )  # fmt: skip
    out[:READABLE_PAD_BYTES] = 0
    end = int(starts[count])
    out[end : end + READABLE_PAD_BYTES] = 0
    return BytesValues(rows[:count], ByteColumn(out, starts[: count + 1])), status


def copied(data: U8Array, starts: I64Array, ends: I64Array) -> ByteColumn:
    """Slices of a padded buffer as a column of their own, padded before and after."""
    size = int((ends - starts).sum())
    out = np.empty(size + 2 * READABLE_PAD_BYTES, np.uint8)
    bounds = np.empty(len(starts) + 1, np.int64)
    end = copy_slices(readonly(data), readonly(starts), readonly(ends), READABLE_PAD_BYTES, out, bounds)
    out[:READABLE_PAD_BYTES] = 0
    out[end : end + READABLE_PAD_BYTES] = 0
    return ByteColumn(out, bounds)


def text(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """A text field."""
    values, status = texts(tape, leaves, null_value=null_text(one))
    problems.add(leaves[status == IS_OBJECT], IS_OBJECT, bad_value(one))
    return values


def keyword(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """A keyword field: values over ignore_above are left out, other immense ones rejected."""
    units_max = UNBOUNDED if one.ignore_above is None else max(one.ignore_above, 0)
    values, status = texts(tape, leaves, units_max, null_text(one))
    problems.add(leaves[status == IS_OBJECT], IS_OBJECT, bad_value(one))
    if 3 * units_max > KEYWORD_BYTES_MAX and (one.index or one.doc_values):
        starts = values.values.starts
        immense = starts[1:] - starts[:-1] > KEYWORD_BYTES_MAX
        if immense.any():
            problems.add(leaves[status == TAKEN][immense], 0, immense_term(one))
    return values


def whole(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """A long, integer, short or byte field."""
    low, high = INTEGER_BOUNDS[one.type]
    values, status = np.zeros(len(leaves), np.int64), np.empty(len(leaves), np.uint8)
    other = parse_numbers(tape.data, leaves, tape.leaves, False, one.coerce, low, high, values, np.empty(0), status)
    if other:
        for i in np.flatnonzero(status == HARD):
            status[i], values[i] = _by_hand(text_of(tape, leaves[i]), one)
    return _numbers(tape, one, leaves, values, status, problems if other else None)


def floating(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """A double or float field; a float's values are rounded to float32."""
    values, status = np.zeros(len(leaves)), np.empty(len(leaves), np.uint8)
    other = parse_numbers(tape.data, leaves, tape.leaves, True, one.coerce, 0, 0, np.empty(0, np.int64), values, status)
    if other:
        for i in np.flatnonzero(status == HARD):
            status[i], values[i] = _by_hand(text_of(tape, leaves[i]), one)
    if one.type is FieldType.FLOAT:
        with np.errstate(over="ignore"):
            values = values.astype(np.float32).astype(np.float64)
        infinite = np.isinf(values) & (status == TAKEN)
        status[infinite] = NOT_FINITE
        other += int(infinite.sum())
    return _numbers(tape, one, leaves, values, status, problems if other else None)


def boolean(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """A boolean field, as 0 and 1."""
    values, status = np.zeros(len(leaves), np.int64), np.empty(len(leaves), np.uint8)
    other = parse_booleans(tape.data, leaves, tape.leaves, values, status)
    if other:
        for i in np.flatnonzero(status == HARD):
            status[i], values[i] = boolean_of(text_of(tape, leaves[i]))
    return _numbers(tape, one, leaves, values, status, problems if other else None)


def date(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """A date field, in milliseconds; numbers are read by the format too, as text."""
    found, status = texts(tape, leaves, null_value=null_text(one))
    values, bad = parse_dates(found.values, one.format)
    rows = found.rows
    if bad.any():
        if not one.ignore_malformed:
            problems.add(leaves[status == TAKEN][bad], MALFORMED, bad_value(one))
        rows, values = rows[~bad], values[~bad]
    problems.add(leaves[status == IS_OBJECT], IS_OBJECT, bad_value(one))
    return NumberValues(rows, values)


def address(tape: Tape, one: Field, leaves: I32Array, problems: Problems) -> Values:
    """An ip field, 16 bytes each."""
    found, status = texts(tape, leaves, null_value=null_text(one))
    values, bad = parse_ips(found.values)
    rows = found.rows
    if bad.any():
        if not one.ignore_malformed:
            problems.add(leaves[status == TAKEN][bad], MALFORMED, bad_value(one))
        keep = np.flatnonzero(~bad)
        rows, values = rows[keep], copied(values.data, values.starts[:-1][keep], values.starts[1:][keep])
    problems.add(leaves[status == IS_OBJECT], IS_OBJECT, bad_value(one))
    return BytesValues(rows, values)


def null_text(one: Field) -> bytes | None:
    """What stands for an explicit null in a field of strings."""
    value = one.null_value
    if value is None:
        return None
    return (str(value).lower() if isinstance(value, bool) else str(value)).encode()


def boolean_of(text: str) -> tuple[int, int]:
    """(fate, 0 or 1) of one string."""
    if text in {"true", "false", ""}:
        return TAKEN, int(text == "true")
    return MALFORMED, 0


def _by_hand(text: str, one: Field) -> tuple[int, int | float]:
    """(fate, value) of one number that the kernel leaves alone: long fractions near a rounding boundary, escapes."""
    if not NUMBER.fullmatch(text):
        return MALFORMED, 0
    if one.type in FLOAT_TYPES:
        value = float(text)
        return (TAKEN, value) if np.isfinite(value) else (NOT_FINITE, 0.0)
    low, high = INTEGER_BOUNDS[one.type]
    number, fraction = whole_number(text)
    if not low <= number <= high:
        return OUT_OF_RANGE, 0
    return (HAS_FRACTION, 0) if fraction and not one.coerce else (TAKEN, number)


def whole_number(text: str) -> tuple[int, bool]:
    """A decimal number cut towards zero, and whether that lost anything; beyond int64 it is only sure to be so."""
    mantissa, _, exponent = text.lower().partition("e")
    sign = -1 if mantissa.startswith("-") else 1
    before, _, after = mantissa.lstrip("+-").partition(".")
    digits = (before + after).lstrip("0")
    if not digits:
        return 0, False
    point = len(digits) - len(after) + int(exponent[:12] or 0)
    if point > 19:
        return sign << 64, False
    kept, lost = digits[: max(point, 0)], digits[max(point, 0) :]
    return sign * int(kept.ljust(max(point, 0), "0") or 0), bool(lost.strip("0"))


def _null_number(one: Field) -> tuple[int, int | float]:
    """(fate, value) of the field's null_value."""
    value = null_text(one)
    if value is None:
        return ABSENT, 0
    return boolean_of(value.decode()) if one.type is FieldType.BOOLEAN else _by_hand(value.decode(), one)


def _numbers(
    tape: Tape,
    one: Field,
    leaves: I32Array,
    values: I64Array | F64Array,
    status: U8Array,
    problems: Problems | None,
) -> Values:
    """The column of what was taken; without ``problems`` that is all."""
    rows: NDArray[np.int32] = tape.leaves.rows[leaves]
    if problems is None:
        return NumberValues(rows, values)
    nulls = status == IS_NULL
    if nulls.any():
        status[nulls], values[nulls] = _null_number(one)
    bad = status >= HARD
    if bad.any():
        rejected = (status == IS_OBJECT) & bad if one.ignore_malformed else bad
        problems.add(leaves[rejected], status[rejected], bad_value(one))
    taken = status == TAKEN
    return NumberValues(rows[taken], values[taken])


BY_TYPE: Mapping[FieldType, Conversion] = {
    FieldType.TEXT: text,
    FieldType.KEYWORD: keyword,
    FieldType.DATE: date,
    FieldType.IP: address,
    FieldType.BOOLEAN: boolean,
    **dict.fromkeys(INTEGER_BOUNDS, whole),
    **dict.fromkeys(FLOAT_TYPES, floating),
}
assert TOO_LONG > IS_OBJECT  # a fate of texts only
