"""Reading one document's row from a segment: who it is, what it says, where it came from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.segments.reader import SegmentReader
from schemas.records import ByteColumn
from schemas.results import Document, Provenance


def texts_of(column: ByteColumn, rows: NDArray[np.int64]) -> list[str]:
    """Values of a column as text, in the order given."""
    data = column.data
    bounds = zip(column.starts[rows].tolist(), column.starts[rows + 1].tolist(), strict=True)
    return [data[begin:end].tobytes().decode() for begin, end in bounds]


def id_of(reader: SegmentReader, document: int) -> str:
    """A document's id."""
    return (reader.ids()[document] or b"").decode()


def routing_of(reader: SegmentReader, document: int) -> str | None:
    """A document's routing value, None where it has none."""
    routing = reader.routing()
    value = None if routing is None else routing[document]
    return value.decode() if value else None


def origin_of(reader: SegmentReader, document: int) -> str:
    """The dead letter that a document was, or ""."""
    origins = reader.origins()
    return "" if origins is None else (origins[document] or b"").decode()


def provenance_of(reader: SegmentReader, document: int, topic: str, partition: int) -> Provenance:
    """Where a document came from."""
    return Provenance(
        topic=topic,
        partition=partition,
        offset=int(reader.offsets()[document]),
        timestamp_ms=int(reader.timestamps()[document]),
        schema_version=int(reader.schema_versions()[document]),
        segment=reader.meta.id,
        redriven_from=origin_of(reader, document),
    )


def read_documents(reader: SegmentReader, documents: Sequence[int], topic: str, partition: int) -> list[Document]:
    """Whole rows, in the order given; each block of sources is decompressed once."""
    sources = reader.sources(np.array(documents, np.int64))
    versions, seq_nos = reader.versions(), reader.seq_nos()
    return [
        Document(
            id=id_of(reader, document),
            version=int(versions[document]),
            seq_no=int(seq_nos[document]),
            source=source,
            provenance=provenance_of(reader, document, topic, partition),
            routing=routing_of(reader, document),
        )
        for document, source in zip(documents, sources, strict=True)
    ]
