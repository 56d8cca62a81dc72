"""Sort values and scores as hits show them, and ``search_after`` as it comes back. Pure.

A document without a value shows the last value of its type (OpenSearch's comparators): the greatest or least long for long and date,
int for the smaller whole numbers and booleans, ``Infinity`` for fractions, null for texts. Scores are float32 and are shown as the
shortest text that gives this float32 back.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from pipeline.json_columns.dates import format_date
from query_api.elastic.wire.names import Target
from query_api.fanout.aggregations.shown import decimal_format
from schemas.mapping import FLOAT_TYPES, INTEGER_TYPES, FieldType
from schemas.query import SearchRequest, SortKey

SCORE: Final = "_score"
LONG: Final = ((1 << 63) - 1, -(1 << 63))
INT: Final = ((1 << 31) - 1, -(1 << 31))
INFINITY: Final = ("Infinity", "-Infinity")
_LONGS: Final = frozenset({FieldType.LONG, FieldType.DATE})


def score_shown(score: float | None) -> np.float32 | None:
    """A score; the writer of JSON gives a float32 its shortest text."""
    return None if score is None else np.float32(score)


def explanation_shown(value: Any) -> Any:
    """An explanation with its numbers as float32."""
    if isinstance(value, dict):
        return {k: explanation_shown(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [explanation_shown(v) for v in value]
    return np.float32(value) if isinstance(value, float) else value


def type_of(key: SortKey, target: Target) -> FieldType | None:
    """The type of what is sorted by; None for ``_doc`` and its like, and for dead letters, whose mapping is not the index's."""
    if target.dead:
        return None
    field = target.state.mapping.get(key.field)
    if field is not None:
        return field.type
    return FieldType(key.unmapped_type) if key.unmapped_type in set(FieldType) else None


def missing_shown(key: SortKey, kind: FieldType | None) -> int | str | None:
    """What a document without a value shows."""
    last = (key.missing != "_first") != key.descending
    if kind in _LONGS:
        return LONG[not last]
    if kind in INTEGER_TYPES or kind is FieldType.BOOLEAN:
        return INT[not last]
    return INFINITY[not last] if kind in FLOAT_TYPES else None


def shown(value: Any, key: SortKey, kind: FieldType | None) -> Any:
    """A sort value of a hit. Raises ``illegal_argument`` for a format that is none."""
    if value is None:
        return missing_shown(key, kind)
    if key.field == SCORE:
        return score_shown(value)
    if isinstance(value, bytes):
        return _address(value) if kind is FieldType.IP and len(value) == 16 else value.decode("utf-8", "replace")
    if key.format and kind is FieldType.DATE:
        return format_date(int(value), key.format)
    if key.format and (kind in INTEGER_TYPES or kind in FLOAT_TYPES):
        return decimal_format(float(value), key.format)
    return np.float32(value) if kind is FieldType.FLOAT else value


def _address(value: bytes) -> str:
    address = ipaddress.IPv6Address(value)
    return str(address.ipv4_mapped or address)


def given_back(value: Any, key: SortKey, target: Target) -> Any:
    """A raw sort value of a hit as partitions take it in ``search_after``."""
    if isinstance(value, bytes) and type_of(key, target) is FieldType.IP:
        return _address(value)
    return value


def with_search_after(request: SearchRequest, targets: Sequence[Target]) -> SearchRequest:
    """The request with ``search_after`` as the partitions compare: None for what a missing value shows, scores as float32."""
    if not request.search_after or len(request.search_after) != len(request.sort):
        return request
    pairs = zip(request.sort, request.search_after, strict=True)
    return replace(request, search_after=tuple(_given(value, key, targets) for key, value in pairs))


def _given(value: Any, key: SortKey, targets: Sequence[Target]) -> Any:
    if key.field == SCORE:
        return float(np.float32(value)) if isinstance(value, int | float) else value
    kinds = {type_of(key, target) for target in targets}
    if value is not None and any(missing_shown(key, kind) in (value, _whole(value)) for kind in kinds):
        return None
    return value


def _whole(value: Any) -> Any:
    """A number that came as text, as clients send what their own numbers cannot hold."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() and len(value) <= 20 else value
