"""A column of texts to numbered tokens, without Python work per text or token.

Three ways, the first that an analyzer allows:

    cut          a compiled tokenizer cuts and numbers the column in one pass
    by term      the same, then the filters are applied to the batch's distinct terms (those not met before), and each token is
                 replaced by what its term became
    by text      character filters, other tokenizers and filters that look at neighbours: each distinct text goes through
                 ``Analyzer.stream``, in Python. This is slow: some 10^5 words per second
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.analyzer import Analyzer
from pipeline.analysis.characters import characters
from pipeline.analysis.filters.cases import LOWERCASE
from pipeline.analysis.intern_kernels import TABLE_SIZE_MIN, intern_values
from pipeline.analysis.scratch import Scratch, frozen
from pipeline.analysis.tokenize_kernels import tokenize_values
from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut
from pipeline.analysis.vocabulary import Expansions
from pipeline.analysis.words import Filter, Stream, Word, run
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class DistinctTerms:
    """Distinct byte strings in order of first appearance: term t is data[begins[t]:ends[t]], met counts[t] times.

    ``data`` is readable 8 bytes beyond each term. The first three arrays are read only.
    """

    data: NDArray[np.uint8]
    begins: I64
    ends: I64
    counts: U32

    def __len__(self) -> int:
        return len(self.begins)

    def to_list(self) -> list[bytes]:
        """As Python values: for tests and the edges of the system."""
        pairs = zip(self.begins.tolist(), self.ends.tolist(), strict=True)
        return [self.data[a:b].tobytes() for a, b in pairs]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of n documents: those of document d are ids[starts[d]:starts[d + 1]], in order of position.

    ``ids`` uint32[k] are numbers of ``terms``. ``positions`` uint32[k]; None: token number within the document (no gaps).
    ``overlaps`` int64[n]: tokens of each document that stand at the position of another; None: no such tokens. The arrays
    live in the scratch that was given and are valid until its next use.
    """

    ids: U32
    starts: I64
    terms: DistinctTerms
    positions: U32 | None = None
    overlaps: I64 | None = None

    @property
    def lengths(self) -> I64:
        """Tokens of each document as scores count them, int64[n]: those at the position of another are left out."""
        counts = np.diff(self.starts)
        return counts if self.overlaps is None else counts - self.overlaps


def tokenize(
    analyzer: Analyzer,
    *,
    rows: NDArray[Any],
    values: ByteColumn,
    documents: int,
    scratch: Scratch | None = None,
) -> Tokens:
    """Tokens of a text column: `rows` int[v], ascending, says whose value each is; a document may have several or none.

    `values` are UTF-8 and padded as ByteColumn promises.
    """
    assert len(rows) == len(values)
    scratch = scratch or Scratch()
    known, lowercase, filters = _split(analyzer)
    if known is None or known.cut is Cut.WHOLE:
        ids, value_starts, terms = _whole(values, scratch)
    else:
        ids, value_starts, terms = _cut(known.cut, lowercase, values, scratch)
    values_before = np.searchsorted(rows, np.arange(documents + 1))
    several = len(rows) > 1 and bool((rows[1:] == rows[:-1]).any())
    positions = _positions(rows, value_starts, analyzer.position_gap) if several else None
    tokens = Tokens(ids, value_starts[values_before], terms, positions)
    if known is None:
        expansions = analyzer.vocabulary.expand(_texts(terms), analyzer.stream, keep=False)
    elif filters:
        expansions = analyzer.vocabulary.expand(terms.to_list(), lambda term: _filtered(filters, term), keep=True)
    else:
        return tokens
    return _expanded(tokens, expansions)


def normalize(analyzer: Analyzer, terms: DistinctTerms) -> tuple[U32, DistinctTerms]:
    """What a normalizer makes of distinct values: (number of each, distinct results). A value that vanishes becomes empty."""
    expansions = analyzer.vocabulary.expand(_texts(terms), lambda text: _one(analyzer.stream(text)), keep=True)
    return expansions.numbers, _distinct(expansions.terms, np.zeros(len(expansions.terms), np.uint32))


def _split(analyzer: Analyzer) -> tuple[CompiledTokenizer | None, bool, tuple[Filter, ...]]:
    """The tokenizer, whether it is to lower the case, and the filters by term that remain; None: the analyzer goes by text."""
    known, filters = analyzer.tokenizer, analyzer.filters
    if analyzer.char_filters or not isinstance(known, CompiledTokenizer) or not all(f.termwise for f in filters):
        return None, False, ()
    lowercase = known.lowercase
    if filters and filters[0] is LOWERCASE and known.cut is not Cut.WHOLE:
        lowercase, filters = True, filters[1:]
    if known.lowercase and known.cut is Cut.WHOLE:
        filters = (LOWERCASE, *filters)
    return known, lowercase, filters


def _filtered(filters: tuple[Filter, ...], term: str) -> Stream:
    return run(filters, Stream([Word(term, 0, len(term))]))


def _one(stream: Stream) -> Stream:
    return Stream([Word(stream.words[0].term if stream.words else "", 0, 0)])


def _texts(terms: DistinctTerms) -> list[bytes]:
    return [t.decode("utf-8", "replace").encode() for t in terms.to_list()]


