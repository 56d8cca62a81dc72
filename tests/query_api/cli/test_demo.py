"""query_api.cli.demo: what it tells a newcomer to do next."""

from pathlib import Path

import pytest

from query_api.cli.demo import command_here


def test_the_command_can_be_typed_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path in a checkout, by its name where it is on the path."""
    program = tmp_path / ".venv" / "bin" / "sediment"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    assert command_here(str(program), tmp_path) == ".venv/bin/sediment"
    assert command_here(".venv/bin/sediment", tmp_path) == ".venv/bin/sediment"
    assert command_here(str(program), tmp_path / "other") == str(program)
    assert command_here("", tmp_path) == "sediment"
    monkeypatch.setenv("PATH", str(program.parent))
    assert command_here(str(program), tmp_path) == "sediment"
