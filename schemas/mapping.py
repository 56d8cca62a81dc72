"""An index mapping: fields, types, parameters; parsing, rendering, and the rules for merging two mappings.

A mapping is a value. Fields are kept flat under their dotted name (``user.name``); multi-fields are fields of their
own whose ``source`` is the parent's path (``title.raw`` reads the JSON path ``title``). The tree that Elasticsearch shows
is rendered from the flat table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.fields.dynamic_templates import DynamicTemplate, kinds_of, parse_dynamic_templates
from schemas.fields.similarity import BUILT_IN_SIMILARITIES, Similarity
from schemas.limits import FIELD_DEPTH_MAX, FIELD_NAME_BYTES_MAX


class FieldType(StrEnum):
    """The types a field may have, by Elasticsearch's names."""

    TEXT = "text"
    KEYWORD = "keyword"
    BOOLEAN = "boolean"
    LONG = "long"
    INTEGER = "integer"
    SHORT = "short"
    BYTE = "byte"
    DOUBLE = "double"
    FLOAT = "float"
    DATE = "date"
    IP = "ip"
    OBJECT = "object"


INTEGER_BOUNDS: Mapping[FieldType, tuple[int, int]] = {
    FieldType.LONG: (-(1 << 63), (1 << 63) - 1),
    FieldType.INTEGER: (-(1 << 31), (1 << 31) - 1),
    FieldType.SHORT: (-(1 << 15), (1 << 15) - 1),
    FieldType.BYTE: (-(1 << 7), (1 << 7) - 1),
}
INTEGER_TYPES = frozenset(INTEGER_BOUNDS)
FLOAT_TYPES = frozenset({FieldType.DOUBLE, FieldType.FLOAT})
NUMBER_TYPES = INTEGER_TYPES | FLOAT_TYPES
INVERTED_TYPES = frozenset({FieldType.TEXT, FieldType.KEYWORD})
DYNAMIC_DATES = ("strict_date_optional_time", "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis")
DATE_FORMAT_DEFAULT = "strict_date_optional_time||epoch_millis"


class Dynamic(StrEnum):
    """What happens to a field that the mapping does not know."""

    TRUE = "true"  # it is added, with a type inferred from its first value
    FALSE = "false"  # it stays in the source and is not indexed
    STRICT = "strict"  # the document is rejected
    STRICT_ALLOW_TEMPLATES = "strict_allow_templates"  # rejected, unless a dynamic template means the field
    FALSE_ALLOW_TEMPLATES = "false_allow_templates"  # not indexed, unless a dynamic template means the field


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``path`` is its dotted name; ``source`` the JSON path it reads (they differ for multi-fields)."""

    path: str
    type: FieldType
    source: str
    index: bool = True  # searchable
    doc_values: bool = True  # sortable, aggregatable
    store: bool = False
    coerce: bool = True  # numbers: "12" and 1.7 are taken for a whole number
    ignore_malformed: bool = False
    ignore_above: int | None = None  # keyword: longer values are not indexed (characters)
    null_value: Any = None
    format: str = ""  # date
    analyzer: str = "standard"  # text
    search_analyzer: str = ""
    norms: bool = True  # text: length counts in scores
    enabled: bool = True  # object: False keeps it in the source only
    dynamic: Dynamic | None = None  # object: overrides the index's
    copy_to: tuple[str, ...] = ()  # fields that get this one's values too
    parameters: Mapping[str, Any] = field(default_factory=dict)  # as the user wrote them, for rendering


@dataclass(frozen=True, slots=True)
class IndexMapping:
    """All fields of an index by path, objects included."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    dynamic: Dynamic = Dynamic.TRUE
    date_detection: bool = True
    numeric_detection: bool = False
    source_enabled: bool = True
    meta: Mapping[str, Any] | None = None
    explicit_dynamic: bool = False  # whether to show ``dynamic`` in GET _mapping
    dynamic_templates: tuple[DynamicTemplate, ...] = ()
    dynamic_dates: tuple[str, ...] = DYNAMIC_DATES  # formats of texts that a new field is a date for
    routing_required: bool = False
    coerce: bool = True  # what fields do that say nothing (index.mapping.coerce)
    ignore_malformed: bool = False  # likewise (index.mapping.ignore_malformed)
    analysis: str = ""  # the index's settings ``analysis.*`` as JSON (pipeline.analysis.definitions.flat); empty: none
    similarities: Mapping[str, Similarity] = field(default_factory=dict)  # by name, from the index's settings

    def get(self, path: str) -> Field | None:
        """The field of that name, or None."""
        return self.fields.get(path)

    def similarity_of(self, path: str) -> Similarity:
        """How a field scores: by its ``similarity``, else by the index's ``default``, else BM25."""
        one = self.fields.get(path)
        name = "default" if one is None else str(one.parameters.get("similarity", "default"))
        return self.similarities.get(name) or BUILT_IN_SIMILARITIES.get(name) or BUILT_IN_SIMILARITIES["BM25"]

    def leaves(self) -> Iterator[Field]:
        """Every field that holds values (objects left out), in order of definition."""
        return (f for f in self.fields.values() if f.type is not FieldType.OBJECT)

    def defaulted(self, settings: Mapping[str, str]) -> "IndexMapping":
        """The same mapping, its fields as an index's settings have those that say nothing."""
        coerce = settings.get("mapping.coerce", "true") == "true"
        ignore = settings.get("mapping.ignore_malformed", "false") == "true"
        if coerce and not ignore:
            return self
        fields = {
            path: replace(
                one,
                coerce=one.coerce if "coerce" in one.parameters else coerce,
                ignore_malformed=one.ignore_malformed if "ignore_malformed" in one.parameters else ignore,
            )
            for path, one in self.fields.items()
        }
        return replace(self, fields=fields, coerce=coerce, ignore_malformed=ignore)

    def samples(self) -> "IndexMapping":
        """A mapping with a field for each kind of value that each dynamic template may meet: to be checked as fields are."""
        fields: dict[str, Field] = {}
        for template in self.dynamic_templates:
            for kind in kinds_of(template):
                definition = template.definition(f"{template.name}-{kind}", kind)
                _parse_properties({f"{template.name.replace('.', '-') or '-'}-{kind}": definition}, "", fields)
        return replace(self, fields=fields)

    def dynamic_at(self, path: str) -> Dynamic:
        """The dynamic setting that governs a new field of this path: the nearest parent object's, else the index's."""
        while "." in path:
            path = path.rpartition(".")[0]
            parent = self.fields.get(path)
            if parent is not None and parent.type is FieldType.OBJECT and parent.dynamic is not None:
                return parent.dynamic
        return self.dynamic

    def with_fields(self, added: Mapping[str, Field]) -> "IndexMapping":
        """This mapping with fields added (or replaced)."""
        return replace(self, fields={**self.fields, **added})


