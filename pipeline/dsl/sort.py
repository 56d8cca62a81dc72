"""``sort`` and ``search_after``."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.dsl.values import (
    Read,
    is_array,
    is_scalar,
    parsing,
    read_object,
    shown,
    to_scalar,
    to_text,
    token,
)
from schemas.errors import illegal_argument
from schemas.limits import CLAUSES_MAX
from schemas.query import SortKey

_MODES: Final = ("min", "max", "sum", "avg", "median")
_UNSUPPORTED: Final = ("_geo_distance", "_script", "nested", "nested_path", "nested_filter")


def _order(name: str, value: Any) -> bool:
    """Whether the order is descending."""
    word = to_text(name, value).lower()
    if word not in {"asc", "desc"}:
        raise illegal_argument(f"No enum constant org.opensearch.search.sort.SortOrder.{shown(value).upper()}")
    return word == "desc"


def _mode(name: str, value: Any) -> str:
    word = to_text(name, value).lower()
    if word not in _MODES:
        raise illegal_argument(f"Unknown SortMode [{shown(value)}]")
    return word


def _nothing(name: str, value: Any) -> None:
    raise illegal_argument(f"[{name}] is not supported in a sort")


_OPTIONS: Final[Mapping[str, Read]] = {
    "order": _order,
    "reverse": _order,
    "missing": to_scalar,
    "mode": _mode,
    "unmapped_type": to_text,
    "format": to_text,
    "numeric_type": to_text,
    "nested": _nothing,
    "nested_path": _nothing,
    "nested_filter": _nothing,
}


def parse_sort(value: Any) -> tuple[SortKey, ...]:
    """``"field"``, ``{"field": "desc"}``, ``{"field": {…}}`` or an array of such.

    A lone ``_score`` descending is how hits are ordered anyway: it gives no key, as there.
    """
    keys: list[SortKey] = []
    for one in value if is_array(value) else [value]:
        if isinstance(one, str):
            keys.append(_key(one, {}))
        elif isinstance(one, Mapping):
            keys += [_key(field, given) for field, given in one.items()]
        elif is_array(value):
            raise illegal_argument(
                "malformed sort format, within the sort array, an object, or an actual string are allowed"
            )
        else:
            raise illegal_argument("malformed sort format, either start with array, object, or an actual string")
    if len(keys) > CLAUSES_MAX:
        raise illegal_argument(f"sort has [{len(keys)}] criteria, at most [{CLAUSES_MAX}] are allowed")
    return () if keys == [SortKey("_score", descending=True)] else tuple(keys)


def _key(field: str, given: Any) -> SortKey:
    if field in _UNSUPPORTED:
        raise illegal_argument(f"sorting by [{field}] is not supported: name a field")
    if not field:
        raise illegal_argument("fieldName must not be null")
    if isinstance(given, str):
        given = {"order": given}
    if not isinstance(given, Mapping):
        raise illegal_argument(
            f"malformed sort of [{shown(field)}]: expected an object or an order but found [{token(given)}]"
        )
    read = read_object("field_sort", given, _OPTIONS)
    return SortKey(
        field=field,
        descending=read.get("order", field == "_score"),
        missing=read.get("missing", "_last"),
        mode=read.get("mode", ""),
        unmapped_type=read.get("unmapped_type", ""),
        format=read.get("format", ""),
    )


def parse_url_sort(text: str) -> tuple[SortKey, ...]:
    """``field:desc,other`` of the URL parameter ``sort``."""
    given: list[Any] = []
    for one in text.split(","):
        field, colon, order = one.rpartition(":")
        if colon and order.lower() in {"asc", "desc"}:
            given.append({field: order})
        else:
            given.append(one)
    return parse_sort(given)


def parse_search_after(value: Any) -> tuple[Any, ...]:
    """The sort values of the last hit that was seen."""
    if not is_array(value):
        raise parsing(f"Expected [START_ARRAY] in [search_after] but found [{token(value)}]")
    if not value:
        raise illegal_argument("Values must contains at least one value.")
    for one in value:
        if not (one is None or is_scalar(one)) or (isinstance(one, float) and math.isnan(one)):
            raise parsing(
                "Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] "
                f"but found [{token(one)}] inside search_after."
            )
    return tuple(value)


def check_search_after(after: Sequence[Any] | None, sort: Sequence[SortKey], offset: int) -> None:
    """``search_after`` must fit the sort it continues."""
    if after is None:
        return
    if not sort:
        raise illegal_argument("Sort must contain at least one field.")
    if len(after) != len(sort):
        raise illegal_argument(f"search_after has {len(after)} value(s) but sort has {len(sort)}.")
    if offset > 0:
        raise illegal_argument("`from` parameter must be set to 0 when `search_after` is used.")
