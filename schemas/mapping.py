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
from schemas.limits import FIELD_DEPTH_MAX, FIELD_NAME_BYTES_MAX, FIELDS_MAX


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
DATE_FORMAT_DEFAULT = "strict_date_optional_time||epoch_millis"


class Dynamic(StrEnum):
    """What happens to a field that the mapping does not know."""

    TRUE = "true"  # it is added, with a type inferred from its first value
    FALSE = "false"  # it stays in the source and is not indexed
    STRICT = "strict"  # the document is rejected


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
    boost: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)  # as the user wrote them, for rendering


@dataclass(frozen=True, slots=True)
class Similarity:
    """How a field scores: ``kind`` BM25 (with k1 and b) or boolean (every term scores its boost)."""

    kind: str = "BM25"
    k1: float = 1.2
    b: float = 0.75


BUILT_IN_SIMILARITIES: Mapping[str, Similarity] = {"BM25": Similarity(), "boolean": Similarity("boolean")}


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
    unknown = sorted(set(body) - _ROOT_PARAMETERS)
    if unknown:
        given = ", ".join(f"[{name} : {body[name]}]" for name in unknown)
        raise invalid("mapper_parsing", f"Root mapping definition has unsupported parameters:  {given}")
    fields: dict[str, Field] = {}
    _parse_properties(body.get("properties", {}), "", fields)
    _check_counts(fields)
    source = body.get("_source", {})
    return IndexMapping(
        fields=fields,
        dynamic=_dynamic(body.get("dynamic", "true")),
        explicit_dynamic="dynamic" in body,
        date_detection=_flag(body, "date_detection", default=True),
        numeric_detection=_flag(body, "numeric_detection", default=False),
        source_enabled=_flag(source, "enabled", default=True) if isinstance(source, Mapping) else True,
        meta=body.get("_meta"),
    )


def _check_counts(fields: Mapping[str, Field], fields_max: int = FIELDS_MAX) -> None:
    if len(fields) > fields_max:
        raise illegal_argument(f"Limit of total fields [{fields_max}] has been exceeded")


def _dynamic(value: Any) -> Dynamic:
    text = str(value).lower()
    if text not in {d.value for d in Dynamic}:
        raise invalid(
            "mapper_parsing", f"Could not convert [dynamic] to a value: [{value}] is not one of true, false, strict"
        )
    return Dynamic(text)


def _flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise illegal_argument(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")


def _parse_properties(properties: Any, prefix: str, into: dict[str, Field]) -> None:
    if not isinstance(properties, Mapping):
        raise invalid("mapper_parsing", f"Expected map for property [properties] on field [{prefix.rstrip('.')}]")
    if prefix.count(".") > FIELD_DEPTH_MAX:
        raise illegal_argument(
            f"Limit of mapping depth [{FIELD_DEPTH_MAX}] has been exceeded due to object field [{prefix[:-1]}]"
        )
    for name, definition in properties.items():
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
        ignore_above=None if above is None else int(_number(path, "ignore_above", above)),
        null_value=definition.get("null_value"),
        format=str(definition.get("format", DATE_FORMAT_DEFAULT)) if kind is FieldType.DATE else "",
        analyzer=str(definition.get("analyzer", "standard")),
        search_analyzer=str(definition.get("search_analyzer", "")),
        norms=_flag(definition, "norms", default=kind is FieldType.TEXT),
        enabled=_flag(definition, "enabled", default=True),
        dynamic=None if dynamic is None else _dynamic(dynamic),
        boost=_number(path, "boost", definition.get("boost", 1.0)),
        parameters=parameters,
    )


