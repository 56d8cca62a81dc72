"""The store in RocksDB: the contract, kill -9, damage, a full disk, stalls."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from pipeline.rocks.database import RocksStore, StoreMemory, translate
from pipeline.rocks.ports import WriteBatch
from pipeline.rocks.tuning import Tuning
from schemas.errors import ErrorKind, SedimentError
from tests.contracts.store_contract import StoreContract

ROOT = Path(__file__).resolve().parents[3]


class TestRocksStore(StoreContract):
    """The contract on a directory."""

    @override
    def open(self, place: Path) -> RocksStore:
        return RocksStore(str(place))

    @pytest.fixture
    @override
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "store"


def test_ten_stores_stay_within_one_budget(tmp_path: Path) -> None:
    """Written to in turn and never flushed from outside: no more memory than one batch above the budget, and nothing is lost."""
    memory = StoreMemory(24 << 20)
    limit = memory.shares.memtables_bytes
    stores = [RocksStore(str(tmp_path / f"s{n}"), memory=memory) for n in range(10)]
    value = bytes(256 << 10)
    highest = 0
    for turn in range(12):
        for store in stores:
            store.write(WriteBatch(puts=[(b"%03d-%d" % (turn, i), value) for i in range(4)]))
            highest = max(highest, memory.memtables_used_bytes)
    assert limit // 2 < highest <= limit + (4 << 20)
    for store in stores:
        assert sum(1 for _ in store.scan(b"0")) == 48
        store.close()
    assert memory.blocks_used_bytes <= memory.shares.block_cache_bytes


@pytest.mark.parametrize("seed", range(4))
def test_kill_leaves_a_consistent_prefix(tmp_path: Path, seed: int) -> None:
    """After kill -9 whole batches are there, without a gap, and all that a flush had confirmed; and so after each of three kills."""
    random = np.random.default_rng(seed)
    path = tmp_path / "store"
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.rocks.store_writer", str(path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(random.uniform(0, 0.3))
        writer.kill()
        confirmed = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        store = RocksStore(str(path))
        count = int(store.get(b"next") or b"0")
        assert count >= (confirmed[-1] if confirmed else 0)
        assert [v for _, v in store.scan(b"s/")] == [b"%d" % i for i in range(count)]
        chunks = list(store.scan(b"c/"))
        assert chunks == [(b"c/%08d/%d" % (i, j), b"%08d" % i * 2500) for i in range(count) for j in range(5)]
        store.close()


def test_in_use_by_another_process(tmp_path: Path) -> None:
    """The lock of another process is named as such, not as an I/O error."""
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.rocks.store_writer", str(tmp_path / "s")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(SedimentError, match="in use by another process") as caught:
        RocksStore(str(tmp_path / "s"))
    assert caught.value.code == "data_directory_in_use"
    holder.kill()
    holder.stdout.close()
    holder.wait()


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".blob", ".sst"])
def test_damage_is_found(tmp_path: Path, suffix: str) -> None:
    """A flipped bit in a blob or table file is an error in every kind of read, never fewer rows."""
    path = tmp_path / "store"
    store = RocksStore(str(path))
    store.write(WriteBatch(puts=[(b"a%d" % i, os.urandom(10_000)) for i in range(10)]))
    store.close()
    file = next(path.glob("*" + suffix))
    flip(file, 5000 if suffix == ".blob" else 50)

    def read(how: str) -> object:
        store = RocksStore(str(path))
        try:
            match how:
                case "get":
                    return store.get(b"a0")
                case "get_many":
                    return store.get_many([b"a0", b"a1"])
                case _:
                    return list(store.scan(b"a"))
        finally:
            store.close()

    for how in ("get", "get_many", "scan"):
        with pytest.raises(SedimentError) as caught:
            read(how)
        assert caught.value.kind is ErrorKind.DAMAGED, how
        assert "grows again" in caught.value.message


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    """A table file that is gone is found at open."""
    path = tmp_path / "store"
    store = RocksStore(str(path))
    store.write(WriteBatch(puts=[(b"a", b"1")]))
    store.close()
    next(path.glob("*.sst")).unlink()
    with pytest.raises(SedimentError) as caught:
        RocksStore(str(path)).get(b"a")
    assert caught.value.kind is ErrorKind.DAMAGED


def test_a_place_that_is_no_directory(tmp_path: Path) -> None:
    """A path that cannot be a directory is UNAVAILABLE and named."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SedimentError, match="file") as caught:
        RocksStore(str(tmp_path / "file"))
    assert caught.value.kind is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("IO error: No space left on device: While appending to file: x.blob", "disk_full"),
        ("IO error: While lock file: d/LOCK: Resource temporarily unavailable", "data_directory_in_use"),
        ("Corruption: Blob CRC mismatch", "corrupted_data"),
        ("IO error: Input/output error", "storage_io"),
        ("Result incomplete: Write stall", "write_stall"),
    ],
)
def test_messages_are_told_apart(text: str, code: str) -> None:
    """RocksDB's texts become codes of ours."""
    assert translate(text, "d").code == code


