"""The plan of a query: the query tree after it met a mapping; texts analysed, values coerced, boosts multiplied down.

    Match("body", "quick fox", boost=2)  →  Combine(should=(TermScore("body", b"quick", 2), TermScore("body", b"fox", 2)), least=1)
    Term("age", "7")                     →  Constant(NumberSpan("age", 7, 7), 1.0)

Scored plans carry a boost or a score; the others (``Filter``) only select, and appear inside ``Constant`` or as filters. A plan is a
value, the same for every segment of a partition: it names terms by their bytes and fields by their paths.

``SimilarTerms``, ``PrefixPhrase`` and ``Blended`` depend on which terms the index has: ``expand`` puts other plans in their place
once the statistics are known, before any segment is asked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, Final, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from typing_extensions import override

from pipeline.search.patterns.similar import Word
from pipeline.segments.columns.terms import Terms
from schemas.limits import EXPANSIONS_DEFAULT
from schemas.mapping import IndexMapping


class Context(Struct, frozen=True):
    """What a query tree is compiled against."""

    mapping: IndexMapping
    index: str
    now_ms: int


class Plan(Struct, frozen=True):
    """What every plan is. (Structs, as one is made for every clause of every query: a frozen dataclass takes five times as long.)"""


class Nothing(Plan, frozen=True):
    """No document."""


class Everything(Plan, frozen=True):
    """Every document."""

    score: float = 1.0


class TermScore(Plan, frozen=True):
    """Documents with a term, scored by its field's similarity, as if ``count`` documents had it (-1: as many as have)."""

    field: str
    term: bytes
    boost: float = 1.0
    count: int = -1


class PhraseScore(Plan, frozen=True):
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


class Constant(Plan, frozen=True):
    """The filter's documents, all with the same score."""

    inner: Plan
    score: float = 1.0


class Combine(Plan, frozen=True):
    """Boolean combination; ``least``: how many of ``should`` must match (0: none has to, where must or filter are there)."""

    must: Sequence[Plan] = ()
    should: Sequence[Plan] = ()
    must_not: Sequence[Plan] = ()
    filter: Sequence[Plan] = ()
    least: int = 0

    @property
    def is_any(self) -> bool:
        """Whether any of ``should`` will do."""
        return self.least == 1 and not self.must

    @property
    def is_only_any(self) -> bool:
        """Whether there is nothing besides."""
        return self.least == 1 and not (self.must or self.must_not or self.filter)


class Best(Plan, frozen=True):
    """The best score plus ``tie_breaker`` times the others."""

    plans: Sequence[Plan]
    tie_breaker: float = 0.0


class Demoted(Plan, frozen=True):
    """The documents of ``positive``; the score of those that ``negative`` selects too is multiplied by ``factor``."""

    positive: Plan
    negative: Plan
    factor: float


# ------------------------------------------------------------------ plans that others take the place of


class SimilarTerms(Plan, frozen=True):
    """Documents with one of the ``most`` terms that are most similar to a word; each scored as if it were as frequent as the most
    frequent of them, times its similarity.
    """

    field: str
    word: Word
    boost: float = 1.0
    most: int = EXPANSIONS_DEFAULT


class PrefixPhrase(Plan, frozen=True):
    """A phrase whose last word is one of the first ``most`` terms that begin with ``prefix``."""

    field: str
    terms: Sequence[bytes]
    positions: Sequence[int]
    prefix: bytes
    position: int
    slop: int = 0
    boost: float = 1.0
    most: int = EXPANSIONS_DEFAULT


class Blended(Plan, frozen=True):
    """The best of some terms, each scored as if all fields had it as often as the field that has it most often."""

    parts: Sequence[TermScore]
    tie_breaker: float = 0.0


Expanding = SimilarTerms | PrefixPhrase | Blended

# ------------------------------------------------------------------ filters: they select and have no score of their own


class TermSet(Plan, frozen=True):
    """Documents with any of these terms."""

    field: str
    terms: Sequence[bytes]


class TermSpan(Plan, frozen=True):
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


class TermPrefix(Plan, frozen=True):
    """Documents with a term that begins so."""

    field: str
    prefix: bytes


class TermPattern(Plan, frozen=True):
    """Documents with a term that fits."""

    field: str
    matcher: Matcher


class NumberSpan(Plan, frozen=True):
    """Documents with a value in [low, high], both included; None: open."""

    field: str
    low: float | None = None
    high: float | None = None


