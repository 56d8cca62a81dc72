"""The machine that this runs on, as far as it tells: memory, disk, files, load. What cannot be read is 0."""

import os
import resource
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

_STARTED = time.monotonic()


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes, counts and whole percents at one moment."""

    pid: int
    memory_total: int
    memory_used: int
    process_bytes: int
    disk_total: int
    disk_used: int
    disk_free: int
    files: int
    files_max: int
    loads: tuple[float, float, float]
    cores: int
    uptime_s: float

    @staticmethod
    def now(data: str) -> "Machine":
        """The machine now; ``data`` lies on the disk that counts."""
        memory = _meminfo()
        total = memory.get("MemTotal", 0)
        folder = Path(data)
        try:
            disk = shutil.disk_usage(folder if folder.exists() else ".")
            total_disk, used, free = disk.total, disk.used, disk.free
        except OSError:
            total_disk = used = free = 0
        return Machine(
            pid=os.getpid(),
            memory_total=total,
            memory_used=total - memory.get("MemAvailable", total),
            process_bytes=_resident(),
            disk_total=total_disk,
            disk_used=used,
            disk_free=free,
            files=_open_files(),
            files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            loads=_loads(),
            cores=os.cpu_count() or 1,
            uptime_s=time.monotonic() - _STARTED,
        )

    @property
    def memory_percent(self) -> int:
        """Of the machine's memory in use."""
        return 100 * self.memory_used // self.memory_total if self.memory_total else 0

    @property
    def process_percent(self) -> int:
        """Of the machine's memory in use by this process."""
        return 100 * self.process_bytes // self.memory_total if self.memory_total else 0

    @property
    def disk_percent(self) -> float:
        """Of the disk in use."""
        return 100 * self.disk_used / self.disk_total if self.disk_total else 0.0

    @property
    def files_percent(self) -> int:
        """Of the files that may be open."""
        return 100 * self.files // self.files_max if self.files_max > 0 else 0

    @property
    def cpu_percent(self) -> int:
        """How busy the cores are, by the load of the last minute."""
        return min(100, int(100 * self.loads[0] / self.cores))


def _meminfo() -> dict[str, int]:
    """Linux's /proc/meminfo in bytes."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    pairs = (line.split(":") for line in lines if ":" in line)
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # names only, and no entry may vanish on the way
    except OSError:
        return 0


def _loads() -> tuple[float, float, float]:
    try:
        return os.getloadavg()
    except OSError:
        return 0.0, 0.0, 0.0