def test_no_write_ahead_log(tmp_path: Path) -> None:
    """The log files of RocksDB stay empty."""
    store = RocksStore(str(tmp_path / "s"))
    store.write(WriteBatch(puts=[(b"a", b"x" * 100_000)]))
    assert sum(f.stat().st_size for f in (tmp_path / "s").glob("*.log")) == 0
    store.close()


def test_a_full_memtable_waits_without_the_interpreter_lock(tmp_path: Path) -> None:
    """Writing far faster than memtables are flushed loses nothing and never freezes other threads."""
    store = RocksStore(str(tmp_path / "s"), Tuning(memtable_bytes=1 << 20, memtables_max=2))
    done = threading.Event()
    pauses: list[float] = []

    def watch() -> None:
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    value = os.urandom(256 << 10)
    for i in range(150):
        store.write(WriteBatch(puts=[(b"%03d-%d" % (i, j), value) for j in range(4)]))
    done.set()
    watcher.join()
    assert store.get_many([b"%03d-%d" % (i, j) for i in range(150) for j in range(4)]) == [value] * 600
    assert max(pauses) < 1.0
    store.close()


def test_space_comes_back(tmp_path: Path) -> None:
    """Deleted ranges give their blob files back: the disk does not grow with every segment that was replaced."""
    store = RocksStore(str(tmp_path / "s"), Tuning(memtable_bytes=4 << 20))
    for i in range(40):
        value = os.urandom(256 << 10)
        store.write(WriteBatch(puts=[(b"c/%03d/%d" % (i, j), value) for j in range(8)]))
        if i >= 3:
            store.write(WriteBatch(ranges=[(b"c/%03d" % (i - 3), b"c/%03d" % (i - 2))]))
        store.flush()
    deadline = time.monotonic() + 10
    while store.disk_bytes() > 40 << 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert store.disk_bytes() <= 40 << 20, "80 MB were written, 6 MB are alive"
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB; skipped where mounting is not allowed."""
    mount = shutil.which("mount")
    place = tmp_path / "disk"
    place.mkdir()
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=False).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_named_and_survived(small_disk: Path) -> None:
    """A full disk is an error that says so; reading goes on; once there is space again, a restart finds all that was flushed."""
    store = RocksStore(str(small_disk / "s"), Tuning(memtable_bytes=4 << 20))
    flushed = 0
    with pytest.raises(SedimentError, match="is full") as caught:
        for i in range(40):
            store.write(WriteBatch(puts=[(b"%02d-%d" % (i, j), os.urandom(256 << 10)) for j in range(4)]))
            store.flush()
            flushed = i + 1
    assert caught.value.code == "disk_full"
    assert store.get_many([b"00-0"])[0] is not None
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    with pytest.raises(SedimentError, match="is full"):
        store.close()  # the error is remembered; the directory is released all the same
    again = RocksStore(str(small_disk / "s"))
    assert None not in again.get_many([b"%02d-%d" % (i, j) for i in range(flushed) for j in range(4)])
    again.close()
