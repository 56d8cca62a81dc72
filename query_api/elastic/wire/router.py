"""Paths to handlers: a tree of segments, where a literal goes before a placeholder, as in Elasticsearch."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote

from query_api.elastic.wire.call import COMMON_PARAMETERS, Handler
from schemas.errors import illegal_argument

SIMILAR = 0.5  # a parameter at least so similar is suggested


class Where(Enum):
    """What runs a handler: the threads that search, those that wait for writes, those that wait for many writes at once; QUICK: the event
    loop while the request is expected to be short, else as SEARCH, for handlers that neither wait nor write.
    """

    SEARCH = "search"
    WRITE = "write"
    BULK = "bulk"
    QUICK = "quick"


class Body(Enum):
    """What a body must be, if there is one."""

    JSON = "json"
    LINES = "lines"  # NDJSON or JSON
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Route:
    """One path template with its methods. ``parameters``: of the URL, besides the common ones."""

    methods: tuple[str, ...]
    template: str
    handler: Handler
    parameters: frozenset[str] = frozenset()
    where: Where = Where.SEARCH
    body: Body = Body.JSON
    summary: str = ""


def route(
    methods: str,
    template: str,
    handler: Handler,
    parameters: Iterable[str] = (),
    *,
    where: Where = Where.SEARCH,
    body: Body = Body.JSON,
) -> Route:
    """``route("GET POST", "/{index}/_search", search, {...})``."""
    summary = (handler.__doc__ or "").strip().split("\n")[0]
    return Route(tuple(methods.split()), template, handler, frozenset(parameters), where, body, summary)


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    placeholder: "_Node | None" = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)  # method -> route, placeholder names


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the values of its placeholders."""

    route: Route
    values: Mapping[str, str]


class Router:
    """All routes. Immutable after construction."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for one in self.routes:
            self._add(one)

    def _add(self, one: Route) -> None:
        node, names = self._root, []
        for segment in _segments(one.template):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.placeholder = node.placeholder or _Node()
                node = node.placeholder
            else:
                node = node.literals.setdefault(segment, _Node())
        for method in one.methods:
            assert method not in node.routes, f"{method} {one.template} is there twice"
            node.routes[method] = (one, tuple(names))

    def find(self, method: str, raw_path: str) -> Match | list[str]:
        """The route, or the methods that this path takes (none: no such path).

        HEAD is answered by GET's route. Raises ``illegal_argument`` for a path that is not UTF-8.
        """
        try:
            segments = [unquote(s, errors="strict") for s in _segments(raw_path)]
        except UnicodeDecodeError:
            raise illegal_argument(f"the path [{raw_path}] is not valid UTF-8 in percent-encoding") from None
        if self._is_foreign(method, segments):
            return []
        allowed: list[str] = []
        for node, values in _walk(self._root, segments, ()):
            for tried in (method, "GET") if method == "HEAD" else (method,):
                if tried in node.routes:
                    one, names = node.routes[tried]
                    return Match(one, dict(zip(names, values, strict=True)))
            allowed += node.routes
        return sorted(set(allowed))

    def _is_foreign(self, method: str, segments: list[str]) -> bool:
        """Whether a path begins with a word that no index is called, and no route of ours: one of another server. Where an index is
        to be created, or something is asked of one (``/_x/_search``), its name is what is wrong.
        """
        if not segments or not segments[0].startswith("_") or (method == "PUT" and len(segments) == 1):
            return False
        if any(one.startswith("_") for one in segments[1:]):
            return False
        return segments[0] != "_all" and "," not in segments[0] and segments[0] not in self._root.literals


def _segments(path: str) -> list[str]:
    return [s for s in path.split("/") if s]


def _walk(node: _Node, segments: list[str], values: tuple[str, ...]) -> Iterator[tuple[_Node, tuple[str, ...]]]:
    if not segments:
        if node.routes:
            yield node, values
        return
    head, rest = segments[0], segments[1:]
    if head in node.literals:
        yield from _walk(node.literals[head], rest, values)
    if node.placeholder is not None:
        yield from _walk(node.placeholder, rest, (*values, head))


def check_parameters(one: Route, path: str, given: Iterable[str]) -> None:
    """Raises ``illegal_argument`` for parameters that the route does not know, with what might have been meant."""
    known = one.parameters | COMMON_PARAMETERS
    unknown = sorted(name for name in given if name not in known)
    if not unknown:
        return
    parts = []
    for name in unknown:
        scored = sorted((-similarity(name, k), k) for k in known)
        near = [k for score, k in scored if -score > SIMILAR]
        text = f"[{name}]"
        if len(near) == 1:
            text += f" -> did you mean [{near[0]}]?"
        elif near:
            text += f" -> did you mean any of [{', '.join(near)}]?"
        parts.append(text)
    ending = "s" if len(unknown) > 1 else ""
    raise illegal_argument(f"request [{path}] contains unrecognized parameter{ending}: {', '.join(parts)}")


def similarity(a: str, b: str) -> float:
    """1 - edit distance / length of the longer (Levenshtein)."""
    if not a or not b or len(a) > 64:
        return 0.0
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return 1 - row[-1] / max(len(a), len(b))