def intern_column(values: ByteColumn, scratch: Scratch) -> tuple[U32, DistinctTerms]:
    """Number the values of a column: (number of each value, distinct values). Nulls count as empty strings."""
    count = len(values)
    ids = scratch.array("ids", np.uint32, count)
    firsts = scratch.array("firsts", np.int64, count + 1)
    counts = scratch.array("counts", np.uint32, count + 1)
    table = scratch.zeros("table", np.uint64, 2 * TABLE_SIZE_MIN)
    data, starts = frozen(values.data), frozen(values.starts)
    terms = intern_values(data, starts, table, ids, firsts, counts)
    first = firsts[:terms]
    return ids, DistinctTerms(data, frozen(starts[first]), frozen(starts[first + 1]), counts[:terms])


def _whole(values: ByteColumn, scratch: Scratch) -> tuple[U32, I64, DistinctTerms]:
    ids, terms = intern_column(values, scratch)
    return ids, np.arange(len(values) + 1), terms


def _cut(cut: Cut, lowercase: bool, values: ByteColumn, scratch: Scratch) -> tuple[U32, I64, DistinctTerms]:
    known = characters()
    size = values.nbytes
    longest = int(np.diff(values.starts).max(initial=0))
    spans = scratch.array("spans", np.int64, 2 * longest + 8)
    arena = scratch.array("arena", np.uint8, 2 * size + 2048)
    term_starts = scratch.array("term_starts", np.int64, size + 2)
    counts = scratch.array("counts", np.uint32, size + 2)
    ids = scratch.array("ids", np.uint32, size + 2)
    table = scratch.zeros("table", np.uint64, 2 * TABLE_SIZE_MIN)
    value_starts = np.empty(len(values) + 1, np.int64)
    terms = tokenize_values(
        frozen(values.data), frozen(values.starts), int(cut), lowercase,
        known.classes, known.kinds, known.lower,
        table, spans, arena, term_starts, counts, ids, value_starts,
    )  # fmt: skip
    starts = frozen(term_starts)
    found = DistinctTerms(frozen(arena), starts[:terms], starts[1 : terms + 1], counts[:terms])
    return ids[: value_starts[-1]], value_starts, found


def _positions(rows: NDArray[Any], value_starts: I64, gap: int) -> U32:
    """Token number within the document, plus ``gap`` for every value of the document before it."""
    firsts = np.searchsorted(rows, rows)  # the first value of each value's document
    gaps = (np.arange(len(rows)) - firsts) * gap - value_starts[firsts]
    shifts = np.repeat(gaps, np.diff(value_starts))
    return (np.arange(len(shifts)) + shifts).astype(np.uint32)


def _expanded(tokens: Tokens, expansions: Expansions) -> Tokens:
    """The tokens with each replaced by what its term became."""
    counts = np.diff(expansions.starts)
    if expansions.shifts is None and expansions.advances is None and bool((counts == 1).all()):
        ids = expansions.numbers[tokens.ids]
        terms = _distinct(expansions.terms, np.bincount(ids, minlength=len(expansions.terms)).astype(np.uint32))
        return Tokens(ids, tokens.starts, terms, tokens.positions)
    token_counts = counts[tokens.ids]
    ends = np.concatenate([[0], np.cumsum(token_counts)])
    within = np.arange(ends[-1]) - np.repeat(ends[:-1], token_counts)  # number within the token's results
    places = np.repeat(expansions.starts[tokens.ids], token_counts) + within
    ids = expansions.numbers[places]
    positions = np.repeat(_moved(tokens, expansions.advances), token_counts)
    if expansions.shifts is not None:
        positions = positions + expansions.shifts[places]
    starts = ends[tokens.starts]
    terms = _distinct(expansions.terms, np.bincount(ids, minlength=len(expansions.terms)).astype(np.uint32))
    return Tokens(ids, starts, terms, positions.astype(np.uint32), _overlaps(positions, starts))


def _moved(tokens: Tokens, advances: I64 | None) -> I64:
    """Where each token stands, moved by what the terms before it in its document took beyond a position of their own."""
    if tokens.positions is None:
        positions = np.arange(len(tokens.ids)) - np.repeat(tokens.starts[:-1], np.diff(tokens.starts))
    else:
        positions = tokens.positions.astype(np.int64)
    if advances is None:
        return positions
    moves = np.concatenate([[0], np.cumsum(advances[tokens.ids])])
    before: I64 = positions + moves[:-1] - np.repeat(moves[tokens.starts[:-1]], np.diff(tokens.starts))
    return before


def _overlaps(positions: I64, starts: I64) -> I64 | None:
    """How many tokens of each document have the position of the token before them."""
    same = np.zeros(len(positions) + 1, np.int64)
    same[1:-1] = positions[1:] == positions[:-1]
    inner = starts[(starts > 0) & (starts < len(positions))]
    same[inner] = 0  # a document's first token
    if not same.any():
        return None
    return np.diff(np.concatenate([[0], np.cumsum(same[:-1])])[starts])


def _distinct(terms: Sequence[bytes], counts: U32) -> DistinctTerms:
    """Terms from Python as a column's."""
    data = np.frombuffer(b"".join(terms) + bytes(READABLE_PAD_BYTES), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, terms), np.int64, len(terms)))
    starts = np.concatenate([[0], ends]).astype(np.int64)
    return DistinctTerms(frozen(data), frozen(starts[:-1]), frozen(starts[1:]), counts)
