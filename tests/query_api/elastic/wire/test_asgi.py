"""query_api.elastic.wire.asgi: requests as they come over the wire; and that no request ends in a 500."""

import asyncio
import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.app import routes
from schemas.settings import settings_from
from tests.query_api.fakes import Client


async def test_clients_recognise_the_product(client: Client) -> None:
    """The header that official clients look for, the version they check, the id that they sent."""
    response = await client.send("GET", "/", headers={"x-opaque-id": "mine"})
    assert response.headers["x-elastic-product"] == "Elasticsearch"
    assert response.headers["x-opaque-id"] == "mine"
    assert response.headers["content-type"].startswith("application/json")
    assert response.json()["version"]["number"] == "2.19.0"


async def test_unknown_paths_and_methods(client: Client) -> None:
    """400 in OpenSearch's words; 405 with what is allowed."""
    response = await client.send("GET", "/a/b/c?x=1")
    assert (response.status_code, response.json()) == (
        400,
        {"error": "no handler found for uri [/a/b/c?x=1] and method [GET]"},
    )
    response = await client.send("DELETE", "/a/_search")
    assert response.status_code == 405
    assert response.json() == {
        "error": "Incorrect HTTP method for uri [/a/_search] and method [DELETE], allowed: [GET, POST]",
        "status": 405,
    }
    assert response.headers["allow"] == "GET,POST"
    assert (await client.send("OPTIONS", "/a/_search")).status_code == 200


async def test_content_types(client: Client) -> None:
    """406 for what is not JSON, and for a body without a type."""
    for kind, status in (
        ("application/json; charset=utf-8", 201),
        ("application/vnd.elasticsearch+json;compatible-with=8", 200),
        ("text/plain", 406),
        ("application/x-ndjson", 406),
    ):
        response = await client.send("PUT", "/a/_doc/1", b"{}", headers={"content-type": kind})
        assert response.status_code == status, kind
    bare = await client.http.request("PUT", "/a/_doc/1", content=b"{}")
    assert (bare.status_code, bare.json()) == (406, {"error": "Content-Type header is missing", "status": 406})


async def test_body_in_the_url(client: Client) -> None:
    """source with source_content_type."""
    await client.send("PUT", "/a")
    path = "/a/_search?source=%7B%22size%22%3A0%7D"
    assert (await client.send("GET", path + "&source_content_type=application/json")).status_code == 200
    assert (await client.send("GET", path)).status_code == 400
    assert (await client.send("GET", path + "&source_content_type=text/csv")).status_code == 400


async def test_gzip(client: Client) -> None:
    """Compressed bodies are read; broken ones refused."""
    headers = {"content-encoding": "gzip"}
    assert (await client.send("PUT", "/a/_doc/1", gzip.compress(b'{"x":1}'), headers=headers)).status_code == 201
    assert (await client.send("PUT", "/a/_doc/1", b"{}", headers=headers)).status_code == 400
    assert (await client.send("PUT", "/a/_doc/1", gzip.compress(b"{}")[:-4], headers=headers)).status_code == 400
    assert (await client.send("PUT", "/a/_doc/1", b"{}", headers={"content-encoding": "br"})).status_code == 400


async def test_too_long() -> None:
    """413 for a body above the limit, declared, streamed or unpacked."""
    client = Client(settings_from(flags={"limits.request_bytes": 100}))
    for body, headers in ((b"x" * 101, {}), (gzip.compress(b"x" * 1000), {"content-encoding": "gzip"})):
        response = await client.send("PUT", "/a/_doc/1", body, headers=headers)
        assert (response.status_code, response.json()["error"]["type"]) == (413, "content_too_long_exception")
    await client.close()


async def test_pretty_and_filter_path(client: Client) -> None:
    """How an answer is written can be chosen."""
    assert "\n" in (await client.send("GET", "/?pretty")).text
    assert await client.json("GET", "/?filter_path=version.number") == {"version": {"number": "2.19.0"}}
    await client.send("PUT", "/a/_doc/1", {"x": 1})
    assert (
        await client.json("POST", "/_bulk?filter_path=items.*._id", [{"index": {"_index": "a", "_id": "7"}}, {}])
    ) == {"items": [{"index": {"_id": "7"}}]}


