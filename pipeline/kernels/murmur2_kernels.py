"""Kafka's partitioner hash over a column of keys.

MurmurHash2 (Appleby), 32 bits, seed 0x9747b28c, as in Kafka's Java client
(org.apache.kafka.common.utils.Utils.murmur2): a producer that we did not write and that uses the default
partitioner sends a key to the partition computed here.
"""

import numpy as np

from pipeline.kernels.arrays import I32Array, I64Array, U8Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, load32

SEED = np.uint32(0x9747B28C)
MULTIPLIER = np.uint32(0x5BD1E995)
SIGN_CLEARED = np.uint32(0x7FFFFFFF)
S8, S13, S15, S16, S24 = (np.uint32(shift) for shift in (8, 13, 15, 16, 24))


@kernel
def murmur2(data: U8Array, start: int, end: int) -> np.uint32:
    """The hash of data[start:end], unsigned."""
    base = address_of(data)
    h = np.uint32(SEED ^ np.uint32(end - start))
    i = start
    while i + 4 <= end:
        k = np.uint32(load32(base, i) * MULTIPLIER)
        k = np.uint32((k ^ (k >> S24)) * MULTIPLIER)
        h = np.uint32(np.uint32(h * MULTIPLIER) ^ k)
        i += 4
    if i < end:
        if i + 2 < end:
            h ^= np.uint32(data[i + 2]) << S16
        if i + 1 < end:
            h ^= np.uint32(data[i + 1]) << S8
        h = np.uint32((np.uint32(h) ^ np.uint32(data[i])) * MULTIPLIER)
    h = np.uint32((h ^ (h >> S13)) * MULTIPLIER)
    return np.uint32(h ^ (h >> S15))


@kernel
def partitions_of_keys(data: U8Array, offsets: I64Array, partitions: int) -> I32Array:
    """The partition of each key data[offsets[i]:offsets[i+1]]; a null key is the caller's to place."""
    count = offsets.shape[0] - 1
    out = np.empty(count, np.int32)
    for i in range(count):
        h = murmur2(data, offsets[i], offsets[i + 1]) & SIGN_CLEARED
        out[i] = np.int64(h) % partitions
    return out
