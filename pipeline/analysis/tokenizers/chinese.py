"""Words of Chinese by jieba's dictionary; needs the package (the extra ``zh``), which is imported when it is first asked for.

The words depend on the version of the package and its dictionary: keep both as they are for the life of an index.
"""

import logging
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.analysis.words import Word
from schemas.errors import illegal_argument


@cache
def _jieba() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports what setuptools deprecates
            import jieba  # noqa: PLC0415
    except ImportError as error:
        message = "the tokenizer [jieba_index] needs the package jieba: install sediment with the extra [zh]"
        raise illegal_argument(message) from error
    jieba.setLogLevel(logging.ERROR)
    known = jieba.Tokenizer()
    known.initialize()
    return known


@dataclass(frozen=True, slots=True)
class JiebaTokenizer:
    """``search``: long words and the shorter ones inside them; else: each character in one word."""

    search: bool

    def words(self, text: str) -> list[Word]:
        """The words of one text; what is neither letter nor digit is left out."""
        found = _jieba().tokenize(text, mode="search" if self.search else "default")
        return [Word(term, start, end) for term, start, end in found if any(c.isalnum() for c in term)]

    def check(self) -> None:
        """Raises ``illegal_argument`` where the package is missing."""
        _jieba()
