"""How Elasticsearch calls results: the word before ``#`` with ``typed_keys``, and the classes that its messages name."""

from collections.abc import Mapping
from typing import Final

from pipeline.search.aggregations.partials import Buckets, Partial
from schemas.aggregations import (
    Aggregation,
    CompositeAggregation,
    DateHistogramAggregation,
    FiltersAggregation,
    GlobalAggregation,
    HistogramAggregation,
    Metric,
    MissingAggregation,
    MultiTermsAggregation,
    Pipeline,
    Quantiles,
    RangeAggregation,
    RareTermsAggregation,
    TermsAggregation,
    TopHitsAggregation,
)

_TERMS: Final = {"keyword": "s", "ip": "s", "double": "d", "": "um"}
_WORDS: Final[Mapping[type, str]] = {
    CompositeAggregation: "composite",
    DateHistogramAggregation: "date_histogram",
    FiltersAggregation: "filters",
    GlobalAggregation: "global",
    HistogramAggregation: "histogram",
    MissingAggregation: "missing",
    MultiTermsAggregation: "multi_terms",
    TopHitsAggregation: "top_hits",
}
_PIPELINES: Final = {
    "avg_bucket": "simple_value", "sum_bucket": "simple_value", "cumulative_sum": "simple_value", "serial_diff": "simple_value",
    "min_bucket": "bucket_metric_value", "max_bucket": "bucket_metric_value",
}  # fmt: skip
KIND_OF_WORD: Final = {
    "sterms": "StringTerms", "lterms": "LongTerms", "dterms": "DoubleTerms", "umterms": "UnmappedTerms", "histogram": "InternalHistogram",
    "date_histogram": "InternalDateHistogram", "filters": "InternalFilters", "filter": "InternalFilter", "range": "InternalRange",
    "date_range": "InternalDateRange", "composite": "InternalComposite", "multi_terms": "InternalMultiTerms", "stats": "InternalStats",
    "extended_stats": "InternalExtendedStats", "top_hits": "InternalTopHits", "global": "InternalGlobal", "missing": "InternalMissing",
}  # fmt: skip


def pipeline_word(agg: Pipeline) -> str:
    """That of a pipeline aggregation's result."""
    return _PIPELINES.get(agg.kind, agg.kind)


def type_word(agg: Aggregation, partial: Partial) -> str:
    """That of any other."""
    kind = partial.shown.type if isinstance(partial, Buckets) else ""
    if isinstance(agg, Metric):
        if isinstance(agg, Quantiles) and agg.points:
            return f"{'tdigest' if agg.digits < 0 else 'hdr'}_{agg.kind}"
        return agg.kind
    if isinstance(agg, TermsAggregation) and not isinstance(agg, MultiTermsAggregation):
        rare = "rare" if isinstance(agg, RareTermsAggregation) else ""
        return f"{_TERMS.get(kind, 'l')}{rare}terms"
    if isinstance(agg, RangeAggregation):
        return "date_range" if agg.date else "range"
    return _WORDS.get(type(agg), "filter")
