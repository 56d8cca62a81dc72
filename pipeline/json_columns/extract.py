"""A scanned batch to one column per field, with Elasticsearch's coercions; rejects; unknown fields.

For each place of the mapping that has leaves in the batch (``paths``), the leaves of all documents are turned into the
field's column at once. What a field does not take becomes a problem of its document (``rejects``); what the mapping does
not know goes to ``inference``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.json_columns import conversions
from pipeline.json_columns.columns import BytesValues, Extracted, NumberValues, Reject, Values
from pipeline.json_columns.inference import Unknown, infer
from pipeline.json_columns.kernels.scalar_kernels import (
    EMPTY_ARRAY,
    KIND,
    NULL,
    OBJECT,
)
from pipeline.json_columns.kernels.value_kernels import keep_rows, order_by_group
from pipeline.json_columns.lines import split_lines
from pipeline.json_columns.paths import Meaning, Place, Resolution, resolution
from pipeline.json_columns.rejects import STRICT, Problems, Reason, not_an_object, refused
from pipeline.json_columns.scanner import Scanner, Tape, raw, readonly
from pipeline.kernels.arrays import I32Array
from schemas.mapping import Field, FieldType, IndexMapping, parse_mapping


def extract(tape: Tape, mapping: IndexMapping) -> Extracted:
    """The columns of all fields that have a value in the batch, by the field's path (multi-fields included).

    ``rejects`` has one entry per rejected document, by row, the tape's own errors among them: the first problem of the
    document in the order of its bytes. A field with neither index nor doc values is checked and has no column.
    """
    places = resolution(tape.table, mapping)
    group_of_path = places.group_of_path(tape.table, tape.path_count)
    leaves = tape.leaves
    first, order = order_by_group(leaves.paths, len(leaves.rows), group_of_path, len(places.groups))
    problems = Problems()
    columns: dict[str, Values] = {}
    unknown: list[Unknown] = []
    gathered = {g: order[first[g] : first[g + 1]] for g in np.flatnonzero(first[1:] > first[:-1]).tolist()}
    for group, chosen in _with_copies(places, gathered).items():
        place = places.groups[group]
        match place.meaning:
            case Meaning.FIELD:
                columns.update(_columns(tape, place, chosen, problems))
            case Meaning.UNKNOWN:
                unknown.append(Unknown(place, chosen))
            case Meaning.OBJECT:
                _check_objects(tape, place, chosen, problems)
            case Meaning.REFUSED:
                assert place.reason is not None
                problems.add(_refused(tape, chosen, place.reason), 0, refused(place.reason))
            case Meaning.IGNORED:
                pass  # such places have no group
    candidates = infer(tape, mapping, unknown, problems)
    rejects = _merge(tape.errors, problems.rejects(tape))
    rejected = {one.row for one in rejects}
    return Extracted(columns, rejects, candidates.without(rejected), lambda: candidates.every(rejected))


def select(columns: Mapping[str, Values], row_to_doc: I32Array) -> Mapping[str, Values]:
    """The same columns with rows renumbered: row r becomes ``row_to_doc[r]`` (int32[rows]), those with -1 are left out.

    Where nothing is left out the values are shared, not copied. ``row_to_doc`` ascends where it is >= 0.
    """
    if not (row_to_doc < 0).any():
        return {name: replace(one, rows=row_to_doc[one.rows]) for name, one in columns.items()}
    return {name: _selected(one, readonly(row_to_doc)) for name, one in columns.items()}


def warm() -> None:
    """Compile every kernel of the package: scan, extract, select and split one small batch of every type."""
    kinds = [kind.value for kind in FieldType if kind is not FieldType.OBJECT]
    mapping = parse_mapping({"properties": {kind: {"type": kind} for kind in kinds}})
    sample = {"date": '"2020-01-02"', "ip": '"::1"', "boolean": "true", "text": '"\\u00e9"', "keyword": '"a"'}
    document = ",".join(f'"{kind}":{sample.get(kind, "1")}' for kind in kinds).encode()
    keys = b",".join(b'"k%d":1' % i for i in range(300))  # the table of paths grows
    lines = split_lines(b"{%b}\r\n{%b}\n{}" % (document, keys))
    tape = Scanner().scan(lines.column(np.arange(len(lines))))
    raw(tape, ("text",))
    select(extract(tape, mapping).columns, np.array([-1, 0, 1], np.int32))


def _selected(one: Values, row_to_doc: I32Array) -> Values:
    kept, docs = np.empty(len(one.rows), np.int64), np.empty(len(one.rows), np.int32)
    count = keep_rows(readonly(one.rows), row_to_doc, kept, docs)
    rows = docs[:count]
    if count == len(one.rows):
        return replace(one, rows=rows)
    if isinstance(one, NumberValues):
        return NumberValues(rows, one.values[kept[:count]])
    starts = one.values.starts
    values = conversions.copied(one.values.data, starts[:-1][kept[:count]], starts[1:][kept[:count]])
    return BytesValues(rows, values)


def _with_copies(places: Resolution, gathered: dict[int, I32Array]) -> dict[int, I32Array]:
    """The leaves of each group, those that are copied to it among them, in document order."""
    copied: dict[int, list[I32Array]] = {}
    for group, chosen in gathered.items():
        for target in places.groups[group].copies:
            copied.setdefault(target.group, []).append(chosen)
    if not copied:
        return gathered
    merged = {g: np.sort(np.concatenate([*parts, gathered.get(g, parts[0][:0])])) for g, parts in copied.items()}
    return {**gathered, **merged}


def _refused(tape: Tape, leaves: I32Array, reason: Reason) -> I32Array:
    """The leaves that reject their documents: a null says nothing of a field that a strict mapping does not know."""
    if reason.code != STRICT:
        return leaves
    said: I32Array = leaves[(tape.leaves.kinds[leaves] & KIND) != NULL]
    return said


def _columns(tape: Tape, place: Place, leaves: I32Array, problems: Problems) -> list[tuple[str, Values]]:
    """The columns of a field and its multi-fields."""
    found: list[tuple[str, Values]] = []
    for one in place.fields:
        values = _CONVERSIONS[one.type](tape, one, leaves, problems)
        if one.index or one.doc_values:
            found.append((one.path, values))
    return found


def _check_objects(tape: Tape, place: Place, leaves: I32Array, problems: Problems) -> None:
    """An object may be given as an object, null or an empty array only."""
    kinds = tape.leaves.kinds[leaves] & KIND
    concrete = (kinds != OBJECT) & (kinds != NULL) & (kinds != EMPTY_ARRAY)
    if concrete.any():
        problems.add(leaves[concrete], 0, not_an_object(place.name))


def _merge(malformed: Sequence[Reject], others: Sequence[Reject]) -> Sequence[Reject]:
    """By row; a document that is not well-formed has no leaves, so no row is in both."""
    if not malformed:
        return others
    return sorted([*malformed, *others], key=lambda one: one.row)


_Conversion = Callable[[Tape, Field, I32Array, Problems], Values]
_CONVERSIONS: Mapping[FieldType, _Conversion] = conversions.BY_TYPE
