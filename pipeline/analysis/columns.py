"""A column of texts to numbered tokens, in one pass without Python work per text or token."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.analyzer import POSITION_GAP, Analyzer, Tokenizer
from pipeline.analysis.characters import characters
from pipeline.analysis.intern_kernels import TABLE_SIZE_MIN, intern_values
from pipeline.analysis.scratch import Scratch, frozen
from pipeline.analysis.tokenize_kernels import tokenize_values
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

    ``ids`` uint32[k] are numbers of ``terms``. ``positions`` uint32[k]; None: token number within the document (no gaps). The
    arrays live in the scratch that was given and are valid until its next use.
    """

    ids: U32
    starts: I64
    terms: DistinctTerms
    positions: U32 | None = None

    @property
    def lengths(self) -> I64:
        """Tokens of each document, int64[n]."""
        return np.diff(self.starts)


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
    if analyzer.tokenizer is Tokenizer.WHOLE:
        ids, value_starts, terms = _whole(values, scratch)
    else:
        ids, value_starts, terms = _cut(analyzer, values, scratch)
    values_before = np.searchsorted(rows, np.arange(documents + 1))
    several = len(rows) > 1 and bool((rows[1:] == rows[:-1]).any())
    positions = _positions(rows, value_starts) if several else None
    starts = value_starts[values_before]
    tokens = Tokens(ids, starts, terms, positions)
    return _without(tokens, analyzer.stop_words) if analyzer.stop_words else tokens


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


def _cut(analyzer: Analyzer, values: ByteColumn, scratch: Scratch) -> tuple[U32, I64, DistinctTerms]:
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
        frozen(values.data), frozen(values.starts), int(analyzer.tokenizer), analyzer.lowercase,
        known.classes, known.kinds, known.lower,
        table, spans, arena, term_starts, counts, ids, value_starts,
    )  # fmt: skip
    starts = frozen(term_starts)
    found = DistinctTerms(frozen(arena), starts[:terms], starts[1 : terms + 1], counts[:terms])
    return ids[: value_starts[-1]], value_starts, found


def _positions(rows: NDArray[Any], value_starts: I64) -> U32:
    """Token number within the document, plus POSITION_GAP for every value of the document before it."""
    firsts = np.searchsorted(rows, rows)  # the first value of each value's document
    gaps = (np.arange(len(rows)) - firsts) * POSITION_GAP - value_starts[firsts]
    shifts = np.repeat(gaps, np.diff(value_starts))
    return (np.arange(len(shifts)) + shifts).astype(np.uint32)


def _without(tokens: Tokens, words: frozenset[str]) -> Tokens:
    """The tokens without some words; the others keep their positions."""
    terms = tokens.terms
    stop = np.fromiter((t.decode() in words for t in terms.to_list()), np.bool_, len(terms))
    keep = ~stop[tokens.ids]
    positions = tokens.positions
    if positions is None:
        within = np.arange(len(tokens.ids)) - np.repeat(tokens.starts[:-1], tokens.lengths)
        positions = within.astype(np.uint32)
    kept = np.concatenate([[0], np.cumsum(keep)])
    new_numbers = np.cumsum(~stop) - 1
    return Tokens(
        new_numbers[tokens.ids[keep]].astype(np.uint32),
        kept[tokens.starts],
        DistinctTerms(terms.data, frozen(terms.begins[~stop]), frozen(terms.ends[~stop]), terms.counts[~stop]),
        positions[keep],
    )
