"""Aggregations of the commit corpus against answers recorded from an OpenSearch 2.19."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from pipeline.dsl.parse import parse_search
from pipeline.search.searcher import Searcher
from query_api.fanout.scatter import Scatter, View
from schemas.mapping import parse_mapping
from tests.oracle.views import build_view

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
    if isinstance(a, int | float | np.float32) and isinstance(b, int | float):
        found = float(a)
        return abs(found - b) <= 1e-4 * max(1.0, abs(found), abs(b))
    return bool(a == b)


def answer(searchers: list[Searcher], body: dict) -> dict:
    """The aggregations of a request, the hits in them fetched."""
    request = parse_search(body, now_ms=0)
    with ThreadPoolExecutor(2) as pool:
        scatter = Scatter(pool, time.monotonic, time.monotonic() + 60)
        views = [
            View(0, searcher.index, searcher.partition, searcher, request, ordinal)
            for ordinal, searcher in enumerate(searchers)
        ]
        found = scatter.search_views(views, request, len(views))
    for inner in found.inner:
        for one in inner.hits:
            subject = json.loads(one.hit.source or b"{}")["subject"]
            hit = {
                "_index": "golden_commits",
                "_id": one.hit.id,
                "_score": one.row.score,
                "_source": {"subject": subject},
            }
            inner.target.append(hit)
    return dict(found.aggregations)


def test_aggregations_are_answered_as_opensearch_does(searchers: list[Searcher], golden: dict) -> None:
    """Each recorded aggregation, from two partitions: the same buckets, counts, keys, numbers and hits."""
    differing = []
    for recorded in golden["aggs"]:
        found = answer(searchers, recorded["body"])
        wanted = recorded["aggregations"]
        if not close(found, wanted):
            differing.append((recorded["name"], str(found)[:600], str(wanted)[:600]))
    assert not differing
