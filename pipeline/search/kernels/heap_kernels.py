"""The best k hits as a heap whose root is the worst of them; of equal scores the lower offset is better.

Scores are float32; `offset` is that of the document's record, `row` is segment << 32 | document. The three arrays of a heap have its
capacity, which may be 0. Where rows are in the order of their offsets (`ordered`) a row may stand for its offset: offsets lie far apart in
memory, and only those of the last few hits are wanted.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value"

import numpy as np

from pipeline.kernels.arrays import F32Array, I64Array, U32Array
from pipeline.kernels.compile import kernel


@kernel
def worse(score: float, offset: int, other_score: float, other_offset: int) -> bool:
    """Whether the first hit ranks behind the second."""
    return score < other_score or (score == other_score and offset > other_offset)


@kernel
def push(scores: F32Array, offsets: I64Array, rows: I64Array, size: int, score: float, offset: int, row: int) -> int:
    """Put a hit into the heap of the best len(scores); returns how many it holds."""
    k = scores.shape[0]
    if size < k:
        at = size
        while at > 0:
            parent = (at - 1) >> 1
            if not worse(score, offset, scores[parent], offsets[parent]):
                break
            scores[at] = scores[parent]
            offsets[at] = offsets[parent]
            rows[at] = rows[parent]
            at = parent
        size += 1
    else:
        if not worse(scores[0], offsets[0], score, offset):
            return size
        at = 0
        while True:
            child = 2 * at + 1
            if child >= k:
                break
            if child + 1 < k and worse(scores[child + 1], offsets[child + 1], scores[child], offsets[child]):
                child += 1
            if not worse(scores[child], offsets[child], score, offset):
                break
            scores[at] = scores[child]
            offsets[at] = offsets[child]
            rows[at] = rows[child]
            at = child
    scores[at] = score
    offsets[at] = offset
    rows[at] = row
    return size


@kernel
def threshold(scores: F32Array, size: int, ordered: bool) -> float:
    """What a bound has to exceed for its documents to matter; -1 while the heap is not full."""
    if size < scores.shape[0]:
        return np.float64(-1)
    if ordered:
        return np.float64(scores[0])
    return np.float64(np.nextafter(scores[0], np.float32(-1)))


@kernel
def offer(
    scores: F32Array,
    ties: I64Array,
    rows: I64Array,
    size: int,
    score: float,
    row: int,
    offsets: I64Array,
    ordered: bool,
) -> int:
    """Put a document of a segment into the heap; returns how many it holds."""
    return push(scores, ties, rows, size, score, row if ordered else offsets[row & 0xFFFFFFFF], row)


@kernel
def holds(rows: I64Array, size: int, row: int) -> bool:
    """Whether a row is in the heap."""
    for i in range(size):
        if rows[i] == row:
            return True
    return False


@kernel
def push_scores(
    documents: U32Array,
    scores: F32Array,
    offsets: I64Array,
    row: int,
    heap_scores: F32Array,
    heap_offsets: I64Array,
    heap_rows: I64Array,
    size: int,
) -> int:
    """All matches of a segment into the heap; `row` is segment << 32."""
    k = heap_scores.shape[0]
    for i in range(documents.shape[0]):
        if size < k or scores[i] >= heap_scores[0]:
            document = documents[i]
            size = push(
                heap_scores, heap_offsets, heap_rows, size, scores[i], offsets[document], row + np.int64(document)
            )
    return size


@kernel
def sort_best_first(scores: F32Array, offsets: I64Array, rows: I64Array, size: int) -> None:
    """The heap's hits in order: the root, which is the worst, goes to the end again and again."""
    for end in range(size - 1, 0, -1):
        score, offset, row = scores[end], offsets[end], rows[end]
        scores[end], offsets[end], rows[end] = scores[0], offsets[0], rows[0]
        at = 0
        while True:
            child = 2 * at + 1
            if child >= end:
                break
            if child + 1 < end and worse(scores[child + 1], offsets[child + 1], scores[child], offsets[child]):
                child += 1
            if not worse(scores[child], offsets[child], score, offset):
                break
            scores[at], offsets[at], rows[at] = scores[child], offsets[child], rows[child]
            at = child
        scores[at], offsets[at], rows[at] = score, offset, row


@kernel
def finish(scores: F32Array, places: I64Array, size: int) -> None:
    """Hits in order, and their rows taken apart; places int64[3, k]: offsets and rows before, offsets, segments and documents after."""
    sort_best_first(scores, places[0], places[1], size)
    for i in range(size):
        row = places[1, i]
        places[1, i] = row >> 32
        places[2, i] = row & 0xFFFFFFFF
