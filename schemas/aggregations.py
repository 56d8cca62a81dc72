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
class ExtendedStats(Metric):
    """stats, and how far values lie apart; ``sigma``: how many standard deviations the bounds are from the mean."""

    kind: str = "extended_stats"
    sigma: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cardinality(Metric):
    """How many distinct values there are, exactly up to ``precision_threshold``."""

    kind: str = "cardinality"
    precision_threshold: int = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles(Metric):
    """percentiles (``points``: shares in per cent), percentile_ranks (``points``: values) and median_absolute_deviation.

    ``digits`` from 0: to so many significant digits, as HdrHistogram counts; -1: by a t-digest of ``compression``.
    """

    points: Sequence[float] = ()
    keyed: bool = True
    compression: float = 100.0
    digits: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedAverage(Metric):
    """The average of ``field``, each value counted as often as another field of its document says."""

    kind: str = "weighted_avg"
    weight: str
    weight_missing: Any = None


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
class RareTermsAggregation(TermsAggregation):
    """The values that few documents have, the rarest first."""

    max_doc_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """One part of a compound key. ``kind``: terms, histogram, date_histogram; parameters as those aggregations have them.

    ``missing_first``: where documents without a value go if they have a bucket (``missing_bucket``); None: as small values.
    """

    name: str = ""
    kind: str = "terms"
    field: str
    descending: bool = False
    missing: Any = None
    missing_bucket: bool = False
    missing_first: bool | None = None
    interval: float = 0.0
    fixed_interval_ms: int = 0
    calendar_interval: str = ""
    time_zone: str = ""
    shift_ms: int = 0
    format: str = ""
    value_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiTermsAggregation(TermsAggregation):
    """One bucket per combination of several fields' values."""

    field: str = ""
    sources: Sequence[KeySource]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeAggregation(Aggregation):
    """All buckets of combinations of keys, in their order, page by page: those ``after`` a key, a value for each source."""

    sources: Sequence[KeySource]
    size: int = 10
    after: Sequence[Any] | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Aggregation):
    """Something computed of what other aggregations show: avg_bucket, derivative, bucket_sort …

    ``path`` is ``buckets_path``: names joined by ``>``, then perhaps what of the last one. ``options`` by their names in the request.
    """

    kind: str
    path: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopHitsAggregation(Aggregation):
    """The best documents of a bucket. ``sort``: ``schemas.query.SortKey``, none: by score; ``hits``: what is shown of each, as a request."""

    size: int = 3
    offset: int = 0
    sort: Sequence[Any] = ()
    track_scores: bool = False
    hits: Any

    @property
    def by_score(self) -> bool:
        """Whether scores must be known."""
        return not self.sort or self.track_scores or any(key.field == "_score" for key in self.sort)


def wants_scores(aggregations: Mapping[str, Aggregation]) -> bool:
    """Whether an aggregation looks at the scores of documents."""
    return any(
        (isinstance(agg, TopHitsAggregation) and agg.by_score) or wants_scores(agg.children)
        for agg in aggregations.values()
    )
