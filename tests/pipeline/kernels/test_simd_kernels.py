"""Each intrinsic against its obvious Python twin."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.kernels import simd_kernels as simd
from pipeline.kernels.compile import kernel

U64 = st.integers(0, 2**64 - 1)
SIXTY_FOUR_BYTES = st.binary(min_size=64, max_size=64)


@kernel
def counts(v: np.uint64) -> Any:
    return (
        simd.leading_zeros64(v),
        simd.trailing_zeros64(v),
        simd.bit_count64(v),
        simd.bit_length64(v),
        simd.byte_swap64(v),
    )


@given(U64)
@example(0)
@example(1)
@example(2**63)
@example(2**64 - 1)
def test_bit_counts(v: int) -> None:
    """Leading and trailing zeros (64 for zero), ones, length, and the bytes reversed."""
    trailing = 64 if v == 0 else (v & -v).bit_length() - 1
    swapped = int.from_bytes(v.to_bytes(8, "little"), "big")
    expected = (64 - v.bit_length(), trailing, v.bit_count(), v.bit_length(), swapped)
    assert counts(np.uint64(v)) == expected


@kernel
def high_product(a: np.uint64, b: np.uint64) -> Any:
    return simd.multiply_high64(a, b)


@given(U64, U64)
def test_multiply_high(a: int, b: int) -> None:
    """The upper half of a 128-bit product."""
    assert high_product(np.uint64(a), np.uint64(b)) == a * b >> 64


@kernel
def float_bits(a: float, b: np.float32) -> Any:
    bits64, bits32 = simd.bits_of_float64(a), simd.bits_of_float32(b)
    return bits64, bits32, simd.float64_of_bits(bits64), simd.float32_of_bits(bits32)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False, width=32))
def test_float_bits(a: float, b: float) -> None:
    """A float's bits, and the float of these bits."""
    bits64, bits32, back64, back32 = float_bits(a, np.float32(b))
    assert bits64 == int.from_bytes(struct.pack("<d", a), "little")
    assert bits32 == int.from_bytes(struct.pack("<f", b), "little")
    assert (back64, back32) == (a, b)


@kernel
def words_at(data: Any, at: int) -> Any:
    base = simd.address_of(data)
    return simd.load16(base, at), simd.load32(base, at), simd.load64(base, at)


@kernel
def write_words(data: Any, v: np.uint64) -> None:
    base = simd.address_of(data)
    simd.store16(base, 1, np.uint16(v & np.uint64(0xFFFF)))
    simd.store32(base, 5, np.uint32(v & np.uint64(0xFFFFFFFF)))
    simd.store64(base, 11, v)


@given(SIXTY_FOUR_BYTES, st.integers(0, 56))
def test_loads_are_little_endian_and_may_be_unaligned(data: bytes, at: int) -> None:
    """Words of 2, 4 and 8 bytes from any address."""
    expected = tuple(int.from_bytes(data[at : at + size], "little") for size in (2, 4, 8))
    assert words_at(np.frombuffer(data, np.uint8).copy(), at) == expected


@given(U64)
def test_stores_write_nothing_else(v: int) -> None:
    """The bytes between the words stay as they were."""
    data = np.full(20, 255, np.uint8)
    write_words(data, np.uint64(v))
    word = v.to_bytes(8, "little")
    assert data.tobytes() == b"\xff" + word[:2] + b"\xff\xff" + word[:4] + b"\xff\xff" + word + b"\xff"


@kernel
def copy(source: Any, at: int, target: Any, to: int) -> None:
    simd.copy64(simd.address_of(source), at, simd.address_of(target), to)


@given(st.binary(min_size=80, max_size=80), st.integers(0, 16), st.integers(0, 16))
def test_copy_moves_64_bytes(data: bytes, at: int, to: int) -> None:
    """64 bytes and not one more."""
    target = np.zeros(80, np.uint8)
    copy(np.frombuffer(data, np.uint8).copy(), at, target, to)
    assert target.tobytes() == bytes(to) + data[at : at + 64] + bytes(16 - to)


quote_or_backslash = simd.byte_mask(simd.any_of(b'"\\'))
hexadecimal = simd.byte_mask(simd.either(simd.digit, simd.with_bits(0x20, simd.between(0x61, 0x66))))
control = simd.byte_mask(simd.below(32))
letter = simd.byte_mask(simd.alpha)
not_ascii = simd.byte_mask(simd.high)


@kernel
def masks(data: Any) -> Any:
    base = simd.address_of(data)
    return (
        quote_or_backslash(base, 0),
        hexadecimal(base, 0),
        control(base, 0),
        letter(base, 0),
        not_ascii(base, 0),
    )


def mask_twin(data: bytes, belongs: Any) -> int:
    return sum(1 << i for i, byte in enumerate(data) if belongs(byte))


def check_masks(data: bytes) -> None:
    expected = (
        mask_twin(data, lambda c: c in b'"\\'),
        mask_twin(data, lambda c: c in b"0123456789abcdefABCDEF"),
        mask_twin(data, lambda c: c < 32),
        mask_twin(data, lambda c: c < 128 and chr(c).isalpha()),
        mask_twin(data, lambda c: c >= 128),
    )
    assert masks(np.frombuffer(data, np.uint8).copy()) == expected


@given(SIXTY_FOUR_BYTES)
def test_masks_of_any_bytes(data: bytes) -> None:
    """Bit i says whether byte i belongs to the class."""
    check_masks(data)


@pytest.mark.parametrize("start", [0, 64, 128, 192])
def test_masks_of_every_byte(start: int) -> None:
    """All 256 bytes, each in its class."""
    check_masks(bytes(range(start, start + 64)))
