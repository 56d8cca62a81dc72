"""The parameters of aggregations whose keys have several parts: ``composite`` and ``multi_terms``."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.aggregations.buckets import (
    TERMS_KEPT,
    calendar_interval,
    fixed_interval,
    one_interval,
    shift_ms,
    terms_readers,
)
from pipeline.dsl.values import (
    Read,
    is_array,
    is_scalar,
    parsing,
    read_object,
    shown,
    to_bool,
    to_float,
    to_int,
    to_object,
    to_scalar,
    to_text,
    token,
    unknown_field,
)
from schemas.aggregations import Aggregation, CompositeAggregation, KeySource, MultiTermsAggregation
from schemas.errors import illegal_argument
from schemas.limits import CLAUSES_MAX

_TERMS_MIN: Final = 2


def _order(name: str, value: Any) -> bool:
    """Whether an order descends."""
    text = to_text(name, value).lower()
    if text not in {"asc", "desc"}:
        raise illegal_argument(f"[{name}] must be [asc] or [desc] but was [{shown(value)}]")
    return text == "desc"


def _missing_order(name: str, value: Any) -> bool | None:
    text = to_text(name, value).lower()
    if text not in {"first", "last", "default"}:
        raise illegal_argument(f"Unknown [{name}] [{shown(value)}]: use first, last or default")
    return None if text == "default" else text == "first"


_SOURCE: Final[Mapping[str, Read]] = {
    "field": to_text, "order": _order, "missing_bucket": to_bool, "missing_order": _missing_order, "value_type": to_text, "format": to_text,
}  # fmt: skip
_SOURCES: Final[Mapping[str, Mapping[str, Read]]] = {
    "terms": _SOURCE,
    "histogram": {**_SOURCE, "interval": to_float},
    "date_histogram": {
        **_SOURCE, "interval": one_interval, "calendar_interval": calendar_interval, "fixed_interval": fixed_interval, "time_zone": to_text,
        "offset": shift_ms,
    },
}  # fmt: skip
_NAMES: Final = {
    "order": "descending", "missing_order": "missing_first", "offset": "shift_ms", "fixed_interval": "fixed_interval_ms",
}  # fmt: skip


def _source(name: str, body: Any) -> KeySource:
    given = to_object("sources", body)
    if len(given) != 1:
        raise parsing(
            f"a source of [{name}] must have one kind, one of [{', '.join(_SOURCES)}], but has [{len(given)}]"
        )
    ((kind, parameters),) = given.items()
    if kind not in _SOURCES:
        raise parsing(f"invalid source type: {shown(kind)}")
    read = read_object(kind, to_object(kind, parameters), _SOURCES[kind])
    if not read.get("field"):
        raise illegal_argument("Required one of fields [field, script], but none were specified. ")
    if kind == "date_histogram":
        _check_interval(read)
    elif kind == "histogram" and read.get("interval", 0.0) <= 0:
        raise illegal_argument(f"[interval] must be greater than 0 for [histogram] source [{name}]")
    if read.get("missing_first") is not None and not read.get("missing_bucket"):
        raise illegal_argument("missing_order require missing_bucket is true")
    return KeySource(name=name, kind=kind, **{_NAMES.get(k, k): v for k, v in read.items()})


def _check_interval(read: dict[str, Any]) -> None:
    given = [k for k in ("interval", "calendar_interval", "fixed_interval") if k in read]
    if not given:
        raise illegal_argument("Invalid interval specified, must be non-null and non-empty")
    if len(given) > 1:
        raise illegal_argument(f"Cannot use [{given[-1]}] with [{given[0]}] configuration option.")
    if "interval" in read:
        read["calendar_interval"], read["fixed_interval"] = read.pop("interval")


def _sources(name: str, value: Any) -> tuple[KeySource, ...]:
    if not is_array(value):
        raise parsing(f"[composite] [{name}] must be an array but found [{token(value)}]")
    if not value:
        raise illegal_argument("Composite [sources] cannot be null or empty")
    if len(value) > CLAUSES_MAX:
        raise illegal_argument(f"[{len(value)}] sources, at most [{CLAUSES_MAX}] are allowed")
    found = []
    for one in value:
        given = to_object(name, one)
        if len(given) != 1:
            raise parsing(f"a source must have one name but has [{len(given)}]")
        ((key, body),) = given.items()
        found.append(_source(key, body))
    names = [source.name for source in found]
    twice = sorted({key for key in names if names.count(key) > 1})
    if twice:
        raise illegal_argument(f"Composite source names must be unique, found duplicates: [{', '.join(twice)}]")
    return tuple(found)


def _after(name: str, value: Any) -> Mapping[str, Any]:
    given = to_object(name, value)
    for key, one in given.items():
        if one is not None and not is_scalar(one):
            raise parsing(f"[{name}.{key}] must be a value but found [{token(one)}]")
    return given


def parse_composite(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``composite``."""
    if "sources" not in parameters:
        raise illegal_argument("Required [sources]")
    read = read_object("composite", parameters, {"sources": _sources, "size": to_int, "after": _after})
    if "sources" not in read:
        raise illegal_argument("Composite [sources] cannot be null or empty")
    size = read.get("size", 10)
    if size <= 0:
        raise illegal_argument(f"[size] must be greater than 0. Found [{size}] in [{name}]")
    sources, after = read["sources"], read.get("after")
    values = None if after is None else _in_order(sources, after)
    return CompositeAggregation(sources=sources, size=size, after=values, **common)


