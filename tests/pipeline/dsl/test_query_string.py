"""pipeline.dsl.query_string: comparisons, and who forgives values of another type."""

from typing import Any

import pytest

from pipeline.dsl.parse import parse_search
from schemas.errors import SedimentError
from schemas.query import Bool, Match, Range


def asked(q: str, **parameters: str) -> Any:
    """The query of a URL."""
    return parse_search(None, now_ms=0, parameters={"q": q, **parameters}).query


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("n:>3", Range(field="n", gt="3")),
        ("n:>=-3", Range(field="n", gte="-3")),
        ("n:<3", Range(field="n", lt="3")),
        ('at:<= "2020-01-01 10"', Range(field="at", lte="2020-01-01 10")),
        ("at:> 2020-01-01", Range(field="at", gt="2020-01-01")),
    ],
)
def test_comparisons(text: str, found: Range) -> None:
    """A field, a sign and a value, which may be quoted."""
    assert asked(text) == found


def test_several_comparisons_are_clauses() -> None:
    """Joined as other clauses are."""
    assert asked("n:>1 AND n:<3") == Bool(must=(Range(field="n", gt="1"), Range(field="n", lt="3")))


@pytest.mark.parametrize("text", ["n:>", "n:>=", "n:> (a)"])
def test_a_comparison_needs_a_value(text: str) -> None:
    """Else the text cannot be parsed."""
    with pytest.raises(SedimentError, match="Failed to parse query"):
        asked(text)


@pytest.mark.parametrize(
    ("parameters", "lenient"),
    [({}, True), ({"df": "n"}, False), ({"lenient": "false"}, False), ({"df": "n", "lenient": "true"}, True)],
)
def test_who_forgives(parameters: dict[str, str], lenient: bool) -> None:
    """Without a default field a value of another type finds nothing, else it is an error; ``lenient`` decides."""
    found = asked("n:many", **parameters)
    assert isinstance(found, Match)
    assert found.lenient is lenient
