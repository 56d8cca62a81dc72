"""pipeline.catalog.templates: patterns that meet, mappings that are laid over one another."""

from fnmatch import fnmatchcase
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog.templates import Beginning, merged_mappings, overlap

PATTERN = st.text("ab*", max_size=5)
NAMES = ["".join(letters) for size in range(7) for letters in product("ab", repeat=size)]


@given(a=PATTERN, b=PATTERN)
def test_patterns_meet_where_a_name_fits_both(a: str, b: str) -> None:
    """All names up to a length that patterns of this length cannot tell apart."""
    both = any(fnmatchcase(name, a) and fnmatchcase(name, b) for name in NAMES)
    assert overlap([a], [b]) == both or len(a + b) > 6
    assert overlap([a], [b]) == overlap([b], [a])
    assert not both or overlap([a], [b])


def test_mappings_are_laid_over() -> None:
    """Objects are joined, fields and what is said of the root replaced, dynamic templates kept by name in order."""
    below = {
        "dynamic": "strict",
        "properties": {"o": {"properties": {"x": {"type": "long", "store": True}}}, "k": {"type": "keyword"}},
        "dynamic_templates": [{"one": {"mapping": {}}}, {"two": {}}],
    }
    above = {
        "dynamic": "true",
        "properties": {"o": {"properties": {"x": {"type": "ip"}, "y": {"type": "long"}}}, "k": {"properties": {}}},
        "dynamic_templates": [{"two": {"match": "*"}}],
    }
    assert merged_mappings(below, above) == {
        "dynamic": "true",
        "properties": {"o": {"properties": {"x": {"type": "ip"}, "y": {"type": "long"}}}, "k": {"properties": {}}},
        "dynamic_templates": [{"one": {"mapping": {}}}, {"two": {"match": "*"}}],
    }
    begun = Beginning({"a": "1", "b": "2"}, below, {"x": {}}).under({"b": None}, {}, {"x": {"routing": "r"}})
    assert (begun.settings, begun.aliases) == ({"a": "1", "b": None}, {"x": {"routing": "r"}})
