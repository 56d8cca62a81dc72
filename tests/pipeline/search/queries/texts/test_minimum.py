"""minimum_should_match: the small language."""

import pytest

from pipeline.search.queries.texts.minimum import minimum_should_match
from schemas.errors import SedimentError


@pytest.mark.parametrize(
    ("spec", "clauses", "wanted"),
    [
        ("3", 5, 3), ("7", 5, 7), ("-1", 5, 4), ("-9", 5, 0), ("75%", 5, 3), ("75%", 4, 3), ("-25%", 5, 4), ("100%", 3, 3),
        ("0%", 3, 0), ("2<75%", 2, 2), ("2<75%", 4, 3), ("3<-1 5<2", 3, 3), ("3<-1 5<2", 5, 4), ("3<-1 5<2", 6, 2),
        (" 2 < 75% ", 4, 3), ("2<-25% 9<-3", 8, 6),
    ],
)  # fmt: skip
def test_specs(spec: str, clauses: int, wanted: int) -> None:
    """Numbers, shares, and conditions, rounded as Elasticsearch rounds."""
    assert minimum_should_match(spec, clauses) == wanted


@pytest.mark.parametrize("spec", ["", "many", "x%", "a<1"])
def test_nonsense_is_refused(spec: str) -> None:
    """What is no number is an error."""
    with pytest.raises(SedimentError, match="For input string"):
        minimum_should_match(spec, 3)
