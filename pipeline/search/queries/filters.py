"""Which documents of a segment a leaf of a plan selects, dead ones too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import frozen
from pipeline.kernels.murmur2_kernels import partitions_of_keys
from pipeline.kernels.rows import take_rows
from pipeline.search.kernels.column_kernels import find_ids, keys_of_ids, mark_any_of, mark_span
from pipeline.search.kernels.score_kernels import documents_of_term
from pipeline.search.queries.plan import (
    Everything,
    HasValue,
    IdSet,
    IdSlice,
    Nothing,
    NumberSet,
    NumberSpan,
    Plan,
    TermPattern,
    TermPrefix,
    TermScore,
    TermSet,
    TermSpan,
)
from pipeline.search.queries.selection import Selection, nothing
from pipeline.search.values import TRUE
from pipeline.segments.columns.postings import Postings
from pipeline.segments.columns.terms import Terms
from pipeline.segments.reader import SegmentReader
from schemas.mapping import FieldType
from schemas.records import ByteColumn

TermsPlan = TermSet | TermSpan | TermPrefix | TermPattern
NO_STARTS: Final = frozen(np.empty(0, np.int64))
_INT64: Final = np.iinfo(np.int64)


def select_leaf(reader: SegmentReader, plan: Plan) -> Selection:
    """The documents of a leaf (any plan but Combine, Best, Constant, PhraseScore)."""
    return _LEAVES[type(plan)](reader, plan)


def _nothing(reader: SegmentReader, plan: Plan) -> Selection:
    return nothing(reader.meta.documents)


def _everything(reader: SegmentReader, plan: Plan) -> Selection:
    return Selection(reader.meta.documents)


def _term(reader: SegmentReader, plan: TermScore) -> Selection:
    field = reader.field(plan.field)
    if field is not None and field.type == FieldType.BOOLEAN:
        truth = int(plan.term == TRUE)
        return _span(reader, NumberSpan(plan.field, truth, truth))
    terms = reader.terms(plan.field)
    number = -1 if terms is None else terms.lookup(plan.term)
    return nothing(reader.meta.documents) if number < 0 else _documents(reader, plan.field, number)


def _documents(reader: SegmentReader, path: str, number: int) -> Selection:
    """The documents of one term."""
    postings = _indexed(reader, path)
    documents = np.empty(int(postings.df[number]), np.uint32)
    documents_of_term(
        postings.data, postings.block_last, postings.block_offset, postings.block_bits,
        int(postings.block_term[number]), int(postings.block_term[number + 1]), documents,
    )  # fmt: skip
    return Selection(reader.meta.documents, documents)


def _union(reader: SegmentReader, path: str, numbers: NDArray[np.int64]) -> Selection:
    """The documents of any of the terms."""
    if len(numbers) == 0:
        return nothing(reader.meta.documents)
    if len(numbers) == 1:
        return _documents(reader, path, int(numbers[0]))
    postings = _indexed(reader, path)
    marks = np.zeros(reader.meta.documents, np.bool_)
    postings.mark(numbers, marks)
    return Selection(reader.meta.documents, mask=marks)


def _indexed(reader: SegmentReader, path: str) -> Postings:
    """The postings of a field; compiling the query has refused fields that are not indexed."""
    postings = reader.postings(path)
    assert postings is not None
    return postings


def _of_terms(reader: SegmentReader, plan: TermsPlan) -> Selection:
    terms = reader.terms(plan.field)
    return nothing(reader.meta.documents) if terms is None else _union(reader, plan.field, numbers_of(terms, plan))


def numbers_of(terms: Terms, plan: TermsPlan) -> NDArray[np.int64]:
    """int64[n]: the terms of a dictionary that the plan selects."""
    match plan:
        case TermSet():
            numbers = terms.lookup_many(ByteColumn.of(plan.terms))
            return numbers[numbers >= 0]
        case TermPattern():
            return plan.matcher.numbers(terms)
        case TermPrefix():
            low, high = terms.prefix_range(plan.prefix)
            return np.arange(low, max(low, high), dtype=np.int64)
        case TermSpan():
            first, end = terms.range(
                plan.low, plan.high, include_low=not plan.low_open, include_high=not plan.high_open
            )
            return np.arange(first, end, dtype=np.int64)


def _span(reader: SegmentReader, plan: NumberSpan) -> Selection:
    column = _numbers(reader, plan.field)
    if column is None:
        return nothing(reader.meta.documents)
    values, starts, present = column
    low, high = bounds_of(plan, values.dtype == np.int64)
    mask = np.empty(reader.meta.documents, np.bool_)
    mark_span(values, starts, low, high, mask)
    return Selection(reader.meta.documents, mask=mask if present is None else mask & present)


def bounds_of(plan: NumberSpan, whole: bool) -> tuple[Any, Any]:
    """Bounds of the column's type; beyond int64 they select nothing or everything on that side."""
    if not whole:
        low = -np.inf if plan.low is None else plan.low
        return float(low), float(np.inf if plan.high is None else plan.high)
    least = _INT64.min if plan.low is None else int(plan.low)
    most = _INT64.max if plan.high is None else int(plan.high)
    if least > _INT64.max or most < _INT64.min:
        return 1, 0
    return max(least, _INT64.min), min(most, _INT64.max)


