"""What storing costs: put, commit and flush of a 20 MB segment, reading it back, and how long other threads stand still.

Run with ``python -m tests.bench.bench_store``; as a test it runs once, on a small segment, so that it keeps working.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.rocks.database import RocksStore
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.format import SegmentData, SegmentMeta
from pipeline.segments.manifest import Identity, LiveSegment
from pipeline.segments.store import SegmentStore
from schemas.ids import LogOffset, PartitionId, SegmentId, TopicName

IDENTITY = Identity("bench", TopicName("bench"), "id", PartitionId(0), 1)
TICK_SECONDS = 0.0005


class Watch:
    """A thread that wakes every half millisecond; the longest time it did not is how long the interpreter lock was held."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last = time.perf_counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._done.is_set():
            time.sleep(TICK_SECONDS)
            now = time.perf_counter()
            self.longest_s = max(self.longest_s, now - self._last)
            self._last = now

    def reset(self) -> None:
        self.longest_s, self._last = 0.0, time.perf_counter()

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        self._thread.start()
        yield self
        self._done.set()
        self._thread.join()


def segment_of(segment: SegmentId, megabytes: float) -> SegmentData:
    """A segment like those of text: postings and sources large, two dozen arrays small."""
    random = np.random.default_rng(1)
    size = int(megabytes * 1e6)
    arrays: dict[str, Any] = {
        "source/data": random.integers(0, 256, size // 2, np.uint8),
        "f0/postings": random.integers(0, 256, size * 4 // 10, np.uint8),
        **{f"f{i}/values": random.integers(0, 1 << 40, size // 200 // 8) for i in range(20)},
    }
    return SegmentData(SegmentMeta(segment, 1000, 1, 0, 1, 1), arrays)


def measure(megabytes: float) -> dict[str, float]:
    """Milliseconds of each step, and the longest standstill within it."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, Watch().running() as watch:
        store = RocksStore(folder)
        segments = SegmentStore(store, ArrayCache(1 << 30))
        manifest = segments.open(IDENTITY)
        data = segment_of(segments.new_segment_id(), megabytes)

        def timed(name: str, step: Callable[[], Any]) -> Any:
            watch.reset()
            started = time.perf_counter()
            result = step()
            figures[f"{name}_ms"] = round((time.perf_counter() - started) * 1e3, 2)
            figures[f"{name}_standstill_ms"] = round(watch.longest_s * 1e3, 2)
            return result

        stored = timed("put", lambda: segments.put(data))
        live = LiveSegment(stored)
        manifest = replace(manifest, next_offset=LogOffset(1), segments=(live,), state={"x": bytes(300_000)})
        timed("commit", lambda: segments.commit(manifest))
        timed("flush", segments.flush)
        again = replace(manifest, next_offset=LogOffset(2))
        timed("commit_again", lambda: segments.commit(again))
        timed("flush_again", segments.flush)
        alive = np.arange(1_000_000) > 5
        timed("put_alive", lambda: segments.put_alive(live.id, alive))
        store.close()
        segments = SegmentStore(RocksStore(folder), ArrayCache(1 << 30))
        timed("open", lambda: segments.open(IDENTITY))
        arrays = segments.reader_arrays(stored)
        size = int(megabytes * 1e6) // 2
        timed("range", lambda: arrays.read_range("source/data", size // 2, size // 2 + 1000))
        timed("load", lambda: [arrays[name] for name in arrays])
        timed("cached", lambda: [arrays[name] for name in arrays])
        assert all(np.array_equal(arrays[name], array) for name, array in data.arrays.items())
        segments._store.close()
    return figures


def test_bench_store() -> None:
    """A small segment goes through every step."""
    figures = measure(1)
    assert figures["cached_ms"] < figures["put_ms"] * 100


if __name__ == "__main__":
    for megabytes in (20, 100):
        runs = [measure(megabytes) for _ in range(5)]
        best = {name: min(run[name] for run in runs) for name in runs[0]}
        print(json.dumps({"megabytes": megabytes, "folder": str(Path(tempfile.gettempdir())), **best}, indent=1))
