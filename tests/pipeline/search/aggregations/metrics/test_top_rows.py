"""``top_hits``: the best rows of each bucket over partitions and segments, against sorting all."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.dsl.parse import parse_search
from pipeline.search.searcher import Searcher
from query_api.fanout.scatter import Answer, Scatter, View
from schemas.errors import SedimentError
from schemas.mapping import parse_mapping
from tests.oracle.views import build_view

MAPPING = parse_mapping({
    "properties": {"t": {"type": "text"}, "tag": {"type": "keyword"}, "n": {"type": "long"}}
})  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {"t": st.sampled_from(["a", "a a b", "b", "a b b b"])},
    optional={"tag": st.sampled_from(["x", "y"]), "n": st.integers(0, 3)},
)


def ask(documents: list[dict[str, Any]], hits: dict[str, Any], partitions: int) -> Answer:
    """A search over partitions of two segments each."""
    rows = [(i, f"id{i}", json.dumps(d).encode()) for i, d in enumerate(documents)]
    views = []
    for number in range(partitions):
        some = rows[number::partitions]
        segments = [part for part in (some[: len(some) // 2], some[len(some) // 2 :]) if part]
        views.append(Searcher(build_view(MAPPING, segments, partition=number)))
    body = {
        "size": 0, "query": {"match": {"t": "a"}}, "aggs": {"g": {"terms": {"field": "tag"}, "aggs": {"h": {"top_hits": hits}}}},
    }  # fmt: skip
    request = parse_search(body, now_ms=0)
    with ThreadPoolExecutor(2) as pool:
        scatter = Scatter(pool, lambda: 0.0, 60.0)
        asked = [View(0, v.index, v.partition, v, request, i) for i, v in enumerate(views)]
        return scatter.search_views(asked, request, len(asked))


def shown(answer: Answer) -> dict[str, list[int]]:
    """The offsets of each bucket's hits."""
    for inner in answer.inner:
        inner.target.extend(one.row.offset for one in inner.hits)
    return {b["key"]: b["h"]["hits"]["hits"] for b in answer.aggregations["g"]["buckets"]}


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DOCUMENTS, min_size=1, max_size=12), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3))
def test_rows_by_a_field(documents: list[dict[str, Any]], partitions: int, offset: int, size: int) -> None:
    """Greatest numbers first, those without one last, of equal ones each partition's in the order of records; a part of them."""
    answer = ask(documents, {"sort": [{"n": "desc"}], "from": offset, "size": size}, partitions)
    wanted: dict[str, list[int]] = {}
    for tag in ("x", "y"):
        rows = [i for i, d in enumerate(documents) if d.get("tag") == tag and "a" in d["t"]]
        rows.sort(key=lambda i: (-documents[i].get("n", -1), i % partitions, i))
        if rows:
            wanted[tag] = rows[offset : offset + size]
    totals = {b["key"]: b["h"]["hits"]["total"]["value"] for b in answer.aggregations["g"]["buckets"]}
    assert shown(answer) == wanted
    assert totals == {b["key"]: b["doc_count"] for b in answer.aggregations["g"]["buckets"]}


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DOCUMENTS, min_size=1, max_size=12))
def test_rows_by_score_do_not_depend_on_layout(documents: list[dict[str, Any]]) -> None:
    """Scores of one partition and of three are the same, and each bucket's best score is its first hit's."""
    found = []
    for partitions in (1, 3):
        answer = ask(documents, {"size": 3}, partitions)
        scores = [[one.row.score or 0.0 for one in inner.hits] for inner in answer.inner]
        best = [b["h"]["hits"]["max_score"] for b in answer.aggregations["g"]["buckets"]]
        assert best == pytest.approx([some[0] for some in scores])
        assert all(some == sorted(some, reverse=True) for some in scores)
        found.append(scores)
    assert found[0] == found[1]


def test_what_is_shown_and_what_is_refused() -> None:
    """Sources are fetched; a window above 100, sub-aggregations and scripts are errors in the dialect's words."""
    answer = ask([{"t": "a", "tag": "x"}], {"size": 1, "_source": ["tag"]}, 1)
    assert json.loads(answer.inner[0].hits[0].hit.source or b"") == {"t": "a", "tag": "x"}
    assert answer.inner[0].request.source.includes == ("tag",)
    for hits, message in (
        ({"size": 101}, "Top hits result window is too large"),
        ({"script_fields": {}}, "script_fields"),
        ({"sizes": 1}, "unknown field"),
    ):
        with pytest.raises(SedimentError, match=message):
            ask([], hits, 1)
    with pytest.raises(SedimentError, match="cannot accept sub-aggregations"):
        parse_search({"aggs": {"h": {"top_hits": {}, "aggs": {"m": {"max": {"field": "n"}}}}}}, now_ms=0)
