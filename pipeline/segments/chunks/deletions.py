"""Alive masks as bits: a segment never changes, so which of its rows are alive is kept beside it.

Bit d % 8 (lowest first) of byte d // 8 is 1 where row d is alive; the bits after the last row are 0.
"""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
U8 = NDArray[np.uint8]


def pack_alive(alive: Bools) -> U8:
    """bool[n] to uint8[(n + 7) // 8]."""
    return np.packbits(alive, bitorder="little")


def unpack_alive(bits: U8, documents: int) -> Bools:
    """uint8[(n + 7) // 8] to a fresh bool[n]."""
    assert len(bits) == packed_bytes(documents)
    return np.unpackbits(bits, count=documents, bitorder="little").view(np.bool_)


def packed_bytes(documents: int) -> int:
    """Bytes of a packed mask."""
    return (documents + 7) // 8
