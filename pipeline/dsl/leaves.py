"""Query clauses without clauses in them: match, term, range, exists, ids and their kin.

Each parser takes what stands after the clause's name (a JSON object) and returns a node. The
wording of errors is Elasticsearch's, clause by clause.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pipeline.dsl.values import (
    Read,
    is_array,
    is_scalar,
    parsing,
    read_object,
    shown,
    to_bool,
    to_boost,
    to_float,
    to_int,
    to_scalar,
    to_text,
    to_texts,
    token,
)
from schemas.errors import illegal_argument, invalid
from schemas.limits import CLAUSES_MAX, TERMS_QUERY_MAX
from schemas.query import (
    Exists,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    MultiMatch,
    Node,
    Operator,
    Prefix,
    Range,
    Term,
    Terms,
    Wildcard,
)

LeafParser = Callable[[Mapping[str, Any]], Node]
NAMED: Final[Mapping[str, Read]] = {"boost": to_boost, "_name": to_text}
_BOUNDS: Final = ("from", "to", "gt", "gte", "lt", "lte", "include_lower", "include_upper")
_PATTERN_OPTIONS: Final = {**NAMED, "case_insensitive": to_bool, "rewrite": to_text}


def options_of(query: str, body: Mapping[str, Any], readers: Mapping[str, Read]) -> dict[str, Any]:
    """The options of a clause by their readers: unknown names and values with parts are refused."""
    read = {}
    for name, value in body.items():
        if name not in readers:
            raise parsing(f"[{query}] query does not support [{shown(name)}]")
        if not is_scalar(value):
            raise parsing(f"[{query}] unknown token [{token(value)}] after [{name}]")
        read[name] = readers[name](name, value)
    return read


def named(read: Mapping[str, Any]) -> dict[str, Any]:
    """``boost`` and ``_name`` as arguments of a node."""
    return {"boost": read.get("boost", 1.0), "name": read.get("_name", "")}


def one_field(query: str, body: Mapping[str, Any]) -> tuple[str, Any]:
    """The clause's only field and what is said of it."""
    if len(body) > 1:
        first, second = list(body)[:2]
        raise parsing(f"[{query}] query doesn't support multiple fields, found [{shown(first)}] and [{shown(second)}]")
    for name, value in body.items():
        if not name:
            raise illegal_argument("field name is null or empty")
        return name, value
    raise illegal_argument(f"[{query}] requires fieldName")


def to_operator(name: str, value: Any) -> Operator:
    """``and`` or ``or``."""
    word = to_text(name, value)
    try:
        return Operator(word.lower())
    except ValueError:
        raise illegal_argument(f"No enum constant org.opensearch.index.query.Operator.{shown(word).upper()}") from None


def _zero_terms(name: str, value: Any) -> bool:
    word = to_text(name, value).lower()
    if word not in {"none", "all"}:
        raise parsing(f"Unsupported zero_terms_query value [{shown(value)}]")
    return word == "all"


def to_count(name: str, value: Any) -> int:
    """A whole number, not negative."""
    count = to_int(name, value)
    if count < 0:
        raise illegal_argument(f"[{name}] requires a non-negative value but was [{count}]")
    return count


def to_expansions(name: str, value: Any) -> int:
    """A whole number above 0."""
    count = to_int(name, value)
    if count <= 0:
        raise illegal_argument(f"[{name}] needs to be positive number but was [{count}]")
    return count


MATCH_OPTIONS: Final[Mapping[str, Read]] = {
    **NAMED,
    "query": to_scalar,
    "operator": to_operator,
    "minimum_should_match": to_text,
    "analyzer": to_text,
    "zero_terms_query": _zero_terms,
    "lenient": to_bool,
    "fuzziness": to_text,
    "prefix_length": to_count,
    "max_expansions": to_expansions,
    "fuzzy_rewrite": to_text,
    "fuzzy_transpositions": to_bool,
    "cutoff_frequency": to_float,
    "auto_generate_synonyms_phrase_query": to_bool,
}
PHRASE_OPTIONS: Final[Mapping[str, Read]] = {
    **NAMED,
    "query": to_scalar,
    "slop": to_count,
    "analyzer": to_text,
    "zero_terms_query": _zero_terms,
}


def text_options(query: str, body: Mapping[str, Any], readers: Mapping[str, Read]) -> tuple[str, dict[str, Any]]:
    """The field and the options of a clause about a text, which is there."""
    field, given = one_field(query, body) if body else ("", None)
    if isinstance(given, Mapping):
        read = options_of(query, given, readers)
    elif is_scalar(given):
        read = {"query": to_scalar(field, given)}
    elif given is None:
        read = {}
    else:
        raise parsing(f"[{query}] unknown token [{token(given)}] after [{shown(field)}]")
    if "query" not in read:
        raise parsing("No text specified for text query")
    return field, read


