"""query_api.elastic.reading.scroll, .point_in_time, .keeping: pages of one state, over a whole node."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.near_node import NearNode, near_node

COUNT = 57
PROPERTIES = {"n": {"type": "long"}, "k": {"type": "keyword"}, "ip": {"type": "ip"}, "t": {"type": "text"}}


def document(i: int) -> dict[str, Any]:
    """Many ties, some missing values."""
    more = {"ip": f"10.0.0.{i % 5}", "k": f"k{i % 4}"} if i % 3 else {}
    return {"n": i % 7, "t": "word " * (1 + i % 2), **more}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearNode]:
    """A node for all tests; each makes its own index."""
    with near_node(tmp_path_factory.mktemp("kept")) as one:
        yield one


async def filled(node: NearNode, *names: str) -> None:
    """Indices of three partitions with the documents, split among them."""
    for at, name in enumerate(names):
        settings = {"number_of_shards": 3, "refresh_interval": "-1"}
        await node.send("PUT", f"/{name}", {"settings": settings, "mappings": {"properties": PROPERTIES}})
        lines: list[Any] = []
        for i in range(at, COUNT, len(names)):
            lines += [{"index": {"_id": str(i)}}, document(i)]
        await node.send("POST", f"/{name}/_bulk?refresh=true", lines)


async def scrolled(node: NearNode, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """All hits of all pages; the context is closed."""
    page = await node.json("POST", f"{path}/_search?scroll=1m", body)
    found: list[dict[str, Any]] = []
    while page["hits"]["hits"]:
        assert page["hits"]["total"] == {"value": page["hits"]["total"]["value"], "relation": "eq"}
        found += page["hits"]["hits"]
        page = await node.json("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        assert "aggregations" not in page
    assert (await node.json("DELETE", "/_search/scroll", {"scroll_id": [page["_scroll_id"]]}))["num_freed"] == 1
    return found


@pytest.mark.parametrize(
    "sort",
    [
        None,
        ["_doc"],
        [{"n": "asc"}],
        [{"n": "desc"}, {"k": {"order": "asc", "missing": "_first"}}],
        [{"ip": "desc"}],
        ["_score", {"k": "desc"}],
    ],
)
async def test_pages_are_the_whole_in_its_order(node: NearNode, sort: Any) -> None:
    """Whatever the order and the ties, over two indices: every hit once, as one large search shows them."""
    if (await node.send("HEAD", "/a1")).status_code == 404:
        await filled(node, "a1", "a2")
    body: dict[str, Any] = {"query": {"match": {"t": "word"}}, **({"sort": sort} if sort else {})}
    whole = (await node.json("POST", "/a1,a2/_search", {**body, "size": COUNT}))["hits"]["hits"]
    found = await scrolled(node, "/a1,a2", {**body, "size": 5})
    assert len({h["_id"] for h in found}) == COUNT == len(found)
    if sort == ["_doc"]:
        return  # the order of the log, index by index; one search mixes them
    key = (lambda h: h["sort"]) if sort else (lambda h: h["_score"])
    assert [key(h) for h in found] == [key(h) for h in whole]
    assert all(("sort" in h) == bool(sort) for h in found)


async def test_a_scroll_sees_what_its_first_page_saw(node: NearNode) -> None:
    """Later writes, deletes and refreshes change nothing; aggregations come with the first page."""
    await filled(node, "s")
    body = {"size": 20, "sort": ["n"], "aggs": {"n": {"max": {"field": "n"}}}, "query": {"range": {"n": {"lte": 5}}}}
    page = await node.json("POST", "/s/_search?scroll=1m", body)
    expected = page["hits"]["total"]["value"]
    assert page["aggregations"]["n"]["value"] == 5
    await node.send("DELETE", "/s/_doc/1?refresh=true")
    await node.send("PUT", "/s/_doc/new?refresh=true", document(2))
    count = len(page["hits"]["hits"])
    while page["hits"]["hits"]:
        page = await node.json("GET", f"/_search/scroll?scroll_id={page['_scroll_id']}&scroll=1m")
        count += len(page["hits"]["hits"])
    assert count == expected
    gone = await node.json("DELETE", "/_search/scroll/_all")
    assert gone["num_freed"] >= 1
    missing = await node.send("POST", "/_search/scroll", {"scroll_id": page["_scroll_id"]})
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "search_context_missing_exception")


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/b/_search?scroll=1m&size=0", None, "[size] cannot be [0] in a scroll context"),
        ("/b/_search?scroll=1m&request_cache=true", None, "[request_cache] cannot be used in a scroll context"),
        ("/b/_search?scroll=1m&from=3", None, "using [from] is not allowed in a scroll context"),
        ("/b/_search?scroll=1m", {"track_total_hits": False}, "disabling [track_total_hits] is not allowed"),
        ("/b/_search?scroll=25h", None, "is too large. It must be less than (24h)"),
        ("/b/_search?scroll=x", None, "failed to parse setting [scroll]"),
        ("/b/_search?scroll=1m", {"slice": {"id": 0, "max": 1025}}, "The number of slices [1025] is too large"),
        ("/b/_search?scroll=1m", {"slice": {"id": 2, "max": 2}}, "id must be"),
        ("/b/_search", {"slice": {"id": 0, "max": 2}}, "can only be used with [scroll]"),
        ("/_search/scroll", {"zz": 1}, "Unknown parameter [zz]"),
        ("/_search/scroll", {}, "scrollId is missing"),
        ("/b/_search/point_in_time", None, "keep alive not specified"),
        ("/b/_search", {"pit": {"id": "x"}}, "[index] cannot be used with point in time"),
        ("/_search", {"pit": {"x": 1}}, "unknown field [x]"),
        ("/_search", {"pit": 3}, "[pit] must be an object"),
    ],
)
async def test_bad_requests(node: NearNode, path: str, body: Any, word: str) -> None:
    """Each is refused in Elasticsearch's words."""
    if (await node.send("HEAD", "/b")).status_code == 404:
        await node.send("PUT", "/b")
    answer = await node.send("POST", path, body)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["reason"]


