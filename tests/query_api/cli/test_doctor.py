"""query_api.cli.doctor: what is wrong, and what to do."""

import socket
from pathlib import Path

from query_api.cli.doctor import doctor
from schemas.settings import settings_from


def test_all_is_well(tmp_path: Path) -> None:
    """Every line is ok, the exit code 0."""
    lines: list[str] = []
    assert (
        doctor(settings_from(flags={"data": str(tmp_path), "port": 0, "limits.disk_free_bytes": 1}), lines.append) == 0
    )
    assert all(line.startswith("ok") for line in lines)


def test_a_port_in_use_and_a_full_disk(tmp_path: Path) -> None:
    """Named, with advice; the exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        flags = {"data": str(tmp_path), "port": taken.getsockname()[1], "limits.disk_free_bytes": 1 << 60}
        lines: list[str] = []
        assert doctor(settings_from(flags=flags), lines.append) == 1
    bad = [line for line in lines if line.startswith("BAD")]
    assert len(bad) == 2
    assert all("->" in line for line in bad)
