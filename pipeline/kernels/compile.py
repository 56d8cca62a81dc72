"""The `kernel` decorator: one set of options for every kernel.

A kernel is a free function of arrays and scalars, without Python objects: it runs without the
interpreter lock, is compiled once per machine (see ``cache``), never checks bounds and divides as
numpy does. What it may assume about its arguments is asserted by the Python function that calls it.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

import numba

from pipeline.kernels.cache import LOCATOR, KernelCache, source_of

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
        keep = bool(numba.config.CACHE_DIR) and source_of(plain.__module__) is not None
        others = numba.config.CACHE_LOCATOR_CLASSES
        numba.config.CACHE_LOCATOR_CLASSES = LOCATOR
        try:
            compiled: F = numba.njit(
                nogil=True,
                boundscheck=False,
                error_model="numpy",
                inline=inline,
                no_cfunc_wrapper=True,  # nothing calls a kernel by its address; a tenth less to compile
            )(plain)
            if keep:
                compiled._cache = KernelCache(plain)  # type: ignore[attr-defined]  # noqa: SLF001 - what cache=True does, but for errors
        finally:
            numba.config.CACHE_LOCATOR_CLASSES = others
        return compiled

    return declare if function is None else declare(function)
