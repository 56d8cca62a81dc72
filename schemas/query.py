"""The query tree that every REST dialect is parsed into, and the search request around it.

Nodes are values; they know nothing of an index. Texts are analysed and values are coerced when a node meets a mapping
(``pipeline.search``). Every node has a ``boost`` that multiplies its scores, and a ``name`` (Elasticsearch's ``_name``) or "".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schemas.aggregations import Aggregation
from schemas.limits import HIGHLIGHT_CHARACTERS_MAX, TOTAL_HITS_DEFAULT

Scalar = str | int | float | bool


class Operator(StrEnum):
    """How the terms of an analysed text are combined."""

    OR = "or"
    AND = "and"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every node has."""

    boost: float = 1.0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchAll(Node):
    """Every document, score = boost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchNone(Node):
    """No document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Node):
    """Documents with exactly this value (not analysed): text, keyword, number, date, boolean, ip (an address or a CIDR block)."""

    field: str
    value: Scalar
    case_insensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Node):
    """Documents with any of these values; constant score."""

    field: str
    values: Sequence[Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Node):
    """The analysed text's terms; on a field that is not text: a term query of the coerced value."""

    field: str
    text: Scalar
    operator: Operator = Operator.OR
    minimum_should_match: str | None = None
    analyzer: str | None = None
    zero_terms_all: bool = False  # a text without terms matches everything rather than nothing
    lenient: bool = False  # a value of the wrong type matches nothing rather than being an error
    fuzziness: str | None = None
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchPhrase(Node):
    """The analysed text's terms in order, within ``slop`` moves."""

    field: str
    text: Scalar
    slop: int = 0
    analyzer: str | None = None
    zero_terms_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchPhrasePrefix(Node):
    """A phrase whose last word stands for the first ``max_expansions`` terms that begin with it."""

    field: str
    text: Scalar
    slop: int = 0
    max_expansions: int = 50
    analyzer: str | None = None
    zero_terms_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchBoolPrefix(Node):
    """The analysed text's terms, the last of them as a prefix."""

    field: str
    text: Scalar
    operator: Operator = Operator.OR
    minimum_should_match: str | None = None
    analyzer: str | None = None
    fuzziness: str | None = None  # of the terms before the last
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzy(Node):
    """Documents with a term that is like the value: 0, 1 or 2 edits (``fuzziness``) behind the first ``prefix_length`` characters."""

    field: str
    value: Scalar
    fuzziness: str = "AUTO"
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True
    as_text: bool = False  # written in a query string: as the field's analyzer writes characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Regexp(Node):
    """Documents with a term that fits a regular expression of Lucene's syntax; constant score."""

    field: str
    pattern: str
    case_insensitive: bool = False
    flags: str = "ALL"
    max_determinized_states: int = 10_000
    as_text: bool = False  # written in a query string: as the field's analyzer writes characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(Node):
    """Documents with a term that begins so; constant score."""

    field: str
    value: str
    case_insensitive: bool = False
    as_text: bool = False  # written in a query string: as the field's analyzer writes characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Wildcard(Node):
    """Documents with a term that matches the pattern (``*`` any run, ``?`` one character); constant score."""

    field: str
    pattern: str
    case_insensitive: bool = False
    as_text: bool = False  # written in a query string: as the field's analyzer writes characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(Node):
    """Documents with a value between bounds; dates understand date math (``now-1d/d``, ``2020-01-01||+1M``)."""

    field: str
    gt: Scalar | None = None
    gte: Scalar | None = None
    lt: Scalar | None = None
    lte: Scalar | None = None
    format: str = ""
    time_zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists(Node):
    """Documents that have a value in this field (or in any field below this object)."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids(Node):
    """Documents with these ids; constant score."""

    values: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Node):
    """One of ``of`` parts of the documents, by their ids (murmur2); constant score."""

    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Node):
    """Clauses combined; without must, filter or minimum_should_match at least one should clause must match."""

    must: Sequence[Node] = ()
    should: Sequence[Node] = ()
    must_not: Sequence[Node] = ()
    filter: Sequence[Node] = ()
    minimum_should_match: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantScore(Node):
    """The filter's documents, score = boost."""

    filter: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class DisMax(Node):
    """The best clause's score plus ``tie_breaker`` times the others'."""

    queries: Sequence[Node]
    tie_breaker: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting(Node):
    """The positive query's documents; scores of those that match the negative one too are multiplied by ``negative_boost``."""

    positive: Node
    negative: Node
    negative_boost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossFields(Node):
    """A query on one field, asked of several (name patterns allowed), each with its boost; ``query.field`` says nothing."""

    fields: Sequence[tuple[str, float]]
    query: Node
    tie_breaker: float = 0.0
    lenient: bool = True
    by_default: bool = (
        False  # the request names no fields: an index may have fields for that (index.query.default_field)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiMatch(Node):
    """One text on several fields (name patterns allowed), each with its boost.

    ``type``: best_fields, most_fields, cross_fields, phrase, phrase_prefix, bool_prefix.
    """

    fields: Sequence[tuple[str, float]]
    text: Scalar
    type: str = "best_fields"
    operator: Operator = Operator.OR
    minimum_should_match: str | None = None
    tie_breaker: float | None = None
    analyzer: str | None = None
    lenient: bool = False
    slop: int = 0
    fuzziness: str | None = None
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True
    zero_terms_all: bool = False
    by_default: bool = False  # as in ``AcrossFields``


@dataclass(frozen=True, slots=True)
class SortKey:
    """One sort criterion. ``field`` is a field, ``_score``, ``_doc`` or ``_id``."""

    field: str
    descending: bool = False
    missing: Scalar = "_last"  # _last, _first, or a value
    mode: str = ""  # min, max, avg, sum, median; "": min when ascending, max when descending
    unmapped_type: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Which parts of the source a hit shows."""

    enabled: bool = True
    includes: Sequence[str] = ()
    excludes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HighlightField:
    """How one field (or name pattern) is highlighted."""

    field: str
    pre_tag: str = "<em>"
    post_tag: str = "</em>"
    fragment_size: int = 100
    number_of_fragments: int = 5
    no_match_size: int = 0
    require_field_match: bool = True
    order: str = ""  # "score": best fragments first
    query: Node | None = None
    analyzed_characters_max: int = (
        HIGHLIGHT_CHARACTERS_MAX  # a longer text is an error (index.highlight.max_analyzed_offset) …
    )
    looked_at_characters: int | None = None  # … unless only its beginning is looked at (``max_analyzer_offset``)


@dataclass(frozen=True, slots=True)
class DocValueField:
    """A field whose column values a hit shows."""

    field: str
    format: str = ""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search, whatever dialect it came in."""

    query: Node = field(default_factory=MatchAll)
    post_filter: Node | None = None
    size: int = 10
    offset: int = 0  # ``from``
    sort: Sequence[SortKey] = ()
    track_scores: bool = False
    search_after: Sequence[Any] | None = None
    track_total_hits: int = TOTAL_HITS_DEFAULT  # count exactly up to here; -1: everything; 0: do not count
    min_score: float | None = None
    aggregations: Mapping[str, Aggregation] = field(default_factory=dict)
    source: SourceFilter = field(default_factory=SourceFilter)
    docvalue_fields: Sequence[DocValueField] = ()
    fields: Sequence[DocValueField] = ()  # the ``fields`` option: values from the source
    stored_fields: Sequence[str] | None = None
    highlight: Sequence[HighlightField] = ()
    indices_boost: Sequence[
        tuple[str, float]
    ] = ()  # index, alias or pattern -> factor of its scores; the first that fits
    explain: bool = False
    version: bool = False
    seq_no_primary_term: bool = False
    provenance: bool = False
    timeout_ms: int | None = None
    terminate_after: int = 0
    now_ms: int = 0  # the clock as the request was accepted; date math's ``now``


EXPANDING = (Fuzzy, MatchPhrasePrefix)


def expands(request: SearchRequest) -> bool:
    """Whether a clause of the query or the post filter stands for terms that the whole index decides on."""
    waiting: list[Any] = [request.query, request.post_filter]
    while waiting:
        node = waiting.pop()
        if (
            isinstance(node, EXPANDING)
            or getattr(node, "fuzziness", None)
            or getattr(node, "type", "") == "phrase_prefix"
        ):
            return True
        if isinstance(node, Bool):
            waiting += [*node.must, *node.should, *node.must_not, *node.filter]
        elif isinstance(node, DisMax):
            waiting += node.queries
        elif isinstance(node, Boosting):
            waiting += [node.positive, node.negative]
        elif isinstance(node, ConstantScore | AcrossFields):
            waiting.append(node.filter if isinstance(node, ConstantScore) else node.query)
    return False


__all__ = [
    "AcrossFields", "Bool", "Boosting", "ConstantScore", "DisMax", "DocValueField", "Exists", "Fuzzy", "HighlightField", "Ids", "Match",
    "MatchAll", "MatchBoolPrefix", "MatchNone", "MatchPhrase", "MatchPhrasePrefix", "MultiMatch", "Node", "Operator", "Prefix", "Range",
    "Regexp", "Scalar", "SearchRequest", "Slice", "SortKey", "SourceFilter", "Term", "Terms", "Wildcard", "expands",
]  # fmt: skip
