"""The parameters of ``top_hits``: what a search request says of its hits."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.sort import parse_sort
from pipeline.dsl.source import (
    is_source_wanted,
    parse_doc_value_fields,
    parse_highlight,
    parse_source,
    parse_stored_fields,
)
from pipeline.dsl.values import Read, to_bool, to_int, unknown_field
from schemas.aggregations import Aggregation, TopHitsAggregation
from schemas.errors import illegal_argument
from schemas.limits import INNER_RESULT_WINDOW_MAX
from schemas.query import SearchRequest, SourceFilter

# parameter -> (field of SearchRequest, reader)
_SHOWN: Final[Mapping[str, tuple[str, Read]]] = {
    "_source": ("source", lambda _, value: parse_source(value)),
    "docvalue_fields": ("docvalue_fields", parse_doc_value_fields),
    "explain": ("explain", to_bool),
    "fields": ("fields", parse_doc_value_fields),
    "highlight": ("highlight", lambda _, value: parse_highlight(value)),
    "seq_no_primary_term": ("seq_no_primary_term", to_bool),
    "stored_fields": ("stored_fields", lambda _, value: parse_stored_fields(value)),
    "version": ("version", to_bool),
}
_WINDOW: Final = ("from", "size", "sort", "track_scores")


def _not_negative(name: str, value: Any) -> int:
    number = to_int(name, value)
    if number < 0:
        raise illegal_argument(f"[{name}] must be greater than or equal to 0. Found [{number}]")
    return number


def parse_top_hits(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``top_hits``."""
    if common["children"]:
        raise illegal_argument(f"Aggregator [{name}] of type [top_hits] cannot accept sub-aggregations")
    given: dict[str, Any] = {}
    for key, value in parameters.items():
        if key == "script_fields":
            raise illegal_argument("[script_fields] is not supported: leave it out")
        if key not in _SHOWN and key not in _WINDOW:
            unknown_field("top_hits", key, (*_SHOWN, *_WINDOW))
        if key in _SHOWN and value is not None:
            target, read = _SHOWN[key]
            given[target] = read(key, value)
    offset, size = _not_negative("from", parameters.get("from", 0)), _not_negative("size", parameters.get("size", 3))
    if offset + size > INNER_RESULT_WINDOW_MAX:
        raise illegal_argument(
            f"Top hits result window is too large, the top hits aggregator [{name}]'s from + size must be less than or equal to: "
            f"[{INNER_RESULT_WINDOW_MAX}] but was [{offset + size}]. This limit can be set by changing the "
            "[index.max_inner_result_window] index level setting."
        )
    sort = parse_sort(parameters["sort"]) if parameters.get("sort") is not None else ()
    by_score = len(sort) == 1 and sort[0].field == "_score" and sort[0].descending
    shown = {"source": SourceFilter(enabled=is_source_wanted(given.get("stored_fields"))), **given}
    return TopHitsAggregation(
        size=size,
        offset=offset,
        sort=() if by_score else sort,
        track_scores=to_bool("track_scores", parameters.get("track_scores", False)),
        hits=SearchRequest(**shown, size=size, sort=sort),
        **common,
    )
