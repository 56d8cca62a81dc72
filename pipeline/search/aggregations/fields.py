"""The field an aggregation reads: is its type allowed here, what are its values, what stands in for a missing one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.partials import Shown
from pipeline.search.columns import Columns
from pipeline.search.date_math import DateContext, resolve, zone_of
from pipeline.search.queries.selection import Selection
from pipeline.search.sort import Rows
from pipeline.search.values import address_of, boolean_of, decimal_of, text_of
from pipeline.segments.columns.numbers import Numbers, Ordinals
from pipeline.segments.columns.terms import Terms
from pipeline.segments.reader import SegmentReader
from schemas.errors import illegal_argument
from schemas.limits import READABLE_PAD_BYTES
from schemas.mapping import DATE_FORMAT_DEFAULT, INTEGER_TYPES, NUMBER_TYPES, FieldType, IndexMapping
from schemas.query import Node

I64 = NDArray[np.int64]
Docs = NDArray[np.int64]
TERM_TYPES: Final = frozenset({"keyword", "ip"})
ANY_TYPE: Final = frozenset({"keyword", "ip", "long", "double", "date", "boolean"})
NUMERIC: Final = frozenset({"long", "double", "date", "boolean"})
_VALUE_TYPES: Final = {
    "string": "keyword",
    "keyword": "keyword",
    "ip": "ip",
    "boolean": "boolean",
    "date": "date",
    "long": "long",
    "double": "double",
    "numeric": "double",
    "number": "double",
    "integer": "long",
    "short": "long",
    "byte": "long",
    "float": "double",
}
LONG_MIN, LONG_MAX = -(1 << 63), (1 << 63) - 1
_PAD: Final = frozen(np.zeros(READABLE_PAD_BYTES, np.uint8))
_NO_STARTS: Final = frozen(np.zeros(1, np.int64))


class SegmentScope(Struct, frozen=True):
    """One segment, as the collectors see it."""

    index: str
    reader: SegmentReader
    alive: NDArray[np.bool_]
    mapping: IndexMapping
    now_ms: int
    evaluate: Callable[[Node], Selection]  # every live row that matches
    columns: Columns
    matched: Rows | None = None  # what the query matches here; None: the segment is empty, or was not looked at
    partition: int = 0
    masks: dict[int, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """Documents in buckets: document docs[i] is in bucket parents[i] of ``count``."""

    docs: Docs
    parents: I64
    count: int


class Source(Struct, frozen=True):
    """A field as an aggregation reads it. ``missing``: int, float or bytes, as the column has it, or None."""

    path: str
    shown: Shown
    missing: Any
    dates: DateContext

    @property
    def type(self) -> str:
        """keyword, ip, long, double, date, boolean; "": the index does not have the field."""
        return self.shown.type

    def value(self, given: Any) -> Any:
        """A value of the request as this field's column would have it. Raises ``SedimentError``."""
        return _value(given, self.type, self.dates)


class Wanted(Struct, frozen=True, kw_only=True):
    """What an aggregation asks of a field."""

    name: str
    kind: str
    path: str
    types: frozenset[str]
    missing: Any = None
    format: str = ""
    zone: str = ""
    value_type: str = ""


def source_of(wanted: Wanted, scope: SegmentScope) -> Source:
    """The field an aggregation names. Raises ``illegal_argument`` for types it cannot take."""
    now_ms = scope.now_ms
    if wanted.path == "_index" and "keyword" in wanted.types:
        dates = DateContext("_index", "", now_ms)
        return Source("_index", Shown("keyword"), scope.index.encode(), dates)
    found = scope.mapping.get(wanted.path)
    zone = zone_of(wanted.zone)
    if found is None or found.type is FieldType.OBJECT:
        return _unmapped(wanted, now_ms)
    if found.type is FieldType.TEXT:
        raise illegal_argument(
            "Text fields are not optimised for operations that require per-document field data like "
            "aggregations and sorting, so these operations are disabled by default. Please use a "
            "keyword field instead. Alternatively, set fielddata=true on "
            f"[{wanted.path}] in order to load field data by uninverting the inverted index. Note that "
            "this can use significant memory."
        )
    if not found.doc_values:
        raise illegal_argument(
            f"Can't load fielddata on [{wanted.path}] because fielddata is unsupported on fields of "
            f"type [{found.type.value}]. Use doc values instead."
        )
    kind = found.type.value
    if found.type in NUMBER_TYPES:
        kind = "long" if found.type in INTEGER_TYPES else "double"
    if kind not in wanted.types:
        raise illegal_argument(
            f"Field [{wanted.path}] of type [{found.type.value}] is not supported for aggregation [{wanted.kind}]"
        )
    form = wanted.format or found.format
    # dates of the request may be written as the aggregation shows them or as the field takes them
    read = f"{wanted.format}||{found.format}" if wanted.format and kind == "date" else found.format
    dates = DateContext(wanted.path, read, now_ms, zone)
    missing = None if wanted.missing is None else _value(wanted.missing, kind, dates)
    return Source(wanted.path, Shown(kind, form, wanted.zone), missing, dates)


def _unmapped(wanted: Wanted, now_ms: int) -> Source:
    """A field that the index does not have: nothing but what ``missing`` says."""
    kind = _VALUE_TYPES.get(wanted.value_type, "") if wanted.value_type else ""
    if not kind and wanted.missing is not None:
        kind = _type_of(wanted.missing, wanted.types)
    dated = kind == "date" or (not kind and wanted.types == NUMERIC and bool(wanted.format))
    form = wanted.format or (DATE_FORMAT_DEFAULT if dated else "")
    dates = DateContext(wanted.path, wanted.format or DATE_FORMAT_DEFAULT, now_ms, zone_of(wanted.zone))
    missing = None if wanted.missing is None else _value(wanted.missing, kind, dates)
    return Source(wanted.path, Shown(kind, form, wanted.zone), missing, dates)


