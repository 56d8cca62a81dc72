"""What a mapping from outside may not ask for: checked at the door, so that what the control log holds stays readable.

Whatever would change results in Elasticsearch and does not here is an error that names it.
"""

from collections.abc import Mapping
from typing import Any

from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.fields.dynamic_templates import parse_dynamic_templates
from schemas.fields.similarity import BUILT_IN_SIMILARITIES
from schemas.mapping import Field, FieldType, IndexMapping, number_of, parse_mapping


def checked_mapping(body: Any) -> IndexMapping:
    """The mapping that a user asks for. Raises ``mapper_parsing``, ``illegal_argument``."""
    try:
        mapping = parse_mapping(body)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise invalid("mapper_parsing", f"Failed to parse mapping: {error}") from error
    for name, known in (("_source", {"enabled", "includes", "excludes"}), ("_routing", {"required"})):
        _check_part(body, name, known)
    meta = body.get("_meta")
    if meta is not None and not isinstance(meta, Mapping):
        raise invalid("mapper_parsing", f"[_meta] must be an object, not [{meta}]")
    parse_dynamic_templates([] if body.get("dynamic_templates") is None else body["dynamic_templates"])
    _check_copies(mapping.fields)
    for path, one in mapping.fields.items():
        _check_effective(path, one.type, one.parameters)
    _check_templates(mapping)
    return mapping


def _check_part(body: Mapping[str, Any], name: str, known: set[str]) -> None:
    """One of the objects beside ``properties``."""
    value = {} if body.get(name) is None else body[name]
    if not isinstance(value, Mapping):
        raise invalid("mapper_parsing", f"[{name}] must be an object, not [{value}]")
    for key in value:
        if key not in known:
            raise invalid("mapper_parsing", f"Mapping definition for [{name}] has unsupported parameters:  [{key}]")
        if key in {"includes", "excludes"} and value[key]:
            raise invalid(
                "mapper_parsing", f"[{key}] of [{name}] is not supported: choose parts of a source in the search"
            )


def _check_copies(fields: Mapping[str, Field]) -> None:
    for path, one in fields.items():
        if one.copy_to and one.source != path:
            raise invalid(
                "mapper_parsing", f"copy_to in multi fields is not allowed. Found the copy_to in field [{path}]"
            )
        for target in one.copy_to:
            known = fields.get(target)
            if known is not None and known.type is FieldType.OBJECT:
                reason = f"Cannot copy to field [{target}] since it is mapped as an object"
                raise illegal_argument(reason)
            if known is not None and known.source != target:
                raise illegal_argument(f"[copy_to] may not be used to copy to a multi-field: [{target}]")


def _check_templates(mapping: IndexMapping) -> None:
    """Raises ``mapper_parsing`` where a template gives a definition that no field can have."""
    try:
        for path, one in mapping.samples().fields.items():
            _check_effective(path, one.type, one.parameters)
    except SedimentError as error:
        raise invalid(
            "mapper_parsing", f"Failed to parse mapping [_doc]: a dynamic template has invalid content: {error.message}"
        ) from error


def _check_effective(path: str, kind: FieldType, definition: Mapping[str, Any]) -> None:
    """Raises ``mapper_parsing`` for what would change results in Elasticsearch and does not here."""
    if number_of(path, "boost", definition.get("boost", 1.0)) != 1.0:
        raise invalid("mapper_parsing", f"[boost] of field [{path}] is not supported: give the boost in the query")
    options = definition.get("index_options")
    if kind is FieldType.TEXT and options not in {None, "positions", "offsets"}:
        raise invalid(
            "mapper_parsing",
            f"[index_options] [{options}] of field [{path}] is not supported: leave it out, positions are kept",
        )
    if kind is FieldType.KEYWORD and options not in {None, "docs"}:
        raise invalid("mapper_parsing", f"[index_options] [{options}] of field [{path}] is not supported: leave it out")


def check_similarities(mapping: IndexMapping) -> None:
    """Raises ``mapper_parsing`` for a similarity that the index does not know."""
    known = {"default", *BUILT_IN_SIMILARITIES, *mapping.similarities}
    for one in mapping.leaves():
        name = one.parameters.get("similarity")
        if name is not None and str(name) not in known:
            path = one.path.rpartition(".")[2]
            raise invalid("mapper_parsing", f"Unknown Similarity type [{name}] for field [{path}]")
