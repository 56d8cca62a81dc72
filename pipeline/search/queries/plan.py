"""The plan of a query: the query tree after it met a mapping; texts analysed, values coerced, boosts multiplied down.

    Match("body", "quick fox", boost=2)  →  Combine(should=(TermScore("body", b"quick", 2), TermScore("body", b"fox", 2)), least=1)
    Term("age", "7")                     →  Constant(NumberSpan("age", 7, 7), 1.0)

Scored plans carry a boost or a score; the others (``Filter``) only select, and appear inside ``Constant`` or as filters. A plan is a
value, the same for every segment of a partition: it names terms by their bytes and fields by their paths.

``SimilarTerms``, ``PrefixPhrase`` and ``Blended`` depend on which terms the index has: ``expand`` puts other plans in their place
once the statistics are known, before any segment is asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.search.patterns.similar import Word
from pipeline.segments.columns.terms import Terms
from schemas.limits import EXPANSIONS_DEFAULT
from schemas.mapping import IndexMapping


@dataclass(frozen=True, slots=True)
class Context:
    """What a query tree is compiled against."""

    mapping: IndexMapping
    index: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What every plan is."""


@dataclass(frozen=True, slots=True)
class Nothing(Plan):
    """No document."""


@dataclass(frozen=True, slots=True)
class Everything(Plan):
    """Every document."""

    score: float = 1.0


@dataclass(frozen=True, slots=True)
class TermScore(Plan):
    """Documents with a term, scored by its field's similarity, as if ``count`` documents had it (-1: as many as have)."""

    field: str
    term: bytes
    boost: float = 1.0
    count: int = -1


@dataclass(frozen=True, slots=True)
class PhraseScore(Plan):
    """Documents with the terms at these distances from each other, within ``slop`` moves; scored as one term.

    Of terms at equal positions any may stand there.
    """

    field: str
    terms: Sequence[bytes]
    positions: Sequence[int]
    slop: int = 0
    boost: float = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether every place takes one term, and no sloppy place competes with another for a token."""
        alternatives = len(set(self.positions)) < len(self.positions)
        return not alternatives and (self.slop == 0 or len(set(self.terms)) == len(self.terms))


@dataclass(frozen=True, slots=True)
class Constant(Plan):
    """The filter's documents, all with the same score."""

    inner: Plan
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Combine(Plan):
    """Boolean combination; ``least``: how many of ``should`` must match (0: none has to, where must or filter are there)."""

    must: Sequence[Plan] = ()
    should: Sequence[Plan] = ()
    must_not: Sequence[Plan] = ()
    filter: Sequence[Plan] = ()
    least: int = 0


@dataclass(frozen=True, slots=True)
class Best(Plan):
    """The best score plus ``tie_breaker`` times the others."""

    plans: Sequence[Plan]
    tie_breaker: float = 0.0


@dataclass(frozen=True, slots=True)
class Demoted(Plan):
    """The documents of ``positive``; the score of those that ``negative`` selects too is multiplied by ``factor``."""

    positive: Plan
    negative: Plan
    factor: float


# ------------------------------------------------------------------ plans that others take the place of


@dataclass(frozen=True, slots=True)
class SimilarTerms(Plan):
    """Documents with one of the ``most`` terms that are most similar to a word; each scored as if it were as frequent as the most
    frequent of them, times its similarity.
    """

    field: str
    word: Word
    boost: float = 1.0
    most: int = EXPANSIONS_DEFAULT


@dataclass(frozen=True, slots=True)
class PrefixPhrase(Plan):
    """A phrase whose last word is one of the first ``most`` terms that begin with ``prefix``."""

    field: str
    terms: Sequence[bytes]
    positions: Sequence[int]
    prefix: bytes
    position: int
    slop: int = 0
    boost: float = 1.0
    most: int = EXPANSIONS_DEFAULT


@dataclass(frozen=True, slots=True)
class Blended(Plan):
    """The best of some terms, each scored as if all fields had it as often as the field that has it most often."""

    parts: Sequence[TermScore]
    tie_breaker: float = 0.0


Expanding = SimilarTerms | PrefixPhrase | Blended

# ------------------------------------------------------------------ filters: they select and have no score of their own


@dataclass(frozen=True, slots=True)
class TermSet(Plan):
    """Documents with any of these terms."""

    field: str
    terms: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class TermSpan(Plan):
    """Documents with a term in [low, high]; None: open. ``low_open``, ``high_open``: the bound itself is left out."""

    field: str
    low: bytes | None = None
    high: bytes | None = None
    low_open: bool = False
    high_open: bool = False


class Matcher(Protocol):
    """A pattern of terms: ``pipeline.search.patterns``."""

    @property
    def prefix(self) -> bytes:
        """What every term that fits begins with."""
        ...

    def matches(self, term: bytes) -> bool:
        """Whether a term fits."""
        ...

    def numbers(self, terms: Terms) -> NDArray[np.int64]:
        """The terms of a dictionary that fit, ascending."""
        ...


@dataclass(frozen=True, slots=True)
class TermPrefix(Plan):
    """Documents with a term that begins so."""

    field: str
    prefix: bytes


@dataclass(frozen=True, slots=True)
class TermPattern(Plan):
    """Documents with a term that fits."""

    field: str
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class NumberSpan(Plan):
    """Documents with a value in [low, high], both included; None: open."""

    field: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NumberSet(Plan):
    """Documents with one of these values (sorted, distinct)."""

    field: str
    values: NDArray[np.int64] | NDArray[np.float64]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumberSet) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str, bytes]:
        return self.field, self.values.dtype.str, self.values.tobytes()


@dataclass(frozen=True, slots=True)
class HasValue(Plan):
    """Documents with a value in any of these fields."""

    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class IdSet(Plan):
    """Documents with these ids."""

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class IdSlice(Plan):
    """Documents whose ids fall into one of ``of`` parts."""

    number: int
    of: int


def scored_leaves(plan: Plan) -> Iterator[TermScore | PhraseScore]:
    """Every part of a plan whose score needs statistics, filters left out."""
    if isinstance(plan, TermScore | PhraseScore):
        yield plan
    elif isinstance(plan, Combine):
        for child in (*plan.must, *plan.should):
            yield from scored_leaves(child)
    elif isinstance(plan, Best):
        for child in plan.plans:
            yield from scored_leaves(child)
    elif isinstance(plan, Demoted):
        yield from scored_leaves(plan.positive)
    elif isinstance(plan, Blended):
        yield from plan.parts
    elif isinstance(plan, PrefixPhrase):
        for term in plan.terms:
            yield TermScore(plan.field, term)


def children_of(plan: Plan) -> tuple[Plan, ...]:
    """The plans inside a plan, filters too."""
    match plan:
        case Combine():
            return (*plan.must, *plan.should, *plan.must_not, *plan.filter)
        case Best():
            return tuple(plan.plans)
        case Constant():
            return (plan.inner,)
        case Demoted():
            return (plan.positive, plan.negative)
        case _:
            return ()


def expanding_leaves(plan: Plan) -> Iterator[Expanding]:
    """Every part of a plan that ``expand`` replaces, filters too."""
    if isinstance(plan, Expanding):
        yield plan
    for child in children_of(plan):
        yield from expanding_leaves(child)