_ROOT_PARAMETERS = {
    "dynamic", "properties", "_source", "date_detection", "numeric_detection", "_meta", "dynamic_templates", "_routing", "dynamic_date_formats",
}  # fmt: skip
_COMMON = {"type", "fields", "meta", "copy_to", "store", "index", "doc_values", "boost", "null_value", "similarity"}
_PARAMETERS: Mapping[FieldType, set[str]] = {
    FieldType.TEXT: _COMMON
    | {
        "analyzer", "search_analyzer", "search_quote_analyzer", "norms", "index_options", "fielddata", "term_vector",
        "position_increment_gap", "eager_global_ordinals", "index_phrases", "index_prefixes",
    },
    FieldType.KEYWORD: _COMMON
    | {"ignore_above", "normalizer", "norms", "index_options", "eager_global_ordinals", "split_queries_on_whitespace"},
    FieldType.DATE: _COMMON | {"format", "locale", "ignore_malformed"},
    FieldType.BOOLEAN: _COMMON,
    FieldType.IP: _COMMON | {"ignore_malformed"},
    FieldType.OBJECT: {"type", "properties", "dynamic", "enabled"},
    **{t: _COMMON | {"coerce", "ignore_malformed"} for t in NUMBER_TYPES},
}  # fmt: skip


def parse_mapping(body: Mapping[str, Any]) -> IndexMapping:
    """The mapping that a ``mappings`` object of the REST API describes. Raises ``mapper_parsing``."""
    if not isinstance(body, Mapping):
        raise invalid("mapper_parsing", f"Failed to parse mapping: expected an object, not [{body}]")
    unknown = sorted(set(map(str, body)) - _ROOT_PARAMETERS)
    if unknown:
        given = ", ".join(f"[{name} : {body[name]}]" for name in unknown)
        raise invalid("mapper_parsing", f"Root mapping definition has unsupported parameters:  {given}")
    fields: dict[str, Field] = {}
    _parse_properties(body.get("properties", {}), "", fields)
    source, routing = body.get("_source", {}), body.get("_routing", {})
    return IndexMapping(
        fields=fields,
        dynamic=_dynamic(body.get("dynamic", "true")),
        explicit_dynamic="dynamic" in body,
        date_detection=_flag(body, "date_detection", default=True),
        numeric_detection=_flag(body, "numeric_detection", default=False),
        source_enabled=_flag(source, "enabled", default=True) if isinstance(source, Mapping) else True,
        meta=body.get("_meta"),
        dynamic_templates=_templates(body.get("dynamic_templates")),
        dynamic_dates=_dynamic_dates(body),
        routing_required=isinstance(routing, Mapping) and routing.get("required") in (True, "true"),
    )


