"""The fold of the control log: (state, command) -> (state, outcome). Pure and deterministic.

*Invariant*: nothing but the state and the command decides; the clock that stamps an index is the record's own timestamp.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from pipeline.catalog.commands import (
    AddFields,
    Command,
    CreateIndex,
    DeleteIndex,
    PutMapping,
    PutSettings,
)
from pipeline.catalog.state import CatalogState, IndexState
from schemas.errors import ErrorKind, SedimentError, conflict, not_found
from schemas.ids import IndexName, IndexUuid, SchemaVersion, TopicName
from schemas.limits import FIELDS_MAX
from schemas.mapping import Field, IndexMapping, checked, merge_mappings, parse_mapping

Outcome = IndexState | SedimentError | None


def fold(state: CatalogState, command: Command, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    """Apply one command. The outcome is the index after it, None for a deletion, or the error that refused it."""
    try:
        return _apply(state, command, timestamp_ms)
    except SedimentError as refused:
        return _remember_refusal(state, command, refused), refused


def _apply(state: CatalogState, command: Command, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    match command:
        case CreateIndex():
            return _create(state, command, timestamp_ms)
        case DeleteIndex():
            return _delete(state, command)
        case PutMapping():
            return _put_mapping(state, command)
        case PutSettings():
            return _put_settings(state, command)
        case AddFields():
            return _add_fields(state, command)
        case _:
            assert_never(command)


def index_by_uuid(state: CatalogState, uuid: str) -> IndexState:
    """The index of that uuid. Raises NOT_FOUND."""
    found = next((i for i in state.indices.values() if i.uuid == uuid), None)
    if found is None:
        raise not_found("index_not_found", f"no such index [{uuid}]", index=uuid)
    return found


def fields_max(settings: Mapping[str, str]) -> int:
    """The limit of fields that an index's settings name."""
    text = settings.get("mapping.total_fields.limit", "")
    return int(text) if text.isdigit() else FIELDS_MAX


def _create(state: CatalogState, command: CreateIndex, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    existing = state.indices.get(command.name)
    if existing is not None:
        raise conflict(
            "resource_already_exists",
            f"index [{command.name}/{existing.uuid}] already exists",
            index=command.name,
            index_uuid=existing.uuid,
        )
    mapping = checked(parse_mapping(command.mappings), fields_max(command.settings))
    index = IndexState(
        name=IndexName(command.name),
        uuid=IndexUuid(command.uuid),
        topic=TopicName(command.topic),
        partitions=command.partitions,
        created_ms=timestamp_ms,
        settings=dict(command.settings),
        mapping=mapping,
        schema_version=SchemaVersion(1),
    )
    return _with_version(state, index), index


def _with_version(state: CatalogState, index: IndexState) -> CatalogState:
    return replace(
        state,
        indices={**state.indices, index.name: index},
        versions={**state.versions, (index.uuid, index.schema_version): index.mapping},
    )


def _delete(state: CatalogState, command: DeleteIndex) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    kept = {name: i for name, i in state.indices.items() if i.uuid != index.uuid}
    versions = {key: m for key, m in state.versions.items() if key[0] != index.uuid}
    refused = {key for key in state.refused if key[0] != index.uuid}
    return replace(state, indices=kept, versions=versions, refused=frozenset(refused)), None


def _put_mapping(state: CatalogState, command: PutMapping) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    update = parse_mapping(command.mappings)
    merged = merge_mappings(index.mapping, update, fields_max(index.settings))
    if merged == index.mapping:
        return state, index
    changed = replace(index, mapping=merged, schema_version=SchemaVersion(index.schema_version + 1))
    return _with_version(state, changed), changed


def _put_settings(state: CatalogState, command: PutSettings) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    merged = {**index.settings, **{k: v for k, v in command.settings.items() if v is not None}}
    for name in (k for k, v in command.settings.items() if v is None):
        merged.pop(name, None)
    changed = replace(index, settings=merged)
    return replace(state, indices={**state.indices, index.name: changed}), changed


def _add_fields(state: CatalogState, command: AddFields) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    if (index.uuid, command.partition, command.offset) in state.refused:
        raise _limit_exceeded(fields_max(index.settings))
    added = _unknown_fields(index.mapping, command.fields)
    if not added:
        return state, index
    if len(index.mapping.fields) + len(added) > fields_max(index.settings):
        raise _limit_exceeded(fields_max(index.settings))
    changed = replace(
        index,
        mapping=index.mapping.with_fields(added),
        schema_version=SchemaVersion(index.schema_version + 1),
    )
    return replace(state, indices={**state.indices, index.name: changed}), changed


def _unknown_fields(mapping: IndexMapping, proposed: Mapping[str, object]) -> dict[str, Field]:
    """Fields that the proposal adds: what is defined already stays as it is (the first proposal wins)."""
    properties = {path: d for path, d in proposed.items() if path not in mapping.fields}
    if not properties:
        return {}
    parsed = parse_mapping({"properties": properties})
    return {path: f for path, f in parsed.fields.items() if path not in mapping.fields}


def _limit_exceeded(limit: int) -> SedimentError:
    return SedimentError(
        ErrorKind.INVALID,
        "illegal_argument",
        f"Limit of total fields [{limit}] has been exceeded",
    )


def _remember_refusal(state: CatalogState, command: Command, refused: SedimentError) -> CatalogState:
    """A refused proposal of fields stays refused: a replay must find the same answer after the limit was raised."""
    if not isinstance(command, AddFields) or refused.kind is not ErrorKind.INVALID:
        return state
    return replace(state, refused=state.refused | {(command.uuid, command.partition, command.offset)})
