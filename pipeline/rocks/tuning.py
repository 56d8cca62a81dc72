"""Options of RocksDB as values, and how a process' memory is shared among its stores.

What is stored are chunks of about 256 KB, which live in blob files: memtables hold them until a flush, compactions move keys
only, and the block cache sees keys and small records. So nearly all memory goes to memtables, and the many small
files of level 0 are no reason to slow a writer down.

Memtables are full only between the first write of a commit and its flush, and few stores commit at the same time. So the stores
of a process share one budget instead of having a part each.
"""

from dataclasses import dataclass
from typing import Final

MEMTABLE_BYTES_MIN: Final = 4 << 20
MEMTABLE_BYTES_MAX: Final = 32 << 20
MEMTABLES_MAX: Final = 4
BLOCK_CACHE_BYTES_MIN: Final = 1 << 20
MEMORY_BYTES_DEFAULT: Final = 128 << 20  # of all stores of a process


@dataclass(frozen=True, slots=True)
class Tuning:
    """The options that differ between machines."""

    memtable_bytes: int = MEMTABLE_BYTES_MAX  # a full one is flushed in the background
    memtables_max: int = MEMTABLES_MAX  # a writer waits for a flush when all of them are full
    blob_bytes_min: int = 4096  # smaller values stay beside their keys
    blob_file_bytes: int = 64 << 20
    background_jobs: int = 2
    open_files_max: int = 256


@dataclass(frozen=True, slots=True)
class Shares:
    """What all stores of a process may take together."""

    block_cache_bytes: int
    memtables_bytes: int

    @property
    def memtable_bytes(self) -> int:
        """One memtable of one store: a store alone has MEMTABLES_MAX of them."""
        return min(max(self.memtables_bytes // MEMTABLES_MAX, MEMTABLE_BYTES_MIN), MEMTABLE_BYTES_MAX)


def split(memory_bytes: int) -> Shares:
    """A sixteenth for blocks, the rest for memtables.

    A budget below what one store needs is exceeded rather than refused: memtables of MEMTABLE_BYTES_MIN still work.
    """
    blocks = max(memory_bytes // 16, BLOCK_CACHE_BYTES_MIN)
    return Shares(blocks, max(memory_bytes - blocks, MEMTABLE_BYTES_MIN))
