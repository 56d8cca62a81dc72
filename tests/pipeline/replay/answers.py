"""What a view of the simulated partition answers to searches of every kind: ids with scores to the last bit, totals, sort values, counts."""

from typing import Any

from pipeline.dsl.parse import parse_search
from pipeline.search.searcher import Searcher
from pipeline.segments.view import PartitionView
from query_api.fanout.aggregations.reduce import reduce_aggregations
from schemas.errors import SedimentError

BODIES: list[dict[str, Any]] = [
    {"query": {"match": {"s": "word other"}}},
    {"query": {"match_phrase": {"s": "other word"}}},
    {"query": {"query_string": {"query": "word z"}}},
    {"query": {"bool": {"must": [{"match": {"s": "word"}}], "must_not": [{"exists": {"field": "a"}}]}}},
    {"query": {"range": {"a": {"gte": 2}}}, "sort": [{"a": "desc"}]},
    {"query": {"term": {"d.x": 1}}},
    {"query": {"prefix": {"s.keyword": "wo"}}},
    {"query": {"match_all": {}}, "sort": [{"s.keyword": {"order": "asc", "missing": "_first", "unmapped_type": "keyword"}}]},
    {"size": 0, "aggs": {"a": {"stats": {"field": "a"}}, "s": {"terms": {"field": "s.keyword"}}, "x": {"terms": {"field": "d.x"}}}},
]  # fmt: skip


def answers(view: PartitionView) -> list[Any]:
    """One answer per body: hits in order, total, aggregations; or in words why there is none."""
    return [answer(view, body) for body in BODIES]


def answer(view: PartitionView, body: dict[str, Any]) -> Any:
    """The answer to one body."""
    try:
        request = parse_search({"size": 30, "track_total_hits": True, **body}, now_ms=0)
        searcher = Searcher(view)
        statistics = searcher.statistics(request)
        found = searcher.query(request, statistics)
        shown = searcher.fetch(request, found.hits, statistics)
        hits = [
            (one.id, row.score, row.sort, one.version, one.source) for one, row in zip(shown, found.hits, strict=True)
        ]
        return hits, found.total, found.max_score, reduce_aggregations(request.aggregations, [found.aggregations])
    except SedimentError as refused:
        return refused.code, refused.message
