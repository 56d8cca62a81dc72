"""_analyze and analyzers of an index's own, over a whole node: written, searched, highlighted, found again after a restart."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.app import open_node
from pipeline.log.memory import MemoryLog
from query_api.app import Pools, Services, build_app
from query_api.fanout.local import LocalTopology
from schemas.settings import ServeSettings

ANALYSIS: dict[str, Any] = {
    "char_filter": {"amp": {"type": "mapping", "mappings": ["& => and"]}},
    "filter": {
        "same": {"type": "synonym_graph", "synonyms": ["ny, new york", "sofa, couch"]},
        "parts": {"type": "word_delimiter_graph", "catenate_all": True},
        "prefixes": {"type": "edge_ngram", "min_gram": 1, "max_gram": 8},
    },
    "analyzer": {
        "mine": {"tokenizer": "standard", "char_filter": ["html_strip", "amp"], "filter": ["lowercase", "porter_stem"]},
        "wide": {"tokenizer": "standard", "filter": ["lowercase", "same"]},
        "names": {"tokenizer": "whitespace", "filter": ["parts", "lowercase"]},
        "starts": {"tokenizer": "standard", "filter": ["lowercase", "prefixes"]},
    },
    "normalizer": {"plain": {"filter": ["lowercase", "asciifolding"]}},
}
PROPERTIES: dict[str, Any] = {
    "text": {"type": "text", "analyzer": "mine"},
    "place": {"type": "text", "analyzer": "standard", "search_analyzer": "wide"},
    "name": {"type": "text", "analyzer": "names"},
    "title": {"type": "text", "analyzer": "starts", "search_analyzer": "standard"},
    "tag": {"type": "keyword", "normalizer": "plain"},
    "german": {"type": "text", "analyzer": "german"},
    "tight": {"type": "text", "position_increment_gap": 0},
}
BODY = {"settings": {"number_of_shards": 2, "index": {"analysis": ANALYSIS}}, "mappings": {"properties": PROPERTIES}}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "1": {
        "text": "<b>Rock</b> &amp; rolling foxes",
        "place": "new york",
        "name": "PowerShot wi-fi",
        "title": "Quick brown",
        "tag": "Élan",
    },
    "2": {
        "text": "a rock",
        "place": "york is new",
        "name": "power",
        "title": "Brown dog",
        "tag": ["elan", "ÉLAN VITAL"],
    },
    "3": {"german": "Die Häuser und der Hund", "place": "ny", "tag": "other", "tight": ["one two", "three"]},
}


class Node:
    """A node in process and a client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The answer's JSON."""
        response = await self._http.request(method, path, json=body)
        assert response.status_code == status, response.text
        return response.json()

    async def found(self, query: dict[str, Any]) -> list[str]:
        """The ids of the hits, sorted."""
        answer = await self.ask("POST", "/books/_search", {"query": query})
        return sorted(hit["_id"] for hit in answer["hits"]["hits"])

    async def tokens(self, path: str, body: dict[str, Any]) -> list[str]:
        """Tokens of _analyze."""
        return [t["token"] for t in (await self.ask("POST", path, body))["tokens"]]

    async def refused(self, method: str, path: str, body: Any) -> str:
        """The reason of a refusal."""
        return str((await self.ask(method, path, body, 400))["error"]["reason"])


class KeptLog(MemoryLog):
    """A log that outlives a node."""

    def close(self) -> None:
        """The test ends it."""


@pytest.fixture
def log() -> Iterator[KeptLog]:
    """A log in memory."""
    made = KeptLog()
    yield made
    MemoryLog.close(made)


@asynccontextmanager
async def running(folder: Path, log: MemoryLog) -> AsyncIterator[Node]:
    """A node from opening to closing."""
    settings = ServeSettings(data=str(folder))
    node = open_node(settings, log=log)
    services = Services(node.indices, node.writer, LocalTopology(node.workers), settings, Pools.of(settings, 2))
    try:
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            yield Node(http)
    finally:
        services.pools.close()
        node.close()


async def filled(node: Node) -> None:
    """The index with its documents."""
    await node.ask("PUT", "/books", BODY)
    for name, document in DOCUMENTS.items():
        await node.ask("PUT", f"/books/_doc/{name}?refresh=true", document, 201)


