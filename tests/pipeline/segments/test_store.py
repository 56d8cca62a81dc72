"""The segment store on both adapters: exact bytes, atomic commits, crashes, damage, garbage, readers."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.rocks.database import RocksStore
from pipeline.rocks.memory import Disk, Faults, MemoryStore
from pipeline.rocks.ports import Store, WriteBatch
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.chunks.keys import BLOB, CHUNK, DESCRIPTOR, MANIFEST_KEY, chunk_key
from pipeline.segments.format import FieldMeta, SegmentData, SegmentMeta
from pipeline.segments.manifest import Identity, LiveSegment, Manifest
from pipeline.segments.store import INLINE_BYTES_MAX, SegmentStore
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId, SegmentId, TopicName
from schemas.limits import CHUNK_BYTES, READABLE_PAD_BYTES

IDENTITY = Identity("cluster", TopicName("books"), "id-1", PartitionId(0), 1)
Opener = Callable[[], Store]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=["memory", "rocks"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same place again and again."""
    disk = Disk()
    return (lambda: MemoryStore(disk)) if request.param == "memory" else (lambda: RocksStore(str(tmp_path / "s")))


def segment_of(segment: SegmentId, seed: int = 0, large: int = 3 * CHUNK_BYTES + 11) -> SegmentData:
    """A segment with arrays of many types, empty ones and some of several chunks."""
    random = np.random.default_rng(seed)
    arrays: dict[str, Any] = {
        "seq_no": random.integers(-(1 << 60), 1 << 60, 1000),
        "source/data": random.integers(0, 256, large, np.uint8),
        "f0/df": random.integers(0, 1 << 32, 7, np.uint32),
        "f0/values": random.random((5, 3)),
        "f0/postings": np.zeros(0, np.uint8),
        "f1/present": random.random(9) > 0.5,
        "f1/starts": random.integers(0, 1 << 40, CHUNK_BYTES // 8 + 1),
        "f1/strided": np.arange(20, dtype=np.int32)[::2],
    }
    meta = SegmentMeta(segment, 1000, 1, seed, seed + 1, 5, (FieldMeta("a", 0, "text", 3),))
    return SegmentData(meta, arrays)


def opened(store: Store, cache: ArrayCache | None = None) -> tuple[SegmentStore, Manifest]:
    segments = SegmentStore(store, cache or ArrayCache(1 << 24))
    return segments, segments.open(IDENTITY)


def with_segments(manifest: Manifest, offset: int, *live: LiveSegment) -> Manifest:
    return replace(manifest, next_offset=LogOffset(offset), segments=live)


def count(store: Store, kind: bytes) -> int:
    return sum(1 for _ in store.scan(kind))


def assert_equal(segments: SegmentStore, live: LiveSegment, data: SegmentData) -> None:
    arrays = segments.reader_arrays(live.stored)
    assert set(arrays) == set(data.arrays)
    assert live.stored.meta == data.meta
    for name, array in data.arrays.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == np.ascontiguousarray(array).tobytes()


def test_everything_comes_back(opener: Opener) -> None:
    """After commit, flush, close and open: manifest, arrays, alive masks and state are equal, byte for byte."""
    store = opener()
    segments, manifest = opened(store)
    data = [segment_of(segments.new_segment_id(), seed) for seed in range(3)]
    alive = np.random.default_rng(0).random(1000) > 0.3
    live = [LiveSegment(segments.put(one)) for one in data]
    live[1] = replace(live[1], alive=segments.put_alive(live[1].id, alive))
    assert segments.put_alive(live[2].id, np.ones(1000, np.bool_)) is None
    state = {"small": b"x", "large": bytes(range(256)) * 5000, "empty": b""}
    manifest = replace(
        with_segments(manifest, 42, *live), state=state, mapping_json=b"m" * 50_000, next_seq_no=7, documents=9
    )
    segments.commit(manifest)
    segments.flush()
    store.close()

    store = opener()
    segments, found = opened(store)
    assert found == replace(manifest, open_epoch=manifest.open_epoch + 1)
    for one, wanted in zip(found.segments, data, strict=True):
        assert_equal(segments, one, wanted)
    assert np.array_equal(segments.read_alive(found.segments[1]), alive)
    assert segments.read_alive(found.segments[0]).all()
    assert found.segments[1].dead == 1000 - np.count_nonzero(alive)
    store.close()


def test_loaded_arrays_are_as_kernels_want_them(opener: Opener) -> None:
    """Contiguous, aligned, read only as inputs of kernels are, with readable bytes around."""
    store = opener()
    segments, _ = opened(store)
    data = segment_of(segments.new_segment_id())
    arrays = segments.reader_arrays(segments.put(data))
    for name in arrays:
        array = arrays[name]
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert not array.flags.writeable
        base = array
        while base.base is not None:
            base = base.base
        assert base.nbytes == array.nbytes + 2 * READABLE_PAD_BYTES
    store.close()


def test_ranges_are_read_by_chunk(opener: Opener) -> None:
    """A range equals the slice of the whole, within one chunk, over several, empty, at the end; it loads only its chunks."""
    store = opener()
    cache = ArrayCache(1 << 24)
    segments, _ = opened(store, cache)
    data = segment_of(segments.new_segment_id())
    arrays = segments.reader_arrays(segments.put(data))
    whole = data.arrays["source/data"]
    assert np.array_equal(arrays.read_range("source/data", 5, 17), whole[5:17])
    assert cache.bytes == CHUNK_BYTES
    random = np.random.default_rng(3)
    ends = [
        (0, len(whole)),
        (len(whole), len(whole)),
        (CHUNK_BYTES, CHUNK_BYTES),
        (CHUNK_BYTES - 1, 2 * CHUNK_BYTES + 1),
    ]
    for start, end in ends + [tuple(sorted(random.integers(0, len(whole), 2))) for _ in range(20)]:
        assert np.array_equal(arrays.read_range("source/data", start, end), whole[start:end])
    assert np.array_equal(arrays["source/data"], whole)
    assert np.array_equal(arrays.read_range("source/data", 5, 17), whole[5:17])
    with pytest.raises(KeyError):
        arrays["nothing"]
    del arrays
    store.close()


def test_a_small_cache_is_enough(opener: Opener) -> None:
    """With a budget below one array everything is still read right; nothing above the budget is kept."""
    store = opener()
    cache = ArrayCache(10_000)
    segments, _ = opened(store, cache)
    data = segment_of(segments.new_segment_id())
    assert_equal(segments, LiveSegment(segments.put(data)), data)
    assert cache.bytes <= 10_000
    store.close()


def test_ids_are_never_used_twice(opener: Opener) -> None:
    """Ids ascend over restarts, also where the run before lost all it wrote."""
    seen: list[str] = []
    for _ in range(3):
        store = opener()
        segments, _ = opened(store)
        seen += [segments.new_segment_id() for _ in range(3)]
        if isinstance(store, MemoryStore):
            store.crash()
        else:
            store.close()
    assert seen == sorted(set(seen))


def test_another_partition_is_refused(opener: Opener) -> None:
    """A directory opened for another topic, topic id or partition changes nothing and says what to do."""
    store = opener()
    opened(store)
    with pytest.raises(SedimentError, match="deleted since"):
        SegmentStore(store, ArrayCache(0)).open(replace(IDENTITY, topic_id="id-2"))
    assert opened(store)[1].open_epoch == 2
    store.close()


def test_garbage_is_removed_at_open(opener: Opener) -> None:
    """Segments and blobs that no manifest names are gone after the next open; what it names stays."""
    store = opener()
    segments, manifest = opened(store)
    kept = segment_of(segments.new_segment_id(), 1)
    live = LiveSegment(segments.put(kept))
    live = replace(live, alive=segments.put_alive(live.id, np.arange(1000) > 3))
    segments.commit(with_segments(manifest, 1, live))
    before = count(store, CHUNK), count(store, DESCRIPTOR), count(store, BLOB)
    lost = segments.put(segment_of(segments.new_segment_id(), 2))
    segments.put_alive(lost.meta.id, np.arange(1000) > 5)
    segments.flush()
    store.close()
    store = opener()
    segments, found = opened(store)
    assert (count(store, CHUNK), count(store, DESCRIPTOR), count(store, BLOB)) == before
    assert_equal(segments, found.segments[0], kept)
    store.close()


def test_what_a_commit_replaces_goes_with_it(opener: Opener) -> None:
    """Masks and pieces of state of the manifest before are deleted; unchanged ones are not written again."""
    store = opener()
    segments, manifest = opened(store)
    live = LiveSegment(segments.put(segment_of(segments.new_segment_id())))
    state = {"same": b"s" * 100_000, "other": b"0" * 100_000}
    for i in range(1, 6):
        live = replace(live, alive=segments.put_alive(live.id, np.arange(1000) >= i))
        state = state | {"other": b"%d" % i * 100_000}
        manifest = replace(with_segments(manifest, i, live), state=dict(state))
        segments.commit(manifest)
        assert count(store, BLOB) == 3
    names = {key for key, _ in store.scan(BLOB)}
    segments.commit(replace(manifest, next_offset=LogOffset(9)))
    assert {key for key, _ in store.scan(BLOB)} == names
    assert segments.read_alive(live).tolist() == [d >= 5 for d in range(1000)]
    segments.commit(replace(manifest, state={}, segments=()))
    assert count(store, BLOB) == 0
    store.close()


def test_dropped_segments_wait_for_their_readers(opener: Opener) -> None:
    """A reader of a dropped segment goes on reading arrays it never touched before; its end frees the chunks."""
    store = opener()
    cache = ArrayCache(1 << 24)
    segments, manifest = opened(store, cache)
    data = segment_of(segments.new_segment_id())
    live = LiveSegment(segments.put(data))
    segments.commit(with_segments(manifest, 1, live))
    first, second = segments.reader_arrays(live.stored), segments.reader_arrays(live.stored)
    first["seq_no"]
    with pytest.raises(AssertionError):
        segments.drop([live.id])
    segments.commit(with_segments(manifest, 2))
    segments.drop([live.id])
    del first
    gc.collect()
    assert segments.collect() == 1
    assert np.array_equal(second["source/data"], data.arrays["source/data"])
    held = second["seq_no"]
    del second
    gc.collect()
    segments.commit(with_segments(manifest, 3))
    assert segments.collect() == 0
    assert (count(store, CHUNK), count(store, DESCRIPTOR), cache.bytes) == (0, 0, 0)
    assert np.array_equal(held, data.arrays["seq_no"])
    store.close()


def test_damage_names_segment_array_and_chunk() -> None:
    """A changed chunk raises DAMAGED with all three names, by whole and by range; other arrays are unharmed."""
    store = MemoryStore()
    segments, _ = opened(store)
    data = segment_of(segments.new_segment_id())
    arrays = segments.reader_arrays(segments.put(data))
    key = chunk_key(data.meta.id, "source/data", 2)
    store.write(WriteBatch(puts=[(key, bytes(CHUNK_BYTES))]))
    with pytest.raises(SedimentError, match=f"chunk 2 of array source/data of segment {data.meta.id}") as caught:
        arrays["source/data"]
    assert caught.value.kind is ErrorKind.DAMAGED
    with pytest.raises(SedimentError, match=f"byte {2 * CHUNK_BYTES} of segment {data.meta.id}"):
        arrays.read_range("source/data", 2 * CHUNK_BYTES + 5, 2 * CHUNK_BYTES + 6)
    assert len(arrays.read_range("source/data", 0, 100)) == 100
    assert np.array_equal(arrays["seq_no"], data.arrays["seq_no"])


@pytest.mark.parametrize("what", ["manifest", "descriptor", "no manifest"])
def test_damage_is_refused_at_open(what: str) -> None:
    """A damaged manifest, a missing descriptor or chunks without a manifest are refused, not taken for an empty store."""
    store = MemoryStore()
    segments, manifest = opened(store)
    segments.commit(with_segments(manifest, 1, LiveSegment(segments.put(segment_of(segments.new_segment_id())))))
    match what:
        case "manifest":
            value = store.get(MANIFEST_KEY)
            assert value is not None
            store.write(WriteBatch(puts=[(MANIFEST_KEY, value[:-1])]))
        case "descriptor":
            store.write(WriteBatch(ranges=[(DESCRIPTOR, DESCRIPTOR + b"\xff")]))
        case _:
            store.write(WriteBatch(deletes=[MANIFEST_KEY]))
    with pytest.raises(SedimentError, match="grows again by itself") as caught:
        opened(store)
    assert caught.value.kind is ErrorKind.DAMAGED


# ---------------------------------------------------------------------- crashes


def check_consistent(disk: Disk, commits: dict[int, list[SegmentData]]) -> int:
    """Open what a crash left; all that its manifest names must be there. Returns its offset."""
    store = MemoryStore(disk)
    segments, found = opened(store)
    wanted = commits[found.next_offset]
    assert len(found.segments) == len(wanted)
    for live, data in zip(found.segments, wanted, strict=True):
        assert_equal(segments, live, data)
        assert len(segments.read_alive(live)) == 1000
    assert all(len(value) == INLINE_BYTES_MAX + 1 for value in found.state.values())
    store.crash()
    return found.next_offset


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.lists(st.sampled_from(["add", "kill rows", "merge", "flush"]), min_size=1, max_size=10), st.data())
def test_a_crash_never_leaves_half_a_commit(steps: list[str], data: st.DataObject) -> None:
    """Wherever the unsynced writes are cut: the manifest found names only what is there, and is not older than the last flush."""
    store = MemoryStore(Disk())
    segments, manifest = opened(store)
    commits: dict[int, list[SegmentData]] = {0: []}
    rows: list[SegmentData] = []
    flushed = offset = 0
    for step in steps:
        if step == "flush":
            segments.flush()
            flushed = offset
            continue
        offset += 1
        live = list(manifest.segments)
        dropped: list[SegmentId] = []
        if step == "kill rows" and live:
            live[0] = replace(live[0], alive=segments.put_alive(live[0].id, np.arange(1000) >= offset))
        else:
            if step == "merge":
                dropped, rows, live = [one.id for one in live], [], []
            new = segment_of(segments.new_segment_id(), offset, large=CHUNK_BYTES + 1)
            rows = [*rows, new]
            live.append(LiveSegment(segments.put(new)))
        state = {"outcomes": b"%d" % (offset % 10) * (INLINE_BYTES_MAX + 1)}
        manifest = replace(with_segments(manifest, offset, *live), state=state)
        segments.commit(manifest)
        commits[offset] = list(rows)
        segments.drop(dropped)
    kept = data.draw(st.integers(0, store.unsynced))
    lost_all = kept == 0
    found = check_consistent(store.crash(kept), commits)
    assert flushed <= found <= offset
    if lost_all:
        assert found == flushed


