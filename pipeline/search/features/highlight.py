"""Highlighting: a hit's texts with what the query matched between tags.

The field's text is analysed again as it was indexed, and the tokens are held against the query's plan: terms, prefixes and patterns
match wherever they stand, the terms of a phrase only where the phrase does. ``must_not`` shows nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.analysis.analyzer import Analyzer
from pipeline.analysis.definitions.analyzer_set import analyzer_set
from pipeline.analysis.words import Token
from pipeline.search.features.fields import at_path, matching
from pipeline.search.features.passages import Match, Passage, beginning, marked, passages
from pipeline.search.queries.compile import compile_query
from pipeline.search.queries.expand import expand
from pipeline.search.queries.plan import (
    Best,
    Combine,
    Constant,
    Context,
    Demoted,
    PhraseScore,
    Plan,
    TermPattern,
    TermPrefix,
    TermScore,
    TermSet,
    TermSpan,
)
from pipeline.search.values import text_of
from schemas.errors import illegal_argument
from schemas.mapping import INVERTED_TYPES, Field
from schemas.query import HighlightField, SearchRequest
from schemas.results import Statistics

_ANY_FIELD = ""


@dataclass(slots=True)
class Wanted:
    """What a query looks for in a field."""

    terms: set[str] = field(default_factory=set)
    patterns: list[TermPattern | TermPrefix] = field(default_factory=list)
    spans: list[TermSpan] = field(default_factory=list)
    phrases: list[PhraseScore] = field(default_factory=list)

    def takes(self, term: str) -> bool:
        """Whether a term matches by itself."""
        data = term.encode()
        return (
            term in self.terms
            or any(_fits(p, data) for p in self.patterns)
            or any(_within(s, data) for s in self.spans)
        )

    def add(self, plan: Plan) -> None:
        """Look for what a leaf of a plan looks for."""
        match plan:
            case TermScore():
                self.terms.add(plan.term.decode())
            case TermSet():
                self.terms.update(t.decode() for t in plan.terms)
            case TermPattern() | TermPrefix():
                self.patterns.append(plan)
            case TermSpan():
                self.spans.append(plan)
            case PhraseScore():
                self.phrases.append(plan)
            case _:
                pass


def _fits(plan: TermPattern | TermPrefix, term: bytes) -> bool:
    return term.startswith(plan.prefix) if isinstance(plan, TermPrefix) else plan.matcher.matches(term)


def _within(plan: TermSpan, term: bytes) -> bool:
    above = plan.low is None or term > plan.low or (term == plan.low and not plan.low_open)
    return above and (plan.high is None or term < plan.high or (term == plan.high and not plan.high_open))


def leaves_of(plan: Plan) -> Iterator[Plan]:
    """The parts of a plan that a document matches by."""
    match plan:
        case Combine():
            for child in (*plan.must, *plan.should, *plan.filter):
                yield from leaves_of(child)
        case Best():
            for child in plan.plans:
                yield from leaves_of(child)
        case Constant():
            yield from leaves_of(plan.inner)
        case Demoted():
            yield from leaves_of(plan.positive)
        case _:
            yield plan


class Highlighter:
    """Highlights the hits of one request."""

    def __init__(self, request: SearchRequest, context: Context, statistics: Statistics | None = None) -> None:
        self._mapping = context.mapping
        known = statistics or Statistics()
        self._specs = [
            (h, _wanted(expand(compile_query(h.query or request.query, context), known))) for h in request.highlight
        ]

    def highlight(self, source: Any) -> Mapping[str, Sequence[str]]:
        """Fragments by field, of a parsed source; fields without any are left out."""
        found: dict[str, Sequence[str]] = {}
        for spec, wanted in self._specs:
            for one in matching(spec.field, self._mapping):
                if one.type in INVERTED_TYPES and one.index:
                    here = wanted.get(one.path if spec.require_field_match else _ANY_FIELD, Wanted())
                    analyzer = analyzer_set(self._mapping.analysis).of_index(one)
                    fragments = highlight_values(one, at_path(source, one.source), here, spec, analyzer)
                    if fragments:
                        found[one.path] = fragments
        return found


def _wanted(plan: Plan) -> Mapping[str, Wanted]:
    """By field; and for all fields together under ``_ANY_FIELD``."""
    found: dict[str, Wanted] = defaultdict(Wanted)
    for leaf in leaves_of(plan):
        if isinstance(leaf, TermScore | TermSet | TermPattern | TermPrefix | TermSpan | PhraseScore):
            found[leaf.field].add(leaf)
            found[_ANY_FIELD].add(leaf)
    return found


def highlight_values(
    one: Field, values: Sequence[Any], wanted: Wanted, spec: HighlightField, analyzer: Analyzer
) -> list[str]:
    """The fragments of one field. Raises where texts are longer than may be analysed and not just their beginnings are looked at."""
    texts = [text_of(v) for v in values if v is not None]
    most = spec.analyzed_characters_max
    if spec.looked_at_characters is not None and spec.looked_at_characters <= most:
        texts = [text[: spec.looked_at_characters] for text in texts]
    elif sum(map(len, texts)) > most:
        message = (
            f"The length of [{one.path}] field has exceeded [{most}] - maximum allowed to be analyzed for "
            f"highlighting. This maximum can be set by changing the [index.highlight.max_analyzed_offset] index level setting."
        )
        raise illegal_argument(message)
    whole = spec.number_of_fragments == 0
    found: list[tuple[Passage, str]] = []
    for text in texts:
        matches = matches_in(text, one, wanted, analyzer)
        found += [(p, text) for p in passages(text, matches, 0 if whole else spec.fragment_size)]
    if not found:
        return [beginning(texts[0], spec.no_match_size)] if spec.no_match_size > 0 and texts and texts[0] else []
    order = list(range(len(found)))
    if not whole:
        order = sorted(order, key=lambda i: -found[i][0].score)[: spec.number_of_fragments]
        if spec.order != "score":
            order.sort()
    return [marked(found[i][1], found[i][0], spec.pre_tag, spec.post_tag) for i in order]


def matches_in(text: str, one: Field, wanted: Wanted, analyzer: Analyzer) -> list[Match]:
    """What matches in a text, ascending; positions are characters of the Python string."""
    if one.ignore_above is not None and len(text) > one.ignore_above:
        return []
    tokens = analyzer.analyze(text)
    known = {term: wanted.takes(term) for term in {t.term for t in tokens}}
    chosen = {i for i, t in enumerate(tokens) if known[t.term]}
    for phrase in wanted.phrases:
        chosen |= _of_phrase(tokens, phrase)
    point = _points(text)
    found = [Match(point(tokens[i].start_offset), point(tokens[i].end_offset), tokens[i].term) for i in sorted(chosen)]
    return sorted(found, key=lambda m: (m.start, m.end))  # parts of words may stand before what they are parts of


def _points(text: str) -> Any:
    """From UTF-16 units, in which tokens are counted, to characters of the string."""
    if not text or max(text) <= "\uffff":
        return lambda unit: unit
    units: list[int] = []
    for i, character in enumerate(text):
        units += [i] * (2 if character > "\uffff" else 1)
    units.append(len(text))
    return units.__getitem__


def _of_phrase(tokens: Sequence[Token], phrase: PhraseScore) -> set[int]:
    """The tokens of every occurrence of a phrase; with slop, each term's nearest token within reach."""
    slots: dict[int, set[str]] = defaultdict(set)
    for term, shift in zip(phrase.terms, phrase.positions, strict=True):
        slots[shift].add(term.decode())
    shifts = sorted(slots)
    places = [[(t.position, i) for i, t in enumerate(tokens) if t.term in slots[shift]] for shift in shifts]
    if not all(places):
        return set()
    chosen: set[int] = set()
    for place, _ in places[0]:
        begin = place - shifts[0]
        nearest = [
            min(some, key=lambda p, at=begin + shift: abs(p[0] - at))  # type: ignore[misc]
            for some, shift in zip(places, shifts, strict=True)
        ]
        begins = [p[0] - shift for p, shift in zip(nearest, shifts, strict=True)]
        if max(begins) - min(begins) <= phrase.slop:
            chosen |= {p[1] for p in nearest}
    return chosen