def _number_set(reader: SegmentReader, plan: NumberSet) -> Selection:
    column = _numbers(reader, plan.field)
    if column is None or len(plan.values) == 0:
        return nothing(reader.meta.documents)
    values, starts, present = column
    mask = np.empty(reader.meta.documents, np.bool_)
    mark_any_of(values, starts, frozen(plan.values.astype(values.dtype)), mask)
    return Selection(reader.meta.documents, mask=mask if present is None else mask & present)


def _numbers(
    reader: SegmentReader, path: str
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.bool_] | None] | None:
    """Values, starts (empty: one slot a document) and presence (None: everywhere) of a column."""
    column = reader.numbers(path)
    if column is None:
        return None
    return column.values, NO_STARTS if column.starts is None else column.starts, column.present


def _has_value(reader: SegmentReader, plan: HasValue) -> Selection:
    size = reader.meta.documents
    mask = np.zeros(size, np.bool_)
    for path in plan.fields:
        present = reader.present(path)
        if present is not None:
            mask |= present
    return Selection(size, mask=mask)


def _ids(reader: SegmentReader, plan: IdSet) -> Selection:
    return Selection(reader.meta.documents, find_rows(reader, plan.ids).astype(np.uint32))


def _slice(reader: SegmentReader, plan: IdSlice) -> Selection:
    ids = reader.ids()
    return Selection(reader.meta.documents, mask=partitions_of_keys(ids.data, ids.starts, plan.of) == plan.number)


def find_rows(reader: SegmentReader, ids: Sequence[bytes]) -> NDArray[np.int64]:
    """The rows with these ids, ascending; a segment may hold an id several times (all but one dead)."""
    wanted = ByteColumn.of(list(ids))
    keys = np.empty(len(ids), np.uint64)
    keys_of_ids(wanted.data, wanted.starts, keys)
    order = np.argsort(keys)
    wanted = take_rows(wanted, order)
    column = reader.ids()
    found = np.empty(len(column), np.int64)
    count = find_ids(column.data, column.starts, wanted.data, wanted.starts, keys[order], found)
    return found[:count]


_LEAVES: Final[Mapping[type[Plan], Callable[[SegmentReader, Any], Selection]]] = {
    Nothing: _nothing,
    Everything: _everything,
    TermScore: _term,
    TermSet: _of_terms,
    TermSpan: _of_terms,
    TermPrefix: _of_terms,
    TermPattern: _of_terms,
    NumberSpan: _span,
    NumberSet: _number_set,
    HasValue: _has_value,
    IdSet: _ids,
    IdSlice: _slice,
}
