"""Bad input, as users send it: each a clear error of Elasticsearch's form or a dead letter, nothing lost, and the node goes on."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from schemas.ids import PartitionId, TopicName
from schemas.limits import DOCUMENT_BYTES_MAX, REQUEST_BYTES_MAX
from schemas.records import AppendBatch, ByteColumn
from tests.integration.near_node import NearNode, near_node

PROPERTIES: dict[str, Any] = {
    "n": {"type": "long"},
    "i": {"type": "integer"},
    "d": {"type": "double"},
    "f": {"type": "float"},
    "b": {"type": "boolean"},
    "at": {"type": "date"},
    "ip": {"type": "ip"},
    "k": {"type": "keyword"},
    "t": {"type": "text"},
    "o": {"properties": {"x": {"type": "long"}}},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearNode]:
    """One node for all of it: what one request breaks, the next would see."""
    with near_node(tmp_path_factory.mktemp("bad")) as one:
        yield one


@pytest.fixture
async def node(shared: NearNode) -> Any:
    """The node with an index of one document, which is there and found before and after, with every partition live."""
    if (await shared.send("HEAD", "/bad")).status_code == 404:
        await shared.send("PUT", "/bad", {"mappings": {"properties": PROPERTIES}})
    await shared.send("PUT", "/bad/_doc/good?refresh=true", {"t": "still here"})
    yield shared
    found = await shared.json("POST", "/bad/_search", {"query": {"match": {"t": "still"}}})
    assert [h["_id"] for h in found["hits"]["hits"]] == ["good"]
    health = await shared.send("GET", "/health")
    assert (health.status_code, health.json()["reasons"]) == (200, [])


def is_error(answer: Any, status: int, kind: str = "", word: str = "") -> None:
    """Elasticsearch's error body with the type and a reason that holds the word."""
    assert answer.status_code == status, answer.text[:500]
    body = answer.json()
    assert body["status"] == status
    error = body["error"]
    assert error["root_cause"][0]["type"]
    assert kind in error["type"]
    assert word in error["reason"] or word in str(error.get("caused_by", "")), error["reason"]


# --------------------------------------------------------------------------- documents

DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
DOCUMENTS: list[tuple[str, bytes]] = [
    ("malformed", b'{"n":1,'),
    ("no value", b'{"n":}'),
    ("trailing", b'{"n":1} x'),
    ("comma", b'{"n":1,}'),
    ("single quotes", b"{'n':1}"),
    ("array", b"[1]"),
    ("number", b"1"),
    ("null", b"null"),
    ("text", b'"x"'),
    ("utf-8", b'{"k":"\xff\xfe"}'),
    ("utf-8 overlong", b'{"k":"\xc0\xaf"}'),
    ("utf-8 cut", b'{"k":"\xe2\x82"}'),
    ("lone surrogate", b'{"k":"\\ud800"}'),
    ("lone low surrogate", b'{"k":"x\\udc00y"}'),
    ("surrogate in a name", b'{"\\ud800":1}'),
    ("control character", b'{"k":"a\x01b"}'),
    ("bad escape", b'{"k":"\\x"}'),
    ("duplicate keys", b'{"n":1,"n":2}'),
    ("duplicate unknown keys", b'{"dup":1,"dup":2}'),
    ("NaN", b'{"d":NaN}'),
    ("Infinity", b'{"d":Infinity}'),
    ("-Infinity", b'{"d":-Infinity}'),
    ("leading zero", b'{"n":012}'),
    ("plus", b'{"n":+1}'),
    ("huge integer", b'{"n":' + b"9" * 400 + b"}"),
    ("just too great", b'{"n":9223372036854775808}'),
    ("too great for an int", b'{"i":2147483648}'),
    ("huge exponent", b'{"d":1e400}'),
    ("float overflow", b'{"f":1e39}'),
    ("word as a number", b'{"n":"many"}'),
    ("object as a number", b'{"n":{"x":1}}'),
    ("number as an object", b'{"o":1}'),
    ("word as a boolean", b'{"b":"perhaps"}'),
    ("number as a boolean", b'{"b":2}'),
    ("no date", b'{"at":"soon"}'),
    ("no address", b'{"ip":"300.1.1.1"}'),
    ("object as a text", b'{"t":{"x":1}}'),
    ("empty name", b'{"":1}'),
    ("dots", b'{".":1}'),
    ("two dots", b'{"a..b":1}'),
    ("long name", b'{"' + b"n" * 1000 + b'":1}'),
    ("depth 10,000", DEEP),
    ("array depth 10,000", b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    ("depth of objects", b'{"z":' * 30 + b"1" + b"}" * 30),
]


@pytest.mark.parametrize(("name", "source"), DOCUMENTS, ids=[name for name, _ in DOCUMENTS])
async def test_a_bad_document_is_refused_alone(node: NearNode, name: str, source: bytes) -> None:
    """By itself with a 400 that says what is wrong; in a bulk only its own item is refused, and its neighbours are written."""
    is_error(await node.send("PUT", "/bad/_doc/x", source), 400)
    body = [
        {"index": {"_id": "before"}},
        {"n": 1},
        {"index": {"_id": "x"}},
        source,
        {"index": {"_id": "after"}},
        {"n": 2},
    ]
    answer = await node.json("POST", "/bad/_bulk", body)
    assert answer["errors"] is True
    statuses = [item["index"]["status"] for item in answer["items"]]
    assert (statuses[0] in {200, 201}, statuses[1], statuses[2] in {200, 201}) == (True, 400, True), answer
    assert answer["items"][1]["index"]["error"]["reason"]
    assert (await node.send("GET", "/bad/_doc/x")).status_code == 404
    assert (await node.json("GET", "/bad/_doc/after"))["_source"] == {"n": 2}


async def test_a_document_above_the_limit_is_413(node: NearNode) -> None:
    """One value of 100 MB, one request above the limit; the item of a bulk alone."""
    big = b'{"t":"' + b"x" * (DOCUMENT_BYTES_MAX + 1) + b'"}'
    is_error(await node.send("PUT", "/bad/_doc/big", big), 413)
    answer = await node.json(
        "POST", "/bad/_bulk", [{"index": {"_id": "big"}}, big, {"index": {"_id": "small"}}, {"n": 3}]
    )
    assert answer["items"][0]["index"]["status"] == 413
    assert (await node.json("GET", "/bad/_doc/small"))["found"] is True
    is_error(
        await node.send("PUT", "/bad/_doc/big", b'{"t":"' + b"x" * REQUEST_BYTES_MAX + b'"}'), 413, "content_too_long"
    )


BULKS: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "body is required"),
    ("blank", b"\n\n", ""),
    ("no newline", b'{"index":{}}\n{"n":1}', "terminated by a newline"),
    ("malformed action", b'{"index":{"_id":"1"}\n{"n":1}\n', ""),
    ("no object", b'[]\n{"n":1}\n', "Malformed action/metadata line [1]"),
    ("empty action", b'{}\n{"n":1}\n', "Malformed action/metadata line [1]"),
    ("unknown action", b'{"replace":{"_id":"1"}}\n{"n":1}\n', "Malformed action/metadata line [1]"),
    ("unknown parameter", b'{"index":{"_id":"1","colour":"red"}}\n{"n":1}\n', "unknown parameter [colour]"),
    ("invalid UTF-8", b'{"index":{"_id":"\xff"}}\n{"n":1}\n', ""),
    ("surrogate", b'{"index":{"_id":"\\ud800"}}\n{"n":1}\n', ""),
    ("id is an object", b'{"index":{"_id":{}}}\n{"n":1}\n', "simple value"),
    ("version is a word", b'{"index":{"_id":"1","version":"x"}}\n{"n":1}\n', "whole number"),
    ("huge version", b'{"index":{"_id":"1","version":1e400}}\n{"n":1}\n', ""),
    ("delete without id", b'{"delete":{}}\n', "id is missing"),
    ("deep", b'{"index":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n{}\n", ""),
]


@pytest.mark.parametrize(("name", "body", "word"), BULKS, ids=[name for name, _, _ in BULKS])
async def test_a_bad_bulk_line_refuses_the_request(node: NearNode, name: str, body: bytes, word: str) -> None:
    """Before anything of it is written, as Elasticsearch does."""
    whole = b'{"index":{"_id":"never"}}\n{"n":1}\n' + body if body.strip() else body
    if body.startswith((b"[]", b"{}", b'{"replace"')):
        word = word.replace("[1]", "[3]")
    is_error(await node.send("POST", "/bad/_bulk", whole), 400, word=word)
    assert (await node.send("GET", "/bad/_doc/never")).status_code == 404


async def test_bulk_items_for_what_is_not_an_index_are_refused_alone(node: NearNode) -> None:
    """A name that cannot be, an update of what is not there, an id that is too long."""
    body = [
        {"index": {"_index": "UPPER", "_id": "1"}}, {"n": 1},
        {"update": {"_id": "none"}}, {"doc": {"n": 1}},
        {"index": {"_id": "i" * 513}}, {"n": 1},
        {"create": {"_id": "good"}}, {"n": 1},
        {"delete": {"_index": "nowhere", "_id": "1"}},
        {"index": {"_id": "fine"}}, {"n": 4},
    ]  # fmt: skip
    answer = await node.json("POST", "/bad/_bulk", body)
    items = [next(iter(item.values())) for item in answer["items"]]
    assert [i["status"] for i in items][:5] == [400, 404, 400, 409, 404]
    assert items[5]["result"] in {"created", "updated"}
    assert all(i["error"]["type"].endswith("_exception") for i in items[:5])