def _match(body: Mapping[str, Any]) -> Node:
    field, read = text_options("match", body, MATCH_OPTIONS)
    return Match(
        field=field,
        text=read["query"],
        operator=read.get("operator", Operator.OR),
        minimum_should_match=read.get("minimum_should_match"),
        analyzer=read.get("analyzer"),
        zero_terms_all=read.get("zero_terms_query", False),
        lenient=read.get("lenient", False),
        fuzziness=read.get("fuzziness"),
        prefix_length=read.get("prefix_length", 0),
        max_expansions=read.get("max_expansions", 50),
        transpositions=read.get("fuzzy_transpositions", True),
        **named(read),
    )


def _match_phrase(body: Mapping[str, Any]) -> Node:
    field, read = text_options("match_phrase", body, PHRASE_OPTIONS)
    return MatchPhrase(
        field=field,
        text=read["query"],
        slop=read.get("slop", 0),
        analyzer=read.get("analyzer"),
        zero_terms_all=read.get("zero_terms_query", False),
        **named(read),
    )


def _match_all(body: Mapping[str, Any]) -> Node:
    return MatchAll(**named(read_object("match_all", body, NAMED)))


def _match_none(body: Mapping[str, Any]) -> Node:
    return MatchNone(**named(read_object("match_none", body, NAMED)))


def _term(body: Mapping[str, Any]) -> Node:
    field, given = one_field("term", body)
    if is_array(given):
        raise parsing("[term] query does not support array of values")
    if not isinstance(given, Mapping):
        given = {"value": given}
    readers = {**NAMED, "value": to_scalar, "term": to_scalar, "case_insensitive": to_bool}
    read = options_of("term", _without_nulls(given), readers)
    value = read.get("value", read.get("term"))
    if value is None:
        raise illegal_argument("value cannot be null")
    return Term(
        field=field,
        value=value,
        case_insensitive=read.get("case_insensitive", False),
        **named(read),
    )


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _terms(body: Mapping[str, Any]) -> Node:
    field, values = "", None
    options: dict[str, Any] = {}
    for name, value in body.items():
        if is_array(value):
            if values is not None:
                raise parsing("[terms] query does not support multiple fields")
            field, values = name, _term_values(value)
        elif isinstance(value, Mapping):
            raise parsing(f"[terms] query does not support a lookup [{shown(name)}]: give the terms as an array")
        else:
            options |= options_of("terms", {name: value}, {**NAMED, "value_type": to_text})
    if values is None:
        raise parsing(
            "[terms] query requires a field name, followed by array of terms or a document lookup specification"
        )
    if not field:
        raise illegal_argument("field name cannot be null.")
    return Terms(field=field, values=values, **named(options))


def _term_values(given: Sequence[Any]) -> tuple[Any, ...]:
    if len(given) > TERMS_QUERY_MAX:
        raise illegal_argument(
            f"The number of terms [{len(given)}] used in the Terms Query request has exceeded the "
            f"allowed maximum of [{TERMS_QUERY_MAX}]. This maximum can be set by changing the "
            "[index.max_terms_count] index level setting."
        )
    if any(one is None for one in given):
        raise parsing("No value specified for terms query")
    return tuple(to_scalar("terms", one) for one in given)


def _bound(name: str, value: Any) -> Any:
    return None if value is None else to_scalar(name, value)


def _relation(name: str, value: Any) -> str:
    word = to_text(name, value).lower()
    if word not in {"within", "contains", "intersects"}:
        raise illegal_argument(f"{shown(value)} is not a valid relation")
    return word


def _range(body: Mapping[str, Any]) -> Node:
    outer = {k: v for k, v in body.items() if k in {"_name", "boost"} and is_scalar(v)}
    field, given = one_field("range", {k: v for k, v in body.items() if k not in outer})
    if not isinstance(given, Mapping):
        raise parsing(f"[range] query does not support [{shown(field)}]")
    bounds = {k: v for k, v in given.items() if k in _BOUNDS}
    readers = {**NAMED, "format": to_text, "time_zone": to_text, "relation": _relation}
    rest = {k: v for k, v in given.items() if k not in _BOUNDS}
    read = options_of("range", outer, NAMED) | options_of("range", rest, readers)
    return Range(
        field=field,
        format=read.get("format", ""),
        time_zone=read.get("time_zone", ""),
        **_range_bounds(bounds),
        **named(read),
    )


def _range_bounds(given: Mapping[str, Any]) -> dict[str, Any]:
    """The bounds in the order they stand: the last word on an end counts."""
    low: Any = None
    high: Any = None
    with_low = with_high = True
    for name, value in given.items():
        match name:
            case "include_lower":
                with_low = to_bool(name, value)
            case "include_upper":
                with_high = to_bool(name, value)
            case "from":
                low = _bound(name, value)
            case "to":
                high = _bound(name, value)
            case "gt" | "gte":
                low, with_low = _bound(name, value), name == "gte"
            case _:
                high, with_high = _bound(name, value), name == "lte"
    return {"gte" if with_low else "gt": low, "lte" if with_high else "lt": high}


