"""A built segment against dictionaries made in the obvious way."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given

from pipeline.segments.format import NO_ORDINAL
from pipeline.segments.reader import SegmentReader
from tests.pipeline.segments.documents import (
    KEYWORDS,
    MAPPING,
    NUMBERS,
    TEXTS,
    Document,
    documents,
    reader_of,
    segment_of,
    slow_keyword,
    slow_text,
)


def read_text(reader: SegmentReader, path: str) -> dict[bytes, dict[int, list[int]]]:
    """A text field's index, read back whole."""
    terms, postings = reader.terms(path), reader.postings(path)
    if terms is None or postings is None:
        return {}
    index = {}
    for number in range(terms.count):
        rows, frequencies = postings.documents(number)
        positions, starts = postings.positions(number)
        assert np.diff(starts).tolist() == frequencies.tolist()
        lists = [positions[a:b].tolist() for a, b in pairwise(starts)]
        index[terms.term(number)] = dict(zip(rows.tolist(), lists, strict=True))
    return index


def values_by_document(
    values: Sequence[object], starts: Sequence[int] | None, present: Sequence[bool] | None, n: int
) -> list[list[object]]:
    """A column as one list per document."""
    if starts is None:
        has = [True] * n if present is None else present
        return [[v] if h else [] for v, h in zip(values, has, strict=True)]
    return [list(values[a:b]) for a, b in pairwise(starts)]


@given(documents())
def test_text_is_what_a_dictionary_holds(docs: list[Document]) -> None:
    """Terms, documents, frequencies, positions and lengths are those of tokenising value by value."""
    reader = reader_of(docs)
    for path in TEXTS:
        index, lengths = slow_text(docs, path)
        assert read_text(reader, path) == index
        terms = reader.terms(path)
        if terms is None:
            assert not any(d.values.get(path) for d in docs)
            continue
        assert [terms.term(i) for i in range(terms.count)] == sorted(index)
        stored = reader.lengths(path)
        assert stored is not None
        assert stored.tolist() == lengths
        field = reader.field(path)
        assert field is not None
        assert (field.tokens, field.terms) == (sum(lengths), len(index))


@given(documents())
def test_keywords_are_what_a_dictionary_holds(docs: list[Document]) -> None:
    """Postings have each document once; ordinals are the terms' numbers, ascending and distinct."""
    reader = reader_of(docs)
    for path in KEYWORDS:
        index = slow_keyword(docs, path)
        terms, postings, column = reader.terms(path), reader.postings(path), reader.ordinals(path)
        if not index:
            assert terms is None
            assert postings is None
            assert column is None
            continue
        assert terms is not None
        assert terms.slice(0, terms.count).to_list() == sorted(index)
        assert (postings is not None) == MAPPING.fields[path].index
        if postings is not None:
            assert not postings.has_positions
            for number, term in enumerate(sorted(index)):
                rows, frequencies = postings.documents(number)
                assert rows.tolist() == index[term]
                assert set(frequencies.tolist()) == {1}
        assert (column is not None) == MAPPING.fields[path].doc_values
        if column is not None:
            numbers = {term: i for i, term in enumerate(sorted(index))}
            expected = [sorted({numbers[v] for v in d.values.get(path, ())}) for d in docs]
            starts = None if column.starts is None else column.starts.tolist()
            present = None if column.present is None else column.present.tolist()
            assert values_by_document(column.ordinals.tolist(), starts, present, len(docs)) == expected
            if column.starts is None:
                missing = [not values for values in expected]
                assert (column.ordinals[missing] == NO_ORDINAL).all()


@given(documents())
def test_numbers_are_sorted_within_documents(docs: list[Document]) -> None:
    """Every value of a document is kept, ascending; a slot without value is 0."""
    reader = reader_of(docs)
    for path in NUMBERS:
        column = reader.numbers(path)
        expected = [sorted(d.values.get(path, ())) for d in docs]
        if column is None:
            assert not any(expected)
            continue
        starts = None if column.starts is None else column.starts.tolist()
        present = None if column.present is None else column.present.tolist()
        assert values_by_document(column.values.tolist(), starts, present, len(docs)) == expected
        if column.starts is None:
            assert not column.values[[not values for values in expected]].any()


@given(documents())
def test_presence_is_known_for_every_field(docs: list[Document]) -> None:
    """A field knows which documents have a value; a field that none has is unknown."""
    reader = reader_of(docs)
    for path in MAPPING.fields:
        expected = [bool(d.values.get(path)) for d in docs]
        present, field = reader.present(path), reader.field(path)
        if not any(expected):
            assert present is None
            assert field is None
            continue
        assert present is not None
        assert present.tolist() == expected
        assert field is not None
        assert field.documents == sum(expected)


@given(documents(max_size=70))
def test_rows_and_sources_come_back(docs: list[Document]) -> None:
    """Ids, routing, numbers and sources of every document are as they were given, in any order."""
    reader = reader_of(docs)
    assert reader.ids().to_list() == [d.id for d in docs]
    routing = reader.routing()
    assert (routing.to_list() if routing else [b""] * len(docs)) == [d.routing for d in docs]
    columns = (reader.seq_nos(), reader.versions(), reader.offsets(), reader.timestamps())
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == [d.numbers for d in docs]
    backwards = np.arange(len(docs))[::-1]
    assert reader.sources(backwards) == [d.source for d in reversed(docs)]
    assert reader.meta.source_bytes == sum(len(d.source) for d in docs)


def test_a_segment_is_a_function_of_its_documents() -> None:
    """The same documents twice give the same bytes."""
    docs = [Document({"text": [b"one two two"], "tag": [b"b", b"a"]}) for _ in range(300)]
    first, second = segment_of(docs), segment_of(docs)
    assert first.meta == second.meta
    assert all(np.array_equal(a, second.arrays[name]) for name, a in first.arrays.items())


def test_many_postings_make_several_blocks() -> None:
    """A term in 1,000 documents is read back over eight blocks, and so are its positions."""
    docs = [Document({"text": [b"all " * (1 + row % 5) + (b"odd" if row % 2 else b"even")]}) for row in range(1000)]
    reader = reader_of(docs)
    index, _ = slow_text(docs, "text")
    assert read_text(reader, "text") == index
    postings = reader.postings("text")
    assert postings is not None
    assert np.diff(postings.block_term).tolist() == [8, 4, 4]
