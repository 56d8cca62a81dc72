"""Several segments to one, without their dead documents.

Documents keep their order: those of the first input, then of the second, and so on. The result is byte for byte the segment
that ``build_segment`` makes of the live documents in that order; so merging in any grouping gives the same in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.registry import build_analyzer
from pipeline.json_columns.columns import BytesValues, NumberValues
from pipeline.segments.build import build_segment
from pipeline.segments.columns.inverted import NO_NORMS, Fields, finished, narrowed, padded
from pipeline.segments.columns.merge_inverted import (
    Dictionaries,
    merge_dictionaries,
    merge_field_postings,
)
from pipeline.segments.columns.merge_sources import merge_sources
from pipeline.segments.columns.norms import norms_of
from pipeline.segments.columns.numbers import Numbers, Ordinals, rows_of, slot
from pipeline.segments.columns.terms import gather
from pipeline.segments.format import NO_ORDINAL, Array, FieldMeta, SegmentData, SegmentMeta
from pipeline.segments.reader import SegmentReader
from schemas.ids import NO_OFFSET, SegmentId
from schemas.mapping import IndexMapping, parse_mapping
from schemas.records import ByteColumn

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Merged:
    """The new segment; doc_maps[i] int64[documents of input i]: the new row of each old one, -1 where it is dropped."""

    data: SegmentData
    doc_maps: Sequence[I64]


@dataclass(frozen=True, slots=True)
class _Input:
    reader: SegmentReader
    alive: Bools
    live: I64  # rows that stay, ascending
    doc_map: I64


def merge_segments(
    inputs: Sequence[tuple[SegmentReader, Bools]],
    *,
    segment_id: SegmentId,
    schema_version: int,
    mapping: IndexMapping,
) -> Merged:
    """Merge segments, each with its mask of living rows. There is at least one input."""
    assert inputs
    parts = _number(inputs)
    documents = sum(len(p.live) for p in parts)
    readers = [p.reader for p in parts]
    offsets = _rows([r.offsets() for r in readers], parts)
    arrays: dict[str, Array] = {
        **_byte_arrays("id", [r.ids() for r in readers], parts),
        "seq_no": _rows([r.seq_nos() for r in readers], parts),
        "version": _rows([r.versions() for r in readers], parts),
        "offset": offsets,
        "timestamp": _rows([r.timestamps() for r in readers], parts),
        "schema": _rows([r.schema_versions() for r in readers], parts),
        "source/hash": _rows([r.source_hashes() for r in readers], parts),
        **_sparse("routing", [p.reader.routing() for p in parts], parts),
        **_sparse("origin", [p.reader.origins() for p in parts], parts),
    }
    fields: list[FieldMeta] = []
    for path in sorted({f.path for r in readers for f in r.meta.fields}):
        made = _merge_field(path, len(fields), parts, documents, mapping)
        if made is not None:
            fields.append(made[0])
            arrays |= {f"f{made[0].number}/{name}": array for name, array in made[1].items()}
    stored = merge_sources([r.stored() for r in readers], [p.live for p in parts])
    arrays |= stored.fields()
    meta = SegmentMeta(
        id=segment_id,
        documents=documents,
        schema_version=schema_version,
        offset_min=int(offsets.min()) if documents else NO_OFFSET,
        offset_max=int(offsets.max(initial=NO_OFFSET)),
        source_bytes=int(stored.starts[-1]),
        fields=tuple(fields),
    )
    return Merged(SegmentData(meta, finished(arrays)), [p.doc_map for p in parts])


def _number(inputs: Sequence[tuple[SegmentReader, Bools]]) -> list[_Input]:
    parts, first = [], 0
    for reader, alive in inputs:
        assert len(alive) == reader.documents
        live = np.flatnonzero(alive)
        doc_map = np.full(reader.documents, -1, np.int64)
        doc_map[live] = np.arange(first, first + len(live))
        parts.append(_Input(reader, alive, live, doc_map))
        first += len(live)
    return parts


def _rows(columns: Sequence[Array], parts: Sequence[_Input]) -> Array:
    return np.concatenate([c[p.live] for c, p in zip(columns, parts, strict=True)])


def _byte_arrays(name: str, columns: Sequence[ByteColumn], parts: Sequence[_Input]) -> dict[str, Array]:
    pieces, lengths = [], []
    for column, part in zip(columns, parts, strict=True):
        data, starts = gather(column.data, column.starts[:-1], column.starts[1:], part.live)
        pieces.append(data[: starts[-1]])
        lengths.append(np.diff(starts))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    return {f"{name}/data": padded(np.concatenate(pieces)), f"{name}/starts": starts}


def _sparse(name: str, known: Sequence[ByteColumn | None], parts: Sequence[_Input]) -> dict[str, Array]:
    empty = [_empty(p.reader.documents) for p in parts]
    columns = [e if k is None else k for k, e in zip(known, empty, strict=True)]
    made = _byte_arrays(name, columns, parts)
    return made if made[f"{name}/starts"][-1] else {}


def _empty(documents: int) -> ByteColumn:
    return ByteColumn(padded(np.zeros(0, np.uint8)), np.zeros(documents + 1, np.int64))


def _merge_field(
    path: str, number: int, parts: Sequence[_Input], documents: int, mapping: IndexMapping
) -> tuple[FieldMeta, Fields] | None:
    """A field's description and arrays; None where no living document has it."""
    present = np.concatenate([_present(p, path)[p.live] for p in parts])
    if not present.any():
        return None
    holders = [p for p in parts if p.reader.field(path) is not None]
    field = next(f for p in holders if (f := p.reader.field(path)) is not None)
    made: Fields = {}
    lengths = _lengths(path, parts)
    if lengths is not None:
        made["lengths"] = narrowed(lengths)
    made |= _merge_terms(path, holders, lengths, documents, mapping)
    numbers = [(p, n) for p in holders if (n := p.reader.numbers(path)) is not None]
    if numbers:
        made |= _merge_numbers(numbers, documents)
    if not present.all():
        made["present"] = present.astype(np.uint8)
    meta = FieldMeta(
        path=path,
        number=number,
        type=field.type,
        documents=int(present.sum(dtype=np.int64)),
        tokens=0 if lengths is None else int(lengths.sum(dtype=np.int64)),
        terms=len(made["terms/starts"]) - 1 if "terms/starts" in made else 0,
    )
    return meta, made


