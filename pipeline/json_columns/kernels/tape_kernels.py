# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""Stage two of the JSON scanner: documents to a tape of leaves; the table of paths.

A state machine walks the marks of stage one (``mask_kernels``). Each key is interned under its parent: (parent path, key
bytes) -> path number, by open addressing. Each leaf (string, number, literal, object, empty array) becomes one entry
of the tape. Path *numbers* depend on the order of arrival, path *names* do not; nothing else that a document yields
depends on its neighbours.

    {"a": {"b": [1, "x"]}, "c": null}      paths  0 a    1 a/b    2 c
    tape   object a   whole 1 a/b   string x a/b   null c

A document either goes onto the tape as a whole or becomes one error: then its leaves and the paths it added are taken
back. Where an array is too small the kernel returns before the document, and goes on after the caller has grown it.
"""

from typing import NamedTuple

import numpy as np

from pipeline.json_columns.kernels.mask_kernels import (
    FULL,
    ZERO,
    check_escapes,
    count_bits,
    find_marks,
    unescape,
    utf8_error_at,
)
from pipeline.json_columns.kernels.scalar_kernels import (
    EMPTY_ARRAY,
    ESCAPED_FLAG,
    IN_ARRAY_FLAG,
    NON_ASCII_FLAG,
    OBJECT,
    STRING,
    UNEXPECTED,
    read_scalar,
)
from pipeline.kernels.arrays import BoolArray, I32Array, I64Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load64
from schemas.limits import DEPTH_MAX

# codes of errors; their words stand in json_columns.rejects
_unexpected, TRUNCATED, _escape, CONTROL, _surrogate, BAD_UTF8, TOO_DEEP, _not_a_number = range(1, 9)
TRAILING, NOT_AN_OBJECT, DUPLICATE_KEY, TOO_MANY_PATHS, KEY_TOO_LONG, EMPTY_DOCUMENT = range(9, 15)

DOCUMENT_PATHS_MAX = 10_000  # distinct paths of one document
KEY_BYTES_MAX = 50_000  # as Jackson's limit of a name

# indices of the state that survives a call
(
    NEXT_ROW,
    LEAVES,
    PATHS,
    ARENA_END,
    OBJECTS,
    ERRORS,
    LEAVES_WANTED,
    PATHS_WANTED,
    ARENA_WANTED,
    STATE_SIZE,
) = range(10)

MULTIPLY_A = np.uint64(0x9E3779B97F4A7C15)
MULTIPLY_B = np.uint64(0xD6E8FEB86659FD93)


class PathArrays(NamedTuple):
    """The table of paths: ``slots`` int32[power of two] holds path numbers or -1; the others have a place per path.

    ``touched`` is the number of the object that had this key last. ``arena`` holds the keys' bytes.
    """

    slots: I32Array
    hashes: U64Array
    parents: I32Array
    offsets: I64Array
    lengths: I32Array
    slot_of: I64Array
    touched: I64Array
    arena: U8Array


class TapeArrays(NamedTuple):
    """The leaves, in document order. ``starts`` and ``ends`` are positions in the data, a string's quotes left out."""

    rows: I32Array
    paths: I32Array
    kinds: U8Array
    starts: I64Array
    ends: I64Array
    cuts: I32Array  # bytes that unescaping removes


class ErrorArrays(NamedTuple):
    """The documents that are not well formed: row, position in the document, code."""

    rows: I32Array
    positions: I64Array
    codes: U8Array


class Scratch(NamedTuple):
    """Stage one's output for one document."""

    marks: I32Array
    escapes: U64Array
    hard: U64Array
    highs: U64Array


@kernel(inline="always")
def find_path(
    base: int,
    offset: int,
    length: int,
    parent: int,
    seed: int,
    slots: I32Array,
    hashes: U64Array,
    parents: I32Array,
    offsets: I64Array,
    lengths: I32Array,
    arena: int,
) -> tuple[int, int, int]:
    """The path (parent, key): its number, or -1; its hash; the slot where it is or belongs."""
    mask = np.uint64(slots.shape[0] - 1)
    h = (np.uint64(parent + 1) * MULTIPLY_B) ^ seed ^ np.uint64(length)
    j = 0
    while j + 8 < length:
        h = (h ^ load64(base, offset + j)) * MULTIPLY_A
        h ^= h >> np.uint64(29)
        j += 8
    tail = FULL >> np.uint64(64 - 8 * (length - j)) if length > 0 else ZERO
    word = load64(base, offset + j) & tail
    h = (h ^ word) * MULTIPLY_A
    h ^= h >> np.uint64(32)
    slot = np.int64((h >> np.uint64(8)) & mask)
    found = np.int64(-1)
    while slots[slot] >= 0:
        t = np.int64(slots[slot])
        if hashes[t] == h and parents[t] == parent and lengths[t] == length:
            there = offsets[t]
            j = 0
            while j + 8 < length and load64(base, offset + j) == load64(arena, there + j):
                j += 8
            if j + 8 >= length and word == (load64(arena, there + j) & tail):
                found = t
                break
        slot = np.int64(np.uint64(slot + 1) & mask)
    return found, h, slot


