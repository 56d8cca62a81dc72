"""Route _analyze: what an analyzer, a normalizer or a chain of components makes of texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.analysis.analyzer import POSITION_GAP, Analyzer, clean, tokens_of
from pipeline.analysis.definitions.analyzer_set import AnalyzerSet, Chain, Reference, analyzer_set
from pipeline.analysis.words import Stream, Token
from pipeline.catalog.state import IndexState
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import exact
from query_api.elastic.wire.router import Route, route
from query_api.fanout.services import Services
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.mapping import INVERTED_TYPES

ANALYZED_TOKENS_MAX: Final = 10_000  # of one _analyze (index.analyze.max_token_count)
_FIELDS: Final = frozenset(
    {"analyzer", "text", "field", "tokenizer", "filter", "char_filter", "explain", "attributes", "normalizer"}
)
_IN_PATH: Final = ("analyzer", "text", "field", "tokenizer", "normalizer")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request: its index, if it names one, and the analyzers there."""

    body: Mapping[str, Any]
    index: IndexState | None
    analyzers: AnalyzerSet

    def missing(self, kind: str, name: str) -> SedimentError:
        """The error for a component that there is not."""
        where = "failed to find" if self.index is not None else "failed to find global"
        of_name = f"[{name}]" if kind == "analyzer" else f"under [{name}]"
        return illegal_argument(f"{where} {kind} {of_name}")

    def references(self, key: str) -> list[Reference]:
        """Components, each a name or a definition."""
        given = self.body.get(key)
        if given is None:
            return []
        found = given if isinstance(given, list) else [given]
        if not all(isinstance(one, str | dict) for one in found):
            raise illegal_argument(f"{key} should be array of {key}'s name or settings")
        return found


def analyze(services: Services, call: Call) -> Reply:
    """The terms that an analyzer makes of a text."""
    body = {**{k: call.text(k) for k in _IN_PATH if call.text(k)}, **call.json_object()}
    for name in body:
        if name not in _FIELDS:
            raise invalid("x_content_parse", f"[analyze_request] unknown field [{name}]")
    texts = body.get("text")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise invalid("action_request_validation", "Validation Failed: 1: text is missing;")
    where = call.path.get("index") or call.text("index")
    index = exact(services.indices, where) if where else None
    asked = _Asked(body, index, analyzer_set("" if index is None else index.mapping.analysis))
    chain = _chain(asked)
    most = _tokens_max(index)
    if body.get("explain") in (True, "true"):
        return Reply({"detail": _detail(chain, texts, most, body.get("attributes"))})
    return Reply({"tokens": [_shown(t) for t in _limited(_analyzed(chain.analyzer, texts), most)]})


def _tokens_max(index: IndexState | None) -> int:
    text = "" if index is None else index.setting("analyze.max_token_count", "")
    return int(text) if text.isdigit() else ANALYZED_TOKENS_MAX


# --- which analyzer --------------------------------------------------------------------------------------


def _chain(asked: _Asked) -> Chain:
    body = asked.body
    if body.get("analyzer") is not None:
        return _named(asked, str(body["analyzer"]))
    if body.get("normalizer") is not None:
        found = asked.analyzers.normalizer(str(body["normalizer"]))
        if found is None:
            raise asked.missing("normalizer", str(body["normalizer"]))
        return Chain(found, (), "", ())
    filters, char_filters = asked.references("filter"), asked.references("char_filter")
    if body.get("tokenizer") is not None:
        return asked.analyzers.compose(
            "__custom__", asked.references("tokenizer")[0], filters, char_filters, asked.missing
        )
    if filters or char_filters:
        analyzer = asked.analyzers.normalizing("__custom__", filters, char_filters, asked.missing)
        return Chain(analyzer, (), "", ())
    return _of_field(asked) if body.get("field") is not None else _named(asked, "default")


def _named(asked: _Asked, name: str) -> Chain:
    found = asked.analyzers.find(name)
    if found is None:
        raise asked.missing("analyzer", name)
    return asked.analyzers.chain(name) or Chain(found, (), "", ())


def _of_field(asked: _Asked) -> Chain:
    name = str(asked.body["field"])
    if asked.index is None:
        raise illegal_argument("analysis based on a specific field requires an index")
    one = asked.index.mapping.get(name)
    if one is None:
        return _named(asked, "default")
    if one.type not in INVERTED_TYPES:
        raise illegal_argument(
            f"Can't process field [{name}], Analysis requests are only supported on tokenized fields"
        )
    analyzer = asked.analyzers.of_index(one)
    chain = asked.analyzers.chain(analyzer.name)
    return Chain(analyzer, (), "", ()) if chain is None else chain


