"""Aggregation requests: a tree of values beside the query tree.

``kind`` is Elasticsearch's name (``terms``, ``date_histogram``, ``avg`` …); parameters are parsed and checked by ``pipeline.dsl``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """What every aggregation has: sub-aggregations and the user's ``meta``."""

    children: "Mapping[str, Aggregation]" = field(default_factory=dict)
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Aggregation):
    """min, max, avg, sum, stats, value_count of one field's values."""

    kind: str
    field: str
    missing: Any = None
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsAggregation(Aggregation):
    """One bucket per value; ``order``: (key, ascending) with key ``_count``, ``_key`` or a metric path (``price_avg``, ``s.max``)."""

    field: str
    size: int = 10
    shard_size: int | None = None
    order: Sequence[tuple[str, bool]] = (("_count", False), ("_key", True))
    min_doc_count: int = 1
    missing: Any = None
    include: Any = None  # a list of exact values, a regular expression, or {"partition": …, "num_partitions": …}
    exclude: Any = None
    format: str = ""
    value_type: str = ""  # what an unmapped field's ``missing`` is: string, long, double, date, boolean, ip


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramAggregation(Aggregation):
    """Buckets of a fixed width over numbers."""

    field: str
    interval: float
    shift: float = 0.0  # ``offset``
    min_doc_count: int = 0
    missing: Any = None
    order: Sequence[tuple[str, bool]] = (("_key", True),)
    extended_bounds: tuple[float, float] | None = None
    hard_bounds: tuple[float | None, float | None] | None = None
    keyed: bool = False
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateHistogramAggregation(Aggregation):
    """Buckets of a fixed width in ms, or of a calendar unit in a time zone."""

    field: str
    fixed_interval_ms: int = 0
    calendar_interval: str = ""  # minute hour day week month quarter year
    time_zone: str = ""
    shift_ms: int = 0
    min_doc_count: int = 0
    missing: Any = None
    order: Sequence[tuple[str, bool]] = (("_key", True),)
    extended_bounds: tuple[Any, Any] | None = None  # as written: ms, or dates in the field's format, or date math
    hard_bounds: tuple[Any, Any] | None = None
    keyed: bool = False
    format: str = ""


@dataclass(frozen=True, slots=True)
class RangeBucket:
    """One bucket: from inclusive, to exclusive, either end open."""

    key: str | None = None
    start: Any = None
    end: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAggregation(Aggregation):
    """Named ranges over numbers, or over dates (``date``: bounds are dates or date math)."""

    field: str
    ranges: Sequence[RangeBucket]
    date: bool = False
    missing: Any = None
    keyed: bool = False
    format: str = ""
    time_zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterAggregation(Aggregation):
    """One bucket of the documents that match a query (a ``schemas.query.Node``)."""

    query: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FiltersAggregation(Aggregation):
    """A bucket per query; keys are None where the user gave a list."""

    queries: Sequence[tuple[str | None, Any]]
    other_bucket_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAggregation(Aggregation):
    """Every document of the index, whatever the query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAggregation(Aggregation):
    """The documents without a value (with ``missing``: none, for then each has one)."""

    field: str
    missing: Any = None
