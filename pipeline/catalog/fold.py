"""The fold of the control log: (state, command) -> (state, outcome). Pure and deterministic.

*Invariant*: nothing but the state and the command decides; the clock that stamps an index is the record's own timestamp.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, assert_never

from pipeline.analysis.definitions.flat import analysis_of
from pipeline.catalog import templates
from pipeline.catalog.aliases import changed_aliases, parse_aliases, with_indices
from pipeline.catalog.commands import (
    AddFields,
    ChangeAliases,
    Command,
    CreateIndex,
    DeleteIndex,
    IndexCommand,
    PutClusterSettings,
    PutMapping,
    PutSettings,
    PutTemplate,
    RefuseFields,
    RemoveTemplate,
    SetClosed,
)
from pipeline.catalog.state import CatalogState, Deleted, IndexState, Refusal
from schemas.errors import ErrorKind, SedimentError, conflict, invalid, not_found
from schemas.fields.similarity import similarities_of
from schemas.ids import IndexName, IndexUuid, SchemaVersion, TopicName
from schemas.limits import DELETED_MAX, FIELDS_MAX
from schemas.mapping import Field, FieldType, IndexMapping, parse_mapping
from schemas.mapping_rules.merge import checked, merge_mappings

Outcome = IndexState | SedimentError | None


def fold(state: CatalogState, command: Command, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    """Apply one command. The outcome is the index after it, None for a deletion, or the error that refused it."""
    try:
        after, outcome = _apply(state, command, timestamp_ms)
    except SedimentError as refused:
        return _remember_refusal(state, command, refused), refused
    changed = replace(after, version=state.version + (after is not state))
    return _remember_deleted(state, changed), outcome


def _apply(state: CatalogState, command: Command, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    match command:
        case ChangeAliases():
            return changed_aliases(state, command.actions), None
        case PutTemplate():
            return templates.put(state, command.template, create=command.create), None
        case RemoveTemplate():
            return templates.remove(state, command.of_kind, command.template), None
        case PutClusterSettings():
            return replace(state, settings=_laid_over(state.settings, command.settings)), None
        case _:
            return _apply_to_index(state, command, timestamp_ms)


def _apply_to_index(state: CatalogState, command: IndexCommand, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    match command:
        case CreateIndex():
            return _create(state, command, timestamp_ms)
        case DeleteIndex():
            return _delete(state, command)
        case PutMapping():
            return _put_mapping(state, command)
        case PutSettings():
            return _put_settings(state, command)
        case AddFields() | RefuseFields():
            return _add_fields(state, command) if isinstance(command, AddFields) else _refuse_fields(state, command)
        case SetClosed():
            return _set_closed(state, command)
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
    return int(text) if text.isdecimal() and len(text) <= 9 else FIELDS_MAX


def _create(state: CatalogState, command: CreateIndex, timestamp_ms: int) -> tuple[CatalogState, Outcome]:
    existing = state.indices.get(command.name)
    if existing is not None:
        raise conflict(
            "resource_already_exists",
            f"index [{command.name}/{existing.uuid}] already exists",
            index=command.name,
            index_uuid=existing.uuid,
        )
    if command.name in state.aliases:
        reason = f"Invalid index name [{command.name}], already exists as alias"
        raise invalid("invalid_index_name", reason, index=command.name, index_uuid="_na_")
    parsed = replace(
        parsed_mapping(command.mappings),
        analysis=analysis_of(command.settings),
        similarities=similarities_of(command.settings),
    )
    mapping = checked(parsed.defaulted(command.settings), fields_max(command.settings))
    _check_tree(mapping.fields, mapping.fields)
    index = IndexState(
        name=IndexName(command.name),
        uuid=IndexUuid(command.uuid),
        topic=TopicName(command.topic),
        partitions=command.partitions,
        created_ms=timestamp_ms,
        settings=dict(command.settings),
        mapping=mapping,
        schema_version=SchemaVersion(1),
        born=mapping.fields,
        aliases=parse_aliases(command.name, command.aliases, state.indices),
        topic_id=command.topic_id,
    )
    made = _with_version(state, index)
    return with_indices(made, made.indices, index.aliases), index


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
    refused = {key: offsets for key, offsets in state.refused.items() if key[0] != index.uuid}
    return with_indices(replace(state, versions=versions, refused=refused), kept, index.aliases), None


def parsed_mapping(mappings: Mapping[str, Any]) -> IndexMapping:
    """A mapping in REST form. Whatever is wrong with it is INVALID: the fold reads what users wrote, and must survive it."""
    try:
        return parse_mapping(mappings)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise invalid("mapper_parsing", f"Failed to parse mapping: {error}") from error


def _put_mapping(state: CatalogState, command: PutMapping) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    update = parsed_mapping(command.mappings).defaulted(index.settings)
    merged = merge_mappings(index.mapping, update, fields_max(index.settings))
    _check_tree(merged.fields, update.fields)
    if merged == index.mapping:
        return state, index
    changed = replace(
        index,
        mapping=merged,
        schema_version=SchemaVersion(index.schema_version + 1),
        born={**merged.fields, **index.born},
    )
    return _with_version(state, changed), changed


def _put_settings(state: CatalogState, command: PutSettings) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    merged = _laid_over(index.settings, command.settings)
    if merged == index.settings:
        return state, index
    changed = replace(index, settings=merged)
    return replace(state, indices={**state.indices, index.name: changed}), changed


def _laid_over(settings: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**settings, **{k: v for k, v in changes.items() if v is not None}}
    return {k: v for k, v in merged.items() if changes.get(k, "") is not None}


def _set_closed(state: CatalogState, command: SetClosed) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    changed = replace(index, closed=command.closed)
    return replace(state, indices={**state.indices, index.name: changed}), changed


def _add_fields(state: CatalogState, command: AddFields) -> tuple[CatalogState, Outcome]:
    index = index_by_uuid(state, command.uuid)
    refused = state.refused.get((index.uuid, command.partition), {}).get(command.offset)
    if refused is not None:
        raise invalid(refused.code, refused.reason)
    added = _added_fields(index, command.fields)
    if not added:
        return state, index
    changed = replace(
        index,
        mapping=index.mapping.with_fields(added),
        schema_version=SchemaVersion(index.schema_version + 1),
        born={**index.born, **added},
        found_at={**index.found_at, **dict.fromkeys(added, (command.partition, command.offset))},
    )
    return replace(state, indices={**state.indices, index.name: changed}), changed


def _added_fields(index: IndexState, proposed: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    """What a proposal adds. Raises INVALID where it is refused: it contradicts the mapping, or goes beyond the limit of fields."""
    added = _unknown_fields(index, proposed)
    if added and len(index.mapping.fields) + len(added) > fields_max(index.settings):
        raise invalid("illegal_argument", f"Limit of total fields [{fields_max(index.settings)}] has been exceeded")
    return added


def _refuse_fields(state: CatalogState, command: RefuseFields) -> tuple[CatalogState, Outcome]:
    """Each proposal comes to what it would come to by itself: since none is accepted, none changes what the next one meets."""
    index = index_by_uuid(state, command.uuid)
    key = (command.uuid, command.partition)
    known = state.refused.get(key, {})
    found: dict[int, Refusal] = {}
    for one in command.proposals:
        if one.offset in known:
            continue
        try:
            _added_fields(index, one.fields)
        except SedimentError as refused:
            if refused.kind is not ErrorKind.INVALID:
                raise
            found[one.offset] = Refusal(refused.code, refused.message)
        else:
            break
    if not found:
        return state, index
    return replace(state, refused={**state.refused, key: {**known, **found}}), index


def _unknown_fields(index: IndexState, proposed: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    """Fields that the proposal adds: what is defined already stays as it is (the first proposal wins). Raises INVALID where a field
    with values and an object would share a name.
    """
    mapping = index.mapping
    for path, definition in proposed.items():
        known = mapping.fields.get(path)
        if known is not None and known.type is FieldType.OBJECT and definition.get("type", "object") != "object":
            name = path.rpartition(".")[2]
            reason = f"object mapping for [{path}] tried to parse field [{name}] as object, but found a concrete value"
            raise invalid("mapper_parsing", reason)
    properties = {path: definition for path, definition in proposed.items() if path not in mapping.fields}
    if not properties:
        return {}
    parsed = parsed_mapping({"properties": properties}).defaulted(index.settings)
    added = {path: one for path, one in parsed.fields.items() if path not in mapping.fields}
    _check_tree({**parsed.fields, **mapping.fields}, added)
    return added


def _check_tree(fields: Mapping[str, Field], added: Mapping[str, Field]) -> None:
    """Above every field (multi-fields aside) there are objects only."""
    for path, one in added.items():
        above = _parents(path) if one.source == path else iter(())
        leaf = next((fields[p] for p in above if p in fields and fields[p].type is not FieldType.OBJECT), None)
        if leaf is not None:
            raise invalid(
                "mapper_parsing",
                f"Could not dynamically add mapping for field [{path}]. Existing mapping for [{leaf.path}] must be of type "
                f"object but found [{leaf.type.value}].",
            )


def _parents(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


def _remember_refusal(state: CatalogState, command: Command, refused: SedimentError) -> CatalogState:
    """A refused proposal of fields stays refused: a replay must find the same answer after the limit was raised."""
    if not isinstance(command, AddFields) or refused.kind is not ErrorKind.INVALID:
        return state
    key = (command.uuid, command.partition)
    known = state.refused.get(key, {})
    if command.offset in known:
        return state
    offsets = {**known, command.offset: Refusal(refused.code, refused.message)}
    return replace(state, refused={**state.refused, key: offsets})


def _remember_deleted(before: CatalogState, after: CatalogState) -> CatalogState:
    """Whichever command took an index away: what is left of it must go, whenever that is."""
    kept = {index.uuid for index in after.indices.values()}
    gone = {str(i.uuid): Deleted(i.topic, i.topic_id) for i in before.indices.values() if i.uuid not in kept}
    if not gone:
        return after
    known: dict[str, Deleted] = {**after.deleted, **gone}
    return replace(after, deleted=dict(list(known.items())[-DELETED_MAX:]))
