"""``_source`` as a hit shows it: byte for byte, or the parts that includes and excludes leave (XContentMapValues.filter). Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from pipeline.dsl.source import parse_source, url_source
from query_api.elastic.wire.call import Call, parse_json
from schemas.mapping import IndexMapping
from schemas.query import SourceFilter
from schemas.results import Document, Provenance

SOURCE_PARAMETERS = frozenset({"_source", "_source_includes", "_source_excludes", "_source_include", "_source_exclude"})
Accept = Callable[[str], bool]


@lru_cache(maxsize=256)
def _accept(patterns: tuple[str, ...]) -> Accept:
    """Whether a dotted path matches a pattern, or lies below a match."""
    parts = [".*".join(re.escape(piece) for piece in pattern.split("*")) + r"(?:\..*)?" for pattern in patterns]
    compiled = re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL)
    return lambda path: compiled.fullmatch(path) is not None


def _nothing(path: str) -> bool:
    return False


def _everything(path: str) -> bool:
    return True


def filter_source(source: bytes, wanted: SourceFilter) -> Any:
    """What is shown: the bytes as they are where nothing is filtered, else the filtered object."""
    if not wanted.includes and not wanted.excludes:
        return orjson.Fragment(source)
    value = parse_json(source)
    if not isinstance(value, dict):
        return value
    include = _accept(tuple(wanted.includes)) if wanted.includes else _everything
    exclude = _accept(tuple(wanted.excludes)) if wanted.excludes else _nothing
    return _object(value, "", include, exclude)


def _object(value: Mapping[str, Any], prefix: str, include: Accept, exclude: Accept) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        path = prefix + name
        if exclude(path):
            continue
        taken = include(path)
        if isinstance(inner, dict):
            below: Any = _object(inner, path + ".", include, exclude)
        elif isinstance(inner, list):
            below = _array(inner, path, include, exclude)
        elif taken:
            kept[name] = inner
            continue
        else:
            continue
        if taken or below:
            kept[name] = below
    return kept


def _array(value: Sequence[Any], path: str, include: Accept, exclude: Accept) -> list[Any]:
    taken = include(path)
    kept: list[Any] = []
    for inner in value:
        if isinstance(inner, dict):
            below: Any = _object(inner, path + ".", include, exclude)
        elif isinstance(inner, list):
            below = _array(inner, path, include, exclude)
        elif taken:
            kept.append(inner)
            continue
        else:
            continue
        if taken or below:
            kept.append(below)
    return kept


def wanted_source(call: Call, default: SourceFilter | None = None) -> SourceFilter:
    """The URL's ``_source`` parameters over a default."""
    return url_source(call.parameters, default or SourceFilter())


def parse_wanted(value: Any) -> SourceFilter:
    """A ``_source`` value of a body."""
    return SourceFilter() if value is None else parse_source(value)


def values_at(value: Any, path: str) -> list[Any]:
    """All leaf values at a dotted path, through arrays and through keys that hold dots themselves."""
    if isinstance(value, list):
        return [leaf for inner in value for leaf in values_at(inner, path)]
    if not path:
        return [] if value is None or isinstance(value, dict) else [value]
    if not isinstance(value, dict):
        return []
    found: list[Any] = []
    for name, inner in value.items():
        if name == path:
            found += values_at(inner, "")
        elif path.startswith(name + "."):
            found += values_at(inner, path[len(name) + 1 :])
    return found


def stored_values(source: bytes, mapping: IndexMapping, names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of the named fields that the mapping stores."""
    wanted = [(n, f) for n in names if (f := mapping.get(n)) is not None and f.store]
    if not wanted:
        return {}
    value = parse_json(source)
    found = {name: values_at(value, one.source) for name, one in wanted}
    return {name: values for name, values in found.items() if values}


def provenance(of: Provenance) -> dict[str, Any]:
    """``_sediment`` of a hit or a document."""
    return {
        "topic": of.topic,
        "partition": of.partition,
        "offset": of.offset,
        "timestamp": of.timestamp_ms,
        "schema_version": of.schema_version,
        **({"redriven_from": of.redriven_from} if of.redriven_from else {}),
        "segment": of.segment,
    }


def render_document(index: str, document: Document, primary_term: int, shown: SourceFilter) -> dict[str, Any]:
    """A document as GET and _mget show it, without its source's siblings (fields, _sediment)."""
    answer: dict[str, Any] = {
        "_index": index,
        "_id": document.id,
        "_version": document.version,
        "_seq_no": document.seq_no,
        "_primary_term": primary_term,
    }
    if document.routing is not None:
        answer["_routing"] = document.routing
    answer["found"] = True
    if shown.enabled:
        answer["_source"] = filter_source(document.source, shown)
    return answer
