"""What an index's settings say where a request says nothing: the fields of queries that name none. Pure."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from pipeline.dsl.leaves import to_fields
from schemas.query import AcrossFields, MultiMatch

T = TypeVar("T")
Fields = tuple[tuple[str, float], ...]


def default_fields(setting: str) -> Fields:
    """The fields of ``index.query.default_field`` (names with commas between); none where that is every field."""
    names = [name for name in setting.split(",") if name]
    return () if not names or "*" in names else to_fields("index.query.default_field", names)


def with_default_fields(value: T, given: Fields) -> T:
    """A request, query or aggregation whose texts without fields look into the given ones. What has none stays the same object."""
    changed: T = _changed(value, given)
    return changed


def _changed(value: Any, given: Fields) -> Any:
    if isinstance(value, MultiMatch | AcrossFields) and value.by_default:
        value = replace(value, fields=given, by_default=False)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
        new = {name: _changed(part, given) for name, part in parts.items()}
        found = {name: part for name, part in new.items() if part is not parts[name]}
        return replace(value, **found) if found else value
    if isinstance(value, Mapping):
        inner = {name: _changed(part, given) for name, part in value.items()}
        return inner if any(inner[name] is not value[name] for name in inner) else value
    if isinstance(value, list | tuple):
        several = [_changed(part, given) for part in value]
        return several if any(a is not b for a, b in zip(several, value, strict=True)) else value
    return value
