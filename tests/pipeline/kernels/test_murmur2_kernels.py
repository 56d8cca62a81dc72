"""Keys go to the partitions that Kafka's default partitioner sends them to."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.kernels.murmur2_kernels import murmur2, partitions_of_keys

WORD = 0xFFFFFFFF
# Kafka's own test vectors: org.apache.kafka.common.utils.UtilsTest.testMurmur2, signed
KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def murmur2_twin(key: bytes) -> int:
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * 0x5BD1E995 & WORD
        k = (k ^ k >> 24) * 0x5BD1E995 & WORD
        h = (h * 0x5BD1E995 & WORD) ^ k
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & WORD
    h = (h ^ h >> 13) * 0x5BD1E995 & WORD
    return h ^ h >> 15


def columns(keys: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, keys)]).astype(np.int64)
    return np.frombuffer(b"".join(keys), np.uint8).copy(), offsets


@pytest.mark.parametrize("key", KNOWN)
def test_known_vectors(key: bytes) -> None:
    """The kernel and its twin give what Kafka's Java client gives."""
    data, _ = columns([key])
    assert murmur2(data, 0, len(key)) == murmur2_twin(key) == KNOWN[key] & WORD


@given(st.lists(st.binary(max_size=40)), st.integers(1, 5000))
@example([b""], 3)
def test_partitions_of_a_column(keys: list[bytes], partitions: int) -> None:
    """A column of keys gets what each key gets alone."""
    found = partitions_of_keys(*columns(keys), partitions)
    assert found.dtype == np.int32
    assert found.tolist() == [(murmur2_twin(key) & 0x7FFFFFFF) % partitions for key in keys]