def _templates(value: Any) -> tuple[DynamicTemplate, ...]:
    """What can be read of dynamic templates; ``mapping_checks`` says at the door what cannot."""
    try:
        return parse_dynamic_templates(value or [])
    except SedimentError:
        return ()


def _dynamic_dates(body: Mapping[str, Any]) -> tuple[str, ...]:
    given = body.get("dynamic_date_formats")
    if given is None:
        return DYNAMIC_DATES
    return tuple(map(str, given)) if isinstance(given, list) else (str(given),)


def _dynamic(value: Any) -> Dynamic:
    text = str(value).lower()
    if text not in {d.value for d in Dynamic}:
        known = ", ".join(d.value for d in Dynamic)
        raise invalid("mapper_parsing", f"Could not convert [dynamic] to a value: [{value}] is not one of {known}")
    return Dynamic(text)


def _flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise illegal_argument(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")


def _parse_properties(properties: Any, prefix: str, into: dict[str, Field]) -> None:
    if not isinstance(properties, Mapping):
        raise invalid("mapper_parsing", f"Expected map for property [properties] on field [{prefix.rstrip('.')}]")
    if prefix.count(".") > FIELD_DEPTH_MAX:
        raise illegal_argument(
            f"Limit of mapping depth [{FIELD_DEPTH_MAX}] has been exceeded due to object field [{prefix[:-1]}]"
        )
    for given, definition in properties.items():
        name = str(given)
        if not isinstance(definition, Mapping):
            raise invalid(
                "mapper_parsing",
                f"Expected map for property [fields] on field [{name}] but got a {type(definition).__name__}",
            )
        _check_name(name)
        path = prefix + name
        for parent in _parents(path):  # a dotted name in the definition makes its objects
            into.setdefault(parent, Field(parent, FieldType.OBJECT, parent))
        _parse_field(path, definition, into)


def _check_name(name: str) -> None:
    if not name or any(not part.strip() for part in name.split(".")):
        raise illegal_argument(
            f"object field starting or ending with a [.] makes object resolution ambiguous: [{name}]"
            if name
            else "name cannot be empty string"
        )
    if len(name.encode()) > FIELD_NAME_BYTES_MAX:
        raise illegal_argument(f"Field name [{name[:50]}...] is longer than {FIELD_NAME_BYTES_MAX} bytes")


def _parents(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


def _parse_field(path: str, definition: Mapping[str, Any], into: dict[str, Field]) -> None:
    default = "object"
    type_name = str(definition.get("type", default))
    if (
        "type" not in definition
        and "properties" not in definition
        and "enabled" not in definition
        and "dynamic" not in definition
    ):
        raise invalid("mapper_parsing", f"No type specified for field [{path}]")
    kind = _kind(type_name, path.rpartition(".")[2], definition)
    into[path] = build_field(path, kind, path, definition)
    if kind is FieldType.OBJECT:
        _parse_properties(definition.get("properties", {}), path + ".", into)
    _parse_multi(path, definition, into)


def _parse_multi(path: str, definition: Mapping[str, Any], into: dict[str, Field]) -> None:
    multi = definition.get("fields", {})
    if not isinstance(multi, Mapping):
        raise invalid("mapper_parsing", f"expected map for property [fields] on field [{path}]")
    for name, sub in multi.items():
        if not isinstance(sub, Mapping):
            raise invalid("mapper_parsing", f"Illegal field [{name}], only fields can be specified inside fields")
        if "type" not in sub:
            raise invalid("mapper_parsing", f"no type specified for property [{name}]")
        _check_name(name)
        if sub.get("fields") or str(sub["type"]) == FieldType.OBJECT.value:
            raise invalid("mapper_parsing", f"Type [{sub['type']}] cannot be used in multi field")
        into[f"{path}.{name}"] = build_field(f"{path}.{name}", _kind(sub["type"], name, sub), path, sub)


def _kind(given: Any, name: str, definition: Mapping[str, Any]) -> FieldType:
    """The type of that name, if it takes these parameters."""
    if str(given) not in {t.value for t in FieldType}:
        raise invalid("mapper_parsing", f"No handler for type [{given}] declared on field [{name}]")
    kind = FieldType(str(given))
    unknown = sorted(set(definition) - _PARAMETERS[kind])
    if unknown:
        shown = ", ".join(f"[{n} : {definition[n]}]" for n in unknown)
        raise invalid("mapper_parsing", f"unknown parameter {shown} on mapper [{name}] of type [{given}]")
    return kind


def build_field(path: str, kind: FieldType, source: str, definition: Mapping[str, Any]) -> Field:
    """A field from its parameters as the REST API has them."""
    parameters = {k: v for k, v in definition.items() if k not in {"type", "properties", "fields"}}
    dynamic = definition.get("dynamic")
    above = definition.get("ignore_above")
    return Field(
        path=path,
        type=kind,
        source=source,
        index=_flag(definition, "index", default=True),
        doc_values=_flag(definition, "doc_values", default=kind is not FieldType.TEXT),
        store=_flag(definition, "store", default=False),
        coerce=_flag(definition, "coerce", default=True),
        ignore_malformed=_flag(definition, "ignore_malformed", default=False),
        ignore_above=None if above is None else int(number_of(path, "ignore_above", above)),
        null_value=definition.get("null_value"),
        format=str(definition.get("format", DATE_FORMAT_DEFAULT)) if kind is FieldType.DATE else "",
        analyzer=str(definition.get("analyzer", "standard")),
        search_analyzer=str(definition.get("search_analyzer", "")),
        norms=_flag(definition, "norms", default=kind is FieldType.TEXT),
        enabled=_flag(definition, "enabled", default=True),
        dynamic=None if dynamic is None else _dynamic(dynamic),
        copy_to=_copies(definition.get("copy_to")),
        parameters=parameters,
    )


def _copies(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def number_of(path: str, name: str, value: Any) -> float:
    """A parameter that must be a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not abs(number) < float("inf"):
        message = f"Failed to parse parameter [{name}] of field [{path}] with value [{value}]: expected a number"
        raise invalid("mapper_parsing", message)
    return number


def _root(mapping: IndexMapping) -> dict[str, Any]:
    """What a mapping says beside its fields, as far as it differs from what holds anyway."""
    said: dict[str, tuple[bool, Any]] = {
        "dynamic": (mapping.explicit_dynamic, mapping.dynamic.value),
        "date_detection": (not mapping.date_detection, False),
        "numeric_detection": (mapping.numeric_detection, True),
        "_meta": (mapping.meta is not None, mapping.meta),
        "_source": (not mapping.source_enabled, {"enabled": False}),
        "_routing": (mapping.routing_required, {"required": True}),
        "dynamic_date_formats": (mapping.dynamic_dates != DYNAMIC_DATES, list(mapping.dynamic_dates)),
        "dynamic_templates": (
            bool(mapping.dynamic_templates),
            [{one.name: dict(one.source)} for one in mapping.dynamic_templates],
        ),
    }
    return {name: value for name, (differs, value) in said.items() if differs}


def render_mapping(mapping: IndexMapping) -> dict[str, Any]:
    """The ``mappings`` object that GET _mapping shows; ``parse_mapping`` of it gives the same mapping."""
    root = _root(mapping)
    nodes: dict[str, dict[str, Any]] = {"": root}
    for path, one in sorted(mapping.fields.items()):
        parent, _, name = path.rpartition(".")
        multi = one.source != path
        holder = nodes[parent].setdefault("fields" if multi else "properties", {})
        node: dict[str, Any] = {} if one.type is FieldType.OBJECT else {"type": one.type.value}
        node.update(one.parameters)
        holder[name] = node
        nodes[path] = node
    for path, one in mapping.fields.items():
        if one.type is FieldType.OBJECT and "properties" not in nodes[path]:
            nodes[path].setdefault("type", "object")
    return root


__all__ = [
    "DATE_FORMAT_DEFAULT", "FLOAT_TYPES", "INTEGER_BOUNDS", "INTEGER_TYPES", "INVERTED_TYPES", "NUMBER_TYPES", "Dynamic", "Field",
    "FieldType", "IndexMapping", "SedimentError", "build_field", "number_of", "parse_mapping", "render_mapping",
]  # fmt: skip
