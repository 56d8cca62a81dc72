"""Index expressions: names, lists, wildcards, exclusions, ``_all``, ``<index>.dead``, and what to do about missing ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.catalog.names import check_index_name
from pipeline.catalog.state import IndexState
from pipeline.ingest.ports import Indices
from query_api.elastic.wire.call import Call
from query_api.fanout.ports import PartitionSearcher, Topology
from schemas.errors import SedimentError, illegal_argument, not_found
from schemas.ids import IndexName

OPTIONS = frozenset({"ignore_unavailable", "allow_no_indices", "expand_wildcards", "ignore_throttled"})
DEAD_SUFFIX = ".dead"
ALL = ("_all", "*", "")
_EXPANSIONS = {"open", "closed", "hidden", "none", "all"}


@dataclass(frozen=True, slots=True)
class Options:
    """What an expression may leave unmatched, and what a wildcard sees."""

    ignore_unavailable: bool = False
    allow_no_indices: bool = True
    wildcards: bool = True
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """An index to be searched: itself, or its dead letters."""

    state: IndexState
    dead: bool = False

    @property
    def name(self) -> IndexName:
        """The name that hits show."""
        return IndexName(self.state.name + DEAD_SUFFIX) if self.dead else self.state.name


def options_of(call: Call, *, ignore_unavailable: bool = False, allow_no_indices: bool = True) -> Options:
    """The options in the URL, over a route's defaults."""
    expansions = [w for w in call.text("expand_wildcards", "open").lower().split(",") if w]
    for word in expansions:
        if word not in _EXPANSIONS:
            raise illegal_argument(f"No valid expand wildcard value [{word}]")
    return Options(
        ignore_unavailable=call.flag("ignore_unavailable", ignore_unavailable),
        allow_no_indices=call.flag("allow_no_indices", allow_no_indices),
        wildcards=bool({"open", "all"} & set(expansions)),
        hidden=bool({"hidden", "all"} & set(expansions)),
    )


def missing(name: str) -> SedimentError:
    """No index of that name."""
    details = {
        "index": name,
        "resource.id": name,
        "resource.type": "index_or_alias",
        "index_uuid": "_na_",
    }
    return not_found("index_not_found", f"no such index [{name}]", **details)


def check_name(name: str) -> None:
    """Raises ``invalid_index_name`` for what cannot be the name of an index or of its dead letters."""
    check_index_name(name.removesuffix(DEAD_SUFFIX) or name)


def exact(indices: Indices, name: str) -> IndexState:
    """The one index of that name; no wildcards. Raises ``index_not_found``, ``invalid_index_name``."""
    check_name(name)
    state = indices.index(name)
    if state is None:
        raise missing(name)
    return state


def one(indices: Indices, name: str) -> Target:
    """An index, or the dead letters of one, by its exact name."""
    check_name(name)
    found = _target(indices, name)
    if found is None:
        raise missing(name)
    return found


def _target(indices: Indices, name: str) -> Target | None:
    state = indices.index(name)
    if state is not None:
        return Target(state)
    if name.endswith(DEAD_SUFFIX):
        state = indices.index(name.removesuffix(DEAD_SUFFIX))
    return None if state is None else Target(state, dead=True)


def searchers_of(topology: Topology, target: Target) -> Sequence[PartitionSearcher]:
    """The partitions of an index, or of its dead letters."""
    return topology.dead_letters(target.state.name) if target.dead else topology.partitions(target.state.name)


def resolve(indices: Indices, expression: str, options: Options) -> list[Target]:
    """What an expression names, in the order of mention, each once. Raises ``index_not_found``."""
    parts = [p.strip() for p in expression.split(",")] if expression not in ALL else ["*"]
    found: dict[str, Target] = {}
    seen_wildcard = False
    for part in parts:
        if part.startswith("-") and seen_wildcard:
            for name in [n for n in found if fnmatchcase(n, part[1:])]:
                del found[name]
        elif "*" in part or part == "_all":
            seen_wildcard = True
            _expand(indices, "*" if part == "_all" else part, options, found)
        else:
            _add_exact(indices, part, options, found)
    if not found and not options.allow_no_indices:
        raise missing(expression or "_all")
    return list(found.values())


def _expand(indices: Indices, pattern: str, options: Options, found: dict[str, Target]) -> None:
    matching = _matching(indices.indices(), pattern, options) if options.wildcards else []
    if not matching and not options.allow_no_indices:
        raise missing(pattern)
    for state in matching:
        found.setdefault(state.name, Target(state))


def _matching(states: Iterable[IndexState], pattern: str, options: Options) -> Sequence[IndexState]:
    def seen(state: IndexState) -> bool:
        hidden = state.setting("hidden", "false") == "true"
        dotted = pattern.startswith(".") and state.name.startswith(".")
        return options.hidden or not hidden or dotted

    escaped = pattern.replace("[", "[[]").replace("?", "[?]")
    return [s for s in states if fnmatchcase(s.name, escaped) and seen(s)]


def _add_exact(indices: Indices, name: str, options: Options, found: dict[str, Target]) -> None:
    check_name(name)
    target = _target(indices, name)
    if target is not None:
        found.setdefault(target.name, target)
    elif not options.ignore_unavailable:
        raise missing(name)


__all__ = [
    "DEAD_SUFFIX",
    "OPTIONS",
    "Options",
    "Target",
    "check_name",
    "exact",
    "missing",
    "one",
    "options_of",
    "resolve",
    "searchers_of",
]
