"""The manifest: everything a partition holds at one offset. To write it is to commit.

In memory it is one value, ``Manifest``. On disk it is small, so that a commit costs little: a ``ManifestRecord`` names segments by
id and by the checksum of their descriptor (written once, with the segment) and names large pieces of state by the blob that holds
them (written when they change). Both are framed alike:

    magic (4 bytes)  version (1)  CRC-32 of version and payload (4, little-endian)  payload (msgpack)

Every later version keeps this frame, so that an older program can say "newer" rather than "damaged".
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final, TypeVar

import msgspec
import numpy as np

from pipeline.segments.format import Encoding, SegmentMeta
from schemas.errors import conflict, damaged
from schemas.ids import LogOffset, PartitionId, SchemaVersion, SegmentId, TopicName

MANIFEST_VERSION: Final = 1
DESCRIPTOR_VERSION: Final = 2  # 2: arrays have encodings; without, they are raw
MANIFEST_MAGIC: Final = b"SDMF"
DESCRIPTOR_MAGIC: Final = b"SDSG"
FRAME_BYTES: Final = 9
FIRST_OFFSET: Final = LogOffset(0)
FIRST_SCHEMA: Final = SchemaVersion(0)
REBUILD: Final = "check the disk; the partition grows again by itself where the log still reaches back"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which partition of which log a data directory belongs to; it never changes."""

    cluster_id: str
    topic: TopicName
    topic_id: str  # another one after the topic was deleted and created again
    partition: PartitionId
    layout_epoch: int  # of the partition layout: ``_primary_term``


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array as it lies in the store: chunk i holds bytes [i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES), encoded, and has ``crcs[i]``."""

    name: str
    dtype: str  # numpy's, with byte order: "<i8"
    shape: tuple[int, ...]
    crcs: tuple[int, ...]
    encoding: Encoding = Encoding.RAW
    encoded_bytes: int = -1  # of all chunks; -1: as many as the array has

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def stored_bytes(self) -> int:
        """Bytes of its chunks."""
        return self.nbytes if self.encoded_bytes < 0 else self.encoded_bytes


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment in the store: what is known of it without reading an array. Stored as its descriptor."""

    meta: SegmentMeta
    arrays: tuple[StoredArray, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, loaded."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all chunks."""
        return sum(array.stored_bytes for array in self.arrays)


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A blob: where to find some bytes that are too large for the manifest itself."""

    id: str
    length: int
    crcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoredAlive:
    """Where the alive mask of a segment lies, and how many of its rows are dead."""

    blob: BlobRef
    dead: int


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment of a manifest; ``alive`` None: every row is alive."""

    stored: StoredSegment
    alive: StoredAlive | None = None

    @property
    def id(self) -> SegmentId:
        """The segment's id."""
        return self.stored.meta.id

    @property
    def dead(self) -> int:
        """Rows that are not alive."""
        return 0 if self.alive is None else self.alive.dead


@dataclass(frozen=True, slots=True)
class Manifest:
    """A partition at ``next_offset``: all that records below it caused, nothing that others did."""

    identity: Identity
    open_epoch: int = 0  # how often the store was opened; the store sets it
    next_offset: LogOffset = FIRST_OFFSET
    segments: tuple[LiveSegment, ...] = ()
    schema_version: SchemaVersion = FIRST_SCHEMA
    mapping_json: bytes = b"{}"
    next_seq_no: int = 0
    documents: int = 0  # alive
    # What the materialiser keeps besides. A value that did not change since the last commit is not written again.
    state: Mapping[str, bytes] = field(default_factory=dict)


Stored = bytes | BlobRef


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment as the manifest record names it."""

    id: SegmentId
    descriptor_crc: int
    alive: StoredAlive | None


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A manifest as it is stored; bytes are inline or in a blob."""

    identity: Identity
    open_epoch: int
    next_offset: LogOffset
    segments: tuple[SegmentEntry, ...]
    schema_version: SchemaVersion
    mapping_json: Stored
    next_seq_no: int
    documents: int
    state: dict[str, Stored]

    def blobs(self) -> dict[str, BlobRef]:
        """Every blob this record names, by id."""
        stored = [self.mapping_json, *self.state.values()]
        refs = [one for one in stored if isinstance(one, BlobRef)]
        refs += [entry.alive.blob for entry in self.segments if entry.alive is not None]
        return {ref.id: ref for ref in refs}


def encode_record(record: ManifestRecord) -> bytes:
    """A manifest record as bytes."""
    return frame(MANIFEST_MAGIC, MANIFEST_VERSION, msgspec.msgpack.encode(record))


def decode_record(data: bytes, path: str) -> ManifestRecord:
    """Bytes as a manifest record. Raises DAMAGED, or CONFLICT (``format_too_new``); both say what to do."""
    payload = unframe(data, MANIFEST_MAGIC, MANIFEST_VERSION, f"manifest in {path}")
    return decoded(payload, ManifestRecord, f"manifest in {path}")


def encode_segment(stored: StoredSegment) -> bytes:
    """A segment's descriptor as bytes."""
    return frame(DESCRIPTOR_MAGIC, DESCRIPTOR_VERSION, msgspec.msgpack.encode(stored))


def decode_segment(data: bytes, path: str) -> StoredSegment:
    """Bytes as a segment's descriptor. Raises as ``decode_record``."""
    what = f"segment descriptor in {path}"
    stored = decoded(unframe(data, DESCRIPTOR_MAGIC, DESCRIPTOR_VERSION, what), StoredSegment, what)
    return replace(stored, meta=replace(stored.meta, fields=tuple(stored.meta.fields)))


def decoded(payload: bytes, kind: type[T], what: str) -> T:
    """A payload as a value of a class. Raises DAMAGED."""
    try:
        return msgspec.msgpack.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise damaged(f"the {what} cannot be read ({error}): {REBUILD}") from error


def frame(magic: bytes, version: int, payload: bytes) -> bytes:
    """Magic, version, checksum, payload."""
    head = bytes([version])
    checksum = zlib.crc32(payload, zlib.crc32(head))
    return magic + head + checksum.to_bytes(4, "little") + payload


def unframe(data: bytes, magic: bytes, version_max: int, what: str) -> bytes:
    """The payload. Raises DAMAGED where the checksum is wrong, CONFLICT where a newer program wrote it."""
    version, payload = data[4:5], data[FRAME_BYTES:]
    checksum = zlib.crc32(payload, zlib.crc32(version))
    if len(data) < FRAME_BYTES or data[:4] != magic or data[5:FRAME_BYTES] != checksum.to_bytes(4, "little"):
        raise damaged(f"the {what} is damaged: {REBUILD}")
    if version[0] > version_max:
        raise conflict(
            "format_too_new",
            f"the {what} was written by a newer version of this program (format {version[0]}, this one reads up to "
            f"{version_max}): use that version, or delete the directory; it is rebuilt from the log",
        )
    return payload


def check_identity(found: Identity, wanted: Identity, path: str) -> None:
    """Raise CONFLICT (``store_identity``) with the way out where a data directory belongs to another partition."""
    if found == wanted:
        return
    raise conflict("store_identity", f"the data in {path} {difference(found, wanted)}")


def difference(found: Identity, wanted: Identity) -> str:
    """What differs, the most telling thing first, and what to do about it."""
    if (found.topic, found.partition) != (wanted.topic, wanted.partition):
        return (
            f"belongs to partition {found.partition} of topic {found.topic}, not to partition {wanted.partition} of "
            f"{wanted.topic}: choose another directory"
        )
    if found.cluster_id != wanted.cluster_id:
        return (
            f"was made from the log {found.cluster_id}, not from {wanted.cluster_id}: connect to that log, or choose "
            "another directory"
        )
    if found.topic_id != wanted.topic_id:
        return (
            f"was made from a topic {found.topic} (id {found.topic_id}) that was deleted since; the topic of that name has "
            f"the id {wanted.topic_id}: delete the directory, it is rebuilt from the log"
        )
    return (
        f"has layout epoch {found.layout_epoch}, not {wanted.layout_epoch}: delete the directory, it is rebuilt from "
        "the log"
    )
