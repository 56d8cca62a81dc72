"""A column of texts to numbered tokens, without Python work per text or token.

Three ways, the first that an analyzer allows:

    cut          a compiled tokenizer cuts and numbers the column in one pass
    by term      the same, then the filters are applied to the batch's distinct terms (those not met before), and each token is
                 replaced by what its term became
    by text      character filters, other tokenizers and filters that look at neighbours: each distinct text goes through
                 ``Analyzer.stream``, in Python. This is slow: some 10^5 words per second
"""

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
from pipeline.analysis.vocabulary.expand_kernels import expand_tokens
from pipeline.analysis.vocabulary.results import Vocabulary
from pipeline.analysis.words import Filter, Stream, Word, run
from schemas.records import ByteColumn

I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
_NO_POSITIONS = np.zeros(0, np.uint32)


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
        texts = Vocabulary()
        texts.append([analyzer.stream(text.decode("utf-8", "replace")) for text in terms.to_list()])
        return _expanded(tokens, texts, np.arange(len(terms), dtype=np.uint32), scratch)
    if filters:
        vocabulary = scratch.kept(analyzer, Vocabulary)
        found = vocabulary.find(terms.data, terms.begins, terms.ends, lambda term: _filtered(filters, term))
        return _expanded(tokens, vocabulary, found, scratch)
    return tokens


def normalize(normalizer: Analyzer, ids: U32, terms: DistinctTerms, scratch: Scratch) -> tuple[U32, DistinctTerms]:
    """What a normalizer makes of numbered values: (number of each value, distinct results). A value that vanishes becomes empty."""
    vocabulary = scratch.kept(normalizer, Vocabulary)
    found = vocabulary.find(terms.data, terms.begins, terms.ends, lambda text: _one(normalizer.stream(text)))
    tokens = _expanded(Tokens(ids, np.arange(len(ids) + 1), terms), vocabulary, found, scratch)
    return tokens.ids, tokens.terms


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


def _expanded(tokens: Tokens, vocabulary: Vocabulary, found: U32, scratch: Scratch) -> Tokens:
    """The tokens with each replaced by what its term became; term t is the vocabulary's term found[t]."""
    result_starts, results, shifts, advances = vocabulary.results
    first = result_starts[found]
    size = int((result_starts[found.astype(np.int64) + 1] - first) @ tokens.terms.counts.astype(np.int64))
    most = min(size, vocabulary.result_count)
    ids = scratch.array("expanded", np.uint32, size)
    positions = scratch.array("positions", np.uint32, size)
    numbers = scratch.array("results", np.int64, vocabulary.result_count)
    numbers.fill(-1)
    chosen = np.empty(most, np.uint32)
    counts = np.empty(most, np.uint32)
    starts, overlaps = np.empty(len(tokens.starts), np.int64), np.empty(len(tokens.starts) - 1, np.int64)
    distinct, plain = expand_tokens(
        tokens.ids, tokens.starts, _NO_POSITIONS if tokens.positions is None else tokens.positions, found,
        result_starts, results, shifts, advances, numbers, ids, starts, positions, chosen, counts, overlaps,
    )  # fmt: skip
    terms = DistinctTerms(*vocabulary.result_terms(chosen[:distinct]), counts[:distinct])
    if plain:
        return Tokens(ids, tokens.starts, terms, tokens.positions)
    return Tokens(ids, starts, terms, positions, overlaps if overlaps.any() else None)
