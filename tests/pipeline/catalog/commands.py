"""Commands for tests: short to write, and strategies of all kinds."""

from typing import Any

from hypothesis import strategies as st

from pipeline.catalog.commands import (
    AddFields,
    AliasAction,
    ChangeAliases,
    Command,
    CreateIndex,
    DeleteIndex,
    Proposal,
    PutMapping,
    PutSettings,
    PutTemplate,
    RefuseFields,
    RemoveTemplate,
    SetClosed,
)
from pipeline.catalog.fold import Outcome, fold
from pipeline.catalog.state import CatalogState, Template

TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
LONG = {"type": "long"}
OBJECT = {"type": "object"}


def create(
    name: str = "books",
    uuid: str = "u1",
    properties: dict[str, Any] | None = None,
    settings: dict[str, str] | None = None,
) -> CreateIndex:
    """A new index of two partitions."""
    return CreateIndex(name, uuid, name, 2, settings or {}, {"properties": properties or {}})


def add(fields: dict[str, Any], offset: int = 0, partition: int = 0, uuid: str = "u1") -> AddFields:
    """A worker's proposal."""
    return AddFields(uuid, fields, partition, offset)


def folded(*commands: Command, state: CatalogState | None = None) -> tuple[CatalogState, list[Outcome]]:
    """The state after some commands, and the outcome of each."""
    found = state or CatalogState()
    outcomes = []
    for at, command in enumerate(commands):
        found, outcome = fold(found, command, 1000 + at)
        outcomes.append(outcome)
    return found, outcomes


PATHS = st.sampled_from(["a", "b", "a.b", "a.b.c", "b.c", "a.keyword", "a.keyword.x"])
DEFINITIONS = st.sampled_from([TEXT, LONG, OBJECT, {"type": "keyword"}])
FIELDS = st.dictionaries(PATHS, DEFINITIONS, min_size=1, max_size=3)
UUIDS = st.sampled_from(["u1", "u2"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["properties", "type", "fields", "dynamic", "ignore_above", "boost", "enabled", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
WILD_MAPPINGS = st.dictionaries(
    st.sampled_from(["properties", "dynamic", "_source", "_meta", "x"]), JSON, max_size=3
) | st.builds(lambda field: {"properties": {"a": field}}, JSON)
MAPPINGS = st.builds(lambda fields: {"properties": fields}, FIELDS) | WILD_MAPPINGS
ALIASES = st.sampled_from(["one", "x", "y", "Z", "_z"])
ALIAS_BODIES = st.sampled_from([{}, {"is_write_index": True}, {"filter": {"match_all": {}}}, {"routing": 1}, {"zz": 1}])
KINDS = st.sampled_from(["template", "index_template", "component_template"])
PATTERNS = st.lists(st.sampled_from(["o*", "*e", "two", "*"]), max_size=2)
COMPONENTS = st.lists(ALIASES, max_size=1)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        CreateIndex,
        name=st.sampled_from(["one", "two"]),
        uuid=UUIDS,
        topic=st.just("t"),
        partitions=st.integers(1, 3),
        settings=st.sampled_from([{}, {"mapping.total_fields.limit": "3"}]),
        mappings=MAPPINGS,
        aliases=st.dictionaries(ALIASES, ALIAS_BODIES, max_size=2),
    ),
    st.builds(DeleteIndex, uuid=UUIDS),
    st.builds(PutMapping, uuid=UUIDS, mappings=MAPPINGS),
    st.builds(
        PutSettings,
        uuid=UUIDS,
        settings=st.dictionaries(
            st.sampled_from(["refresh_interval", "mapping.total_fields.limit"]), st.sampled_from([None, "1s", "9"])
        ),
    ),
    st.builds(AddFields, uuid=UUIDS, fields=FIELDS, partition=st.integers(0, 1), offset=st.integers(0, 5)),
    st.builds(
        RefuseFields,
        uuid=UUIDS,
        partition=st.integers(0, 1),
        proposals=st.lists(st.builds(Proposal, offset=st.integers(0, 5), fields=FIELDS), max_size=3),
    ),
    st.builds(SetClosed, uuid=UUIDS, closed=st.booleans()),
    st.builds(
        ChangeAliases,
        st.lists(
            st.builds(
                AliasAction,
                kind=st.sampled_from(["add", "remove", "remove_index", "x"]),
                uuid=UUIDS,
                alias=ALIASES,
                body=ALIAS_BODIES,
            ),
            max_size=3,
        ),
    ),
    st.builds(PutTemplate, st.builds(Template, kind=KINDS, name=ALIASES, patterns=PATTERNS, composed_of=COMPONENTS)),
    st.builds(RemoveTemplate, template=ALIASES, of_kind=KINDS),
)
