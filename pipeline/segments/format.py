"""The segment: what it holds, array by array, in memory and on disk alike.

A segment is an immutable set of documents 0..n-1 as named numpy arrays plus one small ``SegmentMeta``. A segment in memory
keeps them in a dict; a stored one reads them from chunks in RocksDB on first use (``pipeline.segments.store``). Every reader works
on the same arrays, so nothing else knows where a segment lives.

Arrays of every segment (n = documents):

=================  ================  ==========================================================================
name               dtype             meaning
=================  ================  ==========================================================================
id/data            uint8             ids, one after another
id/starts          int64[n + 1]      id of document d = data[starts[d]:starts[d + 1]]
seq_no             int64[n]          the operation that wrote the document
version            int64[n]          its version
offset             int64[n]          its record's offset in the log
timestamp          int64[n]          its record's timestamp, ms
schema             int32[n]          the schema version under which it was indexed
source/hash        uint64[n, 2]      a hash of its source (``pipeline.segments.digest``)
routing/data …     (optional)        routing values (empty: none)
origin/data …      (optional)        of re-driven documents: the dead letter's ``<partition>-<offset>`` (empty: none)
source/data        uint8             zstd blocks of SOURCE_BLOCK_DOCS documents each (source bytes one after another)
source/blocks      int64[b + 1]      where each block begins in source/data
source/starts      int64[n + 1]      where each document begins in the uncompressed whole
=================  ================  ==========================================================================

Arrays of field number k (``FieldMeta.number``), prefix ``f<k>/``:

=================  ================  ==========================================================================
terms/data         uint8             the sorted distinct terms, one after another (text, keyword, ip)
terms/starts       int64[t + 1]
df                 uint32[t]         postings of each term (dead documents included)
block/term         uint32[t + 1]     blocks of term i = [block/term[i], block/term[i + 1])
block/last         uint32[b]         last document of each block of 128 postings
block/offset       int64[b]          where its bytes begin in ``postings``
block/bits         uint32[b]         (count - 1) | doc bits << 8 | frequency bits << 16 | position bits << 24
block/impact       uint32[b]         bound on the block's scores: see docs/internals/segments.md
postings           uint8             per block: bit-packed document gaps, frequencies - 1, position gaps
lengths            uint8/16/32[n]    text: tokens of the document in this field (exact; 0: none)
present            uint8[n]          1 where the document has a value; absent array: every document has one
ordinals           uint32[v]         keyword, ip with doc_values: term number of each value, ascending per document
values             int64/float64[v]  numbers, dates (ms), booleans (0/1), ascending per document
starts             int64[n + 1]      values of document d = [starts[d], starts[d + 1]); absent: exactly one slot per document
                                     (v = n; a document without a value has 0 / NO_ORDINAL there and present 0)
=================  ================  ==========================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.ids import SegmentId

Array = NDArray[Any]
Arrays = Mapping[str, Array]
FORMAT_VERSION: Final = 2  # 2: sources in smaller blocks
BLOCK_POSTINGS: Final = 128
# Ten hits of a page lie in ten blocks: a block of 64 took three times as long to decompress as one of 16, and 7 % less space.
SOURCE_BLOCK_DOCS: Final = 16
SOURCE_BLOCK_DOCS_BEFORE: Final = 64  # format version 1
NO_ORDINAL: Final = 0xFFFFFFFF


class Encoding(StrEnum):
    """How the chunks of an array lie in the store; the values are stored."""

    RAW = ""  # as they are: what is packed or compressed already
    ZSTD = "zstd"  # each as one zstd frame: strings
    DELTAS = "deltas"  # whole numbers: differences, byte by byte (``chunks.encode_kernels``), as one zstd frame


@dataclass(frozen=True, slots=True)
class FieldMeta:
    """A field as this segment holds it. ``documents`` and ``tokens`` count all rows, the dead ones too."""

    path: str
    number: int
    type: str  # schemas.mapping.FieldType
    documents: int  # rows with a value
    tokens: int = 0  # text: sum of lengths
    terms: int = 0


@dataclass(frozen=True, slots=True)
class SegmentMeta:
    """What is known of a segment without reading its arrays."""

    id: SegmentId
    documents: int
    schema_version: int
    offset_min: int
    offset_max: int
    source_bytes: int  # uncompressed
    fields: Sequence[FieldMeta] = field(default_factory=tuple)
    format_version: int = FORMAT_VERSION

    @property
    def source_block_docs(self) -> int:
        """Documents a block of sources."""
        return SOURCE_BLOCK_DOCS if self.format_version >= 2 else SOURCE_BLOCK_DOCS_BEFORE


@dataclass(frozen=True, slots=True)
class SegmentData:
    """A whole segment in memory: what the builder and the merger make, what the store writes and reads."""

    meta: SegmentMeta
    arrays: Arrays

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(int(a.nbytes) for a in self.arrays.values())


def field_by_path(meta: SegmentMeta, path: str) -> FieldMeta | None:
    """The field of that name in this segment, or None."""
    return next((f for f in meta.fields if f.path == path), None)


def empty_alive(documents: int) -> NDArray[np.bool_]:
    """An alive mask with every document alive."""
    return np.ones(documents, np.bool_)
