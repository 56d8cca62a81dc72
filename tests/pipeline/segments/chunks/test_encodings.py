"""Encodings of chunks: their bytes come back, and the deltas are what a slow twin makes."""

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.chunks.encodings import choose, decode, encode
from pipeline.segments.format import Encoding
from schemas.errors import SedimentError

_words = st.sampled_from([2, 4, 8]).flatmap(
    lambda size: st.tuples(st.just(size), st.lists(st.integers(0, 256**size - 1) | st.integers(0, 300), max_size=40))
)


@given(_words)
def test_deltas_are_differences_by_byte(words: tuple[int, list[int]]) -> None:
    """Byte k of all differences, modulo the words' size, before byte k + 1 of any; and back."""
    size, values = words
    data = b"".join(v.to_bytes(size, "little") for v in values)
    stored = encode(np.frombuffer(data, np.uint8), Encoding.DELTAS, size)
    gaps = [(b - a) % 256**size for a, b in zip([0, *values], values, strict=False)]
    planes = bytes(gap.to_bytes(size, "little")[k] for k in range(size) for gap in gaps)
    assert zstandard.ZstdDecompressor().decompress(stored) == planes
    out = np.full(len(data), 7, np.uint8)
    decode(stored, Encoding.DELTAS, size, out)
    assert out.tobytes() == data


@given(st.binary(max_size=300), st.sampled_from([Encoding.RAW, Encoding.ZSTD]))
def test_bytes_come_back(data: bytes, encoding: Encoding) -> None:
    """Strings, as they are or compressed."""
    out = np.empty(len(data), np.uint8)
    decode(encode(np.frombuffer(data, np.uint8), encoding, 1), encoding, 1, out)
    assert out.tobytes() == data


def test_what_is_chosen() -> None:
    """Numbers that grow slowly become deltas, strings are compressed, what is packed or random or tiny stays as it is."""
    rising = np.arange(5000, dtype=np.int64)
    random = np.random.default_rng(1).integers(0, 2**63, 5000)
    cases = [("f1/df", rising, Encoding.DELTAS), ("f1/df", random, Encoding.RAW), ("seq_no", rising[:9], Encoding.RAW)]
    for name, array, expected in cases:
        assert choose(name, array.dtype, array.view(np.uint8)) is expected
    text = np.frombuffer(b"the same words, again and again. " * 50, np.uint8)
    assert choose("f0/terms/data", text.dtype, text) is Encoding.ZSTD
    assert choose("f0/postings", text.dtype, text) is Encoding.RAW
    assert choose("source/data", text.dtype, text) is Encoding.RAW


@pytest.mark.parametrize("stored", [b"no frame", zstandard.ZstdCompressor().compress(b"short")])
def test_what_is_not_a_chunk_is_damage(stored: bytes) -> None:
    """A frame that cannot be read, or is too short, is an error and not a wrong array."""
    with pytest.raises(SedimentError) as caught:
        decode(stored, Encoding.ZSTD, 1, np.empty(10, np.uint8))
    assert caught.value.kind.name == "DAMAGED"
