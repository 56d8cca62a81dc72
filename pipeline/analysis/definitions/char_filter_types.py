"""Types of character filters."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.analysis.char_filters import CharFilter, ReplacePatterns, StripHtml, mapping_of
from pipeline.analysis.definitions.parameters import Parameters
from pipeline.analysis.filters.patterns import compiled, replacement


def _html_strip(p: Parameters) -> CharFilter:
    return StripHtml(frozenset(tag.lower() for tag in p.names("escaped_tags")))


def _mapping(p: Parameters) -> CharFilter:
    p.refuse("mappings_path")
    return mapping_of(p.names("mappings", commas=False))


def _pattern_replace(p: Parameters) -> CharFilter:
    pattern = compiled(p.required("pattern"), p.text("flags"))
    return ReplacePatterns(pattern, replacement(p.text("replacement"), pattern))


CHAR_FILTER_TYPES: Final[Mapping[str, Callable[[Parameters], CharFilter]]] = {
    "html_strip": _html_strip,
    "htmlStrip": _html_strip,
    "mapping": _mapping,
    "pattern_replace": _pattern_replace,
}