async def test_a_full_queue(client: Client) -> None:
    """More waiting requests than allowed: 429."""
    crowded = Client(settings_from(flags={"threads.queue_max": 0}))
    assert (await crowded.send("GET", "/")).status_code == 429
    await crowded.close()


async def test_what_nobody_expected_is_a_500_without_details(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The trace is logged, not sent."""

    def broken() -> Any:
        raise RuntimeError("secret")

    client.node.indices = broken  # type: ignore[method-assign]
    response = await client.http.get("/_cat/indices")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "secret" in caplog.text


SEGMENTS = st.sampled_from([
    "a", "b*", "_all", "*", "-a", "a,b", "A", "_x", "%2F", "..", "a.dead", "x" * 300, "_doc", "1", "_search", "_bulk", "_mapping", "_settings",
    "_count", "_msearch", "_mget", "_update", "_create", "_source", "_refresh", "_cat", "indices", "health", "shards", "_cluster", "stats",
    "_analyze", "_validate", "query", "field", "_sediment", "partitions", "_stats", "_nodes", "%00", "%F0%9F%98%80", "<a-{now/d}>",
])  # fmt: skip
PARAMETERS = st.dictionaries(
    st.sampled_from([
        "q", "size", "from", "sort", "_source", "_source_includes", "refresh", "routing", "version", "if_seq_no", "if_primary_term", "h", "s", "v",
        "format", "bytes", "filter_path", "pretty", "timeout", "op_type", "expand_wildcards", "ack", "wait_for_status", "level", "help",
        "track_total_hits", "typed_keys", "stored_fields", "search_type", "source", "source_content_type", "text", "realtime", "wait_for_nodes",
    ]),
    st.sampled_from([
        "", "true", "false", "1", "-1", "x", "99999999999999999999", "a,b", "a:b", "*", "1s", "(", "json", "\u0000",
        "open,x", ">=2", "**", "-", "application/json", "{}", "a:desc", "wait_for",
    ]),
    max_size=3,
)  # fmt: skip
KEYS = st.sampled_from([
    "query", "match", "term", "bool", "must", "size", "from", "sort", "aggs", "settings", "mappings", "properties", "type", "doc", "docs", "ids",
    "_id", "_index", "index", "upsert", "script", "text", "fields", "_source", "a", "number_of_shards", "routing", "analyzer", "stored_fields",
    "includes", "highlight", "doc_as_upsert",
])  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["a", "text", "keyword", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def encoded(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


ACTIONS = st.sampled_from([b'{"index":{"_index":"a"}}', b'{"delete":{"_id":"1"}}', b'{"update":{"_id":"1"}}', b"{}"])
BODIES = st.one_of(
    st.just(b""),
    JSON.map(encoded),
    st.lists(st.one_of(JSON.map(encoded), ACTIONS), max_size=4).map(lambda lines: b"".join(line + b"\n" for line in lines)),
    st.binary(max_size=20),
)  # fmt: skip


def filled(template: str, names: list[str]) -> str:
    """A route's path with some names for its placeholders."""
    values = iter(names)
    return "/".join(next(values) if part.startswith("{") else part for part in template.split("/"))


PATHS = st.one_of(
    st.builds(filled, st.sampled_from([r.template for r in routes()]), st.lists(SEGMENTS, min_size=3, max_size=3)),
    st.builds(filled, st.sampled_from([r.template for r in routes()]), st.just(["a", "1", "x"])),
    st.lists(SEGMENTS, max_size=4).map(lambda parts: "/" + "/".join(parts)),
)


@settings(max_examples=300)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]),
    path=PATHS,
    parameters=PARAMETERS,
    body=BODIES,
    kind=st.sampled_from(["application/json", "application/x-ndjson"]),
)
def test_no_request_ends_in_a_500(method: str, path: str, parameters: dict[str, str], body: bytes, kind: str) -> None:
    """Any path, parameters and body: an answer below 500, JSON where it has a body."""

    async def once() -> None:
        client = Client()
        await client.send("PUT", "/a/_doc/1?refresh=true", {"t": "x"})
        response = await client.http.request(
            method, path, params=parameters, content=body, headers={"content-type": kind}
        )
        assert response.status_code < 500, response.text
        if response.content and response.headers["content-type"].startswith("application/json"):
            orjson.loads(response.content)
        await client.close()

    asyncio.run(once())
