"""Types of token filters that take many parameters, or other components."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from pipeline.analysis.definitions.filter_types import FILTER_TYPES, Builder
from pipeline.analysis.definitions.parameters import Parameters, Scope
from pipeline.analysis.definitions.tokenizer_types import check_grams
from pipeline.analysis.filters.delimiter import TYPES, Delimiter, Parts
from pipeline.analysis.filters.grams import BackGrams, CommonGrams, Grams, Shingles
from pipeline.analysis.filters.selection import Multiplex
from pipeline.analysis.filters.synonyms import parse_rules, synonyms_of
from pipeline.analysis.languages.stop_words import stop_words
from pipeline.analysis.words import Filter
from schemas.errors import illegal_argument

_NGRAM_DIFF: Final = 1
_SHINGLE_DIFF: Final = 3


def _ngram(p: Parameters, scope: Scope) -> Filter:
    least, most = p.integer("min_gram", 1, 1), p.integer("max_gram", 2, 1)
    check_grams(least, most, scope.limit("max_ngram_diff", _NGRAM_DIFF), "Tokenizer")
    return Grams(least, most, p.flag("preserve_original", default=False))


def _edge_ngram(p: Parameters, scope: Scope) -> Filter:
    least, most = p.integer("min_gram", 1, 1), p.integer("max_gram", 2, 1)
    check_grams(least, most, 0, "Tokenizer")
    preserve, side = p.flag("preserve_original", default=False), p.text("side", "front")
    if side not in {"front", "back"}:
        raise illegal_argument(f"invalid side: {side}")
    return Grams(least, most, preserve, edge=True) if side == "front" else BackGrams(least, most, preserve)


def _shingle(p: Parameters, scope: Scope) -> Filter:
    least, most = p.integer("min_shingle_size", 2, 2), p.integer("max_shingle_size", 2, 2)
    unigrams = p.flag("output_unigrams", default=True)
    if least > most:
        raise illegal_argument("Min shingle size must be <= max shingle size")
    difference, allowed = most - least + unigrams, scope.limit("max_shingle_diff", _SHINGLE_DIFF)
    if difference > allowed:
        raise illegal_argument(
            "In Shingle TokenFilter the difference between max_shingle_size and min_shingle_size (and +1 if outputting unigrams) "
            f"must be less than or equal to: [{allowed}] but was [{difference}]. This limit can be set by changing the "
            "[index.max_shingle_diff] index level setting."
        )
    return Shingles(
        least,
        most,
        unigrams,
        p.flag("output_unigrams_if_no_shingles", default=False),
        p.text("token_separator", " "),
        p.text("filler_token", "_"),
    )


def _delimiter(*, graph: bool) -> Builder:
    def build(p: Parameters, scope: Scope) -> Filter:
        p.refuse("protected_words_path", "type_table_path")
        defaults = Parts()
        given = {f.name: p.flag(f.name, default=getattr(defaults, f.name)) for f in fields(Parts)}
        types: dict[str, int] = {}
        for rule in p.names("type_table", commas=False):
            key, arrow, name = rule.rpartition("=>")
            key = key.strip().encode().decode("unicode_escape") if "\\" in key else key.strip()
            if not arrow or len(key) != 1 or name.strip() not in TYPES:
                raise illegal_argument(f"Invalid Mapping Rule : [{rule}]")
            types[key] = TYPES[name.strip()]
        return Delimiter(Parts(**given), graph, frozenset(p.names("protected_words")), types)

    return build


def _synonyms(*, graph: bool) -> Builder:
    def build(p: Parameters, scope: Scope) -> Filter:
        p.refuse("synonyms_path", "synonyms_set")
        if not p.has("synonyms"):
            raise illegal_argument("synonym requires either `synonyms` or `synonyms_path` to be configured")
        if p.text("format", "solr").lower() != "solr":
            raise illegal_argument(
                f"the format [{p.text('format')}] of the synonyms [{p.name}] is not supported: use [solr]"
            )
        lines = p.names("synonyms", commas=False)
        expand, lenient = p.flag("expand", default=True), p.flag("lenient", default=False)
        return synonyms_of(parse_rules(lines, scope.terms, expand=expand, lenient=lenient), graph=graph)

    return build


def _common_grams(p: Parameters, scope: Scope) -> Filter:
    p.refuse("common_words_path")
    if not p.has("common_words"):
        raise illegal_argument(
            "missing or empty [common_words] or [common_words_path] configuration for common_grams token filter"
        )
    words = stop_words(p.names("common_words"), lowercase=p.flag("ignore_case", default=False))
    return CommonGrams(words, p.flag("query_mode", default=False))


def _multiplexer(p: Parameters, scope: Scope) -> Filter:
    chains = []
    for text in p.names("filters", commas=False):
        chain = tuple(scope.filter(name.strip()) for name in text.split(",") if name.strip())
        if not all(f.termwise for f in chain):
            raise illegal_argument(
                f"the filters [{text}] of [{p.name}] look at neighbouring tokens: [multiplexer] cannot take them"
            )
        chains.append(chain)
    return Multiplex(tuple(chains), p.flag("preserve_original", default=True))


ALL_FILTER_TYPES: Final[Mapping[str, Builder]] = {
    **FILTER_TYPES,
    "common_grams": _common_grams,
    "edgeNGram": _edge_ngram,
    "edge_ngram": _edge_ngram,
    "multiplexer": _multiplexer,
    "nGram": _ngram,
    "ngram": _ngram,
    "shingle": _shingle,
    "synonym": _synonyms(graph=False),
    "synonym_graph": _synonyms(graph=True),
    "word_delimiter": _delimiter(graph=False),
    "word_delimiter_graph": _delimiter(graph=True),
}
# What a normalizer may use: a term for a term (Elasticsearch's list, as far as there are such filters here).
NORMALIZING: Final = frozenset({
    "apostrophe", "asciifolding", "cjk_width", "decimal_digit", "elision", "german_normalization", "lowercase", "pattern_replace",
    "scandinavian_folding", "trim", "uppercase",
})  # fmt: skip