def test_a_commit_without_a_flush_is_lost_as_a_whole() -> None:
    """The planted mistake: believe that a commit is durable. After a crash none of it is there, not a chunk, not its manifest."""
    store = MemoryStore()
    segments, manifest = opened(store)
    segments.commit(with_segments(manifest, 5, LiveSegment(segments.put(segment_of(segments.new_segment_id())))))
    disk = store.crash()
    assert set(disk.durable) == {MANIFEST_KEY}
    assert opened(MemoryStore(disk))[1].next_offset == 0


@pytest.mark.parametrize("nth", range(1, 8))
def test_a_failed_write_may_be_tried_again(nth: int) -> None:
    """Whichever write fails (a full disk): the error is the caller's, the last commit stands, and doing it again succeeds."""
    disk = Disk()
    store = MemoryStore(disk, Faults(writes=frozenset({nth + 1})))
    segments, manifest = opened(store)
    first = segment_of(segments.new_segment_id(), 1)
    done = 0
    failures: list[str] = []
    for attempt in range(3):
        try:
            live = LiveSegment(segments.put(replace(first, meta=replace(first.meta, id=segments.new_segment_id()))))
            live = replace(live, alive=segments.put_alive(live.id, np.arange(1000) > 1))
            segments.commit(
                replace(with_segments(manifest, attempt + 1, live), state={"x": bytes([attempt]) * 100_000})
            )
            segments.flush()
            done = attempt + 1
        except SedimentError as error:
            failures.append(error.code)
    store.crash()
    assert failures in ([], ["disk_full"])
    assert opened(MemoryStore(disk))[1].next_offset == done == 3


