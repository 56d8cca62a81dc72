"""query_api.elastic.metadata.templates: what new indices begin with."""

from typing import Any

import pytest

from tests.query_api.fakes import Client


def body(**template: Any) -> dict[str, Any]:
    """An index template for ``logs-*``."""
    return {"index_patterns": ["logs-*"], "template": template}


async def test_legacy_templates_all_count(client: Client) -> None:
    """In their order, under what the request says."""
    await client.send(
        "PUT", "/_template/one", {"index_patterns": "l*", "order": 1, "settings": {"refresh_interval": "7s"}}
    )
    await client.send(
        "PUT",
        "/_template/two",
        {
            "index_patterns": ["logs-*"],
            "order": 2,
            "version": 3,
            "settings": {"index.refresh_interval": "9s", "number_of_shards": 2},
            "mappings": {"properties": {"k": {"type": "keyword"}}},
            "aliases": {"logs": {"routing": "r"}},
        },
    )
    shown = await client.json("GET", "/_template/two?flat_settings=true")
    assert shown["two"] == {
        "order": 2,
        "version": 3,
        "index_patterns": ["logs-*"],
        "settings": {"index.refresh_interval": "9s", "index.number_of_shards": "2"},
        "mappings": {"properties": {"k": {"type": "keyword"}}},
        "aliases": {"logs": {"index_routing": "r", "search_routing": "r"}},
    }
    await client.send("PUT", "/logs-1", {"mappings": {"properties": {"n": {"type": "long"}}}})
    made = (await client.json("GET", "/logs-1"))["logs-1"]
    assert (made["settings"]["index"]["refresh_interval"], made["settings"]["index"]["number_of_shards"]) == ("9s", "2")
    assert sorted(made["mappings"]["properties"]) == ["k", "n"]
    assert list(made["aliases"]) == ["logs"]


async def test_the_index_template_of_the_highest_priority_counts(client: Client) -> None:
    """Alone, over its components, and no legacy template with it; also where a write creates the index."""
    await client.send("PUT", "/_template/old", {"index_patterns": "*", "settings": {"refresh_interval": "7s"}})
    part = {"template": {"mappings": {"properties": {"o": {"properties": {"x": {"type": "long"}}}}}}}
    assert (await client.send("PUT", "/_component_template/part", part)).status_code == 200
    low = body(mappings={"properties": {"low": {"type": "long"}}})
    high = {**body(mappings={"properties": {"o": {"properties": {"y": {"type": "ip"}}}}}), "priority": 5}
    await client.send("PUT", "/_index_template/low", low)
    assert (await client.send("PUT", "/_index_template/high", {**high, "composed_of": ["part"]})).status_code == 200
    await client.send("PUT", "/logs-2/_doc/1", {})
    made = (await client.json("GET", "/logs-2"))["logs-2"]
    assert "refresh_interval" not in made["settings"]["index"]
    assert made["mappings"] == {"properties": {"o": {"properties": {"x": {"type": "long"}, "y": {"type": "ip"}}}}}
    seen = (await client.json("GET", "/_index_template/hi*"))["index_templates"]
    assert (seen[0]["name"], seen[0]["index_template"]["composed_of"]) == ("high", ["part"])
    simulated = await client.json("POST", "/_index_template/_simulate_index/logs-9")
    assert simulated["overlapping"] == [
        {"name": "old", "index_patterns": ["*"]},
        {"name": "low", "index_patterns": ["logs-*"]},
    ]
    assert list(simulated["template"]["mappings"]["properties"]) == ["o"]
    assert await client.json("POST", "/_index_template/_simulate_index/other") == {}


async def test_templates_go(client: Client) -> None:
    """By name and pattern; a component only when nobody needs it; what is not there is an error."""
    await client.send("PUT", "/_component_template/part", {"template": {}})
    await client.send("PUT", "/_index_template/t", {**body(), "composed_of": ["part"]})
    assert (await client.send("DELETE", "/_component_template/part")).status_code == 400
    assert (await client.send("HEAD", "/_index_template/t")).status_code == 200
    assert (await client.send("DELETE", "/_index_template/*")).status_code == 200
    assert (await client.send("DELETE", "/_component_template/part")).status_code == 200
    for kind in ("template", "index_template", "component_template"):
        assert (await client.send("GET", f"/_{kind}/t")).status_code == 404
        assert (await client.send("DELETE", f"/_{kind}/t")).json()["error"][
            "type"
        ] == "index_template_missing_exception"


@pytest.mark.parametrize(
    ("path", "given", "kind"),
    [
        ("/_template/t", {}, "action_request_validation_exception"),
        ("/_template/t", {"index_patterns": "a", "x": 1}, "parse_exception"),
        ("/_index_template/t", {**body(), "composed_of": ["zz"]}, "invalid_index_template_exception"),
        ("/_index_template/t", {**body(), "data_stream": {}}, "illegal_argument_exception"),
        ("/_index_template/t", body(settings={"zz": 1}), "illegal_argument_exception"),
        ("/_index_template/t", body(mappings={"properties": {"a": {"type": "zz"}}}), "mapper_parsing_exception"),
        ("/_index_template/t", body(aliases={"a": {"filter": 3}}), "illegal_argument_exception"),
        ("/_index_template/T", body(), "invalid_index_template_exception"),
        ("/_index_template/t", {**body(), "priority": "x"}, "illegal_argument_exception"),
        ("/_index_template/other?create=true", body(), "illegal_argument_exception"),
        ("/_index_template/rival", body(), "illegal_argument_exception"),
    ],
)
async def test_bad_templates(client: Client, path: str, given: Any, kind: str) -> None:
    """What no index could begin with is refused when it is defined; so is a second template of the same priority and patterns."""
    await client.send("PUT", "/_index_template/other", {"index_patterns": ["lo*-1"], "template": {}})
    refused = await client.send("PUT", path, given)
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, kind)
