"""Routes of aliases: see, add, remove, and several changes at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.catalog.aliases import missing_aliases, render_alias
from pipeline.catalog.commands import AliasAction
from pipeline.catalog.state import IndexState
from query_api.elastic.admin.indices import ACKNOWLEDGED, checked_aliases, states
from query_api.elastic.wire.blocks import Level, check_block, check_blocks
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.names import OPTIONS, Options, resolve
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.fields.wildcards import fits_any

_NAMED = Options(allow_no_indices=False, aliases=False)
_ACTIONS = ("add", "remove", "remove_index")
_PLACES = frozenset({"index", "indices", "alias", "aliases", "must_exist"})


def selects(patterns: Sequence[str], name: str) -> bool:
    """Whether a list of names and patterns, of which some may exclude (``-x*``), selects a name."""
    found = False
    for one in patterns:
        if found and one.startswith("-"):
            found = not fits_any([one[1:]], name)
        elif not found:
            found = one == "_all" or fits_any([one], name)
    return found


def _unfound(patterns: Sequence[str], found: Iterable[str]) -> list[str]:
    """Names that were asked for by themselves, are not excluded later, and are not there."""
    shown = set(found)
    first = next((i for i, p in enumerate(patterns) if "*" in p), len(patterns))
    absent = set()
    for i, name in enumerate(patterns):
        if name == "_all" or "*" in name or (i > first and name.startswith("-")) or name in shown:
            continue
        later = [p[1:] for p in patterns[max(i + 1, first) :] if p.startswith("-")]
        if not any(p == "_all" or fits_any([p], name) for p in later):
            absent.add(name)
    return sorted(absent)


def get_aliases(services: Services, call: Call) -> Reply:
    """The aliases of indices, or those that names and patterns select."""
    patterns = [p.strip() for p in call.path.get("name", "").split(",") if p.strip()]
    found = states(services, call, Options(closed=True, hidden=True))
    check_blocks(found, Level.METADATA_READ)
    shown = {s.name: {n: render_alias(a) for n, a in s.aliases.items() if _wanted(patterns, n)} for s in found}
    body: dict[str, Any] = {n: {"aliases": a} for n, a in shown.items() if a or not patterns}
    absent = _unfound(patterns, (name for one in shown.values() for name in one))
    if absent:
        named = "alias" if len(absent) == 1 else "aliases"
        return Reply({"error": f"{named} [{','.join(absent)}] missing", "status": 404, **body}, 404)
    if call.method == "HEAD" and not body:
        return Reply({}, 404)
    return Reply(body)


def _wanted(patterns: Sequence[str], name: str) -> bool:
    return not patterns or selects(patterns, name)


def put_alias(services: Services, call: Call) -> Reply:
    """Add an alias to indices, or change it."""
    body = call.json_object()
    names = call.path.get("index") or _listed(body, "index")
    alias = call.path.get("name") or str(body.get("alias") or "")
    if not names or not alias:
        what = "index" if not names else "alias"
        raise invalid("action_request_validation", f"Validation Failed: 1: [{what}] can't be empty string;")
    given = {k: v for k, v in body.items() if k not in {"index", "alias"}}
    rendered = checked_aliases({alias: given})[alias]
    found = _named(services, names)
    check_blocks(found, Level.METADATA_WRITE)
    services.indices.change_aliases([AliasAction("add", s.uuid, alias, rendered) for s in found])
    return Reply(ACKNOWLEDGED)


def _listed(body: Mapping[str, Any], *names: str) -> str:
    """An entry that is a name or a list of names, as an expression."""
    for name in names:
        value = body.get(name)
        if value is not None:
            return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ""


def _named(services: Services, expression: str) -> list[IndexState]:
    return [t.state for t in resolve(services.indices, expression, _NAMED) if not t.dead]


def delete_alias(services: Services, call: Call) -> Reply:
    """Take aliases away from indices."""
    found = _named(services, call.path["index"])
    patterns = call.path["name"].split(",")
    actions = list(_removals(found, patterns))
    if not actions:
        raise missing_aliases(patterns)
    services.indices.change_aliases(actions)
    return Reply(ACKNOWLEDGED)


def _removals(found: Iterable[IndexState], patterns: Sequence[str]) -> Iterator[AliasAction]:
    for state in found:
        for name in state.aliases:
            if selects(patterns, name):
                check_block(state, Level.METADATA_WRITE)
                yield AliasAction("remove", state.uuid, name)


def update_aliases(services: Services, call: Call) -> Reply:
    """Add and remove aliases, and remove indices, all at once."""
    given = _given_actions(call.required_object())
    actions: list[AliasAction] = []
    absent: list[str] = []
    for one in given:
        kind, details = _action(one)
        made = list(_actions(services, kind, details))
        if kind == "remove" and not made:
            patterns = _listed(details, "aliases", "alias").split(",")
            if details.get("must_exist") in (True, "true"):
                raise missing_aliases(patterns)
            if details.get("must_exist") is None:
                absent += patterns
        actions += made
    if not actions:
        if absent:
            raise missing_aliases(absent)
        return Reply(ACKNOWLEDGED)
    services.indices.change_aliases(actions)
    return Reply(ACKNOWLEDGED)


def _given_actions(body: Mapping[str, Any]) -> list[Any]:
    for name in body:
        if name != "actions":
            raise invalid("x_content_parse", f"[aliases] unknown field [{name}]")
    given = body.get("actions")
    if not isinstance(given, list):
        raise illegal_argument("No action specified")
    if not given:
        raise invalid("action_request_validation", "Validation Failed: 1: Must specify at least one alias action;")
    return given


def _action(one: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(one, dict) or len(one) != 1:
        raise invalid("x_content_parse", f"[alias_action] expected an object of one action but found [{token_of(one)}]")
    (kind, details), *_ = one.items()
    if kind not in _ACTIONS:
        raise invalid("x_content_parse", f"[alias_action] unknown field [{kind}]")
    if not isinstance(details, dict):
        raise invalid("x_content_parse", f"[{kind}] expected an object but found [{token_of(details)}]")
    needed = [("index", "indices")] if kind == "remove_index" else [("index", "indices"), ("alias", "aliases")]
    for names in needed:
        given = [n for n in names if details.get(n)]
        if not given:
            raise illegal_argument(f"One of [{names[0]}] or [{names[1]}] is required")
    return kind, details


def _actions(services: Services, kind: str, details: Mapping[str, Any]) -> Iterator[AliasAction]:
    found = _named(services, _listed(details, "indices", "index"))
    if kind == "remove_index":
        for state in found:
            check_block(state, Level.METADATA_WRITE, deletes=True)
            yield AliasAction("remove_index", state.uuid)
        return
    names = _listed(details, "aliases", "alias").split(",")
    if kind == "remove":
        yield from _removals(found, names)
        return
    if details.get("must_exist") is not None:
        raise illegal_argument("[must_exist] is unsupported for [ADD]")
    given = {k: v for k, v in details.items() if k not in _PLACES}
    rendered = checked_aliases(dict.fromkeys(names, given))
    check_blocks(found, Level.METADATA_WRITE)
    for state in found:
        for name in names:
            yield AliasAction("add", state.uuid, name, rendered[name])


def aliases_of(services: Services, names: Sequence[str]) -> Iterator[tuple[str, IndexState]]:
    """(alias, index) of all aliases that the names select (none: of all), by alias and index."""
    every = ((alias, state) for state in services.indices.indices() for alias in state.aliases)
    yield from sorted((p for p in every if _wanted(names, p[0])), key=lambda p: (p[0], p[1].name))


_READ = OPTIONS | {"local"}
ROUTES: Sequence[Route] = (
    *(
        route("GET", prefix + suffix, get_aliases, _READ)
        for prefix in ("/_alias", "/{index}/_alias")
        for suffix in ("", "/{name}")
    ),
    *(
        route("PUT POST", f"{prefix}/{word}{suffix}", put_alias, where=Where.WRITE)
        for prefix, word, suffix in (
            ("", "_alias", ""),
            ("", "_alias", "/{name}"),
            ("/{index}", "_alias", ""),
            ("/{index}", "_alias", "/{name}"),
            ("/{index}", "_aliases", "/{name}"),
            ("", "_aliases", "/{name}"),
        )
    ),
    route("DELETE", "/{index}/_alias/{name}", delete_alias, where=Where.WRITE),
    route("DELETE", "/{index}/_aliases/{name}", delete_alias, where=Where.WRITE),
    route("POST", "/_aliases", update_aliases, where=Where.WRITE),
    route("GET", "/_aliases", get_aliases, _READ),
)
