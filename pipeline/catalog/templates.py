"""Templates: what a new index begins with because of its name. Pure.

Three kinds, as in OpenSearch: *legacy* templates that all count, in the order of their ``order``; *index templates*, of which the one with
the highest priority counts, and where there is one no legacy template does; *components* that an index template is composed of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from pipeline.catalog.state import CatalogState, Template
from schemas.errors import SedimentError, illegal_argument, invalid, not_found
from schemas.fields.wildcards import fits_any

LEGACY: Final = "template"
INDEX: Final = "index_template"
COMPONENT: Final = "component_template"
WORDS: Final = {LEGACY: "index_template", INDEX: "index template", COMPONENT: "component template"}


@dataclass(frozen=True, slots=True)
class Beginning:
    """What templates give a new index."""

    settings: Mapping[str, Any] = field(default_factory=dict)  # None takes one away that lies below
    mappings: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def under(
        self, settings: Mapping[str, Any], mappings: Mapping[str, Any], aliases: Mapping[str, Any]
    ) -> "Beginning":
        """What others lay over this."""
        return Beginning(
            {**self.settings, **settings}, merged_mappings(self.mappings, mappings), {**self.aliases, **aliases}
        )


def put(state: CatalogState, new: Template, *, create: bool) -> CatalogState:
    """The state with one more template. Raises ``illegal_argument``, ``invalid_index_template``."""
    key, name = (new.kind, new.name), new.name
    if new.kind not in WORDS:
        raise illegal_argument(f"[{new.kind}] is no kind of template")
    if create and key in state.templates:
        raise illegal_argument(f"{WORDS[new.kind]} [{name}] already exists")
    unknown = [one for one in new.composed_of if (COMPONENT, one) not in state.templates]
    if unknown:
        raise invalid(
            "invalid_index_template",
            f"index_template [{name}] invalid, cause [index template [{name}] specifies component templates "
            f"[{', '.join(unknown)}] that do not exist]",
        )
    if new.kind == INDEX:
        _check_priority(state, new)
    return replace(state, templates={**state.templates, key: new})


def _check_priority(state: CatalogState, new: Template) -> None:
    rivals = [
        one
        for one in templates_of(state, INDEX)
        if one.name != new.name and one.priority == new.priority and overlap(one.patterns, new.patterns)
    ]
    if rivals:
        names = ", ".join(one.name for one in rivals)
        theirs = ", ".join(f"{one.name} => [{', '.join(one.patterns)}]" for one in rivals)
        raise illegal_argument(
            f"index template [{new.name}] has index patterns [{', '.join(new.patterns)}] matching patterns from existing "
            f"templates [{names}] with patterns ({theirs}) that have the same priority [{new.priority}], multiple index "
            "templates may not match during index creation, please use a different priority"
        )


def remove(state: CatalogState, kind: str, name: str) -> CatalogState:
    """The state without a template. Raises NOT_FOUND, ``illegal_argument`` for a component that is needed."""
    if (kind, name) not in state.templates:
        raise missing(name)
    users = [one.name for one in templates_of(state, INDEX) if kind == COMPONENT and name in one.composed_of]
    if users:
        raise illegal_argument(
            f"component templates [{name}] cannot be removed as they are still in use by index templates "
            f"[{', '.join(users)}]"
        )
    return replace(state, templates={key: one for key, one in state.templates.items() if key != (kind, name)})


def missing(name: str) -> SedimentError:
    """There is no template of that name."""
    return not_found("index_template_missing", f"index_template [{name}] missing")


def templates_of(state: CatalogState, kind: str) -> list[Template]:
    """All templates of a kind, by name."""
    return [state.templates[key] for key in sorted(state.templates) if key[0] == kind]


def winner(templates: Iterable[Template], name: str) -> Template | None:
    """The index template that counts for an index of that name, or None."""
    found = [one for one in templates if fits_any(one.patterns, name)]
    return max(found, key=lambda one: one.priority, default=None)


def beginning(state: CatalogState, name: str) -> Beginning:
    """What the templates give an index of that name."""
    best = winner(templates_of(state, INDEX), name)
    if best is not None:
        return composed(state, best)
    found = Beginning()
    for one in sorted(templates_of(state, LEGACY), key=lambda one: one.priority):
        if fits_any(one.patterns, name):
            found = found.under(one.settings, one.mappings, one.aliases)
    return found


def composed(state: CatalogState, template: Template) -> Beginning:
    """What an index template gives: its components in order, then itself."""
    found = Beginning()
    for name in template.composed_of:
        part = state.templates.get((COMPONENT, name))
        if part is not None:
            found = found.under(part.settings, part.mappings, part.aliases)
    return found.under(template.settings, template.mappings, template.aliases)


def overlapping(state: CatalogState, template: Template) -> list[Template]:
    """The other templates that some name would match too, legacy ones first."""
    every = templates_of(state, LEGACY) + templates_of(state, INDEX)
    mine = (template.kind, template.name)
    return [one for one in every if (one.kind, one.name) != mine and overlap(one.patterns, template.patterns)]


def merged_mappings(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings in REST form: objects are joined, a field is the upper one's, dynamic templates follow one another by name."""
    merged = {**below, **above}
    if isinstance(below.get("properties"), Mapping) and isinstance(above.get("properties"), Mapping):
        merged["properties"] = _merged_properties(below["properties"], above["properties"])
    if isinstance(below.get("dynamic_templates"), list) and isinstance(above.get("dynamic_templates"), list):
        named = {_only_key(one): one for one in [*below["dynamic_templates"], *above["dynamic_templates"]]}
        merged["dynamic_templates"] = list(named.values())
    return merged


def _only_key(one: Any) -> str:
    return next(iter(one), "") if isinstance(one, Mapping) else str(one)


def _merged_properties(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, definition in above.items():
        known = merged.get(name)
        if isinstance(known, Mapping) and isinstance(definition, Mapping) and _both_objects(known, definition):
            merged[name] = merged_mappings(known, definition)
        else:
            merged[name] = definition
    return merged


def _both_objects(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "properties" in one and "properties" in other


def overlap(these: Iterable[str], those: Iterable[str]) -> bool:
    """Whether some name fits a pattern of each."""
    return any(_meet(a, b) for a in these for b in those)


@lru_cache(maxsize=4096)
def _meet(a: str, b: str) -> bool:
    """Whether a text fits both patterns: row by row over the suffixes of both, as for edit distances."""
    below = [all(c == "*" for c in b[j:]) for j in range(len(b) + 1)]
    for i in range(len(a) - 1, -1, -1):
        row = [False] * (len(b) + 1)
        row[-1] = all(c == "*" for c in a[i:])
        for j in range(len(b) - 1, -1, -1):
            if "*" in (a[i], b[j]):  # the star is nothing, or takes what stands opposite
                row[j] = below[j] or row[j + 1]
            else:
                row[j] = a[i] == b[j] and below[j + 1]
        below = row
    return below[0]


__all__ = [
    "COMPONENT", "INDEX", "LEGACY", "Beginning", "beginning", "composed", "merged_mappings", "missing", "overlap",
    "overlapping", "put", "remove", "templates_of", "winner",
]  # fmt: skip
