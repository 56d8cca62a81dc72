"""``docvalue_fields`` and ``fields``: values of a hit from the columns, or from its source."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipeline.json_columns.dates import format_date, parse_date
from pipeline.search.values import boolean_of, decimal_of, float_of, text_of
from pipeline.segments.format import NO_ORDINAL
from pipeline.segments.reader import SegmentReader
from schemas.errors import SedimentError, illegal_argument
from schemas.mapping import FLOAT_TYPES, INTEGER_TYPES, Field, FieldType, IndexMapping
from schemas.query import DocValueField


def doc_values(
    reader: SegmentReader, document: int, wanted: Sequence[DocValueField], mapping: IndexMapping
) -> dict[str, list[Any]]:
    """The columns' values of one document, by field, ascending. Raises where a field has no column."""
    found: dict[str, list[Any]] = {}
    for one in wanted:
        for field in matching(one.field, mapping):
            if field.type is FieldType.TEXT or not field.doc_values:
                if "*" in one.field:
                    continue
                message = (
                    f"Text fields are not optimised for operations that require per-document field data like aggregations and "
                    f"sorting: use a keyword field or [fields] instead of [{field.path}]"
                )
                raise illegal_argument(message)
            values = [shown(v, field, one.format) for v in column_values(reader, document, field)]
            if values:
                found[field.path] = values
    return found


def matching(pattern: str, mapping: IndexMapping) -> Iterator[Field]:
    """The fields of that name or name pattern."""
    if "*" not in pattern:
        field = mapping.get(pattern)
        return iter(() if field is None or field.type is FieldType.OBJECT else (field,))
    return (f for f in mapping.leaves() if fnmatchcase(f.path, pattern))


def column_values(reader: SegmentReader, document: int, field: Field) -> list[Any]:
    """A document's values: int, float, or bytes."""
    if field.type in {FieldType.KEYWORD, FieldType.IP}:
        ordinals, terms = reader.ordinals(field.path), reader.terms(field.path)
        if ordinals is None or terms is None:
            return []
        if ordinals.starts is None:
            numbers = ordinals.ordinals[document : document + 1]
        else:
            numbers = ordinals.ordinals[ordinals.starts[document] : ordinals.starts[document + 1]]
        return [terms.term(int(n)) for n in numbers if n != NO_ORDINAL]
    column = reader.numbers(field.path)
    if column is None or (column.present is not None and not column.present[document]):
        return []
    if column.starts is None:
        return [column.values[document].item()]
    values: list[Any] = column.values[column.starts[document] : column.starts[document + 1]].tolist()
    return values


def shown(value: Any, field: Field, form: str) -> Any:
    """A column's value as a hit shows it."""
    if field.type is FieldType.IP:
        address = ipaddress.IPv6Address(value)
        return str(address.ipv4_mapped or address)
    if field.type is FieldType.KEYWORD:
        return value.decode()
    if field.type is FieldType.BOOLEAN:
        return bool(value)
    if field.type is FieldType.DATE:
        first = form or field.format
        return format_date(value, first)
    return value


def source_values(source: Any, wanted: Sequence[DocValueField], mapping: IndexMapping) -> dict[str, list[Any]]:
    """Values of fields from the parsed source, as a flat list each; dates in the format asked for, or their field's."""
    found: dict[str, list[Any]] = {}
    for one in wanted:
        for field in matching(one.field, mapping):
            held = [v for v in at_path(source, field.source) if v is not None]
            values = [v for value in held if (v := _normal(value, field, one.format)) is not None]
            if values:
                found[field.path] = values
    return found


def _normal(value: Any, field: Field, form: str) -> Any:
    """A source's value as its field takes it; None where the field leaves it out or cannot take it."""
    try:
        if field.type is FieldType.DATE:
            return format_date(parse_date(text_of(value), field.format), form or field.format)
        if field.type in INTEGER_TYPES:
            return int(decimal_of(value))
        if field.type in FLOAT_TYPES:
            return float_of(value, field)
        if field.type is FieldType.BOOLEAN:
            return boolean_of(value)
    except SedimentError:
        return None
    text = text_of(value)
    return None if field.ignore_above is not None and len(text) > field.ignore_above else text


def at_path(source: Any, path: str) -> list[Any]:
    """Every scalar at a dotted path, arrays opened; a key may hold dots itself."""
    if isinstance(source, list):
        return [v for item in source for v in at_path(item, path)]
    if not path:
        return [] if isinstance(source, Mapping) else [source]
    if not isinstance(source, Mapping):
        return []
    found: list[Any] = []
    parts = path.split(".")
    for i in range(1, len(parts) + 1):
        key = ".".join(parts[:i])
        if key in source:
            found += at_path(source[key], ".".join(parts[i:]))
    return found
