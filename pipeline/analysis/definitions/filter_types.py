"""Types of token filters that are one component and few parameters."""

from collections.abc import Callable, Mapping
from typing import Final

from typing_extensions import override

from pipeline.analysis.definitions.parameters import Parameters, Scope
from pipeline.analysis.filters.cases import (
    LOWERCASE,
    Change,
    before_apostrophe,
    decimal_digits,
    german,
    half_width,
    lower_greek,
    lower_irish,
    lower_turkish,
    reversed_text,
    scandinavian,
    trimmed,
    upper,
)
from pipeline.analysis.filters.folding import AsciiFolding
from pipeline.analysis.filters.patterns import CapturePatterns, ReplacePattern, compiled, replacement
from pipeline.analysis.filters.selection import (
    Keep,
    Length,
    MarkKeywords,
    Override,
    RemoveDuplicates,
    RepeatKeywords,
    Stop,
    Truncate,
    Types,
)
from pipeline.analysis.filters.stems import Elision, snowball_by, stem_by
from pipeline.analysis.filters.streams import CJK_TYPES, Bigrams, Fingerprint, Limit, Unique
from pipeline.analysis.languages.analyzers import FRENCH_ARTICLES
from pipeline.analysis.languages.stop_words import stop_words
from pipeline.analysis.words import Filter, Stream, TermFilter
from schemas.errors import illegal_argument

Builder = Callable[[Parameters, Scope], Filter]
_INT_MAX: Final = (1 << 31) - 1
_LOWER: Final = {"greek": lower_greek, "irish": lower_irish, "turkish": lower_turkish}


class _Same(TermFilter):
    """Changes nothing."""

    __slots__ = ()

    @override
    def apply(self, stream: Stream) -> Stream:
        """The stream itself."""
        return stream


def _changing(change: Callable[[str], str]) -> Builder:
    return lambda p, scope: Change(change)


def _lowercase(p: Parameters, scope: Scope) -> Filter:
    language = p.text("language").lower()
    if language and language not in _LOWER:
        raise illegal_argument(f"language [{language}] not support for lower case")
    return Change(_LOWER[language]) if language else LOWERCASE


def _stop(p: Parameters, scope: Scope) -> Filter:
    p.refuse("stopwords_path")
    ignore = p.flag("ignore_case", default=False)
    return Stop(stop_words(p.names("stopwords", ["_english_"]), lowercase=ignore), ignore)


def _keep(p: Parameters, scope: Scope) -> Filter:
    p.refuse("keep_words_path")
    if not p.has("keep_words"):
        raise illegal_argument("keep requires either `keep_words` or `keep_words_path` to be configured")
    ignore = p.flag("keep_words_case", default=False)
    words = p.names("keep_words")
    return Keep(frozenset(LOWERCASE.change(w) for w in words) if ignore else frozenset(words), ignore)


def _keep_types(p: Parameters, scope: Scope) -> Filter:
    mode = p.text("mode", "include")
    if mode not in {"include", "exclude"}:
        raise illegal_argument(f"`keep_types` tokenfilter mode can only be [include] or [exclude] but was [{mode}].")
    return Types(frozenset(p.names("types")), mode == "exclude")


def _length(p: Parameters, scope: Scope) -> Filter:
    return Length(p.integer("min", 0), p.integer("max", _INT_MAX))


def _limit(p: Parameters, scope: Scope) -> Filter:
    p.flag("consume_all_tokens", default=False)
    return Limit(p.integer("max_token_count", 1, 1))


def _unique(p: Parameters, scope: Scope) -> Filter:
    return RemoveDuplicates() if p.flag("only_on_same_position", default=False) else Unique()


def _elision(p: Parameters, scope: Scope) -> Filter:
    p.refuse("articles_path")
    ignore = p.flag("articles_case", default=False)
    articles = frozenset(p.names("articles")) or FRENCH_ARTICLES
    return Elision(frozenset(map(LOWERCASE.change, articles)) if ignore else articles, ignore)