def test_a_failed_flush_keeps_the_commit_readable() -> None:
    """After a failed flush nothing is lost in memory, and the next flush makes it durable."""
    disk = Disk()
    store = MemoryStore(disk, Faults(flushes=frozenset({2})))
    segments, manifest = opened(store)
    segments.commit(with_segments(manifest, 5))
    with pytest.raises(SedimentError):
        segments.flush()
    segments.flush()
    store.crash()
    assert opened(MemoryStore(disk))[1].next_offset == 5


@pytest.mark.parametrize("seed", range(2))
def test_kill_leaves_a_whole_commit(tmp_path: Path, seed: int) -> None:
    """After kill -9 of a committing process every array of every named segment has its checksum, and no flushed commit is lost."""
    random = np.random.default_rng(seed)
    for _ in range(2):
        command = [sys.executable, "-m", "tests.pipeline.segments.segment_writer", str(tmp_path / "s")]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert writer.stdout is not None
        writer.stdout.readline()
        stop = threading.Event()
        stop.wait(random.uniform(0, 0.4))
        writer.kill()
        flushed = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        store = RocksStore(str(tmp_path / "s"))
        segments, found = opened(store)
        assert found.next_offset >= (flushed[-1] if flushed else 1)
        for live in found.segments:
            assert_equal(segments, live, segment_of(live.id, live.stored.meta.offset_min))
            assert segments.read_alive(live).tolist() == [d >= live.dead for d in range(1000)]
        gc.collect()
        store.close()
