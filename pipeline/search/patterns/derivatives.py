"""Regular expressions and their derivatives: what is left of an expression once a character is read.

Brzozowski (Derivatives of Regular Expressions, 1964), with the classes of Owens, Reppy and Turon (Regular-expression derivatives
re-examined, 2009): the states of the deterministic machine are expressions, so that intersection and complement cost nothing
extra. Expressions are made by ``Algebra``, which gives equal ones once; characters are sets of classes, written as bits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from schemas.errors import SedimentError, invalid

VISITS_MAX: Final = 200_000  # steps of derivation in all: a tenth of a second


class Kind(IntEnum):
    """What an expression is made of."""

    NOTHING = 0  # no string
    EMPTY = 1  # the empty string
    CHARACTER = 2  # one of a set
    SEQUENCE = 3
    ANY = 4  # of several
    ALL = 5  # of several
    NOT = 6
    REPEAT = 7


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression; equal ones are the same object. ``parts``: expressions; ``data``: bits, or (least, most) with -1 for no end."""

    kind: Kind
    parts: tuple["Expression", ...]
    data: Any
    nullable: bool  # whether the empty string is in it


class Algebra:
    """Makes expressions over ``classes`` classes of characters."""

    def __init__(self, classes: int) -> None:
        self.every = (1 << classes) - 1
        self.visits = 0
        self._made: dict[tuple[Any, ...], Expression] = {}
        self.nothing = self._make(Kind.NOTHING, (), None, nullable=False)
        self.empty = self._make(Kind.EMPTY, (), None, nullable=True)
        self.anything = self.repeat(self.characters(self.every), 0, -1)

    def _make(self, kind: Kind, parts: tuple[Expression, ...], data: Any, *, nullable: bool) -> Expression:
        key = (kind, parts, data)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = Expression(kind, parts, data, nullable)
        return found

    def characters(self, bits: int) -> Expression:
        """One character of these classes."""
        return self._make(Kind.CHARACTER, (), bits, nullable=False) if bits else self.nothing

    def sequence(self, parts: Iterable[Expression]) -> Expression:
        """One after another."""
        flat: list[Expression] = []
        for part in parts:
            if part is self.nothing:
                return part
            if part.kind is Kind.SEQUENCE:
                flat.extend(part.parts)
            elif part is not self.empty:
                flat.append(part)
        if len(flat) < 2:
            return flat[0] if flat else self.empty
        return self._make(Kind.SEQUENCE, tuple(flat), None, nullable=all(p.nullable for p in flat))

    def any(self, parts: Iterable[Expression]) -> Expression:
        """Any of them."""
        flat: dict[Expression, None] = {}
        bits = 0
        for part in parts:
            for one in part.parts if part.kind is Kind.ANY else (part,):
                if one is self.anything:
                    return one
                if one.kind is Kind.CHARACTER:
                    bits |= one.data
                elif one is not self.nothing:
                    flat[one] = None
        if bits:
            flat[self.characters(bits)] = None
        if len(flat) < 2:
            return next(iter(flat), self.nothing)
        ordered = tuple(sorted(flat, key=id))
        return self._make(Kind.ANY, ordered, None, nullable=any(p.nullable for p in ordered))

    def all(self, parts: Iterable[Expression]) -> Expression:
        """All of them at once."""
        flat: dict[Expression, None] = {}
        for part in parts:
            for one in part.parts if part.kind is Kind.ALL else (part,):
                if one is self.nothing:
                    return one
                if one is not self.anything:
                    flat[one] = None
        if len(flat) < 2:
            return next(iter(flat), self.anything)
        ordered = tuple(sorted(flat, key=id))
        return self._make(Kind.ALL, ordered, None, nullable=all(p.nullable for p in ordered))

    def complement(self, part: Expression) -> Expression:
        """Every string but these."""
        if part.kind is Kind.NOT:
            return part.parts[0]
        if part is self.nothing:
            return self.anything
        return self._make(Kind.NOT, (part,), None, nullable=not part.nullable)

    def repeat(self, part: Expression, least: int, most: int) -> Expression:
        """``least`` to ``most`` times; -1: without end."""
        if most == 0 or part is self.empty:
            return self.empty
        if least == most == 1:
            return part
        if part is self.nothing:
            return self.empty if least == 0 else part
        return self._make(Kind.REPEAT, (part,), (least, most), nullable=least == 0 or part.nullable)

    # ------------------------------------------------------------------ derivatives

    def derive(self, expression: Expression, bit: int) -> Expression:
        """What may follow a character of the class ``bit`` (one bit)."""
        self.visits += 1
        if self.visits > VISITS_MAX:
            raise too_complex(self.visits)
        parts = expression.parts
        match expression.kind:
            case Kind.CHARACTER:
                return self.empty if expression.data & bit else self.nothing
            case Kind.SEQUENCE:
                return self._derive_sequence(parts, bit)
            case Kind.ANY | Kind.ALL:
                ways = [self.derive(p, bit) for p in parts]
                return self.any(ways) if expression.kind is Kind.ANY else self.all(ways)
            case Kind.NOT:
                return self.complement(self.derive(parts[0], bit))
            case Kind.REPEAT:
                least, most = expression.data
                rest = self.repeat(parts[0], max(0, least - 1), most if most < 0 else most - 1)
                return self.sequence((self.derive(parts[0], bit), rest))
            case _:
                return self.nothing

    def _derive_sequence(self, parts: Sequence[Expression], bit: int) -> Expression:
        ways = []
        for i, part in enumerate(parts):
            ways.append(self.sequence((self.derive(part, bit), *parts[i + 1 :])))
            if not part.nullable:
                break
        return self.any(ways)

    def kinds(self, expression: Expression) -> tuple[int, ...]:
        """Sets of classes, apart from each other and all together everything, within which the derivative is the same."""
        self.visits += 1
        if self.visits > VISITS_MAX:
            raise too_complex(self.visits)
        match expression.kind:
            case Kind.CHARACTER:
                bits = expression.data
                return tuple(b for b in (bits, self.every & ~bits) if b)
            case Kind.SEQUENCE:
                found: tuple[int, ...] = (self.every,)
                for part in expression.parts:
                    found = refined(found, self.kinds(part))
                    if not part.nullable:
                        break
                return found
            case Kind.ANY | Kind.ALL | Kind.NOT | Kind.REPEAT:
                found = (self.every,)
                for part in expression.parts:
                    found = refined(found, self.kinds(part))
                return found
            case _:
                return (self.every,)


def refined(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The common refinement of two partitions."""
    if len(a) == 1:
        return b
    if len(b) == 1:
        return a
    return tuple(both for x in a for y in b if (both := x & y))


def too_complex(effort: int) -> SedimentError:
    """The error for an expression whose machine would be too large, in OpenSearch's words."""
    message = f"failed to create query: Determinizing automaton would require more than {effort} effort."
    return invalid("query_shard", message, caused_by={"type": "too_complex_to_determinize_exception"})
