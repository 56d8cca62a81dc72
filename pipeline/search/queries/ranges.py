"""Plans of range queries, with Elasticsearch's rounding of each type's bounds."""

from pipeline.search.date_math import DateContext, resolve, zone_of
from pipeline.search.queries.leaves import META_FIELDS, normalized, searchable
from pipeline.search.queries.plan import (
    Constant,
    Context,
    HasValue,
    Nothing,
    NumberSpan,
    Plan,
    TermSpan,
)
from pipeline.search.values import (
    address_of,
    boolean_of,
    float_bound,
    integer_bound,
    shift,
    text_of,
)
from schemas.errors import illegal_argument
from schemas.mapping import FLOAT_TYPES, INTEGER_TYPES, Field, FieldType
from schemas.query import Range, Scalar

Bound = tuple[Scalar, bool]  # value, inclusive


def compile_range(node: Range, context: Context, boost: float) -> Plan:
    """A value between bounds."""
    if node.field in META_FIELDS:
        message = f"Field [{node.field}] of type [{node.field}] does not support range queries"
        raise illegal_argument(message)
    field = searchable(context, node.field)
    if field is None:
        return Nothing()
    low = _bound(node.gt, node.gte)
    high = _bound(node.lt, node.lte)
    if low is None and high is None:
        return Constant(HasValue((field.path,)), boost)
    return Constant(_of_type(field, node, low, high, context), boost)


def _bound(open_end: Scalar | None, closed_end: Scalar | None) -> Bound | None:
    if open_end is not None:
        return open_end, False
    return None if closed_end is None else (closed_end, True)


def _of_type(field: Field, node: Range, low: Bound | None, high: Bound | None, context: Context) -> Plan:
    if field.type is FieldType.DATE:
        return _dates(field, node, low, high, context)
    if field.type in INTEGER_TYPES or field.type in FLOAT_TYPES:
        bound = integer_bound if field.type in INTEGER_TYPES else float_bound
        return NumberSpan(
            field.path,
            None if low is None else bound(low[0], field, lower=True, inclusive=low[1]),
            None if high is None else bound(high[0], field, lower=False, inclusive=high[1]),
        )
    if field.type is FieldType.BOOLEAN:
        return NumberSpan(
            field.path,
            None if low is None else boolean_of(low[0]) + (not low[1]),
            None if high is None else boolean_of(high[0]) - (not high[1]),
        )
    if field.type is FieldType.IP:
        return _addresses(field, low, high)
    return TermSpan(
        field.path,
        None if low is None else normalized(context, field, text_of(low[0])).encode(),
        None if high is None else normalized(context, field, text_of(high[0])).encode(),
        low_open=low is not None and not low[1],
        high_open=high is not None and not high[1],
    )


def _dates(field: Field, node: Range, low: Bound | None, high: Bound | None, context: Context) -> Plan:
    dates = DateContext(field.path, node.format or field.format, context.now_ms, zone_of(node.time_zone))
    first = last = None
    if low is not None:
        first = resolve(low[0], dates, round_up=not low[1]) + (not low[1])
    if high is not None:
        last = resolve(high[0], dates, round_up=high[1]) - (not high[1])
    return NumberSpan(field.path, first, last)


def _addresses(field: Field, low: Bound | None, high: Bound | None) -> Plan:
    first = last = None
    if low is not None:
        first = address_of(low[0]) if low[1] else shift(address_of(low[0]), 1)
        if first is None:
            return Nothing()
    if high is not None:
        last = address_of(high[0]) if high[1] else shift(address_of(high[0]), -1)
        if last is None:
            return Nothing()
    return TermSpan(field.path, first, last)
