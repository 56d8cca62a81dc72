"""Scans of a sorted dictionary: which of the terms first <= t < end fit a pattern, a machine, a word within some edits.

Terms are UTF-8, one after another in `data` (8 readable bytes behind each), term t is data[starts[t]:starts[t + 1]].
"""

# mypy: disable-error-code="assignment,operator,index,arg-type,return-value,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, bit_count64
from pipeline.segments.columns.term_kernels import compare

ONE = 256  # symbols of a pattern beyond the bytes: one character
RUN = 257  # any run of characters, an empty one too
DEAD = 0  # the state of a machine that nothing leads out of
CHARACTERS_MAX = 1024  # of a term, as far as `edits_between` looks


@kernel
def fits_glob(data: U8Array, start: int, end: int, symbols: I64Array, folded: bool) -> bool:
    """Whether a string fits: greedily, going back only to the last `RUN`. `folded`: A-Z in the string count as a-z."""
    at, here = start, 0
    back, resume = np.int64(-1), start
    count = symbols.shape[0]
    while True:
        if here < count and symbols[here] == RUN:
            back, resume = here, at
            here += 1
            continue
        if at == end:
            if here == count:
                return True
        elif here < count:
            byte = np.int64(data[at])
            if symbols[here] == ONE:
                if byte & 0xC0 != 0x80:
                    at += 1
                    while at < end and data[at] & 0xC0 == 0x80:
                        at += 1
                    here += 1
                    continue
            else:
                if folded and 65 <= byte <= 90:
                    byte += 32
                if byte == symbols[here]:
                    at += 1
                    here += 1
                    continue
        if back < 0 or resume == end:
            return False
        resume += 1
        at, here = resume, back + 1


@kernel
def scan_globs(
    data: U8Array, starts: I64Array, first: int, end: int, symbols: I64Array, folded: bool, found: I64Array
) -> int:
    """Terms that fit, into `found` (of end - first); returns their count."""
    count = symbols.shape[0]
    least = 0  # bytes a term must have
    tail = 0  # literal bytes at the end of the pattern
    for i in range(count):
        if symbols[i] == RUN:
            tail = 0
            continue
        least += 1
        tail = tail + 1 if symbols[i] < ONE else 0
    total = 0
    for t in range(first, end):
        begin, stop = starts[t], starts[t + 1]
        if stop - begin < least:
            continue
        same = True
        for i in range(tail):
            byte = np.int64(data[stop - 1 - i])
            if folded and 65 <= byte <= 90:
                byte += 32
            if byte != symbols[count - 1 - i]:
                same = False
                break
        if same and fits_glob(data, begin, stop, symbols, folded):
            found[total] = t
            total += 1
    return total


@kernel
def character_at(data: U8Array, at: int) -> tuple[int, int]:
    """(code point, the bytes it takes) of the UTF-8 character at a position."""
    byte = np.int64(data[at])
    if byte < 0x80:
        return byte, np.int64(1)
    if byte < 0xE0:
        return ((byte & 0x1F) << 6) | (np.int64(data[at + 1]) & 0x3F), np.int64(2)
    if byte < 0xF0:
        high = ((byte & 0x0F) << 12) | ((np.int64(data[at + 1]) & 0x3F) << 6)
        return high | (np.int64(data[at + 2]) & 0x3F), np.int64(3)
    high = ((byte & 0x07) << 18) | ((np.int64(data[at + 1]) & 0x3F) << 12)
    return high | ((np.int64(data[at + 2]) & 0x3F) << 6) | (np.int64(data[at + 3]) & 0x3F), np.int64(4)


@kernel
def class_of(edges: I64Array, character: int) -> int:
    """The class of a code point: classes are [edges[i], edges[i + 1])."""
    low, high = 0, edges.shape[0] - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if edges[middle] <= character:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def after_prefix(data: U8Array, starts: I64Array, t: int, end: int, length: int) -> int:
    """The first term behind t that does not begin with t's first `length` bytes, by galloping; `end` at most."""
    base = address_of(data)
    step = np.int64(1)
    low = t
    while low + step < end and _shares(base, starts, t, low + step, length):
        low += step
        step <<= 1
    high = min(low + step, end)
    low += 1
    while low < high:
        middle = (low + high) >> 1
        if _shares(base, starts, t, middle, length):
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _shares(base: int, starts: I64Array, t: int, other: int, length: int) -> bool:
    if starts[other + 1] - starts[other] < length:
        return False
    return compare(base, starts[t], length, base, starts[other], length) == 0


