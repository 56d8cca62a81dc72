"""Carry out merges in the background: of small segments in memory (compactions), and of stored ones.

A merge works on a copy of the alive masks; rows that died meanwhile are marked dead in the result when it is installed, so that
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
from schemas.ids import SchemaVersion, SegmentId
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
    """A merged segment, in the store or (compacted) in memory; no reader where no row was left. ``doc_maps``: per input, old row -> new row
    or -1.
    """

    inputs: Sequence[MergeInput]
    stored: StoredSegment | None
    reader: SegmentReader | None
    doc_maps: Sequence[NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Compaction:
    """Small neighbours in memory, to become one segment, and what the mapping was."""

    segments: LiveSegments
    inputs: Sequence[MergeInput]
    mapping: IndexMapping
    schema_version: SchemaVersion


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
        if done.reader is not None:
            new = LiveSegment(
                segments.next_ordinal(),
                done.reader,
                np.ones(done.reader.meta.documents, np.bool_),
                nbytes_of(done.reader) if done.stored is None else done.stored.stored_bytes,
                stored=done.stored,
            )
            _kill_late(new, live, done)
        if segments is machine.segments and new is not None:
            machine.ids.relocate([one.ordinal for one in done.inputs], done.doc_maps, new.ordinal)
        segments.replace([one.ordinal for one in done.inputs], new)
        ledger.retired += [one.reader.meta.id for one in live if one is not None and one.stored is not None]


def _kill_late(new: LiveSegment, live: Sequence[LiveSegment | None], done: MergeDone) -> None:
    """Rows that died while the merge ran are dead in its result."""
    for one, taken, doc_map in zip(live, done.inputs, done.doc_maps, strict=True):
        late = doc_map[np.flatnonzero(taken.alive if one is None else taken.alive & ~one.alive)]
        if len(late):
            new.kill(late.astype(np.int64))


def small_inputs(machine: Materialiser, documents_max: int) -> list[Compaction]:
    """Neighbours in memory that are small, with copies of their alive masks. The caller holds the apply lock."""
    found: list[Compaction] = []
    for segments, mapping in ((machine.segments, machine.mapping), (machine.dead, DEAD_MAPPING)):
        for small in small_stretches(sizes(segments, stored=False), documents_max):
            inputs = inputs_of(segments, small)
            if any(bool(one.alive.any()) for one in inputs):
                found.append(Compaction(segments, inputs, mapping, machine.schema_version))
    return found


def compact(one: Compaction, new_segment_id: Callable[[], SegmentId]) -> MergeDone:
    """Merge small in-memory segments into one, in any thread."""
    merged = merge_segments(
        [(taken.reader, taken.alive) for taken in one.inputs],
        segment_id=new_segment_id(),
        schema_version=one.schema_version,
        mapping=one.mapping,
    )
    return MergeDone(one.inputs, None, SegmentReader(merged.data.meta, merged.data.arrays), merged.doc_maps)
