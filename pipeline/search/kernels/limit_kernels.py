"""Filters on the documents of one segment, looked at when a document matters: no mask is made of what is asked for once.

A limit is a row of int64: its kind, addresses, bounds. Columns of values answer for a document with one look; where the extremes of
its zone of rows (``zone_kernels``) decide, without one, and where they exclude the zones of many documents these are passed over
(``excluded``). Of terms and lists the documents are known in order, so where they are few they lead (``list_allowed``) and the query's
postings are searched for them.
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

import numpy as np

from pipeline.kernels.arrays import BoolArray, I64Array, U32Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.pointer_kernels import i64_at, u32_at
from pipeline.kernels.simd_kernels import address_of, float64_of_bits, load8, load16, load32, load64
from pipeline.segments.postings_kernels import BLOCK, decode_documents

# What a row says. VALUES int64, float64 or WIDTH bytes of ordinal [LOW, HIGH], with STARTS (0: one a document) and PRESENT (0:
# everywhere); or bool or sorted uint32 documents. ZONE_LEAST (0: no zones), ZONE_MOST, ZONE_LACKS: the extremes of zones, to compare with
# ZONE_LOW and ZONE_HIGH. A term besides: its postings, from block FIRST to END, and how many documents it has or a list lists.
(
    KIND, VALUES, STARTS, PRESENT, LOW, HIGH, NEGATED, WIDTH, ZONE_LEAST, ZONE_MOST, ZONE_LACKS, ZONE_LOW, ZONE_HIGH, DATA,
    DATA_SIZE, LAST, OFFSET, BITS, BLOCKS, FIRST, END, DOCUMENTS, LIMIT_COLUMNS,
) = range(23)  # fmt: skip
ZONE_SHIFT = 10  # rows of a zone: ``columns.ZONE_ROWS``
ZONES_MAX = 16  # zones looked at to pass over the documents of a block
OUTSIDE, UNKNOWN, INSIDE = range(3)
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
    width = limit[WIDTH]
    if width == 1:
        ordinal = np.int64(load8(values, at))
    elif width == 2:
        ordinal = np.int64(load16(values, at << 1))
    else:
        ordinal = np.int64(load32(values, at << 2))
    return limit[LOW] <= ordinal <= limit[HIGH]


@kernel
def _of_zone(limit: I64Array, zone: int) -> int:
    """Whether all rows of a zone lie OUTSIDE the bounds, all INSIDE, or it is UNKNOWN."""
    least = np.int64(load64(np.uintp(limit[ZONE_LEAST]), zone << 3))
    most = np.int64(load64(np.uintp(limit[ZONE_MOST]), zone << 3))
    if most < limit[ZONE_LOW] or least > limit[ZONE_HIGH]:
        return OUTSIDE
    if limit[ZONE_LOW] <= least and most <= limit[ZONE_HIGH] and load8(np.uintp(limit[ZONE_LACKS]), zone) == 0:
        return INSIDE
    return UNKNOWN


@kernel
def undecided_zones(limit: I64Array, zones: int) -> int:
    """How many of a segment's zones do not tell whether their documents are within the bounds."""
    count = 0
    for zone in range(zones):
        count += _of_zone(limit, zone) == UNKNOWN
    return count


@kernel
def excluded(limits: I64Array, first: int, last: int) -> bool:
    """Whether zones say that none of the documents from `first` to `last` passes."""
    low, high = first >> ZONE_SHIFT, last >> ZONE_SHIFT
    if high - low >= ZONES_MAX:
        return False
    for f in range(limits.shape[0]):
        if limits[f, ZONE_LEAST] == 0 or limits[f, NEGATED] != 0:
            continue
        zone = low
        while zone <= high and _of_zone(limits[f], zone) == OUTSIDE:
            zone += 1
        if zone > high:
            return True
    return False


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
    if limit[ZONE_LEAST] != 0:
        known = _of_zone(limit, document >> ZONE_SHIFT)
        if known != UNKNOWN:
            return known == INSIDE
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
def _documents_of(limit: I64Array, others: I64Array, documents: U32Array) -> int:
    """The documents of a TERM or LIST, but for those in blocks that others exclude; returns how many."""
    if limit[KIND] == LIST:
        for i in range(limit[DOCUMENTS]):
            documents[i] = load32(np.uintp(limit[VALUES]), i << 2)
        return limit[DOCUMENTS]
    last, bits = u32_at(limit[LAST], limit[BLOCKS]), u32_at(limit[BITS], limit[BLOCKS])
    offset = i64_at(limit[OFFSET], limit[BLOCKS])
    base = np.uintp(limit[DATA])
    previous = np.int64(-1)
    at = np.int64(0)
    for block in range(limit[FIRST], limit[END]):
        if not excluded(others, previous + 1, np.int64(last[block])):
            at += decode_documents(base, offset[block], bits[block], np.int64(last[block]), previous, documents[at:])
        previous = np.int64(last[block])
    return at


@kernel
def settle(limits: I64Array, lead: int, size: int) -> tuple[I64Array, BoolArray]:
    """The limits but `lead`, those that only list documents as masks; and the masks, which must outlive their addresses."""
    kept = np.empty(limits.shape, np.int64)
    count = 0
    unseen = 0
    for f in range(limits.shape[0]):
        if f == lead:
            continue
        for column in range(limits.shape[1]):
            kept[count, column] = limits[f, column]
        unseen += limits[f, KIND] == LIST or (limits[f, KIND] == TERM and limits[f, VALUES] == 0)
        count += 1
    masks = np.zeros(unseen * size, np.bool_)
    at = np.int64(0)
    for f in range(count):
        limit = kept[f]
        if limit[KIND] == LIST or (limit[KIND] == TERM and limit[VALUES] == 0):
            documents = np.empty(limit[DOCUMENTS] + BLOCK, np.uint32)
            for i in range(_documents_of(limit, kept[:0], documents)):
                masks[at + documents[i]] = True
            limit[VALUES] = np.int64(address_of(masks)) + at
            limit[KIND] = MASK
            limit[ZONE_LEAST] = 0
            at += size
    return kept[:count], masks


@kernel
def list_allowed(limits: I64Array, lead: int, others: I64Array, alive: BoolArray) -> U32Array:
    """The documents of limit `lead` that are within the others and alive (`alive` empty: all are)."""
    documents = np.empty(limits[lead, DOCUMENTS] + BLOCK, np.uint32)
    count = _documents_of(limits[lead], others, documents)
    kept = np.int64(0)
    for i in range(count):
        document = documents[i]
        documents[kept] = document
        kept += (alive.shape[0] == 0 or alive[document]) and passes(others, np.int64(document))
    return documents[:kept]
