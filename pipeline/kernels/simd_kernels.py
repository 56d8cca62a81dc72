"""Machine words, bit counts and 64-byte class masks as LLVM intrinsics.

Memory is addressed by a base address (`address_of(array)`, an unsigned integer) and a byte offset, both
unchecked: the caller owns the bytes that are touched. All loads and stores may be unaligned and are
little-endian. `load64` reads 8 bytes, `copy64` and the masks read 64: arrays that are scanned to their
end carry PAD_BYTES readable bytes after it.

A class mask (Langdale and Lemire, Parsing Gigabytes of JSON per Second, 2019) compares 64 bytes at once:
bit i of the mask says whether byte i belongs to the class. Word operations on such masks then replace a
branch per byte:

    bytes   a b c _ 1 2 . d
    word    1 1 1 0 1 1 0 1        m = byte_mask(either(alpha, digit))
    starts  1 0 0 0 1 0 0 1        m & ~(m << 1)

These functions can be called from kernels only.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from pipeline.kernels.compile import kernel

PAD_BYTES = 64
I1, I8, I16, I32, I64, I128 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64, 128))
BYTES_64 = ir.VectorType(I8, 64)

Generator = Callable[[Any, Any], Any]  # IR builder and arguments to the value of the call
Predicate = Callable[[Any, Any], Any]  # IR builder and 64 bytes to 64 bits


def _intrinsic(signature: Any, generate: Generator) -> Any:
    """An intrinsic of a fixed signature; `generate` returns None where it returns nothing."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = generate(builder, arguments)
        return context.get_dummy_value() if value is None else value

    # numba reads the number of parameters from the function it decorates
    match len(signature.args):
        case 1:
            return intrinsic(lambda typing, a: (signature, code))
        case 2:
            return intrinsic(lambda typing, a, b: (signature, code))
        case 3:
            return intrinsic(lambda typing, a, b, c: (signature, code))
        case _:
            return intrinsic(lambda typing, a, b, c, d: (signature, code))


def _pointer(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    return builder.inttoptr(builder.add(base, offset), kind.as_pointer())


def _load(kind: Any) -> Generator:
    return lambda b, a: b.load(_pointer(b, a[0], a[1], kind), align=1)


def _store(kind: Any) -> Generator:
    def generate(b: Any, a: Any) -> None:
        b.store(a[2], _pointer(b, a[0], a[1], kind), align=1)

    return generate


def _copy64(b: Any, a: Any) -> None:
    value = b.load(_pointer(b, a[0], a[1], BYTES_64), align=1)
    b.store(value, _pointer(b, a[2], a[3], BYTES_64), align=1)


def _multiply_high(b: Any, a: Any) -> Any:
    product = b.mul(b.zext(a[0], I128), b.zext(a[1], I128))
    return b.trunc(b.lshr(product, ir.Constant(I128, 64)), I64)


_zero_is_defined = ir.Constant(I1, 0)
_at = (types.uintp, types.int64)

# (base, offset) -> value, and (base, offset, value)
load8 = _intrinsic(types.uint8(*_at), _load(I8))
load16 = _intrinsic(types.uint16(*_at), _load(I16))
load32 = _intrinsic(types.uint32(*_at), _load(I32))
load64 = _intrinsic(types.uint64(*_at), _load(I64))
store8 = _intrinsic(types.void(*_at, types.uint8), _store(I8))
store16 = _intrinsic(types.void(*_at, types.uint16), _store(I16))
store32 = _intrinsic(types.void(*_at, types.uint32), _store(I32))
store64 = _intrinsic(types.void(*_at, types.uint64), _store(I64))
# (from base, from offset, to base, to offset): 64 bytes
copy64 = _intrinsic(types.void(*_at, *_at), _copy64)


def _prefetch(b: Any, a: Any) -> None:
    address = _pointer(b, a[0], a[1], I8)
    kind = ir.FunctionType(ir.VoidType(), [address.type, I32, I32, I32])
    function = b.module.declare_intrinsic("llvm.prefetch", (address.type,), kind)
    b.call(function, [address, I32(0), I32(3), I32(1)])


# (base, offset): the 64 bytes there are fetched while the program goes on; the address need not be valid
prefetch = _intrinsic(types.void(*_at), _prefetch)

byte_swap64 = _intrinsic(types.uint64(types.uint64), lambda b, a: b.bswap(a[0]))
# 64 for zero, both
leading_zeros64 = _intrinsic(types.int64(types.uint64), lambda b, a: b.ctlz(a[0], _zero_is_defined))
trailing_zeros64 = _intrinsic(types.int64(types.uint64), lambda b, a: b.cttz(a[0], _zero_is_defined))
bit_count64 = _intrinsic(types.int64(types.uint64), lambda b, a: b.ctpop(a[0]))
# the upper 64 bits of the product
multiply_high64 = _intrinsic(types.uint64(types.uint64, types.uint64), _multiply_high)
bits_of_float64 = _intrinsic(types.uint64(types.float64), lambda b, a: b.bitcast(a[0], I64))
float64_of_bits = _intrinsic(types.float64(types.uint64), lambda b, a: b.bitcast(a[0], ir.DoubleType()))
bits_of_float32 = _intrinsic(types.uint32(types.float32), lambda b, a: b.bitcast(a[0], I32))
float32_of_bits = _intrinsic(types.float32(types.uint32), lambda b, a: b.bitcast(a[0], ir.FloatType()))


@kernel(inline="always")
def address_of(array: Any) -> Any:
    """The address of an array's first byte; the array must stay alive while it is used."""
    return np.uintp(array.ctypes.data)


@kernel(inline="always")
def bit_length64(value: Any) -> Any:
    """Bits needed to write an unsigned value: 0 for 0, 3 for 7."""
    return 64 - leading_zeros64(np.uint64(value))


# ------------------------------------------------------------------ classes of bytes


def _splat(byte: int) -> Any:
    return ir.Constant(BYTES_64, [byte] * 64)


def any_of(characters: bytes) -> Predicate:
    """One of these bytes."""
    return lambda b, v: reduce(b.or_, [b.icmp_unsigned("==", v, _splat(byte)) for byte in characters])


def between(low: int, high: int) -> Predicate:
    """Bytes from `low` to `high`, both included."""
    span = high - low + 1
    return lambda b, v: b.icmp_unsigned("<", b.sub(v, _splat(low)), _splat(span))


def below(limit: int) -> Predicate:
    """Bytes less than `limit`."""
    return lambda b, v: b.icmp_unsigned("<", v, _splat(limit))


def with_bits(bits: int, inner: Predicate) -> Predicate:
    """Bytes that belong to `inner` once these bits are set: 0x20 folds the case of ASCII letters."""
    return lambda b, v: inner(b, b.or_(v, _splat(bits)))


def either(*predicates: Predicate) -> Predicate:
    """Bytes in one of the classes."""
    return lambda b, v: reduce(b.or_, [predicate(b, v) for predicate in predicates])


alpha: Predicate = with_bits(0x20, between(0x61, 0x7A))  # ASCII letters
digit: Predicate = between(0x30, 0x39)
high: Predicate = lambda b, v: b.icmp_signed("<", v, _splat(0))  # noqa: E731  part of a UTF-8 sequence


def byte_mask(predicate: Predicate) -> Any:
    """A function (base, offset) -> mask: which of the 64 bytes there belong to the class."""

    def generate(b: Any, a: Any) -> Any:
        return b.bitcast(predicate(b, b.load(_pointer(b, a[0], a[1], BYTES_64), align=1)), I64)

    return _intrinsic(types.uint64(*_at), generate)
