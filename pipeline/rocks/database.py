"""A store in RocksDB: one column family, no write-ahead log, big values in blob files.

What RocksDB guarantees and what this relies on: memtables become durable oldest first, a batch lies in one memtable, and an
atomic flush names all its files in one manifest record. So after kill -9 a prefix of the batches is found. There is ONE column
family on purpose: ``Rdict.flush`` flushes one family only, and of two only one would be found again.

What holds the interpreter lock was measured: get, put and write do; multi-get, flush and compaction do not. A write that has to wait
for a flush would wait *with* the lock and freeze the process, so writes refuse to wait (``no_slowdown``) and flush here instead.
"""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final
from weakref import WeakSet, finalize

import rocksdict

from pipeline.rocks.ports import WriteBatch, prefix_end
from pipeline.rocks.tuning import MEMORY_BYTES_DEFAULT, Tuning, split
from schemas.errors import SedimentError, damaged, unavailable

STALL_ATTEMPTS_MAX: Final = 8
CLOSE_S: Final = 10.0
FLUSH_S: Final = 120.0
FLUSH_FAILED_S: Final = 5.0  # after one that failed
BLOB_AGE: Final = "blob_garbage_collection_age_cutoff"
BLOB_AGE_CUTOFF: Final = 0.25
WRITE_STALL: Final = "Result incomplete"
OPEN: Final[set[str]] = set()  # directories that a store of this process has open, those that hang among them
HANGING: Final[set[str]] = set()  # stores that do not close: RocksDB keeps the locks of their directories
FAILED: Final[set[str]] = set()  # stores that failed to flush at some time
FLUSHED_BYTES_MIN: Final = 1 << 20  # less than that makes no room, when others have it all
NEVER: Final = 1 << 30  # level 0 files hold keys only: their number is no reason to slow down
_log = logging.getLogger(__name__)


class StoreMemory:
    """One budget for the memtables and blocks of every store that is opened with it."""

    def __init__(self, bytes_max: int = MEMORY_BYTES_DEFAULT) -> None:
        self.shares = split(bytes_max)
        self.blocks = rocksdict.Cache(self.shares.block_cache_bytes)
        # no stall: RocksDB's would wait with the interpreter lock; ``RocksStore.write`` flushes instead
        self.memtables = rocksdict.WriteBufferManager(self.shares.memtables_bytes, False)

    @property
    def memtables_used_bytes(self) -> int:
        """What the memtables of all stores take now."""
        return int(self.memtables.get_usage())

    @property
    def blocks_used_bytes(self) -> int:
        """What the blocks of all stores take now."""
        return int(self.blocks.get_usage())

    @property
    def full(self) -> bool:
        """Whether memtables take all that they may."""
        return self.memtables_used_bytes >= self.shares.memtables_bytes


def options_of(tuning: Tuning, memory: StoreMemory) -> Any:
    """RocksDB's options, explicit where their default matters to us."""
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_paranoid_checks(True)
    options.set_atomic_flush(True)
    options.set_write_buffer_size(min(tuning.memtable_bytes, memory.shares.memtable_bytes))
    options.set_write_buffer_manager(memory.memtables)
    options.set_max_write_buffer_number(tuning.memtables_max)
    options.set_max_background_jobs(tuning.background_jobs)
    options.set_max_open_files(tuning.open_files_max)
    none = rocksdict.DBCompressionType.none()  # arrays are packed, sources compressed before
    options.set_compression_type(none)
    options.set_enable_blob_files(True)
    options.set_min_blob_size(tuning.blob_bytes_min)
    options.set_blob_file_size(tuning.blob_file_bytes)
    options.set_blob_compression_type(none)
    options.set_enable_blob_gc(True)  # a file half of garbage is rewritten; one of garbage only just goes
    options.set_blob_gc_age_cutoff(BLOB_AGE_CUTOFF)
    options.set_blob_gc_force_threshold(0.5)
    options.set_level_zero_file_num_compaction_trigger(8)
    options.set_level_zero_slowdown_writes_trigger(NEVER)
    options.set_level_zero_stop_writes_trigger(NEVER)
    options.set_soft_pending_compaction_bytes_limit(0)
    options.set_hard_pending_compaction_bytes_limit(0)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_max_manifest_file_size(16 << 20)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(memory.blocks)
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


