"""Aggregations of the commit corpus against answers recorded from an OpenSearch 2.19."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.dsl.parse import parse_search
from pipeline.search.searcher import Searcher
from query_api.fanout.aggregations.reduce import reduce_aggregations
from schemas.mapping import parse_mapping
from tests.oracle.views import build_view

# kinds that the request does not have
LEFT_OUT = {"cardinality", "percentiles", "top_hits", "pipeline"}
PARTITIONS = 2


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> dict:
    return json.loads((shared_data / "golden" / "opensearch_commits.json").read_bytes())


@pytest.fixture(scope="module")
def searchers(shared_data: Path, golden: dict) -> list[Searcher]:
    """The corpus in two partitions of two segments."""
    packed = (shared_data / "data" / "commits.ndjson.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(packed).splitlines()
    rows = [(i, json.loads(line)["id"], line) for i, line in enumerate(lines)]
    mapping = parse_mapping(golden["index"]["mappings"])
    partitions = [rows[p::PARTITIONS] for p in range(PARTITIONS)]
    views = [
        build_view(mapping, [some[: len(some) // 3], some[len(some) // 3 :]], partition=p)
        for p, some in enumerate(partitions)
    ]
    return [Searcher(view) for view in views]


def close(a: Any, b: Any) -> bool:
    """Equal up to 1e-4, as the recorded answers are to be compared."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b) <= 1e-4 * max(1.0, abs(a), abs(b))
    return bool(a == b)


def test_aggregations_are_answered_as_opensearch_does(searchers: list[Searcher], golden: dict) -> None:
    """Each recorded aggregation, from two partitions: the same buckets, counts and keys."""
    differing = []
    for recorded in golden["aggs"]:
        if recorded["name"] in LEFT_OUT:
            continue
        request = parse_search(recorded["body"], now_ms=0)
        statistics = searchers[0].statistics(request)
        for searcher in searchers[1:]:
            statistics = statistics.plus(searcher.statistics(request))
        partials = [s.query(request, statistics).aggregations for s in searchers]
        found = reduce_aggregations(request.aggregations, partials)
        if not close(found, recorded["aggregations"]):
            differing.append((recorded["name"], str(found)[:600], str(recorded["aggregations"])[:600]))
    assert not differing