# --------------------------------------------------------------------------- questions

SEARCHES: list[tuple[str, Any, str]] = [
    ("malformed", b'{"query":', ""),
    ("array", b"[]", ""),
    ("utf-8", b'{"query":{"term":{"k":"\xff"}}}', ""),
    ("surrogate", b'{"query":{"term":{"k":"\\ud800"}}}', ""),
    ("depth 10,000", b'{"query":' + b'{"bool":{"must":' * 10_000 + b"{}" + b"}}" * 10_000 + b"}", ""),
    ("nested bools", b'{"query":' + b'{"bool":{"must":' * 60 + b'{"match_all":{}}' + b"}}" * 60 + b"}", ""),
    ("unknown query", {"query": {"matchh": {"t": "x"}}}, "unknown query [matchh]"),
    ("unknown key", {"quarry": {}}, "quarry"),
    ("two queries", {"query": {"match_all": {}, "term": {"k": "x"}}}, ""),
    ("empty query", {"query": {}}, ""),
    ("size", {"size": 10_001}, "Result window is too large"),
    ("from and size", {"from": 9_999, "size": 2}, "Result window is too large"),
    ("negative size", {"size": -2}, "size"),
    ("negative from", {"from": -5}, "from"),
    ("huge size", b'{"size":' + b"9" * 400 + b"}", ""),
    ("size as a word", {"size": "many"}, ""),
    ("NaN", b'{"query":{"range":{"d":{"gte":NaN}}}}', ""),
    ("number as text", {"query": {"term": {"n": "many"}}}, ""),
    ("no date", {"query": {"range": {"at": {"gte": "soon"}}}}, ""),
    ("bad date math", {"query": {"range": {"at": {"gte": "now+1parsec"}}}}, ""),
    ("no address", {"query": {"term": {"ip": "300.1.1.1"}}}, ""),
    ("sort by nothing", {"sort": "nowhere"}, "No mapping found for [nowhere]"),
    ("sort by text", {"sort": "t"}, ""),
    ("search_after without sort", {"search_after": [1]}, "Sort must contain"),
    ("search_after of another length", {"sort": "n", "search_after": [1, 2]}, "search_after has 2"),
    ("search_after of another type", {"sort": "n", "search_after": ["x"]}, ""),
    ("unknown aggregation", {"aggs": {"a": {"avgg": {"field": "n"}}}}, "avgg"),
    ("aggregation of text", {"aggs": {"a": {"terms": {"field": "t"}}}}, ""),
    ("too many buckets", {"aggs": {"a": {"histogram": {"field": "n", "interval": 0}}}}, ""),
    ("scroll", {"slice": {"id": 0, "max": 2}}, ""),
    ("too many clauses", {"query": {"bool": {"should": [{"term": {"k": "x"}}] * 1025}}}, ""),
    ("terms without bound", {"query": {"terms": {"k": [str(i) for i in range(65_537)]}}}, ""),
]


