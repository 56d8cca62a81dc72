"""Fields that the mapping does not know: what Elasticsearch would make of them, per document.

The type comes from the first value of the field in the document. The document's further values must fit that type, as
they would if the field had been mapped so before; otherwise the document is rejected. Documents are judged one by one
(their first values may differ), but those that infer the same type are checked together, as a column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.json_columns import conversions
from pipeline.json_columns.columns import NewField
from pipeline.json_columns.dates import parse_dates
from pipeline.json_columns.kernels.number_kernels import (
    HARD,
    IS_OBJECT,
    NOT_FINITE,
    TAKEN,
    parse_numbers,
)
from pipeline.json_columns.kernels.tape_kernels import (
    DECIMAL,
    EMPTY_ARRAY,
    FALSE,
    KIND,
    NULL,
    OBJECT,
    STRING,
    TRUE,
    WHOLE,
)
from pipeline.json_columns.paths import Meaning, Place
from pipeline.json_columns.rejects import Problems, bad_value, not_an_object, refused, text_of, through_leaf, too_deep
from pipeline.json_columns.scanner import Tape
from pipeline.kernels.arrays import I32Array, U8Array
from schemas.limits import FIELD_DEPTH_MAX
from schemas.mapping import FieldType, IndexMapping, build_field

DATE_FORMAT_STRICT = "strict_date_optional_time"
DATE_FORMAT_SLASHES = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"
TEXT, LONG, FLOAT, BOOLEAN, DATE, DATE_SLASHES = range(6)
DEFINITIONS: Sequence[Mapping[str, object]] = (
    {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
    {"type": "long"},
    {"type": "float"},
    {"type": "boolean"},
    {"type": "date"},
    {"type": "date", "format": DATE_FORMAT_SLASHES},
)
OBJECT_DEFINITION: Mapping[str, object] = {"type": "object"}
_TYPE_OF_KIND = np.zeros(KIND + 1, np.uint8)
_TYPE_OF_KIND[[WHOLE, DECIMAL, TRUE, FALSE]] = LONG, FLOAT, BOOLEAN, BOOLEAN


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that the mapping does not know, with all its leaves."""

    place: Place
    leaves: I32Array


@dataclass(frozen=True, slots=True)
class _Seen:
    """The documents that give a name a value: rows ascending, the first leaf of each, its inferred type."""

    place: Place
    rows: I32Array
    leaves: I32Array
    types: U8Array


@dataclass(slots=True)
class Candidates:
    """Names that may become fields, if a document that has them is not rejected for other reasons."""

    scalars: list[_Seen] = field(default_factory=list)
    objects: list[_Seen] = field(default_factory=list)
    inhabited: dict[str, list[I32Array]] = field(default_factory=dict)  # object: rows with something below

    def without(self, rejected: set[int]) -> Sequence[NewField]:
        """The new fields, each by the first document that has it and is not rejected, in document order."""
        refuse = np.fromiter(rejected, np.int32, len(rejected))
        found: list[tuple[int, NewField]] = []
        for seen in self.scalars:
            at = _first_outside(seen.rows, refuse)
            if at >= 0:
                definition = DEFINITIONS[seen.types[at]]
                found.append((int(seen.leaves[at]), NewField(int(seen.rows[at]), seen.place.name, definition)))
        for seen in self.objects:
            implied = self.inhabited.get(seen.place.name, [])
            at = _first_outside(seen.rows, np.concatenate([refuse, *implied]))
            if at >= 0:
                new = NewField(int(seen.rows[at]), seen.place.name, OBJECT_DEFINITION)
                found.append((int(seen.leaves[at]), new))
        by_path: dict[str, NewField] = {}
        for _, new in sorted(found, key=lambda pair: pair[0]):  # a scalar in one document, an object in another
            by_path.setdefault(new.path, new)
        return tuple(by_path.values())


def infer(tape: Tape, mapping: IndexMapping, unknown: Sequence[Unknown], problems: Problems) -> Candidates:
    """What unknown names could become; documents that contradict themselves are added to ``problems``."""
    found = Candidates()
    for one in unknown:
        scalars, objects = _split(tape, mapping, one)
        if len(scalars.rows):
            found.scalars.append(scalars)
            _check_values(tape, one, scalars, objects, problems)
        if len(objects.rows):
            found.objects.append(objects)
            if one.place.depth > FIELD_DEPTH_MAX:
                problems.add(objects.leaves, 0, refused(too_deep(one.place.name)))
    _check_parents(found, problems)
    return found


def _first_outside(rows: I32Array, refused_rows: I32Array) -> int:
    """The first position whose row is not refused, -1 if there is none."""
    free = np.flatnonzero(~np.isin(rows, refused_rows)) if len(refused_rows) else np.arange(len(rows))
    return int(free[0]) if len(free) else -1


