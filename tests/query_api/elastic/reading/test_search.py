"""query_api.elastic.reading.search: searches over several partitions and indices."""

from typing import Any

import pytest
import pytest_asyncio

from query_api.elastic.reading.search import is_plain, plain_request
from query_api.elastic.wire.call import Call
from schemas.errors import SedimentError, unavailable
from tests.query_api.fakes import Client

CONTENT = {"1": {"t": "red fish", "n": 3}, "2": {"t": "blue fish", "n": 1}, "3": {"t": "blue bird", "n": 2}}


@pytest_asyncio.fixture
async def full(client: Client) -> Client:
    """An index of three documents in three partitions."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 3}})
    for key, source in CONTENT.items():
        await client.send("PUT", f"/a/_doc/{key}?refresh=true", source)
    return client


def ids(answer: Any) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


async def test_hits(full: Client) -> None:
    """Counts, scores and sources of what matches."""
    answer = await full.json("POST", "/a/_search", {"query": {"match": {"t": "fish"}}})
    assert sorted(ids(answer)) == ["1", "2"]
    assert answer["hits"]["total"] == {"value": 2, "relation": "eq"}
    assert answer["_shards"] == {"total": 3, "successful": 3, "skipped": 0, "failed": 0}
    assert answer["timed_out"] is False
    assert {h["_id"]: h["_source"] for h in answer["hits"]["hits"]} == {k: CONTENT[k] for k in ("1", "2")}


async def test_pages_follow_the_order_over_all_partitions(full: Client) -> None:
    """Sorted pages are pages of one order, whatever partition a hit lies in."""
    pages = [await full.json("POST", "/a/_search", {"sort": [{"n": "desc"}], "from": i, "size": 1}) for i in range(4)]
    assert [ids(p) for p in pages] == [["1"], ["3"], ["2"], []]
    assert pages[0]["hits"]["hits"][0]["sort"] == [3]
    assert pages[0]["hits"]["max_score"] is None


async def test_what_a_hit_shows(full: Client) -> None:
    """Version, sequence number, filtered source, provenance: only where asked for."""
    body = {
        "query": {"ids": {"values": ["1"]}},
        "version": True,
        "seq_no_primary_term": True,
        "_source": ["n"],
        "_sediment": True,
    }
    hit = (await full.json("POST", "/a/_search", body))["hits"]["hits"][0]
    assert (hit["_version"], hit["_seq_no"], hit["_primary_term"], hit["_source"]) == (1, 0, 1, {"n": 3})
    assert hit["_sediment"]["topic"] == "a"
    plain = (await full.json("GET", "/a/_search?q=t:red&_source=false"))["hits"]["hits"][0]
    assert set(plain) == {"_index", "_id", "_score"}


async def test_total_as_a_number(full: Client) -> None:
    """Old clients ask for it."""
    assert (await full.json("GET", "/a/_search?rest_total_hits_as_int=true"))["hits"]["total"] == 3
    assert "total" not in (await full.json("GET", "/a/_search?track_total_hits=false"))["hits"]
    limited = await full.json("GET", "/a/_search?track_total_hits=2")
    assert limited["hits"]["total"] == {"value": 2, "relation": "gte"}


async def test_a_failed_partition_is_named(full: Client) -> None:
    """The others' hits are shown, unless the client does not want parts."""
    full.node.parts["a"][1].failure = unavailable("unavailable", "its worker is away")
    answer = await full.json("GET", "/a/_search")
    assert (answer["_shards"]["failed"], answer["_shards"]["successful"]) == (1, 2)
    assert answer["_shards"]["failures"][0]["shard"] == 1
    assert answer["_shards"]["failures"][0]["reason"]["reason"] == "its worker is away"
    strict = await full.send("GET", "/a/_search?allow_partial_search_results=false")
    assert strict.status_code == 503
    assert strict.json()["error"]["type"] == "search_phase_execution_exception"


async def test_a_query_that_no_partition_can_answer(full: Client) -> None:
    """The cause stands in root_cause, the frame around it is Elasticsearch's."""
    for part in full.node.parts["a"]:
        part.failure = unavailable("unavailable", "away")
    response = await full.send("GET", "/a/_search")
    assert response.status_code == 503
    error = response.json()["error"]
    assert error["type"] == "search_phase_execution_exception"
    assert error["root_cause"][0]["reason"] == "away"
    assert error["failed_shards"][0]["index"] == "a"


async def test_several_indices(full: Client) -> None:
    """Lists, wildcards, exclusions, missing indices."""
    await full.send("PUT", "/b/_doc/9?refresh=true", {"t": "green fish"})
    assert sorted(ids(await full.json("GET", "/a,b/_search?q=t:fish"))) == ["1", "2", "9"]
    assert sorted(ids(await full.json("GET", "/_search?q=t:fish"))) == ["1", "2", "9"]
    assert ids(await full.json("GET", "/*,-a/_search?q=t:fish")) == ["9"]
    assert (await full.send("GET", "/a,zz/_search")).status_code == 404
    assert len(ids(await full.json("GET", "/a,zz/_search?ignore_unavailable=true"))) == 3
    nothing = await full.json("GET", "/zz*/_search")
    assert (nothing["hits"]["hits"], nothing["_shards"]["total"]) == ([], 0)
    assert (await full.send("GET", "/zz*/_search?allow_no_indices=false")).status_code == 404


