"""Stems by the Snowball algorithms, and elisions.

The stemmers are PyStemmer's, whose version is pinned: an index is a function of its log only as long as the stems stay the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import Stemmer
from typing_extensions import override

from pipeline.analysis.filters.cases import Change, german, lower, minimal_english, possessive
from pipeline.analysis.words import TermFilter, Word
from schemas.errors import illegal_argument

# The algorithms that Elasticsearch's names mean, where they differ. Snowball's own `dutch` is now the one by Kraaij and Pohlmann.
_ALGORITHMS: Final = {
    "english": "porter", "porter": "porter", "porter2": "english", "german2": "german", "dutch": "dutch_porter", "dutch_kp": "dutch",
    "kp": "dutch", "armenian": "armenian",
}  # fmt: skip
_CHANGES: Final[dict[str, Callable[[str], str]]] = {
    "possessive_english": possessive,
    "minimal_english": minimal_english,
    "german_normalization": german,
}


@cache
def _stemmer(algorithm: str) -> Callable[[str], str]:
    """One for the process. It keeps nothing (the vocabulary of an analyzer does) and holds the interpreter's lock while it works."""
    stem: Callable[[str], str] = Stemmer.Stemmer(algorithm, 0).stemWord
    return stem


def stem_by(name: str) -> Change:
    """The ``stemmer`` filter's language. Raises ``illegal_argument`` for those that there are not."""
    known = name.lower()
    if known in _CHANGES:
        return Change(_CHANGES[known], spares_keywords=known == "minimal_english")
    algorithm = _ALGORITHMS.get(known, known)
    if algorithm not in Stemmer.algorithms():
        names = ", ".join(sorted({*Stemmer.algorithms(), *_ALGORITHMS, "possessive_english", "minimal_english"}))
        raise illegal_argument(f"Unknown stemmer [{name}]: use one of {names}")
    return Change(_stemmer(algorithm), spares_keywords=True)


def snowball_by(name: str) -> Change:
    """The ``snowball`` filter's language: Snowball's own names, ``English`` being its second English stemmer."""
    known = name.lower()
    renamed = {"english": "porter2", "lovins": "lovins"}.get(known, known)
    return stem_by(renamed)


@dataclass(frozen=True, slots=True)
class Elision(TermFilter):
    """Leaves out articles before an apostrophe: l'avion is avion."""

    articles: frozenset[str]
    ignore_case: bool = False

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word without its article."""
        places = [i for i in (word.term.find("'"), word.term.find("\u2019")) if i >= 0]
        if places:
            article = word.term[: min(places)]
            if (lower(article) if self.ignore_case else article) in self.articles:
                word.term = word.term[min(places) + 1 :]
        return [word]