@pytest.mark.parametrize(("name", "body", "word"), SEARCHES, ids=[name for name, _, _ in SEARCHES])
async def test_a_bad_search_is_a_400_that_says_why(node: NearNode, name: str, body: Any, word: str) -> None:
    """With Elasticsearch's body, also where only the partitions find out."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    is_error(await node.send("POST", "/bad/_search", data), 400, word=word)


REQUESTS: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/nowhere/_search", None, 404, "index_not_found"),
    ("GET", "/nowhere/_doc/1", None, 404, "index_not_found"),
    ("GET", "/nowhere/_count", None, 404, "index_not_found"),
    ("POST", "/nowhere/_refresh", None, 404, "index_not_found"),
    ("DELETE", "/nowhere", None, 404, "index_not_found"),
    ("GET", "/nowhere/_mapping", None, 404, "index_not_found"),
    ("POST", "/_sediment/indices/nowhere/_verify", None, 404, "index_not_found"),
    ("POST", "/_sediment/indices/bad/_verify", {"partition": 9}, 404, "partition_not_found"),
    ("POST", "/_sediment/indices/bad/_replay", {"from": 10**15}, 400, "illegal_argument"),
    ("POST", "/_sediment/indices/bad/_replay", {"from_timestamp": "2999-01-01"}, 400, "illegal_argument"),
    ("PUT", "/UPPER", None, 400, "invalid_index_name"),
    ("PUT", "/_under", None, 400, "invalid_index_name"),
    ("PUT", "/a.dead", None, 400, "invalid_index_name"),
    ("PUT", "/" + "n" * 300, None, 400, "invalid_index_name"),
    ("PUT", "/bad", None, 400, "resource_already_exists"),
    ("PUT", "/new", {"mappings": {"properties": {"x": {"type": "nonsense"}}}}, 400, "mapper_parsing"),
    ("PUT", "/new", {"settings": {"number_of_shards": 0}}, 400, "illegal_argument"),
    ("PUT", "/new", {"settings": {"number_of_shards": 10**9}}, 400, "illegal_argument"),
    ("PUT", "/new", {"settings": {"colour": "red"}}, 400, "illegal_argument"),
    ("PUT", "/new", b'{"mappings":' + b'{"properties":{"a":' * 5_000 + b"{}" + b"}}" * 5_000 + b"}", 400, ""),
    ("PUT", "/bad/_mapping", {"properties": {"n": {"type": "text"}}}, 400, "illegal_argument"),
    ("GET", "/bad/_search?colour=red", None, 400, "illegal_argument"),
    ("GET", "/bad/_search?size=many", None, 400, "illegal_argument"),
    ("GET", "/bad/_doc/%FF", None, 400, "illegal_argument"),
    ("PUT", "/bad/_doc/" + "i" * 513, {"n": 1}, 400, "illegal_argument"),
    ("PUT", "/bad/_doc/1?version=-1&version_type=external", {"n": 1}, 400, ""),
    ("PUT", "/bad/_doc/1?if_seq_no=1", {"n": 1}, 400, "action_request_validation"),
    ("PUT", "/bad/_doc/1?refresh=perhaps", {"n": 1}, 400, "illegal_argument"),
    ("POST", "/bad/_update/good", {"script": "x"}, 400, "illegal_argument"),
    ("POST", "/bad/_update/good", {"doc": {"n": "many"}}, 400, "mapper_parsing"),
    ("POST", "/bad/_update/none", {"doc": {"n": 1}}, 404, "document_missing"),
    ("POST", "/bad/_mget", {"ids": "x"}, 400, ""),
    ("PUT", "/bad.dead/_doc/1", {"n": 1}, 400, "illegal_argument"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "kind"), REQUESTS)
async def test_a_bad_request_is_answered_in_the_right_form(
    node: NearNode, method: str, path: str, body: Any, status: int, kind: str
) -> None:
    """Status, type and reason as Elasticsearch's."""
    is_error(await node.send(method, path, body), status, kind)


async def test_what_producers_send_past_the_api_becomes_dead_letters(node: NearNode) -> None:
    """The same documents straight into the log: each is a dead letter with its bytes and reason, and good ones are found."""
    await node.send("PUT", "/raw", {"mappings": {"properties": PROPERTIES}})
    good = [b'{"n":1}', b'{"t":"words"}']
    values = [good[0], *(source for _, source in DOCUMENTS), good[1]]
    keys: list[bytes | None] = [f"k{i}".encode() for i in range(len(values))]
    keys[1:3] = [None, b"\xff\xfe"]
    batch = AppendBatch(ByteColumn.of(keys), ByteColumn.of(values), np.full(len(values), 1, np.int64), {})
    node.running.node.log.append(TopicName("raw"), PartitionId(0), batch)
    assert node.running.node.wait_applied("raw")
    await node.send("POST", "/raw/_refresh")
    assert (await node.json("GET", "/raw/_count"))["count"] == len(good)
    dead = await node.json("POST", "/raw.dead/_search", {"size": 1000, "sort": "offset", "_source": True})
    assert dead["hits"]["total"]["value"] == len(DOCUMENTS)
    shown = [hit["_source"] for hit in dead["hits"]["hits"]]
    assert all(one["reason"] and one["code"] and ("value" in one or "value_base64" in one) for one in shown)
    letter = dead["hits"]["hits"][0]
    assert (await node.json("GET", f"/raw.dead/_doc/{letter['_id']}"))["_source"] == letter["_source"]
    offset = shown[0]["offset"]
    again = await node.json("POST", "/_sediment/indices/raw/_redrive", {"query": {"term": {"offset": offset}}})
    assert [r["result"] for r in again["redriven"]] == ["rejected"]
    await node.send("POST", "/_sediment/indices/raw/_verify", {"deep": True})
    job: dict[str, Any] = {}
    for _ in range(600):
        job = (await node.json("GET", "/_sediment/indices/raw/_jobs"))["jobs"][0]
        if job["state"] != "running":
            break
        await asyncio.sleep(0.05)
    assert (job["state"], job["report"]["equal"]) == ("done", True), job
