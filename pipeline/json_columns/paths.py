"""What each JSON path means under a mapping: a field, an object, an unknown name, nothing, or a refusal.

A document may write the same field as ``{"a": {"b": 1}}`` or ``{"a.b": 1}``: two paths of the scanner, one place in the tree
of names below. Leaves are gathered by place (a *group*), not by path. A place is looked up once per path, when the
scanner first meets it, and kept for as long as table and mapping are the same.
"""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from pipeline.json_columns.rejects import Reason, strict, through_leaf, too_deep
from pipeline.json_columns.scanner import PathTable
from pipeline.kernels.arrays import I32Array
from schemas.limits import FIELD_DEPTH_MAX, FIELD_NAME_BYTES_MAX
from schemas.mapping import Dynamic, Field, FieldType, IndexMapping


class Meaning(Enum):
    """What the mapping says of a place."""

    FIELD = auto()
    OBJECT = auto()
    UNKNOWN = auto()  # dynamic: true
    IGNORED = auto()  # dynamic: false, or under a disabled object
    REFUSED = auto()  # any value here rejects its document


@dataclass(slots=True, eq=False)
class Place:
    """A name in the tree of the mapping and of what documents add to it."""

    meaning: Meaning
    name: str  # dotted
    parent: "Place | None"
    dynamic: Dynamic
    depth: int
    children: "dict[str, Place]"
    fields: tuple[Field, ...] = ()  # the field and its multi-fields
    reason: Reason | None = None
    group: int = -1
    copies: "tuple[Place, ...]" = ()  # places that get this one's values too


class Resolution:
    """The places of a table's paths under one mapping; grows as the table does."""

    def __init__(self, mapping: IndexMapping) -> None:
        self.mapping = mapping
        self.groups: list[Place] = []
        self._root = Place(Meaning.OBJECT, "", None, mapping.dynamic, 0, {})
        self._ignored = Place(Meaning.IGNORED, "", None, Dynamic.FALSE, 0, {})
        self._places: list[Place] = []
        self._group_of_path = np.empty(256, np.int32)
        for one in mapping.fields.values():
            if one.source == one.path:
                self._define(one)
        for one in mapping.fields.values():
            if one.source != one.path:
                place = self._find(one.source)
                place.fields = (*place.fields, one)
        for one in mapping.fields.values():
            if one.copy_to:
                self._copy(one)

    def group_of_path(self, table: PathTable, count: int) -> I32Array:
        """The group of each of the first ``count`` paths, -1 where values are of no interest."""
        known = len(self._places)
        if count > len(self._group_of_path):
            self._group_of_path = np.resize(self._group_of_path, 2 * count)
        for path in range(known, count):
            parent, key = table.key(path)
            place = self._step(self._places[parent] if parent >= 0 else self._root, key)
            self._give_group(place)
            self._places.append(place)
            self._group_of_path[path] = place.group
        return self._group_of_path

    def _give_group(self, place: Place) -> None:
        if place.group < 0 and place.meaning is not Meaning.IGNORED:
            place.group = len(self.groups)
            self.groups.append(place)

    def _copy(self, one: Field) -> None:
        """Where a field's values go besides: a name that the mapping does not know is a new field, by the same rules as in a document."""
        targets = [self._step(self._root, name) for name in dict.fromkeys(one.copy_to)]
        place = self._find(one.path)
        place.copies = tuple(target for target in targets if target.meaning is not Meaning.IGNORED)
        for target in place.copies:
            self._give_group(target)

    def _find(self, path: str) -> Place:
        place = self._root
        for part in path.split("."):
            child = place.children.get(part)
            if child is None:  # a parent that the mapping does not list
                child = self._add(place, part, Meaning.OBJECT)
            place = child
        return place

    def _define(self, one: Field) -> None:
        place = self._find(one.path)
        if one.type is not FieldType.OBJECT:
            place.meaning, place.fields = Meaning.FIELD, (one,)
        elif not one.enabled:
            place.meaning = Meaning.IGNORED
        place.dynamic = self.mapping.dynamic_at(f"{one.path}.x")

    def _add(self, parent: Place, part: str, meaning: Meaning, reason: Reason | None = None) -> Place:
        name = f"{parent.name}.{part}" if parent.name else part
        place = Place(meaning, name, parent, parent.dynamic, parent.depth + 1, {}, reason=reason)
        parent.children[part] = place
        return place

    def _step(self, place: Place, key: str) -> Place:
        """The place that a key of the object at ``place`` leads to."""
        if place.meaning not in {Meaning.OBJECT, Meaning.UNKNOWN}:
            return self._ignored  # of no interest, or rejected for the object itself
        known = place.children.get(key)
        if known is not None:
            return known
        parts = key.split(".")
        if not all(part.strip() for part in parts):
            return self._add(place, key, Meaning.REFUSED, _bad_name(key, place.name))
        found = place
        for part in parts:
            if found.meaning is Meaning.FIELD:
                name = f"{place.name}.{key}" if place.name else key
                reason = through_leaf(name, found.name, found.fields[0].type.value)
                return self._add(place, key, Meaning.REFUSED, reason)
            if found.meaning is Meaning.IGNORED or found.meaning is Meaning.REFUSED:
                break
            found = found.children.get(part) or self._unknown(found, part)
        return found

    def _refuse(self, place: Place, part: str) -> Place:
        return self._add(place, part, Meaning.REFUSED, strict(part, place.name, place.dynamic))

    def _unknown(self, place: Place, part: str) -> Place:
        """A name that the mapping does not know."""
        if place.dynamic is Dynamic.FALSE:
            return self._ignored
        if place.dynamic in _ONLY_TEMPLATES and not self.mapping.dynamic_templates:
            return self._ignored if place.dynamic is Dynamic.FALSE_ALLOW_TEMPLATES else self._refuse(place, part)
        if place.dynamic is Dynamic.STRICT:
            return self._refuse(place, part)
        if place.depth > FIELD_DEPTH_MAX:
            return self._add(place, part, Meaning.REFUSED, too_deep(place.name))
        if len(part.encode()) > FIELD_NAME_BYTES_MAX:
            words = f"Field name [{part[:50]}...] is longer than {FIELD_NAME_BYTES_MAX} bytes"
            return self._add(place, part, Meaning.REFUSED, Reason(words, "illegal_argument"))
        return self._add(place, part, Meaning.UNKNOWN)


_ONLY_TEMPLATES = frozenset({Dynamic.STRICT_ALLOW_TEMPLATES, Dynamic.FALSE_ALLOW_TEMPLATES})


def resolution(table: PathTable, mapping: IndexMapping) -> Resolution:
    """What the table's paths mean under the mapping; kept with the table for the next batch."""
    kept = table.resolved
    if isinstance(kept, Resolution) and kept.mapping is mapping:
        return kept
    fresh = Resolution(mapping)
    table.resolved = fresh
    return fresh


def _bad_name(key: str, parent: str) -> Reason:
    if not key:
        return Reason("field name cannot be an empty string", field=parent)
    if "." not in key:
        return Reason(f"object field cannot contain only whitespace: ['{key}']", field=parent)
    if not key.strip("."):
        return Reason("field name cannot contain only the character [.]", field=parent)
    return Reason(f"object field starting or ending with a [.] makes object resolution ambiguous: [{key}]")