QUERIES: list[tuple[dict[str, Any], list[str]]] = [
    ({"match": {"text": "ROLL"}}, ["1"]),
    ({"match": {"text": {"query": "rocks & foxes", "operator": "and"}}}, ["1"]),
    ({"match": {"text": "b"}}, []),
    ({"match": {"place": "ny"}}, ["1", "3"]),
    ({"match": {"place": {"query": "in new york", "operator": "or"}}}, ["1", "3"]),
    ({"match": {"place": {"query": "ny is", "operator": "and"}}}, []),
    ({"match_phrase": {"place": "ny"}}, ["1", "3"]),
    ({"match": {"place": {"query": "ny", "analyzer": "standard"}}}, ["3"]),
    ({"match": {"name": {"query": "powershot", "operator": "and"}}}, ["1"]),
    ({"match": {"name": "wi-fi"}}, ["1"]),
    ({"match_phrase": {"name": "power shot wi fi"}}, ["1"]),
    ({"match": {"title": {"query": "qui bro", "operator": "and"}}}, ["1"]),
    ({"term": {"tag": "ELAN"}}, ["1", "2"]),
    ({"terms": {"tag": ["Élan", "OTHER"]}}, ["1", "2", "3"]),
    ({"prefix": {"tag": "ÉLAN V"}}, ["2"]),
    ({"wildcard": {"tag": "É*VITAL"}}, ["2"]),
    ({"range": {"tag": {"gte": "OTH"}}}, ["3"]),
    ({"match": {"tag": "élan vital"}}, ["2"]),
    ({"match": {"german": "haus"}}, ["3"]),
    ({"match": {"german": "die"}}, []),
    ({"match_phrase": {"tight": "two three"}}, ["3"]),
    ({"multi_match": {"query": "rocks ny", "fields": ["text", "place"]}}, ["1", "2", "3"]),
    (
        {
            "multi_match": {
                "query": "foxes york",
                "fields": ["text", "place"],
                "type": "cross_fields",
                "operator": "and",
            }
        },
        [],
    ),
]


async def test_documents_are_found_by_their_analyzers(tmp_path: Path, log: KeptLog) -> None:
    """Stems, synonyms of several words, parts of words, prefixes and normalizers; before and after a restart."""
    async with running(tmp_path, log) as node:
        await filled(node)
        for query, expected in QUERIES:
            assert await node.found(query) == expected, query
        keys = await node.ask("POST", "/books/_search", {"size": 0, "aggs": {"t": {"terms": {"field": "tag"}}}})
        assert {b["key"]: b["doc_count"] for b in keys["aggregations"]["t"]["buckets"]} == {
            "elan": 2,
            "elan vital": 1,
            "other": 1,
        }
    async with running(tmp_path, log) as node:
        for query, expected in QUERIES:
            assert await node.found(query) == expected, query
        await node.ask("PUT", "/books/_doc/4?refresh=true", {"text": "foxes"}, 201)
        await node.ask("PUT", "/books/_mapping", {"properties": {"later": {"type": "text", "analyzer": "mine"}}})
        await node.ask("PUT", "/books/_doc/5?refresh=true", {"later": "running"}, 201)
        await node.ask("POST", "/books/_forcemerge?max_num_segments=1")
        assert await node.found({"match": {"text": "fox"}}) == ["1", "4"]
        assert await node.found({"match": {"later": "runs"}}) == ["5"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state:ACT*", ["1"]),
        ("state:act*", []),
        ("state:A?TIVE", ["1"]),
        ("state:/AC.*/", ["1"]),
        ("state:ACTIVA~", ["1"]),
        ("tag:ÉL*", ["1"]),
        ("exact:Ab*", ["1"]),
        ("exact:ab*", []),
        ("body:WOR*", ["1"]),
        ("body:W?RLD", ["1"]),
        ("body:/WOR.*/", ["1"]),
        ("body:WORLT~", ["1"]),
    ],
)
async def test_words_of_query_strings_are_written_as_the_field_writes(
    tmp_path: Path, log: KeptLog, query: str, expected: list[str]
) -> None:
    """Patterns and fuzzy words: capitals stay where the index has them, and go where the analyzer or normalizer takes them away."""
    cased = {"settings": {"analysis": {**ANALYSIS, "analyzer": {"cased": {"tokenizer": "whitespace"}}}}, "mappings": {
        "properties": {"state": {"type": "keyword"}, "tag": PROPERTIES["tag"], "exact": {"type": "text", "analyzer": "cased"}}
    }}  # fmt: skip
    async with running(tmp_path, log) as node:
        await node.ask("PUT", "/books", cased)
        document = {"state": "ACTIVE", "tag": "Élan", "exact": "Abc", "body": "Hello World"}
        await node.ask("PUT", "/books/_doc/1?refresh=true", document, 201)
        assert await node.found({"query_string": {"query": query}}) == expected
        if "/" not in query and "?" not in query:
            field, word = query.split(":")
            simple = {"fields": [field], "query": word + ("1" if word.endswith("~") else "")}
            assert await node.found({"simple_query_string": simple}) == expected


