"""Fields that the mapping does not know: what Elasticsearch would make of them, per document.

The type comes from the first value of the field in the document. The document's further values must fit that type, as
they would if the field had been mapped so before; otherwise the document is rejected. Documents are judged one by one
(their first values may differ), but all unknown names of a batch are worked on at once: the leaves of one (name,
document) pair are neighbours, and pairs are compared by a key, name * documents + document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    text_of,
    through_leaf,
    too_deep,
)
from pipeline.json_columns.scanner import Tape
from pipeline.kernels.arrays import BoolArray, I32Array, I64Array, U8Array
from schemas.limits import FIELD_DEPTH_MAX
from schemas.mapping import Field, FieldType, IndexMapping, build_field

DATE_FORMAT_STRICT = "strict_date_optional_time"
DATE_FORMAT_SLASHES = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"
TEXT, LONG, FLOAT, BOOLEAN, DATE, DATE_SLASHES, NO_TYPE = range(7)
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
    types: U8Array = field(default_factory=lambda: np.empty(0, np.uint8))  # of the scalars

    def without(self, rejected: set[int]) -> Sequence[NewField]:
        """The new fields, each by the first document that has it and is not rejected, in document order."""
        refuse = np.fromiter(rejected, np.int32, len(rejected))
        found: dict[str, tuple[int, NewField]] = {}
        for firsts, types in ((self.scalars, self.types), (self.objects, None)):
            accepted = np.flatnonzero(~np.isin(firsts.rows, refuse))
            _, at = np.unique(firsts.owners[accepted], return_index=True)
            for i in accepted[at].tolist():
                name = self.places[firsts.owners[i]].name
                definition = OBJECT_DEFINITION if types is None else DEFINITIONS[types[i]]
                leaf, new = int(firsts.leaves[i]), NewField(int(firsts.rows[i]), name, definition)
                if name not in found or leaf < found[name][0]:  # a scalar in one document, an object in another
                    found[name] = leaf, new
        return tuple(new for _, new in sorted(found.values(), key=lambda pair: pair[0]))


def infer(tape: Tape, mapping: IndexMapping, unknown: Sequence[Unknown], problems: Problems) -> Candidates:
    """What unknown names could become; documents that contradict themselves are added to ``problems``."""
    if not unknown:
        return Candidates()
    return _Inference(tape, unknown).candidates(mapping, problems)


class _Inference:
    """The unknown names of one batch."""

    def __init__(self, tape: Tape, unknown: Sequence[Unknown]) -> None:
        self.tape = tape
        self.places = [one.place for one in unknown]
        self.leaves: I32Array = np.concatenate([one.leaves for one in unknown])
        self.owners = np.repeat(np.arange(len(unknown)), [len(one.leaves) for one in unknown])
        self.rows = tape.leaves.rows[self.leaves]
        self.keys = self.owners * tape.rows + self.rows
        self.kinds = tape.leaves.kinds[self.leaves] & KIND
        self.by_leaf = np.argsort(self.leaves, kind="stable")

    def candidates(self, mapping: IndexMapping, problems: Problems) -> Candidates:
        """First values, their types, and what contradicts them."""
        is_object = self.kinds == OBJECT
        scalars = self._firsts(~is_object & (self.kinds != NULL) & (self.kinds != EMPTY_ARRAY))
        objects = self._firsts(is_object)
        types = _types(self.tape, mapping, scalars.leaves)
        self._check_values(scalars, objects, types, problems)
        inhabited = self._check_parents(scalars, objects, types, problems)
        deep = np.array([place.depth > FIELD_DEPTH_MAX for place in self.places])[objects.owners]
        problems.add(objects.leaves[deep], 0, lambda text, fate, leaf: too_deep(self._place(leaf).name))
        return Candidates(self.places, scalars, objects.having(~np.isin(objects.keys, inhabited)), types)

    def _firsts(self, mask: BoolArray) -> _Firsts:
        keys = self.keys[mask]
        first = np.flatnonzero(mask)[np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])]
        return _Firsts(self.keys[first], self.owners[first], self.rows[first], self.leaves[first])

    def _place(self, leaf: int) -> Place:
        at = self.by_leaf[np.searchsorted(self.leaves, leaf, sorter=self.by_leaf)]
        return self.places[int(self.owners[at])]

    def _check_values(self, scalars: _Firsts, objects: _Firsts, types: U8Array, problems: Problems) -> None:
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
        if kind == TEXT:  # takes every scalar
            found.add(
                leaves[(self.tape.leaves.kinds[leaves] & KIND) == OBJECT], IS_OBJECT, bad_value(_as_field(kind, ""))
            )
        else:
            one = _as_field(kind, "")
            conversions.BY_TYPE[one.type](self.tape, one, leaves, found)

        def words(text: str, fate: int, leaf: int) -> Reason:
            return bad_value(_as_field(kind, self._place(leaf).name))(text, fate, leaf)

        for wrong, fates in zip(found.leaves, found.fates, strict=True):
            problems.add(wrong, fates, words)

    def _check_parents(self, scalars: _Firsts, objects: _Firsts, types: U8Array, problems: Problems) -> I64Array:
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

    def _add_clashes(self, above: _Firsts, types: U8Array, below: I32Array, problems: Problems) -> None:
        """Of a value and something below it the later one is to blame."""
        first = above.leaves < below
        later = above.leaves[~first]
        problems.add(later, 0, lambda text, fate, leaf: not_an_object(self._place(leaf).name)(text, fate, leaf))
        for owner in np.unique(above.owners[first]).tolist():
            name, chosen = self.places[owner].name, first & (above.owners == owner)

            def words(text: str, fate: int, leaf: int, name: str = name) -> Reason:
                return through_leaf(self._place(leaf).name, name, str(DEFINITIONS[fate]["type"]))

            problems.add(below[chosen], types[chosen], words)

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


def _as_field(kind: int, path: str) -> Field:
    definition = DEFINITIONS[kind]
    return build_field(path, FieldType(str(definition["type"])), path, definition)


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
