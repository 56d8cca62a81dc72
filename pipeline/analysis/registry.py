"""Names to analyzers. Custom analyzers will be built here from an index's settings."""

from collections.abc import Mapping
from typing import Final

from pipeline.analysis.analyzer import Analyzer, Tokenizer
from schemas.errors import illegal_argument

# Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
ENGLISH_STOP_WORDS: Final = frozenset(
    b"a an and are as at be but by for if in into is it no not of on or such that the their then there these "
    b"they this to was will with".decode().split()
)
DEFAULT: Final = "standard"
_BUILT_IN: Final[Mapping[str, Analyzer]] = {
    analyzer.name: analyzer
    for analyzer in (
        Analyzer("standard", Tokenizer.STANDARD, lowercase=True),
        Analyzer("simple", Tokenizer.LETTERS, lowercase=True),
        Analyzer("whitespace", Tokenizer.WHITESPACE, lowercase=False),
        Analyzer("keyword", Tokenizer.WHOLE, lowercase=False),
        Analyzer("stop", Tokenizer.LETTERS, lowercase=True, stop_words=ENGLISH_STOP_WORDS),
    )
}


def build_analyzer(name: str = DEFAULT) -> Analyzer:
    """The analyzer of that name. Raises ``illegal_argument`` where there is none."""
    found = _BUILT_IN.get(name)
    if found is None:
        known = ", ".join(sorted(_BUILT_IN))
        raise illegal_argument(f"analyzer [{name}] has not been configured; use one of: {known}")
    return found
