"""Segments and their manifest in a key-value store: put, commit, flush, read back, drop.

A commit is one batch that holds the manifest. Everything it names was written before it, and what is written earlier is never
lost without what is written later; so whatever manifest a crash leaves, all that it names is there:

    put (chunks, descriptor)   put_alive (bits)   commit (manifest)   flush
    ─────────────────────────────────────────────────────────────────────▶  a crash cuts anywhere before the flush

Deleting goes the other way round: what a manifest no longer names is deleted in its own batch or after it. Nothing is overwritten but
the manifest: ids are (open epoch, counter), and the open epoch is made durable before the first id is given out.
"""

import threading
import zlib
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from pipeline.rocks.ports import Store, WriteBatch, prefix_end
from pipeline.segments.chunks.arrays import StoredArrays
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.chunks.damage import Damage
from pipeline.segments.chunks.deletions import pack_alive, packed_bytes, unpack_alive
from pipeline.segments.chunks.encodings import choose
from pipeline.segments.chunks.keys import (
    BLOB,
    CHUNK,
    DESCRIPTOR,
    KINDS_WITH_ID,
    MANIFEST_KEY,
    blob_key,
    chunk_key,
    id_of,
    make_id,
    object_key,
)
from pipeline.segments.chunks.pieces import BatchWriter, put_chunks, read_chunks
from pipeline.segments.format import SegmentData
from pipeline.segments.manifest import (
    REBUILD,
    BlobRef,
    Identity,
    LiveSegment,
    Manifest,
    ManifestRecord,
    SegmentEntry,
    Stored,
    StoredAlive,
    StoredArray,
    StoredSegment,
    check_identity,
    decode_record,
    decode_segment,
    encode_record,
    encode_segment,
)
from schemas.errors import damaged
from schemas.ids import SegmentId

WASTE_BYTES_MIN: Final = 64 << 20
INLINE_BYTES_MAX: Final = 16 << 10  # larger pieces of state go into blobs
RANGES_PER_BATCH: Final = 1000


