"""Query clauses for terms that only resemble what is asked for: fuzzy, regexp, match_phrase_prefix, match_bool_prefix."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.leaves import (
    MATCH_OPTIONS,
    NAMED,
    PHRASE_OPTIONS,
    LeafParser,
    named,
    one_field,
    options_of,
    text_options,
    to_count,
    to_expansions,
)
from pipeline.dsl.values import Read, to_bool, to_int, to_scalar, to_text
from schemas.errors import illegal_argument
from schemas.query import Fuzzy, MatchBoolPrefix, MatchPhrasePrefix, Node, Operator, Regexp

_FUZZY_OPTIONS: Final[Mapping[str, Read]] = {
    **NAMED,
    "value": to_scalar,
    "term": to_scalar,
    "fuzziness": to_text,
    "prefix_length": to_count,
    "max_expansions": to_expansions,
    "transpositions": to_bool,
    "rewrite": to_text,
}
_REGEXP_OPTIONS: Final[Mapping[str, Read]] = {
    **NAMED,
    "value": to_text,
    "flags": to_text,
    "flags_value": to_int,
    "case_insensitive": to_bool,
    "max_determinized_states": to_count,
    "rewrite": to_text,
}
_BOOL_PREFIX_OPTIONS: Final[Mapping[str, Read]] = {
    name: MATCH_OPTIONS[name]
    for name in (
        "boost", "_name", "query", "operator", "minimum_should_match", "analyzer", "fuzziness", "prefix_length", "max_expansions",
        "fuzzy_transpositions", "fuzzy_rewrite",
    )
}  # fmt: skip


def _value(query: str, body: Mapping[str, Any], readers: Mapping[str, Read]) -> tuple[str, dict[str, Any]]:
    field, given = one_field(query, body)
    if not isinstance(given, Mapping):
        given = {"value": given}
    read = options_of(query, {k: v for k, v in given.items() if v is not None}, readers)
    if "value" not in read and "term" not in read:
        raise illegal_argument("value cannot be null")
    return field, read


def _fuzzy(body: Mapping[str, Any]) -> Node:
    field, read = _value("fuzzy", body, _FUZZY_OPTIONS)
    return Fuzzy(
        field=field,
        value=read["value"] if "value" in read else read["term"],
        fuzziness=read.get("fuzziness", "AUTO"),
        prefix_length=read.get("prefix_length", 0),
        max_expansions=read.get("max_expansions", 50),
        transpositions=read.get("transpositions", True),
        **named(read),
    )


def _regexp(body: Mapping[str, Any]) -> Node:
    field, read = _value("regexp", body, _REGEXP_OPTIONS)
    return Regexp(
        field=field,
        pattern=read["value"],
        flags=read.get("flags", "ALL"),
        case_insensitive=read.get("case_insensitive", False),
        max_determinized_states=read.get("max_determinized_states", 10_000),
        **named(read),
    )


def _match_phrase_prefix(body: Mapping[str, Any]) -> Node:
    readers = {**PHRASE_OPTIONS, "max_expansions": to_expansions}
    field, read = text_options("match_phrase_prefix", body, readers)
    return MatchPhrasePrefix(
        field=field,
        text=read["query"],
        slop=read.get("slop", 0),
        max_expansions=read.get("max_expansions", 50),
        analyzer=read.get("analyzer"),
        zero_terms_all=read.get("zero_terms_query", False),
        **named(read),
    )


def _match_bool_prefix(body: Mapping[str, Any]) -> Node:
    field, read = text_options("match_bool_prefix", body, _BOOL_PREFIX_OPTIONS)
    return MatchBoolPrefix(
        field=field,
        text=read["query"],
        operator=read.get("operator", Operator.OR),
        minimum_should_match=read.get("minimum_should_match"),
        analyzer=read.get("analyzer"),
        fuzziness=read.get("fuzziness"),
        prefix_length=read.get("prefix_length", 0),
        max_expansions=read.get("max_expansions", 50),
        transpositions=read.get("fuzzy_transpositions", True),
        **named(read),
    )


LIKENESS: Final[Mapping[str, LeafParser]] = {
    "fuzzy": _fuzzy,
    "match_bool_prefix": _match_bool_prefix,
    "match_phrase_prefix": _match_phrase_prefix,
    "regexp": _regexp,
}