@kernel
def scan_machine(
    data: U8Array,
    starts: I64Array,
    first: int,
    end: int,
    skipped: int,
    edges: I64Array,
    ascii_classes: I64Array,
    table: U32Array,
    accepting: U8Array,
    found: I64Array,
) -> int:
    """Terms that a deterministic machine accepts behind their first `skipped` bytes, into `found`; returns their count.

    table[state * classes + class] is the next state, state 1 the first, DEAD the end. The states of a term's beginning
    serve the next term as far as both begin alike; where a beginning leads nowhere all terms with it are passed over.
    """
    classes = edges.shape[0]
    states = np.empty(256, np.int64)
    states[0] = 1
    known = np.int64(0)  # states[0..known] are those of the previous term's first bytes
    previous = np.int64(-1)
    total = 0
    t = first
    while t < end:
        begin, length = starts[t] + skipped, starts[t + 1] - starts[t] - skipped
        if length >= states.shape[0]:
            larger = np.empty(2 * length, np.int64)
            for i in range(known + 1):
                larger[i] = states[i]
            states = larger
        at = np.int64(0)
        if previous >= 0:
            while at < known and at < length and data[starts[previous] + skipped + at] == data[begin + at]:
                at += 1
            while at > 0 and at < length and data[begin + at] & 0xC0 == 0x80:
                at -= 1
        state = states[at]
        while at < length and state != DEAD:
            byte = data[begin + at]
            if byte < 0x80:
                kind, size = ascii_classes[byte], np.int64(1)
            else:
                character, size = character_at(data, begin + at)
                kind = class_of(edges, character)
            state = np.int64(table[state * classes + kind])
            at += size
            states[at] = state
        known = at
        previous = t
        if state == DEAD:
            t = after_prefix(data, starts, t, end, skipped + at)
            continue
        if accepting[state]:
            found[total] = t
            total += 1
        t += 1
    return total


@kernel
def sign_terms(data: U8Array, starts: I64Array, signatures: U64Array, lengths: U32Array) -> None:
    """For each term which characters it has (bit = code point mod 64), and how many."""
    for t in range(starts.shape[0] - 1):
        at, stop = starts[t], starts[t + 1]
        word = np.uint64(0)
        count = 0
        while at < stop:
            byte = np.int64(data[at])
            size = np.int64(1)
            if byte >= 0x80:
                byte, size = character_at(data, at)
            word |= np.uint64(1) << np.uint64(byte & 63)
            at += size
            count += 1
        signatures[t] = word
        lengths[t] = count


@kernel
def edits_between(
    data: U8Array, start: int, end: int, word: I64Array, most: int, swaps: bool, characters: I64Array, rows: I64Array
) -> int:
    """Edits that turn `word` into the string, at most `most` + 1: insert, delete, replace, and swap neighbours where
    `swaps` (each place edited once: optimal string alignment, as Lucene's automata). `rows` holds 3 rows of len(word) + 1.
    """
    count = 0
    at = start
    while at < end:
        characters[count], size = character_at(data, at)
        at += size
        count += 1
        if count >= characters.shape[0]:
            return most + 1
    size = word.shape[0]
    if abs(count - size) > most:
        return most + 1
    width = size + 1
    for j in range(width):
        rows[j] = j
    for i in range(1, count + 1):
        here, above, over = (i % 3) * width, ((i - 1) % 3) * width, ((i + 1) % 3) * width
        rows[here] = i
        least = i
        for j in range(1, width):
            same = characters[i - 1] == word[j - 1]
            best = min(rows[above + j] + 1, rows[here + j - 1] + 1)
            best = min(best, rows[above + j - 1] + (0 if same else 1))
            if swaps and i > 1 and j > 1 and characters[i - 1] == word[j - 2] and characters[i - 2] == word[j - 1]:
                best = min(best, rows[over + j - 2] + 1)
            rows[here + j] = best
            least = min(least, best)
        if least > most:
            return most + 1
    return min(rows[(count % 3) * width + size], most + 1)


@kernel
def scan_similar(
    data: U8Array,
    starts: I64Array,
    first: int,
    end: int,
    skipped: int,
    signatures: U64Array,
    numbers: U32Array,
    bounds: I64Array,
    signature: int,
    word: I64Array,
    most: int,
    swaps: bool,
    found: I64Array,
    edits: I64Array,
) -> int:
    """Terms first <= t < end within `most` edits of the whole word, into `found` and `edits` (no order) as far as these have room;
    returns their count.

    Terms are numbered by length: those of n characters are numbers[bounds[n]:bounds[n + 1]], with their `signatures` beside. Terms
    are compared without their first `skipped` bytes, which they share with the query; `word` is the query's rest, `signature` of
    the whole. An edit changes at most two bits of a signature and one character in length, so most terms are not looked at, and
    most of the others passed over by one word each.
    """
    characters = np.empty(CHARACTERS_MAX, np.int64)
    rows = np.empty(3 * (word.shape[0] + 1), np.int64)
    total = 0
    size = word.shape[0]
    for i in range(skipped):  # characters of the shared beginning
        size += data[starts[first] + i] & 0xC0 != 0x80
    longest = bounds.shape[0] - 1
    for i in range(bounds[min(max(size - most, 0), longest)], bounds[min(size + most + 1, longest)]):
        if bit_count64(signatures[i] ^ np.uint64(signature)) > 2 * most:
            continue
        t = np.int64(numbers[i])
        if t < first or t >= end:
            continue
        distance = edits_between(data, starts[t] + skipped, starts[t + 1], word, most, swaps, characters, rows)
        if distance <= most:
            if total < found.shape[0]:
                found[total] = t
                edits[total] = distance
            total += 1
    return total
