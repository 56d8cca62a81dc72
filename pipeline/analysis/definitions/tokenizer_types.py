"""Types of tokenizers. A tokenizer that cuts long words brings a filter for it."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.analysis.analyzer import Tokenizer
from pipeline.analysis.definitions.parameters import Parameters
from pipeline.analysis.filters.patterns import compiled
from pipeline.analysis.filters.selection import Split
from pipeline.analysis.tokenizers.chinese import JiebaTokenizer
from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut
from pipeline.analysis.tokenizers.grams import GramTokenizer, PathTokenizer, char_classes
from pipeline.analysis.tokenizers.patterns import AddressTokenizer, ClassicTokenizer, PatternTokenizer
from pipeline.analysis.words import Filter
from schemas.errors import illegal_argument
from schemas.limits import TOKEN_CHARACTERS_MAX

Built = tuple[Tokenizer, tuple[Filter, ...]]
Limit = Callable[[str, int], int]
_NGRAM_DIFF: Final = 1


def _compiled(cut: Cut, *, lowercase: bool = False) -> Callable[[Parameters, Limit], Built]:
    def build(p: Parameters, limit: Limit) -> Built:
        return CompiledTokenizer(cut, lowercase), length_filters(p)

    return build


def length_filters(p: Parameters) -> tuple[Filter, ...]:
    """What ``max_token_length`` asks for. The kernels cut at 255 as Lucene does; more is not to be had."""
    longest = p.integer("max_token_length", TOKEN_CHARACTERS_MAX, 1)
    if longest > TOKEN_CHARACTERS_MAX:
        raise illegal_argument(
            f"[max_token_length] of [{p.name}] must be at most {TOKEN_CHARACTERS_MAX} but was [{longest}]"
        )
    return () if longest == TOKEN_CHARACTERS_MAX else (Split(longest),)


def _keyword(p: Parameters, limit: Limit) -> Built:
    p.integer("buffer_size", 256, 1)
    return CompiledTokenizer(Cut.WHOLE), ()


def _pattern(p: Parameters, limit: Limit) -> Built:
    pattern = compiled(p.text("pattern", r"\W+"), p.text("flags"))
    group = p.integer("group", -1, -1)
    if group > pattern.groups:
        raise illegal_argument(f"the pattern of [{p.name}] has no group [{group}]")
    return PatternTokenizer(pattern, group), ()


def _simple_pattern(p: Parameters, limit: Limit) -> Built:
    return PatternTokenizer(compiled(p.text("pattern", "(?!)")), 0), ()


def _simple_pattern_split(p: Parameters, limit: Limit) -> Built:
    return PatternTokenizer(compiled(p.text("pattern", "(?!)"))), ()


_GROUPS: Final = {
    "whitespace": r"\s",
    "letter": r"\p{L}",
    "digit": r"\p{Nd}",
    "punctuation": r"\p{P}",
    "symbol": r"\p{S}",
}


def _char_group(p: Parameters, limit: Limit) -> Built:
    parts = []
    for given in p.names("tokenize_on_chars", commas=False):
        if given not in _GROUPS and len(given) > 1 and not given.startswith("\\"):
            raise illegal_argument(f"Invalid escaped char in [{given}]")
        parts.append(_GROUPS.get(given) or (given if given.startswith("\\") else f"\\x{{{ord(given):x}}}"))
    escaped = [p if "x{" not in p else f"\\U{int(p[3:-1], 16):08x}" for p in parts]
    pattern = compiled(f"[{''.join(escaped)}]" if escaped else "(?!)")
    return PatternTokenizer(pattern), length_filters(p)


def _grams(*, edge: bool) -> Callable[[Parameters, Limit], Built]:
    def build(p: Parameters, limit: Limit) -> Built:
        least, most = p.integer("min_gram", 1, 1), p.integer("max_gram", 2, 1)
        check_grams(least, most, 0 if edge else limit("max_ngram_diff", _NGRAM_DIFF), "Tokenizer")
        classes = char_classes(p.names("token_chars"))
        return GramTokenizer(least, most, classes, p.text("custom_token_chars"), edge), ()

    return build


def check_grams(least: int, most: int, difference: int, what: str) -> None:
    """Raises where lengths are the wrong way round or too far apart (``difference`` 0: however far)."""
    if least > most:
        raise illegal_argument("minGram must not be greater than maxGram")
    if difference and most - least > difference:
        raise illegal_argument(
            f"The difference between max_gram and min_gram in NGram {what} must be less than or equal to: [{difference}] but was "
            f"[{most - least}]. This limit can be set by changing the [index.max_ngram_diff] index level setting."
        )


def _path(p: Parameters, limit: Limit) -> Built:
    delimiter = p.text("delimiter", "/")
    replacement = p.text("replacement", delimiter)
    for key, text in (("delimiter", delimiter), ("replacement", replacement)):
        if len(text) != 1:
            raise illegal_argument(f"{key} must be a one char value")
    return PathTokenizer(delimiter, replacement, p.integer("skip", 0), p.flag("reverse", default=False)), ()


def _jieba(*, search: bool) -> Callable[[Parameters, Limit], Built]:
    def build(p: Parameters, limit: Limit) -> Built:
        known = JiebaTokenizer(search)
        known.check()
        return known, ()

    return build


TOKENIZER_TYPES: Final[Mapping[str, Callable[[Parameters, Limit], Built]]] = {
    "standard": _compiled(Cut.STANDARD),
    "letter": _compiled(Cut.LETTERS),
    "lowercase": _compiled(Cut.LETTERS, lowercase=True),
    "whitespace": _compiled(Cut.WHITESPACE),
    "keyword": _keyword,
    "pattern": _pattern,
    "simple_pattern": _simple_pattern,
    "simple_pattern_split": _simple_pattern_split,
    "char_group": _char_group,
    "ngram": _grams(edge=False),
    "nGram": _grams(edge=False),
    "edge_ngram": _grams(edge=True),
    "edgeNGram": _grams(edge=True),
    "path_hierarchy": _path,
    "PathHierarchy": _path,
    "uax_url_email": lambda p, limit: (AddressTokenizer(), length_filters(p)),
    "classic": lambda p, limit: (ClassicTokenizer(p.integer("max_token_length", TOKEN_CHARACTERS_MAX, 1)), ()),
    "jieba_index": _jieba(search=True),
    "jieba_search": _jieba(search=False),
}
