"""Dynamic templates: which definition a field gets that the mapping does not know, by its name, its path and what its value is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.errors import SedimentError, invalid
from schemas.fields.wildcards import fits_any

# what a value is -> the type that it gives a field where the template names none
DYNAMIC_TYPES: Final[Mapping[str, str]] = {
    "string": "text", "long": "long", "double": "float", "boolean": "boolean", "date": "date", "object": "object",
}  # fmt: skip
_CONDITIONS: Final = ("match", "unmatch", "path_match", "path_unmatch")
_KEYS: Final = frozenset({*_CONDITIONS, "match_mapping_type", "match_pattern", "mapping"})


@dataclass(frozen=True, slots=True)
class DynamicTemplate:
    """One template. Patterns, in which ``*`` stands for anything, of the last name and of the whole path; empty: no condition."""

    name: str
    match: tuple[str, ...] = ()
    unmatch: tuple[str, ...] = ()
    path_match: tuple[str, ...] = ()
    path_unmatch: tuple[str, ...] = ()
    kind: str = ""  # match_mapping_type; "*" and "": any
    mapping: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)  # as the user wrote it, for rendering

    def applies(self, path: str, kind: str) -> bool:
        """Whether a field of this path with such a value is meant."""
        name = path.rpartition(".")[2]
        return (
            (not self.path_match or fits_any(self.path_match, path))
            and (not self.match or fits_any(self.match, name))
            and not fits_any(self.path_unmatch, path)
            and not fits_any(self.unmatch, name)
            and self.kind in {"", "*", kind}
        )

    def definition(self, path: str, kind: str) -> dict[str, Any]:
        """The definition that it gives; ``{name}`` and ``{dynamic_type}`` are filled in."""
        name, dynamic_type = path.rpartition(".")[2], DYNAMIC_TYPES[kind]
        filled: dict[str, Any] = _filled(self.mapping, name, dynamic_type)
        return {"type": dynamic_type, **filled}


def _filled(value: Any, name: str, dynamic_type: str) -> Any:
    if isinstance(value, str):
        return (
            value.replace("{name}", name).replace("{dynamic_type}", dynamic_type).replace("{dynamicType}", dynamic_type)
        )
    if isinstance(value, Mapping):
        return {_filled(k, name, dynamic_type): _filled(v, name, dynamic_type) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(one, name, dynamic_type) for one in value]
    return value


def template_for(templates: Sequence[DynamicTemplate], path: str, kind: str) -> DynamicTemplate | None:
    """The first template that means a field, or None."""
    return next((one for one in templates if one.applies(path, kind)), None)


def parse_dynamic_templates(value: Any) -> tuple[DynamicTemplate, ...]:
    """``[{"name": {"match": …, "mapping": {…}}}, …]``. Raises ``mapper_parsing``."""
    if not isinstance(value, list):
        raise _failed("Dynamic template syntax error. An array of named objects is expected.")
    return tuple(_parse_one(one) for one in value)


def _parse_one(value: Any) -> DynamicTemplate:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise _failed("A dynamic template must be defined with a name")
    ((name, body),) = value.items()
    if not isinstance(body, Mapping):
        raise _failed(f"dynamic template [{name}] must be an object")
    for key in body:
        if key not in _KEYS:
            raise _failed(f"Illegal dynamic template parameter: [{key}]")
    if not any(body.get(key) for key in (*_CONDITIONS, "match_mapping_type")):
        raise _failed(f"template [{name}] must have match, path_match or match_mapping_type set")
    if body.get("match_pattern", "simple") != "simple":
        raise _failed(
            f"[match_pattern] [{body['match_pattern']}] of dynamic template [{name}] is not supported: use names with [*]"
        )
    kind = str(body.get("match_mapping_type") or "")
    if kind == "binary" or kind not in {"", "*", *DYNAMIC_TYPES}:
        known = ", ".join(DYNAMIC_TYPES)
        raise _failed(f"No field type matched on [{kind}], possible values are [{known}]")
    mapping = body.get("mapping")
    if not isinstance(mapping, Mapping):
        raise _failed(f"template [{name}] must have a [mapping] object")
    conditions = {key: _patterns(body.get(key)) for key in _CONDITIONS}
    return DynamicTemplate(str(name), **conditions, kind=kind, mapping=mapping, source=body)


def _patterns(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _failed(reason: str) -> SedimentError:
    return invalid("mapper_parsing", f"Failed to parse mapping [_doc]: {reason}")


def kinds_of(template: DynamicTemplate) -> Sequence[str]:
    """The kinds of values that a template may meet."""
    return tuple(DYNAMIC_TYPES) if template.kind in {"", "*"} else (template.kind,)
