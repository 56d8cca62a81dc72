"""The URL's ``q`` and ``query_string``: words, ``"phrases"``, ``field:word``, ``pre*``, AND OR NOT + - ( ), boosts.

Grammar (Lucene's classic query parser, the part people type):

    query  := clause*                       joined by the default operator, AND, OR
    clause := [+ | - | NOT] [field:] ( "phrase"[~slop] | ( query ) | word[~edits] | /regexp/ ) [^boost]

``+``/AND make a clause required, ``-``/NOT forbid it; ``*`` alone is every document,
``_exists_:f`` and ``f:*`` are the documents with the field. ``[a TO b]``, ``{a TO b}`` and ``f:>=a`` are ranges.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pipeline.dsl.leaves import (
    NAMED,
    field_with_boost,
    multi_match_type,
    named,
    options_of,
    to_count,
    to_expansions,
    to_fields,
    to_operator,
)
from pipeline.dsl.values import (
    Read,
    is_array,
    is_scalar,
    parsing,
    shown,
    to_bool,
    to_boost,
    to_float,
    to_int,
    to_text,
    token,
)
from schemas.errors import SedimentError, invalid
from schemas.limits import CLAUSES_MAX, QUERY_DEPTH_MAX
from schemas.query import (
    AcrossFields,
    Bool,
    Exists,
    Fuzzy,
    Match,
    MatchAll,
    MatchPhrase,
    MultiMatch,
    Node,
    Operator,
    Prefix,
    Range,
    Regexp,
    Wildcard,
)

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<range>[\[{]\s*(?P<low>"[^"]*"|[^\s\]}"]+)\s+TO\s+(?P<high>"[^"]*"|[^\s\]}"]+)\s*[\]}])
      | (?P<phrase>"(?:[^"\\]|\\.)*")(?:~(?P<slop>\d{1,6}))?
      | /(?P<regexp>(?:[^/\\]|\\.)*)/
      | (?P<boost>\^[0-9.]{1,20})
      | (?P<mark>\(|\)|\+|-|!|&&|\|\|)
      | (?P<field>(?:[^\s:()"\[\]{}^+!\\-]|\\.)(?:[^\s:()"\[\]{}^\\]|\\.)*):
      | (?P<word>(?:[^\s:()"\[\]{}^\\]|\\.)+)
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)")
_JOINS: Final = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR"}
_FUZZY: Final = re.compile(r"((?:[^\\~]|\\.)+)~([0-9]?(?:\.[0-9]{1,6})?)", re.DOTALL)
_SPECIAL: Final = re.compile(r"(?:^|[^\\])(?:\\\\)*()[*?]")
_COMPARISONS: Final = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_NOTS: Final = ("-", "!", "NOT")


Fields = tuple[tuple[str, float], ...]
EVERY_FIELD: Final[Fields] = (("*", 1.0),)
_OPTIONS: Final[Mapping[str, Read]] = {
    **NAMED, "query": to_text, "default_field": to_text, "default_operator": to_operator, "analyzer": to_text,
    "quote_analyzer": to_text, "type": multi_match_type, "lenient": to_bool, "phrase_slop": to_count, "fuzziness": to_text,
    "fuzzy_prefix_length": to_count, "fuzzy_max_expansions": to_expansions, "fuzzy_transpositions": to_bool,
    "fuzzy_rewrite": to_text, "minimum_should_match": to_text, "tie_breaker": to_float, "analyze_wildcard": to_bool,
    "allow_leading_wildcard": to_bool, "auto_generate_synonyms_phrase_query": to_bool, "enable_position_increments": to_bool,
    "escape": to_bool, "max_determinized_states": to_int, "quote_field_suffix": to_text, "rewrite": to_text, "time_zone": to_text,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """What applies to every word of a text."""

    fields: Fields
    operator: Operator = Operator.OR
    analyzer: str | None = None
    lenient: bool = True
    type: str = "best_fields"
    tie_breaker: float = 0.0
    phrase_slop: int = 0
    fuzziness: str = "AUTO"
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True
    leading_wildcard: bool = True
    by_default: bool = False


def parse_url_query(parameters: Mapping[str, str]) -> Node:
    """``q`` with ``df``, ``default_operator``, ``analyzer``, ``lenient`` as a query. Without a default field values of another type
    than their field's match nothing rather than being errors, as in OpenSearch.
    """
    default = parameters.get("df", "")
    operator = parameters.get("default_operator", "or").lower()
    if operator not in {"and", "or"}:
        raise _failed(parameters["q"])
    fields = (field_with_boost(default),) if default else EVERY_FIELD
    lenient = to_bool("lenient", parameters["lenient"]) if parameters.get("lenient") else fields == EVERY_FIELD
    how = _How(
        fields=fields, operator=Operator(operator), analyzer=parameters.get("analyzer") or None, lenient=lenient,
        by_default=not default,
    )  # fmt: skip
    return _Parser(parameters["q"], _tokens(parameters["q"]), how).whole()


def parse_query_string(body: Mapping[str, Any]) -> Node:
    """The node of a ``query_string`` clause."""
    fields = body.get("fields")
    if fields is not None and not is_array(fields) and not is_scalar(fields):
        raise parsing(f"[query_string] unknown token [{token(fields)}] after [fields]")
    read = options_of("query_string", {k: v for k, v in body.items() if k != "fields"}, _OPTIONS)
    if "query" not in read:
        raise parsing("[query_string] must be provided with a [query]")
    if fields and "default_field" in read:
        raise parsing("cannot use [fields] parameter in conjunction with [default_field]")
    paths = to_fields("fields", fields or read.get("default_field") or "*")
    how = _How(
        fields=paths, operator=read.get("default_operator", Operator.OR), analyzer=read.get("analyzer"),
        lenient=read.get("lenient", paths == EVERY_FIELD), type=read.get("type", "best_fields"),
        tie_breaker=read.get("tie_breaker", 1.0 if read.get("type") == "most_fields" else 0.0),
        phrase_slop=read.get("phrase_slop", 0), fuzziness=read.get("fuzziness", "AUTO"),
        prefix_length=read.get("fuzzy_prefix_length", 0), max_expansions=read.get("fuzzy_max_expansions", 50),
        transpositions=read.get("fuzzy_transpositions", True), leading_wildcard=read.get("allow_leading_wildcard", True),
        by_default=not fields and not read.get("default_field"),
    )  # fmt: skip
    text = re.sub(r'([-+!(){}\[\]^"~*?:\\/&|=<>])', r"\\\1", read["query"]) if read.get("escape") else read["query"]
    node = _Parser(text, _tokens(text), how).whole()
    minimum = read.get("minimum_should_match")
    if minimum is not None and isinstance(node, Bool) and node.should:
        node = replace(node, minimum_should_match=minimum)
    return Bool(must=(node,), **named(read))


def _failed(text: str) -> SedimentError:
    return invalid("query_shard", f"Failed to parse query [{shown(text)}]")


def _tokens(text: str) -> list[re.Match[str]]:
    tokens: list[re.Match[str]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at or len(tokens) > 8 * CLAUSES_MAX:
            raise _failed(text)
        tokens.append(found)
        at = found.end()
    return tokens


def _plain(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, tokens: list[re.Match[str]], how: _How) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.how = how
        self.operator = how.operator
        self.clauses = 0

    def whole(self) -> Node:
        node = self._clauses("", 0)
        if self.at < len(self.tokens):
            raise _failed(self.text)
        return node

    def _peek(self, *marks: str) -> bool:
        if self.at >= len(self.tokens):
            return False
        found = self.tokens[self.at]
        return (found["mark"] or found["word"]) in marks

    def _take(self, *marks: str) -> str:
        if not self._peek(*marks):
            return ""
        found = self.tokens[self.at]
        self.at += 1
        return found["mark"] or found["word"]

    def _clauses(self, field: str, depth: int) -> Node:
        if depth >= QUERY_DEPTH_MAX:
            raise _failed(self.text)
        nodes: list[tuple[str, Node]] = []  # how it occurs ("+", "-", ""), the clause
        while self.at < len(self.tokens) and not self._peek(")"):
            join = _JOINS.get(self._take(*_JOINS), "")
            if join and not nodes:
                raise _failed(self.text)
            if join == "AND" and not nodes[-1][0]:
                nodes[-1] = ("+", nodes[-1][1])
            if join == "OR" and self.operator is Operator.AND and nodes[-1][0] == "+":
                nodes[-1] = ("", nodes[-1][1])
            occurs = self._take("+", *_NOTS)
            occurs = "-" if occurs in _NOTS else occurs
            required = join == "AND" or (self.operator is Operator.AND and join != "OR")
            nodes.append((occurs or ("+" if required else ""), self._clause(field, depth)))
        return _combined(nodes)

    def _clause(self, field: str, depth: int) -> Node:
        self.clauses += 1
        if self.clauses > CLAUSES_MAX:
            raise invalid("too_many_clauses", f"maxClauseCount is set to {CLAUSES_MAX}")
        if self.at >= len(self.tokens):
            raise _failed(self.text)
        found = self.tokens[self.at]
        self.at += 1
        if found["field"]:
            if self.at < len(self.tokens) and self.tokens[self.at]["field"]:
                raise _failed(self.text)  # a:b:c
            return self._clause(_plain(found["field"]), depth)
        if found["mark"] == "(":
            node = self._clauses(field, depth + 1)
            if not self._take(")"):
                raise _failed(self.text)
        elif found["mark"] or found["boost"]:
            raise _failed(self.text)
        else:
            node = self._leaf(field, found)
        if self.at < len(self.tokens) and self.tokens[self.at]["boost"]:
            node = _boosted(node, self.tokens[self.at]["boost"][1:])
            self.at += 1
        return node

    def _leaf(self, field: str, found: re.Match[str]) -> Node:
        fields = ((field, 1.0),) if field and field != "*" else self.how.fields
        if found["range"]:
            return _range(fields[0][0] if len(fields) == 1 and fields != EVERY_FIELD else "", found)
        if found["phrase"]:
            slop = int(found["slop"] or self.how.phrase_slop)
            return self._text(fields, _plain(found["phrase"][1:-1]), "phrase", slop)
        if found["regexp"] is not None:
            return self._each(fields, Regexp(field="", pattern=found["regexp"], as_text=True))
        if field and found["word"][0] in "<>":
            return self._comparison(field, found["word"])
        return self._word(field, fields, found["word"])

    def _comparison(self, field: str, word: str) -> Node:
        """``f:>3``, ``f:<= "2020-01-01"``: the value may be a token of its own."""
        mark = word[: 2 if word[1:2] == "=" else 1]
        value = _plain(word[len(mark) :])
        if not value and self.at < len(self.tokens):
            found = self.tokens[self.at]
            value = _plain(found["phrase"][1:-1] if found["phrase"] else found["word"] or "")
            self.at += 1
        if not value:
            raise _failed(self.text)
        ends: dict[str, Any] = {_COMPARISONS[mark]: value}
        return Range(field=field, **ends)

    def _each(self, fields: Fields, node: Node) -> Node:
        if len(fields) == 1 and fields[0][1] == 1.0 and "*" not in fields[0][0]:
            return replace(node, field=fields[0][0])  # type: ignore[call-arg]
        default = self.how.by_default and fields is self.how.fields
        return AcrossFields(fields=fields, query=node, tie_breaker=self.how.tie_breaker, by_default=default)

    def _text(self, fields: Fields, text: str, kind: str, slop: int = 0) -> Node:
        how = self.how
        if len(fields) == 1 and fields[0][1] == 1.0 and "*" not in fields[0][0]:
            if kind == "phrase":
                return MatchPhrase(field=fields[0][0], text=text, slop=slop, analyzer=how.analyzer)
            return Match(
                field=fields[0][0], text=text, operator=how.operator, analyzer=how.analyzer, lenient=how.lenient
            )
        return MultiMatch(
            fields=fields, text=text, type=kind, slop=slop, operator=how.operator, analyzer=how.analyzer, lenient=how.lenient,
            tie_breaker=how.tie_breaker, by_default=how.by_default and fields is how.fields,
        )  # fmt: skip

    def _word(self, field: str, fields: Fields, word: str) -> Node:
        if word == "*" and field in {"", "*"}:
            return MatchAll()
        if field == "_exists_" or word == "*":
            return Exists(field=field if word == "*" else _plain(word))
        fuzzy = _FUZZY.fullmatch(word)
        if fuzzy is not None:
            node = Fuzzy(
                field="", value=_plain(fuzzy[1]), as_text=True, fuzziness=_edits(fuzzy[2]) or self.how.fuzziness,
                prefix_length=self.how.prefix_length, max_expansions=self.how.max_expansions, transpositions=self.how.transpositions,
            )  # fmt: skip
            return self._each(fields, node)
        special = _SPECIAL.search(word)
        if special is None:
            return self._text(fields, _plain(word), self.how.type)
        if word[0] in "*?" and not self.how.leading_wildcard:
            raise _failed(self.text)
        if special.start(1) == len(word) - 1 and word[-1] == "*":
            return self._each(fields, Prefix(field="", value=_plain(word[:-1]), as_text=True))
        return self._each(fields, Wildcard(field="", pattern=word, as_text=True))


def _edits(number: str) -> str:
    """``~1``, ``~2``; a share of the length (``~0.8``) means as many as are allowed, as in Lucene."""
    if not number:
        return ""
    return str(min(2, int(float(number)))) if float(number) >= 1 else "2"


def _range(field: str, found: re.Match[str]) -> Node:
    if not field:
        raise _failed(found[0])
    low, high = (None if found[x] == "*" else found[x].strip('"') for x in ("low", "high"))
    text = found["range"]
    ends: dict[str, Any] = {"gte" if text[0] == "[" else "gt": low}
    ends["lte" if text[-1] == "]" else "lt"] = high
    return Range(field=field, **ends)


def _boosted(node: Node, boost: str) -> Node:
    value = to_boost("boost", boost)
    return Bool(must=(node,), boost=value)


def _combined(nodes: list[tuple[str, Node]]) -> Node:
    if not nodes:
        return MatchAll()
    if len(nodes) == 1 and nodes[0][0] != "-":
        return nodes[0][1]
    by: dict[str, list[Node]] = {"+": [], "-": [], "": []}
    for occurs, node in nodes:
        by[occurs].append(node)
    return Bool(must=tuple(by["+"]), must_not=tuple(by["-"]), should=tuple(by[""]))
