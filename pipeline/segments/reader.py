"""Reading a segment: its fields as typed views over its arrays.

A reader never copies an array and asks for one only when it is needed, so ``arrays`` may load lazily; what it derives
(norms, masks) it keeps. Every array it gives is read only. Readers may be used by several threads at once: a value derived twice is the same.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.segments.columns.norms import norms_of
from pipeline.segments.columns.numbers import Numbers, Ordinals
from pipeline.segments.columns.postings import Postings
from pipeline.segments.columns.sources import Sources
from pipeline.segments.columns.terms import Terms
from pipeline.segments.format import Array, Arrays, FieldMeta, SegmentMeta
from schemas.mapping import FieldType
from schemas.records import ByteColumn

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


@runtime_checkable
class Ranged(Protocol):
    """Arrays of which a piece can be read alone: stored ones."""

    def read_range(self, name: str, start: int, end: int) -> NDArray[np.uint8]:
        """Elements [start, end) of a uint8 array."""
        ...


class SegmentReader:
    """One segment. A field that no document has is unknown here: its methods give None."""

    __slots__ = ("_arrays", "_fields", "_masks", "_norms", "_ranged", "documents", "meta")

    def __init__(self, meta: SegmentMeta, arrays: Arrays) -> None:
        self.meta = meta
        self.documents = meta.documents
        self._arrays = arrays
        self._ranged = arrays if isinstance(arrays, Ranged) else None
        self._fields = {field.path: field for field in meta.fields}
        self._norms: dict[str, NDArray[np.uint8]] = {}
        self._masks: dict[str, Bools | None] = {}

    def field(self, path: str) -> FieldMeta | None:
        """What the segment knows of a field, or None."""
        return self._fields.get(path)

    def terms(self, path: str) -> Terms | None:
        """The dictionary of a text, keyword or ip field."""
        data, starts = self._array(path, "terms/data"), self._array(path, "terms/starts")
        return None if data is None or starts is None else Terms(data, starts)

    def postings(self, path: str) -> Postings | None:
        """The postings of a text, keyword or ip field that is indexed."""
        field = self._fields.get(path)
        prefix = "" if field is None else f"f{field.number}/"
        if field is None or prefix + "postings" not in self._arrays:
            return None
        return Postings(
            df=self._get(prefix + "df"),
            block_term=self._get(prefix + "block/term"),
            block_last=self._get(prefix + "block/last"),
            block_offset=self._get(prefix + "block/offset"),
            block_bits=self._get(prefix + "block/bits"),
            block_impact=self._get(prefix + "block/impact"),
            data=self._get(prefix + "postings"),
            has_positions=field.type == FieldType.TEXT.value,
        )

    def lengths(self, path: str) -> Array | None:
        """Tokens of each document in a text field: uint8, uint16 or uint32[n]; 0: none."""
        return self._array(path, "lengths")

    def norms(self, path: str) -> NDArray[np.uint8] | None:
        """The lengths as Lucene's norm bytes, uint8[n]."""
        norms = self._norms.get(path)
        if norms is None:
            lengths = self.lengths(path)
            if lengths is None:
                return None
            norms = self._norms[path] = frozen(norms_of(lengths))
        return norms

    def numbers(self, path: str) -> Numbers | None:
        """The values of a numeric, date or boolean field."""
        values = self._array(path, "values")
        if values is None:
            return None
        return Numbers(values, self._array(path, "starts"), self._mask(path))

    def ordinals(self, path: str) -> Ordinals | None:
        """The term numbers of a keyword or ip field with doc_values."""
        ordinals = self._array(path, "ordinals")
        if ordinals is None:
            return None
        return Ordinals(ordinals, self._array(path, "starts"), self._mask(path))

    def present(self, path: str) -> Bools | None:
        """bool[n]: which documents have a value. None: none has (the segment does not know the field)."""
        if path not in self._fields:
            return None
        mask = self._mask(path)
        return frozen(np.ones(self.documents, np.bool_)) if mask is None else mask

    @property
    def arrays(self) -> Arrays:
        """The arrays themselves: for those who store or measure a segment."""
        return self._arrays

    def ids(self) -> ByteColumn:
        """The documents' ids."""
        return ByteColumn(self._get("id/data"), self._get("id/starts"))

    def routing(self) -> ByteColumn | None:
        """The documents' routing values, empty where there is none; None: no document has one."""
        if "routing/data" not in self._arrays:
            return None
        return ByteColumn(self._get("routing/data"), self._get("routing/starts"))

    def origins(self) -> ByteColumn | None:
        """Of documents that were dead letters once: the dead letter's id, else empty; None: no document was."""
        if "origin/data" not in self._arrays:
            return None
        return ByteColumn(self._get("origin/data"), self._get("origin/starts"))

    def seq_nos(self) -> I64:
        """int64[n]: the operation that wrote each document."""
        return self._get("seq_no")

    def versions(self) -> I64:
        """int64[n]."""
        return self._get("version")

    def offsets(self) -> I64:
        """int64[n]: each document's record in the log."""
        return self._get("offset")

    def timestamps(self) -> I64:
        """int64[n]: each record's timestamp, ms."""
        return self._get("timestamp")

    def schema_versions(self) -> NDArray[np.int32]:
        """int32[n]: the schema version under which each document was indexed."""
        return self._get("schema")

    def source_hashes(self) -> NDArray[np.uint64]:
        """uint64[n, 2]: the hash of each document's source (see ``digest``)."""
        return self._get("source/hash")

    def sources(self, documents: I64) -> list[bytes]:
        """The sources of these documents, in this order; each block is decompressed once."""
        return self.stored().read(documents)

    def stored(self) -> Sources:
        """The compressed sources as they are."""
        blocks, starts = self._get("source/blocks"), self._get("source/starts")
        return Sources(self._source_data, blocks, starts, self.meta.source_block_docs)

    def _source_data(self, start: int, end: int) -> NDArray[np.uint8]:
        """A piece of source/data, without loading the whole where the arrays allow."""
        if self._ranged is not None:
            return self._ranged.read_range("source/data", start, end)
        return self._get("source/data")[start:end]

    def _array(self, path: str, name: str) -> Array | None:
        field = self._fields.get(path)
        if field is None:
            return None
        name = f"f{field.number}/{name}"
        return frozen(self._arrays[name]) if name in self._arrays else None  # asking is cheaper than a KeyError

    def _get(self, name: str) -> Array:
        return frozen(self._arrays[name])

    def _mask(self, path: str) -> Bools | None:
        """bool[n] of documents with a value; None where all have one."""
        if path not in self._masks:
            present = self._array(path, "present")
            self._masks[path] = None if present is None else present.view(np.bool_)
        return self._masks[path]
