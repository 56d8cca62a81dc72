"""The query tree and a mapping to a plan: limits, boosts, boolean defaults; the leaves are in ``leaves``, ``texts``, ``ranges``.

A field that the mapping does not know matches nothing, whatever is asked of it (so that an index pattern may span different indices).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pipeline.search.queries.leaves import (
    compile_exists,
    compile_ids,
    compile_prefix,
    compile_term,
    compile_terms,
    compile_wildcard,
)
from pipeline.search.queries.minimum import minimum_should_match
from pipeline.search.queries.plan import (
    Best,
    Combine,
    Constant,
    Context,
    Everything,
    Nothing,
    Plan,
)
from pipeline.search.queries.ranges import compile_range
from pipeline.search.queries.texts import (
    check_clauses,
    compile_match,
    compile_multi_match,
    compile_phrase,
)
from schemas.errors import illegal_argument
from schemas.limits import QUERY_DEPTH_MAX
from schemas.query import (
    Bool,
    ConstantScore,
    DisMax,
    Exists,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    MultiMatch,
    Node,
    Prefix,
    Range,
    Term,
    Terms,
    Wildcard,
)

_LEAVES: Final[Mapping[type[Node], Callable[[Any, Context, float], Plan]]] = {
    Term: compile_term,
    Terms: compile_terms,
    Match: compile_match,
    MatchPhrase: compile_phrase,
    MultiMatch: compile_multi_match,
    Prefix: compile_prefix,
    Wildcard: compile_wildcard,
    Range: compile_range,
    Exists: compile_exists,
    Ids: compile_ids,
}


def compile_query(node: Node, context: Context) -> Plan:
    """The plan of a query. Raises ``SedimentError`` where a value does not fit its field or a limit is exceeded."""
    return _compile(node, context, 1.0, 0)


def _compile(node: Node, context: Context, boost: float, depth: int) -> Plan:
    if depth > QUERY_DEPTH_MAX:
        message = (
            f"The nested depth of the query exceeds the maximum nested depth for queries set in "
            f"[indices.query.bool.max_nested_depth]: [{QUERY_DEPTH_MAX}]"
        )
        raise illegal_argument(message)
    boost *= node.boost
    match node:
        case MatchAll():
            return Everything(boost)
        case MatchNone():
            return Nothing()
        case Bool():
            return _bool(node, context, boost, depth)
        case ConstantScore():
            return Constant(_compile(node.filter, context, 1.0, depth + 1), boost)
        case DisMax():
            check_clauses(len(node.queries))
            plans = tuple(_compile(q, context, boost, depth + 1) for q in node.queries)
            return plans[0] if len(plans) == 1 else Best(plans, node.tie_breaker)
        case _:
            pass
    return _LEAVES[type(node)](node, context, boost)


def _bool(node: Bool, context: Context, boost: float, depth: int) -> Plan:
    check_clauses(len(node.must) + len(node.should) + len(node.must_not) + len(node.filter))

    def plans(nodes: Sequence[Node], factor: float) -> tuple[Plan, ...]:
        return tuple(_compile(n, context, factor, depth + 1) for n in nodes)

    must, should = plans(node.must, boost), plans(node.should, boost)
    must_not, filters = plans(node.must_not, 1.0), plans(node.filter, 1.0)
    if not (must or should or must_not or filters):
        return Everything(boost)
    least = 0
    if should:
        least = 0 if must or filters else 1
        if node.minimum_should_match is not None:
            wanted = minimum_should_match(node.minimum_should_match, len(should))
            least = max(least, wanted)
    elif not (must or filters):
        filters = (Everything(0.0),)  # must_not alone: everything else, score 0
    if len(must) == 1 and not (should or must_not or filters):
        return must[0]
    return Combine(must, should, must_not, filters, least)
