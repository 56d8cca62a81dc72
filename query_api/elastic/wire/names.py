"""Index expressions: names, aliases, lists, wildcards, exclusions, ``_all``, ``<index>.dead``, and what to do about missing ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.catalog.names import check_index_name
from pipeline.catalog.state import Alias, IndexState
from pipeline.dsl.parse import parse_query
from pipeline.ingest.ports import Indices
from query_api.elastic.wire.call import Call
from query_api.fanout.ports import PartitionSearcher, Topology
from schemas.errors import SedimentError, illegal_argument, invalid, not_found
from schemas.fields.wildcards import fits_any
from schemas.ids import IndexName
from schemas.query import Bool, Node

OPTIONS = frozenset({"ignore_unavailable", "allow_no_indices", "expand_wildcards", "ignore_throttled"})
DEAD_SUFFIX = ".dead"
ALL = ("_all", "*", "")
_EXPANSIONS = {"open", "closed", "hidden", "none", "all"}


@dataclass(frozen=True, slots=True)
class Options:
    """What an expression may leave unmatched, and what a wildcard sees. ``forbid_closed``: a closed index cannot be asked this.
    ``aliases``: whether names may be aliases.
    """

    ignore_unavailable: bool = False
    allow_no_indices: bool = True
    open: bool = True
    closed: bool = False
    hidden: bool = False
    forbid_closed: bool = False
    aliases: bool = True

    @property
    def wildcards(self) -> bool:
        """Whether patterns stand for anything."""
        return self.open or self.closed


SEARCHED = Options(forbid_closed=True)


@dataclass(frozen=True, slots=True)
class Target:
    """An index to be searched: itself, or its dead letters. ``via``: the aliases that led here, none where the index was named."""

    state: IndexState
    dead: bool = False
    via: tuple[str, ...] = ()

    @property
    def name(self) -> IndexName:
        """The name that hits show."""
        return IndexName(self.state.name + DEAD_SUFFIX) if self.dead else self.state.name

    def aliases(self) -> Sequence[Alias]:
        """The aliases that led here."""
        return [self.state.aliases[name] for name in self.via]

    def filter(self) -> Node | None:
        """What the aliases leave of the index; None: everything, as soon as one of them leaves everything."""
        conditions = [one.filter for one in self.aliases()]
        if not conditions or None in conditions:
            return None
        parsed = [parse_query(dict(one)) for one in conditions if one is not None]
        return parsed[0] if len(parsed) == 1 else Bool(should=parsed)

    def routing(self, given: str | None) -> str | None:
        """The routing values to search with: those of the aliases, and of these the given ones; None: everywhere."""
        texts = [one.search_routing for one in self.aliases()]
        if not texts or None in texts:
            return given
        allowed = [value for text in texts for value in (text or "").split(",")]
        return ",".join(v for v in allowed if not given or v in given.split(","))


def options_of(call: Call, defaults: Options | None = None) -> Options:
    """The options in the URL, over a route's defaults."""
    base = defaults or Options()
    if not call.parameters:
        return base
    flags = replace(
        base,
        ignore_unavailable=call.flag("ignore_unavailable", base.ignore_unavailable),
        allow_no_indices=call.flag("allow_no_indices", base.allow_no_indices),
    )
    if not call.text("expand_wildcards"):
        return flags
    words = {w for w in call.text("expand_wildcards").lower().split(",") if w}
    for word in words - _EXPANSIONS:
        raise illegal_argument(f"No valid expand wildcard value [{word}]")
    return replace(
        flags,
        open=bool({"open", "all"} & words),
        closed=bool({"closed", "all"} & words),
        hidden=bool({"hidden", "all"} & words),
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


def closed(state: IndexState) -> SedimentError:
    """The index cannot be read or written as long as it is closed."""
    return invalid("index_closed", "closed", index=state.name, index_uuid=state.uuid)


def check_name(name: str) -> None:
    """Raises ``invalid_index_name`` for what cannot be the name of an index or of its dead letters."""
    check_index_name(name.removesuffix(DEAD_SUFFIX) or name)


def known(indices: Indices, name: str) -> Sequence[IndexState]:
    """The index of that name, or those behind an alias; none where there is none."""
    state = indices.index(name)
    if state is not None:
        return [state]
    found = (indices.index(one) for one in indices.state().aliases.get(name, ()))
    return [one for one in found if one is not None]


def exact(indices: Indices, name: str) -> IndexState:
    """The one index of that name or alias; no wildcards. Raises ``index_not_found``, ``invalid_index_name``."""
    found = known(indices, name)
    if not found:
        check_name(name)
        raise missing(name)
    if len(found) > 1:
        raise several(name, found)
    return found[0]


def several(alias: str, found: Sequence[IndexState]) -> SedimentError:
    """An alias of several indices where one document or one index is meant."""
    names = ", ".join(one.name for one in found)
    return illegal_argument(
        f"alias [{alias}] has more than one index associated with it [{names}], can't execute a single index op"
    )


def one(indices: Indices, name: str) -> Target:
    """An index, or the dead letters of one, by its exact name or an alias. Raises ``index_closed`` too."""
    if name.endswith(DEAD_SUFFIX) and indices.index(name) is None:
        state = indices.index(name.removesuffix(DEAD_SUFFIX))
        if state is not None:
            return Target(state, dead=True)
    state = exact(indices, name)
    if state.closed:
        raise closed(state)
    return Target(state, via=() if state.name == name else (name,))


def searchers_of(topology: Topology, target: Target) -> Sequence[PartitionSearcher]:
    """The partitions of an index, or of its dead letters."""
    return topology.dead_letters(target.state.name) if target.dead else topology.partitions(target.state.name)


def resolve(indices: Indices, expression: str, options: Options) -> list[Target]:
    """What an expression names, in the order of mention, each once. Raises ``index_not_found``, ``index_closed``."""
    found = _Found(indices, options)
    parts = [p.strip() for p in expression.split(",")] if expression not in ALL else ["*"]
    seen_wildcard = False
    for part in parts:
        if part.startswith("-") and seen_wildcard:
            found.exclude(part[1:])
        elif "*" in part or part == "_all":
            seen_wildcard = True
            found.expand("*" if part == "_all" else part)
        else:
            found.add_exact(part)
    if not found.targets and not options.allow_no_indices:
        raise missing(expression or "_all")
    return list(found.targets.values())


class _Found:
    """What was named so far."""

    def __init__(self, indices: Indices, options: Options) -> None:
        self._indices = indices
        self._options = options
        self.targets: dict[str, Target] = {}

    def exclude(self, pattern: str) -> None:
        """Forget what has such a name, or was reached by such an alias only."""
        for name, target in list(self.targets.items()):
            left = tuple(alias for alias in target.via if not fits_any([pattern], alias))
            if fits_any([pattern], name) or (target.via and not left):
                del self.targets[name]
            else:
                self.targets[name] = replace(target, via=left)

    def expand(self, pattern: str) -> None:
        """Add what a pattern stands for."""
        before = len(self.targets)
        if self._options.wildcards:
            for state in self._indices.indices():
                if fits_any([pattern], state.name) and self._seen(state, pattern):
                    self._add(Target(state))
            for alias in self._aliases(pattern):
                for state in known(self._indices, alias):
                    if self._open_enough(state):
                        self._add(Target(state, via=(alias,)))
        if len(self.targets) == before and not self._options.allow_no_indices:
            raise missing(pattern)

    def _aliases(self, pattern: str) -> Iterator[str]:
        if not self._options.aliases or pattern == "*":  # every index is there already
            return
        for alias in sorted(self._indices.state().aliases):
            if fits_any([pattern], alias) and (
                self._options.hidden or _dotted(pattern, alias) or not self._hidden_alias(alias)
            ):
                yield alias

    def _hidden_alias(self, alias: str) -> bool:
        return any(state.aliases[alias].is_hidden for state in known(self._indices, alias))

    def _seen(self, state: IndexState, pattern: str) -> bool:
        hidden = state.setting("hidden", "false") == "true"
        return self._open_enough(state) and (self._options.hidden or not hidden or _dotted(pattern, state.name))

    def _open_enough(self, state: IndexState) -> bool:
        return self._options.closed if state.closed else self._options.open

    def add_exact(self, name: str) -> None:
        """Add an index, the indices of an alias, or dead letters."""
        state = self._indices.index(name)
        if state is None and name.endswith(DEAD_SUFFIX):
            of = self._indices.index(name.removesuffix(DEAD_SUFFIX))
            if of is not None:
                self._add(Target(of, dead=True))
                return
        found = known(self._indices, name)
        if state is None and found and not self._options.aliases:
            if self._options.ignore_unavailable:
                return
            raise illegal_argument(
                f"The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead."
            )
        if not found:
            check_name(name)
            if not self._options.ignore_unavailable:
                raise missing(name)
        for one_state in found:
            self._add_open(Target(one_state, via=() if state is not None else (name,)))

    def _add_open(self, target: Target) -> None:
        if target.state.closed and self._options.forbid_closed:
            if self._options.ignore_unavailable:
                return
            raise closed(target.state)
        self._add(target)

    def _add(self, target: Target) -> None:
        """An index that is named itself needs no alias."""
        before = self.targets.get(target.name)
        if before is None or not target.via:
            self.targets[target.name] = target
        elif before.via:
            self.targets[target.name] = replace(before, via=(*before.via, *target.via))


def _dotted(pattern: str, name: str) -> bool:
    return pattern.startswith(".") and name.startswith(".")


__all__ = [
    "DEAD_SUFFIX", "OPTIONS", "SEARCHED", "Options", "Target", "check_name", "closed", "exact", "known", "missing", "one", "options_of",
    "resolve", "searchers_of", "several",
]  # fmt: skip