def _type_of(value: Any, types: frozenset[str]) -> str:
    if "keyword" in types and not isinstance(value, int | float):
        return "keyword"
    if isinstance(value, bool):
        return "boolean"
    return "long" if isinstance(value, int) else "double"


def _value(given: Any, kind: str, dates: DateContext) -> Any:
    match kind:
        case "ip":
            return address_of(given)
        case "boolean":
            return int(given != 0) if _is_number(given) else int(boolean_of(given))
        case "date":
            return int(given) if _is_number(given) else resolve(given, dates, round_up=False)
        case "long" | "double":
            return _number(given, kind)
        case _:
            return text_of(given).encode(errors="surrogatepass")


def _number(given: Any, kind: str) -> int | float:
    if isinstance(given, bool):
        return int(given) if kind == "long" else float(given)
    number = decimal_of(given)
    if kind == "double":
        return float(number)
    return (
        min(max(int(number), LONG_MIN), LONG_MAX) if number.adjusted() < 30 else (LONG_MAX if number > 0 else LONG_MIN)
    )


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def date_of(given: Any, source: Source, *, round_up: bool = False) -> int:
    """A date bound of the request in ms: numbers are ms, texts are read in the field's format or as date math."""
    if _is_number(given):
        return int(given)
    return resolve(given, source.dates, round_up=round_up)


def spread(column: Numbers | Ordinals | None, docs: Docs) -> tuple[I64, I64]:
    """(index int64[v] into ``docs``, position int64[v] in the column) of every value of these documents."""
    if column is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if column.starts is None:
        if column.present is None:
            return np.arange(len(docs)), docs
        index = np.flatnonzero(column.present[docs])
        return index, docs[index]
    first = column.starts[docs]
    counts = column.starts[docs + 1] - first
    index = np.repeat(np.arange(len(docs)), counts)
    return index, np.arange(len(index)) + np.repeat(first - (np.cumsum(counts) - counts), counts)


def lacking(index: I64, count: int) -> I64:
    """Which of 0..count-1 do not occur in ``index``."""
    found = np.zeros(count, np.bool_)
    found[index] = True
    return np.flatnonzero(~found)


def numbers_of(scope: SegmentScope, source: Source, docs: Docs) -> tuple[I64, NDArray[Any]]:
    """(index int64[v] into ``docs``, values int64/float64[v]), with ``missing`` where a document has none."""
    column = scope.reader.numbers(source.path) if source.type else None
    index, position = spread(column, docs)
    double = source.type == "double"
    values = np.zeros(0, np.float64 if double else np.int64) if column is None else column.values[position]
    if source.missing is not None:
        absent = lacking(index, len(docs))
        missing = source.missing
        values = np.concatenate([values, np.full(len(absent), missing, type(missing))])
        index = np.concatenate([index, absent])
    return index, values


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The terms of a field in a segment, with ``extra`` among them (number ``at``) where a value stands in for missing ones."""

    terms: Terms | None
    extra: bytes | None = None
    at: int = 0

    @property
    def names(self) -> Names:
        """All of them, in order."""
        data, starts = (_PAD, _NO_STARTS) if self.terms is None else (self.terms.data, self.terms.starts)
        if self.extra is None:
            return Names(data, starts)
        end = int(starts[-1])
        longer = np.concatenate([data[:end], np.frombuffer(self.extra, np.uint8), _PAD])
        numbers = np.insert(np.arange(len(starts) - 1), self.at, len(starts) - 1)
        return Names(longer, np.append(starts, end + len(self.extra)), numbers)

    def lookup(self, term: bytes) -> int:
        """The number of a term, -1 where it is not there."""
        if self.extra == term:
            return self.at
        found = -1 if self.terms is None else self.terms.lookup(term)
        return found + 1 if self.extra is not None and found >= self.at else found


def dictionary_of(terms: Terms | None, missing: bytes | None) -> Dictionary:
    """A segment's terms and the value that stands in for missing ones, if it is none of them."""
    if missing is None or (terms is not None and terms.lookup(missing) >= 0):
        return Dictionary(terms)
    return Dictionary(terms, missing, 0 if terms is None else terms.range(missing, None)[0])


@dataclass(frozen=True, slots=True)
class TermCodes:
    """The terms of documents: document docs[index[i]] has the term codes[i] of ``dictionary``."""

    index: I64
    codes: I64
    dictionary: Dictionary


def terms_of(scope: SegmentScope, source: Source, docs: Docs) -> TermCodes:
    """The terms of these documents, with ``missing`` where a document has none."""
    column = scope.reader.ordinals(source.path) if source.type else None
    terms = scope.reader.terms(source.path) if column is not None else None
    index, position = spread(column, docs)
    codes = np.zeros(0, np.int64) if column is None else column.ordinals[position].astype(np.int64)
    dictionary = dictionary_of(terms, source.missing)
    if source.missing is not None:
        absent = lacking(index, len(docs))
        if dictionary.extra is not None:
            codes += codes >= dictionary.at
        index = np.concatenate([index, absent])
        codes = np.concatenate([codes, np.full(len(absent), dictionary.lookup(source.missing), np.int64)])
    return TermCodes(index, codes, dictionary)


def mask_of(scope: SegmentScope, query: Node) -> NDArray[np.bool_]:
    """bool[rows]: which live rows match a query."""
    found = scope.masks.get(id(query))
    if found is None:
        found = scope.masks[id(query)] = scope.evaluate(query).as_mask()
    return found