def _keyword_marker(p: Parameters, scope: Scope) -> Filter:
    p.refuse("keywords_path")
    if p.has("keywords_pattern"):
        pattern = compiled(p.text("keywords_pattern"))
        return MarkKeywords(lambda term: pattern.fullmatch(term) is not None)
    if not p.has("keywords"):
        raise illegal_argument(
            "keyword filter requires either `keywords`, `keywords_path`, or `keywords_pattern` to be configured"
        )
    words = frozenset(p.names("keywords"))
    if p.flag("ignore_case", default=False):
        lowered = frozenset(map(LOWERCASE.change, words))
        return MarkKeywords(lambda term: LOWERCASE.change(term) in lowered)
    return MarkKeywords(words.__contains__)


def _override(p: Parameters, scope: Scope) -> Filter:
    p.refuse("rules_path")
    stems: dict[str, str] = {}
    for rule in p.names("rules", commas=False):
        sides = rule.split("=>")
        words = [w.strip() for w in sides[0].split(",")]
        if len(sides) != 2 or not all(words) or not sides[1].strip() or "," in sides[1]:
            raise illegal_argument(f"Invalid Keyword override Rule:{rule}")
        stems.update({w: sides[1].strip() for w in words})
    return Override(stems)


def _pattern_replace(p: Parameters, scope: Scope) -> Filter:
    pattern = compiled(p.required("pattern"), p.text("flags"))
    return ReplacePattern(pattern, replacement(p.text("replacement"), pattern), p.flag("all", default=True))


def _pattern_capture(p: Parameters, scope: Scope) -> Filter:
    patterns = tuple(compiled(text) for text in p.names("patterns", commas=False))
    if not patterns:
        raise illegal_argument("required setting 'patterns' is missing for token filter [" + p.name + "]")
    return CapturePatterns(patterns, p.flag("preserve_original", default=True))


def _cjk_bigram(p: Parameters, scope: Scope) -> Filter:
    ignored = set(p.names("ignored_scripts"))
    types = frozenset(kind for script, kind in CJK_TYPES.items() if script not in ignored)
    return Bigrams(types, p.flag("output_unigrams", default=False))


def _fingerprint(p: Parameters, scope: Scope) -> Filter:
    return Fingerprint(p.text("separator", " "), p.integer("max_output_size", 255, 1))


FILTER_TYPES: Final[Mapping[str, Builder]] = {
    "apostrophe": _changing(before_apostrophe),
    "asciifolding": lambda p, scope: AsciiFolding(p.flag("preserve_original", default=False)),
    "cjk_bigram": _cjk_bigram,
    "cjk_width": _changing(half_width),
    "decimal_digit": _changing(decimal_digits),
    "elision": _elision,
    "fingerprint": _fingerprint,
    "flatten_graph": lambda p, scope: _Same(),
    "german_normalization": _changing(german),
    "keep": _keep,
    "keep_types": _keep_types,
    "keyword_marker": _keyword_marker,
    "keyword_repeat": lambda p, scope: RepeatKeywords(),
    "length": _length,
    "limit": _limit,
    "lowercase": _lowercase,
    "pattern_capture": _pattern_capture,
    "pattern_replace": _pattern_replace,
    "porter_stem": lambda p, scope: stem_by("porter"),
    "remove_duplicates": lambda p, scope: RemoveDuplicates(),
    "reverse": _changing(reversed_text),
    "scandinavian_folding": _changing(scandinavian),
    "snowball": lambda p, scope: snowball_by(p.text("language", "English")),
    "stemmer": lambda p, scope: stem_by(p.text("language", p.text("name", "porter"))),
    "stemmer_override": _override,
    "stop": _stop,
    "trim": _changing(trimmed),
    "truncate": lambda p, scope: Truncate(p.integer("length", 10, 1)),
    "unique": _unique,
    "uppercase": _changing(upper),
    **{f"{n}_stem": lambda p, scope, n=n: stem_by(n) for n in ("arabic", "dutch", "french", "german", "russian")},  # type: ignore[misc]
}
