"""schemas.fields.wildcards: names and patterns."""

import re

from hypothesis import given
from hypothesis import strategies as st

from schemas.fields.wildcards import fits, fits_any


@given(st.text("ab*", max_size=8), st.text("ab*", max_size=8))
def test_a_pattern_fits_what_its_regular_expression_matches(pattern: str, name: str) -> None:
    """Stars anywhere, several in a row, none at all."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert fits(pattern, name) == (re.fullmatch(expression, name, re.DOTALL) is not None)


def test_one_of_several() -> None:
    """None of none."""
    assert fits_any(["x", "a*"], "abc")
    assert not fits_any([], "abc")
    assert not fits("[a]", "a")  # nothing but a star is special
