"""Warming compiles what a batch needs."""

from typing import Any

from pipeline.analysis.tokenize_kernels import tokenize_values
from pipeline.segments.columns.invert_kernels import encode_terms
from pipeline.segments.columns.merge_kernels import merge_postings
from pipeline.segments.warm import warm
from tests.pipeline.segments.documents import Document, segment_of


def test_nothing_is_compiled_after_warming() -> None:
    """Building a segment from other columns adds no new version of a kernel."""
    warm()
    kernels: list[Any] = [tokenize_values, encode_terms, merge_postings]
    versions = [len(k.signatures) for k in kernels]
    segment_of([Document({"text": [b"a", b"b"], "stopped": [b"the x"], "tag": [b"t", b"u"]})] * 3)
    assert versions == [len(k.signatures) for k in kernels]
    assert min(versions) == 1
