"""Routes of templates: legacy ones, index templates, components; what an index would begin with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pipeline.catalog import templates
from pipeline.catalog.state import CatalogState, Template
from query_api.elastic.admin import settings as index_settings
from query_api.elastic.admin.indices import ACKNOWLEDGED, checked_aliases
from query_api.elastic.metadata.aliases import selects
from query_api.elastic.wire.call import Call, Reply, token_of
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid, not_found
from schemas.fields.wildcards import fits_any
from schemas.mapping_rules.checks import checked_mapping

_PARTS: Final = frozenset({"settings", "mappings", "aliases"})
_KEYS: Final = {
    templates.LEGACY: _PARTS | {"index_patterns", "order", "version"},
    templates.INDEX: {"index_patterns", "template", "priority", "version", "composed_of", "_meta", "data_stream"},
    templates.COMPONENT: {"template", "version", "_meta"},
}
_LISTS: Final = {templates.INDEX: "index_templates", templates.COMPONENT: "component_templates"}
_SEVERAL: Final = {templates.INDEX: "index template", templates.COMPONENT: "component template"}


def parse(kind: str, name: str, body: Mapping[str, Any]) -> Template:
    """A template as the control log keeps it. Raises INVALID for what a new index could not begin with."""
    for key in body:
        if key not in _KEYS[kind]:
            raise invalid("parse" if kind == templates.LEGACY else "x_content_parse", f"[{kind}] unknown field [{key}]")
    if body.get("data_stream") is not None:
        raise illegal_argument("[data_stream] is not supported: use an alias and indices that roll over by name")
    inner = body if kind == templates.LEGACY else _object(body, "template")
    for key in inner.keys() - _PARTS if kind != templates.LEGACY else ():
        raise invalid("x_content_parse", f"[template] unknown field [{key}]")
    mappings = _object(inner, "mappings")
    checked_mapping(mappings)
    aliases = checked_aliases(_object(inner, "aliases"))
    settings = {k: v for k, v in index_settings.normalise(_object(inner, "settings")).items() if v is not None}
    return Template(
        kind,
        name,
        patterns=_patterns(kind, body),
        priority=_whole(body, "order" if kind == templates.LEGACY else "priority") or 0,
        version=_whole(body, "version"),
        composed_of=tuple(map(str, body.get("composed_of") or ())),
        meta=_object(body, "_meta") if body.get("_meta") is not None else None,
        settings=settings,
        mappings=mappings,
        aliases=aliases,
        has_template=kind == templates.LEGACY or body.get("template") is not None,
    )


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("parsing", f"[{name}] must be an object, found [{token_of(value)}]")
    return value


def _whole(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        raise illegal_argument(f"[{name}] must be a whole number, not [{value}]")
    return value


def _patterns(kind: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    given = body.get("index_patterns")
    if kind == templates.COMPONENT:
        return ()
    patterns = tuple(map(str, given)) if isinstance(given, list) else (str(given),) if given else ()
    if not patterns:
        raise invalid("action_request_validation", "Validation Failed: 1: index patterns are missing;")
    return patterns


def shown(template: Template, *, flat: bool = False) -> dict[str, Any]:
    """A template as GET shows it."""
    parts = _parts_shown(template, flat=flat)
    own = {"version": template.version} if template.version is not None else {}
    if template.kind == templates.LEGACY:
        return {"order": template.priority, **own, "index_patterns": list(template.patterns), **parts}
    found: dict[str, Any] = {}
    if template.kind == templates.INDEX:
        found["index_patterns"] = list(template.patterns)
    if template.has_template:
        found["template"] = {k: v for k, v in parts.items() if v}
    if template.kind == templates.INDEX:
        found["composed_of"] = list(template.composed_of)
        if template.priority:
            found["priority"] = template.priority
    return {**found, **own, **({"_meta": template.meta} if template.meta is not None else {})}


def _parts_shown(template: Template | templates.Beginning, *, flat: bool = False) -> dict[str, Any]:
    named = {f"index.{k}": v for k, v in template.settings.items() if v is not None}
    return {
        "settings": named if flat else index_settings.nest(named),
        "mappings": dict(template.mappings),
        "aliases": dict(template.aliases),
    }


def _kind(call: Call) -> str:
    return call.route_path.lstrip("/").split("/")[0].removeprefix("_")


def _found(services: Services, call: Call, kind: str) -> list[Template]:
    every = templates.templates_of(services.indices.state(), kind)
    names = [n.strip() for n in call.path.get("name", "*").split(",")]
    return [one for one in every if selects(names, one.name)]


def put_template(services: Services, call: Call) -> Reply:
    """What new indices begin with: define it."""
    kind, name = _kind(call), call.path["name"]
    if not name.strip() or name.startswith("_") or "*" in name or name != name.lower():
        raise invalid("invalid_index_template", f"{templates.WORDS[kind]} [{name}] invalid, cause [name must be lower "
                      "case and must not start with '_' or contain '*']")  # fmt: skip
    new = parse(kind, name, call.required_object())
    order = call.integer("order")
    if order is not None and kind == templates.LEGACY:
        new = replace(new, priority=order)
    services.indices.put_template(new, create=call.flag("create"))
    return Reply(ACKNOWLEDGED)


def get_template(services: Services, call: Call) -> Reply:
    """What new indices begin with: see it."""
    kind = _kind(call)
    found, flat = _found(services, call, kind), call.flag("flat_settings")
    exact = "name" in call.path and "*" not in call.path["name"]
    if kind == templates.LEGACY:
        return Reply({one.name: shown(one, flat=flat) for one in found}, 404 if exact and not found else 200)
    if exact and not found:
        raise not_found("resource_not_found", f"{_SEVERAL[kind]} matching [{call.path['name']}] not found")
    return Reply({_LISTS[kind]: [{"name": one.name, kind: shown(one, flat=flat)} for one in found]})


def delete_template(services: Services, call: Call) -> Reply:
    """Forget templates."""
    kind = _kind(call)
    found = _found(services, call, kind)
    if not found and call.path["name"] != "*":
        raise templates.missing(call.path["name"])
    for one in found:
        services.indices.remove_template(kind, one.name)
    return Reply(ACKNOWLEDGED)


def simulate_index(services: Services, call: Call) -> Reply:
    """What an index of a name would begin with, with one more template if the body holds one."""
    state, name = services.indices.state(), call.path["name"]
    every = templates.templates_of(state, templates.INDEX)
    if call.body.strip():
        every.append(parse(templates.INDEX, f"simulate_index_template_{name}", call.json_object()))
    best = templates.winner(every, name)
    return Reply({} if best is None else _simulated(state, best, name))


def simulate_template(services: Services, call: Call) -> Reply:
    """What indices that match a template would begin with: one of a name, or the one in the body."""
    state, name = services.indices.state(), call.path.get("name", "")
    if call.body.strip():
        template = parse(templates.INDEX, name or "simulate_template", call.json_object())
    else:
        known = state.templates.get((templates.INDEX, name))
        if known is None:
            raise illegal_argument(f"unable to simulate template [{name}] that does not exist")
        template = known
    return Reply(_simulated(state, template, ""))


def _simulated(state: CatalogState, template: Template, name: str) -> dict[str, Any]:
    others = templates.overlapping(state, template)
    if name:
        others = [one for one in others if fits_any(one.patterns, name)]
    begun = templates.composed(state, template)
    return {
        "template": _parts_shown(begun),
        "overlapping": [{"name": one.name, "index_patterns": list(one.patterns)} for one in others],
    }


_WRITE = {"create", "cause", "order"}
_READ = {"flat_settings", "local", "include_type_name"}
ROUTES: Sequence[Route] = (
    route("POST", "/_index_template/_simulate_index/{name}", simulate_index, {"create", "cause"}),
    route("POST", "/_index_template/_simulate", simulate_template, {"create", "cause"}),
    route("POST", "/_index_template/_simulate/{name}", simulate_template, {"create", "cause"}),
    *(
        one
        for kind in (templates.LEGACY, templates.INDEX, templates.COMPONENT)
        for one in (
            route("PUT POST", f"/_{kind}/{{name}}", put_template, _WRITE | {"include_type_name"}, where=Where.WRITE),
            route("GET", f"/_{kind}", get_template, _READ),
            route("GET", f"/_{kind}/{{name}}", get_template, _READ),
            route("DELETE", f"/_{kind}/{{name}}", delete_template, where=Where.WRITE),
        )
    ),
)
