"""The analyzers of an index: built-in ones and those of its settings, by name; and what each field is analysed with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from pipeline.analysis.analyzer import POSITION_GAP, Analyzer
from pipeline.analysis.char_filters import CharFilter
from pipeline.analysis.definitions.analyzer_types import ANALYZER_TYPES
from pipeline.analysis.definitions.char_filter_types import CHAR_FILTER_TYPES
from pipeline.analysis.definitions.flat import tree_of
from pipeline.analysis.definitions.parameters import Parameters
from pipeline.analysis.definitions.rich_filter_types import ALL_FILTER_TYPES, NORMALIZING
from pipeline.analysis.definitions.tokenizer_types import TOKENIZER_TYPES, Built
from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut
from pipeline.analysis.words import Filter, Stream, run
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.mapping import Field, FieldType, IndexMapping

DEFAULT: Final = "standard"
_KINDS: Final = ("analyzer", "tokenizer", "filter", "char_filter", "normalizer")
_WHOLE: Final = CompiledTokenizer(Cut.WHOLE)
Reference = str | Mapping[str, Any]  # a component's name, or its definition
Missing = Callable[[str, str], SedimentError]  # (kind, name) -> what to raise


@dataclass(frozen=True, slots=True)
class Chain:
    """An analyzer made of named components: what _analyze explains. ``own``: filters that the tokenizer brought."""

    analyzer: Analyzer
    char_filters: tuple[str, ...]
    tokenizer: str
    filters: tuple[str, ...]
    own: int = 0


@lru_cache(maxsize=256)
def analyzer_set(analysis: str = "") -> "AnalyzerSet":
    """The analyzers that settings (as an index mapping carries them) describe; built once for each text."""
    return AnalyzerSet(analysis)


class AnalyzerSet:
    """See the module. Components are built when they are first asked for. Raises ``illegal_argument`` where a definition is wrong."""

    def __init__(self, analysis: str) -> None:
        tree = tree_of(analysis)
        self._limits = {k: v for k, v in tree.items() if isinstance(v, str)}
        self._defined: Mapping[str, Mapping[str, Any]] = {
            kind: found if isinstance(found := tree.get(kind), Mapping) else {} for kind in _KINDS
        }
        self._unknown = sorted(k for k, v in tree.items() if k not in _KINDS and not isinstance(v, str))
        self._analyzers: dict[str, Analyzer] = {}
        self._chains: dict[str, Chain] = {}
        self._of_fields: dict[tuple[str, int], Analyzer] = {}

    # --- by name -----------------------------------------------------------------------------------
    def find(self, name: str) -> Analyzer | None:
        """The analyzer of that name, or None."""
        known = self._analyzers.get(name)
        if known is None:
            known = self._built(name)
            if known is not None:
                self._analyzers[name] = known
        return known

    def analyzer(self, name: str) -> Analyzer:
        """The analyzer of that name. Raises ``illegal_argument`` where there is none."""
        found = self.find(name)
        if found is None:
            raise illegal_argument(f"analyzer [{name}] has not been configured in mappings")
        return found

    def chain(self, name: str) -> Chain | None:
        """The components of a custom analyzer; None for built-in types."""
        self.find(name)
        return self._chains.get(name)

    def _built(self, name: str) -> Analyzer | None:
        values = self._values("analyzer", name)
        if values is None:
            builder = ANALYZER_TYPES.get(DEFAULT if name == "default" else name)
            return None if builder is None else builder(Parameters(name, name, {}))
        kind = values.get("type")
        if kind is None and not values.get("tokenizer"):
            raise illegal_argument(f"analyzer [{name}] must specify either an analyzer type, or a tokenizer")
        if kind in {None, "custom"}:
            self._chains[name] = self._custom(name, values)
            return self._chains[name].analyzer
        known = ANALYZER_TYPES.get(str(kind))
        if known is None:
            raise illegal_argument(f"Unknown analyzer type [{kind}] for [{name}]")
        return known(Parameters(name, str(kind), values))

    def _custom(self, name: str, values: Mapping[str, Any]) -> Chain:
        p = Parameters(name, "custom", values)
        tokenizer = p.text("tokenizer")
        if not tokenizer:
            raise illegal_argument(f"analyzer [{name}] must be configured with a tokenizer")

        def missing(kind: str, wanted: str) -> SedimentError:
            return illegal_argument(f"Custom Analyzer [{name}] failed to find {kind} under name [{wanted}]")

        chain = self.compose(name, tokenizer, p.names("filter"), p.names("char_filter"), missing)
        return replace(
            chain, analyzer=replace(chain.analyzer, position_gap=p.integer("position_increment_gap", POSITION_GAP))
        )

    def compose(
        self,
        name: str,
        tokenizer: Reference,
        filters: Sequence[Reference],
        char_filters: Sequence[Reference],
        missing: Missing,
    ) -> Chain:
        """A chain of components, each by name or by its definition."""
        cutter, own = self._tokenizer(tokenizer, missing)
        before = tuple(self._char_filter(one, missing) for one in char_filters)
        chain: tuple[Filter, ...] = own
        for one in filters:
            scope = _Scope(self, Analyzer(name, cutter, chain, before), missing)
            chain = (*chain, self._filter(one, scope, missing))
        analyzer = Analyzer(name, cutter, chain, before)
        return Chain(
            analyzer,
            _names(char_filters, "char_filter"),
            _name(tokenizer, "tokenizer"),
            _names(filters, "filter"),
            len(own),
        )

    # --- components ----------------------------------------------------------------------------------
    def _values(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """The definition of a component in the settings."""
        found = self._defined[kind].get(name)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise illegal_argument(f"{kind} [{name}] must be an object with a [type] but was [{found}]")
        return found

    def _definition(self, kind: str, given: Reference, types: Mapping[str, Any], missing: Missing) -> Parameters:
        if not isinstance(given, str):
            if given.get("type") is None:
                raise illegal_argument(f"Missing [type] setting for anonymous {kind}: {dict(given)}")
            if str(given["type"]) not in types:
                raise illegal_argument(f"failed to find global {kind} under [{given['type']}]")
            return Parameters(f"__anonymous__{given['type']}", str(given["type"]), given)
        values = self._values(kind, given)
        if values is None:
            if given not in types:
                raise missing(kind, given)
            return Parameters(given, given, {})
        type_name = values.get("type")
        if type_name is None:
            raise illegal_argument(f"{kind} [{given}] must specify either an analyzer type, or a tokenizer")
        if str(type_name) not in types:
            raise illegal_argument(f"Unknown {kind} type [{type_name}] for [{given}]")
        return Parameters(given, str(type_name), values)

    def _tokenizer(self, given: Reference, missing: Missing) -> Built:
        p = self._definition("tokenizer", given, TOKENIZER_TYPES, missing)
        return TOKENIZER_TYPES[p.type](p, self.limit)

    def _char_filter(self, given: Reference, missing: Missing) -> CharFilter:
        p = self._definition("char_filter", given, CHAR_FILTER_TYPES, missing)
        return CHAR_FILTER_TYPES[p.type](p)

    def _filter(self, given: Reference, scope: "_Scope", missing: Missing) -> Filter:
        p = self._definition("filter", given, ALL_FILTER_TYPES, missing)
        return ALL_FILTER_TYPES[p.type](p, scope)

    def limit(self, name: str, default: int) -> int:
        """A limit in the settings."""
        text = self._limits.get(name, "")
        return int(text) if text.isdecimal() and len(text) <= 9 else default

    # --- normalizers -----------------------------------------------------------------------------------
    def normalizer(self, name: str) -> Analyzer | None:
        """The normalizer of that name, or None. It makes one term of a value."""
        key = f"normalizer {name}"
        known = self._analyzers.get(key)
        if known is None:
            values = self._values("normalizer", name)
            if values is None and name != "lowercase":
                return None
            known = self._analyzers[key] = self._normalizing(name, values or {"filter": ["lowercase"]})
        return known

    def _normalizing(self, name: str, values: Mapping[str, Any]) -> Analyzer:
        if str(values.get("type", "custom")) != "custom":
            raise illegal_argument(f"Unknown normalizer type [{values['type']}] for [{name}]")
        if values.get("tokenizer") is not None:
            raise illegal_argument(f"Custom normalizer [{name}] cannot configure a tokenizer")
        p = Parameters(name, "custom", values)

        def missing(kind: str, wanted: str) -> SedimentError:
            return illegal_argument(f"Custom normalizer [{name}] failed to find {kind} under name [{wanted}]")

        return self.normalizing(name, p.names("filter"), p.names("char_filter"), missing)

    def normalizing(
        self, name: str, filters: Sequence[Reference], char_filters: Sequence[Reference], missing: Missing
    ) -> Analyzer:
        """A normalizer of components."""
        for one in filters:
            kind = self._definition("filter", one, ALL_FILTER_TYPES, missing).type
            if kind not in NORMALIZING:
                raise illegal_argument(f"Custom normalizer [{name}] may not use filter [{_name(one, 'filter')}]")
        return self.compose(name, "keyword", filters, char_filters, missing).analyzer

    # --- fields ----------------------------------------------------------------------------------------
    def of_index(self, one: Field) -> Analyzer:
        """What a field's values are analysed with."""
        if one.type is FieldType.KEYWORD:
            return self._keyword(one)
        name = one.analyzer if "analyzer" in one.parameters else "default"
        return self._gapped(name, one)

    def of_search(self, one: Field) -> Analyzer:
        """What query texts are analysed with."""
        if one.type is FieldType.KEYWORD:
            return self._keyword(one, split=str(one.parameters.get("split_queries_on_whitespace")).lower() == "true")
        if one.search_analyzer:
            return self.analyzer(one.search_analyzer)
        if "analyzer" not in one.parameters and "default_search" in self._defined["analyzer"]:
            return self.analyzer("default_search")
        return self.of_index(one)

    def of_quote(self, one: Field) -> Analyzer:
        """What the texts of phrase queries are analysed with."""
        name = one.parameters.get("search_quote_analyzer")
        return self.analyzer(str(name)) if name and one.type is FieldType.TEXT else self.of_search(one)

    def normalizer_of(self, one: Field) -> Analyzer | None:
        """The normalizer of a keyword field, if it has one."""
        name = one.parameters.get("normalizer")
        return self.normalizer(str(name)) if name and one.type is FieldType.KEYWORD else None

    def _keyword(self, one: Field, *, split: bool = False) -> Analyzer:
        known = self.normalizer_of(one) or self.analyzer("keyword")
        return replace(known, tokenizer=CompiledTokenizer(Cut.WHITESPACE)) if split else known

    def _gapped(self, name: str, one: Field) -> Analyzer:
        known = self.analyzer(name)
        gap = one.parameters.get("position_increment_gap")
        if gap is None or int(gap) == known.position_gap:
            return known
        key = (name, int(gap))
        if key not in self._of_fields:
            self._of_fields[key] = replace(known, position_gap=int(gap))
        return self._of_fields[key]

    # --- checks ------------------------------------------------------------------------------------------
    def check(self) -> None:
        """Raises ``illegal_argument`` where any definition is wrong, used or not."""
        if self._unknown:
            raise illegal_argument(
                f"unknown setting [index.analysis.{self._unknown[0]}] please check that any required plugins are installed, or check "
                "the breaking changes documentation for removed settings"
            )

        def missing(kind: str, name: str) -> SedimentError:
            return illegal_argument(f"failed to find {kind} under [{name}]")

        for name in self._defined["char_filter"]:
            self._char_filter(name, missing)
        for name in self._defined["tokenizer"]:
            self._tokenizer(name, missing)
        for name in self._defined["filter"]:
            self._filter(name, _Scope(self, Analyzer(name, _WHOLE), missing), missing)
        for name in self._defined["analyzer"]:
            self.analyzer(name)
        for name in self._defined["normalizer"]:
            self.normalizer(name)

    def check_mapping(self, mapping: IndexMapping) -> None:
        """Raises ``mapper_parsing`` where a field names an analyzer or normalizer that there is not."""
        for one in mapping.leaves():
            for key in ("analyzer", "search_analyzer", "search_quote_analyzer"):
                name = one.parameters.get(key)
                if name is not None and self.find(str(name)) is None:
                    raise _mapping(f"analyzer [{name}] has not been configured in mappings")
            _check_field(one)
            normalizer = one.parameters.get("normalizer")
            if normalizer is not None and self.normalizer(str(normalizer)) is None:
                raise _mapping(f"normalizer [{normalizer}] not found for field [{one.path.rpartition('.')[2]}]")


