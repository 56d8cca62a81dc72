"""The postings of one field: which documents hold a term, how often, and where."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.segments.postings_kernels import decode_term, decode_term_positions, mark_documents

U32 = NDArray[np.uint32]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Postings:
    """The arrays of ``pipeline.segments.format`` as they are; kernels read them, methods are for whole terms."""

    df: U32
    block_term: U32
    block_last: U32
    block_offset: I64
    block_bits: U32
    block_impact: U32
    data: NDArray[np.uint8]
    has_positions: bool

    def documents(self, term: int) -> tuple[U32, U32]:
        """(documents, frequencies) of a term, each uint32[df]; documents ascending."""
        df = int(self.df[term])
        documents, frequencies = np.empty(df, np.uint32), np.empty(df, np.uint32)
        decode_term(
            self.data, self.block_last, self.block_offset, self.block_bits,
            int(self.block_term[term]), int(self.block_term[term + 1]), documents, frequencies,
        )  # fmt: skip
        return documents, frequencies

    def positions(self, term: int) -> tuple[U32, I64]:
        """(positions, starts): positions[starts[p]:starts[p + 1]] are those of the term's posting p, ascending.

        Only where ``has_positions``.
        """
        assert self.has_positions
        _, frequencies = self.documents(term)
        positions = np.empty(int(frequencies.sum(dtype=np.int64)), np.uint32)
        starts = np.empty(len(frequencies) + 1, np.int64)
        decode_term_positions(
            self.data, self.block_offset, self.block_bits,
            int(self.block_term[term]), int(self.block_term[term + 1]), frequencies, starts, positions,
        )  # fmt: skip
        return positions, starts

    def mark(self, terms: I64, marks: NDArray[np.bool_]) -> None:
        """Set marks[d] for every document d that holds one of these terms (numbers, none negative)."""
        mark_documents(
            self.data, self.block_term, self.block_last, self.block_offset, self.block_bits, terms, marks
        )  # fmt: skip
