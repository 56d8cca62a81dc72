"""Bit-packed values sixteen at a time: one vector of bytes is shuffled, shifted and masked for sixteen values of one width.

Sixteen values of w bits take 2 w bytes. Value j begins in byte j w >> 3 of them, so four bytes from there hold it wherever w is at
most WIDTH_MAX: a shuffle puts those bytes into lane j, a shift by j w & 7 and a mask leave the value. The shuffle is one instruction
where the processor has AVX-512 VBMI; ``VECTORS`` says whether it has, elsewhere values are unpacked one by one.

    bytes     b0 b1 b2 b3 b4 …            w = 5
    lanes     b0 b1 b2 b3 | b0 b1 b2 b3 | b1 b2 b3 b4 | …      values 0, 1, 2 begin at bits 0, 5, 10
    shifts         0             5             2

Both functions write whole groups of sixteen uint32 and read up to 64 bytes beyond the packed ones.
"""

from typing import Any, Final

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

GROUP: Final = 16
WIDTH_MAX: Final = 25  # values that may begin at bit 7 and still end within four bytes
VECTORS: Final = bool(binding.get_host_cpu_features().get("avx512vbmi", False))
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_BYTES, _WORDS = ir.VectorType(_I8, 64), ir.VectorType(_I32, GROUP)


def _constant(values: list[int]) -> Any:
    return ir.Constant(_WORDS, values)


def _load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def _store(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def _unpack_width(builder: Any, source: Any, target: Any, groups: Any, width: int) -> None:
    """The loop over groups for one width."""
    shuffle = ir.Constant(ir.VectorType(_I32, 64), [(j * width >> 3) + k for j in range(GROUP) for k in range(4)])
    shifts = _constant([j * width & 7 for j in range(GROUP)])
    mask = _constant([(1 << width) - 1] * GROUP)
    with cgutils.for_range(builder, groups, intp=_I64) as loop:
        at = builder.add(source, builder.mul(loop.index, ir.Constant(_I64, 2 * width)))
        data = _load(builder, at, _BYTES)
        lanes = builder.bitcast(builder.shuffle_vector(data, ir.Constant(_BYTES, ir.Undefined), shuffle), _WORDS)
        values = builder.and_(builder.lshr(lanes, shifts), mask)
        _store(builder, builder.add(target, builder.mul(loop.index, ir.Constant(_I64, 4 * GROUP))), values)


@intrinsic
def unpack_groups(typing: Any, source: Any, target: Any, groups: Any, width: Any) -> Any:
    """(source address, target address, groups, width): 16 * groups values of 1 to WIDTH_MAX bits to uint32."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target, groups, width = arguments
        after = builder.append_basic_block("after")
        switch = builder.switch(width, after)
        for bits in range(1, WIDTH_MAX + 1):
            block = builder.append_basic_block(f"width{bits}")
            switch.add_case(ir.Constant(_I64, bits), block)
            builder.position_at_end(block)
            _unpack_width(builder, source, target, groups, bits)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), code


@intrinsic
def sum_groups(typing: Any, target: Any, groups: Any, start: Any) -> Any:
    """(address, groups, start): gaps to documents in place: value i becomes start + the sum of gaps up to i, + i + 1; wraps at 2**32."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, groups, start = arguments
        zero = _constant([0] * GROUP)
        carry = cgutils.alloca_once(builder, _WORDS)
        single = builder.insert_element(zero, builder.trunc(start, _I32), ir.Constant(_I32, 0))
        builder.store(builder.shuffle_vector(single, zero, _constant([0] * GROUP)), carry)
        with cgutils.for_range(builder, groups, intp=_I64) as loop:
            at = builder.add(target, builder.mul(loop.index, ir.Constant(_I64, 4 * GROUP)))
            values = builder.add(_load(builder, at, _WORDS), _constant([1] * GROUP))
            for step in (1, 2, 4, 8):  # each lane gets the lane `step` before it, zero where there is none
                before = _constant([GROUP + j if j < step else j - step for j in range(GROUP)])
                values = builder.add(values, builder.shuffle_vector(values, zero, before))
            values = builder.add(values, builder.load(carry))
            _store(builder, at, values)
            builder.store(builder.shuffle_vector(values, zero, _constant([GROUP - 1] * GROUP)), carry)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code
