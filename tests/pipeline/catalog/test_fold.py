"""The fold of the control log: pure, total, and the same for everyone."""

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog.commands import (
    AliasAction,
    ChangeAliases,
    Command,
    CreateIndex,
    DeleteIndex,
    Proposal,
    PutMapping,
    PutSettings,
    RefuseFields,
    decode,
    encode,
)
from pipeline.catalog.fold import fold
from pipeline.catalog.state import CatalogState, IndexState
from schemas.errors import SedimentError
from schemas.limits import DELETED_MAX
from schemas.mapping import FieldType, parse_mapping, render_mapping
from tests.pipeline.catalog.commands import COMMANDS, FIELDS, LONG, OBJECT, TEXT, add, create, folded


@given(log=st.lists(COMMANDS, max_size=12))
def test_every_log_folds_to_one_valid_state(log: list[Command]) -> None:
    """No command breaks the fold or changes an older state; bytes between make no difference; every mapping stays a tree."""
    state = other = CatalogState()
    for at, command in enumerate(log):
        before = deepcopy(state)
        after, outcome = fold(state, command, at)
        assert state == before
        other, same = fold(other, decode(encode(command)), at)
        assert after == other
        assert str(outcome) == str(same)
        state = after
        for index in state.indices.values():
            check(index)
            assert (index.uuid, 1) in state.versions
        check_names(state)


def check_names(state: CatalogState) -> None:
    """The table of aliases is what the indices say, no alias is an index, and one index at most is written to."""
    said: dict[str, list[str]] = {}
    for name in sorted(state.indices):
        for alias in state.indices[name].aliases:
            said.setdefault(alias, []).append(name)
    assert {alias: list(names) for alias, names in state.aliases.items()} == said
    assert not said.keys() & state.indices.keys()
    for alias, names in said.items():
        assert sum(bool(state.indices[n].aliases[alias].is_write_index) for n in names) <= 1


def check(index: IndexState) -> None:
    """Objects above fields, every field born, and the REST form gives the mapping again."""
    fields = index.mapping.fields
    for path, one in fields.items():
        parent = path.rpartition(".")[0]
        if parent and one.source == path:
            assert fields[parent].type is FieldType.OBJECT
    assert index.born.keys() == fields.keys()
    assert parse_mapping(render_mapping(index.mapping)).fields.keys() == fields.keys()


def test_the_first_of_two_equal_names_wins() -> None:
    """A second index of a name is refused with the first one's uuid; the state does not change."""
    state, outcomes = folded(create(), create(uuid="u2"))
    assert isinstance(outcomes[0], IndexState)
    assert isinstance(outcomes[1], SedimentError)
    assert outcomes[1].code == "resource_already_exists"
    assert outcomes[1].details["index_uuid"] == "u1"
    assert state.indices["books"].created_ms == 1000


def test_deleting_forgets_everything_of_an_index() -> None:
    """Versions and refusals go with the index; its name is free again."""
    state, outcomes = folded(
        create(settings={"mapping.total_fields.limit": "1"}), add({"a": LONG, "b": LONG}), DeleteIndex("u1")
    )
    assert isinstance(outcomes[1], SedimentError)
    assert outcomes[2] is None
    assert replace(state, version=0, deleted={}) == CatalogState()
    again, _ = folded(create(uuid="u2"), state=state)
    assert again.indices["books"].uuid == "u2"


def test_deleted_indices_are_remembered() -> None:
    """With their topic's id, up to a number, whichever command took them away."""
    state = CatalogState()
    for number in range(DELETED_MAX + 2):
        state, made = fold(state, CreateIndex("books", f"u{number}", "books", 1, {}, {}, topic_id=f"t{number}"), 0)
        assert isinstance(made, IndexState)
        action = AliasAction("remove_index", f"u{number}")
        state, outcome = fold(state, DeleteIndex(f"u{number}") if number % 2 else ChangeAliases([action]), 0)
        assert not isinstance(outcome, SedimentError)
    assert len(state.deleted) == DELETED_MAX
    assert state.deleted["u1001"].topic_id == "t1001"
    assert "u1" not in state.deleted


def test_explicit_changes_have_versions_and_no_change_has_none() -> None:
    """A mapping that changes nothing leaves the version; dynamic fields count but are no version to mark."""
    put = PutMapping("u1", {"properties": {"a": LONG}})
    state, outcomes = folded(create(), put, put, add({"b": LONG}))
    assert [o.schema_version for o in outcomes if isinstance(o, IndexState)] == [1, 2, 2, 3]
    assert sorted(state.versions) == [("u1", 1), ("u1", 2)]


def test_a_type_never_changes() -> None:
    """Neither an explicit change nor a proposal gives a field another type: the explicit one is refused, the proposal loses."""
    state, outcomes = folded(
        create(properties={"a": LONG}), PutMapping("u1", {"properties": {"a": TEXT}}), add({"a": TEXT})
    )
    assert isinstance(outcomes[1], SedimentError)
    assert isinstance(outcomes[2], IndexState)
    assert state.indices["books"].mapping.fields["a"].type is FieldType.LONG


