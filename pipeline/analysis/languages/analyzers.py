"""Each language's chain of filters, after Lucene's analyzers: elisions, lower case, stop words, words kept whole, stems.

Where Lucene has a light stemmer (French, German, Italian, Portuguese, Spanish and others) ours is Snowball's, which cuts more off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.analysis.filters.cases import LOWERCASE, Change, before_apostrophe, half_width, lower_turkish, possessive
from pipeline.analysis.filters.selection import MarkKeywords, Override, Stop
from pipeline.analysis.filters.stems import Elision, stem_by
from pipeline.analysis.filters.streams import Bigrams
from pipeline.analysis.languages.stop_words import STOP_WORDS
from pipeline.analysis.words import Filter

FRENCH_ARTICLES: Final = frozenset(b"l m t qu n s j d c jusqu quoiqu lorsqu puisqu".decode().split())
_ITALIAN_ARTICLES: Final = frozenset(
    b"c l all dall dell nell sull coll pell gl agl dagl degl negl sugl un m t s v d".decode().split()
)
_CATALAN_ARTICLES: Final = frozenset(b"d l m n s t".decode().split())
_DUTCH_STEMS: Final = {"fiets": "fiets", "bromfiets": "bromfiets", "ei": "eier", "kind": "kinder"}


@dataclass(frozen=True, slots=True)
class Language:
    """What is done before the stop words and instead of a plain stemmer. Lower case comes first where that changes nothing, since the
    tokenizing kernels do it by the way.
    """

    stemmer: str
    before: tuple[Filter, ...] = (LOWERCASE,)
    overrides: Mapping[str, str] | None = None


LANGUAGES: Final[Mapping[str, Language]] = {
    "catalan": Language("catalan", (LOWERCASE, Elision(_CATALAN_ARTICLES))),
    "danish": Language("danish"),
    "dutch": Language("dutch", overrides=_DUTCH_STEMS),
    "english": Language("porter", (LOWERCASE, Change(possessive))),
    "finnish": Language("finnish"),
    "french": Language("french", (LOWERCASE, Elision(FRENCH_ARTICLES))),
    "german": Language("german"),
    "hungarian": Language("hungarian"),
    "italian": Language("italian", (LOWERCASE, Elision(_ITALIAN_ARTICLES))),
    "norwegian": Language("norwegian"),
    "portuguese": Language("portuguese"),
    "romanian": Language("romanian"),
    "russian": Language("russian"),
    "spanish": Language("spanish"),
    "swedish": Language("swedish"),
    "turkish": Language("turkish", (Change(before_apostrophe), Change(lower_turkish))),
}


def filters_of(
    name: str, stopped: frozenset[str] | None = None, whole: frozenset[str] = frozenset()
) -> tuple[Filter, ...]:
    """The filters of a language; None: its own stop words. The words of ``whole`` are not stemmed."""
    words = STOP_WORDS[name] if stopped is None else stopped
    if name == "cjk":
        return (Change(half_width), LOWERCASE, Bigrams(), Stop(words))
    language = LANGUAGES[name]
    return (
        *language.before,
        Stop(words),
        *((MarkKeywords(whole.__contains__),) if whole else ()),
        *((Override(language.overrides),) if language.overrides else ()),
        stem_by(language.stemmer),
    )
