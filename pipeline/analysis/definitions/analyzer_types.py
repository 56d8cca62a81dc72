"""Types of analyzers that are whole chains: standard, simple, ..., and those of the languages."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.analysis.analyzer import Analyzer
from pipeline.analysis.definitions.parameters import Parameters
from pipeline.analysis.definitions.tokenizer_types import length_filters
from pipeline.analysis.filters.cases import LOWERCASE, Change, possessive
from pipeline.analysis.filters.folding import AsciiFolding
from pipeline.analysis.filters.patterns import compiled
from pipeline.analysis.filters.selection import Stop
from pipeline.analysis.filters.stems import snowball_by
from pipeline.analysis.filters.streams import Fingerprint
from pipeline.analysis.languages.analyzers import LANGUAGES, filters_of
from pipeline.analysis.languages.stop_words import STOP_WORDS, stop_words
from pipeline.analysis.tokenizers.chinese import JiebaTokenizer
from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut
from pipeline.analysis.tokenizers.patterns import PatternTokenizer
from pipeline.analysis.words import Filter

Builder = Callable[[Parameters], Analyzer]
_STANDARD: Final = CompiledTokenizer(Cut.STANDARD)


def _stop(p: Parameters, default: str = "_none_") -> tuple[Filter, ...]:
    p.refuse("stopwords_path")
    words = stop_words(p.names("stopwords", [default]))
    return (Stop(words),) if words else ()


def _standard(p: Parameters) -> Analyzer:
    return Analyzer(p.name, _STANDARD, (*length_filters(p), LOWERCASE, *_stop(p)))


def _simple(p: Parameters) -> Analyzer:
    return Analyzer(p.name, CompiledTokenizer(Cut.LETTERS, lowercase=True))


def _stopped(p: Parameters) -> Analyzer:
    return Analyzer(p.name, CompiledTokenizer(Cut.LETTERS, lowercase=True), _stop(p, "_english_"))


def _whitespace(p: Parameters) -> Analyzer:
    return Analyzer(p.name, CompiledTokenizer(Cut.WHITESPACE), length_filters(p))


def _keyword(p: Parameters) -> Analyzer:
    return Analyzer(p.name, CompiledTokenizer(Cut.WHOLE))


def _pattern(p: Parameters) -> Analyzer:
    tokenizer = PatternTokenizer(compiled(p.text("pattern", r"\W+"), p.text("flags")))
    lower: tuple[Filter, ...] = (LOWERCASE,) if p.flag("lowercase", default=True) else ()
    return Analyzer(p.name, tokenizer, (*lower, *_stop(p)))


def _fingerprint(p: Parameters) -> Analyzer:
    last = Fingerprint(p.text("separator", " "), p.integer("max_output_size", 255, 1))
    return Analyzer(p.name, _STANDARD, (LOWERCASE, AsciiFolding(), *_stop(p), last))


def _snowball(p: Parameters) -> Analyzer:
    language = p.text("language", "English")
    own = f"_{language.lower()}_" if language.lower() in STOP_WORDS else "_none_"
    english: tuple[Filter, ...] = (Change(possessive),) if language.lower() == "english" else ()
    return Analyzer(p.name, _STANDARD, (LOWERCASE, *english, *_stop(p, own), snowball_by(language)))


def _language(language: str) -> Builder:
    def build(p: Parameters) -> Analyzer:
        p.refuse("stopwords_path", "stem_exclusion_path")
        words = stop_words(p.names("stopwords")) if p.has("stopwords") else None
        return Analyzer(p.name, _STANDARD, filters_of(language, words, frozenset(p.names("stem_exclusion"))))

    return build


def _jieba(*, search: bool) -> Builder:
    def build(p: Parameters) -> Analyzer:
        tokenizer = JiebaTokenizer(search)
        tokenizer.check()
        return Analyzer(p.name, tokenizer, (LOWERCASE, *_stop(p)))

    return build


ANALYZER_TYPES: Final[Mapping[str, Builder]] = {
    "standard": _standard,
    "simple": _simple,
    "stop": _stopped,
    "whitespace": _whitespace,
    "keyword": _keyword,
    "pattern": _pattern,
    "fingerprint": _fingerprint,
    "snowball": _snowball,
    **{name: _language(name) for name in (*LANGUAGES, "cjk")},
    "jieba_index": _jieba(search=True),
    "jieba_search": _jieba(search=False),
}
