"""Whole numbers to the bytes of their differences, lowest bytes first, and back.

Columns of a segment grow slowly (where documents begin, sequence numbers, offsets) or stay within few values. Their differences are
small, and with all lowest bytes together, then all second ones, most of a chunk is zeros, which any compressor takes at once.
"""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import U8Array
from pipeline.kernels.compile import kernel

Words = NDArray[np.unsignedinteger]  # uint16, uint32 or uint64
LOW = np.uint64(0xFF)
EIGHT = np.uint64(8)


@kernel
def planes_of_differences(words: Words, planes: U8Array) -> None:
    """planes[k * n + i]: byte k, from the lowest, of words[i] - words[i - 1] (words[-1]: 0), modulo the words' size."""
    n = words.shape[0]
    size = planes.shape[0] // max(n, 1)
    before = np.uint64(0)
    for i in range(n):
        word = np.uint64(words[i])
        difference = word - before
        before = word
        for k in range(size):
            planes[k * n + i] = np.uint8(difference & LOW)
            difference >>= EIGHT


@kernel
def words_of_planes(planes: U8Array, words: Words) -> None:
    """The inverse."""
    n = words.shape[0]
    size = planes.shape[0] // max(n, 1)
    word = np.uint64(0)
    for i in range(n):
        difference = np.uint64(0)
        for k in range(size):
            difference |= np.uint64(planes[k * n + i]) << np.uint64(8 * k)
        word += difference
        words[i] = word
