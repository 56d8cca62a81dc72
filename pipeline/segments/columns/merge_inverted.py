"""Merging the inverted arrays of one field from several segments: dictionaries, then postings, streaming over the terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.columns import DistinctTerms
from pipeline.analysis.scratch import frozen
from pipeline.segments.columns.inverted import Fields, padded
from pipeline.segments.columns.merge_kernels import merge_postings, token_bounds_of_terms
from pipeline.segments.columns.norms import NORM_LENGTHS
from pipeline.segments.columns.postings import Postings
from pipeline.segments.columns.term_kernels import groups_of_equals
from pipeline.segments.columns.terms import Terms, gather, order_of_terms
from pipeline.segments.format import BLOCK_POSTINGS
from schemas.limits import READABLE_PAD_BYTES

I64 = NDArray[np.int64]
DATA_BYTES_MIN = 1 << 20
SLOTS_MIN = 1 << 16


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """Several dictionaries as one list of strings, and which of them are the same term.

    ``order`` sorts all strings; group g is order[groups[g]:groups[g + 1]]. Input i's terms are numbers firsts[i] and on.
    """

    terms: DistinctTerms
    order: I64
    groups: I64
    firsts: I64

    @property
    def group_of(self) -> I64:
        """int64[terms of all inputs]: the group of each."""
        groups = np.empty(len(self.order), np.int64)
        groups[self.order] = np.repeat(np.arange(len(self.groups) - 1), np.diff(self.groups))
        return groups

    def write(self, kept: I64) -> Fields:
        """The dictionary arrays of the groups that are kept (kept[g] >= 0)."""
        chosen = self.order[self.groups[:-1][kept >= 0]]
        data, starts = gather(self.terms.data, self.terms.begins, self.terms.ends, chosen)
        return {"terms/data": data, "terms/starts": starts}


def merge_dictionaries(inputs: Sequence[Terms]) -> Dictionaries:
    """Lay the dictionaries side by side and find equal terms."""
    lengths = np.array([len(t.data) for t in inputs], np.int64)
    bases = np.cumsum(lengths) - lengths
    data = frozen(np.concatenate([t.data for t in inputs]))
    shifted = [t.starts + b for t, b in zip(inputs, bases, strict=True)]
    begins = frozen(np.concatenate([s[:-1] for s in shifted]))
    ends = frozen(np.concatenate([s[1:] for s in shifted]))
    counts = np.array([t.count for t in inputs], np.int64)
    terms = DistinctTerms(data, begins, ends, np.zeros(0, np.uint32))
    order = order_of_terms(terms)
    groups = groups_of_equals(order, data, begins, ends)
    return Dictionaries(terms, order, groups, np.cumsum(counts) - counts)


@dataclass(frozen=True, slots=True)
class _Joined:
    """The postings of all inputs, laid one after another; names as in ``merge_postings``."""

    data: NDArray[np.uint8]
    term: I64
    last: NDArray[np.uint32]
    offset: I64
    bits: NDArray[np.uint32]
    term_input: I64
    slot_bound: I64


def _join(inputs: Sequence[Postings]) -> _Joined:
    data_base = block_base = 0
    terms, offsets, ends = [], [], []
    for one in inputs:
        terms.append(np.column_stack([one.block_term[:-1], one.block_term[1:]]).astype(np.int64) + block_base)
        offsets.append(one.block_offset + data_base)
        limit = len(one.data) - READABLE_PAD_BYTES
        ends.append(np.append(one.block_offset[1:], limit)[: len(one.block_offset)] + data_base)
        data_base += limit
        block_base += len(one.block_last)
    parts = [one.data[:-READABLE_PAD_BYTES] for one in inputs]
    data = np.concatenate([*parts, np.zeros(READABLE_PAD_BYTES, np.uint8)])
    term = np.concatenate(terms).reshape(-1)
    offset = np.concatenate(offsets)
    bits = np.concatenate([one.block_bits for one in inputs])
    positions = inputs[0].has_positions
    bound = token_bounds_of_terms(data, term, offset, np.concatenate(ends), bits, positions)
    last = np.concatenate([one.block_last for one in inputs])
    sizes = [len(one.df) for one in inputs]
    return _Joined(data, term, last, offset, bits, np.repeat(np.arange(len(inputs)), sizes), bound)


class _Output:
    """Arrays that the merge fills and this grows: block arrays, postings, the slots of one term."""

    def __init__(self, groups: int, joined: _Joined) -> None:
        self.df = np.empty(groups, np.uint32)
        self.block_term = np.zeros(groups + 1, np.uint32)
        self.kept = np.full(groups, -1, np.int64)
        self.slots = np.empty(SLOTS_MIN, np.uint64)
        self.data = np.empty(len(joined.data) + len(joined.data) // 8 + DATA_BYTES_MIN, np.uint8)
        blocks = len(joined.last) + 64
        self.last, self.bits, self.impact = (np.empty(blocks, np.uint32) for _ in range(3))
        self.offset = np.empty(blocks, np.int64)
        self.state = (0, 0, 0, 0)  # group, terms, blocks, bytes

    def make_room(self, slots: int) -> None:
        """For one more term of so many slots, and then some."""
        _, _, blocks, size = self.state
        if slots > len(self.slots):
            self.slots = np.empty(2 * slots, np.uint64)
        need_bytes = size + 13 * slots + DATA_BYTES_MIN
        if need_bytes > len(self.data):
            self.data = _wider(self.data, size, need_bytes)
        need_blocks = blocks + slots // BLOCK_POSTINGS + 2
        if need_blocks > len(self.last):
            self.last = _wider(self.last, blocks, need_blocks)
            self.offset = _wider(self.offset, blocks, need_blocks)
            self.bits = _wider(self.bits, blocks, need_blocks)
            self.impact = _wider(self.impact, blocks, need_blocks)

    def fields(self) -> Fields:
        """What the segment holds."""
        _, terms, blocks, size = self.state
        return {
            "df": self.df[:terms].copy(),
            "block/term": self.block_term[: terms + 1].copy(),
            "block/last": self.last[:blocks].copy(),
            "block/offset": self.offset[:blocks].copy(),
            "block/bits": self.bits[:blocks].copy(),
            "block/impact": self.impact[:blocks].copy(),
            "postings": padded(self.data[:size]),
        }


def _wider(array: NDArray[Any], used: int, need: int) -> NDArray[Any]:
    out = np.empty(need + need // 2, array.dtype)
    out[:used] = array[:used]
    return out


def merge_field_postings(
    dictionaries: Dictionaries,
    inputs: Sequence[Postings],
    doc_maps: Sequence[I64],
    norms: NDArray[np.uint8],
) -> tuple[Fields, I64]:
    """df, blocks and postings of the merged field, and the number of each group's term (-1: no document is left).

    `norms` uint8[documents after the merge], empty for a field without.
    """
    joined = _join(inputs)
    groups = dictionaries.groups
    output = _Output(len(groups) - 1, joined)
    documents = np.concatenate(doc_maps)
    sizes = np.array([len(m) for m in doc_maps], np.int64)
    firsts = np.cumsum(sizes) - sizes
    while True:
        output.state = merge_postings(
            dictionaries.order, groups, output.state[0], joined.term_input, joined.slot_bound,
            joined.data, joined.term, joined.last, joined.offset, joined.bits, documents, firsts,
            inputs[0].has_positions, norms, NORM_LENGTHS, output.slots, output.kept, *output.state[1:],
            output.data, output.df, output.block_term, output.last, output.offset, output.bits, output.impact,
        )  # fmt: skip
        group = output.state[0]
        if group == len(groups) - 1:
            return output.fields(), output.kept
        members = dictionaries.order[groups[group] : groups[group + 1]]
        output.make_room(int(joined.slot_bound[members].sum()))
