"""Dictionaries of terms: sorting, gathering and finding byte strings, eight bytes at a time.

Byte strings are ordered as unsigned bytes, a prefix before what it is a prefix of. Eight bytes loaded as a big-endian word
compare like the bytes do; a shorter rest is filled up with zeros and, where words are equal, length decides.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array, U64Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, byte_swap64, load64

FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
INSERTION_RUN = 12


@kernel
def word_at(base: int, offset: int, length: int) -> int:
    """The first eight of length bytes as a big-endian word, filled up with zeros. Reads 8 bytes."""
    if length <= 0:
        return np.uint64(0)
    word = byte_swap64(load64(base, offset))
    if length < 8:
        word &= ~(FULL >> np.uint64(8 * length))
    return word


@kernel
def compare(base: int, offset: int, length: int, other: int, other_offset: int, other_length: int) -> int:
    """-1, 0 or 1: how two byte strings are ordered."""
    j = np.int64(0)
    shorter = min(length, other_length)
    while j < shorter:
        a = word_at(base, offset + j, length - j)
        b = word_at(other, other_offset + j, other_length - j)
        if a != b:
            return -1 if a < b else 1
        j += 8
    if length == other_length:
        return 0
    return -1 if length < other_length else 1


@kernel
def prefix_words(data: U8Array, begins: I64Array, ends: I64Array) -> U64Array:
    """The first eight bytes of each string as a word to sort by."""
    base = address_of(data)
    words = np.empty(begins.shape[0], np.uint64)
    for t in range(begins.shape[0]):
        words[t] = word_at(base, begins[t], ends[t] - begins[t])
    return words


@kernel
def _less(base: int, begins: I64Array, ends: I64Array, a: int, b: int) -> bool:
    """Whether string a sorts before b, their first words being equal; equal strings by number."""
    length, other = ends[a] - begins[a], ends[b] - begins[b]
    if length <= 8 or other <= 8:
        return length < other or (length == other and a < b)
    order = compare(base, begins[a] + 8, length - 8, base, begins[b] + 8, other - 8)
    return order < 0 or (order == 0 and a < b)


@kernel
def sort_ties(order: I64Array, words: U64Array, data: U8Array, begins: I64Array, ends: I64Array) -> None:
    """Finish an order that is sorted by words only: runs of equal words by merge sort on the rest of the strings.

    Equal strings end up in the order of their numbers.
    """
    base = address_of(data)
    spare = np.empty(order.shape[0], np.int64)
    count = order.shape[0]
    run = 0
    while run < count:
        end = run + 1
        while end < count and words[order[end]] == words[order[run]]:
            end += 1
        for low in range(run, end, INSERTION_RUN):
            high = min(low + INSERTION_RUN, end)
            for i in range(low + 1, high):
                x = order[i]
                j = i
                while j > low and _less(base, begins, ends, x, order[j - 1]):
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = x
        width = INSERTION_RUN
        while width < end - run:
            for low in range(run, end - width, 2 * width):
                middle = low + width
                high = min(middle + width, end)
                a, b = low, middle
                for i in range(low, high):
                    if b >= high or (a < middle and not _less(base, begins, ends, order[b], order[a])):
                        spare[i] = order[a]
                        a += 1
                    else:
                        spare[i] = order[b]
                        b += 1
                for i in range(low, high):
                    order[i] = spare[i]
            width *= 2
        run = end


@kernel
def groups_of_equals(order: I64Array, data: U8Array, begins: I64Array, ends: I64Array) -> I64Array:
    """Where each run of equal strings begins in a complete order, and its length at the end: int64[groups + 1]."""
    base = address_of(data)
    edges = np.empty(order.shape[0] + 1, np.int64)
    groups = 0
    for i in range(order.shape[0]):
        if i > 0:
            a, b = order[i - 1], order[i]
            length = ends[a] - begins[a]
            if ends[b] - begins[b] == length and (compare(base, begins[a], length, base, begins[b], length) == 0):
                continue
        edges[groups] = i
        groups += 1
    edges[groups] = order.shape[0]
    return edges[: groups + 1]


@kernel
def lower_bound(data: U8Array, starts: I64Array, targets: U8Array, begin: int, length: int) -> int:
    """How many of the sorted strings are less than targets[begin:begin + length]. Both arrays are padded."""
    return bound_between(data, starts, targets, begin, length, np.int64(0), np.int64(starts.shape[0] - 1))


@kernel
def bound_between(
    data: U8Array, starts: I64Array, targets: U8Array, begin: int, length: int, low: int, high: int
) -> int:
    """The same, where it is known to lie in [low, high]."""
    base, target = address_of(data), address_of(targets)
    while low < high:
        middle = (low + high) >> 1
        at = starts[middle]
        if compare(base, at, starts[middle + 1] - at, target, begin, length) < 0:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def guide_words(data: U8Array, starts: I64Array, step: int, words: U64Array) -> None:
    """The first eight bytes of every `step`-th of the sorted strings: a guide to them that is small enough to stay near."""
    base = address_of(data)
    for i in range(words.shape[0]):
        at = starts[i * step]
        words[i] = word_at(base, at, starts[i * step + 1] - at)


@kernel
def guided_bound(
    data: U8Array, starts: I64Array, targets: U8Array, begin: int, length: int, step: int, words: U64Array
) -> int:
    """``lower_bound`` with the words of ``guide_words``."""
    word = word_at(address_of(targets), begin, length)
    low, high = np.int64(0), np.int64(words.shape[0])
    while low < high:
        middle = (low + high) >> 1
        if words[middle] < word:
            low = middle + 1
        else:
            high = middle
    after = low
    high = np.int64(words.shape[0])
    while after < high:
        middle = (after + high) >> 1
        if words[middle] <= word:
            after = middle + 1
        else:
            high = middle
    count = np.int64(starts.shape[0] - 1)
    return bound_between(data, starts, targets, begin, length, max(0, (low - 1) * step + 1), min(after * step, count))


@kernel
def find_all(data: U8Array, starts: I64Array, targets: U8Array, target_starts: I64Array) -> I64Array:
    """The number of each target among the sorted strings, -1 where it is not there."""
    base, target = address_of(data), address_of(targets)
    count = target_starts.shape[0] - 1
    out = np.empty(count, np.int64)
    for v in range(count):
        begin = target_starts[v]
        length = target_starts[v + 1] - begin
        at = lower_bound(data, starts, targets, begin, length)
        found = at < starts.shape[0] - 1 and (
            compare(base, starts[at], starts[at + 1] - starts[at], target, begin, length) == 0
        )
        out[v] = at if found else -1
    return out