def _number(path: str, name: str, value: Any) -> float:
    """A parameter that must be a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not abs(number) < float("inf"):
        message = f"Failed to parse parameter [{name}] of field [{path}] with value [{value}]: expected a number"
        raise invalid("mapper_parsing", message)
    return number


def render_mapping(mapping: IndexMapping) -> dict[str, Any]:
    """The ``mappings`` object that GET _mapping shows; ``parse_mapping`` of it gives the same mapping."""
    root: dict[str, Any] = {}
    if mapping.explicit_dynamic:
        root["dynamic"] = mapping.dynamic.value
    if not mapping.date_detection:
        root["date_detection"] = False
    if mapping.numeric_detection:
        root["numeric_detection"] = True
    if mapping.meta is not None:
        root["_meta"] = mapping.meta
    if not mapping.source_enabled:
        root["_source"] = {"enabled": False}
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


def parse_similarities(settings: Mapping[str, Any]) -> Mapping[str, Similarity]:
    """The ``index.similarity`` object of an index's settings: ``{"mine": {"type": "BM25", "k1": 2, "b": 0.5}}``.

    Raises ``illegal_argument`` for other types than BM25 and boolean, and for numbers out of their range.
    """
    found = {}
    for name, body in settings.items():
        kind = str(body.get("type", "")) if isinstance(body, Mapping) else ""
        if kind not in BUILT_IN_SIMILARITIES:
            raise illegal_argument(f"Unknown Similarity type [{kind}] for [{name}]: use BM25 or boolean")
        k1, b = (_number(name, key, body.get(key, default)) for key, default in (("k1", 1.2), ("b", 0.75)))
        if k1 < 0:
            raise illegal_argument(f"illegal k1 value: {k1}, must be a non-negative finite value")
        if not 0 <= b <= 1:
            raise illegal_argument(f"illegal b value: {b}, must be between 0 and 1")
        found[name] = Similarity(kind, k1, b)
    return found


def similarities_of(settings: Mapping[str, str]) -> Mapping[str, Similarity]:
    """The similarities that an index's flat settings name (``similarity.mine.k1``). Raises ``illegal_argument``."""
    bodies: dict[str, dict[str, str]] = {}
    for dotted, value in settings.items():
        kind, _, rest = dotted.partition(".")
        name, _, key = rest.rpartition(".")
        if kind == "similarity" and name:
            bodies.setdefault(name, {})[key] = value
    return parse_similarities(bodies)


def merge_mappings(current: IndexMapping, update: IndexMapping, fields_max: int = FIELDS_MAX) -> IndexMapping:
    """``current`` with ``update`` laid over it: fields may be added, types may not change. Raises ``illegal_argument``."""
    merged = dict(current.fields)
    for path, new in update.fields.items():
        old = merged.get(path)
        if old is not None:
            _check_same(old, new)
            if new.type is FieldType.OBJECT and not new.parameters:
                continue
        merged[path] = new
    _check_counts(merged, fields_max)
    return replace(
        current,
        fields=merged,
        dynamic=update.dynamic if update.explicit_dynamic else current.dynamic,
        explicit_dynamic=current.explicit_dynamic or update.explicit_dynamic,
        meta=current.meta if update.meta is None else update.meta,
    )


def _check_same(old: Field, new: Field) -> None:
    if old.type is not new.type:
        if FieldType.OBJECT in (old.type, new.type):
            raise illegal_argument(f"can't merge a non object mapping [{old.path}] with an object mapping")
        raise illegal_argument(
            f"mapper [{old.path}] cannot be changed from type [{old.type.value}] to [{new.type.value}]"
        )
    for name in ("index", "doc_values", "store", "analyzer", "format", "norms"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            raise illegal_argument(
                f"Mapper for [{old.path}] conflicts with existing mapper:\n\tCannot update parameter [{name}] from [{before}] to [{after}]"
            )
    for name in ("normalizer", "position_increment_gap"):
        before, after = (str(one.parameters.get(name, "null")) for one in (old, new))
        if before != after:
            raise illegal_argument(
                f"Mapper for [{old.path}] conflicts with existing mapper:\n\tCannot update parameter [{name}] from [{before}] to [{after}]"
            )


def checked(mapping: IndexMapping, fields_max: int) -> IndexMapping:
    """The same mapping, if it keeps to the limit of fields; else raises ``illegal_argument``."""
    _check_counts(mapping.fields, fields_max)
    return mapping


__all__ = [
    "DATE_FORMAT_DEFAULT", "FLOAT_TYPES", "INTEGER_BOUNDS", "INTEGER_TYPES", "INVERTED_TYPES", "NUMBER_TYPES", "Dynamic", "Field",
    "FieldType", "IndexMapping", "SedimentError", "build_field", "checked", "merge_mappings", "parse_mapping", "render_mapping",
]  # fmt: skip