def _present(part: _Input, path: str) -> Bools:
    present = part.reader.present(path)
    return np.zeros(part.reader.documents, np.bool_) if present is None else present


def _lengths(path: str, parts: Sequence[_Input]) -> I64 | None:
    """int64[n], 0 where an input does not know the field; None where none has lengths."""
    columns = [p.reader.lengths(path) for p in parts]
    if all(c is None for c in columns):
        return None
    zeros = [np.zeros(p.reader.documents, np.uint8) for p in parts]
    known = [z if c is None else c for c, z in zip(columns, zeros, strict=True)]
    return _rows(known, parts).astype(np.int64)


def _merge_terms(
    path: str,
    holders: Sequence[_Input],
    lengths: I64 | None,
    documents: int,
    mapping: IndexMapping,
) -> Fields:
    """Dictionary, postings and ordinals."""
    with_terms = [(p, t) for p in holders if (t := p.reader.terms(path)) is not None]
    if not with_terms:
        return {}
    dictionaries = merge_dictionaries([t for _, t in with_terms])
    parts = [p for p, _ in with_terms]
    postings = [o for p in parts if (o := p.reader.postings(path)) is not None]
    ordinals = [c for p in parts if (c := p.reader.ordinals(path)) is not None]
    made: Fields = {}
    if postings:
        known = mapping.get(path)
        scored = lengths is not None and (known is None or known.norms)
        norms = norms_of(lengths) if scored and lengths is not None else NO_NORMS
        made, kept = merge_field_postings(dictionaries, postings, [p.doc_map for p in parts], norms)
    else:
        kept = _kept_by_ordinals(dictionaries, ordinals, parts)
    made |= dictionaries.write(kept)
    if ordinals:
        made |= _merge_ordinals(dictionaries, kept, ordinals, parts, documents)
    return made


