# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""Leaves of one field to strings; slices to contiguous columns; lines.

``order_by_group`` is a counting sort of the tape: the leaves of group g, in document order, are
``order[first[g]:first[g + 1]]``. Everything below takes such a run of leaves.
"""

import numpy as np

from pipeline.json_columns.kernels.mask_kernels import ZERO, high_mask, unescape
from pipeline.json_columns.kernels.number_kernels import ABSENT, IS_NULL, IS_OBJECT, TAKEN
from pipeline.json_columns.kernels.scalar_kernels import (
    EMPTY_ARRAY,
    ESCAPED_FLAG,
    KIND,
    NON_ASCII_FLAG,
    NULL,
    OBJECT,
)
from pipeline.json_columns.kernels.tape_kernels import (
    TapeArrays,
)
from pipeline.kernels.arrays import BoolArray, I32Array, I64Array, U8Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import (
    address_of,
    any_of,
    byte_mask,
    copy64,
    trailing_zeros64,
)

newline_mask = byte_mask(any_of(b"\n"))
TOO_LONG = 11  # a fate besides those of number_kernels: longer than ignore_above


@kernel
def order_by_group(
    leaf_paths: I32Array, leaves: int, group_of_path: I32Array, groups: int
) -> tuple[I64Array, I32Array]:
    """(first int64[groups + 1], order int32[...]); leaves of paths in group -1 are left out."""
    first = np.zeros(groups + 1, np.int64)
    for i in range(leaves):
        g = group_of_path[leaf_paths[i]]
        if g >= 0:
            first[g + 1] += 1
    for g in range(groups):
        first[g + 1] += first[g]
    order = np.empty(first[groups], np.int32)
    cursor = first[:-1].copy()
    for i in range(leaves):
        g = group_of_path[leaf_paths[i]]
        if g >= 0:
            order[cursor[g]] = i
            cursor[g] += 1
    return first, order


@kernel
def measure_texts(
    leaves: I32Array, tape: TapeArrays, units_max: int, null_length: int, status: U8Array
) -> tuple[int, int]:
    """The fate of each leaf as a string, and (how many are taken, an upper bound of their bytes).

    ``units_max``: what is certainly longer (in UTF-16 units) is TOO_LONG; ``gather_texts`` decides the rest.
    ``null_length`` >= 0: an explicit null is taken, and is that long.
    """
    taken = 0
    size = np.int64(0)
    for i in range(leaves.shape[0]):
        leaf = leaves[i]
        kind = tape.kinds[leaf] & KIND
        fate = TAKEN
        if kind == OBJECT:
            fate = IS_OBJECT
        elif kind == EMPTY_ARRAY:
            fate = ABSENT
        elif kind == NULL:
            if null_length < 0:
                fate = IS_NULL
            else:
                size += null_length
                taken += 1
        else:
            length = tape.ends[leaf] - tape.starts[leaf] - tape.cuts[leaf]
            # a UTF-16 unit is one to three bytes of UTF-8
            longest = 3 * units_max if tape.kinds[leaf] & NON_ASCII_FLAG else units_max
            if length > longest:
                fate = TOO_LONG
            else:
                size += length
                taken += 1
        status[i] = fate
    return taken, size


@kernel
def utf16_units(data: U8Array, start: int, end: int) -> int:
    """The length of data[start:end] in UTF-16 units, as Java counts."""
    units = np.int64(0)
    for i in range(start, end):
        c = data[i]
        if c < 0x80 or c >= 0xC0:
            units += 2 if c >= 0xF0 else 1
    return units


@kernel
def gather_texts(
    data: U8Array,
    leaves: I32Array,
    tape: TapeArrays,
    units_max: int,
    null_value: U8Array,
    null_length: int,
    status: U8Array,
    origin: int,
    out: U8Array,
    starts: I64Array,
    rows: I32Array,
) -> int:
    """Copy the leaves that are TAKEN one behind the other to out[origin:], unescaped; how many there are.

    Writes up to 64 bytes too many. ``null_value`` needs 64 readable bytes behind its end.
    """
    base = address_of(data)
    out_base = address_of(out)
    null_base = address_of(null_value)
    count = 0
    o = origin
    for i in range(leaves.shape[0]):
        if status[i] != TAKEN:
            continue
        leaf = leaves[i]
        begin = o
        source = base
        start = tape.starts[leaf]
        end = tape.ends[leaf]
        if (tape.kinds[leaf] & KIND) == NULL:
            source = null_base
            start = np.int64(0)
            end = np.int64(null_length)
        if tape.kinds[leaf] & ESCAPED_FLAG:
            o = unescape(data, base, start, end, out, out_base, o)
        else:
            length = end - start
            j = np.int64(0)
            while j < length:
                copy64(source, start + j, out_base, o + j)
                j += 64
            o += length
        if o - begin > units_max and (tape.kinds[leaf] & KIND) != NULL and utf16_units(out, begin, o) > units_max:
            o = begin
            status[i] = TOO_LONG
            continue
        starts[count] = begin
        rows[count] = tape.rows[leaf]
        count += 1
    starts[count] = o
    return count


@kernel
def copy_slices(
    data: U8Array, starts: I64Array, ends: I64Array, origin: int, out: U8Array, out_starts: I64Array
) -> int:
    """Copy the slices data[starts[i]:ends[i]] one behind the other to out[origin:]; where the last one ends.

    Reads and writes up to 64 bytes too many.
    """
    base = address_of(data)
    out_base = address_of(out)
    o = origin
    for i in range(starts.shape[0]):
        out_starts[i] = o
        length = ends[i] - starts[i]
        j = np.int64(0)
        while j < length:
            copy64(base, starts[i] + j, out_base, o + j)
            j += 64
        o += length
    out_starts[starts.shape[0]] = o
    return o


@kernel
def find_lines(data: U8Array, size: int, starts: I64Array, ends: I64Array) -> int:
    r"""Lines of data[:size] without their ends (\n, \r\n); how many there are. The last one may lack its end.

    With empty ``starts`` lines are counted only. Reads up to 64 bytes too many.
    """
    base = address_of(data)
    keep = starts.shape[0] > 0
    count = 0
    start = np.int64(0)
    i = np.int64(0)
    while i < size:
        found = newline_mask(base, i)
        while found != ZERO:
            at = i + trailing_zeros64(found)
            found &= found - np.uint64(1)
            if at >= size:
                break
            if keep:
                starts[count] = start
                ends[count] = at - 1 if at > start and data[at - 1] == 13 else at
            count += 1
            start = at + 1
        i += 64
    if start < size:
        if keep:
            starts[count] = start
            ends[count] = size - 1 if data[size - 1] == 13 else size
        count += 1
    return count


@kernel
def keep_rows(rows: I32Array, row_to_doc: I32Array, kept: I64Array, docs: I32Array) -> int:
    """Which values stay, as positions and as their documents; how many there are."""
    count = 0
    for i in range(rows.shape[0]):
        doc = row_to_doc[rows[i]]
        if doc >= 0:
            kept[count] = i
            docs[count] = doc
            count += 1
    return count


@kernel
def any_high(data: U8Array, start: int, end: int) -> bool:
    """Is there a byte beyond ASCII?"""
    base = address_of(data)
    i = start
    while i < end:
        found = high_mask(base, i)
        if end - i < 64:
            found &= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - (end - i))
        if found != ZERO:
            return True
        i += 64
    return False


@kernel
def mark_rows(leaf_rows: I32Array, leaves: I32Array, marked: BoolArray) -> None:
    """Set marked[row] for the rows of some leaves."""
    for leaf in leaves:
        marked[leaf_rows[leaf]] = True