def _split(tape: Tape, mapping: IndexMapping, one: Unknown) -> tuple[_Seen, _Seen]:
    """The first scalar and the first object of each document."""
    kinds = tape.leaves.kinds[one.leaves] & KIND
    is_object = kinds == OBJECT
    is_scalar = ~is_object & (kinds != NULL) & (kinds != EMPTY_ARRAY)
    scalar_rows, scalars = _firsts(tape, one.leaves[is_scalar])
    object_rows, objects = _firsts(tape, one.leaves[is_object])
    types = _types(tape, mapping, scalars)
    nothing = np.zeros(len(objects), np.uint8)
    return _Seen(one.place, scalar_rows, scalars, types), _Seen(one.place, object_rows, objects, nothing)


def _firsts(tape: Tape, leaves: I32Array) -> tuple[I32Array, I32Array]:
    rows, first = np.unique(tape.leaves.rows[leaves], return_index=True)
    return rows, leaves[first]


def _types(tape: Tape, mapping: IndexMapping, leaves: I32Array) -> U8Array:
    """The inferred type of each of these scalars."""
    kinds = tape.leaves.kinds[leaves] & KIND
    types: U8Array = _TYPE_OF_KIND[kinds]
    at = np.flatnonzero(kinds == STRING)
    if len(at) == 0 or not (mapping.date_detection or mapping.numeric_detection):
        return types
    strings = leaves[at]
    numeric = _numeric(tape, strings)
    if mapping.numeric_detection:
        for i in np.flatnonzero(numeric):
            types[at[i]] = LONG if _is_long(text_of(tape, int(strings[i]))) else FLOAT
    if mapping.date_detection:  # what reads as a number is never taken for a date
        rest = np.flatnonzero(~numeric)
        for form, kind in ((DATE_FORMAT_SLASHES, DATE_SLASHES), (DATE_FORMAT_STRICT, DATE)):
            values, _ = conversions.texts(tape, strings[rest])
            _, bad = parse_dates(values.values, form)
            types[at[rest[~bad]]] = kind
    return types


def _numeric(tape: Tape, strings: I32Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which strings read as a number."""
    values, status = np.zeros(len(strings)), np.empty(len(strings), np.uint8)
    nothing = np.empty(0, np.int64)
    parse_numbers(tape.data, strings, tape.leaves, True, True, 0, 0, nothing, values, status)
    for i in np.flatnonzero(status == HARD):
        status[i] = TAKEN if conversions.NUMBER.fullmatch(text_of(tape, int(strings[i]))) else IS_OBJECT
    numeric: np.ndarray[tuple[int], np.dtype[np.bool_]] = (status == TAKEN) | (status == NOT_FINITE)
    return numeric


def _is_long(text: str) -> bool:
    """Whether Java reads it as a long."""
    if not text.lstrip("+-").isdecimal() or len(text) > 4000:
        return False
    number, _ = conversions.whole_number(text)
    return -(1 << 63) <= number < 1 << 63


def _check_values(tape: Tape, one: Unknown, scalars: _Seen, objects: _Seen, problems: Problems) -> None:
    """Further values of a document must fit the type that its first one infers."""
    both, in_scalars, in_objects = np.intersect1d(scalars.rows, objects.rows, assume_unique=True, return_indices=True)
    if len(both):
        earlier = objects.leaves[in_objects] < scalars.leaves[in_scalars]
        problems.add(scalars.leaves[in_scalars][earlier], 0, not_an_object(one.place.name))
    type_of_row = np.full(tape.rows, len(DEFINITIONS), np.uint8)
    type_of_row[scalars.rows] = scalars.types
    types = type_of_row[tape.leaves.rows[one.leaves]]
    for kind in np.unique(scalars.types):
        definition = DEFINITIONS[kind]
        as_field = build_field(one.place.name, FieldType(str(definition["type"])), one.place.name, definition)
        leaves = one.leaves[types == kind]
        if kind == TEXT:  # takes every scalar
            wrong = leaves[(tape.leaves.kinds[leaves] & KIND) == OBJECT]
            problems.add(wrong, IS_OBJECT, bad_value(as_field))
        else:
            conversions.BY_TYPE[as_field.type](tape, as_field, leaves, problems)


def _check_parents(found: Candidates, problems: Problems) -> None:
    """A name with a value cannot have others below it (``{"a": 1, "a.b": 2}``); notes which objects have something below."""
    with_value = {seen.place.name: seen for seen in found.scalars}
    for seen in [*found.scalars, *found.objects]:
        parent = seen.place.parent
        while parent is not None and parent.meaning is Meaning.UNKNOWN:
            found.inhabited.setdefault(parent.name, []).append(seen.rows)
            above = with_value.get(parent.name)
            if above is not None:
                _check_parent(above, seen, problems)
            parent = parent.parent


def _check_parent(above: _Seen, below: _Seen, problems: Problems) -> None:
    both, i, j = np.intersect1d(above.rows, below.rows, assume_unique=True, return_indices=True)
    if not len(both):
        return
    first = above.leaves[i] < below.leaves[j]
    for kind in np.unique(above.types[i]):
        chosen = first & (above.types[i] == kind)
        reason = through_leaf(below.place.name, above.place.name, str(DEFINITIONS[kind]["type"]))
        problems.add(below.leaves[j][chosen], 0, refused(reason))
    problems.add(above.leaves[i][~first], 0, not_an_object(above.place.name))