def _kept_by_ordinals(dictionaries: Dictionaries, ordinals: Sequence[Ordinals], parts: Sequence[_Input]) -> I64:
    """The new number of each group's term for a field without postings; -1 where no living document has it."""
    group_of = dictionaries.group_of
    used = np.zeros(len(dictionaries.groups) - 1, np.bool_)
    for column, part, first in zip(ordinals, parts, dictionaries.firsts, strict=True):
        _, live = _live_values(column.ordinals, column, part)
        used[group_of[first + live.astype(np.int64)]] = True
    return np.where(used, np.cumsum(used) - 1, -1)


def _merge_ordinals(
    dictionaries: Dictionaries,
    kept: I64,
    ordinals: Sequence[Ordinals],
    parts: Sequence[_Input],
    documents: int,
) -> Fields:
    numbers = kept[dictionaries.group_of]
    rows, values = [], []
    for column, part, first in zip(ordinals, parts, dictionaries.firsts, strict=True):
        mine, live = _live_values(column.ordinals, column, part)
        rows.append(mine)
        values.append(numbers[first + live.astype(np.int64)].astype(np.uint32))
    slotted = slot(np.concatenate(rows), np.concatenate(values), documents, NO_ORDINAL)
    return _slot_arrays("ordinals", slotted.values, slotted.starts)


def _merge_numbers(columns: Sequence[tuple[_Input, Numbers]], documents: int) -> Fields:
    live = [_live_values(n.values, n, p) for p, n in columns]
    rows, values = (np.concatenate(side) for side in zip(*live, strict=True))
    slotted = slot(rows, values, documents, 0)
    return _slot_arrays("values", slotted.values, slotted.starts)


def _slot_arrays(name: str, values: Array, starts: I64 | None) -> Fields:
    return {name: values} | ({} if starts is None else {"starts": starts})


def _live_values(values: NDArray[Any], column: Numbers | Ordinals, part: _Input) -> tuple[I64, NDArray[Any]]:
    """(new row, value) of each value of a living document."""
    if column.starts is None and column.present is not None:
        values = values[column.present]
    rows = part.doc_map[rows_of(column.starts, column.present, part.reader.documents)]
    return rows[rows >= 0], values[rows >= 0]


def warm() -> None:
    """Compile the kernels of text analysis and of segments: build, read and merge a small segment of every kind of field."""
    kinds = {
        "t": {"type": "text"},
        "e": {"type": "text", "analyzer": "english"},
        "k": {"type": "keyword"},
        "n": {"type": "long"},
    }
    mapping = parse_mapping({"properties": kinds})
    rows = np.arange(2, dtype=np.int32)
    words = ByteColumn.of([b"one two", "zwei drei Straße".encode()])
    numbers = np.arange(2, dtype=np.int64)
    data = build_segment(
        segment_id=SegmentId("warm"),
        schema_version=0,
        documents=2,
        columns={
            "t": BytesValues(rows, words),
            "e": BytesValues(rows, words),
            "k": BytesValues(rows, words),
            "n": NumberValues(rows, numbers),
        },
        mapping=mapping,
        ids=words,
        seq_nos=numbers,
        versions=numbers,
        offsets=numbers,
        timestamps=numbers,
        sources=words,
    )
    reader = SegmentReader(data.meta, data.arrays)
    terms, postings = reader.terms("t"), reader.postings("t")
    assert terms is not None
    assert postings is not None
    terms.lookup(b"one")
    terms.lookup_many(words)
    postings.positions(0)
    postings.mark(numbers, np.zeros(2, np.bool_))
    build_analyzer().analyze("one")
    inputs = [(reader, np.ones(2, np.bool_))]
    merge_segments(inputs, segment_id=SegmentId("warm"), schema_version=0, mapping=mapping)
