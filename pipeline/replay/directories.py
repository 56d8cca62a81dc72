"""Names of a partition's directories, which of them is the live one, and what to remove at opening.

    <folder>/0               the first one
             0.a, 0.b …      where a rebuild grows beside the live one
             0.current       names the live one, where that is not the first
             0.replay.json   the rebuild that runs or was interrupted: its directory and rate
             0.verify        where a verification builds; gone with it
             0.until-900     the partition as it was before an offset: to be looked at, and to replay from
             0.damaged-…     put aside: for whoever wants to know why; nobody reads it

RocksDB keeps its files by path, so a directory keeps its name when it becomes the live one: the pointer changes, atomically. Whatever a
crash leaves of this, each directory holds a prefix of the log; so the worst that a lost pointer costs is time.
"""

import json
import logging
import os
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from schemas.errors import unavailable

SPARES: Final = tuple(f".{letter}" for letter in "abcdefgh")
VERIFY: Final = ".verify"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A rebuild under way: where it grows, and at what rate (records a second, 0 unbounded)."""

    directory: str
    rate: float = 0


def current_directory(folder: Path, partition: int) -> str:
    """The name of the live directory: what the pointer says where that is there, else one that is."""
    names = [str(partition), *(f"{partition}{spare}" for spare in SPARES)]
    pointer = folder / f"{partition}.current"
    named = str(partition)
    if pointer.exists():
        named = pointer.read_bytes().decode(errors="replace").strip()
    if named in names and (folder / named).is_dir():
        return named
    rebuild = rebuild_of(folder, partition)
    there = [n for n in names if (folder / n).is_dir() and (rebuild is None or n != rebuild.directory)]
    if there:
        _log.warning("%s does not name a directory that is there: taking %s", pointer, there[0])
    return there[0] if there else str(partition)


def point_to(folder: Path, partition: int, name: str) -> None:
    """Make a directory the live one, atomically and durably."""
    _write_durably(folder / f"{partition}.current", name.encode())


def spare_directory(folder: Path, partition: int, taken: Collection[str] = ()) -> str:
    """Where a rebuild grows: a name that the live one does not have, and whose path nobody has ``taken``: a store that still has it open may
    be read from, or write to it yet. Raises UNAVAILABLE where there is none.
    """
    current = current_directory(folder, partition)
    names = [f"{partition}{spare}" for spare in SPARES]
    free = [name for name in names if name != current and str(folder / name) not in taken]
    if not free:
        raise unavailable(
            "no_spare_directory",
            f"every directory beside {folder / current} is held by a store that does not close: restart the process",
        )
    return free[0]


def link_store(source: Path, target: Path) -> None:
    """Make ``target`` a store with the files of ``source``, whose own goes on refusing writes: what is never written again is shared by
    links, the small rest is copied. What is not whole, because the source changed meanwhile, is found at opening.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.suffix in {".sst", ".blob"}:
            os.link(path, target / path.name)
        elif path.name.startswith(("CURRENT", "MANIFEST", "OPTIONS", "IDENTITY", "rocksdict")):
            shutil.copyfile(path, target / path.name)


def until_directory(partition: int, until: int) -> str:
    """Where a partition is kept as it was before an offset."""
    return f"{partition}.until-{until}"


def kept_states(folder: Path, partition: int) -> list[int]:
    """Offsets at which a partition was kept as it was, ascending."""
    prefix = until_directory(partition, 0)[:-1]
    found = [path.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*") if path.is_dir()]
    return sorted(int(one) for one in found if one.isdigit())


def rebuild_of(folder: Path, partition: int) -> Rebuild | None:
    """The rebuild that runs or was interrupted; None where there is none or its note cannot be read."""
    try:
        noted = json.loads(_note(folder, partition).read_bytes())
        return Rebuild(str(noted["directory"]), float(noted["rate"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_rebuild(folder: Path, partition: int, rebuild: Rebuild) -> None:
    """Note that a rebuild runs, so that it goes on after a crash."""
    _write_durably(_note(folder, partition), json.dumps(asdict(rebuild)).encode())


def forget_rebuild(folder: Path, partition: int) -> None:
    """The rebuild is over."""
    _note(folder, partition).unlink(missing_ok=True)


def remove_leftovers(folder: Path, partition: int, taken: Collection[str] = ()) -> None:
    """Before a partition is opened: what a crash left of swaps, verifications and rebuilds that were over; but for paths in ``taken``."""
    current, rebuild = current_directory(folder, partition), rebuild_of(folder, partition)
    if rebuild is None or rebuild.directory == current:  # the last life ended between the swap and its end
        forget_rebuild(folder, partition)
        rebuild = None
    kept = {current} | ({rebuild.directory} if rebuild is not None else set())
    for name in (str(partition), *(f"{partition}{kind}" for kind in (*SPARES, VERIFY))):
        if name not in kept and str(folder / name) not in taken:
            shutil.rmtree(folder / name, ignore_errors=True)


def _note(folder: Path, partition: int) -> Path:
    return folder / f"{partition}.replay.json"


def _write_durably(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
