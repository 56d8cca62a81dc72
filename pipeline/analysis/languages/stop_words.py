"""Lists of function words by the names that Elasticsearch gives them: ``_english_``, ``_german_`` ...

The lists are our own, of the languages' articles, pronouns, prepositions, conjunctions and auxiliary verbs. The English one is Lucene's, which
is short; the others hold much the same words as Snowball's lists, though not exactly.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.analysis.filters.cases import lower
from pipeline.analysis.languages import stop_words_north as north
from pipeline.analysis.languages import stop_words_south as south
from schemas.errors import illegal_argument

_CJK: Final = "a and are as at be but by for if in into is it no not of on or s such t that the their then there these they this to was will with www"
STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(text.split())
    for name, text in {
        "catalan": south.CATALAN, "cjk": _CJK, "danish": north.DANISH, "dutch": north.DUTCH, "english": north.ENGLISH,
        "finnish": north.FINNISH, "french": south.FRENCH, "german": north.GERMAN, "hungarian": north.HUNGARIAN,
        "italian": south.ITALIAN, "none": "", "norwegian": north.NORWEGIAN, "portuguese": south.PORTUGUESE,
        "romanian": south.ROMANIAN, "russian": south.RUSSIAN, "spanish": south.SPANISH, "swedish": north.SWEDISH,
        "turkish": south.TURKISH,
    }.items()
}  # fmt: skip


def stop_words(names: Iterable[str], *, lowercase: bool = False) -> frozenset[str]:
    """The words of a ``stopwords`` parameter: lists by their names between underscores, and words. Raises ``illegal_argument``."""
    found: set[str] = set()
    for name in names:
        if len(name) > 2 and name[0] == name[-1] == "_" and name.strip("_").isalpha():
            known = STOP_WORDS.get(name.strip("_").lower())
            if known is None:
                lists = ", ".join(f"_{n}_" for n in sorted(STOP_WORDS))
                raise illegal_argument(
                    f"there is no list of stop words [{name}]: give the words themselves, or one of {lists}"
                )
            found |= known
        else:
            found.add(lower(name) if lowercase else name)
    return frozenset(found)
