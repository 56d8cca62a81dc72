"""Merging against building the living documents in one go."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.tokenize_kernels import tokenize_values
from pipeline.segments.columns.invert_kernels import encode_terms
from pipeline.segments.columns.merge_kernels import merge_postings
from pipeline.segments.format import SegmentData
from pipeline.segments.merge import Merged, merge_segments, warm
from pipeline.segments.reader import SegmentReader
from schemas.ids import SegmentId
from tests.pipeline.segments.documents import MAPPING, Document, documents, segment_of


def merge(parts: list[tuple[list[Document], list[bool]]]) -> Merged:
    """The segments of these documents merged, with those marked False dropped."""
    inputs = []
    for docs, alive in parts:
        data = segment_of(docs)
        inputs.append((SegmentReader(data.meta, data.arrays), np.array(alive, np.bool_)))
    return merge_segments(inputs, segment_id=SegmentId("s1"), schema_version=1, mapping=MAPPING)


def assert_same(merged: SegmentData, built: SegmentData) -> None:
    """Equal descriptions, the same arrays, each with the same type and bytes."""
    assert merged.meta == built.meta
    assert sorted(merged.arrays) == sorted(built.arrays)
    for name, array in built.arrays.items():
        assert merged.arrays[name].dtype == array.dtype, name
        assert merged.arrays[name].tobytes() == array.tobytes(), name


@st.composite
def _parts(draw: st.DrawFn) -> list[tuple[list[Document], list[bool]]]:
    parts = draw(st.lists(documents(), min_size=1, max_size=4))
    return [(d, draw(st.lists(st.booleans(), min_size=len(d), max_size=len(d)))) for d in parts]


@given(_parts())
def test_a_merge_is_the_segment_of_the_living(parts: list[tuple[list[Document], list[bool]]]) -> None:
    """Every array is byte for byte that of the living documents built at once, and rows are mapped."""
    merged = merge(parts)
    living = [d for docs, alive in parts for d, a in zip(docs, alive, strict=True) if a]
    assert_same(merged.data, segment_of(living))
    flat = np.concatenate(merged.doc_maps)
    alive = np.array([a for _, marks in parts for a in marks], np.bool_)
    assert flat[alive].tolist() == list(range(len(living)))
    assert (flat[~alive] == -1).all()


def _many(count: int, first: int) -> list[Document]:
    words = [b"alpha", b"beta", b"gamma delta", b"naive " * 40, "schütz 漢字".encode()]
    return [
        Document(
            {
                "text": [words[row % 5], b"every document", b"w%d" % (row % 97)],
                "tag": [b"t%d" % (row % 7), b"url://a/long/common/prefix/%d" % row],
                "count": [row, -row] if row % 3 else [row],
            },
            id=b"%d" % row,
            source=b'{"row": %d}' % row * (row % 9),
        )
        for row in range(first, first + count)
    ]


def test_large_inputs_keep_to_the_same_bytes() -> None:
    """Thousands of documents, blocks that can be copied and blocks that cannot, some deletes."""
    parts = []
    for first, count, step in ((0, 640, 0), (640, 1000, 11), (1640, 128, 0), (1768, 30, 2)):
        alive = [not step or row % step != 3 % step for row in range(count)]
        parts.append((_many(count, first), alive))
    living = [d for docs, alive in parts for d, a in zip(docs, alive, strict=True) if a]
    assert_same(merge(parts).data, segment_of(living))


def test_any_grouping_gives_the_same() -> None:
    """Merging (a, b) and then c gives the bytes of merging all three at once."""
    a, b, c = _many(100, 0), _many(70, 100), _many(5, 170)
    together = merge([(d, [True] * len(d)) for d in (a, b, c)]).data
    first = merge([(a, [True] * 100), (b, [True] * 70)]).data
    last = segment_of(c)
    inputs = [(SegmentReader(s.meta, s.arrays), np.ones(s.meta.documents, np.bool_)) for s in (first, last)]
    again = merge_segments(inputs, segment_id=SegmentId("s1"), schema_version=1, mapping=MAPPING)
    assert_same(again.data, together)


def test_nothing_left_is_an_empty_segment() -> None:
    """Merging dead documents only gives a segment without documents or fields."""
    docs = _many(3, 0)
    merged = merge([(docs, [False] * 3)])
    assert merged.data.meta.documents == 0
    assert merged.data.meta.fields == ()
    assert_same(merged.data, segment_of([]))


def test_nothing_is_compiled_after_warming() -> None:
    """Building a segment from other columns adds no new version of a kernel."""
    warm()
    kernels: list[Any] = [tokenize_values, encode_terms, merge_postings]
    versions = [len(k.signatures) for k in kernels]
    segment_of([Document({"text": [b"a", b"b"], "stopped": [b"the x"], "tag": [b"t", b"u"]})] * 3)
    assert versions == [len(k.signatures) for k in kernels]
    assert min(versions) == 1
