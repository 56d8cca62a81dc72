"""Making the arrays of an inverted field: dictionary, postings, lengths, ordinals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.columns import DistinctTerms, Tokens
from pipeline.analysis.scratch import Scratch, frozen
from pipeline.segments.columns.invert_kernels import (
    encode_terms,
    slots_of_tokens,
    slots_of_values,
    starts_of_counts,
)
from pipeline.segments.columns.norms import NORM_LENGTHS, norms_of
from pipeline.segments.columns.terms import gather, order_of_terms
from pipeline.segments.format import BLOCK_POSTINGS, Array
from schemas.limits import DOCUMENT_BYTES_MAX, READABLE_PAD_BYTES

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Fields = dict[str, Array]
NO_NORMS = np.zeros(0, np.uint8)
NO_POSITIONS = np.zeros(0, np.uint32)
SLOT_BYTES_MAX = 12  # a posting's gap, frequency and position, 32 bits each
assert DOCUMENT_BYTES_MAX // 2 < 1 << 24  # a document's tokens fit an impact


def write_text(tokens: Tokens, *, norms: bool, scratch: Scratch) -> Fields:
    """terms, df, blocks, postings and lengths of a text field."""
    lengths = tokens.lengths
    order = order_of_terms(tokens.terms)
    ranks = np.empty(len(order), np.uint32)
    ranks[order] = np.arange(len(order), dtype=np.uint32)
    starts = starts_of_counts(tokens.terms.counts, order)
    slots = scratch.array("slots", np.uint64, len(tokens.ids))
    positions = NO_POSITIONS if tokens.positions is None else tokens.positions
    slots_of_tokens(tokens.ids, tokens.starts, positions, ranks, starts, slots)
    return {
        **_dictionary(tokens.terms, order),
        **write_postings(
            slots, starts, norms=norms_of(lengths) if norms else NO_NORMS, positions=True, scratch=scratch
        ),
        "lengths": narrowed(lengths),
    }


def write_keyword_terms(terms: DistinctTerms, ids: U32) -> tuple[Fields, U32]:
    """The dictionary arrays of a keyword field, and the ordinal of each value."""
    order = order_of_terms(terms)
    ranks = np.empty(len(order), np.uint32)
    ranks[order] = np.arange(len(order), dtype=np.uint32)
    return _dictionary(terms, order), ranks[ids]


def distinct_ordinals(rows: NDArray[Any], ordinals: U32) -> tuple[I64, U32]:
    """(row, ordinal) of each value, ascending by both and every pair once. Rows ascend."""
    if len(rows) < 2 or bool((rows[1:] > rows[:-1]).all()):
        return rows.astype(np.int64), ordinals
    pairs = np.unique((rows.astype(np.uint64) << np.uint64(32)) | ordinals)
    return (pairs >> np.uint64(32)).astype(np.int64), pairs.astype(np.uint32)


def write_keyword_postings(rows: I64, ordinals: U32, terms: int, *, scratch: Scratch) -> Fields:
    """df, blocks and postings of a field whose document rows[v] has term ordinals[v], each pair once."""
    starts = np.zeros(terms + 1, np.int64)
    np.cumsum(np.bincount(ordinals, minlength=terms), out=starts[1:])
    slots = scratch.array("slots", np.uint64, len(rows))
    slots_of_values(rows, ordinals, starts, slots)
    return write_postings(slots, starts, norms=NO_NORMS, positions=False, scratch=scratch)


def write_postings(slots: U64, starts: I64, *, norms: NDArray[np.uint8], positions: bool, scratch: Scratch) -> Fields:
    """df, block/* and postings of terms whose slots are slots[starts[t]:starts[t + 1]]."""
    terms = len(starts) - 1
    blocks_max = len(slots) // BLOCK_POSTINGS + terms
    df, block_term = np.empty(terms, np.uint32), np.empty(terms + 1, np.uint32)
    last = scratch.array("block/last", np.uint32, blocks_max)
    offset = scratch.array("block/offset", np.int64, blocks_max)
    bits = scratch.array("block/bits", np.uint32, blocks_max)
    impact = scratch.array("block/impact", np.uint32, blocks_max)
    data = scratch.array("postings", np.uint8, SLOT_BYTES_MAX * len(slots) + 4 * terms + 64)
    blocks, size = encode_terms(
        slots, starts, positions, norms, NORM_LENGTHS, data, df, block_term, last, offset, bits, impact
    )  # fmt: skip
    return {
        "df": df,
        "block/term": block_term,
        "block/last": last[:blocks].copy(),
        "block/offset": offset[:blocks].copy(),
        "block/bits": bits[:blocks].copy(),
        "block/impact": impact[:blocks].copy(),
        "postings": padded(data[:size]),
    }


def _dictionary(terms: DistinctTerms, order: I64) -> Fields:
    data, starts = gather(terms.data, terms.begins, terms.ends, order)
    return {"terms/data": data, "terms/starts": starts}


def finished(arrays: Fields) -> Fields:
    """The arrays of a segment, never to be written again."""
    return {name: frozen(array) for name, array in arrays.items()}


def padded(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy with READABLE_PAD_BYTES zeros behind."""
    out = np.zeros(len(data) + READABLE_PAD_BYTES, np.uint8)
    out[: len(data)] = data
    return out


def narrowed(lengths: I64) -> Array:
    """The lengths in the narrowest of uint8, uint16, uint32 that holds them."""
    top = int(lengths.max(initial=0))
    return lengths.astype(np.uint8 if top < 1 << 8 else np.uint16 if top < 1 << 16 else np.uint32)