# --- what it makes ------------------------------------------------------------------------------------------


class _Values:
    """Where the tokens of several values of a field stand: offsets go on after each value, positions leave a gap."""

    def __init__(self, gap: int) -> None:
        self._gap = gap
        self.position = 0
        self.shift = 0

    def placed(self, tokens: Iterable[Token]) -> list[Token]:
        """The tokens of the value, where they stand."""
        return [
            Token(
                t.term,
                t.start_offset + self.shift,
                t.end_offset + self.shift,
                t.position + self.position,
                t.type,
                t.position_length,
                t.keyword,
            )
            for t in tokens
        ]

    def next(self, text: str, taken: int) -> None:
        """Go on to the next value; this one took so many positions."""
        self.position += taken + self._gap
        self.shift += len(text.encode("utf-16-le", "replace")) // 2 + 1


def _analyzed(analyzer: Analyzer, texts: Sequence[str]) -> list[Token]:
    values = _Values(analyzer.position_gap)
    found: list[Token] = []
    for text in texts:
        tokens, taken = analyzer.analyze_with_end(text)
        found += values.placed(tokens)
        values.next(text, taken)
    return found


def _limited(tokens: list[Token], most: int) -> list[Token]:
    if len(tokens) > most:
        raise illegal_argument(
            f"The number of tokens produced by calling _analyze has exceeded the allowed maximum of [{most}]. "
            "This limit can be set by changing the [index.analyze.max_token_count] index level setting."
        )
    return tokens


def _shown(token: Token) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "token": token.term,
        "start_offset": token.start_offset,
        "end_offset": token.end_offset,
        "type": token.type,
        "position": token.position,
    }
    if token.position_length > 1:
        shown["positionLength"] = token.position_length
    return shown


# --- explained ------------------------------------------------------------------------------------------------


def _detail(chain: Chain, texts: Sequence[str], most: int, attributes: Any) -> dict[str, Any]:
    analyzer = chain.analyzer
    wanted = {attributes} if isinstance(attributes, str) else set(attributes or ())
    if not chain.tokenizer:
        tokens = _limited(_analyzed(analyzer, texts), most)
        return {
            "custom_analyzer": False,
            "analyzer": {"name": analyzer.name, "tokens": [_explained(t, wanted) for t in tokens]},
        }
    steps: list[list[Token]] = [[] for _ in range(len(chain.filters) + 1)]
    values = [_Values(POSITION_GAP) for _ in steps]
    filtered: list[list[str]] = [[] for _ in chain.char_filters]
    for text in map(clean, texts):
        cut, before = analyzer.filter_characters(text)
        for i, one in enumerate(before):
            filtered[i].append(one.text)
        stream = Stream(analyzer.tokenizer.words(cut))
        for k in range(len(analyzer.filters) + 1):
            step = k - chain.own  # what the tokenizer brought belongs to it
            if step >= 0:
                steps[step] += values[step].placed(tokens_of(stream, text, before))
                values[step].next(text, sum(w.increment for w in stream.words) + stream.trailing)
            if k < len(analyzer.filters):
                stream = analyzer.filters[k].apply(stream.copy())
    shown = [[_explained(t, wanted) for t in _limited(tokens, most)] for tokens in steps]
    detail: dict[str, Any] = {"custom_analyzer": True}
    if chain.char_filters:
        detail["charfilters"] = [
            {"name": name, "filtered_text": texts} for name, texts in zip(chain.char_filters, filtered, strict=True)
        ]
    detail["tokenizer"] = {"name": chain.tokenizer, "tokens": shown[0]}
    if chain.filters:
        detail["tokenfilters"] = [
            {"name": name, "tokens": tokens} for name, tokens in zip(chain.filters, shown[1:], strict=True)
        ]
    return detail


def _explained(token: Token, attributes: set[str]) -> dict[str, Any]:
    """A token with its attributes; those that are asked for, where some are."""
    shown = _shown(token)
    shown.pop("positionLength", None)
    more = {
        "bytes": f"[{token.term.encode().hex(' ')}]",
        "keyword": token.keyword,
        "positionLength": token.position_length,
        "termFrequency": 1,
    }
    return {**shown, **{k: v for k, v in more.items() if not attributes or k in attributes}}


_PARAMETERS: Final = frozenset({"index", *_IN_PATH})
ROUTES: Sequence[Route] = (
    route("GET POST", "/_analyze", analyze, _PARAMETERS),
    route("GET POST", "/{index}/_analyze", analyze, _PARAMETERS - {"index"}),
)