async def test_dead_letters_can_be_searched(full: Client) -> None:
    """<index>.dead is an index to look into."""
    answer = await full.json("GET", "/a.dead/_search")
    assert (answer["hits"]["total"]["value"], answer["_shards"]["total"]) == (0, 3)


async def test_count_and_msearch(full: Client) -> None:
    """The same questions in other forms."""
    assert (await full.json("GET", "/a/_count?q=t:fish"))["count"] == 2
    assert (await full.json("POST", "/a/_count", {"query": {"match": {"t": "blue"}}}))["count"] == 2
    several = await full.json(
        "POST", "/a/_msearch", [{}, {"size": 1}, {"index": "zz"}, {}, {"index": ["a"]}, {"nonsense": 1}]
    )
    assert [r["status"] for r in several["responses"]] == [200, 404, 400]


async def test_routing_narrows_a_search(full: Client) -> None:
    """Only the partition of the routing value is asked."""
    assert (await full.json("GET", "/a/_search?routing=1"))["_shards"]["total"] == 1


async def test_validate(full: Client) -> None:
    """A query is parsed, not run."""
    assert (await full.json("GET", "/a/_validate/query?q=t:x"))["valid"] is True
    assert (await full.json("POST", "/a/_validate/query", {"query": {"nonsense": {}}}))["valid"] is False


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/a/_search", b"{", 400),
        ("POST", "/a/_search", b"[1]", 400),
        ("POST", "/a/_search", {"nonsense": 1}, 400),
        ("POST", "/a/_search", {"size": -1}, 400),
        ("POST", "/a/_search", {"from": 10_000, "size": 1}, 400),
        ("GET", "/a/_search?size=x", None, 400),
        ("GET", "/a/_search?search_type=x", None, 400),
        ("GET", "/a/_search?batched_reduce_size=1", None, 400),
        ("GET", "/a/_search?expand_wildcards=x", None, 400),
        ("GET", "/none/_search", None, 404),
        ("GET", "/_x/_search", None, 400),
        ("POST", "/a/_count", {"size": 1}, 400),
        ("POST", "/_msearch", b"", 400),
        ("POST", "/_msearch", b"{}", 400),
        ("POST", "/_msearch", b"{}\n", 400),
        ("POST", "/_msearch", b'{"x":1}\n{}\n', 400),
        ("POST", "/_msearch", b"[]\n{}\n", 400),
    ],
)
async def test_bad_input(full: Client, method: str, path: str, body: Any, status: int) -> None:
    """Refused with a status and a reason."""
    response = await full.send(method, path, body)
    assert response.status_code == status
    assert response.json()["error"]["reason"]


async def test_stored_fields_and_formats(client: Client) -> None:
    """Values that the mapping stores without the source; ``_none_`` shows no id; formats only where there are some."""
    properties = {"n": {"type": "integer", "store": True}, "k": {"type": "keyword"}}
    await client.send("PUT", "/s", {"mappings": {"properties": properties}})
    await client.send("PUT", "/s/_doc/1?refresh=true", {"n": 42, "k": "a"})
    hit = (await client.json("POST", "/s/_search", {"stored_fields": ["n"], "_source": False}))["hits"]["hits"][0]
    assert (hit["fields"], hit["_id"], "_source" in hit) == ({"n": [42]}, "1", False)
    bare = (await client.json("POST", "/s/_search", {"stored_fields": "_none_"}))["hits"]["hits"][0]
    assert {"_id", "_source", "fields"} & bare.keys() == set()
    wrong = await client.send("POST", "/s/_search", {"fields": [{"field": "k", "format": "yyyy"}]})
    assert (wrong.status_code, "doesn't support formats" in wrong.text) == (400, True)
    await client.send("PUT", "/off", {"mappings": {"_source": {"enabled": False}}})
    off = await client.send("POST", "/off/_search", {"fields": ["k"]})
    assert "_source is disabled" in off.json()["error"]["root_cause"][0]["reason"]


def test_the_same_bytes_are_parsed_once() -> None:
    """One request object, so that plans stay warm; not where the clock matters, or might be hidden in an escape."""

    def call(body: bytes, **parameters: str) -> Call:
        return Call("POST", "/a/_search", "/a/_search", parameters, {}, body)

    term = b'{"query": {"term": {"t": "x"}}}'
    assert plain_request(call(term), 100) is plain_request(call(term), 100)
    assert plain_request(call(term, size="3"), 100).size == 3
    assert plain_request(call(term), 5_000) is not plain_request(call(term), 100)
    with pytest.raises(SedimentError, match="Result window is too large"):
        plain_request(call(term), 5)
    assert is_plain(call(term))
    for body in (
        b'{"query": {"range": {"d": {"gte": "now-1d"}}}}',
        b'{"query": {"term": {"t": "\\u006eow"}}}',
        b" " * 5_000,
    ):
        assert not is_plain(call(body))
    assert not is_plain(call(b"", q="d:>now"))