async def test_a_replay_analyses_as_before(tmp_path: Path, log: KeptLog) -> None:
    """A node without data reads the log again and finds the same."""
    async with running(tmp_path / "a", log) as node:
        await filled(node)
    async with running(tmp_path / "b", log) as node:
        await node.ask("GET", "/_cluster/health?wait_for_status=green")
        await node.ask("POST", "/books/_refresh")
        for query, expected in QUERIES:
            assert await node.found(query) == expected, query


async def test_highlights_are_words_of_the_text(tmp_path: Path, log: KeptLog) -> None:
    """What matches is marked where it stands before character filters and parts of words."""
    async with running(tmp_path, log) as node:
        await filled(node)
        body = {"query": {"match": {"name": "shot fi"}}, "highlight": {"fields": {"name": {}}}}
        hits = (await node.ask("POST", "/books/_search", body))["hits"]["hits"]
        assert hits[0]["highlight"]["name"] == ["Power<em>Shot</em> wi-<em>fi</em>"]
        body = {"query": {"match": {"text": "rocks roll"}}, "highlight": {"fields": {"text": {}}}}
        hits = (await node.ask("POST", "/books/_search", body))["hits"]["hits"]
        assert hits[0]["highlight"]["text"][0].count("<em>") == 2


async def test_analyze(tmp_path: Path, log: KeptLog) -> None:
    """Analyzers, fields, normalizers and components made for the moment."""
    async with running(tmp_path, log) as node:
        await node.ask("PUT", "/books", BODY)
        assert await node.tokens("/_analyze", {"analyzer": "english", "text": "The foxes"}) == ["fox"]
        assert await node.tokens("/books/_analyze", {"analyzer": "mine", "text": "rocks &amp; roll"}) == [
            "rock",
            "and",
            "roll",
        ]
        assert await node.tokens("/books/_analyze", {"field": "german", "text": "Die Häuser"}) == ["haus"]
        assert await node.tokens("/books/_analyze", {"field": "tag", "text": "É B"}) == ["e b"]
        assert await node.tokens("/books/_analyze", {"normalizer": "plain", "text": "É B"}) == ["e b"]
        assert await node.tokens("/_analyze", {"filter": ["lowercase"], "text": "A B"}) == ["a b"]
        assert await node.tokens("/_analyze", {"normalizer": "lowercase", "text": "A B"}) == ["a b"]
        own = {
            "tokenizer": "whitespace",
            "filter": ["lowercase", {"type": "stop", "stopwords": ["a", "is"]}],
            "text": "this is A test",
        }
        assert await node.tokens("/_analyze", own) == ["this", "test"]
        inline = {
            "tokenizer": {"type": "ngram", "min_gram": 2, "max_gram": 2},
            "char_filter": ["html_strip"],
            "text": "<b>abc</b>",
        }
        assert await node.tokens("/_analyze", inline) == ["ab", "bc"]
        assert await node.tokens("/books/_analyze", {"text": "A B"}) == ["a", "b"]


async def test_positions_of_several_texts(tmp_path: Path, log: KeptLog) -> None:
    """Texts follow each other as the values of a field; long tokens say how long they are."""
    async with running(tmp_path, log) as node:
        await node.ask("PUT", "/books", BODY)
        body = {"analyzer": "wide", "text": ["in ny", "b"]}
        assert (await node.ask("POST", "/books/_analyze", body))["tokens"] == [
            {"token": "in", "start_offset": 0, "end_offset": 2, "type": "<ALPHANUM>", "position": 0},
            {"token": "new", "start_offset": 3, "end_offset": 5, "type": "SYNONYM", "position": 1},
            {
                "token": "ny",
                "start_offset": 3,
                "end_offset": 5,
                "type": "<ALPHANUM>",
                "position": 1,
                "positionLength": 2,
            },
            {"token": "york", "start_offset": 3, "end_offset": 5, "type": "SYNONYM", "position": 2},
            {"token": "b", "start_offset": 6, "end_offset": 7, "type": "<ALPHANUM>", "position": 103},
        ]