@kernel
def fill_slots(paths: PathArrays, count: int) -> None:
    """Register the first ``count`` paths in an empty slot array (after it grew)."""
    mask = np.uint64(paths.slots.shape[0] - 1)
    paths.slots[:] = -1
    for i in range(count):
        slot = np.int64((paths.hashes[i] >> np.uint64(8)) & mask)
        while paths.slots[slot] >= 0:
            slot = np.int64(np.uint64(slot + 1) & mask)
        paths.slots[slot] = i
        paths.slot_of[i] = slot


@kernel
def scan_documents(
    data: U8Array,
    starts: I64Array,
    ends: I64Array,
    absent: BoolArray,
    seed: int,
    state: I64Array,
    paths: PathArrays,
    tape: TapeArrays,
    errors: ErrorArrays,
    scratch: Scratch,
) -> None:
    """Scan documents data[starts[i]:ends[i]] from state[NEXT_ROW] on, those that are ``absent`` left out.

    Reads up to 64 bytes behind a document. Returns at the end, or before a document for which state[*_WANTED]
    exceeds what there is.
    """
    base = address_of(data)
    # taken out of the tuples once: numba counts references at each access
    leaf_rows, leaf_paths, leaf_kinds, leaf_starts, leaf_ends, leaf_cuts = tape
    (
        path_slots,
        path_hashes,
        path_parents,
        path_offsets,
        path_lengths,
        path_slot_of,
        path_touched,
        arena,
    ) = paths
    marks, escapes, hard, highs = scratch
    error_rows, error_positions, error_codes = errors
    arena_base = address_of(arena)
    rows = starts.shape[0]
    # per open container: is it an object, its path, its number, the path of its current key, its leaf, its position
    is_object = np.zeros(DEPTH_MAX + 2, np.bool_)
    path_at = np.zeros(DEPTH_MAX + 2, np.int64)
    number_at = np.zeros(DEPTH_MAX + 2, np.int64)
    key_at = np.zeros(DEPTH_MAX + 2, np.int64)
    leaf_at = np.full(DEPTH_MAX + 2, -1, np.int64)
    opened_at = np.zeros(DEPTH_MAX + 2, np.int64)
    row = state[NEXT_ROW]
    leaves = state[LEAVES]
    known = state[PATHS]
    arena_end = state[ARENA_END]
    objects = state[OBJECTS]
    failed = state[ERRORS]
    while row < rows:
        if absent[row]:
            row += 1
            continue
        o0 = starts[row]
        o1 = ends[row]
        n, has_escapes, has_high, control_at, _open = find_marks(base, o0, o1, marks, escapes, hard, highs)
        # a leaf has a mark of its own and one before it; a key has two quotes and a colon
        state[LEAVES_WANTED] = leaves + n // 2 + 2
        state[PATHS_WANTED] = known + min(n // 3, DOCUMENT_PATHS_MAX) + 2
        if state[LEAVES_WANTED] > leaf_rows.shape[0] or state[PATHS_WANTED] > path_hashes.shape[0]:
            break
        leaves_before = leaves
        known_before = known
        arena_before = arena_end
        objects_before = objects
        distinct = 0
        k = 0
        depth = 0
        # 0 first key or }   1 key   2 value   3 first value or ]   4 after a value   5 done
        expected = 2
        code = 0
        position = np.int64(0)
        arena_full = False
        if n == 0:
            code = EMPTY_DOCUMENT
            expected = 5
        elif data[o0 + marks[0]] != 123:
            code = NOT_AN_OBJECT
            position = np.int64(marks[0])
            k = n
        while k < n:
            p = np.int64(marks[k])
            c = data[o0 + p]
            k += 1
            value_done = False
            closes = False
            if expected == 4:
                if c == 44:
                    expected = 1 if is_object[depth] else 2
                elif (c == 125 and is_object[depth]) or (c == 93 and not is_object[depth]):
                    closes = True
                else:
                    code = UNEXPECTED
                    position = p
                    break
            elif expected <= 1:
                if c == 125 and expected == 0:
                    closes = True
                elif c != 34:
                    code = UNEXPECTED
                    position = p
                    break
                else:
                    if k + 1 >= n:
                        code = TRUNCATED
                        position = o1 - o0
                        break
                    a = p + 1
                    b = np.int64(marks[k])
                    if data[o0 + marks[k + 1]] != 58:
                        code = UNEXPECTED
                        position = np.int64(marks[k + 1])
                        break
                    k += 2
                    if b - a > KEY_BYTES_MAX:
                        code = KEY_TOO_LONG
                        position = p
                        break
                    if arena_end + b - a + 128 > arena.shape[0]:
                        arena_full = True
                        break
                    key_base = base
                    key_offset = o0 + a
                    length = b - a
                    in_arena = False
                    if has_escapes and count_bits(escapes, a, b) > 0:
                        code, position, _, _ = check_escapes(data, o0, hard, a, b)
                        if code != 0:
                            break
                        length = unescape(data, base, o0 + a, o0 + b, arena, arena_base, arena_end) - arena_end
                        key_base = arena_base
                        key_offset = arena_end
                        in_arena = True
                    t, h, slot = find_path(
                        key_base,
                        key_offset,
                        length,
                        path_at[depth],
                        seed,
                        path_slots,
                        path_hashes,
                        path_parents,
                        path_offsets,
                        path_lengths,
                        arena_base,
                    )
                    if t < 0:
                        t = known
                        path_slots[slot] = t
                        path_hashes[t] = h
                        path_parents[t] = path_at[depth]
                        path_offsets[t] = arena_end
                        path_lengths[t] = length
                        path_slot_of[t] = slot
                        path_touched[t] = -1
                        if not in_arena:
                            for j in range(length):
                                arena[arena_end + j] = data[o0 + a + j]
                        known += 1
                        arena_end += length
                    if path_touched[t] == number_at[depth]:
                        code = DUPLICATE_KEY
                        position = p
                        break
                    if path_touched[t] <= objects_before:
                        distinct += 1
                        if distinct > DOCUMENT_PATHS_MAX:
                            code = TOO_MANY_PATHS
                            position = p
                            break
                    path_touched[t] = number_at[depth]
                    key_at[depth] = t
                    expected = 2
            elif expected == 5:
                code = TRAILING
                position = p
                break
            elif c == 93 and expected == 3:
                closes = True
            else:
                if is_object[depth]:
                    t = key_at[depth]
                    flags = 0
                else:
                    t = path_at[depth]
                    flags = IN_ARRAY_FLAG
                a = p
                b = p
                cut = np.int64(0)
                kind = -1
                if c == 123 or c == 91:
                    if depth >= DEPTH_MAX:
                        code = TOO_DEEP
                        position = p
                        break
                    inner = np.int64(-1) if depth == 0 else t
                    depth += 1
                    path_at[depth] = inner
                    is_object[depth] = c == 123
                    leaf_at[depth] = -1
                    opened_at[depth] = p
                    expected = 3
                    if c == 123:
                        objects += 1
                        number_at[depth] = objects
                        expected = 0
                        if depth > 1:
                            kind = OBJECT | flags
                            leaf_at[depth] = leaves
                elif c == 34:
                    if k >= n:
                        code = TRUNCATED
                        position = o1 - o0
                        break
                    a = p + 1
                    b = np.int64(marks[k])
                    k += 1
                    kind = STRING | flags
                    if has_high and count_bits(highs, a, b) > 0:
                        kind |= NON_ASCII_FLAG
                    if has_escapes:
                        cut = count_bits(escapes, a, b)
                        if cut > 0:
                            code, position, more, flag = check_escapes(data, o0, hard, a, b)
                            if code != 0:
                                break
                            kind |= ESCAPED_FLAG | flag
                            cut += more
                    value_done = True
                else:
                    kind, b = read_scalar(data, base, o0 + p, o1)
                    if kind < 0:
                        code = -kind
                        position = p
                        break
                    b -= o0
                    kind |= flags
                    value_done = True
                if kind >= 0:
                    leaf_rows[leaves] = row
                    leaf_paths[leaves] = t
                    leaf_kinds[leaves] = kind
                    leaf_starts[leaves] = o0 + a
                    leaf_ends[leaves] = o0 + b
                    leaf_cuts[leaves] = cut
                    leaves += 1
            if closes:
                if expected == 3:  # an empty array: the only trace of a field that has no value
                    leaf_rows[leaves] = row
                    leaf_paths[leaves] = path_at[depth]
                    leaf_kinds[leaves] = EMPTY_ARRAY
                    leaf_starts[leaves] = o0 + opened_at[depth]
                    leaf_ends[leaves] = o0 + p + 1
                    leaf_cuts[leaves] = 0
                    leaves += 1
                if leaf_at[depth] >= 0:
                    leaf_ends[leaf_at[depth]] = o0 + p + 1
                depth -= 1
                if depth == 0:
                    expected = 5
                else:
                    value_done = True
            if value_done:
                expected = 4
        if code == 0 and expected != 5 and not arena_full:
            code = TRUNCATED
            position = o1 - o0
        # the earliest of: syntax error, control character in a string, ill-formed UTF-8
        if control_at >= 0 and (code == 0 or control_at < position):
            code = CONTROL
            position = control_at
        if has_high and not arena_full:
            bad = utf8_error_at(data, base, o0, o1)
            if bad >= 0 and (code == 0 or bad - o0 < position):
                code = BAD_UTF8
                position = bad - o0
        if code != 0 or arena_full:
            for j in range(known_before, known):
                path_slots[path_slot_of[j]] = -1
            known = known_before
            leaves = leaves_before
            arena_end = arena_before
            if arena_full:
                state[ARENA_WANTED] = 2 * arena.shape[0] + KEY_BYTES_MAX
                break
            error_rows[failed] = row
            error_positions[failed] = position
            error_codes[failed] = code
            failed += 1
        row += 1
    state[NEXT_ROW] = row
    state[LEAVES] = leaves
    state[PATHS] = known
    state[ARENA_END] = arena_end
    state[OBJECTS] = objects
    state[ERRORS] = failed
