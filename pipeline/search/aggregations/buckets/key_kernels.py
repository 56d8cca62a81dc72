"""Byte strings put together from two columns."""

# mypy: disable-error-code="arg-type,assignment,operator,return-value,no-any-return,index"

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array
from pipeline.kernels.compile import kernel


@kernel
def join_strings(
    heads: U8Array,
    head_starts: I64Array,
    head_numbers: I64Array,
    tails: U8Array,
    tail_starts: I64Array,
    tail_numbers: I64Array,
    pad: int,
) -> tuple[U8Array, I64Array]:
    """String i is head head_numbers[i] followed by tail tail_numbers[i]: all of them, `pad` zeros behind, and where each begins."""
    count = head_numbers.shape[0]
    starts = np.zeros(count + 1, np.int64)
    for i in range(count):
        a, b = head_numbers[i], tail_numbers[i]
        starts[i + 1] = starts[i] + head_starts[a + 1] - head_starts[a] + tail_starts[b + 1] - tail_starts[b]
    data = np.zeros(starts[count] + pad, np.uint8)
    for i in range(count):
        at = starts[i]
        for k in range(head_starts[head_numbers[i]], head_starts[head_numbers[i] + 1]):
            data[at] = heads[k]
            at += 1
        for k in range(tail_starts[tail_numbers[i]], tail_starts[tail_numbers[i] + 1]):
            data[at] = tails[k]
            at += 1
    return data, starts
