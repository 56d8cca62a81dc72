"""Names to analyzers, where there is no index: those that are built in."""

from typing import Final

from pipeline.analysis.analyzer import Analyzer
from pipeline.analysis.definitions.analyzer_set import DEFAULT, analyzer_set
from pipeline.analysis.definitions.analyzer_types import ANALYZER_TYPES
from schemas.errors import illegal_argument

BUILT_IN: Final = tuple(sorted(ANALYZER_TYPES))


def build_analyzer(name: str = DEFAULT) -> Analyzer:
    """The analyzer of that name. Raises ``illegal_argument`` where there is none."""
    found = analyzer_set().find(name)
    if found is None:
        raise illegal_argument(f"analyzer [{name}] has not been configured; use one of: {', '.join(BUILT_IN)}")
    return found
