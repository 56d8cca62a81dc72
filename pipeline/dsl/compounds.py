"""Any query clause by its name, and the clauses that combine others: bool, constant_score, dis_max."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dsl.leaves import LEAVES, NAMED, LeafParser, named, options_of
from pipeline.dsl.likeness import LIKENESS
from pipeline.dsl.query_string import parse_query_string
from pipeline.dsl.simple_query_string import parse_simple_query_string
from pipeline.dsl.values import (
    is_array,
    is_scalar,
    parsing,
    read_object,
    shown,
    suggestion,
    to_bool,
    to_float,
    to_text,
    token,
    unknown_field,
)
from schemas.errors import illegal_argument, invalid
from schemas.limits import CLAUSES_MAX, QUERY_DEPTH_MAX
from schemas.query import Bool, Boosting, ConstantScore, DisMax, Node

COMPOUNDS: Final = ("bool", "boosting", "constant_score", "dis_max")
WITHOUT_CLAUSES: Final[Mapping[str, LeafParser]] = {
    **LEAVES, **LIKENESS, "query_string": parse_query_string, "simple_query_string": parse_simple_query_string,
}  # fmt: skip
QUERY_NAMES: Final = frozenset(WITHOUT_CLAUSES) | frozenset(COMPOUNDS)
# Elasticsearch has these; to call them unknown would send the user looking for a spelling mistake.
UNSUPPORTED: Final = frozenset({
    "combined_fields", "common", "distance_feature", "function_score", "geo_bounding_box", "geo_distance", "geo_polygon", "geo_shape",
    "has_child", "has_parent", "hybrid", "intervals", "knn", "more_like_this", "nested", "neural", "parent_id", "percolate",
    "rank_feature", "script", "script_score", "span_containing", "span_first", "span_multi", "span_near", "span_not", "span_or",
    "span_term", "span_within", "template", "terms_set", "wrapper",
})  # fmt: skip
_CLAUSES: Final = ("must", "should", "must_not", "filter")


def parse_query(body: Any) -> Node:
    """The node of a query clause ``{"match": {…}}``. Raises ``parsing``, ``illegal_argument`` …"""
    return _Parser().query(body, 0)


class _Parser:
    """Counts clauses and depth over one whole query."""

    def __init__(self) -> None:
        self.clauses = 0

    def query(self, body: Any, depth: int) -> Node:
        if not isinstance(body, Mapping):
            raise parsing("[_na] query malformed, must start with start_object")
        if not body:
            raise illegal_argument("query malformed, empty clause found")
        self.clauses += 1
        if self.clauses > CLAUSES_MAX * 2:  # compounds count here, and do not in Elasticsearch
            raise _too_many_clauses()
        if depth >= QUERY_DEPTH_MAX:
            raise illegal_argument(f"The query is nested more than [{QUERY_DEPTH_MAX}] clauses deep: flatten it")
        name = next(iter(body))
        given = body[name]
        if not isinstance(given, Mapping):
            raise parsing(f"[{shown(name)}] query malformed, no start_object after query name")
        node = self._named(name, given, depth)
        if len(body) > 1:
            raise parsing(f"[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
        return node

    def _named(self, name: str, given: Mapping[str, Any], depth: int) -> Node:
        if name in WITHOUT_CLAUSES:
            return WITHOUT_CLAUSES[name](given)
        match name:
            case "bool":
                return self._bool(given, depth)
            case "constant_score":
                return self._constant_score(given, depth)
            case "dis_max":
                return self._dis_max(given, depth)
            case "boosting":
                return self._boosting(given, depth)
            case _:
                pass
        if name in UNSUPPORTED:
            raise parsing(f"[{name}] query is not supported: use one of [{', '.join(sorted(QUERY_NAMES))}]")
        raise parsing(
            f"unknown query [{shown(name)}]{suggestion(name, QUERY_NAMES)}",
            caused_by={
                "type": "named_object_not_found_exception",
                "reason": f"unknown field [{shown(name)}]",
            },
        )

    def _several(self, where: str, value: Any, depth: int) -> tuple[Node, ...]:
        """One clause or an array of clauses; null is none."""
        if value is None:
            return ()
        if isinstance(value, Mapping):
            return (self.query(value, depth + 1),)
        if not is_array(value):
            raise parsing(f"[{where}] query malformed, no start_object after query name")
        if len(value) > CLAUSES_MAX:
            raise _too_many_clauses()
        return tuple(self.query(one, depth + 1) for one in value)

    def _bool(self, body: Mapping[str, Any], depth: int) -> Node:
        clauses: dict[str, tuple[Node, ...]] = {}
        options: dict[str, Any] = {}
        readers = {**NAMED, "minimum_should_match": to_text, "adjust_pure_negative": to_bool}
        for name, value in body.items():
            if name in _CLAUSES or name == "mustNot":
                key = "must_not" if name == "mustNot" else name
                clauses[key] = clauses.get(key, ()) + self._several(name, value, depth)
            elif name in readers:
                options |= read_object("bool", {name: value}, readers)
            else:
                unknown_field("bool", name, [*_CLAUSES, *readers])
        if sum(map(len, clauses.values())) > CLAUSES_MAX:
            raise _too_many_clauses()
        return Bool(
            must=clauses.get("must", ()),
            should=clauses.get("should", ()),
            must_not=clauses.get("must_not", ()),
            filter=clauses.get("filter", ()),
            minimum_should_match=options.get("minimum_should_match"),
            **named(options),
        )

    def _constant_score(self, body: Mapping[str, Any], depth: int) -> Node:
        inner: Node | None = None
        options: dict[str, Any] = {}
        for name, value in body.items():
            if isinstance(value, Mapping):
                if name != "filter":
                    raise parsing(f"[constant_score] query does not support [{shown(name)}]")
                inner = self.query(value, depth + 1)
            elif is_scalar(value):
                options |= options_of("constant_score", {name: value}, NAMED)
            else:
                raise parsing(f"unexpected token [{token(value)}]")
        if inner is None:
            raise parsing("[constant_score] requires a 'filter' element")
        return ConstantScore(filter=inner, **named(options))

    def _boosting(self, body: Mapping[str, Any], depth: int) -> Node:
        queries: dict[str, Node] = {}
        options: dict[str, Any] = {}
        for name, value in body.items():
            if name in {"positive", "negative"} and isinstance(value, Mapping):
                queries[name] = self.query(value, depth + 1)
            else:
                options |= options_of("boosting", {name: value}, {**NAMED, "negative_boost": to_float})
        for name in ("positive", "negative"):
            if name not in queries:
                raise parsing(f"[boosting] query requires '{name}' query to be set'")
        if options.get("negative_boost", -1.0) < 0:
            raise parsing("[boosting] query requires 'negative_boost' to be set to be a positive value'")
        return Boosting(**queries, negative_boost=options["negative_boost"], **named(options))  # type: ignore[arg-type]

    def _dis_max(self, body: Mapping[str, Any], depth: int) -> Node:
        queries: tuple[Node, ...] = ()
        options: dict[str, Any] = {}
        for name, value in body.items():
            if name == "queries" and not is_scalar(value):
                queries += self._several("dis_max", value, depth)
            elif isinstance(value, Mapping) or is_array(value):
                raise parsing(f"[dis_max] query does not support [{shown(name)}]")
            else:
                readers = {**NAMED, "tie_breaker": to_float}
                options |= options_of("dis_max", {name: value}, readers)
        if not queries:
            raise parsing("[dis_max] requires 'queries' field with at least one clause")
        return DisMax(queries=queries, tie_breaker=options.get("tie_breaker", 0.0), **named(options))


def _too_many_clauses() -> Exception:
    return invalid("too_many_clauses", f"maxClauseCount is set to {CLAUSES_MAX}")
