"""Lucene's regular expressions as deterministic machines over classes of characters; bounded in length, states and effort.

The characters with which an expression plainly begins are left out of its machine: they are where the scan of a dictionary begins.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.search.patterns.derivatives import Algebra, Expression, too_complex
from pipeline.search.patterns.pattern_kernels import scan_machine
from pipeline.search.patterns.syntax import CODE_POINT_MAX, Reader, Tree, operators_of
from pipeline.segments.columns.terms import Terms
from schemas.errors import illegal_argument
from schemas.limits import REGEXP_CHARACTERS_MAX

I64 = NDArray[np.int64]
STATES_MAX: Final = 10_000
TABLE_MAX: Final = 4_000_000  # states * classes
MACHINES_KEPT: Final = 64
_ASCII: Final = np.arange(128)


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine; equal where what it was made of is."""

    source: str
    operators: frozenset[str]
    folded: bool
    edges: I64 = attribute(compare=False, repr=False)  # classes are [edges[i], edges[i + 1])
    ascii_classes: I64 = attribute(compare=False, repr=False)
    table: NDArray[np.uint32] = attribute(compare=False, repr=False)
    accepting: NDArray[np.uint8] = attribute(compare=False, repr=False)
    head: bytes = attribute(compare=False)  # stands before what the machine reads
    prefix: bytes = attribute(compare=False)

    def matches(self, term: bytes) -> bool:
        """Whether a term fits."""
        if not term.startswith(self.head):
            return False
        data = np.frombuffer(term + bytes(16), np.uint8)
        one = Terms(data, np.array([0, len(term)], np.int64))
        return len(self._scan(one, 0, 1)) == 1

    def numbers(self, terms: Terms) -> I64:
        """int64[n]: the terms that fit, ascending."""
        first, end = terms.prefix_range(self.prefix)
        return self._scan(terms, first, max(first, end))

    def _scan(self, terms: Terms, first: int, end: int) -> I64:
        found = np.empty(end - first, np.int64)
        count = scan_machine(
            terms.data, terms.starts, first, end, len(self.head), self.edges, self.ascii_classes, self.table,
            self.accepting, found,
        )  # fmt: skip
        return found[:count]


def machine_of(
    source: str,
    *,
    flags: str = "ALL",
    folded: bool = False,
    states_max: int = STATES_MAX,
    length_max: int = REGEXP_CHARACTERS_MAX,
) -> Machine:
    """The machine of an expression. Raises ``illegal_argument`` where it is too long, ``query_shard`` where it cannot be read
    or would need too many states.
    """
    if len(source) > length_max:
        message = (
            f"The length of regex [{len(source)}] used in the Regexp Query request has exceeded the allowed maximum of "
            f"[{length_max}]. This maximum can be set by changing the [index.max_regex_length] index level setting."
        )
        raise illegal_argument(message)
    return _machine(source, operators_of(flags), folded, min(states_max, STATES_MAX))


@lru_cache(MACHINES_KEPT)
def _machine(source: str, operators: frozenset[str], folded: bool, states_max: int) -> Machine:
    head, tree = _beheaded(Reader(source, operators, folded).whole())
    points = {0}
    for low, high in _ranges(tree):
        points |= {low, high + 1}
    edges = sorted(points - {CODE_POINT_MAX + 1})
    algebra = Algebra(len(edges))
    table, accepting = _determinize(algebra, _translated(tree, algebra, edges), len(edges), states_max)
    return Machine(
        source,
        operators,
        folded,
        frozen(np.array(edges, np.int64)),
        frozen(np.searchsorted(np.array(edges), _ASCII, side="right") - 1),
        frozen(np.array(table, np.uint32).ravel()),
        frozen(np.array(accepting, np.uint8)),
        head,
        head + _prefix_of(table, accepting, edges),
    )


def _beheaded(tree: Tree) -> tuple[bytes, Tree]:
    """The characters that a sequence begins with, and the rest of it."""
    if tree[0] != "sequence":
        return b"", tree
    parts, count, text = tree[1], 0, ""
    while count < len(parts):
        part = parts[count]
        if part[0] != "characters" or len(part[1]) != 1 or part[1][0][0] != part[1][0][1]:
            break
        if 0xD800 <= part[1][0][0] <= 0xDFFF:  # half of a pair, which no term has
            break
        text += chr(part[1][0][0])
        count += 1
    return text.encode(), ("sequence", parts[count:])


def _ranges(tree: Tree) -> Iterator[tuple[int, int]]:
    if tree[0] == "characters":
        yield from tree[1]
    elif tree[0] in ("sequence", "any", "all"):
        for part in tree[1]:
            yield from _ranges(part)
    else:
        yield from _ranges(tree[1])


def _translated(tree: Tree, algebra: Algebra, edges: list[int]) -> Expression:
    match tree[0]:
        case "characters":
            bits = 0
            for low, high in tree[1]:
                bits |= (1 << bisect_left(edges, high + 1)) - (1 << bisect_left(edges, low))
            return algebra.characters(bits)
        case "sequence":
            return algebra.sequence([_translated(p, algebra, edges) for p in tree[1]])
        case "any":
            return algebra.any([_translated(p, algebra, edges) for p in tree[1]])
        case "all":
            return algebra.all([_translated(p, algebra, edges) for p in tree[1]])
        case "not":
            return algebra.complement(_translated(tree[1], algebra, edges))
        case _:
            return algebra.repeat(_translated(tree[1], algebra, edges), tree[2], tree[3])


def _determinize(
    algebra: Algebra, start: Expression, classes: int, states_max: int
) -> tuple[list[list[int]], list[bool]]:
    """The next state by state and class, and which states accept; state 0 is the dead one, 1 the first."""
    dead = [0] * classes
    if start is algebra.nothing:  # the first state must be another than the dead one
        return [dead, dead], [False, False]
    numbers = {algebra.nothing: 0, start: 1}
    states, table = [algebra.nothing, start], [dead]
    while len(table) < len(states):
        state, row = states[len(table)], list(dead)
        for bits in algebra.kinds(state):
            after = algebra.derive(state, bits & -bits)
            number = numbers.get(after)
            if number is None:
                number = numbers[after] = len(states)
                states.append(after)
                if len(states) > states_max or len(states) * classes > TABLE_MAX:
                    raise too_complex(states_max)
            if number:
                for one in _bits_set(bits):
                    row[one] = number
        table.append(row)
    return table, [state.nullable for state in states]


def _bits_set(bits: int) -> list[int]:
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found


def _prefix_of(table: list[list[int]], accepting: list[bool], edges: list[int]) -> bytes:
    """The characters with which every string that is accepted begins."""
    prefix, state, seen = "", 1, {1}
    while not accepting[state]:
        ways = [kind for kind, after in enumerate(table[state]) if after]
        if len(ways) != 1 or ways[0] + 1 >= len(edges) or edges[ways[0] + 1] - edges[ways[0]] != 1:
            break
        state = table[state][ways[0]]
        if state in seen:
            break
        seen.add(state)
        prefix += chr(edges[ways[0]])
    return prefix.encode("utf-8", "replace")
