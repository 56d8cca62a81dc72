"""The commit corpus against answers recorded from an OpenSearch 2.19: totals, ids in order, scores."""

import json
from pathlib import Path

import pytest
import zstandard

from pipeline.dsl.parse import parse_search
from pipeline.search.searcher import Searcher
from schemas.mapping import parse_mapping
from tests.oracle.views import build_view

SEGMENTS = 3


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> dict:
    return json.loads((shared_data / "golden" / "opensearch_commits.json").read_bytes())


@pytest.fixture(scope="module")
def searcher(shared_data: Path, golden: dict) -> Searcher:
    """The corpus in three segments."""
    packed = (shared_data / "data" / "commits.ndjson.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(packed).splitlines()
    rows = [(i, json.loads(line)["id"], line) for i, line in enumerate(lines)]
    assert len(rows) == golden["docs"]
    size = len(rows) // SEGMENTS + 1
    segments = [rows[at : at + size] for at in range(0, len(rows), size)]
    return Searcher(build_view(parse_mapping(golden["index"]["mappings"]), segments))


def answer(searcher: Searcher, body: dict) -> dict:
    request = parse_search(body, now_ms=0)
    statistics = searcher.statistics(request)
    result = searcher.query(request, statistics)
    hits = result.hits[request.offset :]
    fetched = searcher.fetch(request, hits, statistics)
    return {
        "total": result.total,
        "ids": [f.id for f in fetched],
        "scores": [h.score for h in hits],
        "sort": [[v.decode() if isinstance(v, bytes) else v for v in h.sort] for h in hits],
        "explanations": [f.explanation for f in fetched],
    }


def test_queries_are_answered_as_opensearch_does(searcher: Searcher, golden: dict) -> None:
    """Each recorded query: the same total, ids (of equal scores, in file order) and scores."""
    differing = []
    for query in golden["queries"]:
        found = answer(searcher, query["body"])
        same = found["total"] == query["total"] and found["ids"] == query["ids"]
        close = len(found["scores"]) == len(query["scores"]) and all(
            a == b or abs(a - b) <= 1e-5 * max(1.0, abs(b))
            for a, b in zip(found["scores"], query["scores"], strict=True)
        )
        if not (same and close and found["sort"] == query.get("sort", found["sort"])):
            differing.append((query["name"], found, query))
    assert not differing, [
        (name, f["total"], q["total"], f["ids"], q["ids"], f["scores"], q["scores"]) for name, f, q in differing
    ]


def test_explanations_are_those_of_opensearch(searcher: Searcher, golden: dict) -> None:
    """The recorded trees: the same numbers under the same words, document numbers aside."""
    bodies = {q["name"]: q["body"] for q in golden["queries"]}
    for recorded in golden["explain"]:
        if recorded["name"] not in bodies:
            continue
        found = answer(searcher, bodies[recorded["name"]] | {"explain": True})
        tree = found["explanations"][found["ids"].index(recorded["id"])]
        assert_same_tree(tree, recorded["explain"])


def assert_same_tree(found: dict, wanted: dict) -> None:
    assert found["description"].split(" in ")[0] == wanted["description"].split(" in ")[0]
    assert found["value"] == pytest.approx(wanted["value"], rel=1e-5)
    assert len(found["details"]) == len(wanted["details"])
    for a, b in zip(found["details"], wanted["details"], strict=True):
        assert_same_tree(a, b)
