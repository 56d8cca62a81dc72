"""Blocks read back, bit by bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.columns.invert_kernels import encode_terms
from pipeline.segments.columns.norms import NORM_LENGTHS
from pipeline.segments.columns.postings import Postings
from tests.pipeline.segments.documents import Document, reader_of

Lists = dict[int, list[int]]  # document -> positions


def encoded(terms: list[Lists], *, positions: bool = True) -> Postings:
    """The postings of these terms, through the writing kernel."""
    slots = [[d << 32 | p for d, ps in sorted(t.items()) for p in ps] for t in terms]
    starts = np.cumsum([0, *map(len, slots)]).astype(np.int64)
    flat = np.array([s for term in slots for s in term], np.uint64)
    data, blocks = np.zeros(12 * len(flat) + 4 * len(terms) + 200, np.uint8), len(flat) + 1
    df, block_term = np.zeros(len(terms), np.uint32), np.zeros(len(terms) + 1, np.uint32)
    last, bits, impact = (np.zeros(blocks, np.uint32) for _ in range(3))
    offset = np.zeros(blocks, np.int64)
    encode_terms(
        flat, starts, positions, np.zeros(0, np.uint8), NORM_LENGTHS,
        data, df, block_term, last, offset, bits, impact,
    )  # fmt: skip
    return Postings(df, block_term, last, offset, bits, impact, data, positions)


_positions = st.lists(st.integers(0, 300) | st.integers(0, (1 << 32) - 1), min_size=1, max_size=5, unique=True)
_term = st.dictionaries(st.integers(0, 400) | st.integers(0, (1 << 32) - 2), _positions.map(sorted), max_size=8)


@given(st.lists(_term, max_size=4))
def test_postings_come_back(terms: list[Lists]) -> None:
    """Documents, frequencies and positions of any width."""
    postings = encoded(terms)
    for number, term in enumerate(terms):
        rows, frequencies = postings.documents(number)
        assert rows.tolist() == sorted(term)
        assert frequencies.tolist() == [len(term[d]) for d in sorted(term)]
        positions, starts = postings.positions(number)
        assert positions.tolist() == [p for d in sorted(term) for p in term[d]]
        assert starts.tolist() == np.cumsum([0, *frequencies.tolist()]).tolist()


@given(st.integers(1, 700), st.integers(1, 9000), st.integers(0, 1000))
def test_long_terms_make_full_blocks(count: int, step: int, first: int) -> None:
    """Blocks of 128 documents and a rest; the same without positions."""
    term = {first + i * step: [i % 7, i % 7 + 1 + i] for i in range(count)}
    postings = encoded([{1: [0]}, term])
    assert np.diff(postings.block_term).tolist() == [1, -(-count // 128)]
    rows, frequencies = postings.documents(1)
    assert rows.tolist() == list(term)
    assert set(frequencies.tolist()) == {2}
    assert postings.positions(1)[0].tolist() == [p for ps in term.values() for p in ps]
    plain = encoded([{d: [0] for d in term}], positions=False)
    assert plain.documents(0)[0].tolist() == list(term)


@given(st.lists(_term.map(lambda t: {d % 500: [0] for d in t}), min_size=1, max_size=5), st.data())
def test_marks_are_the_union(terms: list[Lists], data: st.DataObject) -> None:
    """mark sets exactly the documents of the chosen terms, and clears nothing."""
    postings = encoded(terms)
    chosen = data.draw(st.lists(st.integers(0, len(terms) - 1)))
    marks = np.zeros(500, np.bool_)
    marks[7] = True
    postings.mark(np.array(chosen, np.int64), marks)
    assert np.flatnonzero(marks).tolist() == sorted({7} | {d for t in chosen for d in terms[t]})


def test_the_example_of_the_format_page() -> None:
    """The bytes that docs/internals/segments.md shows."""
    texts = [b"x"] * 10
    texts[3], texts[4], texts[9] = b"hit x x x x x x hit", b"x x hit", b"x x x x x hit"
    reader = reader_of([Document({"text": [t]}) for t in texts])
    terms, postings = reader.terms("text"), reader.postings("text")
    assert terms is not None
    assert postings is not None
    block = int(postings.block_term[terms.lookup(b"hit")])
    assert int(postings.block_bits[block]) == 2 | 3 << 8 | 1 << 16 | 3 << 24
    assert int(postings.block_last[block]) == 9
    start, end = postings.block_offset[block : block + 2]
    assert postings.data[start:end].tobytes() == bytes.fromhex("0301 01 b80a")
