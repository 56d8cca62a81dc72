"""Arrays on their way to kernels: names for their types, and inputs that are read only.

Kernels annotate scalars as `int`, `float` and `bool`, though inside of them these are machine words and
mix freely with numpy's. A module that mixes them begins, below its docstring, with
`# mypy: disable-error-code="arg-type,assignment,operator,return-value"`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

U8Array = NDArray[np.uint8]
U16Array = NDArray[np.uint16]
U32Array = NDArray[np.uint32]
U64Array = NDArray[np.uint64]
I8Array = NDArray[np.int8]
I16Array = NDArray[np.int16]
I32Array = NDArray[np.int32]
I64Array = NDArray[np.int64]
F32Array = NDArray[np.float32]
F64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory, not to be written: what kernels take as input.

    A kernel is compiled anew for every combination of array types, and read-only is part of the type: inputs that are
    sometimes writable would be compiled twice, the second time while somebody waits.
    """
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view
