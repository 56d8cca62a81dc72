"""Arrays where others said they are: an address and a size for what cannot be an argument, as where there are many.

Whoever took the address keeps the array alive. These functions can be called from kernels only.
"""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from pipeline.kernels.arrays import BoolArray, F32Array, I64Array, U8Array, U32Array, U64Array
from pipeline.kernels.compile import kernel


@intrinsic
def _pointer(typing: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), code


@kernel
def bools_at(address: int, size: int) -> BoolArray:
    """bool[size]; empty at address 0."""
    return carray(_pointer(address), (size if address != 0 else 0,), np.bool_)


@kernel
def u8_at(address: int, size: int) -> U8Array:
    """uint8[size]."""
    return carray(_pointer(address), (size,), np.uint8)


@kernel
def u32_at(address: int, size: int) -> U32Array:
    """uint32[size]."""
    return carray(_pointer(address), (size,), np.uint32)


@kernel
def u64_at(address: int, size: int) -> U64Array:
    """uint64[size]."""
    return carray(_pointer(address), (size,), np.uint64)


@kernel
def i64_at(address: int, size: int) -> I64Array:
    """int64[size]."""
    return carray(_pointer(address), (size,), np.int64)


@kernel
def f32_at(address: int, size: int) -> F32Array:
    """float32[size]."""
    return carray(_pointer(address), (size,), np.float32)
