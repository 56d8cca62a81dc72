"""The mapping that an index had where it is shown: not one field more."""

from pathlib import Path
from typing import Any

import pytest

from query_api.cli.operations.access import Near
from query_api.cli.serve import open_pipeline
from tests.pipeline.replay.nodes import BOOKS, create, node_in, put, settings_of, settle


@pytest.fixture
def ends(tmp_path: Path) -> dict[str, int]:
    """An index that learns fields in several ways; where it stood after each step."""
    found: dict[str, int] = {}
    with node_in(tmp_path) as node:
        create(node, dynamic=True)

        def note(name: str) -> None:
            settle(node)
            found[name] = int(node.workers("books")[0].view.visible)

        put(node, [("a", '{"n":1}'), ("b", '{"n":2,"first":"x"}')])
        note("first")
        node.indices.put_mapping(BOOKS, {"properties": {"asked": {"type": "keyword"}}})
        put(node, [("c", '{"asked":"y","second":{"deep":true}}')])
        note("second")
        put(node, [("d", '{"third":7}')])
        node.indices.put_mapping(BOOKS, {"properties": {"last": {"type": "long"}}, "dynamic": "strict"})
        note("third")
        for end in set(found.values()):
            node.operations.rebuild_until(BOOKS, end, 0)
    return found


@pytest.mark.parametrize(
    ("step", "fields", "dynamic"),
    [
        ("first", {"n", "word", "text", "first"}, "true"),
        ("second", {"n", "word", "text", "first", "asked", "second"}, "true"),
        ("third", {"n", "word", "text", "first", "asked", "second", "third", "last"}, "strict"),
    ],
)
def test_the_past_has_its_mapping(
    tmp_path: Path, ends: dict[str, int], step: str, fields: set[str], dynamic: str
) -> None:
    """Over REST and for searches: found fields from where they were found, asked for ones from their marker on."""
    with open_pipeline(settings_of(tmp_path, until=f"books={ends[step]}")) as running:
        rest = Near(running.node, running.services)
        mapping: dict[str, Any] = rest.call("GET", "/books/_mapping")["books"]["mappings"]
        assert set(mapping["properties"]) == fields
        assert mapping.get("dynamic", "true") == dynamic
        (worker,) = running.node.workers("books")
        assert {path.split(".")[0] for path in worker.view.mapping.fields} == fields
        later = rest.call("POST", "/books/_search", {"query": {"exists": {"field": "third"}}})["hits"]["total"]["value"]
        assert later == int(step == "third")
        running.services.pools.close()


def test_the_present_has_all_of_it(tmp_path: Path, ends: dict[str, int]) -> None:
    """After all that, the live index has every field."""
    assert len(ends) == 3
    with node_in(tmp_path) as node:
        fields = node.index_state("books").mapping.fields
        assert {"first", "asked", "second.deep", "third", "last"} <= set(fields)
