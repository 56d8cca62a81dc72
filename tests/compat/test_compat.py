"""Every format that was ever kept is opened and answers what it answered then; what is written today is what the newest one holds."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.compat.generate import FORMATS, NEWEST, answers, rebuilt

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("v*.json"), key=lambda path: int(path.stem[1:]))


def unpacked(expected: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A kept data folder, and what it is to answer."""
    with tarfile.open(expected.with_suffix(".tar.gz")) as packed:
        packed.extractall(folder, filter="data")
    return folder / "data", json.loads(expected.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("expected", KEPT, ids=lambda path: path.stem)
def test_a_kept_folder_is_opened(expected: Path, tmp_path: Path) -> None:
    """Log, segments, deletions, dead letters, mapping: the same offsets, digests and answers; twice, since the first opening may write."""
    folder, kept = unpacked(expected, tmp_path)
    for _ in range(2):
        found = json.loads(json.dumps(answers(folder)))
        assert found == {name: value for name, value in kept.items() if name not in {"formats", "rebuilt"}}


@pytest.mark.slow
@pytest.mark.parametrize("expected", KEPT, ids=lambda path: path.stem)
def test_a_kept_log_alone_gives_the_same_index(expected: Path, tmp_path: Path) -> None:
    """Without its partitions: the same offsets and level 1 digests, and of the newest format the same answers."""
    folder, kept = unpacked(expected, tmp_path)
    shutil.rmtree(folder / "partitions")
    found = json.loads(json.dumps(answers(folder)))
    for one, other in zip(found["partitions"], kept["partitions"], strict=True):
        assert (one["offset"], one["documents"], one["level_1"]) == (
            other["offset"],
            other["documents"],
            other["level_1"],
        )
    if expected == KEPT[-1]:
        assert found == {name: value for name, value in kept.items() if name not in {"formats", "rebuilt"}}


def test_the_newest_formats_are_kept() -> None:
    """A format that got a new version has a folder here: ``python -m tests.compat.generate tests/compat``, with the next number."""
    assert KEPT[-1].stem == f"v{NEWEST}"
    assert json.loads(KEPT[-1].read_text())["formats"] == FORMATS
    assert sum(path.stat().st_size for path in HERE.glob("v*")) < 300_000 * len(KEPT)


@pytest.mark.slow
def test_what_is_written_has_not_changed(tmp_path: Path) -> None:
    """From the newest kept log this program makes the arrays that the program made which kept it, byte for byte.

    Where it does not, older programs may misread what this one writes: give the format its next version, and keep a folder of it.
    """
    folder, kept = unpacked(KEPT[-1], tmp_path)
    assert rebuilt(folder) == kept["rebuilt"]
