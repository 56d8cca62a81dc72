"""Which directory is the live one, whatever a crash or a bad disk leaves."""

from pathlib import Path

import pytest

from pipeline.replay import directories
from pipeline.replay.directories import Rebuild
from schemas.errors import SedimentError


def make(folder: Path, *names: str) -> None:
    """Directories with something in them."""
    for name in names:
        (folder / name).mkdir()
        (folder / name / "file").write_text(name)


def there(folder: Path) -> set[str]:
    """Names of directories."""
    return {p.name for p in folder.iterdir() if p.is_dir()}


def test_the_first_directory_needs_no_pointer(tmp_path: Path) -> None:
    """Nor must it exist."""
    assert directories.current_directory(tmp_path, 0) == "0"
    make(tmp_path, "0", "0.a")
    assert directories.current_directory(tmp_path, 0) == "0"
    assert directories.spare_directory(tmp_path, 0) == "0.a"


def test_the_pointer_names_the_live_one(tmp_path: Path) -> None:
    """And the spare is another."""
    make(tmp_path, "0", "0.a", "1")
    directories.point_to(tmp_path, 0, "0.a")
    assert directories.current_directory(tmp_path, 0) == "0.a"
    assert directories.spare_directory(tmp_path, 0) == "0.b"
    assert directories.current_directory(tmp_path, 1) == "1"


def test_a_spare_directory_is_nobodys(tmp_path: Path) -> None:
    """Not the live one's, nor one that a store has open; where all are taken it says what to do."""
    make(tmp_path, "0")
    paths = [str(tmp_path / f"0{spare}") for spare in directories.SPARES]
    assert directories.spare_directory(tmp_path, 0, paths[:2]) == "0.c"
    with pytest.raises(SedimentError, match="restart the process"):
        directories.spare_directory(tmp_path, 0, paths)
    make(tmp_path, "0.a", "0.b")
    directories.remove_leftovers(tmp_path, 0, paths[:1])
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {"0", "0.a"}


@pytest.mark.parametrize("pointer", [b"", b"0.q", b"\xff\xfe", b"../../etc", b"0.b", b"1"])
def test_a_damaged_pointer_finds_what_is_there(tmp_path: Path, pointer: bytes) -> None:
    """Not the directory in which a rebuild grows, and nothing is removed."""
    make(tmp_path, "0.a", "0.b" if pointer == b"" else "1")
    directories.note_rebuild(tmp_path, 0, Rebuild("0.b"))
    (tmp_path / "0.current").write_bytes(pointer)
    assert directories.current_directory(tmp_path, 0) == "0.a"
    directories.remove_leftovers(tmp_path, 0)
    assert "0.a" in there(tmp_path)


def test_a_crash_within_a_rebuild_keeps_both(tmp_path: Path) -> None:
    """It goes on where it stood."""
    make(tmp_path, "0", "0.a", "0.verify", "0.until-7", "1.verify")
    directories.note_rebuild(tmp_path, 0, Rebuild("0.a", 12.5))
    directories.remove_leftovers(tmp_path, 0)
    assert there(tmp_path) == {"0", "0.a", "0.until-7", "1.verify"}
    assert directories.rebuild_of(tmp_path, 0) == Rebuild("0.a", 12.5)


def test_a_crash_after_the_swap_removes_the_old_one(tmp_path: Path) -> None:
    """Else the next rebuild would go on with the old files."""
    make(tmp_path, "0", "0.a")
    directories.note_rebuild(tmp_path, 0, Rebuild("0.a"))
    directories.point_to(tmp_path, 0, "0.a")
    directories.remove_leftovers(tmp_path, 0)
    assert there(tmp_path) == {"0.a"}
    assert directories.rebuild_of(tmp_path, 0) is None


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"directory":"0.a"}', b'{"directory":"0.a","rate":"x"}', b"\xff"])
def test_a_damaged_note_ends_the_rebuild(tmp_path: Path, note: bytes) -> None:
    """Somebody starts it again; the live one is not touched."""
    make(tmp_path, "0", "0.a")
    (tmp_path / "0.replay.json").write_bytes(note)
    assert directories.rebuild_of(tmp_path, 0) is None
    directories.remove_leftovers(tmp_path, 0)
    assert there(tmp_path) == {"0"}
    assert not (tmp_path / "0.replay.json").exists()
