"""Hashes against published and recorded values."""

import numpy as np

from pipeline.search.aggregations.buckets.hashes import mixed, murmur3


def test_murmur3() -> None:
    """The values of the reference implementation, as signed numbers."""
    assert murmur3(b"", 0) == 0
    assert murmur3(b"", 1) == 0x514E28B7
    assert murmur3(b"test", 0) == 0xBA6BD213 - (1 << 32)
    assert murmur3(b"Hello, world!", 0x9747B28C) == 0x24884CBA
    assert murmur3(b"The quick brown fox jumps over the lazy dog", 0x9747B28C) == 0x2FA826CD


def test_mixed() -> None:
    """Numbers fall into the halves that an OpenSearch puts them in."""
    assert (mixed(np.array([5678, 1234])) % 2).tolist() == [0, 1]
