"""query_api.elastic.metadata.aliases: other names of indices, on every way in."""

from typing import Any

import pytest

from query_api.elastic.metadata.aliases import selects
from tests.query_api.fakes import Client


@pytest.fixture
async def two(client: Client) -> Client:
    """Indices ``a`` (two partitions) and ``b``, an alias ``both`` of them, a filtered one of ``a``."""
    await client.send("PUT", "/a", {"settings": {"number_of_shards": 2}, "aliases": {"both": {}}})
    await client.send("PUT", "/b")
    actions = [
        {"add": {"index": "b", "alias": "both", "is_write_index": True}},
        {"add": {"index": "a", "alias": "red", "filter": {"term": {"color": "red"}}}},
        {"add": {"index": "a", "alias": "lane", "routing": "r"}},
    ]
    assert await client.json("POST", "/_aliases", {"actions": actions}) == {"acknowledged": True}
    return client


async def hits(client: Client, path: str, body: Any = None) -> list[str]:
    """The ids that a search finds, sorted."""
    return sorted(h["_id"] for h in (await client.json("POST", f"{path}/_search", body))["hits"]["hits"])


async def test_aliases_are_shown_changed_and_taken_away(two: Client) -> None:
    """Whole, by name, by pattern with exclusions; what is missing is named beside what is there."""
    assert (await two.json("GET", "/b/_alias")) == {"b": {"aliases": {"both": {"is_write_index": True}}}}
    assert (await two.json("GET", "/_alias/r*"))["a"]["aliases"] == {"red": {"filter": {"term": {"color": "red"}}}}
    assert list((await two.json("GET", "/a/_alias/*,-red"))["a"]["aliases"]) == ["both", "lane"]
    assert (await two.json("GET", "/a"))["a"]["aliases"]["lane"] == {"index_routing": "r", "search_routing": "r"}
    absent = await two.send("GET", "/_alias/red,x,y")
    assert absent.status_code == 404
    assert absent.json()["error"] == "aliases [x,y] missing"
    assert list(absent.json()["a"]["aliases"]) == ["red"]
    assert [(await two.send("HEAD", p)).status_code for p in ("/_alias/red", "/b/_alias/red")] == [200, 404]
    assert (await two.send("PUT", "/b/_alias/new", {"routing": 7})).status_code == 200
    assert (await two.send("DELETE", "/_all/_alias/new,re*")).status_code == 200
    assert (await two.json("GET", "/_alias/new"))["status"] == 404
    assert (await two.send("DELETE", "/b/_alias/nobody")).status_code == 404


async def test_searches_see_what_the_aliases_leave(two: Client) -> None:
    """All indices of an alias; only what its filter lets through; all of an index that is named beside its filtered alias."""
    for index, key, color in (("a", "1", "red"), ("a", "2", "blue"), ("b", "3", "red")):
        await two.send("PUT", f"/{index}/_doc/{key}?refresh=true", {"color": color})
    assert await hits(two, "/both") == ["1", "2", "3"]
    assert await hits(two, "/red") == ["1"]
    assert await hits(two, "/red", {"query": {"term": {"color": "blue"}}}) == []
    assert await hits(two, "/red,b") == ["1", "3"]
    assert await hits(two, "/a,red") == await hits(two, "/red,a") == ["1", "2"]
    assert await hits(two, "/re*,lan*") in (["1"], ["1", "2"])  # the lane may be another partition
    assert (await two.json("GET", "/red/_count"))["count"] == 1


