"""Warming compiles every registered kernel, with progress."""

import importlib
import subprocess
import sys
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


def test_the_command_leaves_a_mark_that_a_start_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After warming a start looks at one file only; the mark is another one when what is compiled ahead changes."""
    monkeypatch.setattr(warm, "WARM_STAGES", (("pipeline.kernels.warm:warm_shared",),))
    before = warm.marker(tmp_path)
    assert before.parent == tmp_path
    monkeypatch.setattr(warm, "WARM_STAGES", (("pipeline.segments.ids:warm",),))
    assert warm.marker(tmp_path) != before
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from {warm.__name__} import marker; from pathlib import Path; print(marker(Path('x')))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    monkeypatch.undo()
    assert found.stdout.strip() == str(warm.marker(Path("x")))
