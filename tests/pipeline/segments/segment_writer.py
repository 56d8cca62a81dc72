"""A process that puts, commits, merges and drops until it is killed; a line on standard output after each flush."""

import sys
from dataclasses import replace

import numpy as np

from pipeline.rocks.database import RocksStore
from pipeline.rocks.tuning import Tuning
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.manifest import LiveSegment
from pipeline.segments.store import SegmentStore
from schemas.ids import LogOffset
from tests.pipeline.segments.test_store import IDENTITY, segment_of


def main(path: str) -> None:
    segments = SegmentStore(RocksStore(path, Tuning(memtable_bytes=2 << 20)), ArrayCache(1 << 20))
    manifest = segments.open(IDENTITY)
    while True:
        offset = manifest.next_offset + 1
        stored = segments.put(segment_of(segments.new_segment_id(), offset))
        live = [*manifest.segments, LiveSegment(stored)]
        gone = []
        if len(live) > 5:
            gone, live = [one.id for one in live[:3]], live[3:]
        mask = np.arange(1000) >= offset % 1000
        live[0] = replace(live[0], alive=segments.put_alive(live[0].id, mask))
        manifest = replace(manifest, next_offset=LogOffset(offset), segments=tuple(live), state={"x": bytes(offset)})
        segments.commit(manifest)
        segments.drop(gone)
        if offset % 5 == 0:
            segments.flush()
            print(offset, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