async def test_explain(tmp_path: Path, log: KeptLog) -> None:
    """Each component's output, with the attributes that are asked for."""
    async with running(tmp_path, log) as node:
        body = {"tokenizer": "standard", "filter": ["snowball"], "char_filter": ["html_strip"], "text": "detailed <i>output</i>",
                "explain": True, "attributes": ["keyword"]}  # fmt: skip
        detail = (await node.ask("POST", "/_analyze", body))["detail"]
        first = {
            "token": "detailed",
            "start_offset": 0,
            "end_offset": 8,
            "type": "<ALPHANUM>",
            "position": 0,
            "keyword": False,
        }
        assert detail["custom_analyzer"] is True
        assert detail["charfilters"] == [{"name": "html_strip", "filtered_text": ["detailed output"]}]
        assert detail["tokenizer"]["name"] == "standard"
        assert detail["tokenizer"]["tokens"][0] == first
        assert [t["token"] for t in detail["tokenfilters"][0]["tokens"]] == ["detail", "output"]
        assert detail["tokenfilters"][0]["tokens"][1]["start_offset"] == 12
        built_in = (await node.ask("POST", "/_analyze", {"text": "A", "explain": True}))["detail"]
        assert built_in["custom_analyzer"] is False
        assert built_in["analyzer"]["tokens"][0]["bytes"] == "[61]"


async def test_settings_are_shown_as_they_were_written(tmp_path: Path, log: KeptLog) -> None:
    """Lists are lists; values are texts."""
    async with running(tmp_path, log) as node:
        await node.ask("PUT", "/books", BODY)
        shown = (await node.ask("GET", "/books/_settings"))["books"]["settings"]["index"]["analysis"]
        assert shown["filter"]["same"] == ANALYSIS["filter"]["same"]
        assert shown["filter"]["parts"] == {"type": "word_delimiter_graph", "catenate_all": "true"}
        assert shown["analyzer"] == ANALYSIS["analyzer"]
        mapping = (await node.ask("GET", "/books/_mapping"))["books"]["mappings"]
        assert mapping["properties"]["place"] == PROPERTIES["place"]


async def test_refusals(tmp_path: Path, log: KeptLog) -> None:
    """What there is not is refused before anything is written, in Elasticsearch's words."""
    async with running(tmp_path, log) as node:
        text = {"properties": {"f": {"type": "text", "analyzer": "nope"}}}
        assert "analyzer [nope] has not been configured in mappings" in await node.refused(
            "PUT", "/a", {"mappings": text}
        )
        unknown = {"settings": {"analysis": {"tokenizer": {"t": {"type": "x"}}}}}
        assert await node.refused("PUT", "/a", unknown) == "Unknown tokenizer type [x] for [t]"
        await node.ask("GET", "/a", status=404)
        await node.ask("PUT", "/books", BODY)
        assert "[nope] has not been configured" in await node.refused("PUT", "/books/_mapping", text)
        other = {"properties": {"tag": {"type": "keyword", "normalizer": "lowercase"}}}
        assert "Cannot update parameter [normalizer] from [plain] to [lowercase]" in await node.refused(
            "PUT", "/books/_mapping", other
        )
        fixed = {"analysis": {"analyzer": {"mine": {"type": "simple"}}}}
        assert "Can't update non dynamic settings" in await node.refused("PUT", "/books/_settings", fixed)
        for where, body, reason in [
            ("/_analyze", {"text": "a", "analyzer": "nope"}, "failed to find global analyzer [nope]"),
            ("/books/_analyze", {"text": "a", "analyzer": "nope"}, "failed to find analyzer [nope]"),
            ("/_analyze", {"text": "a", "tokenizer": "nope"}, "failed to find global tokenizer under [nope]"),
            (
                "/books/_analyze",
                {"text": "a", "tokenizer": "standard", "filter": ["nope"]},
                "failed to find filter under [nope]",
            ),
            (
                "/_analyze",
                {"text": "a", "tokenizer": "standard", "filter": [{"type": "nope"}]},
                "failed to find global filter under [nope]",
            ),
            ("/books/_analyze", {"text": "a", "normalizer": "nope"}, "failed to find normalizer under [nope]"),
            ("/_analyze", {"text": "a", "field": "f"}, "analysis based on a specific field requires an index"),
        ]:
            assert await node.refused("POST", where, body) == reason
        answer = await node.ask(
            "POST", "/books/_search", {"query": {"match": {"text": {"query": "a", "analyzer": "nope"}}}}, 400
        )
        assert "analyzer [nope] not found" in str(answer)
