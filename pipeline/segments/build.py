"""A batch of columns to a segment: every field inverted or laid out by document, sources compressed.

Nothing here works document by document in Python. The result depends on the arguments only, so a replay builds the
same segment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.columns import intern_column, normalize, tokenize
from pipeline.analysis.definitions.analyzer_set import AnalyzerSet, analyzer_set
from pipeline.analysis.scratch import Scratch
from pipeline.json_columns.columns import BytesValues, NumberValues, Values
from pipeline.segments.columns.inverted import (
    Fields,
    distinct_ordinals,
    finished,
    padded,
    write_keyword_postings,
    write_keyword_terms,
    write_text,
)
from pipeline.segments.columns.numbers import Slotted, present_of, slot, sort_within
from pipeline.segments.columns.sources import write_sources
from pipeline.segments.digest import source_hashes
from pipeline.segments.format import NO_ORDINAL, Array, FieldMeta, SegmentData, SegmentMeta
from schemas.ids import NO_OFFSET, SegmentId
from schemas.mapping import Field, FieldType, IndexMapping
from schemas.records import ByteColumn

I64 = NDArray[np.int64]


def build_segment(  # noqa: PLR0913  the columns of a batch, by name
    *,
    segment_id: SegmentId,
    schema_version: int,
    documents: int,
    columns: Mapping[str, Values],
    mapping: IndexMapping,
    ids: ByteColumn,
    seq_nos: I64,
    versions: I64,
    offsets: I64,
    timestamps: I64,
    sources: ByteColumn,
    routing: ByteColumn | None = None,
    origins: ByteColumn | None = None,
    scratch: Scratch | None = None,
) -> SegmentData:
    """The segment of documents 0..n-1.

    Rows of `columns` are document numbers; a path without values in this batch may be missing or empty. Every path with
    values is a leaf of `mapping`. The segment shares no memory with the arguments but the int64 arrays.
    """
    scratch = scratch or Scratch()
    arrays: dict[str, Array] = {
        **_byte_arrays("id", ids),
        "seq_no": seq_nos,
        "version": versions,
        "offset": offsets,
        "timestamp": timestamps,
        "schema": np.full(documents, schema_version, np.int32),
    }
    if routing is not None and routing.nbytes:
        arrays |= _byte_arrays("routing", routing)
    if origins is not None and origins.nbytes:
        arrays |= _byte_arrays("origin", origins)
    fields: list[FieldMeta] = []
    analyzers = analyzer_set(mapping.analysis)
    for path in sorted(p for p, values in columns.items() if len(values.rows)):
        place = _Place(len(fields), documents, analyzers, scratch)
        field, made = _build_field(mapping.fields[path], columns[path], place)
        fields.append(field)
        arrays |= {f"f{field.number}/{name}": array for name, array in made.items()}
    arrays |= write_sources(sources).fields()
    arrays["source/hash"] = source_hashes(sources)
    meta = SegmentMeta(
        id=segment_id,
        documents=documents,
        schema_version=schema_version,
        offset_min=int(offsets.min(initial=np.iinfo(np.int64).max)) if documents else NO_OFFSET,
        offset_max=int(offsets.max(initial=NO_OFFSET)),
        source_bytes=sources.nbytes,
        fields=tuple(fields),
    )
    return SegmentData(meta, finished(arrays))


def _byte_arrays(name: str, column: ByteColumn) -> dict[str, Array]:
    first, last = column.starts[0], column.starts[-1]
    return {
        f"{name}/data": padded(column.data[first:last]),
        f"{name}/starts": column.starts - first,
    }


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a field is built: its number in the segment, how many documents that has, and what it is built with."""

    number: int
    documents: int
    analyzers: AnalyzerSet
    scratch: Scratch


def _build_field(field: Field, values: Values, place: _Place) -> tuple[FieldMeta, Fields]:
    """A field's description and its arrays by the names of ``pipeline.segments.format``, without prefix."""
    documents = place.documents
    if isinstance(values, NumberValues):
        made, tokens = _build_numbers(field, values, documents), 0
    elif field.type is FieldType.TEXT:
        made, tokens = _build_text(field, values, place)
    else:
        made, tokens = _build_keyword(field, values, place), 0
    present = present_of(values.rows, documents)
    if present is not None:
        made["present"] = present
    meta = FieldMeta(
        path=field.path,
        number=place.number,
        type=field.type.value,
        documents=documents if present is None else int(present.sum(dtype=np.int64)),
        tokens=tokens,
        terms=len(made["terms/starts"]) - 1 if "terms/starts" in made else 0,
    )
    return meta, made


def _build_text(field: Field, values: BytesValues, place: _Place) -> tuple[Fields, int]:
    if not field.index:
        return {}, 0
    analyzer = place.analyzers.of_index(field)
    tokens = tokenize(
        analyzer, rows=values.rows, values=values.values, documents=place.documents, scratch=place.scratch
    )
    return write_text(tokens, norms=field.norms, scratch=place.scratch), int(tokens.lengths.sum(dtype=np.int64))


def _build_keyword(field: Field, values: BytesValues, place: _Place) -> Fields:
    if not (field.index or field.doc_values):
        return {}
    ids, terms = intern_column(values.values, place.scratch)
    normalizer = place.analyzers.normalizer_of(field)
    if normalizer is not None:
        ids, terms = normalize(normalizer, ids, terms, place.scratch)
    made, by_value = write_keyword_terms(terms, ids)
    rows, ordinals = distinct_ordinals(values.rows, by_value)
    if field.index:
        made |= write_keyword_postings(rows, ordinals, len(terms), scratch=place.scratch)
    if field.doc_values:
        made |= _slot_arrays("ordinals", slot(rows, ordinals, place.documents, NO_ORDINAL))
    return made


def _build_numbers(field: Field, values: NumberValues, documents: int) -> Fields:
    if not (field.index or field.doc_values):
        return {}
    ordered = sort_within(values.rows, values.values)
    return _slot_arrays("values", slot(values.rows, ordered, documents, 0))


def _slot_arrays(name: str, slotted: Slotted) -> Fields:
    return {name: slotted.values} | ({} if slotted.starts is None else {"starts": slotted.starts})