class NumberSet(Plan, frozen=True, eq=False):
    """Documents with one of these values (sorted, distinct)."""

    field: str
    values: NDArray[np.int64] | NDArray[np.float64]

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumberSet) and self._key == other._key

    @override
    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str, bytes]:
        return self.field, self.values.dtype.str, self.values.tobytes()


class HasValue(Plan, frozen=True):
    """Documents with a value in any of these fields."""

    fields: Sequence[str]


class IdSet(Plan, frozen=True):
    """Documents with these ids."""

    ids: Sequence[bytes]


class IdSlice(Plan, frozen=True):
    """Documents whose ids fall into one of ``of`` parts."""

    number: int
    of: int


# ------------------------------------------------------------------ looking a plan over


@dataclass(slots=True)
class Survey:
    """What is asked of a plan before it is bound to statistics, found in one walk.

    ``words``: by field the terms whose counts scoring needs, filters' left out; ``expanding``: what ``expand`` replaces, in filters too;
    ``settled``: expanding leaves the plan as it is; ``values_max``: how many values its largest set has.
    """

    words: dict[str, dict[bytes, None]] = attribute(default_factory=dict)
    expanding: list[Expanding] = attribute(default_factory=list)
    settled: bool = True
    values_max: int = 0

    def add_terms(self, path: str, terms: Iterable[bytes]) -> None:
        """Terms that are scored."""
        self.words.setdefault(path, {}).update(dict.fromkeys(terms))

    def walk(self, plan: Plan, *, scored: bool) -> None:
        """A plan and what is inside it."""
        look = _LOOKS.get(type(plan))
        if look is not None:
            look(plan, self, scored)


def survey(plan: Plan) -> Survey:
    """Look a plan over."""
    found = Survey()
    found.walk(plan, scored=True)
    return found


def expanding_leaves(plan: Plan) -> Iterator[Expanding]:
    """Every part of a plan that ``expand`` replaces, filters too."""
    return iter(survey(plan).expanding)


def _look_at_term(plan: TermScore, found: Survey, scored: bool) -> None:
    if scored:
        words = found.words.get(plan.field)
        if words is None:
            words = found.words[plan.field] = {}
        words[plan.term] = None


def _look_at_phrase(plan: PhraseScore, found: Survey, scored: bool) -> None:
    if scored:
        found.add_terms(plan.field, plan.terms)


def _look_at_combined(plan: Combine, found: Survey, scored: bool) -> None:
    for part in plan.must:
        found.walk(part, scored=scored)
    for part in plan.should:
        found.walk(part, scored=scored)
    for part in plan.must_not:
        found.walk(part, scored=False)
    for part in plan.filter:
        found.walk(part, scored=False)
    if found.settled and plan.is_any:
        found.settled = bool(plan.should) and not any(
            isinstance(part, Nothing) or (isinstance(part, Combine) and part.is_only_any) for part in plan.should
        )


def _look_at_best(plan: Best, found: Survey, scored: bool) -> None:
    for part in plan.plans:
        found.walk(part, scored=scored)


def _look_at_constant(plan: Constant, found: Survey, scored: bool) -> None:
    found.walk(plan.inner, scored=False)


def _look_at_demoted(plan: Demoted, found: Survey, scored: bool) -> None:
    found.walk(plan.positive, scored=scored)
    found.walk(plan.negative, scored=False)


def _look_at_set(plan: TermSet | NumberSet, found: Survey, scored: bool) -> None:
    found.values_max = max(found.values_max, len(plan.terms if isinstance(plan, TermSet) else plan.values))


def _look_at_expanding(plan: Expanding, found: Survey, scored: bool) -> None:
    found.settled = False
    found.expanding.append(plan)
    if isinstance(plan, PrefixPhrase) and scored:
        found.add_terms(plan.field, plan.terms)
    if isinstance(plan, Blended) and scored:
        for part in plan.parts:
            found.add_terms(part.field, (part.term,))


_LOOKS: Final[Mapping[type[Plan], Callable[[Any, Survey, bool], None]]] = {
    TermScore: _look_at_term,
    PhraseScore: _look_at_phrase,
    Combine: _look_at_combined,
    Best: _look_at_best,
    Constant: _look_at_constant,
    Demoted: _look_at_demoted,
    TermSet: _look_at_set,
    NumberSet: _look_at_set,
    SimilarTerms: _look_at_expanding,
    PrefixPhrase: _look_at_expanding,
    Blended: _look_at_expanding,
}
