"""What the writer promises of a block."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.columns.norms import NORM_LENGTHS
from tests.pipeline.segments.documents import Document, reader_of

_document = st.tuples(st.integers(1, 40), st.integers(0, 3000)).map(
    lambda c: Document({"text": [b"hit " * c[0] + b"miss " * c[1]]})
)


@given(
    st.lists(_document, min_size=1, max_size=6),
    st.floats(1.0, 1e5),
    st.floats(0.0, 5.0),
    st.floats(0.0, 1.0),
)
def test_an_impact_bounds_every_score(docs: list[Document], average: float, k1: float, b: float) -> None:
    """For any k1, b and average length no document of a block scores above the block's impact."""
    reader = reader_of(docs)
    postings, norms, terms = reader.postings("text"), reader.norms("text"), reader.terms("text")
    assert postings is not None
    assert norms is not None
    assert terms is not None

    def score(frequency: float, norm: int) -> float:
        return frequency / (frequency + k1 * (1 - b + b * float(NORM_LENGTHS[norm]) / average))

    for term in range(terms.count):
        impact = int(postings.block_impact[postings.block_term[term]])
        bound = score(impact >> 8, impact & 0xFF)
        rows, frequencies = postings.documents(term)
        scores = [score(int(f), int(norms[d])) for d, f in zip(rows, frequencies, strict=True)]
        assert max(scores) <= bound * (1 + 1e-12)
        if len(docs) == 1 and frequencies[0] == 1:
            assert max(scores) == bound
