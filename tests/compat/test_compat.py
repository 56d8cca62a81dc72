"""Every format that was ever released is opened, and answers what it answered then."""

import json
import tarfile
from pathlib import Path

import pytest

from tests.compat.generate import answers, main

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("v*.json"))


def check(archive: Path, expected: Path, folder: Path) -> None:
    """Unpack and ask; twice, since the first opening may write."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    for _ in range(2):
        assert answers(folder / "data") == json.loads(expected.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("expected", KEPT, ids=lambda path: path.stem)
def test_a_kept_folder_is_opened(expected: Path, tmp_path: Path) -> None:
    """With its log, its segments, its deletions and its dead letters."""
    check(expected.with_suffix(".tar.gz"), expected, tmp_path)


@pytest.mark.slow
def test_the_generator_makes_such_a_folder(tmp_path: Path) -> None:
    """Small enough to be kept, and opened by the version that made it."""
    main(tmp_path)
    assert (tmp_path / "v1.tar.gz").stat().st_size < 300_000
    check(tmp_path / "v1.tar.gz", tmp_path / "v1.json", tmp_path / "there")
