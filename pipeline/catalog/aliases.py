"""Aliases: how one is read, and what a change of several makes of the state. Pure.

*Invariant*: no name is both an index and an alias, and of the indices behind an alias at most one says that writes go to it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.catalog.commands import AliasAction
from pipeline.catalog.names import name_fault
from pipeline.catalog.state import Alias, CatalogState, IndexState
from schemas.errors import SedimentError, illegal_argument, invalid, not_found

_KEYS = frozenset({"filter", "routing", "index_routing", "search_routing", "is_write_index", "is_hidden"})


def parse_alias(name: str, body: Any) -> Alias:
    """An alias from its REST form. Raises ``invalid_alias_name``, ``illegal_argument``."""
    fault = name_fault(name, lower=False)
    if fault:
        raise invalid("invalid_alias_name", f"Invalid alias name [{name}], {fault}")
    given = {} if body is None else body
    if not isinstance(given, Mapping):
        raise illegal_argument(f"alias [{name}] must be an object, not [{given}]")
    unknown = sorted(set(given) - _KEYS)
    if unknown:
        raise illegal_argument(f"unknown field [{unknown[0]}] in alias [{name}]")
    condition = given.get("filter")
    if condition is not None and not isinstance(condition, Mapping):
        raise illegal_argument(f"failed to parse filter for alias [{name}]: it must be a query")
    routing = given.get("routing")
    index_routing = given.get("index_routing", routing)
    if index_routing is not None and "," in str(index_routing):
        raise illegal_argument(
            f"alias [{name}] has several index routing values associated with it"  # one document is in one partition
        )
    return Alias(
        filter=condition or None,
        index_routing=_text(index_routing),
        search_routing=_text(given.get("search_routing", routing)),
        is_write_index=_flag(name, "is_write_index", given.get("is_write_index")),
        is_hidden=_flag(name, "is_hidden", given.get("is_hidden")),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flag(alias: str, name: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return bool(value == "true")
    raise illegal_argument(f"[{name}] of alias [{alias}] must be true or false, not [{value}]")


def render_alias(alias: Alias) -> dict[str, Any]:
    """The REST form; ``parse_alias`` of it gives the same alias."""
    shown = {
        "filter": alias.filter,
        "index_routing": alias.index_routing,
        "search_routing": alias.search_routing,
        "is_write_index": alias.is_write_index,
        "is_hidden": alias.is_hidden,
    }
    return {name: value for name, value in shown.items() if value is not None}


def parse_aliases(own: str, aliases: Mapping[str, Any], indices: Mapping[str, IndexState]) -> dict[str, Alias]:
    """The aliases of a new index ``own``. Raises ``invalid_alias_name`` where an index has that name."""
    for name in aliases:
        _check_free(name, {own} if name == own else indices)
    return {name: parse_alias(name, body) for name, body in aliases.items()}


def _check_free(alias: str, indices: Container[str]) -> None:
    if alias in indices:
        raise invalid(
            "invalid_alias_name",
            f"Invalid alias name [{alias}], an index exists with the same name as the alias",
            index=alias,
        )


def with_indices(state: CatalogState, indices: Mapping[str, IndexState], changed: Iterable[str]) -> CatalogState:
    """The state with other indices. ``changed``: aliases of which they may say something new. Raises ``illegal_state``."""
    names = set(changed)
    behind: dict[str, list[str]] = {name: [] for name in names}
    for index in indices.values():
        for name in names & index.aliases.keys():
            behind[name].append(index.name)
    for name, of in behind.items():
        _check_one_writer(name, sorted(of), indices)
    kept = {name: of for name, of in state.aliases.items() if name not in names}
    return replace(state, indices=indices, aliases={**kept, **{n: tuple(sorted(of)) for n, of in behind.items() if of}})


def _check_one_writer(alias: str, names: Sequence[str], indices: Mapping[str, IndexState]) -> None:
    writers = [name for name in names if indices[name].aliases[alias].is_write_index]
    if len(writers) > 1:
        raise invalid("illegal_state", f"alias [{alias}] has more than one write index [{','.join(writers)}]")


def changed_aliases(state: CatalogState, actions: Sequence[AliasAction]) -> CatalogState:
    """The state after some actions, in order. Raises NOT_FOUND, INVALID: then nothing has happened."""
    indices = dict(state.indices)
    by_uuid: dict[str, str] = {index.uuid: name for name, index in indices.items()}
    removed = {action.uuid for action in actions if action.kind == "remove_index"}
    touched: set[str] = set()
    for action in actions:
        name = by_uuid.get(action.uuid)
        if name is None:
            raise not_found("index_not_found", f"no such index [{action.uuid}]", index=action.uuid)
        if action.uuid in removed:
            touched |= indices.pop(name, state.indices[name]).aliases.keys()
        else:
            touched.add(action.alias)
            indices[name] = _changed(indices[name], action)
    for action in actions:
        if action.kind == "add":
            _check_free(action.alias, indices)
    return with_indices(_without(state, removed), indices, touched)


def _without(state: CatalogState, uuids: set[str]) -> CatalogState:
    if not uuids:
        return state
    versions = {key: m for key, m in state.versions.items() if key[0] not in uuids}
    refused = {key: offsets for key, offsets in state.refused.items() if key[0] not in uuids}
    return replace(state, versions=versions, refused=refused)


def _changed(index: IndexState, action: AliasAction) -> IndexState:
    aliases = dict(index.aliases)
    if action.kind == "add":
        aliases[action.alias] = parse_alias(action.alias, action.body)
    elif action.kind == "remove":
        aliases.pop(action.alias, None)
    else:
        raise illegal_argument(f"there is no action [{action.kind}] on aliases")
    return replace(index, aliases=aliases)


def missing_aliases(names: Iterable[str]) -> SedimentError:
    """No index has an alias of these names."""
    given = list(names)
    return not_found(
        "aliases_not_found",
        f"aliases [{','.join(given)}] missing",
        **{"resource.type": "aliases", "resource.id": ",".join(given)},
    )


__all__ = ["changed_aliases", "missing_aliases", "parse_alias", "parse_aliases", "render_alias", "with_indices"]
