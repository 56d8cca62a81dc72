"""The `kernel` decorator: one set of options for every kernel.

A kernel is a free function of arrays and scalars, without Python objects: it runs without the
interpreter lock, is compiled once per machine (see ``cache``), never checks bounds and divides as
numpy does. What it may assume about its arguments is asserted by the Python function that calls it.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

import numba

from pipeline.kernels.cache import KernelCache, source_of

F = TypeVar("F", bound=Callable[..., Any])


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, inline: Literal["always", "never"]) -> Callable[[F], F]: ...


def kernel(function: F | None = None, *, inline: Literal["always", "never"] = "never") -> F | Callable[[F], F]:
    """Compile a function to machine code at its first call with new argument types.

    `inline="always"` copies it into its callers before types are known: for small functions that a hot
    loop calls with several types, or that return several values.
    """

    def declare(plain: F) -> F:
        compiled: F = numba.njit(
            nogil=True,
            boundscheck=False,
            error_model="numpy",
            inline=inline,
            no_cfunc_wrapper=True,  # nothing calls a kernel by its address; a tenth less to compile
        )(plain)
        if numba.config.CACHE_DIR and source_of(plain.__module__) is not None:
            # what numba's cache=True does, in a place of ours
            compiled._cache = KernelCache(plain)  # type: ignore[attr-defined]  # noqa: SLF001
        return compiled

    return declare if function is None else declare(function)
