"""The reference page names every type that there is."""

import re
from pathlib import Path

from pipeline.analysis.definitions.analyzer_types import ANALYZER_TYPES
from pipeline.analysis.definitions.char_filter_types import CHAR_FILTER_TYPES
from pipeline.analysis.definitions.rich_filter_types import ALL_FILTER_TYPES, NORMALIZING
from pipeline.analysis.definitions.tokenizer_types import TOKENIZER_TYPES
from pipeline.analysis.languages.stop_words import STOP_WORDS

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "analysis.md"
SECTIONS = {
    "Analyzers": ANALYZER_TYPES,
    "Character filters": CHAR_FILTER_TYPES,
    "Tokenizers": TOKENIZER_TYPES,
    "Token filters": ALL_FILTER_TYPES,
    "Normalizers": NORMALIZING,
    "Stop words": [f"_{name}_" for name in STOP_WORDS],
}


def test_every_type_is_documented() -> None:
    """Each section has the types of its table in code, in backquotes."""
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE))
    for title, names in SECTIONS.items():
        assert not [name for name in names if f"`{name}`" not in sections[title]], title
