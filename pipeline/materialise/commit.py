"""Segments, deletes, decisions and the log offset in one atomic batch; and the way back.

``snapshot`` takes what a commit needs out of the materialiser (in a moment, under its owner's lock), ``store_snapshot`` writes it (in any
thread, without that lock), ``install`` tells the materialiser what is stored now, ``give_back`` what could not be. ``restore`` is the
inverse at opening.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.materialise.apply import Materialiser
from pipeline.materialise.decisions.outcomes import Outcomes
from pipeline.materialise.decisions.requests import RequestWindow
from pipeline.materialise.live_segments import LiveSegment, LiveSegments
from pipeline.segments import manifest as manifests
from pipeline.segments.format import SegmentData
from pipeline.segments.manifest import Identity, Manifest, StoredAlive, StoredSegment
from pipeline.segments.reader import SegmentReader
from pipeline.segments.store import SegmentStore
from schemas.ids import LogOffset, SchemaVersion, SegmentId
from schemas.mapping import IndexMapping
from schemas.records import ByteColumn, RecordBatch

Bools = NDArray[np.bool_]
TOMBSTONES: Final = "tombstones/"
TOMBSTONE_CHUNKS_MAX: Final = 64
FORGET_MIN: Final = 10_000
Probe = Callable[[str], None]
Tail = tuple[int, int]  # offset of the last applied record, and a checksum of its key and value
NO_TAIL: Final[Tail] = (-1, 0)


def tail_of(batch: RecordBatch) -> Tail:
    """The last record of a batch: it tells whether a log is still the one that was applied."""
    if not len(batch):
        return NO_TAIL
    row = len(batch) - 1
    parts = [b"\0" if one is None else b"\1" + one for one in (batch.keys[row], batch.values[row])]
    return int(batch.offsets[row]), zlib.crc32(parts[1], zlib.crc32(parts[0]))


@dataclass(frozen=True, slots=True)
class SegmentSnapshot:
    """A segment as a commit sees it. ``alive`` None: as ``stored_alive`` says."""

    ordinal: int
    dead_letters: bool
    reader: SegmentReader
    stored: StoredSegment | None
    stored_alive: StoredAlive | None
    alive: Bools | None
    deletes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one commit writes. ``placed`` fills while it is written: segments that were in memory only, by their index."""

    offset: LogOffset
    segments: Sequence[SegmentSnapshot]
    mapping_json: bytes
    schema_version: int
    next_seq_no: int
    documents: int
    state: dict[str, bytes]
    retired: Sequence[SegmentId]
    placed: dict[int, tuple[StoredSegment, SegmentReader]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committed:
    """What is stored now: per segment of the snapshot, where it lies."""

    snapshot: Snapshot
    stored: Sequence[tuple[StoredSegment, StoredAlive | None]]


class Ledger:
    """What a partition remembers between commits: segments to drop, tombstones already stored; and the last record that it applied."""

    def __init__(self) -> None:
        self.tail = NO_TAIL
        self.retired: list[SegmentId] = []
        self.tombstones: dict[str, tuple[bytes, int]] = {}  # state name -> (encoded, newest offset)
        self.counter = 0


def snapshot(machine: Materialiser, ledger: Ledger) -> Snapshot:
    """What to commit. The caller holds the lock under which records are applied."""
    for segments in (machine.segments, machine.dead):
        _drop_empty(segments, ledger)
    _keep_tombstones(machine, ledger)
    _forget_ids(machine)
    taken = [
        _segment(segment, dead_letters=segments is machine.dead)
        for segments in (machine.segments, machine.dead)
        for segment in segments
    ]
    dead_ids = [s.reader.meta.id for s in taken if s.dead_letters]
    state = {
        "outcomes": machine.outcomes.encode(),
        "requests": machine.requests.encode(),
        "digest": machine.digest.tobytes(),
        "tail": msgspec.msgpack.encode(ledger.tail),
        "dead": msgspec.json.encode({"segments": dead_ids, "count": machine.dead_count}),
        **{name: encoded for name, (encoded, _) in ledger.tombstones.items()},
    }
    retired, ledger.retired = ledger.retired, []
    return Snapshot(
        offset=machine.applied,
        segments=taken,
        mapping_json=msgspec.json.encode(machine.mapping),
        schema_version=machine.schema_version,
        next_seq_no=machine.next_seq_no,
        documents=machine.segments.documents,
        state=state,
        retired=retired,
    )


def _drop_empty(segments: LiveSegments, ledger: Ledger) -> None:
    for segment in [s for s in segments if not s.documents]:
        segments.replace([segment.ordinal], None)
        if segment.stored is not None:
            ledger.retired.append(segment.reader.meta.id)


def _segment(segment: LiveSegment, *, dead_letters: bool) -> SegmentSnapshot:
    changed = segment.dead > 0 and segment.stored_deletes != segment.deletes
    return SegmentSnapshot(
        segment.ordinal,
        dead_letters,
        segment.reader,
        segment.stored,
        segment.stored_alive,
        segment.alive.copy() if changed else None,
        segment.deletes,
    )


def store_snapshot(store: SegmentStore, identity: Identity, epoch: int, taken: Snapshot, probe: Probe) -> Committed:
    """Write, commit, flush. ``probe`` is called at each step (tests kill the process there)."""
    stored: list[tuple[StoredSegment, StoredAlive | None]] = []
    for at, segment in enumerate(taken.segments):
        place = segment.stored
        if place is None:
            probe("commit.put")
            place = store.put(SegmentData(segment.reader.meta, segment.reader.arrays))
            taken.placed[at] = place, SegmentReader(place.meta, store.reader_arrays(place))
        alive = segment.stored_alive
        if segment.alive is not None:
            probe("commit.put_alive")
            alive = store.put_alive(place.meta.id, segment.alive)
        stored.append((place, alive))
    probe("commit.commit")
    store.commit(
        Manifest(
            identity=identity,
            open_epoch=epoch,
            next_offset=taken.offset,
            segments=tuple(manifests.LiveSegment(place, alive) for place, alive in stored),
            schema_version=SchemaVersion(taken.schema_version),
            mapping_json=taken.mapping_json,
            next_seq_no=taken.next_seq_no,
            documents=taken.documents,
            state=taken.state,
        )
    )
    probe("commit.flush")
    store.flush()
    probe("commit.drop")
    store.drop(taken.retired)
    return Committed(taken, stored)


def install(machine: Materialiser, committed: Committed) -> None:
    """Read from the store what was in memory only. The caller holds the lock under which records are applied."""
    with machine.lock:
        _install_placed(machine, committed.snapshot)
        for taken, (_, alive) in zip(committed.snapshot.segments, committed.stored, strict=True):
            segment = _live(machine, taken)
            if segment is not None:
                segment.stored_alive, segment.stored_deletes = alive, taken.deletes


def give_back(machine: Materialiser, ledger: Ledger, taken: Snapshot) -> None:
    """A commit failed: the next one takes it all again, but for segments that are in the store now. The same lock as ``install``."""
    with machine.lock:
        _install_placed(machine, taken)
        ledger.retired += taken.retired


def _install_placed(machine: Materialiser, taken: Snapshot) -> None:
    for at, (place, reader) in taken.placed.items():
        segment = _live(machine, taken.segments[at])
        if segment is not None:
            segment.stored, segment.reader, segment.nbytes = place, reader, place.stored_bytes


def _live(machine: Materialiser, taken: SegmentSnapshot) -> LiveSegment | None:
    """The segment as it is now; None where a merge has replaced it since."""
    return (machine.dead if taken.dead_letters else machine.segments).get(taken.ordinal)


def restore(machine: Materialiser, store: SegmentStore, manifest: Manifest) -> Ledger:
    """Bring a fresh materialiser to the state of a committed manifest."""
    ledger = Ledger()
    if "tail" in manifest.state:
        ledger.tail = msgspec.msgpack.decode(manifest.state["tail"], type=Tail)
    machine.outcomes = Outcomes.decode(manifest.state.get("outcomes", b""), manifest.next_offset)
    machine.requests = RequestWindow.decode(manifest.state.get("requests", b""), machine.horizons.request_ids)
    machine.next_seq_no = manifest.next_seq_no
    machine.schema_version = manifest.schema_version
    if manifest.schema_version:
        machine.mapping = msgspec.json.decode(manifest.mapping_json, type=IndexMapping)
    if "digest" in manifest.state:
        kept = np.frombuffer(manifest.state["digest"], np.uint64)
        machine.digest = kept.reshape(machine.digest.shape).copy()
    dead = msgspec.json.decode(manifest.state.get("dead", b'{"segments":[],"count":0}'))
    machine.dead_count = dead["count"]
    dead_ids = set(dead["segments"])
    _make_room(machine, [live for live in manifest.segments if live.id not in dead_ids])
    for live in manifest.segments:
        segments = machine.dead if live.id in dead_ids else machine.segments
        reader = SegmentReader(live.stored.meta, store.reader_arrays(live.stored))
        alive = store.read_alive(live)
        ordinal = segments.next_ordinal()
        segment = segments.add(ordinal, reader, live.stored.stored_bytes, alive)
        segment.stored, segment.stored_alive, segment.stored_deletes = live.stored, live.alive, segment.deletes
        if segments is machine.segments:
            machine.ids.load_segment(
                reader.ids(), reader.seq_nos(), reader.versions(), reader.offsets(), alive, ordinal
            )
    _load_tombstones(machine, ledger, manifest)
    return ledger


def _make_room(machine: Materialiser, living: Sequence[manifests.LiveSegment]) -> None:
    """For the ids of these segments."""
    id_bytes = sum(array.nbytes for live in living for array in live.stored.arrays if array.name == "id/data")
    machine.ids.reserve(sum(live.stored.meta.documents - live.dead for live in living), id_bytes)


def _keep_tombstones(machine: Materialiser, ledger: Ledger) -> None:
    """Deleted ids since the last commit become one more piece of state; pieces beyond the horizon go."""
    horizon = machine.applied - machine.horizons.deleted_ids
    ledger.tombstones = {name: kept for name, kept in ledger.tombstones.items() if kept[1] >= horizon}
    slots = np.unique(np.concatenate(machine.tombstones)) if machine.tombstones else np.zeros(0, np.int64)
    machine.tombstones = []
    if len(slots):
        slots = slots[machine.ids.deleted[slots] != 0]
    if not len(slots):
        return
    if len(ledger.tombstones) >= TOMBSTONE_CHUNKS_MAX:
        _store_all(machine, ledger)
        return
    ids = machine.ids.ids_of(slots)
    _add(ledger, ids, machine.ids.seq_no[slots], machine.ids.version[slots], machine.ids.offset[slots])


def _forget_ids(machine: Materialiser) -> None:
    """Deleted ids beyond the horizon leave the memory, once they are a good part of it."""
    with machine.lock:
        at_least = max(FORGET_MIN, machine.ids.count // 4)
        machine.ids.forget(machine.applied - machine.horizons.deleted_ids, at_least=at_least)


def _store_all(machine: Materialiser, ledger: Ledger) -> None:
    ledger.tombstones = {}
    _add(ledger, *machine.ids.tombstones())


def _add(
    ledger: Ledger, ids: ByteColumn, seq_nos: NDArray[np.int64], versions: NDArray[np.int64], offsets: NDArray[np.int64]
) -> None:
    data = ids.data[ids.starts[0] : ids.starts[-1]].tobytes()
    lengths = (ids.starts[1:] - ids.starts[:-1]).astype(np.int64)
    encoded = msgspec.msgpack.encode(
        [data, *(c.astype(np.int64).tobytes() for c in (lengths, seq_nos, versions, offsets))]
    )
    ledger.counter += 1
    ledger.tombstones[f"{TOMBSTONES}{ledger.counter:08d}"] = (encoded, int(offsets.max()) if len(offsets) else 0)


def _load_tombstones(machine: Materialiser, ledger: Ledger, manifest: Manifest) -> None:
    for name in sorted(n for n in manifest.state if n.startswith(TOMBSTONES)):
        encoded = manifest.state[name]
        data, *columns = msgspec.msgpack.decode(encoded, type=tuple[bytes, bytes, bytes, bytes, bytes])
        lengths, seq_nos, versions, offsets = (np.frombuffer(bytearray(c), np.int64) for c in columns)
        ends = np.cumsum(lengths)
        raw = bytes(data)
        ids = ByteColumn.of([raw[e - n : e] for e, n in zip(ends.tolist(), lengths.tolist(), strict=True)])
        machine.ids.load_tombstones(ids, seq_nos, versions, offsets)
        ledger.tombstones[name] = (encoded, int(offsets.max()) if len(offsets) else 0)
        ledger.counter = max(ledger.counter, int(name.removeprefix(TOMBSTONES)))
