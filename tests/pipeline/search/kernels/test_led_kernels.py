"""Bounds of blocks by frequency, against the scores of documents within them."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.search.kernels.led_kernels import bound_of, least_frequency
from pipeline.search.kernels.score_kernels import bm25

documents = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 150)), min_size=1, max_size=20)


@given(
    documents, st.floats(0.01, 30), st.just(0.0) | st.floats(0.01, 3), st.floats(0, 1), st.floats(0.5, 500), st.floats(-0.1, 1.1)
)  # fmt: skip
def test_lower_frequencies_score_no_more_than_needed(
    found: list[tuple[int, int]], weight: float, k1: float, b: float, average: float, share: float
) -> None:
    """Whatever k1, b and the average length: what scores more has the least frequency at least, and the block's bound says so."""
    w: Any = np.float32(weight)
    lengths = np.arange(256, dtype=np.float32)
    with np.errstate(divide="ignore", over="ignore"):
        inverse = np.float32(1) / (np.float32(k1) * (np.float32(1 - b) + np.float32(b) * lengths / np.float32(average)))
    block = [(frequency, frequency + more) for frequency, more in found]
    greatest = max(frequency for frequency, _ in block)
    shortest = int(min(greatest * length / frequency for frequency, length in block))
    impact: Any = np.uint32(greatest << 8 | min(shortest, 255))
    needed = share * weight
    least = least_frequency(impact, w, inverse, needed)
    for frequency, length in block:
        single: Any = np.float32(frequency)
        score = float(bm25(w, single, inverse[length]))
        assert score <= bound_of(impact, w, inverse)
        assert score <= needed or frequency >= least
