"""The hashes by which ``include: {"partition": 0, "num_partitions": 20}`` splits values, as Elasticsearch computes them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
PARTITION_SEED: Final = 31
_WORD: Final = 0xFFFFFFFF


def mixed(values: I64) -> I64:
    """Stafford's variant 9 of MurmurHash3's finalizer (HPPC's ``BitMixer.mix64``) of each number."""
    z = values.view(np.uint64)
    z = (z ^ (z >> np.uint64(32))) * np.uint64(0x4CD6944C5CC20B6D)
    z = (z ^ (z >> np.uint64(29))) * np.uint64(0xFC12C5B19D3259E9)
    hashed: I64 = (z ^ (z >> np.uint64(32))).view(np.int64)
    return hashed


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _WORD


def murmur3(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32 as a signed 32-bit number (Lucene's ``StringHelper.murmurhash3_x86_32``)."""
    value = seed
    whole = len(data) // 4 * 4
    for at in range(0, len(data), 4):
        word = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & _WORD
        value ^= _rotated(word, 15) * 0x1B873593 & _WORD
        if at < whole:
            value = (_rotated(value, 13) * 5 + 0xE6546B64) & _WORD
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & _WORD
    value = (value ^ value >> 13) * 0xC2B2AE35 & _WORD
    value ^= value >> 16
    return value - (1 << 32) if value >> 31 else value
