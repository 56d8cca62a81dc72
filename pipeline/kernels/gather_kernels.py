"""Byte strings picked out of one buffer and laid one after another in another."""

# mypy: disable-error-code="assignment,operator,index,return-value,arg-type,no-any-return"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array
from pipeline.kernels.compile import kernel
from pipeline.kernels.simd_kernels import address_of, copy64
from schemas.limits import READABLE_PAD_BYTES

COPIED = (
    64  # bytes that one move copies; it may write so many beyond a string, where the next one or the padding stands
)


@kernel
def gather_strings(data: U8Array, begins: I64Array, ends: I64Array, order: I64Array) -> tuple[U8Array, I64Array]:
    """The strings data[begins[i]:ends[i]] in this order, with READABLE_PAD_BYTES zeros behind; and where each begins, int64[n + 1].

    data need not be padded: what lies within 64 bytes of its end is copied byte by byte.
    """
    count = order.shape[0]
    starts = np.empty(count + 1, np.int64)
    starts[0] = 0
    for i in range(count):
        starts[i + 1] = starts[i] + ends[order[i]] - begins[order[i]]
    out = np.empty(starts[count] + READABLE_PAD_BYTES, np.uint8)
    source, target = address_of(data), address_of(out)
    safe = data.shape[0] - COPIED
    for i in range(count):
        begin, at, end = begins[order[i]], starts[i], starts[i + 1]
        while at < end and begin <= safe:
            copy64(source, begin, target, at)
            at += COPIED
            begin += COPIED
        for j in range(end - at):
            out[at + j] = data[begin + j]
    for j in range(starts[count], out.shape[0]):
        out[j] = 0
    return out, starts
