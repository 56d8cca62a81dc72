"""Phrases whose places several terms may take, and sloppy phrases that repeat a term: by lists of positions.

The documents that have a term for every place are found first; only of those are positions read, as words
(document << 32 | position), one ascending list for each place.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.search.kernels.phrase_kernels import count_in_slots, tokens_among
from pipeline.search.queries.plan import PhraseScore, TermSet
from pipeline.search.queries.selection import Selection

if TYPE_CHECKING:
    from pipeline.search.queries.evaluate import SegmentQueries

U64 = NDArray[np.uint64]


def match_slots(segment: "SegmentQueries", plan: PhraseScore) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Documents with the phrase and its frequency in each."""
    by_position: dict[int, list[bytes]] = defaultdict(list)
    for term, position in zip(plan.terms, plan.positions, strict=True):
        by_position[position].append(term)
    places = sorted(by_position)
    candidates = Selection(segment.size)
    for place in places:
        candidates = candidates.both(segment.select(TermSet(plan.field, tuple(sorted(set(by_position[place]))))))
        if candidates.nothing:
            break
    documents = candidates.as_documents()
    frequencies = np.zeros(len(documents), np.float32)
    if len(documents) == 0:
        return documents, frequencies
    tokens = [_tokens(segment, plan.field, by_position[place], documents) for place in places]
    bounds = np.cumsum([0, *map(len, tokens)]).astype(np.int64)
    groups = _groups([frozenset(by_position[place]) for place in places])
    count_in_slots(
        documents, np.concatenate(tokens), bounds, np.array(places, np.int64), groups, plan.slop, frequencies
    )
    held = frequencies > 0
    return documents[held], frequencies[held]


def _tokens(segment: "SegmentQueries", path: str, terms: Sequence[bytes], documents: NDArray[np.uint32]) -> U64:
    """The tokens of these terms in these documents, ascending."""
    parts: list[U64] = []
    for term in sorted(set(terms)):
        found = segment.postings_of(path, term)
        if found is None:
            continue
        p, first, end, _ = found
        arrays = (p.data, p.block_last, p.block_offset, p.block_bits, first, end, documents)
        size = tokens_among(*arrays, np.empty(0, np.uint64))
        out = np.empty(size, np.uint64)
        tokens_among(*arrays, out)
        parts.append(out)
    merged = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    if len(parts) > 1:
        merged.sort()
    return merged


def _groups(places: Sequence[frozenset[bytes]]) -> NDArray[np.int64]:
    """int64[places]: places that share a term have the same number, others -1."""
    groups = np.full(len(places), -1, np.int64)
    for i, one in enumerate(places):
        for j in range(i):
            if one & places[j]:
                groups[j] = groups[j] if groups[j] >= 0 else j
                groups[i] = groups[j]
                break
    return groups
