"""The character table against Unicode properties."""

import numpy as np

from pipeline.analysis.characters import LOWER_CODE_POINTS, characters
from pipeline.analysis.characters_build import build_classes, build_kinds, build_lower


def test_the_table_is_what_the_builder_makes() -> None:
    """The file beside the module holds today's properties. If an upgrade of Unicode breaks this, decide: a new table is a new
    analysis, and existing indices have to be rebuilt."""
    known = characters()
    assert np.array_equal(known.classes, build_classes())
    assert np.array_equal(known.kinds, build_kinds())
    assert np.array_equal(known.lower, build_lower())


def test_nothing_has_a_lower_case_beyond_the_table() -> None:
    """Code points above the lower-case table are their own lower case."""
    beyond = range(LOWER_CODE_POINTS, 0x110000)
    assert all(chr(code).lower() == chr(code) for code in beyond)
