"""The kernel decorator compiles, and keeps what a kernel promises."""

import numba
import numpy as np
import pytest

from pipeline.kernels.compile import kernel


@kernel
def quotient(a: int, b: int) -> float:
    return a / b


@kernel(inline="always")
def pair(a: int) -> tuple[int, int]:
    return a, a + 1


@kernel
def sum_of_pair(a: int) -> int:
    low, up = pair(a)
    return low + up


def test_division_by_zero_is_numpys() -> None:
    """No exception inside a kernel: infinity."""
    assert quotient(1, 0) == np.inf


def test_inline_functions_are_callable_from_kernels() -> None:
    """An inlined helper may return several values."""
    assert sum_of_pair(3) == 7


def test_the_base_is_left_as_it_was() -> None:
    """Declaring a kernel does not move the cache of the next one."""
    before = numba.config.CACHE_DIR
    kernel(lambda a: a)
    assert before == numba.config.CACHE_DIR


@pytest.mark.parametrize("function", [quotient, sum_of_pair])
def test_kernels_keep_their_names(function: object) -> None:
    """Profiles and tracebacks name the kernel."""
    assert getattr(function, "__name__", "") in {"quotient", "sum_of_pair"}
