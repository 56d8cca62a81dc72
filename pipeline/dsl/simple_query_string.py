r"""``simple_query_string``: a text that people type, which is never wrong.

    +  both sides must match     |  either side            -  must not match        "a b"~2  a phrase, with slop
    word*  begins so             word~1  like this         ( )  precedence          \  takes the next character as it is

Operators of equal rank are combined from the left, as Lucene's SimpleQueryParser does: where ``+`` follows ``|`` what stands before
becomes one clause. A negated clause is "everything but it" and scores 1, as there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pipeline.dsl.leaves import NAMED, named, options_of, to_count, to_expansions, to_fields, to_operator
from pipeline.dsl.values import is_array, is_scalar, parsing, to_bool, to_text, token
from schemas.errors import illegal_argument, invalid
from schemas.limits import CLAUSES_MAX, QUERY_DEPTH_MAX
from schemas.query import AcrossFields, Bool, Fuzzy, MatchAll, MatchNone, MultiMatch, Node, Operator, Prefix

_FLAGS: Final = frozenset(
    "AND OR NOT PREFIX PHRASE PRECEDENCE ESCAPE WHITESPACE FUZZY NEAR SLOP".split()  # noqa: SIM905  as they are written
)
_OPTIONS: Final = {
    **NAMED, "query": to_text, "flags": to_text, "default_operator": to_operator, "analyzer": to_text, "lenient": to_bool,
    "minimum_should_match": to_text, "analyze_wildcard": to_bool, "quote_field_suffix": to_text,
    "auto_generate_synonyms_phrase_query": to_bool, "fuzzy_prefix_length": to_count, "fuzzy_max_expansions": to_expansions,
    "fuzzy_transpositions": to_bool,
}  # fmt: skip


def _flags(text: str) -> frozenset[str]:
    names = set(text.upper().split("|")) - {""}
    if not names or "ALL" in names:
        return _FLAGS
    unknown = names - _FLAGS - {"NONE"}
    if unknown:
        raise illegal_argument(f"Unknown simple_query_string flag [{min(unknown)}]")
    return frozenset(names - {"NONE"})


def parse_simple_query_string(body: Mapping[str, Any]) -> Node:
    """The node of a ``simple_query_string`` clause."""
    fields = body.get("fields")
    if fields is not None and not is_array(fields) and not is_scalar(fields):
        raise parsing(f"[simple_query_string] unknown token [{token(fields)}] after [fields]")
    rest = {name: value for name, value in body.items() if name != "fields"}
    read = options_of("simple_query_string", rest, _OPTIONS)
    if "query" not in read:
        raise parsing("[simple_query_string] query text missing")
    paths = to_fields("fields", fields) if fields else ()
    parser = _Parser(
        read["query"], paths or (("*", 1.0),), read, _flags(read.get("flags", "ALL")), by_default=not paths
    )
    node = parser.whole()
    minimum = read.get("minimum_should_match")
    if minimum is not None and isinstance(node, Bool):
        node = replace(node, minimum_should_match=minimum)
    return Bool(must=(node,), **named(read))


@dataclass(slots=True)
class _State:
    """What is known at one level of parentheses."""

    top: Node | None = None
    current: Operator | None = None
    previous: Operator | None = None
    negations: int = 0


@dataclass(slots=True)
class _Parser:
    text: str
    fields: Sequence[tuple[str, float]]
    options: Mapping[str, Any]
    flags: frozenset[str]
    by_default: bool = False
    at: int = 0
    clauses: int = 0
    default: Operator = field(init=False)

    def __post_init__(self) -> None:
        self.default = self.options.get("default_operator", Operator.OR)

    def whole(self) -> Node:
        """The tree of the whole text."""
        if self.text.strip() == "*":
            return MatchAll()
        return self._level(len(self.text), 0) or MatchNone()

    def _level(self, end: int, depth: int) -> Node | None:
        if depth > QUERY_DEPTH_MAX:
            raise illegal_argument(f"The query is nested more than [{QUERY_DEPTH_MAX}] clauses deep: flatten it")
        state = _State()
        while self.at < end:
            self._step(state, end, depth)
        return state.top

    def _step(self, state: _State, end: int, depth: int) -> None:
        character = self.text[self.at]
        if character == "(" and "PRECEDENCE" in self.flags:
            self._group(state, end, depth)
        elif character == ")" and "PRECEDENCE" in self.flags:
            self.at += 1  # one that closes nothing
        elif character == '"' and "PHRASE" in self.flags:
            self._phrase(state, end)
        elif character in "+|" and ("AND" if character == "+" else "OR") in self.flags:
            if state.current is None and state.top is not None:
                state.current = Operator.AND if character == "+" else Operator.OR
            self.at += 1
        elif character == "-" and "NOT" in self.flags:
            state.negations += 1
            self.at += 1
        elif character in " \t\n\r" and "WHITESPACE" in self.flags:
            state.negations = 0
            self.at += 1
        else:
            self._word(state, end)

    def _group(self, state: _State, end: int, depth: int) -> None:
        """What stands in parentheses; one that is not closed is passed over."""
        begin = self.at = self.at + 1
        open_ones, escaped = 1, False
        for i in range(begin, end):
            character = self.text[i]
            if escaped or character == "\\":
                escaped = not escaped
                continue
            open_ones += {"(": 1, ")": -1}.get(character, 0)
            if open_ones == 0:
                outer = (state.negations,)
                node = self._level(i, depth + 1)
                (state.negations,) = outer
                self.at = i + 1
                self._add(state, node)
                return

    def _phrase(self, state: _State, end: int) -> None:
        begin = self.at = self.at + 1
        close = self.text.find('"', begin, end)
        while close > 0 and self.text[close - 1] == "\\" and close > begin:
            close = self.text.find('"', close + 1, end)
        if close < 0:
            return
        text = self._plain(self.text[begin:close])
        self.at = close + 1
        slop = self._number("SLOP") or 0
        if text.strip():
            self._add(state, self._texts(text, "phrase", 0.0, slop=slop))

    def _number(self, flag: str) -> int | None:
        """What follows a ~: its number, 2 where none stands there; None where there is no ~."""
        if flag not in self.flags or not self.text.startswith("~", self.at):
            return None
        begin = self.at = self.at + 1
        while self.at < len(self.text) and self.text[self.at] in "0123456789":
            self.at += 1
        digits = self.text[begin : min(self.at, begin + 6)]
        return int(digits) if digits else 2

    def _plain(self, text: str) -> str:
        if "ESCAPE" not in self.flags or "\\" not in text:
            return text
        out, escaped = [], False
        for character in text:
            if character == "\\" and not escaped:
                escaped = True
                continue
            out.append(character)
            escaped = False
        return "".join(out)

    def _word(self, state: _State, end: int) -> None:
        begin = self.at
        while self.at < end and not self._ends(begin):
            self.at += 2 if self.text[self.at] == "\\" and "ESCAPE" in self.flags else 1
        self.at = min(self.at, end)
        raw = self.text[begin : self.at]
        edits = self._number("FUZZY") if self.at > begin else None
        if self.at == begin:
            self.at += 1
            return
        text = self._plain(raw)
        if edits is not None and edits > 0:
            self._add(state, self._fuzzy(text, min(edits, 2)))
        elif raw.endswith("*") and not raw.endswith("\\*") and len(raw) > 1 and "PREFIX" in self.flags:
            self._add(
                state,
                AcrossFields(
                    fields=self.fields,
                    query=Prefix(field="", value=text[:-1], as_text=True),
                    tie_breaker=1.0,
                    by_default=self.by_default,
                ),
            )
        else:
            self._add(state, self._texts(text, "most_fields", 1.0))

    def _ends(self, begin: int) -> bool:
        character = self.text[self.at]
        if character == "~":
            return "FUZZY" in self.flags and self.at > begin
        flag = {'"': "PHRASE", "|": "OR", "+": "AND", "(": "PRECEDENCE", ")": "PRECEDENCE"}.get(character)
        return flag in self.flags or (character in " \t\n\r" and "WHITESPACE" in self.flags)

    def _texts(self, text: str, kind: str, tie_breaker: float, *, slop: int = 0) -> Node:
        return MultiMatch(
            fields=self.fields, text=text, type=kind, tie_breaker=tie_breaker, slop=slop, analyzer=self.options.get("analyzer"),
            lenient=self.options.get("lenient", self.fields == (("*", 1.0),)), by_default=self.by_default,
        )  # fmt: skip

    def _fuzzy(self, text: str, edits: int) -> Node:
        fuzzy = Fuzzy(
            field="", value=text, as_text=True, fuzziness=str(edits), prefix_length=self.options.get("fuzzy_prefix_length", 0),
            max_expansions=self.options.get("fuzzy_max_expansions", 50),
            transpositions=self.options.get("fuzzy_transpositions", True),
        )  # fmt: skip
        return AcrossFields(fields=self.fields, query=fuzzy, tie_breaker=1.0, by_default=self.by_default)

    def _add(self, state: _State, branch: Node | None) -> None:
        """Lucene's buildQueryTree."""
        negated, state.negations = state.negations % 2 == 1, 0
        if branch is None:
            state.current = None
            return
        self.clauses += 1
        if self.clauses > CLAUSES_MAX:
            raise invalid("too_many_clauses", f"maxClauseCount is set to {CLAUSES_MAX}")
        if negated:
            branch = Bool(must_not=(branch,), should=(MatchAll(),))
        if state.top is None:
            state.top = branch
        else:
            operator = state.current or self.default
            if state.previous is not operator:
                state.top = _bool_of(operator, (state.top,))
            before = state.top.must if operator is Operator.AND else state.top.should  # type: ignore[attr-defined]
            state.top = _bool_of(operator, (*before, branch))
            state.previous = operator
        state.current = None


def _bool_of(operator: Operator, clauses: tuple[Node, ...]) -> Bool:
    return Bool(must=clauses) if operator is Operator.AND else Bool(should=clauses)
