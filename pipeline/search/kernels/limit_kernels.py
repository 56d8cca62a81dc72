"""Filters on the documents of one segment, looked at when a document matters: no mask is made of what is asked for once.

A limit is a row of int64: its kind, addresses, bounds. Columns of values answer for a document with one look. Of terms and lists the
documents are known in order, so where they are few they lead (``list_allowed``) and the query's postings are searched for them.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.pointer_kernels import i64_at, u32_at
from pipeline.kernels.simd_kernels import float64_of_bits, load8, load32, load64
from pipeline.segments.postings_kernels import BLOCK, decode_documents

# What a row says. VALUES int64, float64 or uint32 [LOW, HIGH], with STARTS (0: one a document) and PRESENT (0: everywhere); or bool
# or sorted uint32 documents. A term besides: its postings, from block FIRST to END, and how many documents it has or a list lists.
(
    KIND, VALUES, STARTS, PRESENT, LOW, HIGH, NEGATED, DATA, DATA_SIZE, LAST, OFFSET, BITS, BLOCKS, FIRST, END, DOCUMENTS,
    LIMIT_COLUMNS,
) = range(17)  # fmt: skip
EVERY, NEVER, WHOLE, FRACTION, ORDINAL, MASK, LIST, TERM = range(8)  # TERM: an ORDINAL with postings


@kernel
def _within(limit: I64Array, at: int) -> bool:
    """Whether a value lies within the bounds."""
    kind = limit[KIND]
    values = np.uintp(limit[VALUES])
    if kind == WHOLE:
        whole = np.int64(load64(values, at << 3))
        return limit[LOW] <= whole <= limit[HIGH]
    if kind == FRACTION:
        value = float64_of_bits(load64(values, at << 3))
        return float64_of_bits(np.uint64(limit[LOW])) <= value <= float64_of_bits(np.uint64(limit[HIGH]))
    ordinal = np.int64(load32(values, at << 2))
    return limit[LOW] <= ordinal <= limit[HIGH]


@kernel
def _holds(limit: I64Array, document: int) -> bool:
    """Whether a limit that has a column or a mask holds for a document, negation aside."""
    kind = limit[KIND]
    if kind <= NEVER:
        return kind == EVERY
    if kind == MASK:
        return load8(np.uintp(limit[VALUES]), document) != 0
    if limit[STARTS] != 0:
        starts = np.uintp(limit[STARTS])
        for at in range(np.int64(load64(starts, document << 3)), np.int64(load64(starts, (document + 1) << 3))):
            if _within(limit, at):
                return True
        return False
    if limit[PRESENT] != 0 and load8(np.uintp(limit[PRESENT]), document) == 0:
        return False
    return _within(limit, document)


@kernel
def passes(limits: I64Array, document: int) -> bool:
    """Whether a document is within all limits; none of them is a LIST, nor a TERM without ordinals."""
    for f in range(limits.shape[0]):
        if _holds(limits[f], document) == (limits[f, NEGATED] != 0):
            return False
    return True


@kernel
def fewest(limits: I64Array) -> int:
    """The limit that lists the fewest documents; -1: none lists them, -2: no document passes."""
    best = -1
    for f in range(limits.shape[0]):
        if limits[f, KIND] == NEVER and limits[f, NEGATED] == 0:
            return -2
        if limits[f, KIND] >= LIST and limits[f, NEGATED] == 0:
            if best < 0 or limits[f, DOCUMENTS] < limits[best, DOCUMENTS]:
                best = f
    return best


@kernel
def _documents_of(limit: I64Array, documents: U32Array) -> None:
    """The documents of a TERM or LIST, of which there are DOCUMENTS."""
    count = limit[DOCUMENTS]
    if limit[KIND] == LIST:
        documents[:count] = u32_at(limit[VALUES], count)
        return
    last, bits = u32_at(limit[LAST], limit[BLOCKS]), u32_at(limit[BITS], limit[BLOCKS])
    offset = i64_at(limit[OFFSET], limit[BLOCKS])
    base = np.uintp(limit[DATA])
    previous = np.int64(-1)
    at = np.int64(0)
    for block in range(limit[FIRST], limit[END]):
        at += decode_documents(base, offset[block], bits[block], np.int64(last[block]), previous, documents[at:])
        previous = np.int64(last[block])


@kernel
def settle(limits: I64Array, lead: int, size: int) -> tuple[I64Array, BoolArray]:
    """The limits but `lead`, those that only list documents as masks; and the masks, which must outlive their addresses."""
    kept = limits.copy()
    count = 0
    unseen = 0
    for f in range(limits.shape[0]):
        if f == lead:
            continue
        kept[count] = limits[f]
        unseen += limits[f, KIND] == LIST or (limits[f, KIND] == TERM and limits[f, VALUES] == 0)
        count += 1
    masks = np.zeros(unseen * size, np.bool_)
    at = 0
    for f in range(count):
        if kept[f, KIND] == LIST or (kept[f, KIND] == TERM and kept[f, VALUES] == 0):
            documents = np.empty(kept[f, DOCUMENTS] + BLOCK, np.uint32)
            _documents_of(kept[f], documents)
            for i in range(kept[f, DOCUMENTS]):
                masks[at + documents[i]] = True
            kept[f, VALUES] = np.int64(masks.ctypes.data) + at
            kept[f, KIND] = MASK
            at += size
    return kept[:count], masks


@kernel
def list_allowed(limits: I64Array, lead: int, others: I64Array, alive: BoolArray) -> U32Array:
    """The documents of limit `lead` that are within the others and alive (`alive` empty: all are)."""
    count = limits[lead, DOCUMENTS]
    documents = np.empty(count + BLOCK, np.uint32)
    _documents_of(limits[lead], documents)
    kept = np.int64(0)
    for i in range(count):
        document = documents[i]
        documents[kept] = document
        kept += (alive.shape[0] == 0 or alive[document]) and passes(others, np.int64(document))
    return documents[:kept]