def _check_field(one: Field) -> None:
    name, given = one.path.rpartition(".")[2], one.parameters
    if "search_analyzer" in given and "analyzer" not in given:
        raise _mapping(f"analyzer on field [{name}] must be set when search_analyzer is set")
    if "search_quote_analyzer" in given and not {"analyzer", "search_analyzer"} <= set(given):
        raise _mapping(f"analyzer and search_analyzer on field [{name}] must be set when search_quote_analyzer is set")
    gap = str(given.get("position_increment_gap", 0))
    if not gap.isdecimal() or len(gap) > 9:
        raise _mapping(f"[positions_increment_gap] must be positive, got [{gap}]")


def _mapping(reason: str) -> SedimentError:
    return invalid("mapper_parsing", f"Failed to parse mapping [_doc]: {reason}")


def _name(given: Reference, kind: str) -> str:
    return given if isinstance(given, str) else f"__anonymous__{given.get('type', kind)}"


def _names(given: Sequence[Reference], kind: str) -> tuple[str, ...]:
    return tuple(_name(one, kind) for one in given)


class _Scope:
    """See ``parameters.Scope``: the chain up to a filter."""

    def __init__(self, analyzers: AnalyzerSet, before: Analyzer, missing: Missing) -> None:
        self._set = analyzers
        self._before = before
        self._missing = missing

    def filter(self, name: str) -> Filter:
        return self._set._filter(name, self, self._missing)  # noqa: SLF001  a part of the set

    def terms(self, text: str) -> tuple[str, ...]:
        words = run(
            self._before.filters, Stream(self._before.tokenizer.words(self._before.filter_characters(text)[0]))
        ).words
        return tuple(w.term for w in words)

    def limit(self, name: str, default: int) -> int:
        return self._set.limit(name, default)