async def test_slices_are_parts(node: NearNode) -> None:
    """Together they are everything, and no document is in two."""
    await filled(node, "sl")
    parts = [await scrolled(node, "/sl", {"size": 9, "slice": {"id": i, "max": 3}}) for i in range(3)]
    ids = [h["_id"] for part in parts for h in part]
    assert sorted(map(int, ids)) == list(range(COUNT))
    assert min(map(len, parts)) > 0


@pytest.mark.parametrize("elastic", [False, True])
async def test_a_point_in_time(node: NearNode, elastic: bool) -> None:
    """Pages by ``search_after`` on one state, ties told apart where Elasticsearch tells them; then it is let go."""
    index = f"p{int(elastic)}"
    await filled(node, index)
    opened = await node.json("POST", f"/{index}/{'_pit' if elastic else '_search/point_in_time'}?keep_alive=1m")
    identity = opened["id" if elastic else "pit_id"]
    await node.send("DELETE", f"/{index}/_doc/3?refresh=true")
    body: dict[str, Any] = {"size": 10, "sort": [{"n": "desc"}], "pit": {"id": identity, "keep_alive": "2m"}}
    if not elastic:
        body["sort"].append({"_shard_doc": "desc"})
    found: list[str] = []
    while True:
        page = await node.json("POST", "/_search", body)
        assert page["pit_id"] == identity
        hits = page["hits"]["hits"]
        found += [h["_id"] for h in hits]
        if len(hits) < 10:
            break
        body["search_after"] = hits[-1]["sort"]
        assert len(hits[-1]["sort"]) == 2
    assert sorted(map(int, found)) == list(range(COUNT))
    if elastic:
        assert (await node.json("DELETE", "/_pit", {"id": identity})) == {"succeeded": True, "num_freed": 1}
    else:
        assert (await node.json("GET", "/_search/point_in_time/_all"))["pits"][0]["keep_alive"] == 60_000
        gone = await node.json("DELETE", "/_search/point_in_time", {"pit_id": [identity]})
        assert gone == {"pits": [{"pit_id": identity, "successful": True}]}
    assert (await node.send("POST", "/_search", body)).status_code == 404


async def test_a_filtered_alias_stays_filtered(node: NearNode) -> None:
    """On every page, and at a point in time."""
    await filled(node, "f")
    await node.send("PUT", "/f/_alias/some", {"filter": {"term": {"n": 3}}})
    expected = len([i for i in range(COUNT) if i % 7 == 3])
    assert len(await scrolled(node, "/some", {"size": 2})) == expected
    identity = (await node.json("POST", "/some/_pit?keep_alive=1m"))["id"]
    assert (await node.json("POST", "/_search", {"pit": {"id": identity}}))["hits"]["total"]["value"] == expected