def _exists(body: Mapping[str, Any]) -> Node:
    read = options_of("exists", body, {**NAMED, "field": to_text})
    if "field" not in read:
        raise parsing("[exists] must be provided with a [field]")
    if not read["field"]:
        raise illegal_argument("field name is null or empty")
    return Exists(field=read["field"], **named(read))


def _ids(body: Mapping[str, Any]) -> Node:
    read = read_object("ids", body, {**NAMED, "values": to_texts, "type": to_texts})
    if "values" not in read:
        raise illegal_argument("Required [values]")
    return Ids(values=read["values"], **named(read))


def _pattern(query: str, body: Mapping[str, Any], *names: str) -> tuple[str, str, dict[str, Any]]:
    field, given = one_field(query, body)
    if not isinstance(given, Mapping):
        given = {"value": given}
    readers = {**_PATTERN_OPTIONS, **dict.fromkeys(names, to_text)}
    read = options_of(query, _without_nulls(given), readers)
    value = next((read[name] for name in names if name in read), None)
    if value is None:
        raise illegal_argument("value cannot be null")
    rest = named(read) | {"case_insensitive": read.get("case_insensitive", False)}
    return field, value, rest


def _prefix(body: Mapping[str, Any]) -> Node:
    field, value, rest = _pattern("prefix", body, "value", "prefix")
    return Prefix(field=field, value=value, **rest)


def _wildcard(body: Mapping[str, Any]) -> Node:
    field, value, rest = _pattern("wildcard", body, "value", "wildcard")
    return Wildcard(field=field, pattern=value, **rest)


def field_with_boost(text: str) -> tuple[str, float]:
    """``title^2`` as ("title", 2.0)."""
    name, caret, boost = text.rpartition("^")
    if not caret:
        return text, 1.0
    return name, to_boost("boost", boost)


def to_fields(name: str, value: Any) -> tuple[tuple[str, float], ...]:
    """Fields with their boosts."""
    fields = tuple(field_with_boost(one) for one in to_texts(name, value))
    if len(fields) > CLAUSES_MAX:
        raise illegal_argument(
            f"field expansion for [*] matches too many fields, limit: {CLAUSES_MAX}, got: {len(fields)}"
        )
    return fields


MULTI_MATCH_TYPES: Final = frozenset({
    "best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix",
})  # fmt: skip


def multi_match_type(name: str, value: Any) -> str:
    """How several fields are asked."""
    word = to_text(name, value).lower()
    if word in MULTI_MATCH_TYPES:
        return word
    raise invalid("parse", f"failed to parse [multi_match] query type [{shown(value)}]. unknown type.")


_MULTI_OPTIONS: Final[Mapping[str, Read]] = {
    **{k: v for k, v in MATCH_OPTIONS.items() if k != "cutoff_frequency"},
    "fields": to_fields,
    "type": multi_match_type,
    "tie_breaker": to_float,
    "slop": to_count,
    "cutoff_frequency": to_float,
}


def _multi_match(body: Mapping[str, Any]) -> Node:
    fields = body.get("fields", [])
    if not is_array(fields) and not is_scalar(fields):
        raise parsing(f"[multi_match] unknown token [{token(fields)}] after [fields]")
    rest = {name: value for name, value in body.items() if name != "fields"}
    read = options_of("multi_match", rest, _MULTI_OPTIONS)
    if "query" not in read:
        raise parsing("No text specified for multi_match query")
    if read.get("type") == "bool_prefix" and "slop" in read:
        raise parsing("[slop] not allowed for type [bool_prefix]")
    paths = to_fields("fields", fields)
    return MultiMatch(
        fields=paths or (("*", 1.0),),
        text=read["query"],
        type=read.get("type", "best_fields"),
        operator=read.get("operator", Operator.OR),
        minimum_should_match=read.get("minimum_should_match"),
        tie_breaker=read.get("tie_breaker"),
        analyzer=read.get("analyzer"),
        lenient=read.get("lenient", not paths),
        slop=read.get("slop", 0),
        fuzziness=read.get("fuzziness"),
        prefix_length=read.get("prefix_length", 0),
        max_expansions=read.get("max_expansions", 50),
        transpositions=read.get("fuzzy_transpositions", True),
        zero_terms_all=read.get("zero_terms_query", False),
        by_default=not paths,
        **named(read),
    )


LEAVES: Final[Mapping[str, LeafParser]] = {
    "exists": _exists,
    "ids": _ids,
    "match": _match,
    "match_all": _match_all,
    "match_none": _match_none,
    "match_phrase": _match_phrase,
    "multi_match": _multi_match,
    "prefix": _prefix,
    "range": _range,
    "term": _term,
    "terms": _terms,
    "wildcard": _wildcard,
}
