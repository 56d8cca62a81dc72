"""Carry out merges: of small segments in memory, and of stored ones in the background.

A background merge works on a copy of the alive masks; rows that died meanwhile are marked dead in the result when it is installed, so that
nothing of what happened during the merge is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.materialise.apply import Materialiser, nbytes_of
from pipeline.materialise.commit import Ledger, Probe
from pipeline.materialise.dead_letters import MAPPING as DEAD_MAPPING
from pipeline.materialise.live_segments import LiveSegment, LiveSegments, sizes
from pipeline.materialise.merge_policy import small_stretches
from pipeline.segments.manifest import StoredSegment
from pipeline.segments.merge import merge_segments
from pipeline.segments.reader import SegmentReader
from pipeline.segments.store import SegmentStore
from schemas.ids import SegmentId
from schemas.mapping import IndexMapping

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MergeInput:
    """A segment as a merge sees it."""

    ordinal: int
    reader: SegmentReader
    alive: Bools


@dataclass(frozen=True, slots=True)
class MergeDone:
    """A merged segment in the store; None where no row was left. ``doc_maps``: per input, old row -> new row or -1."""

    inputs: Sequence[MergeInput]
    stored: StoredSegment | None
    reader: SegmentReader | None
    doc_maps: Sequence[NDArray[np.int64]]


def inputs_of(segments: LiveSegments, ordinals: Sequence[int]) -> list[MergeInput]:
    """The segments of a plan, with copies of their alive masks. The caller holds the apply lock."""
    return [MergeInput(o, segments[o].reader, segments[o].alive.copy()) for o in ordinals]


def merge_stored(
    store: SegmentStore, inputs: Sequence[MergeInput], mapping: IndexMapping, schema_version: int, probe: Probe
) -> MergeDone:
    """Merge and write the result to the store, in any thread; a later commit makes it part of the partition."""
    probe("merge.begin")
    if not any(bool(one.alive.any()) for one in inputs):
        empty = [np.full(len(one.alive), -1, np.int64) for one in inputs]
        return MergeDone(inputs, None, None, empty)
    merged = merge_segments(
        [(one.reader, one.alive) for one in inputs],
        segment_id=store.new_segment_id(),
        schema_version=schema_version,
        mapping=mapping,
    )
    probe("merge.put")
    stored = store.put(merged.data)
    probe("merge.done")
    return MergeDone(inputs, stored, SegmentReader(stored.meta, store.reader_arrays(stored)), merged.doc_maps)


def install_merge(machine: Materialiser, segments: LiveSegments, ledger: Ledger, done: MergeDone) -> None:
    """Put the merged segment in its inputs' place. The caller holds the apply lock."""
    with machine.lock:
        live = [segments.get(one.ordinal) for one in done.inputs]  # None: every row died and a commit dropped it
        new = None
        if done.reader is not None and done.stored is not None:
            new = LiveSegment(
                segments.next_ordinal(),
                done.reader,
                np.ones(done.reader.meta.documents, np.bool_),
                done.stored.stored_bytes,
                stored=done.stored,
            )
            _kill_late(new, live, done)
        if segments is machine.segments and new is not None:
            _relocate(machine, done, new.ordinal)
        segments.replace([one.ordinal for one in done.inputs], new)
        ledger.retired += [one.reader.meta.id for one in live if one is not None and one.stored is not None]


def _kill_late(new: LiveSegment, live: Sequence[LiveSegment | None], done: MergeDone) -> None:
    """Rows that died while the merge ran are dead in its result."""
    for one, taken, doc_map in zip(live, done.inputs, done.doc_maps, strict=True):
        late = doc_map[np.flatnonzero(taken.alive if one is None else taken.alive & ~one.alive)]
        if len(late):
            new.kill(late.astype(np.int64))


def _relocate(machine: Materialiser, done: MergeDone, ordinal: int) -> None:
    machine.ids.relocate([one.ordinal for one in done.inputs], done.doc_maps, ordinal)


def compact_small(machine: Materialiser, new_segment_id: Callable[[], SegmentId], documents_max: int) -> bool:
    """Compact neighbours in memory that are small; whether there were any. The caller holds the apply lock."""
    done = False
    for segments, mapping in ((machine.segments, machine.mapping), (machine.dead, DEAD_MAPPING)):
        for small in small_stretches(sizes(segments, stored=False), documents_max):
            compact(machine, segments, small, new_segment_id, mapping)
            done = True
    return done


def compact(
    machine: Materialiser,
    segments: LiveSegments,
    ordinals: Sequence[int],
    new_segment_id: Callable[[], SegmentId],
    mapping: IndexMapping,
) -> None:
    """Merge small in-memory segments into one, at once. The caller holds the apply lock."""
    inputs = [MergeInput(o, segments[o].reader, segments[o].alive) for o in ordinals]
    if len(inputs) < 2 or not any(bool(one.alive.any()) for one in inputs):
        return
    merged = merge_segments(
        [(one.reader, one.alive) for one in inputs],
        segment_id=new_segment_id(),
        schema_version=machine.schema_version,
        mapping=mapping,
    )
    reader = SegmentReader(merged.data.meta, merged.data.arrays)
    with machine.lock:
        new = LiveSegment(segments.next_ordinal(), reader, np.ones(reader.meta.documents, np.bool_), nbytes_of(reader))
        done = MergeDone(inputs, None, reader, merged.doc_maps)
        if segments is machine.segments:
            _relocate(machine, done, new.ordinal)
        segments.replace(ordinals, new)
