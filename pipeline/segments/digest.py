"""Digests: is this index the function of its log that it should be?

Level 1 is a multiset hash over (id, version, sequence number, source): per bucket of ids four sums of 64 bits, so that adding and taking
away a document is O(1) and the order of documents, segments and merges does not matter. It is kept with every commit.

Level 2 reads the index itself back: per document the terms, their positions, the lengths and the columns that the segments hold, and
the source as it is stored, added up in the same way. It proves what level 1 takes on trust: that the index says what the source says.

Both compare equal exactly when the same documents were indexed in the same way (up to a collision of 256 bits).
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.rows import take_rows
from pipeline.segments.digest_kernels import (
    TAG_COLUMN,
    TAG_LENGTH,
    add_postings,
    add_rows,
    add_values,
    fold,
    hash_column,
)
from pipeline.segments.format import FieldMeta
from pipeline.segments.reader import SegmentReader
from schemas.records import ByteColumn

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
BUCKETS: Final = 256
SEEDS: Final = (np.uint64(0x2D358DCCAA6C78A5), np.uint64(0x8BB84B93962EACC9))
ID_SEED: Final = np.uint64(0x4B33A62ED433D4A3)
BATCH_ROWS: Final = 8_192


def no_sums() -> U64:
    """The digest of no document: uint64[BUCKETS, 4]."""
    return np.zeros((BUCKETS, 4), np.uint64)


def source_hashes(sources: ByteColumn) -> U64:
    """128 bits of each source, uint64[n, 2]: a column of every segment, so that a row can be taken away without its source."""
    out = np.empty((2, len(sources)), np.uint64)
    for lane, seed in enumerate(SEEDS):
        hash_column(sources.data, sources.starts, seed, out[lane])
    return np.ascontiguousarray(out.T)


def id_hashes(ids: ByteColumn) -> U64:
    """64 bits of each id; the bucket is this modulo BUCKETS."""
    out = np.empty(len(ids), np.uint64)
    hash_column(ids.data, ids.starts, ID_SEED, out)
    return out


def add_level_1(reader: SegmentReader, rows: I64, sums: U64, *, negative: bool = False) -> None:
    """Add rows of a segment to level 1 sums, or take them away; work for these rows only."""
    if len(rows):
        _add(reader, reader.source_hashes()[rows], rows, sums, negative=negative)


def _add(reader: SegmentReader, contents: U64, rows: I64, sums: U64, *, negative: bool = False) -> None:
    """``contents``: uint64[len(rows), 2], what stands for each row's content."""
    add_rows(
        id_hashes(take_rows(reader.ids(), rows)),
        np.ascontiguousarray(contents[:, 0]),
        np.ascontiguousarray(contents[:, 1]),
        reader.seq_nos()[rows],
        reader.versions()[rows],
        np.arange(len(rows), dtype=np.int64),
        sums,
        negative,
    )


def level_1(segments: Iterable[tuple[SegmentReader, Bools]]) -> U64:
    """Level 1 of living rows, from the columns."""
    sums = no_sums()
    for reader, alive in segments:
        add_level_1(reader, np.flatnonzero(alive), sums)
    return sums


def level_2(segments: Iterable[tuple[SegmentReader, Bools]]) -> U64:
    """Level 2 of living rows: everything is read back from the segments."""
    sums = no_sums()
    for reader, alive in segments:
        rows = np.flatnonzero(alive)
        _add(reader, content_hashes(reader, alive)[rows], rows, sums)
    return sums


def content_hashes(reader: SegmentReader, alive: Bools) -> U64:
    """What a segment holds of each living row, uint64[n, 2]: terms, positions, lengths, columns, the stored source."""
    sums = np.zeros((reader.documents, 2), np.uint64)
    for meta in reader.meta.fields:
        _add_field(reader, meta, alive, sums)
    rows = np.flatnonzero(alive)
    for start in range(0, len(rows), BATCH_ROWS):
        part = rows[start : start + BATCH_ROWS]
        sums[part] += source_hashes(ByteColumn.of(reader.sources(part)))
    return sums


def _add_field(reader: SegmentReader, meta: FieldMeta, alive: Bools, sums: U64) -> None:
    path = meta.path
    field = _hash_of(path.encode())
    terms = reader.terms(path)
    names = np.zeros(0, np.uint64)
    if terms is not None:
        names = np.empty(terms.count, np.uint64)
        column = terms.slice(0, terms.count)
        hash_column(column.data, column.starts, SEEDS[0], names)
    postings = reader.postings(path)
    if postings is not None:
        add_postings(
            names, postings.block_term, postings.block_last, postings.block_offset, postings.block_bits, postings.data,
            postings.has_positions, field, alive, sums,
        )  # fmt: skip
    lengths = reader.lengths(path)
    if lengths is not None:
        # a document without the field has length 0 here and no length at all in a segment that does not know the field
        _add_values(lengths.astype(np.uint64), None, lengths > 0, (field, TAG_LENGTH), sums)
    ordinals = reader.ordinals(path)
    if ordinals is not None:
        known = np.append(names, np.uint64(0))[np.minimum(ordinals.ordinals, len(names))]
        _add_values(known, ordinals.starts, ordinals.present, (field, TAG_COLUMN), sums)
    numbers = reader.numbers(path)
    if numbers is not None:
        bits = np.ascontiguousarray(numbers.values).view(np.uint64)
        _add_values(bits, numbers.starts, numbers.present, (field, TAG_COLUMN), sums)


def _add_values(values: U64, starts: I64 | None, present: Bools | None, what: tuple[np.uint64, int], sums: U64) -> None:
    """A column in either layout; slots without a value do not count."""
    if starts is None:
        counted = np.ones(len(values), np.bool_) if present is None else present
        starts = np.zeros(len(values) + 1, np.int64)
        np.cumsum(counted, out=starts[1:])
        values = values[counted]
    add_values(values, starts, what[0], what[1], sums)


def _hash_of(data: bytes) -> np.uint64:
    out = np.empty(1, np.uint64)
    column = ByteColumn.of([data])
    hash_column(column.data, column.starts, SEEDS[1], out)
    return np.uint64(out[0])


def text_of(sums: U64) -> str:
    """A digest as 64 hexadecimal characters, to show and to compare."""
    return blake2b(np.ascontiguousarray(sums).astype("<u8").tobytes(), digest_size=32).hexdigest()


def differing_buckets(one: U64, other: U64) -> list[int]:
    """Buckets in which two digests differ: where to look for the documents."""
    return np.flatnonzero((one != other).any(axis=1)).tolist()


__all__ = [
    "BUCKETS", "add_level_1", "content_hashes", "differing_buckets", "fold", "id_hashes", "level_1", "level_2", "no_sums", "source_hashes",
    "text_of",
]  # fmt: skip
