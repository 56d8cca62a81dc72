"""query_api.cli.main: the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from query_api.cli.main import COMMANDS, main, parser_of, settings_of


def test_help_is_quick_because_little_is_imported() -> None:
    """The heavy libraries are not touched by --help."""
    script = (
        "import sys\n"
        "from query_api.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'numba', 'fastapi', 'httpx', 'rich', 'rocksdict', 'orjson'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert all(one.name in done.stdout for one in COMMANDS)


@pytest.mark.parametrize("name", [one.name for one in COMMANDS])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With its arguments explained."""
    with pytest.raises(SystemExit) as done:
        main([name, "--help"])
    assert done.value.code == 0
    assert name in capsys.readouterr().out


def test_settings_come_from_file_environment_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that order."""
    file = tmp_path / "sediment.toml"
    file.write_text('port = 1\nhost = "a"\n[memory]\nwrites_bytes = "1mb"\n')
    monkeypatch.setenv("SEDIMENT_HOST", "b")
    arguments = parser_of().parse_args(
        ["serve", "--settings", str(file), "--partitions", "4", "--index-refresh-ms", "1s"]
    )
    found = settings_of(arguments)
    assert (found.port, found.host, found.partitions, found.memory.writes_bytes, found.index.refresh_ms) == (
        1,
        "b",
        4,
        1 << 20,
        1000,
    )


@pytest.mark.parametrize(
    "given",
    [
        ["serve", "--settings", "nowhere.toml"],
        ["serve", "--port", "many"],
        ["status", "--url", "http://127.0.0.1:9"],
        ["load", "a", "nowhere.ndjson"],
    ],
)
def test_what_goes_wrong_is_one_line(
    given: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, a message for a person, no trace."""
    monkeypatch.setattr("query_api.cli.client.RETRIES_MAX", 0)
    assert main(given) == 1
    message = capsys.readouterr().err
    assert message.startswith("sediment: ")
    assert "Traceback" not in message