def _in_order(sources: tuple[KeySource, ...], after: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of ``after``, one for each source."""
    if len(after) != len(sources):
        raise illegal_argument(f"[after] has {len(after)} value(s) but [sources] has {len(sources)}")
    for source in sources:
        if source.name not in after:
            raise illegal_argument(f"Missing value for [after.{source.name}]")
        if after[source.name] is None and not source.missing_bucket:
            raise illegal_argument(
                f"Unexpected null value for [after.{source.name}]: its source has no [missing_bucket]"
            )
    return tuple(after[source.name] for source in sources)


def _terms(name: str, value: Any) -> tuple[KeySource, ...]:
    if not is_array(value):
        raise parsing(f"[multi_terms] [{name}] must be an array but found [{token(value)}]")
    if not _TERMS_MIN <= len(value) <= CLAUSES_MAX:
        raise illegal_argument(
            "multi term aggregation must has at least 2 terms. Found [0] in [terms]. Use terms aggregation for single term aggregation"
            if len(value) < _TERMS_MIN
            else f"[{len(value)}] terms, at most [{CLAUSES_MAX}] are allowed"
        )
    readers: Mapping[str, Read] = {"field": to_text, "missing": to_scalar, "value_type": to_text, "format": to_text}
    found = []
    for one in value:
        if not isinstance(one, Mapping):
            unknown_field("multi_terms", token(one), readers)
        read = read_object("multi_terms", one, readers)
        if not read.get("field"):
            raise illegal_argument("Required one of fields [field, script], but none were specified. ")
        found.append(KeySource(**read))
    return tuple(found)


def parse_multi_terms(name: str, parameters: Mapping[str, Any], common: Mapping[str, Any]) -> Aggregation:
    """``multi_terms``."""
    wanted = (
        "size",
        "shard_size",
        "min_doc_count",
        "shard_min_doc_count",
        "order",
        "show_term_doc_count_error",
        "collect_mode",
    )
    readers = {k: v for k, v in terms_readers(name).items() if k in wanted} | {"terms": _terms}
    read = read_object("multi_terms", parameters, readers)
    if "terms" not in read:
        raise illegal_argument("Required [terms]")
    kept = {k: read[k] for k in TERMS_KEPT if k in read and k in wanted}
    return MultiTermsAggregation(sources=read["terms"], **kept, **common)