async def test_writes_go_to_one_index(two: Client) -> None:
    """To the write index; to none where nobody said which; with the routing of the alias, and with no other."""
    assert (await two.json("PUT", "/both/_doc/1", {}))["_index"] == "b"
    assert (await two.json("PUT", "/lane/_doc/1", {}))["_index"] == "a"
    assert (await two.json("GET", "/lane/_doc/1"))["_routing"] == "r"
    assert (await two.json("GET", "/a/_doc/1?routing=r"))["found"]
    other = await two.send("PUT", "/lane/_doc/1?routing=x", {})
    assert (other.status_code, "rejecting operation" in other.text) == (400, True)
    lines = [{"index": {"_id": "2", "routing": "x"}}, {}, {"index": {"_id": "3"}}, {}]
    items = (await two.json("POST", "/lane/_bulk", lines))["items"]
    assert [i["index"]["status"] for i in items] == [400, 201]
    await two.send("PUT", "/b/_alias/both", {"is_write_index": False})
    refused = await two.send("PUT", "/both/_doc/1", {})
    assert (refused.status_code, "no write index is defined for alias [both]" in refused.text) == (400, True)
    several = await two.send("GET", "/both/_doc/1")
    assert (several.status_code, "can't execute a single index op" in several.text) == (400, True)


async def test_require_alias(two: Client) -> None:
    """A write that demands an alias is refused at an index, and taken at an alias."""
    assert (await two.send("PUT", "/both/_doc/1?require_alias=true", {})).status_code == 201
    refused = await two.send("PUT", "/b/_doc/1?require_alias=true", {})
    assert (refused.status_code, "is not an alias" in refused.text) == (404, True)
    items = (await two.json("POST", "/_bulk?require_alias=true", [{"index": {"_index": "zz"}}, {}]))["items"]
    assert items[0]["index"]["status"] == 404
    assert "zz" not in two.node.states


async def test_an_index_is_swapped_for_an_alias(two: Client) -> None:
    """``remove_index`` and ``add`` in one request."""
    actions = [{"remove_index": {"index": "b"}}, {"add": {"index": "a", "alias": "b"}}]
    assert (await two.send("POST", "/_aliases", {"actions": actions})).status_code == 200
    assert list(two.node.states) == ["a"]
    assert (await two.json("PUT", "/b/_doc/1", {}))["_index"] == "a"
    refused = await two.send("DELETE", "/b")
    assert (refused.status_code, "matches an alias" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"actions": []}, 400, "action_request_validation_exception"),
        ({"x": 1}, 400, "x_content_parse_exception"),
        ({"actions": [{"add": {"alias": "x"}}]}, 400, "illegal_argument_exception"),
        ({"actions": [{"grow": {}}]}, 400, "x_content_parse_exception"),
        ({"actions": [{"add": {"index": "a", "alias": "b"}}]}, 400, "invalid_alias_name_exception"),
        ({"actions": [{"add": {"index": "a", "alias": "x#"}}]}, 400, "invalid_alias_name_exception"),
        ({"actions": [{"add": {"index": "a", "alias": "x", "filter": {"zz": {}}}}]}, 400, "parsing_exception"),
        ({"actions": [{"add": {"index": "a", "alias": "x", "is_write_index": 3}}]}, 400, "illegal_argument_exception"),
        (
            {"actions": [{"add": {"index": "a", "alias": "both", "is_write_index": True}}]},
            400,
            "illegal_state_exception",
        ),
        ({"actions": [{"add": {"index": "zz", "alias": "x"}}]}, 404, "index_not_found_exception"),
        ({"actions": [{"remove": {"index": "a", "alias": "zz"}}]}, 404, "aliases_not_found_exception"),
    ],
)
async def test_bad_actions(two: Client, body: Any, status: int, kind: str) -> None:
    """Each has its own error, and nothing has happened."""
    before = two.node.catalog
    refused = await two.send("POST", "/_aliases", body)
    assert (refused.status_code, refused.json()["error"]["type"]) == (status, kind)
    assert two.node.catalog == before


async def test_names_are_free_for_one(two: Client) -> None:
    """No index may be called like an alias."""
    refused = await two.send("PUT", "/both")
    assert refused.json()["error"]["type"] == "invalid_index_name_exception"


@pytest.mark.parametrize(
    ("patterns", "name", "found"),
    [
        (["a"], "a", True),
        (["a*", "-ab"], "ab", False),
        (["a*", "-ab", "ab"], "ab", True),
        (["-ab"], "ab", False),
        (["_all"], "x", True),
    ],
)
def test_selection(patterns: list[str], name: str, found: bool) -> None:
    """Names, patterns, exclusions after something was found."""
    assert selects(patterns, name) is found