class RocksStore:
    """``Store`` in a directory. Opening it takes the directory's lock until ``close``."""

    def __init__(self, path: str, tuning: Tuning | None = None, memory: StoreMemory | None = None) -> None:
        self._path = path
        self._memory = memory or StoreMemory()
        self._unflushed_bytes = 0
        self._scans: WeakSet[Any] = WeakSet()
        self._write_options = rocksdict.WriteOptions()
        self._write_options.disable_wal = True
        self._write_options.no_slowdown = True
        self._closed = False
        self._flush_lock = threading.Lock()
        self._flushing: list[threading.Thread] = []  # a flush that did not end in time: it keeps the directory's lock
        self._failed = False  # the last flush failed
        with self._translated():
            self._db: Any = rocksdict.Rdict(path, options_of(tuning or Tuning(), self._memory))
        OPEN.add(path)

    @property
    def path(self) -> str:
        """The directory."""
        return self._path

    def get(self, key: bytes) -> bytes | None:
        """One value; None where there is none."""
        with self._translated():
            value: bytes | None = self._db.get(key)
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values of several keys, in their order."""
        if not keys:
            return []
        with self._translated():
            values: list[bytes | None] = self._db.get(list(keys))
        return values

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin so, ascending, with their values."""
        pairs = self._pairs(prefix, prefix_end(prefix))
        self._scans.add(pairs)
        return pairs

    def _pairs(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._translated():
            cursor = self._cursor(start, end)
            try:
                while cursor.valid():
                    yield cursor.key(), cursor.value()
                    cursor.next()
                cursor.status()  # a damaged file ends an iteration early: only this says so
            finally:
                del cursor  # an error would keep it, and with it the directory's lock

    def next_key(self, start: bytes, end: bytes) -> bytes | None:
        """The first key in [start, end)."""
        with self._translated():
            cursor = self._cursor(start, end)
            try:
                if cursor.valid():
                    key: bytes = cursor.key()
                    return key
                cursor.status()
                return None
            finally:
                del cursor  # an error would keep it, and with it the directory's lock

    def _cursor(self, start: bytes, end: bytes) -> Any:
        bounds = rocksdict.ReadOptions()
        bounds.set_iterate_lower_bound(start)
        bounds.set_iterate_upper_bound(end)
        cursor = self._db.iter(bounds)
        cursor.seek(start)
        return cursor

    def write(self, batch: WriteBatch) -> None:
        """Apply a batch as a whole; waits for a flush, without the interpreter lock, where all memtables are full, this store's or
        those of all stores together.
        """
        if self._memory.full and self._unflushed_bytes >= FLUSHED_BYTES_MIN:
            self.flush()
        self._unflushed_bytes += batch.nbytes
        for _ in range(STALL_ATTEMPTS_MAX):
            try:
                with self._translated():
                    self._db.write(raw_batch(batch), self._write_options)
            except SedimentError as error:
                if error.code != "write_stall":
                    raise
                self.flush()
            else:
                return
        raise unavailable("storage_io", f"the disk under {self._path} does not keep up: use a faster one or write less")

    def flush(self) -> None:
        """Return when all that was written is durable. Raises UNAVAILABLE where that does not end: after its disk failed RocksDB may
        wait for ever.
        """
        with self._flush_lock:
            if not all(ended(one, FLUSH_FAILED_S) for one in self._flushing):
                raise unavailable("storage_io", f"the store {self._path} does not answer after its disk failed")
            self._flushing.clear()
            self._unflushed_bytes = 0
            failures: list[Exception] = []
            # no local name for the database: an error that is kept keeps this frame, and it the directory's lock
            with self._translated():
                flushing = threading.Thread(target=_try, args=(self._db.flush, failures), daemon=True)
            flushing.start()
            if not ended(flushing, FLUSH_FAILED_S if self._failed else FLUSH_S):
                self._flushing.append(flushing)
                self._failed = True
                make_way(self._path)
                raise unavailable("storage_io", f"the store {self._path} does not answer: is its disk well?")
            self._failed = bool(failures)
            if failures:
                make_way(self._path)
            with self._translated():
                for failure in failures:
                    raise failure

    def disk_bytes(self) -> int:
        """Bytes of table and blob files."""
        names = ("rocksdb.total-sst-files-size", "rocksdb.total-blob-file-size")
        with self._translated():
            return sum(self._db.property_int_value(name) or 0 for name in names)

    def compact(self) -> None:
        """Rewrite what is left, so that blob files of garbage go.

        Background compactions leave young blob files alone (``options_of``), or each would copy values; here all of them count.
        """
        options = rocksdict.CompactOptions()
        options.set_bottommost_level_compaction(rocksdict.BottommostLevelCompaction.force())
        with self._translated():
            self._db.set_options({BLOB_AGE: "1.0"})
            try:
                self._db.compact_range(None, None, options)
            finally:
                self._db.set_options({BLOB_AGE: str(BLOB_AGE_CUTOFF)})

    def close(self) -> None:
        """Flush and release the directory, also where the flush fails (which is raised). Raises UNAVAILABLE where it takes CLOSE_S:
        RocksDB can wait for ever for its recovery from a failed fsync of a directory.
        """
        if self._closed:
            return
        for pairs in list(self._scans):
            pairs.close()  # an open cursor would keep the directory's lock
        self._closed = True
        database, self._db = [self._db], _Closed()
        with self._translated():
            close_within(database, self._path, self._flushing)

    def leave(self, gone: Callable[[], None]) -> None:
        """Close as soon as nobody holds this store any more (readers of its segments do), in a thread of its own; then call ``gone``."""
        word: SimpleQueue[None] = SimpleQueue()  # may be put from a finalizer, whatever that interrupts
        finalize(self, word.put, None).atexit = False
        left = threading.Thread(
            target=_close_left, args=([self._db], self._path, self._flushing, word, gone), name="leave", daemon=True
        )
        left.start()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What rocksdict raises (plain ``Exception``, told apart by its text) as an error of ours."""
        try:
            yield
        except rocksdict.DbClosedError:
            raise unavailable("store_closed", f"the store {self._path} is closed: open it again") from None
        except Exception as error:
            if type(error) is not Exception:
                raise
            raise translate(str(error), self._path) from error


def make_way(path: str) -> None:
    """A store failed to flush: RocksDB's threads for flushes are the process's, and its recovery may keep one for ever. One more, then."""
    FAILED.add(path)
    rocksdict.Env().set_high_priority_background_threads(1 + len(FAILED))


def close_within(database: list[Any], path: str, flushing: list[threading.Thread]) -> None:
    """Close the only element. Raises what RocksDB says, UNAVAILABLE where it says nothing for CLOSE_S, or a flush goes on that long."""
    failures: list[Exception] = []
    closing = threading.Thread(target=_close, args=(database, failures), name="close-store", daemon=True)
    closing.start()
    if not all(ended(one, CLOSE_S) for one in [closing, *flushing]):
        if path not in HANGING:
            HANGING.add(path)
            atexit.register(_end)
        raise unavailable(
            "storage_io",
            f"the store {path} does not close after its disk failed: it is left behind until the process ends; nothing is lost, "
            "the log has it",
        )
    OPEN.discard(path)
    for failure in failures:
        raise failure


def _close(database: list[Any], failures: list[Exception]) -> None:
    """Close the only element, and let go of it: the last reference frees the directory's lock."""
    _try(database[0].close, failures)
    database.clear()


def _try(act: Callable[[], object], failures: list[Exception]) -> None:
    """Do it; note what it raises."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - rocksdict raises nothing else; the caller translates it
        failures.append(error.with_traceback(None))


def ended(thread: threading.Thread, seconds: float) -> bool:
    """Whether a thread ends in time."""
    thread.join(seconds)
    return not thread.is_alive()


def _close_left(
    database: list[Any],
    path: str,
    flushing: list[threading.Thread],
    word: "SimpleQueue[None]",
    gone: Callable[[], None],
) -> None:
    word.get()
    try:
        close_within(database, path, flushing)
    except Exception as error:  # noqa: BLE001 - a thread's outermost frame; nobody reads this store any more
        _log.warning("a store that was left did not close: %s", error)
    gone()


def _end() -> None:
    """End the process without RocksDB's destructors, which would wait for the store that does not close."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(1)


class _Closed:
    """Stands in for a database that is no more."""

    def __getattr__(self, name: str) -> Any:
        raise rocksdict.DbClosedError


def raw_batch(batch: WriteBatch) -> Any:
    """RocksDB's own batch; it can be written once only, even where the write fails."""
    raw = rocksdict.WriteBatch(raw_mode=True)
    for start, end in batch.ranges:
        raw.delete_range(start, end)
    for key in batch.deletes:
        raw.delete(key)
    for key, value in batch.puts:
        raw.put(key, value)
    return raw


def translate(text: str, path: str) -> SedimentError:
    """RocksDB's message as an error that says what to do."""
    if text.startswith(WRITE_STALL):
        return unavailable("write_stall", f"all memtables of {path} are full: flush and write again")
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return unavailable(
            "disk_full",
            f"the disk under {path} is full: free some space or move the data directory to a larger disk; "
            "nothing is lost, the log has it",
        )
    if "Read-only file system" in text:
        return unavailable(
            "storage_io",
            f"the disk under {path} is read-only (Read-only file system): mount it writable; nothing is lost, the log has it",
        )
    if "lock hold by current process" in text or "While lock file" in text:
        return unavailable(
            "data_directory_in_use",
            f"data directory in use by another process: {path}; stop that process or choose another directory",
        )
    file_is_gone = "No such file or directory" in text and Path(path).is_dir()
    if "Corruption" in text or file_is_gone:
        return damaged(
            f"the data in {path} is damaged ({text}): check the disk; "
            "the partition grows again by itself where the log still reaches back",
            path=path,
        )
    return unavailable(
        "storage_io",
        f"cannot use the data directory {path} ({text}): check that it exists, is writable and its disk is healthy",
    )