def test_a_field_below_a_field_with_values_is_refused() -> None:
    """``a.b`` where ``a`` is text would corrupt the mapping: the proposal is refused in Elasticsearch's words."""
    state, outcomes = folded(create(properties={"a": TEXT}), add({"a.b": LONG}), add({"a.keyword.x": LONG}, 1))
    assert list(state.indices["books"].mapping.fields) == ["a", "a.keyword"]
    refusal = state.refused["u1", 0][0]
    assert refusal.code == "mapper_parsing"
    assert refusal.reason == (
        "Could not dynamically add mapping for field [a.b]. Existing mapping for [a] must be of type object but found [text]."
    )
    assert all(isinstance(o, SedimentError) for o in outcomes[1:])


def test_a_value_where_an_object_is_is_refused() -> None:
    """``a`` as a number where ``a.b`` exists is refused; an object proposed again is no change."""
    state, outcomes = folded(create(properties={"a.b": LONG}), add({"a": LONG}), add({"a": OBJECT}, 1))
    assert isinstance(outcomes[1], SedimentError)
    assert "found a concrete value" in outcomes[1].message
    assert outcomes[2] == state.indices["books"]


@pytest.mark.parametrize("fields", [{"a": TEXT, "a.b": LONG}, {"a.b": LONG, "a": TEXT}])
def test_a_mapping_that_contradicts_itself_is_refused(fields: dict) -> None:
    """Both orders, for a proposal, a new index and a change."""
    for commands in (
        (create(), add(fields)),
        (create(properties=fields),),
        (create(), PutMapping("u1", {"properties": fields})),
    ):
        state, outcomes = folded(*commands)
        if isinstance(outcomes[-1], SedimentError):
            continue
        check(state.indices["books"])  # schemas.mapping let the later definition win: still a tree
        assert (
            "a.b" not in state.indices["books"].mapping.fields
            or state.indices["books"].mapping.fields["a"].type is FieldType.OBJECT
        )


def test_a_refused_proposal_stays_refused() -> None:
    """After the limit was raised, the same (partition, offset) is refused with the same words; another offset is not."""
    state, outcomes = folded(
        create(properties={"a": LONG}, settings={"mapping.total_fields.limit": "2"}),
        add({"b": LONG, "c": LONG}, 7),
        PutSettings("u1", {"mapping.total_fields.limit": None}),
        add({"b": LONG, "c": LONG}, 7),
        add({"b": LONG, "c": LONG}, 8),
    )
    first, again = outcomes[1], outcomes[3]
    assert isinstance(first, SedimentError)
    assert isinstance(again, SedimentError)
    assert (
        (again.code, again.message)
        == (first.code, first.message)
        == ("illegal_argument", "Limit of total fields [2] has been exceeded")
    )
    assert isinstance(outcomes[4], IndexState)
    assert list(state.refused["u1", 0]) == [7]


@given(
    properties=FIELDS,
    limit=st.integers(1, 4),
    proposals=st.lists(FIELDS, max_size=5),
)
def test_refusing_at_once_is_refusing_one_by_one(properties: dict, limit: int, proposals: list[dict]) -> None:
    """Up to the first proposal that would be accepted the same ones are refused, with the same words; the mapping stays as it is."""
    state, outcomes = folded(create(properties=properties, settings={"mapping.total_fields.limit": str(limit)}))
    if isinstance(outcomes[0], SedimentError):
        return
    at_once, _ = folded(RefuseFields("u1", 0, [Proposal(o, f) for o, f in enumerate(proposals)]), state=state)
    one_by_one = state
    for offset, fields in enumerate(proposals):
        one_by_one, (outcome,) = folded(add(fields, offset), state=one_by_one)
        if not isinstance(outcome, SedimentError):
            break
    assert at_once.refused == one_by_one.refused
    assert at_once.indices == state.indices


def test_a_field_keeps_how_it_was_born() -> None:
    """A later change of a parameter shows in the mapping, and not in what replays are bound to."""
    keyword = {"type": "keyword", "ignore_above": 10}
    state, _ = folded(
        create(), add({"k": keyword}), PutMapping("u1", {"properties": {"k": {"type": "keyword", "ignore_above": 99}}})
    )
    index = state.indices["books"]
    assert index.mapping.fields["k"].ignore_above == 99
    assert index.born["k"].ignore_above == 10


def test_settings_are_laid_over_and_taken_away() -> None:
    """None takes a setting away; commands for an index that is gone are refused."""
    state, outcomes = folded(
        create(settings={"refresh_interval": "1s"}),
        PutSettings("u1", {"refresh_interval": None, "priority": "3"}),
        PutSettings("u9", {}),
    )
    assert state.indices["books"].settings == {"priority": "3"}
    assert isinstance(outcomes[2], SedimentError)
    assert outcomes[2].code == "index_not_found"
