"""The URL's ``q``: words, ``"phrases"``, ``field:word``, ``pre*``, AND OR NOT + - ( ), boosts.

Grammar (Lucene's classic query parser, the part people type):

    query  := clause*                       joined by the default operator, AND, OR
    clause := [+ | - | NOT] [field:] ( "phrase"[~slop] | ( query ) | word ) [^boost]

``+``/AND make a clause required, ``-``/NOT forbid it; ``*`` alone is every document,
``_exists_:f`` and ``f:*`` are the documents with the field. ``[a TO b]`` and ``{a TO b}`` are ranges.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.values import shown, to_boost
from schemas.errors import SedimentError, invalid
from schemas.limits import CLAUSES_MAX, QUERY_DEPTH_MAX
from schemas.query import (
    Bool,
    Exists,
    Match,
    MatchAll,
    MatchPhrase,
    MultiMatch,
    Node,
    Operator,
    Range,
    Wildcard,
)

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<range>[\[{]\s*(?P<low>"[^"]*"|[^\s\]}"]+)\s+TO\s+(?P<high>"[^"]*"|[^\s\]}"]+)\s*[\]}])
      | (?P<phrase>"(?:[^"\\]|\\.)*")(?:~(?P<slop>\d{1,6}))?
      | (?P<boost>\^[0-9.]{1,20})
      | (?P<mark>\(|\)|\+|-|!|&&|\|\|)
      | (?P<field>(?:[^\s:()"\[\]{}^+!\\-]|\\.)(?:[^\s:()"\[\]{}^\\]|\\.)*):
      | (?P<word>(?:[^\s:()"\[\]{}^\\]|\\.)+)
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)")
_JOINS: Final = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR"}
_NOTS: Final = ("-", "!", "NOT")


def parse_url_query(parameters: Mapping[str, str]) -> Node:
    """``q`` with ``df``, ``default_operator``, ``analyzer``, ``lenient`` as a query."""
    default = parameters.get("df", "")
    operator = parameters.get("default_operator", "or").lower()
    if operator not in {"and", "or"}:
        raise _failed(parameters["q"])
    tokens = _tokens(parameters["q"])
    parser = _Parser(parameters["q"], tokens, Operator(operator), parameters.get("analyzer") or None)
    return parser.whole(default)


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

    def __init__(self, text: str, tokens: list[re.Match[str]], operator: Operator, analyzer: str | None) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.operator = operator
        self.analyzer = analyzer
        self.clauses = 0

    def whole(self, field: str) -> Node:
        node = self._clauses(field, 0)
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
        if self.clauses > CLAUSES_MAX or self.at >= len(self.tokens):
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
        if found["range"]:
            return _range(field, found)
        if found["phrase"]:
            text = _plain(found["phrase"][1:-1])
            slop = int(found["slop"] or 0)
            if not field or field == "*":
                return MultiMatch(
                    fields=(("*", 1.0),), text=text, type="phrase", slop=slop, lenient=True, analyzer=self.analyzer
                )
            return MatchPhrase(field=field, text=text, slop=slop, analyzer=self.analyzer)
        return self._word(field, found["word"])

    def _word(self, field: str, word: str) -> Node:
        if word == "*" and field in {"", "*"}:
            return MatchAll()
        if field == "_exists_" or word == "*":
            return Exists(field=field if word == "*" else _plain(word))
        text, how = _plain(word), {"operator": self.operator, "analyzer": self.analyzer}
        if not field or field == "*":
            return MultiMatch(fields=(("*", 1.0),), text=text, lenient=True, **how)  # type: ignore[arg-type]
        if "*" in word or "?" in word:
            return Wildcard(field=field, pattern=word)
        return Match(field=field, text=text, lenient=True, **how)  # type: ignore[arg-type]


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
