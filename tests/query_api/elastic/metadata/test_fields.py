"""query_api.elastic.metadata.fields, .resolution: what fields can do; what names find."""

from tests.query_api.fakes import Client


async def three(client: Client) -> None:
    """A field of two types in three indices, one of which hides it from aggregations."""
    await client.send("PUT", "/a", {"mappings": {"properties": {"f": {"type": "keyword"}, "o.x": {"type": "long"}}}})
    await client.send("PUT", "/b", {"mappings": {"properties": {"f": {"type": "keyword", "doc_values": False}}}})
    await client.send("PUT", "/c", {"mappings": {"properties": {"f": {"type": "text"}}}, "aliases": {"all": {}}})


async def test_field_caps(client: Client) -> None:
    """By type, naming indices only where they differ; unmapped ones if asked; objects are neither searched nor aggregated."""
    await three(client)
    found = (await client.json("GET", "/_field_caps?fields=f,o*,nobody"))["fields"]
    assert found["f"]["text"] == {"type": "text", "searchable": True, "aggregatable": False, "indices": ["c"]}
    assert found["f"]["keyword"] == {
        "type": "keyword",
        "searchable": True,
        "aggregatable": False,
        "indices": ["a", "b"],
        "non_aggregatable_indices": ["b"],
    }
    assert found["o"]["object"]["searchable"] is False
    assert found["o.x"]["long"] == {"type": "long", "searchable": True, "aggregatable": True}
    assert "nobody" not in found
    more = (await client.json("POST", "/_field_caps?fields=o.x&include_unmapped=true"))["fields"]["o.x"]
    assert more["unmapped"]["indices"] == ["b", "c"]
    assert (await client.send("GET", "/_field_caps")).status_code == 400


async def test_field_caps_of_indices_with_some_documents(client: Client) -> None:
    """``index_filter`` leaves out indices in which nothing matches."""
    await three(client)
    await client.send("PUT", "/b/_doc/1?refresh=true", {"f": "x"})
    found = await client.json("POST", "/_field_caps?fields=f", {"index_filter": {"term": {"f": "x"}}})
    assert found["indices"] == ["b"]


async def test_resolution(client: Client) -> None:
    """Indices with their aliases, and aliases with their indices; the partitions of a search."""
    await three(client)
    found = await client.json("GET", "/_resolve/index/*")
    assert [i["name"] for i in found["indices"]] == ["a", "b", "c"]
    assert found["indices"][2]["aliases"] == ["all"]
    assert found["aliases"] == [{"name": "all", "indices": ["c"]}]
    shards = await client.json("GET", "/all/_search_shards")
    assert [s[0]["index"] for s in shards["shards"]] == ["c"]
    assert shards["indices"] == {"c": {"aliases": ["all"]}}
