"""Options of RocksDB as values: a memory budget split in one place.

What is stored are chunks of about 256 KB, which live in blob files: memtables hold them until a flush, compactions move keys
only, and the block cache sees keys and small records. So nearly all memory goes to memtables, and the many small
files of level 0 are no reason to slow a writer down.
"""

from dataclasses import dataclass
from typing import Final

MEMTABLE_BYTES_MIN: Final = 4 << 20
MEMTABLE_BYTES_MAX: Final = 64 << 20
MEMTABLES_MAX: Final = 4
BLOCK_CACHE_BYTES_MIN: Final = 1 << 20
MEMORY_BYTES_DEFAULT: Final = 136 << 20  # of one partition


@dataclass(frozen=True, slots=True)
class Tuning:
    """The options that differ between machines. One partition may hold memtable_bytes * memtables_max + block_cache_bytes."""

    memtable_bytes: int = 32 << 20  # a full one is flushed in the background
    memtables_max: int = MEMTABLES_MAX  # a writer waits for a flush when all of them are full
    block_cache_bytes: int = 8 << 20
    blob_bytes_min: int = 4096  # smaller values stay beside their keys
    blob_file_bytes: int = 64 << 20
    background_jobs: int = 2
    open_files_max: int = 256

    @property
    def memory_bytes(self) -> int:
        """The most memory that one store takes."""
        return self.memtable_bytes * self.memtables_max + self.block_cache_bytes


def split(memory_bytes: int, stores: int) -> Tuning:
    """Share a budget among the stores of a process: a sixteenth for the block cache, the rest for four memtables each.

    A budget below what a store needs is exceeded rather than refused: memtables of MEMTABLE_BYTES_MIN still work.
    """
    share = memory_bytes // max(stores, 1)
    cache = max(share // 16, BLOCK_CACHE_BYTES_MIN)
    memtable = (share - cache) // MEMTABLES_MAX
    return Tuning(
        memtable_bytes=min(max(memtable, MEMTABLE_BYTES_MIN), MEMTABLE_BYTES_MAX),
        block_cache_bytes=cache,
    )