class SegmentStore:
    """The segments of one partition. ``put``, ``new_segment_id`` and ``reader_arrays`` may be called from any thread, the rest from the worker's."""

    def __init__(self, store: Store, cache: ArrayCache, damage: Damage | None = None) -> None:
        self._store = store
        self._damage = damage or Damage()
        self._cache = cache
        self._space = cache.space()
        self._lock = threading.Lock()
        self._counter = 0
        self._open_epoch = 0  # 0: not opened
        self._descriptors: dict[str, int] = {}  # segment -> CRC of its descriptor
        self._readers: Counter[str] = Counter()
        self._released: deque[str] = deque()  # segments that a reader let go of, not yet counted
        self._dropped: set[str] = set()  # to delete once their readers are gone
        self._manifest: Manifest | None = None  # the last committed, and its record
        self._record: ManifestRecord | None = None

    # ------------------------------------------------------------------ open

    def open(self, identity: Identity) -> Manifest:
        """The committed manifest, a fresh one where the store is empty; with a new open epoch, which is durable on return.

        Removes what no manifest names. Raises CONFLICT (``store_identity``, ``format_too_new``) where the data belong to another
        partition or program, DAMAGED where they cannot be read.
        """
        assert not self._open_epoch, "a segment store is opened once"
        data = self._store.get(MANIFEST_KEY)
        if data is None:
            if self._store.next_key(b"\x00", b"\xff") is not None:
                raise damaged(f"the data in {self._store.path} have no manifest: {REBUILD}")
            manifest = Manifest(identity)
        else:
            record = decode_record(data, self._store.path)
            check_identity(record.identity, identity, self._store.path)
            manifest = self._manifest_of(record)
            self._manifest, self._record = manifest, record
        self._open_epoch = manifest.open_epoch + 1
        manifest = replace(manifest, open_epoch=self._open_epoch)
        self.commit(manifest)
        self.flush()
        self._remove_garbage()
        return manifest

    def _manifest_of(self, record: ManifestRecord) -> Manifest:
        keys = [object_key(DESCRIPTOR, entry.id) for entry in record.segments]
        segments = []
        for entry, data in zip(record.segments, self._store.get_many(keys), strict=True):
            if data is None or zlib.crc32(data) != entry.descriptor_crc:
                raise damaged(
                    f"the descriptor of segment {entry.id} in {self._store.path} is missing or damaged: {REBUILD}"
                )
            segments.append(LiveSegment(decode_segment(data, self._store.path), entry.alive))
            self._descriptors[entry.id] = entry.descriptor_crc
        return Manifest(
            identity=record.identity,
            open_epoch=record.open_epoch,
            next_offset=record.next_offset,
            segments=tuple(segments),
            schema_version=record.schema_version,
            mapping_json=self._restored(record.mapping_json, "mapping"),
            next_seq_no=record.next_seq_no,
            documents=record.documents,
            state={name: self._restored(one, f"state {name}") for name, one in record.state.items()},
        )

    def _remove_garbage(self) -> None:
        assert self._record is not None
        segments = {entry.id for entry in self._record.segments}
        named: dict[bytes, set[str]] = {DESCRIPTOR: set(segments), CHUNK: set(segments)}
        named[BLOB] = set(self._record.blobs())
        ranges = []
        for kind in KINDS_WITH_ID:
            at, end = kind, prefix_end(kind)
            while (key := self._store.next_key(at, end)) is not None:
                prefix = object_key(kind, id_of(key))
                at = prefix_end(prefix)
                if id_of(key) not in named[kind]:
                    ranges.append((prefix, at))
        for first in range(0, len(ranges), RANGES_PER_BATCH):
            self._store.write(WriteBatch(ranges=ranges[first : first + RANGES_PER_BATCH]))

    # ------------------------------------------------------------------ write

    def new_segment_id(self) -> SegmentId:
        """An id that was never used before, not even by a run whose work was lost; later ones sort after it."""
        return SegmentId(self._new_id())

    def _new_id(self) -> str:
        assert self._open_epoch, "open the segment store first"
        with self._lock:
            self._counter += 1
            return make_id(self._open_epoch, self._counter)

    def put(self, data: SegmentData) -> StoredSegment:
        """Write a segment's arrays and then its descriptor. It is part of the partition once a manifest that names it is committed."""
        segment = data.meta.id
        assert segment not in self._descriptors, "a segment is written once"
        writer = BatchWriter(self._store)
        arrays = []
        for name, array in data.arrays.items():
            flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            encoding, key_of = choose(name, array.dtype, flat), partial(chunk_key, segment, name)
            crcs, nbytes = put_chunks(writer, key_of, flat, encoding, array.dtype.itemsize)
            shape = tuple(map(int, array.shape))
            arrays.append(StoredArray(name, array.dtype.str, shape, crcs, encoding, nbytes))
        meta = replace(data.meta, fields=tuple(data.meta.fields))
        stored = StoredSegment(meta, tuple(arrays))
        descriptor = encode_segment(stored)
        writer.put(object_key(DESCRIPTOR, segment), descriptor)
        writer.write()
        with self._lock:
            self._descriptors[segment] = zlib.crc32(descriptor)
        return stored

    def put_alive(self, segment_id: SegmentId, alive: NDArray[np.bool_]) -> StoredAlive | None:
        """Write a segment's alive mask, bool[n], for the commit that follows; None where all rows are alive.

        Each call writes a new blob, so an older manifest still finds its own.
        """
        assert segment_id in self._descriptors, "put the segment first"
        dead = len(alive) - int(np.count_nonzero(alive))
        if not dead:
            return None
        writer = BatchWriter(self._store)
        blob = self._put_blob(writer, pack_alive(alive))
        writer.write()
        return StoredAlive(blob, dead)

    def commit(self, manifest: Manifest) -> None:
        """Make a manifest the partition's, in one batch. Not yet durable; the one before may be found after a crash.

        What only the manifest before named (masks, pieces of state) goes in the same batch. Where it raises, nothing
        was committed and it may be tried again.
        """
        self._check(manifest)
        writer = BatchWriter(self._store)
        record = self._record_of(manifest, writer)
        writer.write()
        before = {} if self._record is None else self._record.blobs()
        gone = [object_key(BLOB, blob) for blob in sorted(before.keys() - record.blobs().keys())]
        # more than fit in the batch stay until the next open
        ranges = [(prefix, prefix_end(prefix)) for prefix in gone[:RANGES_PER_BATCH]]
        self._store.write(WriteBatch(puts=[(MANIFEST_KEY, encode_record(record))], ranges=ranges))
        self._manifest, self._record = manifest, record
        self.collect()

    def flush(self) -> None:
        """Return when the last commit, and all before it, is durable."""
        self._store.flush()

    def _check(self, manifest: Manifest) -> None:
        assert manifest.open_epoch == self._open_epoch, "commit what follows from the manifest of open()"
        assert self._manifest is None or manifest.identity == self._manifest.identity
        for live in manifest.segments:
            assert live.id in self._descriptors, "put a segment before the commit that names it"
            assert live.id not in self._dropped, "a dropped segment does not come back"

    def _record_of(self, manifest: Manifest, writer: BatchWriter) -> ManifestRecord:
        old, old_record = self._manifest, self._record
        mapping: Stored | None = None
        stored: dict[str, Stored] = {}
        if old is not None and old_record is not None:
            if old.mapping_json == manifest.mapping_json:
                mapping = old_record.mapping_json
            same = (name for name, value in manifest.state.items() if old.state.get(name) == value)
            stored = {name: old_record.state[name] for name in same}
        return ManifestRecord(
            identity=manifest.identity,
            open_epoch=manifest.open_epoch,
            next_offset=manifest.next_offset,
            segments=tuple(SegmentEntry(live.id, self._descriptors[live.id], live.alive) for live in manifest.segments),
            schema_version=manifest.schema_version,
            mapping_json=self._saved(manifest.mapping_json, writer) if mapping is None else mapping,
            next_seq_no=manifest.next_seq_no,
            documents=manifest.documents,
            state={
                name: stored[name] if name in stored else self._saved(value, writer)
                for name, value in manifest.state.items()
            },
        )

    def _saved(self, value: bytes, writer: BatchWriter) -> Stored:
        if len(value) <= INLINE_BYTES_MAX:
            return value
        return self._put_blob(writer, np.frombuffer(value, np.uint8))

    def _put_blob(self, writer: BatchWriter, data: NDArray[np.uint8]) -> BlobRef:
        blob = self._new_id()
        return BlobRef(blob, len(data), put_chunks(writer, partial(blob_key, blob), data)[0])

    # ------------------------------------------------------------------ read

    def reader_arrays(self, stored: StoredSegment) -> StoredArrays:
        """The segment's arrays, read when first used. While the answer lives, its chunks are not deleted."""
        segment = stored.meta.id
        arrays = StoredArrays(stored, self._store, self._cache, self._space, self._damage)
        with self._lock:
            assert segment in self._descriptors, "the segment was dropped"
            self._readers[segment] += 1
        # The callback may run in any thread, within any call: it notes the fact and no more.
        finalize(arrays, self._released.append, segment).atexit = False
        return arrays

    def read_alive(self, live: LiveSegment) -> NDArray[np.bool_]:
        """A fresh alive mask of a segment of a committed manifest, bool[n]."""
        documents = live.stored.meta.documents
        if live.alive is None:
            return np.ones(documents, np.bool_)
        blob = live.alive.blob
        assert blob.length == packed_bytes(documents)
        return unpack_alive(self._blob(blob, f"alive mask of segment {live.id}"), documents)

    def _restored(self, stored: Stored, what: str) -> bytes:
        return stored if isinstance(stored, bytes) else self._blob(stored, what).tobytes()

    def _blob(self, blob: BlobRef, what: str) -> NDArray[np.uint8]:
        return read_chunks(self._store, partial(blob_key, blob.id), blob.crcs, blob.length, what=what)

    # ------------------------------------------------------------------ drop

    def drop(self, segment_ids: Iterable[SegmentId]) -> None:
        """Delete segments that the committed manifest does not name, each once its last reader is gone."""
        dropped = set(segment_ids)
        live = () if self._manifest is None else self._manifest.segments
        assert dropped.isdisjoint(one.id for one in live), "commit a manifest without them first"
        self._dropped |= dropped
        self.collect()

    def collect(self) -> int:
        """Delete the dropped segments that nobody reads any more; how many still wait. Part of every commit and drop."""
        with self._lock:
            while self._released:
                segment = self._released.popleft()
                self._readers[segment] -= 1
                if not self._readers[segment]:
                    del self._readers[segment]
            free = [segment for segment in sorted(self._dropped) if segment not in self._readers]
            for segment in free:
                self._descriptors.pop(segment, None)
        for first in range(0, len(free), RANGES_PER_BATCH):
            self._delete(free[first : first + RANGES_PER_BATCH])
        return len(self._dropped)

    def reclaim(self) -> bool:
        """Give the space of dropped segments back where it is more than what is live; whether it did. From any thread, may take seconds."""
        manifest = self._manifest
        live = 0 if manifest is None else sum(one.stored.stored_bytes for one in manifest.segments)
        if self._store.disk_bytes() <= 2 * live + WASTE_BYTES_MIN:
            return False
        self._store.compact()
        return True

    def _delete(self, segments: list[str]) -> None:
        chunks = [object_key(CHUNK, segment) for segment in segments]
        self._store.write(
            WriteBatch(
                ranges=[(prefix, prefix_end(prefix)) for prefix in chunks],
                deletes=[object_key(DESCRIPTOR, segment) for segment in segments],
            )
        )
        for segment in segments:
            self._cache.drop_segment(self._space, segment)
        self._dropped -= set(segments)
