"""query_api.elastic.batches: deleting, updating and copying what a query finds, over a whole node."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.near_node import NearNode, near_node

COUNT = 45


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearNode]:
    """A node for all tests; each makes its own indices."""
    with near_node(tmp_path_factory.mktemp("batches")) as one:
        yield one


async def filled(node: NearNode, name: str, mappings: Any = None) -> None:
    """An index of two partitions with the documents, every tenth with a routing."""
    settings = {"number_of_shards": 2, "refresh_interval": "-1"}
    await node.send("PUT", f"/{name}", {"settings": settings, "mappings": mappings or {}})
    lines: list[Any] = []
    for i in range(COUNT):
        routing = {"routing": "r"} if i % 10 == 0 else {}
        lines += [{"index": {"_id": str(i), **routing}}, {"n": i, "even": i % 2 == 0, "t": f"word {i}"}]
    await node.send("POST", f"/{name}/_bulk?refresh=true", lines)


async def count(node: NearNode, name: str, query: Any = None) -> int:
    """How many documents match."""
    body = {"query": query} if query else None
    return int((await node.json("POST", f"/{name}/_count", body))["count"])


async def test_delete_by_query(node: NearNode) -> None:
    """What matches goes, whatever the page; what was written with a routing too."""
    await filled(node, "d")
    done = await node.json(
        "POST", "/d/_delete_by_query?scroll_size=7&refresh=true", {"query": {"term": {"even": True}}}
    )
    assert (done["total"], done["deleted"], done["version_conflicts"], done["failures"]) == (23, 23, 0, [])
    assert done["batches"] >= 4
    assert await count(node, "d") == COUNT - 23
    done = await node.json("POST", "/d/_delete_by_query?q=n:>=20&max_docs=5&scroll_size=2&refresh=true")
    assert (done["total"], done["deleted"]) == (5, 5)
    assert (await node.json("POST", "/d/_delete_by_query", {"query": {"term": {"n": -1}}}))["total"] == 0
    assert await count(node, "d") == COUNT - 28


async def test_what_has_changed_is_a_conflict(node: NearNode) -> None:
    """Counted, or the end of the work; what was changed meanwhile stays."""
    await filled(node, "c")
    await node.send("PUT", "/c/_doc/1", {"n": 1, "mine": True})
    stopped = await node.send("POST", "/c/_delete_by_query", {"query": {"term": {"n": 1}}})
    assert stopped.status_code == 409
    assert stopped.json()["failures"][0]["cause"]["type"] == "version_conflict_engine_exception"
    body = {"query": {"range": {"n": {"lte": 3}}}, "conflicts": "proceed"}
    done = await node.json("POST", "/c/_delete_by_query?refresh=true", body)
    assert (done["deleted"], done["version_conflicts"]) == (3, 1)
    assert (await node.json("GET", "/c/_doc/1"))["_source"]["mine"]


async def test_update_by_query_makes_a_new_mapping_hold(node: NearNode) -> None:
    """A field that was not indexed is found afterwards; versions go up."""
    await filled(node, "u", {"dynamic": False, "properties": {"n": {"type": "long"}}})
    await node.send("PUT", "/u/_mapping", {"properties": {"t": {"type": "text"}}})
    assert await count(node, "u", {"match": {"t": "word"}}) == 0
    done = await node.json("POST", "/u/_update_by_query?refresh=true&slices=auto")
    assert (done["updated"], done["total"]) == (COUNT, COUNT)
    assert await count(node, "u", {"match": {"t": "word"}}) == COUNT
    assert (await node.json("GET", "/u/_doc/10?routing=r"))["_version"] == 2


async def test_reindex(node: NearNode) -> None:
    """All of it, parts of the sources, with routings kept or not; what is there is a conflict where it is to be created."""
    await filled(node, "from")
    done = await node.json(
        "POST", "/_reindex?refresh=true", {"source": {"index": "from", "size": 10}, "dest": {"index": "to"}}
    )
    assert (done["created"], done["total"], done["batches"]) == (COUNT, COUNT, 5)
    assert (await node.json("GET", "/to/_doc/10?routing=r"))["_routing"] == "r"
    body: dict[str, Any] = {
        "source": {"index": ["from"], "query": {"term": {"even": True}}, "_source": ["n"]},
        "dest": {"index": "to", "op_type": "create"},
        "conflicts": "proceed",
        "max_docs": 9,
    }
    done = await node.json("POST", "/_reindex", body)
    assert (done["created"], done["version_conflicts"], done["total"]) == (0, 9, 9)
    body["dest"] = {"index": "other", "version_type": "external", "routing": "discard"}
    assert (await node.json("POST", "/_reindex?refresh=true", body))["created"] == 9
    hit = (await node.json("GET", "/other/_search?size=1&version=true"))["hits"]["hits"][0]
    assert list(hit["_source"]) == ["n"]
    assert hit["_version"] == 1
    assert "_routing" not in hit
    await node.send("PUT", "/bad", {"mappings": {"properties": {"n": {"type": "long"}}}})
    await node.send("PUT", "/bad/_doc/1", {"n": "x"})
    await node.send("POST", "/bad/_refresh")
    letters = await node.json("POST", "/_reindex", {"source": {"index": "bad.dead"}, "dest": {"index": "letters"}})
    assert letters["created"] == 1


async def test_work_goes_on_behind_the_answer(node: NearNode) -> None:
    """The task tells how far it is; a wish to stop is heard between two pages."""
    await filled(node, "b")
    path = "/b/_delete_by_query?wait_for_completion=false"
    task = (await node.json("POST", path, {"query": {"match_all": {}}}))["task"]
    done = await node.json("GET", f"/_tasks/{task}?wait_for_completion=true")
    assert (done["completed"], done["response"]["deleted"]) == (True, COUNT)
    await filled(node, "b2")
    slow = "/b2/_update_by_query?wait_for_completion=false&scroll_size=1&requests_per_second=20"
    task = (await node.json("POST", slow))["task"]
    await node.send("POST", f"/_tasks/{task}/_cancel")
    for _ in range(200):
        done = await node.json("GET", f"/_tasks/{task}")
        if done["completed"]:
            break
        await asyncio.sleep(0.02)
    assert done["response"]["canceled"] == "by user request"
    assert done["response"]["updated"] < COUNT


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/x/_delete_by_query", {}, "query is missing"),
        ("/x/_delete_by_query", {"query": {"match_all": {}}, "zz": 1}, "unknown field [zz]"),
        ("/x/_delete_by_query?conflicts=zz", {"query": {"match_all": {}}}, "conflicts may only be"),
        ("/x/_delete_by_query?max_docs=0", {"query": {"match_all": {}}}, "[max_docs] parameter must be greater than 0"),
        ("/x/_delete_by_query?scroll_size=0", {"query": {"match_all": {}}}, "[scroll_size] must be between"),
        ("/x/_update_by_query", {"script": {"source": "x"}}, "scripts are not supported"),
        ("/x/_update_by_query?pipeline=p", {}, "pipeline with id [p] does not exist"),
        ("/x/_update_by_query?slices=0", {}, "[slices] must be at least 1"),
        ("/x/_update_by_query?requests_per_second=0", {}, "must be a float greater than 0"),
        ("/x.dead/_update_by_query", {}, "is read only"),
        ("/_reindex", {"source": {"index": "x"}}, "[dest] must be an object"),
        (
            "/_reindex",
            {"source": {"index": "x"}, "dest": {"index": "x"}},
            "cannot write into an index its reading from",
        ),
        (
            "/_reindex",
            {"source": {"index": "x", "remote": {"host": "h"}}, "dest": {"index": "y"}},
            "[remote] is not supported",
        ),
        ("/_reindex", {"source": {"index": "x"}, "dest": {"index": "y", "routing": "z"}}, "Unsupported routing value"),
        ("/_reindex", {"source": {}, "dest": {"index": "y"}}, "use _all if you really want"),
    ],
)
async def test_bad_requests(node: NearNode, path: str, body: Any, word: str) -> None:
    """Each is refused before anything is written."""
    if (await node.send("HEAD", "/x")).status_code == 404:
        await node.send("PUT", "/x")
    answer = await node.send("POST", path, body)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["reason"]


async def test_explain(node: NearNode) -> None:
    """A match with how its score comes about, a document that does not match, one that is not there; parts of the source."""
    await filled(node, "e")
    found = await node.json("GET", "/e/_explain/3?_source=n", {"query": {"match": {"t": "word"}}})
    whole = await node.json("GET", "/e/_search?size=50", {"query": {"match": {"t": "word"}}})
    assert found["matched"]
    assert found["explanation"]["value"] == next(h["_score"] for h in whole["hits"]["hits"] if h["_id"] == "3")
    assert found["get"]["_source"] == {"n": 3}
    assert not (await node.json("GET", "/e/_explain/3?q=t:nothing"))["matched"]
    missing = await node.send("GET", "/e/_explain/zz?q=t:word")
    assert (missing.status_code, missing.json()) == (404, {"_index": "e", "_id": "zz", "matched": False})
    assert (await node.send("GET", "/e/_explain/3")).status_code == 400
