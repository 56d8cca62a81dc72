"""Field lengths in one byte: Lucene's SmallFloat.intToByte4, the quantisation that BM25 scores are computed with.

Lengths up to 40 are exact; above, four significant bits are kept (rounded down), so a byte orders lengths as they are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT = 24  # 255 - the code of the greatest 32-bit length in the 4-bit float


def _length_of(norm: int) -> int:
    """Lucene's byte4ToInt: below 24 itself; above, an exponent in the upper and a mantissa in the lower three bits."""
    if norm < _EXACT:
        return norm
    code = norm - _EXACT
    shift = (code >> 3) - 1
    mantissa = code & 7
    return _EXACT + (mantissa if shift < 0 else (mantissa | 8) << shift)


NORM_LENGTHS: NDArray[np.int64] = np.array([_length_of(b) for b in range(256)], np.int64)
NORM_LENGTHS.flags.writeable = False

_DIRECT = 4096
_NORM_OF_SMALL = (np.searchsorted(NORM_LENGTHS, np.arange(_DIRECT), "right") - 1).astype(np.uint8)


def norms_of(lengths: NDArray[Any]) -> NDArray[np.uint8]:
    """The norm byte of each length: the greatest whose length is not above it."""
    if len(lengths) == 0 or int(lengths.max()) < _DIRECT:
        small: NDArray[np.uint8] = _NORM_OF_SMALL[lengths]
        return small
    norms = np.searchsorted(NORM_LENGTHS, lengths.astype(np.int64), "right") - 1
    return norms.astype(np.uint8)
