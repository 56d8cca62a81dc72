"""Merging stored documents: blocks whose documents all stay together are copied as they are, the others made anew."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.segments.columns.sources import SourceArrays, Sources, block_edges, compress
from pipeline.segments.columns.terms import gather
from pipeline.segments.format import SOURCE_BLOCK_DOCS

I64 = NDArray[np.int64]
BLOCKS_AT_ONCE = 64  # recompressed together: bounds the memory that a merge takes


def merge_sources(inputs: Sequence[Sources], live: Sequence[I64]) -> SourceArrays:
    """The sources of input 0's live rows, then of input 1's, and so on; live[i] are row numbers, ascending."""
    rows = np.concatenate(live)
    owners = np.repeat(np.arange(len(live)), [len(r) for r in live])
    lengths = [np.diff(s.starts)[r] for s, r in zip(inputs, live, strict=True)]
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    edges = block_edges(len(rows))
    copied = _copied(inputs, rows, owners, edges)
    frames: list[NDArray[np.uint8]] = []
    block = 0
    while block < len(edges) - 1:
        if copied[block]:
            one = inputs[owners[edges[block]]]
            frames.append(one.frame(int(rows[edges[block]] // SOURCE_BLOCK_DOCS)))
            block += 1
            continue
        end = block + 1
        while end < min(len(edges) - 1, block + BLOCKS_AT_ONCE) and not copied[end]:
            end += 1
        first, last = edges[block], edges[end]
        content = np.concatenate(list(_contents(inputs, rows[first:last], owners[first:last])))
        frames.extend(compress(content, starts[edges[block : end + 1]] - starts[first]))
        block = end
    blocks = np.concatenate([[0], np.cumsum([len(f) for f in frames])]).astype(np.int64)
    data = np.concatenate(frames) if frames else np.zeros(0, np.uint8)
    return SourceArrays(data, blocks, starts)


def _copied(inputs: Sequence[Sources], rows: I64, owners: I64, edges: I64) -> NDArray[np.bool_]:
    """bool[b]: whether a block of the result is, document for document, a whole block of one input."""
    first, last = edges[:-1], edges[1:] - 1
    count = edges[1:] - edges[:-1]
    sizes = np.array([s.documents for s in inputs], np.int64)
    begins = rows[first]
    held = np.minimum(sizes[owners[first]] - begins, SOURCE_BLOCK_DOCS)
    together = (owners[first] == owners[last]) & (rows[last] - begins == count - 1)
    alike = np.array([s.block_docs == SOURCE_BLOCK_DOCS for s in inputs])[owners[first]]
    whole: NDArray[np.bool_] = alike & together & (begins % SOURCE_BLOCK_DOCS == 0) & (held == count)
    return whole


def _contents(inputs: Sequence[Sources], rows: I64, owners: I64) -> Iterator[NDArray[np.uint8]]:
    """The bytes of these documents, input after input."""
    for owner in np.unique(owners):
        one, mine = inputs[owner], rows[owners == owner]
        numbers = np.unique(mine // one.block_docs)
        content = np.frombuffer(b"".join([one.block(int(n)) for n in numbers]), np.uint8)
        firsts = numbers * one.block_docs
        sizes = one.starts[np.minimum(firsts + one.block_docs, one.documents)] - one.starts[firsts]
        shifts = np.cumsum(sizes) - sizes - one.starts[firsts]
        shift = shifts[np.searchsorted(numbers, mine // one.block_docs)]
        order = np.arange(len(mine))
        data, starts = gather(content, one.starts[mine] + shift, one.starts[mine + 1] + shift, order)
        yield data[: starts[-1]]
