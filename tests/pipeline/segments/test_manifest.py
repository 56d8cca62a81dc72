"""The manifest's codec: round trip, every damage found, newer formats refused with a way out."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.format import FieldMeta, SegmentMeta
from pipeline.segments.manifest import (
    MANIFEST_MAGIC,
    MANIFEST_VERSION,
    BlobRef,
    Identity,
    ManifestRecord,
    SegmentEntry,
    StoredAlive,
    StoredArray,
    StoredSegment,
    check_identity,
    decode_record,
    decode_segment,
    encode_record,
    encode_segment,
    frame,
)
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId, SchemaVersion, SegmentId, TopicName
from schemas.mapping import IndexMapping, parse_mapping

IDENTITY = Identity("cluster", TopicName("books"), "id-1", PartitionId(2), 1)
integers = st.integers(0, (1 << 62))
crcs = st.lists(st.integers(0, (1 << 32) - 1), max_size=3).map(tuple)
blobs = st.builds(BlobRef, id=st.text(max_size=5), length=integers, crcs=crcs)
stored = st.one_of(st.binary(max_size=20), blobs)
records = st.builds(
    ManifestRecord,
    identity=st.just(IDENTITY),
    open_epoch=integers,
    next_offset=integers.map(LogOffset),
    segments=st.lists(
        st.builds(
            SegmentEntry,
            id=st.text(max_size=4).map(SegmentId),
            descriptor_crc=integers,
            alive=st.one_of(st.none(), st.builds(StoredAlive, blob=blobs, dead=integers)),
        ),
        max_size=3,
    ).map(tuple),
    schema_version=integers.map(SchemaVersion),
    mapping_json=stored,
    next_seq_no=integers,
    documents=integers,
    state=st.dictionaries(st.text(max_size=5), stored, max_size=3),
)
RECORD = ManifestRecord(IDENTITY, 1, LogOffset(5), (), SchemaVersion(1), b"{}", 0, 0, {"a": b"\x00"})


@given(records)
def test_records_come_back(record: ManifestRecord) -> None:
    """Encoding and decoding gives an equal record."""
    assert decode_record(encode_record(record), "here") == record


def test_descriptors_come_back() -> None:
    """A descriptor gives back its meta and its arrays, with the bytes each one has."""
    meta = SegmentMeta(SegmentId("s"), 3, 1, 10, 12, 99, (FieldMeta("title", 0, "text", 3, 7, 5),))
    segment = StoredSegment(meta, (StoredArray("a", "<i8", (3, 2), (1, 2)), StoredArray("b", "|u1", (0,), ())))
    assert decode_segment(encode_segment(segment), "here") == segment
    assert segment.nbytes == 48


@given(st.integers(0, len(encode_record(RECORD)) * 8 - 1))
def test_any_flipped_bit_is_found(bit: int) -> None:
    """No bit of a manifest can change unseen."""
    data = bytearray(encode_record(RECORD))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SedimentError, match=r"grows again|it is rebuilt") as caught:
        decode_record(bytes(data), "here")
    assert caught.value.kind is ErrorKind.DAMAGED


@pytest.mark.parametrize("length", [0, 4, 5, 8, 9, 20])
def test_a_cut_manifest_is_found(length: int) -> None:
    """Neither can its end be missing."""
    with pytest.raises(SedimentError) as caught:
        decode_record(encode_record(RECORD)[:length], "here")
    assert caught.value.kind is ErrorKind.DAMAGED


def test_a_newer_format_is_not_damage() -> None:
    """A manifest of a later version is refused as such, with both ways out."""
    data = frame(MANIFEST_MAGIC, MANIFEST_VERSION + 1, b"who knows")
    with pytest.raises(SedimentError, match=r"newer version.*use that version, or delete") as caught:
        decode_record(data, "here")
    assert caught.value.code == "format_too_new"


def test_a_payload_of_another_shape_is_damage() -> None:
    """Sound bytes that are no manifest are refused, not half read."""
    with pytest.raises(SedimentError) as caught:
        decode_record(frame(MANIFEST_MAGIC, MANIFEST_VERSION, b"\x80"), "here")
    assert caught.value.kind is ErrorKind.DAMAGED


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (replace(IDENTITY, topic=TopicName("films")), "choose another directory"),
        (replace(IDENTITY, partition=PartitionId(3)), "choose another directory"),
        (replace(IDENTITY, cluster_id="x"), "connect to that log"),
        (replace(IDENTITY, topic_id="id-2"), "deleted since"),
        (replace(IDENTITY, layout_epoch=2), "layout epoch"),
    ],
)
def test_another_identity_is_refused(other: Identity, words: str) -> None:
    """Each difference has its own words that say what to do."""
    check_identity(IDENTITY, IDENTITY, "here")
    with pytest.raises(SedimentError, match=words) as caught:
        check_identity(IDENTITY, other, "here")
    assert caught.value.code == "store_identity"


def test_a_mapping_comes_back_as_it_was() -> None:
    """Templates, formats of dates and copies among the rest: what is equal before a restart is equal after it."""
    mapping = parse_mapping({
        "dynamic_templates": [{"t": {"match": ["a*", "b"], "mapping": {"type": "keyword"}}}],
        "dynamic_date_formats": ["yyyy-MM-dd"],
        "_routing": {"required": True},
        "properties": {"k": {"type": "keyword", "copy_to": ["x", "y"]}},
    })  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(mapping), type=IndexMapping) == mapping
