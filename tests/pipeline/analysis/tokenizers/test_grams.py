"""N-grams of texts, levels of paths."""

import pytest

from schemas.errors import SedimentError
from tests.pipeline.analysis.chains import analyzed, chain, words


def test_ngrams() -> None:
    """By their beginnings, then by their lengths, each at a position of its own."""
    assert analyzed("Qui", "ngram") == "Q[0-1]@0 Qu[0-2]@1 u[1-2]@2 ui[1-3]@3 i[2-3]@4"
    runs = {"type": "ngram", "min_gram": 3, "max_gram": 3, "token_chars": ["letter", "digit"]}
    assert words("2 Quick Foxes.", runs) == ["Qui", "uic", "ick", "Fox", "oxe", "xes"]


def test_edge_ngrams() -> None:
    """Those at the beginning of each run."""
    runs = {"type": "edge_ngram", "min_gram": 2, "max_gram": 10, "token_chars": ["letter", "digit"]}
    assert words("2 Quick Foxes.", runs) == ["Qu", "Qui", "Quic", "Quick", "Fo", "Fox", "Foxe", "Foxes"]
    assert words("Quick Fox", "edge_ngram") == ["Q", "Qu"]
    custom = {"type": "edge_ngram", "max_gram": 3, "token_chars": ["letter", "custom"], "custom_token_chars": "_"}
    assert words("a_b c", custom) == ["a", "a_", "a_b", "c"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_gram": 3, "max_gram": 2}, "minGram must not be greater than maxGram"),
        ({"min_gram": 1, "max_gram": 9}, r"must be less than or equal to: \[1\] but was \[8\]"),
        ({"min_gram": 0}, "must be >= 1"),
        ({"token_chars": ["nope"]}, "Unknown token type: 'nope'"),
    ],
)
def test_grams_that_are_none(wrong: dict[str, object], message: str) -> None:
    """Wrong lengths and classes are refused in Elasticsearch's words."""
    with pytest.raises(SedimentError, match=message):
        chain({"type": "ngram", **wrong})


def test_paths() -> None:
    """A path and those above it, at one position."""
    assert analyzed("/foo/bar/baz", "path_hierarchy") == "/foo[0-4]@0 /foo/bar[0-8]@0 /foo/bar/baz[0-12]@0"
    numbers = {"type": "path_hierarchy", "delimiter": "-", "replacement": "/", "skip": 2}
    assert words("one-two-three-four-five", numbers) == ["/three", "/three/four", "/three/four/five"]
    assert words("one-two-three-four-five", {**numbers, "reverse": True}) == ["one/two/three/", "two/three/", "three/"]
    assert words("/a/b/", {"type": "path_hierarchy", "reverse": True}) == ["/a/b/", "a/b/", "b/"]
    assert words("", "path_hierarchy") == []
