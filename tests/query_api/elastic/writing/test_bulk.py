"""query_api.elastic.writing.bulk: many writes, an answer each."""

import orjson
import pytest

from schemas.errors import ErrorKind, SedimentError
from tests.query_api.fakes import Client


async def test_items_in_order_with_their_errors(client: Client) -> None:
    """Several indices, all actions, refused documents: each has its own item, in its place."""
    await client.send("PUT", "/a/_doc/old", {"x": 1})
    answer = await client.json(
        "POST",
        "/_bulk?refresh=true",
        [
            {"index": {"_index": "a", "_id": "1"}},
            {"x": 1},
            {"create": {"_index": "a", "_id": "old"}},
            {"x": 2},
            {"delete": {"_index": "a", "_id": "old"}},
            {"delete": {"_index": "a", "_id": "nobody"}},
            {"index": {"_index": "b"}},
            b"{broken",
            {"update": {"_index": "a", "_id": "1", "_source": True}},
            {"doc": {"y": 2}},
            {"update": {"_index": "a", "_id": "nobody"}},
            {"doc": {"y": 2}},
            {"update": {"_index": "a", "_id": "1"}},
            {"script": {}},
            {"delete": {"_index": "none", "_id": "1"}},
        ],
    )
    assert answer["errors"] is True
    items = [next(iter(item.items())) for item in answer["items"]]
    assert [(name, one["status"]) for name, one in items] == [
        ("index", 201),
        ("create", 409),
        ("delete", 200),
        ("delete", 404),
        ("index", 400),
        ("update", 200),
        ("update", 404),
        ("update", 400),
        ("delete", 404),
    ]
    results = [one.get("result") or one["error"]["type"] for _, one in items]
    assert results == [
        "created",
        "version_conflict_engine_exception",
        "deleted",
        "not_found",
        "mapper_parsing_exception",
        "updated",
        "document_missing_exception",
        "illegal_argument_exception",
        "index_not_found_exception",
    ]
    assert items[5][1]["get"]["_source"] == {"x": 1, "y": 2}
    assert items[0][1] == {
        "_index": "a",
        "_id": "1",
        "_version": 1,
        "result": "created",
        "forced_refresh": True,
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": 1,
        "_primary_term": 1,
        "status": 201,
    }


@pytest.mark.parametrize("key", ["plain", 'qu"ote', "back\\slash", "new\nline", "tab\t", "ünï", "\u2028", "😀"])
async def test_any_id_comes_back_as_it_went(client: Client, key: str) -> None:
    """Ids are written into JSON by hand; those that need escapes are escaped."""
    answer = await client.json("POST", "/a/_bulk", [{"index": {"_id": key}}, {}, {"index": {"_id": "other"}}, {}])
    assert [i["index"]["_id"] for i in answer["items"]] == [key, "other"]


async def test_acknowledged_by_the_log(client: Client) -> None:
    """With ack=log the place in the log is all that is known."""
    response = await client.send("POST", "/a/_bulk?ack=log", [{"index": {"_id": "1"}}, {}])
    item = response.json()["items"][0]["index"]
    assert item == {
        "_index": "a",
        "_id": "1",
        "result": "accepted",
        "_sediment": {"partition": 0, "offset": 0},
        "status": 202,
    }
    assert response.headers["x-sediment-offsets"] == "0:0"


async def test_overloaded(client: Client) -> None:
    """A full node refuses the request with 429 and says when to come back."""
    client.node.write_failure = SedimentError(ErrorKind.OVERLOADED, "es_rejected_execution", "too much in flight")
    response = await client.send("POST", "/a/_bulk", [{"index": {}}, {}])
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"
    assert response.json()["error"]["type"] == "rejected_execution_exception"


async def test_many_documents_make_many_items(client: Client) -> None:
    """A larger body, without any id."""
    lines: list[dict[str, object]] = []
    for i in range(500):
        lines += [{"index": {}}, {"i": i}]
    answer = await client.json("POST", "/a/_bulk", lines)
    assert len(answer["items"]) == 500
    assert answer["errors"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/_bulk?refresh=perhaps",
        "/_bulk?ack=never",
        "/_bulk?timeout=soon",
        "/_bulk?nonsense=1",
        "/_bulk?wait_for_active_shards=x",
    ],
)
async def test_bad_parameters(client: Client, path: str) -> None:
    """Each is refused with 400 before anything is written."""
    response = await client.send("POST", path, [{"index": {"_index": "a"}}, {}])
    assert response.status_code == 400
    assert client.node.states == {}


async def test_dead_letters_are_read_only(client: Client) -> None:
    """Nobody writes to <index>.dead."""
    await client.send("PUT", "/a")
    answer = await client.json("POST", "/_bulk", [{"index": {"_index": "a.dead"}}, {}])
    assert answer["items"][0]["index"]["error"]["type"] == "illegal_argument_exception"


async def test_request_bodies_of_updates_stay_bytes(client: Client) -> None:
    """What the writer is given is what the client sent."""
    source = b'{"doc": {"x" :1.0}}'
    await client.send("PUT", "/a/_doc/1", {"x": 0})
    await client.send("POST", "/a/_bulk", [{"update": {"_id": "1"}}, source])
    assert (await client.json("GET", "/a/_source/1")) == {"x": 1.0}
    assert orjson.loads(source)["doc"] == {"x": 1.0}
