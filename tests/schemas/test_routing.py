"""schemas.routing: the hash that decides where a document lives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.murmur2_kernels import partitions_of_keys
from schemas.records import ByteColumn
from schemas.routing import murmur2, partition_of

KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", KNOWN)
def test_murmur2_agrees_with_kafka(key: bytes) -> None:
    """The values are those of Kafka's own unit test."""
    assert murmur2(key) == KNOWN[key]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20), st.integers(1, 1024))
def test_the_kernel_agrees(keys: list[bytes], partitions: int) -> None:
    """A column of keys is placed as single keys are."""
    column = ByteColumn.of(keys)
    placed = partitions_of_keys(np.asarray(column.data), column.starts, partitions)
    assert placed.tolist() == [partition_of(k, partitions) for k in keys]
