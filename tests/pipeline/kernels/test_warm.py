"""Warming compiles every registered kernel, with progress."""

import importlib
from pathlib import Path

import pytest

from pipeline.kernels import warm


@pytest.mark.parametrize("name", [name for stage in warm.WARM_STAGES for name in stage])
def test_registered_functions_exist(name: str) -> None:
    """Each name in the registry resolves to a function without arguments."""
    module, _, function = name.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_warming_fills_the_folder_and_says_how_far_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """After warming, compiled code lies in the folder that was asked for."""
    warm.warm(tmp_path, stages=[["pipeline.kernels.warm:warm_shared"]], processes=1)
    assert "compiling kernels 1/1" in capfd.readouterr().err
    assert list(tmp_path.glob("murmur2_kernels-*/**/*.nbc"))


def test_a_function_that_fails_fails_the_command(tmp_path: Path) -> None:
    """A kernel that does not compile is not passed over."""
    with pytest.raises(AttributeError):
        warm.warm(tmp_path, stages=[["pipeline.kernels.warm:no_such_function"]], processes=1)
