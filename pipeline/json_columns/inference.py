"""Fields that the mapping does not know: what Elasticsearch would make of them, per document.

The type comes from the first value of the field in the document. The document's further values must fit that type, as
they would if the field had been mapped so before; otherwise the document is rejected. Documents are judged one by one
(their first values may differ), but all unknown names of a batch are worked on at once: the leaves of one (name,
document) pair are neighbours, and pairs are compared by a key, name * documents + document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.json_columns import conversions
from pipeline.json_columns.columns import NewField
from pipeline.json_columns.dates import parse_dates
from pipeline.json_columns.kernels.number_kernels import HARD, IS_OBJECT, NOT_FINITE, TAKEN, parse_numbers
from pipeline.json_columns.kernels.scalar_kernels import (
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
from pipeline.json_columns.rejects import (
    Problems,
    Reason,
    bad_value,
    not_an_object,
    refused,
    strict,
    text_of,
    through_leaf,
    too_deep,
)
from pipeline.json_columns.scanner import Tape
from pipeline.kernels.arrays import BoolArray, I32Array, I64Array, U8Array
from schemas.fields.dynamic_templates import template_for
from schemas.limits import FIELD_DEPTH_MAX
from schemas.mapping import Dynamic, Field, FieldType, IndexMapping, build_field

DATE_FORMAT_STRICT = "strict_date_optional_time"
DATE_FORMAT_SLASHES = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"
TEXT, LONG, FLOAT, BOOLEAN, DATE = range(5)  # further dates after it, one for each format
NO_TYPE = -1
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
class _Firsts:
    """The first leaf of each (name, document) pair among some leaves; ``keys`` ascend."""

    keys: I64Array
    owners: I64Array  # which name
    rows: I32Array
    leaves: I32Array

    def having(self, chosen: BoolArray | I64Array) -> "_Firsts":
        """Some of them: where a mask is set, or by position."""
        return _Firsts(self.keys[chosen], self.owners[chosen], self.rows[chosen], self.leaves[chosen])


_NONE = np.empty(0, np.int64)
_NO_FIRSTS = _Firsts(_NONE, _NONE, _NONE.astype(np.int32), _NONE.astype(np.int32))


@dataclass(slots=True)
class Candidates:
    """Names that may become fields, if a document that has them is not rejected for other reasons."""

    places: Sequence[Place] = ()
    scalars: _Firsts = field(default_factory=lambda: _NO_FIRSTS)
    objects: _Firsts = field(default_factory=lambda: _NO_FIRSTS)
    types: I64Array = field(default_factory=lambda: np.empty(0, np.int64))  # of the scalars
    definitions: Sequence[Mapping[str, object]] = DEFINITIONS  # by type
    shaped: Sequence[
        tuple[int, NewField]
    ] = ()  # objects that a dynamic template means: (leaf, field), one for each document

    def without(self, rejected: set[int]) -> Sequence[NewField]:
        """The new fields, each by the first document that has it and is not rejected, in document order."""
        refuse = np.fromiter(rejected, np.int32, len(rejected))
        found: dict[str, tuple[int, NewField]] = {}
        for firsts, types in ((self.scalars, self.types), (self.objects, None)):
            accepted = np.flatnonzero(~np.isin(firsts.rows, refuse))
            _, at = np.unique(firsts.owners[accepted], return_index=True)
            for i in accepted[at].tolist():
                name = self.places[firsts.owners[i]].name
                definition = OBJECT_DEFINITION if types is None else self.definitions[types[i]]
                leaf, new = int(firsts.leaves[i]), NewField(int(firsts.rows[i]), name, definition)
                if name not in found or leaf < found[name][0]:  # a scalar in one document, an object in another
                    found[name] = leaf, new
        for leaf, new in self.shaped:
            if new.row not in rejected and (new.path not in found or leaf < found[new.path][0]):
                found[new.path] = leaf, new
        return tuple(new for _, new in sorted(found.values(), key=lambda pair: pair[0]))

    def every(self, rejected: set[int]) -> Sequence[NewField]:
        """The new fields of every document that is not rejected, in document order. Costs Python per field and document: for documents
        whose fields were refused.
        """
        found = list(self.shaped)
        for firsts, types in ((self.scalars, self.types), (self.objects, None)):
            for i, (row, owner, leaf) in enumerate(
                zip(firsts.rows.tolist(), firsts.owners.tolist(), firsts.leaves.tolist(), strict=True)
            ):
                definition = OBJECT_DEFINITION if types is None else self.definitions[types[i]]
                found.append((leaf, NewField(row, self.places[owner].name, definition)))
        return [new for _, new in sorted(found, key=lambda pair: pair[0]) if new.row not in rejected]


def infer(tape: Tape, mapping: IndexMapping, unknown: Sequence[Unknown], problems: Problems) -> Candidates:
    """What unknown names could become; documents that contradict themselves are added to ``problems``."""
    if not unknown:
        return Candidates()
    plain, shaped = _shaped(tape, mapping, unknown)
    if not plain:
        return Candidates(shaped=shaped)
    return replace(_Inference(tape, mapping, plain).candidates(problems), shaped=shaped)


def _shaped(
    tape: Tape, mapping: IndexMapping, unknown: Sequence[Unknown]
) -> tuple[Sequence[Unknown], Sequence[tuple[int, NewField]]]:
    """What no dynamic template shapes as an object; and the objects that one does, each at its first leaf in every document. What lies
    below such an object is judged once the object is in the mapping.
    """
    if not any(t.kind in {"", "*", "object"} for t in mapping.dynamic_templates):
        return unknown, ()
    plain: list[Unknown] = []
    shaped: list[tuple[int, NewField]] = []
    for one in unknown:
        kinds = tape.leaves.kinds[one.leaves] & KIND
        is_object = kinds == OBJECT
        above = _object_above(one.place, mapping)
        if above is None and is_object.any() and template_for(mapping.dynamic_templates, one.place.name, "object"):
            shaped += _defined(tape, mapping, one.place, one.leaves[is_object])
            one = Unknown(one.place, one.leaves[~is_object])  # noqa: PLW2901  # its scalars, in other documents
        if above is not None:
            shaped += _defined(tape, mapping, above, one.leaves[(kinds != NULL) & (kinds != EMPTY_ARRAY)])
        elif len(one.leaves):
            plain.append(one)
    return plain, shaped


def _object_above(place: Place, mapping: IndexMapping) -> Place | None:
    """The outermost new object above a name that a template means."""
    found, parent = None, place.parent
    while parent is not None and parent.meaning is Meaning.UNKNOWN:
        if template_for(mapping.dynamic_templates, parent.name, "object"):
            found = parent
        parent = parent.parent
    return found


def _defined(tape: Tape, mapping: IndexMapping, place: Place, leaves: I32Array) -> list[tuple[int, NewField]]:
    template = template_for(mapping.dynamic_templates, place.name, "object")
    assert template is not None
    definition = template.definition(place.name, "object")
    rows, first = np.unique(tape.leaves.rows[leaves], return_index=True)
    return [
        (int(leaves[at]), NewField(int(row), place.name, definition))
        for row, at in zip(rows.tolist(), first.tolist(), strict=True)
    ]


class _Inference:
    """The unknown names of one batch."""

    def __init__(self, tape: Tape, mapping: IndexMapping, unknown: Sequence[Unknown]) -> None:
        self.tape = tape
        self.mapping = mapping
        self.definitions: list[Mapping[str, object]] = _plain_definitions(mapping)
        self.places = [one.place for one in unknown]
        self.leaves: I32Array = np.concatenate([one.leaves for one in unknown])
        self.owners = np.repeat(np.arange(len(unknown)), [len(one.leaves) for one in unknown])
        self.rows = tape.leaves.rows[self.leaves]
        self.keys = self.owners * tape.rows + self.rows
        self.kinds = tape.leaves.kinds[self.leaves] & KIND
        self.by_leaf = np.argsort(self.leaves, kind="stable")

    def candidates(self, problems: Problems) -> Candidates:
        """First values, their types, and what contradicts them."""
        is_object = self.kinds == OBJECT
        scalars = self._firsts(~is_object & (self.kinds != NULL) & (self.kinds != EMPTY_ARRAY))
        objects = self._firsts(is_object)
        types = self._templated(scalars, _types(self.tape, self.mapping, scalars.leaves).astype(np.int64))
        known = types != NO_TYPE  # what only a template may bring, and none does
        self._refuse_unmeant(scalars.having(~known), problems)
        scalars, types = scalars.having(known), types[known]
        self._check_values(scalars, objects, types, problems)
        inhabited = self._check_parents(scalars, objects, types, problems)
        deep = np.array([place.depth > FIELD_DEPTH_MAX for place in self.places])[objects.owners]
        problems.add(objects.leaves[deep], 0, lambda text, fate, leaf: too_deep(self._place(leaf).name))
        objects = objects.having(~np.isin(objects.keys, inhabited))
        return Candidates(self.places, scalars, objects, types, tuple(self.definitions))

    def _templated(self, scalars: _Firsts, types: I64Array) -> I64Array:
        """The types with those that dynamic templates give in their place: definitions of their own, numbered after the usual ones.
        NO_TYPE: the object takes only what a template means, and none does.
        """
        if not self.mapping.dynamic_templates:
            return types
        for owner, kind in np.unique(np.stack([scalars.owners, types], axis=1), axis=0).tolist():
            place, chosen = self.places[owner], (scalars.owners == owner) & (types == kind)
            value = _value_kind(kind)
            template = template_for(self.mapping.dynamic_templates, place.name, value)
            if template is not None:
                definition = template.definition(place.name, value)
                if definition["type"] == "date" and "format" in self.definitions[kind]:
                    definition.setdefault("format", self.definitions[kind]["format"])
                types[chosen] = len(self.definitions)
                self.definitions.append(definition)
            elif place.dynamic in {Dynamic.STRICT_ALLOW_TEMPLATES, Dynamic.FALSE_ALLOW_TEMPLATES}:
                types[chosen] = NO_TYPE
        return types

    def _refuse_unmeant(self, scalars: _Firsts, problems: Problems) -> None:
        for owner in np.unique(scalars.owners).tolist():
            place = self.places[owner]
            if place.dynamic is Dynamic.STRICT_ALLOW_TEMPLATES:
                parent, _, part = place.name.rpartition(".")
                problems.add(scalars.leaves[scalars.owners == owner], 0, refused(strict(part, parent, place.dynamic)))

    def _firsts(self, mask: BoolArray) -> _Firsts:
        keys = self.keys[mask]
        first = np.flatnonzero(mask)[np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])]
        return _Firsts(self.keys[first], self.owners[first], self.rows[first], self.leaves[first])

    def _as_field(self, kind: int, path: str) -> Field:
        """A field as a definition would make it, with the index's ways of coercing."""
        definition = self.definitions[kind]
        one = build_field(path, FieldType(str(definition["type"])), path, definition)
        return replace(
            one,
            coerce=one.coerce if "coerce" in definition else self.mapping.coerce,
            ignore_malformed=one.ignore_malformed
            if "ignore_malformed" in definition
            else self.mapping.ignore_malformed,
        )

    def _place(self, leaf: int) -> Place:
        at = self.by_leaf[np.searchsorted(self.leaves, leaf, sorter=self.by_leaf)]
        return self.places[int(self.owners[at])]

    def _check_values(self, scalars: _Firsts, objects: _Firsts, types: I64Array, problems: Problems) -> None:
        """Further values of a document must fit the type that its first one infers."""
        _, i, j = np.intersect1d(scalars.keys, objects.keys, assume_unique=True, return_indices=True)
        late = scalars.leaves[i][objects.leaves[j] < scalars.leaves[i]]
        problems.add(late, 0, lambda text, fate, leaf: not_an_object(self._place(leaf).name)(text, fate, leaf))
        if not len(scalars.keys):
            return
        at = np.minimum(np.searchsorted(scalars.keys, self.keys), len(scalars.keys) - 1)
        type_of_leaf = np.where(scalars.keys[at] == self.keys, types[at], NO_TYPE)
        for kind in np.unique(types).tolist():
            self._check_type(kind, self.leaves[type_of_leaf == kind], problems)

    def _check_type(self, kind: int, leaves: I32Array, problems: Problems) -> None:
        found = Problems()
        one = self._as_field(kind, "")
        if one.type is FieldType.TEXT:  # takes every scalar
            found.add(leaves[(self.tape.leaves.kinds[leaves] & KIND) == OBJECT], IS_OBJECT, bad_value(one))
        elif one.type is not FieldType.OBJECT:
            conversions.BY_TYPE[one.type](self.tape, one, leaves, found)

        def words(text: str, fate: int, leaf: int) -> Reason:
            return bad_value(self._as_field(kind, self._place(leaf).name))(text, fate, leaf)

        for wrong, fates in zip(found.leaves, found.fates, strict=True):
            problems.add(wrong, fates, words)

    def _check_parents(self, scalars: _Firsts, objects: _Firsts, types: I64Array, problems: Problems) -> I64Array:
        """A name with a value cannot have others below it (``{"a": 1, "a.b": 2}``). Keys of pairs with something below."""
        above = self._parents()
        owners = np.concatenate([scalars.owners, objects.owners])
        rows, leaves = np.concatenate([scalars.rows, objects.rows]), np.concatenate([scalars.leaves, objects.leaves])
        inhabited = [_NONE]
        while True:
            owners = above[owners]
            some = owners >= 0
            if not some.any():
                return np.concatenate(inhabited)
            owners, rows, leaves = owners[some], rows[some], leaves[some]
            keys = owners * self.tape.rows + rows
            inhabited.append(keys)
            if len(scalars.keys):
                at = np.minimum(np.searchsorted(scalars.keys, keys), len(scalars.keys) - 1)
                clash = np.flatnonzero(scalars.keys[at] == keys)
                self._add_clashes(scalars.having(at[clash]), types[at[clash]], leaves[clash], problems)

    def _add_clashes(self, above: _Firsts, types: I64Array, below: I32Array, problems: Problems) -> None:
        """Of a value and something below it the later one is to blame."""
        first = above.leaves < below
        later = above.leaves[~first]
        problems.add(later, 0, lambda text, fate, leaf: not_an_object(self._place(leaf).name)(text, fate, leaf))
        for owner in np.unique(above.owners[first]).tolist():
            name = self.places[owner].name
            of_owner = first & (above.owners == owner)
            for kind in np.unique(types[of_owner]).tolist():
                shown = str(self.definitions[kind]["type"])

                def words(text: str, fate: int, leaf: int, name: str = name, shown: str = shown) -> Reason:
                    return through_leaf(self._place(leaf).name, name, shown)

                problems.add(below[of_owner & (types == kind)], 0, words)

    def _parents(self) -> I64Array:
        """For each name the nearest name above it that has leaves, -1 where there is none."""
        owner_of = {id(place): i for i, place in enumerate(self.places)}
        above = np.full(len(self.places), -1, np.int64)
        for i, place in enumerate(self.places):
            parent = place.parent
            while parent is not None and parent.meaning is Meaning.UNKNOWN:
                if id(parent) in owner_of:
                    above[i] = owner_of[id(parent)]
                    break
                parent = parent.parent
        return above


def _plain_definitions(mapping: IndexMapping) -> list[Mapping[str, object]]:
    """What new fields are where no template says otherwise; one definition for each further format of dates."""
    return [*DEFINITIONS[:DATE], *map(_date_definition, mapping.dynamic_dates)]


def _date_definition(form: str) -> Mapping[str, object]:
    return {"type": "date"} if form == DATE_FORMAT_STRICT else {"type": "date", "format": form}


def _value_kind(kind: int) -> str:
    """What dynamic templates call a value of this type."""
    return {TEXT: "string", LONG: "long", FLOAT: "double", BOOLEAN: "boolean"}.get(kind, "date")


def _types(tape: Tape, mapping: IndexMapping, leaves: I32Array) -> U8Array:
    """The inferred type of each of these scalars: a number in the plain definitions."""
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
        for number, form in reversed(list(enumerate(mapping.dynamic_dates))):  # the first that fits counts
            values, _ = conversions.texts(tape, strings[rest])
            _, bad = parse_dates(values.values, form)
            types[at[rest[~bad]]] = DATE + number
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
