"""What a hit shows: ``_source``, ``docvalue_fields``, ``fields``, ``stored_fields``, ``highlight``."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.compounds import parse_query
from pipeline.dsl.values import (
    Read,
    is_array,
    parsing,
    read_object,
    shown,
    to_bool,
    to_int,
    to_object,
    to_text,
    to_texts,
    token,
)
from schemas.errors import illegal_argument
from schemas.limits import FIELDS_MAX
from schemas.query import DocValueField, HighlightField, SourceFilter

_SOURCE_KEYS: Final = {
    "include": "includes",
    "includes": "includes",
    "exclude": "excludes",
    "excludes": "excludes",
}
_STYLED: Final = '<em class="hlt1">'


def parse_source(value: Any) -> SourceFilter:
    """``true``, ``false``, a name pattern, an array of them, ``{"includes": …, "excludes": …}``."""
    if isinstance(value, bool):
        return SourceFilter(enabled=value)
    if isinstance(value, str):
        return SourceFilter(includes=(value,))
    if is_array(value):
        return SourceFilter(includes=_names(value))
    if not isinstance(value, Mapping):
        raise parsing(
            f"Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [{token(value)}]"
        )
    lists: dict[str, tuple[str, ...]] = {}
    for name, given in value.items():
        if name not in _SOURCE_KEYS or not (is_array(given) or isinstance(given, str)):
            raise parsing(f"Unknown key for a {token(given)} in [{shown(name)}].")
        lists[_SOURCE_KEYS[name]] = _names(given)
    return SourceFilter(includes=lists.get("includes", ()), excludes=lists.get("excludes", ()))


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    for one in value:
        if not isinstance(one, str):
            raise parsing(f"Unknown key for a {token(one)} in [_source].")
    return tuple(value)


def url_source(parameters: Mapping[str, str], current: SourceFilter) -> SourceFilter:
    """The URL's ``_source``, ``_source_includes``, ``_source_excludes`` laid over the body's."""
    given = parameters.get("_source")
    includes = _split(parameters.get("_source_includes", parameters.get("_source_include", "")))
    excludes = _split(parameters.get("_source_excludes", parameters.get("_source_exclude", "")))
    if given is None and not includes and not excludes:
        return current
    enabled = current.enabled if given is None else given != "false"
    if given is not None and given not in {"true", "false", ""}:
        includes = _split(given) + includes
    return SourceFilter(
        enabled=enabled,
        includes=includes or (current.includes if given is None else ()),
        excludes=excludes or (current.excludes if given is None else ()),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def parse_doc_value_fields(name: str, value: Any) -> tuple[DocValueField, ...]:
    """``["a", {"field": "b", "format": "…"}]``."""
    if not is_array(value):
        raise parsing(f"Unknown key for a {token(value)} in [{name}].")
    if len(value) > FIELDS_MAX:
        raise illegal_argument(
            f"Trying to retrieve too many {name}. Must be less than or equal to: [{FIELDS_MAX}] but was [{len(value)}]."
        )
    return tuple(_doc_value_field(name, one) for one in value)


def _doc_value_field(where: str, value: Any) -> DocValueField:
    if isinstance(value, str):
        return DocValueField(value)
    if not isinstance(value, Mapping):
        raise parsing(f"Expected [VALUE_STRING] or [START_OBJECT] in [{where}] but found [{token(value)}]")
    readers: Mapping[str, Read] = {
        "field": to_text,
        "format": to_text,
        "include_unmapped": to_bool,
    }
    read = read_object(f"{where}_field", value, readers)
    if "field" not in read:
        raise illegal_argument("Required [field]")
    form = read.get("format", "")
    return DocValueField(read["field"], "" if form == "use_field_mapping" else form)


def parse_stored_fields(value: Any) -> tuple[str, ...]:
    """A name or an array of names; ``_none_`` asks for no metadata either."""
    names = to_texts("stored_fields", value)
    if "_none_" in names and len(names) > 1:
        raise illegal_argument("cannot combine _none_ with other fields")
    return names


def _tags(name: str, value: Any) -> str:
    tags = to_texts(name, value)
    if not tags:
        raise illegal_argument(f"[{name}] must have at least one tag")
    return tags[0]


def _number(name: str, value: Any) -> int:
    number = to_int(name, value)
    if number < 0:
        raise illegal_argument(f"[{name}] must not be negative but was [{number}]")
    return number


def _positive(name: str, value: Any) -> int:
    number = to_int(name, value)
    if number < 1:
        raise illegal_argument(f"[{name}] must be a positive integer")
    return number


def _highlighter(name: str, value: Any) -> str:
    if to_text(name, value) not in {"unified", "plain", "fvh"}:
        raise illegal_argument(f"unknown highlighter type [{shown(value)}]: use [unified], [plain] or [fvh]")
    return to_text(name, value)


def _tags_schema(name: str, value: Any) -> str:
    if to_text(name, value) not in {"default", "styled"}:
        raise illegal_argument(f"Unknown tag schema [{shown(value)}]")
    return to_text(name, value)


def _query(name: str, value: Any) -> Any:
    return parse_query(value)


def _ignored(name: str, value: Any) -> Any:
    return value


_HIGHLIGHT: Final[Mapping[str, Read]] = {
    "pre_tags": _tags,
    "post_tags": _tags,
    "fragment_size": _number,
    "number_of_fragments": _number,
    "no_match_size": _number,
    "require_field_match": to_bool,
    "order": to_text,
    "highlight_query": _query,
    # these choose between highlighters, where here is one that follows the analysis
    "type": _highlighter,
    "fragmenter": to_text,
    "boundary_scanner": to_text,
    "boundary_scanner_locale": to_text,
    "boundary_chars": to_text,
    "boundary_max_scan": _number,
    "phrase_limit": _number,
    "force_source": to_bool,
    "max_analyzer_offset": _positive,
    "options": to_object,
}
_HIGHLIGHT_GLOBAL: Final = {
    **_HIGHLIGHT,
    "tags_schema": _tags_schema,
    "encoder": to_text,
    "fields": _ignored,
    "use_explicit_field_order": to_bool,
}
_HIGHLIGHT_FIELD: Final = {**_HIGHLIGHT, "matched_fields": to_texts, "fragment_offset": to_int}
_ARGUMENTS: Final = {
    "max_analyzer_offset": "looked_at_characters",
    "pre_tags": "pre_tag",
    "post_tags": "post_tag",
    "highlight_query": "query",
    **{
        n: n
        for n in (
            "fragment_size",
            "number_of_fragments",
            "no_match_size",
            "require_field_match",
            "order",
        )
    },
}


def parse_highlight(value: Any) -> tuple[HighlightField, ...]:
    """A highlighted field each, with the global options where it has none of its own."""
    body = to_object("highlight", value)
    shared = read_object("highlight", body, _HIGHLIGHT_GLOBAL)
    fields = shared.pop("fields", {})
    if shared.pop("tags_schema", "") == "styled":
        shared.setdefault("pre_tags", _STYLED)
    pairs: list[tuple[str, Any]] = []
    for one in fields if is_array(fields) else [fields]:
        if not isinstance(one, Mapping):
            raise parsing(f"[highlight] array for [fields] must contain objects but found [{token(one)}]")
        pairs += one.items()
    return tuple(_highlight_field(name, given, shared) for name, given in pairs)


def _highlight_field(field: str, given: Any, shared: Mapping[str, Any]) -> HighlightField:
    own = read_object("highlight_field", to_object("highlight", given), _HIGHLIGHT_FIELD)
    options = {**shared, **own}
    return HighlightField(field, **{a: options[o] for o, a in _ARGUMENTS.items() if o in options})


def is_source_wanted(stored_fields: Any) -> bool:
    """``stored_fields`` without ``_source`` hides the source where ``_source`` is not asked for."""
    return stored_fields is None or "_source" in stored_fields
