"""docs/internals/segments.md is enough to read a partition: the twin that was written from it finds what was indexed."""

from dataclasses import replace

import numpy as np
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rocks.memory import Disk, MemoryStore
from pipeline.segments.chunks.cache import ArrayCache
from pipeline.segments.format import SegmentData
from pipeline.segments.manifest import Identity, LiveSegment
from pipeline.segments.store import SegmentStore
from schemas.ids import LogOffset, PartitionId, SegmentId, TopicName
from tests.pipeline.segments.documents import (
    KEYWORDS,
    MAPPING,
    NUMBERS,
    TEXTS,
    Document,
    documents,
    segment_of,
    slow_keyword,
    slow_text,
)
from tests.pipeline.segments.format_twin import Partition, block_of, content_of

IDENTITY = Identity("cluster", TopicName("books"), "id-1", PartitionId(0), 1)
NAME = SegmentId("00000001-00000001")


def stored(docs: list[Document], alive: list[bool]) -> dict[bytes, bytes]:
    """A store with one segment of these documents, as keys and values."""
    store = MemoryStore(Disk())
    segments = SegmentStore(store, ArrayCache(1 << 24))
    manifest = segments.open(IDENTITY)
    made = segment_of(docs)
    data = SegmentData(replace(made.meta, id=NAME), made.arrays)
    live = LiveSegment(segments.put(data), segments.put_alive(NAME, np.array(alive, np.bool_)))
    segments.commit(replace(manifest, next_offset=LogOffset(7), segments=(live,)))
    return {key: value for kind in (b"m", b"d", b"c", b"b") for key, value in store.scan(kind)}


@settings(max_examples=60)
@given(documents(max_size=40), st.data())
def test_the_twin_reads_what_was_indexed(docs: list[Document], data: st.DataObject) -> None:
    """Ids, sources, columns, postings with positions, and which rows live."""
    alive = data.draw(st.lists(st.booleans(), min_size=len(docs), max_size=len(docs)))
    partition = Partition(stored(docs, alive))
    assert partition.manifest["next_offset"] == 7
    ((segment, living),) = partition.segments()
    assert living == alive
    assert segment.texts("id") == [d.id for d in docs]
    assert segment.sources() == [d.source for d in docs]
    for at, name in enumerate(("seq_no", "version", "offset", "timestamp")):
        assert segment.numbers(name) == [d.numbers[at] for d in docs]
    known = {f["path"] for f in segment.meta["fields"]}
    for path in known & {*NUMBERS, *KEYWORDS}:
        if MAPPING.fields[path].doc_values:
            wanted = [d.values.get(path, ()) for d in docs]
            distinct = [sorted(set(v)) if path in KEYWORDS else sorted(v) for v in wanted]
            assert segment.values(path) == distinct
    for path in known & set(KEYWORDS) if docs else ():
        if MAPPING.fields[path].index:
            found = {term: [one.document for one in held] for term, held in segment.postings(path).items()}
            assert found == slow_keyword(docs, path)
    for path in known & set(TEXTS):
        expected, _ = slow_text(docs, path)
        shown = {term: {p.document: p.positions for p in held} for term, held in segment.postings(path).items()}
        assert shown == expected


def test_long_terms_have_several_blocks() -> None:
    """A term in 300 documents has three blocks, each beginning where the one before ended."""
    docs = [Document({"text": [b"word " * (1 + row % 3)]} if row % 7 else {}) for row in range(350)]
    ((segment, _),) = Partition(stored(docs, [True] * 350)).segments()
    (held,) = segment.postings("text").values()
    assert [p.document for p in held] == [row for row in range(350) if row % 7]
    assert [p.positions for p in held] == [list(range(1 + row % 3)) for row in range(350) if row % 7]
    assert len(segment.numbers(f"{segment.prefix('text')}/block/last")) == 3


def test_the_pages_examples() -> None:
    """The block and the differences that the page writes out, byte for byte."""
    bits = 2 | 3 << 8 | 1 << 16 | 3 << 24
    found = block_of(bytes.fromhex("03 01 01 B8 0A"), bits, -1, 9)
    assert [(p.document, p.positions) for p in found] == [(3, [0, 7]), (4, [2]), (9, [5])]
    frame = zstandard.ZstdCompressor().compress(bytes.fromhex("05 01 26 00 00 01"))
    assert content_of(frame, "deltas", 2) == b"".join(n.to_bytes(2, "little") for n in (5, 6, 300))
