"""Tokens as places and paths: what a query text may be read as, when its analyzer gives several terms for a position.

A token leads from its position to that plus its length. Where no token leads over a node, the text may be taken apart: between two
such nodes lies a place, and each path through it is one of its readings.

    wi-fi router    wifi(0→2) wi(0→1) fi(1→2) router(2→3)    places: {wifi | wi fi}, {router}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.analysis.words import Token
from schemas.errors import illegal_argument

PATHS_MAX: Final = 256
# Of filters whose longer tokens stand beside the shorter ones on purpose (Lucene's DisableGraphAttribute).
_FLAT_TYPES: Final = frozenset({"shingle", "gram", "<DOUBLE>", "<SINGLE>"})
Path = tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the text: each reading is a path of tokens."""

    readings: tuple[Path, ...]

    @property
    def simple(self) -> bool:
        """Whether every reading is one term."""
        return all(len(path) == 1 for path in self.readings)


def is_graph(tokens: Sequence[Token]) -> bool:
    """Whether some token spans several positions beside others."""
    return any(t.position_length > 1 for t in tokens) and not any(t.type in _FLAT_TYPES for t in tokens)


def places_of(tokens: Sequence[Token]) -> list[Place]:
    """The places of a text, in order. Raises ``illegal_argument`` where a place has too many readings."""
    graph = is_graph(tokens)
    places: list[Place] = []
    part: list[Token] = []
    end = -1
    for token in tokens:
        if part and token.position >= end:
            places.append(_place(part))
            part = []
        part.append(token)
        end = max(end, token.position + (token.position_length if graph else 1))
    return [*places, _place(part)] if part else places


def paths_of(tokens: Sequence[Token]) -> list[Path]:
    """Every path through a graph of tokens. Raises ``illegal_argument`` where there are too many."""
    begins: dict[int, list[Token]] = {}
    for token in tokens:
        begins.setdefault(token.position, []).append(token)
    nodes = sorted(begins)
    found: list[Path] = []
    open_paths: list[tuple[Path, int]] = [((), nodes[0])]
    while open_paths:
        path, at = open_paths.pop()
        following = next((n for n in nodes if n >= at), None)  # over a position that was left out
        if following is None:
            found.append(path)
        else:
            open_paths += [((*path, t), following + t.position_length) for t in reversed(begins[following])]
        if len(found) + len(open_paths) > PATHS_MAX:
            raise illegal_argument(
                f"a text with more than {PATHS_MAX} readings cannot be searched: use fewer or shorter synonyms"
            )
    return list(dict.fromkeys(found))


def _place(part: Sequence[Token]) -> Place:
    if all(t.position == part[0].position for t in part) or not is_graph(part):
        distinct = {t.term: t for t in reversed(part)}
        return Place(tuple((t,) for t in part if distinct[t.term] is t))
    return Place(tuple(paths_of(part)))


def shifts_of(path: Path) -> tuple[int, ...]:
    """The positions of a path's terms as an index has them: one after the other, with the holes between them."""
    shifts, at, reached = [], 0, path[0].position
    for token in path:
        at += token.position - reached
        shifts.append(at)
        at += 1
        reached = token.position + token.position_length
    return tuple(shifts)
