"""Digests: equal for equal contents whatever the layout, different for anything that differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.digest import (
    SEEDS,
    add_level_1,
    differing_buckets,
    id_hashes,
    level_1,
    level_2,
    no_sums,
    source_hashes,
    text_of,
)
from pipeline.segments.merge import merge_segments
from pipeline.segments.reader import SegmentReader
from schemas.ids import SegmentId
from schemas.records import ByteColumn
from tests.pipeline.segments import digest_twin as twin
from tests.pipeline.segments.documents import MAPPING, Document, documents, reader_of


def every(reader: SegmentReader) -> tuple[SegmentReader, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """A segment with all rows alive."""
    return reader, np.ones(reader.documents, np.bool_)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_bytes_hash_as_in_the_twin(values: list[bytes]) -> None:
    """Both lanes of a source's hash are the twin's."""
    found = source_hashes(ByteColumn.of(list(values)))
    for lane, seed in enumerate(SEEDS):
        assert found[:, lane].tolist() == [twin.hash_bytes(v, int(seed)) for v in values]


@given(documents())
def test_level_1_is_the_twins_sum(docs: list[Document]) -> None:
    """Rows are added to their bucket as the twin adds them, and taken away again."""
    reader = reader_of(docs)
    sums = level_1([every(reader)])
    expected = [[0] * 4 for _ in range(len(sums))]
    identities, sources = id_hashes(reader.ids()).tolist(), reader.source_hashes().tolist()
    for i, (first, second) in enumerate(sources):
        lanes = twin.row(identities[i], int(reader.seq_nos()[i]), int(reader.versions()[i]), first, second)
        bucket = expected[identities[i] % len(sums)]
        bucket[:] = [(a + b) & twin.MASK for a, b in zip(bucket, lanes, strict=True)]
    assert sums.tolist() == expected
    add_level_1(reader, np.arange(reader.documents), sums, negative=True)
    assert not sums.any()


@given(st.lists(documents(), min_size=1, max_size=3), st.data())
def test_neither_level_depends_on_the_layout(parts: list[list[Document]], data: st.DataObject) -> None:
    """Several segments with dead rows, and their merge without them, have the same digests on both levels."""
    readers = [reader_of(docs) for docs in parts]
    masks = [
        np.array(data.draw(st.lists(st.booleans(), min_size=r.documents, max_size=r.documents)), np.bool_)
        for r in readers
    ]
    inputs = list(zip(readers, masks, strict=True))
    merged = merge_segments(inputs, segment_id=SegmentId("m"), schema_version=1, mapping=MAPPING)
    whole = [every(SegmentReader(merged.data.meta, merged.data.arrays))]
    assert text_of(level_1(inputs)) == text_of(level_1(whole))
    assert text_of(level_2(inputs)) == text_of(level_2(whole))


CHANGES = [
    "postings",
    "lengths",
    "values",
    "ordinals",
    "terms/data",
]  # block/bits would lead outside the arrays: the chunks' checksums guard it


@pytest.mark.parametrize("part", CHANGES)
def test_level_2_sees_a_change_in_any_array(part: str) -> None:
    """A flipped bit in an array that searches read changes level 2, though level 1 does not see it."""
    docs = [
        Document({"text": [b"alpha beta alpha"], "tag": [b"x", b"y"], "count": [i]}, id=b"%d" % i, source=b"{}")
        for i in range(9)
    ]
    reader = reader_of(docs)
    before_1, before_2 = level_1([every(reader)]), level_2([every(reader)])
    arrays = {name: np.array(a) for name, a in reader.arrays.items()}
    field = {"ordinals": "tag", "values": "count"}.get(part, "text")
    meta = reader.field(field)
    assert meta is not None
    name = f"f{meta.number}/{part}"
    raw = arrays[name].reshape(-1).view(np.uint8)
    raw[0] ^= 1
    changed = SegmentReader(reader.meta, arrays)
    assert text_of(level_1([every(changed)])) == text_of(before_1)
    assert text_of(level_2([every(changed)])) != text_of(before_2)


def test_the_bucket_points_at_the_document() -> None:
    """Two indexes that differ in one document differ in that document's bucket only."""
    same = [Document({"text": [b"a"]}, id=b"%d" % i, source=b"{}") for i in range(50)]
    other = [*same[:7], Document({"text": [b"a"]}, id=b"7", source=b"{ }"), *same[8:]]
    one, two = level_1([every(reader_of(same))]), level_1([every(reader_of(other))])
    bucket = int(id_hashes(ByteColumn.of([b"7"]))[0]) % len(one)
    assert differing_buckets(one, two) == [bucket]
    assert differing_buckets(one, one) == []
    assert not no_sums().any()
