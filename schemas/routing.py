"""Document id to partition: the one hash that the write side, the read side and every Kafka producer use.

The hash is MurmurHash2 as Kafka's Java client computes it (org.apache.kafka.common.utils.Utils.murmur2): a producer in any
language that uses the default partitioner sends a key to the partition named here. Columns of keys are hashed by
``pipeline.kernels.murmur2_kernels``; this is for single keys, and its obvious twin.
"""

from schemas.ids import PartitionId

SEED = 0x9747B28C
MULTIPLIER = 0x5BD1E995
MASK = 0xFFFFFFFF
SIGN_CLEARED = 0x7FFFFFFF


def murmur2(data: bytes) -> int:
    """The hash as Java's signed int."""
    h = (SEED ^ len(data)) & MASK
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * MULTIPLIER & MASK
        k = (k ^ (k >> 24)) * MULTIPLIER & MASK
        h = (h * MULTIPLIER & MASK) ^ k
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * MULTIPLIER & MASK
    h = (h ^ (h >> 13)) * MULTIPLIER & MASK
    h ^= h >> 15
    return h - (1 << 32) if h > SIGN_CLEARED else h


def partition_of(key: bytes, partitions: int) -> PartitionId:
    """The partition of a document: ``key`` is its routing value where it has one, else its id."""
    return PartitionId((murmur2(key) & SIGN_CLEARED) % partitions)
