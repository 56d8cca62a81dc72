"""The query tree and a mapping to a plan: limits, boosts, boolean defaults; the leaves are in ``leaves``, ``texts``, ``ranges``.

A field that the mapping does not know matches nothing, whatever is asked of it (so that an index pattern may span different indices).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pipeline.search.queries.leaves import (
    compile_exists,
    compile_fuzzy,
    compile_ids,
    compile_prefix,
    compile_regexp,
    compile_slice,
    compile_term,
    compile_terms,
    compile_wildcard,
)
from pipeline.search.queries.plan import (
    Best,
    Combine,
    Constant,
    Context,
    Demoted,
    Everything,
    Nothing,
    Plan,
)
from pipeline.search.queries.ranges import compile_range
from pipeline.search.queries.texts.match import (
    check_clauses,
    compile_bool_prefix,
    compile_match,
    compile_phrase,
    compile_phrase_prefix,
)
from pipeline.search.queries.texts.minimum import minimum_should_match
from pipeline.search.queries.texts.multi import compile_multi_match, expand_fields
from schemas.errors import SedimentError, illegal_argument
from schemas.limits import QUERY_DEPTH_MAX
from schemas.query import (
    AcrossFields,
    Bool,
    Boosting,
    ConstantScore,
    DisMax,
    Exists,
    Fuzzy,
    Ids,
    Match,
    MatchAll,
    MatchBoolPrefix,
    MatchNone,
    MatchPhrase,
    MatchPhrasePrefix,
    MultiMatch,
    Node,
    Prefix,
    Range,
    Regexp,
    Slice,
    Term,
    Terms,
    Wildcard,
)

_LEAVES: Final[Mapping[type[Node], Callable[[Any, Context, float], Plan]]] = {
    Term: compile_term,
    Terms: compile_terms,
    Match: compile_match,
    MatchPhrase: compile_phrase,
    MatchPhrasePrefix: compile_phrase_prefix,
    MatchBoolPrefix: compile_bool_prefix,
    MultiMatch: compile_multi_match,
    Prefix: compile_prefix,
    Wildcard: compile_wildcard,
    Regexp: compile_regexp,
    Fuzzy: compile_fuzzy,
    Range: compile_range,
    Exists: compile_exists,
    Ids: compile_ids,
    Slice: compile_slice,
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
    kind = type(node)
    leaf = _LEAVES.get(kind)
    if leaf is not None:
        return leaf(node, context, boost * node.boost)
    return _COMPOUNDS[kind](node, context, boost * node.boost, depth)


def _everything(node: MatchAll, context: Context, boost: float, depth: int) -> Plan:
    return Everything(boost)


def _nothing(node: MatchNone, context: Context, boost: float, depth: int) -> Plan:
    return Nothing()


def _constant(node: ConstantScore, context: Context, boost: float, depth: int) -> Plan:
    return Constant(_compile(node.filter, context, 1.0, depth + 1), boost)


def _dis_max(node: DisMax, context: Context, boost: float, depth: int) -> Plan:
    check_clauses(len(node.queries))
    plans = tuple(_compile(q, context, boost, depth + 1) for q in node.queries)
    return plans[0] if len(plans) == 1 else Best(plans, node.tie_breaker)


def _boosting(node: Boosting, context: Context, boost: float, depth: int) -> Plan:
    positive = _compile(node.positive, context, boost, depth + 1)
    return Demoted(positive, _compile(node.negative, context, 1.0, depth + 1), node.negative_boost)


def _across(node: AcrossFields, context: Context, boost: float, depth: int) -> Plan:
    plans: list[Plan] = []
    for path, factor in expand_fields(node.fields, context).items():
        one = replace(node.query, field=path)  # type: ignore[call-arg]  # whose nodes have a field
        try:
            plan = _compile(one, context, boost * factor, depth + 1)
        except SedimentError:
            if not node.lenient:
                raise
            continue
        if not isinstance(plan, Nothing):
            plans.append(plan)
    check_clauses(len(plans))
    if len(plans) < 2:
        return plans[0] if plans else Nothing()
    return Best(tuple(plans), node.tie_breaker)


def _all(nodes: Sequence[Node], context: Context, boost: float, depth: int) -> tuple[Plan, ...]:
    return tuple([_compile(n, context, boost, depth + 1) for n in nodes]) if nodes else ()


def _bool(node: Bool, context: Context, boost: float, depth: int) -> Plan:
    check_clauses(len(node.must) + len(node.should) + len(node.must_not) + len(node.filter))

    must, should = _all(node.must, context, boost, depth), _all(node.should, context, boost, depth)
    must_not, filters = _all(node.must_not, context, 1.0, depth), _all(node.filter, context, 1.0, depth)
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


_COMPOUNDS: Final[Mapping[type[Node], Callable[[Any, Context, float, int], Plan]]] = {
    MatchAll: _everything,
    MatchNone: _nothing,
    Bool: _bool,
    Boosting: _boosting,
    ConstantScore: _constant,
    DisMax: _dis_max,
    AcrossFields: _across,
}
