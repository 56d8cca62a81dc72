"""Sorting by fields: each key of each matching document as an int64 that ascends in the wanted order.

    number   itself            float    its bits, made to order like the number     keyword   2 * ordinal in its segment
    _score   its bits          _doc     partition << 48 | offset                    descending: ~key        missing: the least or the greatest

Ordinals hold within a segment only, so each segment's best rows are taken by their keys, and the few that are left are compared by
their raw values (``RowHit.sort``: int, float, bytes, None for missing), which hold everywhere.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.kernels.rows import take_rows
from pipeline.search.columns import EVERYWHERE, Columns, Slots
from pipeline.search.date_math import DateContext, resolve
from pipeline.search.kernels.zone_kernels import WHOLE
from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.selection import Matches, Selection
from pipeline.search.values import address_of, boolean_of, float_of, text_of
from pipeline.segments.format import NO_ORDINAL
from schemas.errors import illegal_argument, invalid
from schemas.mapping import FLOAT_TYPES, Field, FieldType, IndexMapping
from schemas.query import SortKey

I64 = NDArray[np.int64]
LEAST: Final = np.iinfo(np.int64).min
GREATEST: Final = np.iinfo(np.int64).max
PARTITION_SHIFT: Final = 48
_MODES: Final = frozenset({"min", "max", "sum", "avg", "median"})
_BYTES_TYPES: Final = frozenset({FieldType.KEYWORD, FieldType.IP})
SCORE: Final = SortKey("_score", descending=True)


@dataclass(frozen=True, slots=True)
class Column:
    """One sort key over some documents of a segment: int64 keys that ascend in the wanted order, and how to read their raw values."""

    keys: I64
    raw: Callable[[int], Any]  # position among the documents -> raw value
    limit: Callable[[Any], int] | None = None  # raw value -> its key, where that depends on the documents


class Rows(Struct, frozen=True):
    """Matching documents of one segment; float32 ``scores`` of each, in order, where those are known."""

    segment: SegmentQueries
    selection: Selection
    scores: NDArray[np.float32] | None

    @property
    def documents(self) -> NDArray[np.uint32]:
        """As a sorted list."""
        return self.selection.as_documents()

    def count(self) -> int:
        """How many."""
        return self.selection.count()

    def first(self, most: int) -> "Rows":
        """The first so many of them."""
        scores = None if self.scores is None else self.scores[:most]
        return Rows(self.segment, Selection(self.selection.size, self.documents[:most]), scores)

    def keep(self, selection: Selection) -> "Rows":
        """Those that are in the selection too."""
        if self.scores is None:
            return Rows(self.segment, self.selection.both(selection), None)
        kept = Matches(self.documents, self.scores).keep(selection)
        return Rows(self.segment, Selection(self.selection.size, kept.documents), kept.scores)


@dataclass(frozen=True, slots=True)
class Quick:
    """A column by which the best rows are found zone by zone. ``missing`` is the key of rows without a value, already turned around."""

    path: str
    slots: Slots
    missing: int
    shift: int = 0  # what the sort's keys are above the column's


DOCUMENT_ORDER: Final = "_doc"  # the path of offsets; no field can have it


class Sorter:
    """One sort criterion on one index. Raises where the field cannot be sorted by."""

    def __init__(self, key: SortKey, mapping: IndexMapping, partition: int, now_ms: int) -> None:
        self.key = key
        self._partition = partition
        self._now_ms = now_ms
        self._field = mapping.get(key.field)
        self._special = key.field in {"_score", "_doc", "_shard_doc", "_id"}
        if not self._special:
            self._check()
        default = "max" if key.descending else "min"
        self._mode = key.mode or default

    def _check(self) -> None:
        key, field = self.key, self._field
        if field is None or field.type is FieldType.OBJECT:
            if not key.unmapped_type:
                raise invalid("query_shard", f"No mapping found for [{key.field}] in order to sort on")
            return
        if field.type is FieldType.TEXT:
            raise illegal_argument(_TEXT_MESSAGE.format(field=field.path))
        if not field.doc_values:
            message = (
                f"Can't load fielddata on [{field.path}] because fielddata is unsupported on fields of type "
                f"[{field.type.value}]. Use doc values instead."
            )
            raise illegal_argument(message)
        if key.mode and key.mode not in _MODES:
            raise illegal_argument(f"Unknown SortMode [{key.mode}]")
        if key.mode in {"sum", "avg", "median"} and field.type in _BYTES_TYPES:
            message = f"we only support AVG, MEDIAN and SUM on number based fields, not [{field.path}]"
            raise illegal_argument(message)

    @property
    def by_bytes(self) -> bool:
        """Whether raw values are byte strings."""
        return self.key.field == "_id" or (
            self._field is not None and not self._special and self._field.type in _BYTES_TYPES
        )

    # ------------------------------------------------------------------ a segment's keys

    def quick(self, segment: SegmentQueries, columns: Columns) -> Quick | None:
        """The column to look at zone by zone; None where documents have several values, or the keys are none of a column."""
        if self.key.field in {"_doc", "_shard_doc"}:
            slots = Slots(segment.reader.offsets(), EVERYWHERE, WHOLE)
            return Quick(DOCUMENT_ORDER, slots, GREATEST, self._partition << PARTITION_SHIFT)
        if self._special or self._field is None:
            return None
        found = columns.slots(self._field.path)
        if found is None:
            return None
        value = self.comparable(self.key.missing) if self._missing_is_value else None
        return Quick(self._field.path, found, self.encode(segment, value))

    def column(self, rows: Rows) -> Column:
        """The key of each of the documents."""
        if self._special:
            return self._special_column(rows)
        if self._field is None or rows.segment.reader.field(self._field.path) is None:
            return self._without_values(rows)
        return self._bytes_column(rows, self._field) if self.by_bytes else self._number_column(rows, self._field)

    def _special_column(self, rows: Rows) -> Column:
        if self.key.field == "_score":
            scores = np.zeros(len(rows.documents), np.float32) if rows.scores is None else rows.scores
            return Column(self._directed(ordered_bits(scores.astype(np.float64))), lambda i: float(scores[i]))
        if self.key.field == "_id":
            return self._ids_column(rows)
        places = rows.segment.reader.offsets()[rows.documents] + (self._partition << PARTITION_SHIFT)
        return Column(self._directed(places), lambda i: int(places[i]))

    def _ids_column(self, rows: Rows) -> Column:
        """Ids have no ordinals: they are ranked among the documents at hand (costly: Elasticsearch advises against it too)."""
        ids = [i or b"" for i in take_rows(rows.segment.reader.ids(), rows.documents.astype(np.int64)).to_list()]
        ranked = sorted(ids)
        place = {i: 2 * rank for rank, i in enumerate(ranked)}
        keys = np.array([place[i] for i in ids], np.int64)

        def limit(value: Any) -> int:
            at = 2 * bisect_left(ranked, value)
            return self._direct(at if value in place else at - 1)

        return Column(self._directed(keys), lambda i: ids[i], limit)

    def _directed(self, keys: I64) -> I64:
        return ~keys if self.key.descending else keys

    def _missing_key(self) -> int:
        """Where documents without a value go; only for ``_first`` and ``_last``."""
        return int(LEAST if self.key.missing == "_first" else GREATEST)

    @property
    def _missing_is_value(self) -> bool:
        return self.key.missing not in {"_first", "_last"}

    def _without_values(self, rows: Rows) -> Column:
        """A field that no document of the segment has."""
        size = len(rows.documents)
        if self._missing_is_value and self._field is not None:
            value = self.comparable(self.key.missing)
            if not self.by_bytes:
                return Column(np.full(size, self.encode(rows.segment, value), np.int64), lambda i: value)
            return Column(np.zeros(size, np.int64), lambda i: value)
        return Column(np.full(size, self._missing_key(), np.int64), lambda i: None)

    def _number_column(self, rows: Rows, field: Field) -> Column:
        column = rows.segment.reader.numbers(field.path)
        assert column is not None
        documents = rows.documents
        starts, values = column.starts, column.values
        values = values[documents] if starts is None else reduced(values, starts, documents, self._mode)
        absent = None if column.present is None else ~column.present[documents]
        keys = self._directed(ordered_bits(values))
        if absent is not None and absent.any():
            if self._missing_is_value:
                value = self.comparable(self.key.missing)
                keys[absent] = self.encode(rows.segment, value)
                values = values.copy()
                values[absent] = value
                return Column(keys, lambda i: values[i].item())
            keys[absent] = self._missing_key()
            return Column(keys, lambda i: None if absent[i] else values[i].item())
        return Column(keys, lambda i: values[i].item())

    def _bytes_column(self, rows: Rows, field: Field) -> Column:
        column, terms = rows.segment.reader.ordinals(field.path), rows.segment.reader.terms(field.path)
        assert column is not None
        assert terms is not None
        documents = rows.documents
        if column.starts is None:
            ordinals = column.ordinals[documents].astype(np.int64)
        else:
            first, end = column.starts[documents], column.starts[documents.astype(np.int64) + 1]
            at = first if self._mode == "min" else end - 1
            ordinals = np.full(len(documents), NO_ORDINAL, np.int64)
            some = end > first
            ordinals[some] = column.ordinals[at[some]]
        absent = ordinals == NO_ORDINAL
        keys = self._directed(2 * ordinals)
        value = None
        if absent.any():
            if self._missing_is_value:
                value = self.comparable(self.key.missing)
                keys[absent] = self.encode(rows.segment, value)
            else:
                keys[absent] = self._missing_key()
        return Column(keys, lambda i: value if absent[i] else terms.term(int(ordinals[i])))

    # ------------------------------------------------------------------ values from outside (search_after, missing)

    def comparable(self, value: Any) -> Any:
        """A value that a user wrote, as the raw values are. None stays None. Raises ``illegal_argument`` for one of another type."""
        try:
            return self._comparable(value)
        except (ValueError, TypeError, OverflowError):
            raise illegal_argument(f"Failed to parse search_after value for field [{self.key.field}].") from None

    def _comparable(self, value: Any) -> Any:
        field = self._field
        if value is None or self.key.field in {"_doc", "_shard_doc"}:
            return None if value is None else int(value)
        if self.key.field == "_score":
            return float(value)
        if self.by_bytes:
            if field is not None and field.type is FieldType.IP:
                return address_of(value)
            return value if isinstance(value, bytes) else text_of(value).encode()
        return None if field is None else self._comparable_number(value, field)

    def _comparable_number(self, value: Any, field: Field) -> Any:
        if field.type is FieldType.DATE:
            if isinstance(value, int):
                return value  # a sort value as hits show it
            return resolve(
                value, DateContext(field.path, self.key.format or field.format, self._now_ms), round_up=False
            )
        if field.type is FieldType.BOOLEAN:
            return int(value) if isinstance(value, int) else int(boolean_of(value))
        return float_of(value, field) if field.type in FLOAT_TYPES else int(value)

    def encode(self, segment: SegmentQueries, value: Any) -> int:
        """The key that a raw value has in a segment, between the keys of its neighbours where the segment does not hold it."""
        if value is None:
            return self._missing_key()
        if self.by_bytes:
            terms = None if self._field is None else segment.reader.terms(self._field.path)
            if terms is None:
                return self._direct(0)
            at, _ = terms.range(value, None)
            held = at < terms.count and terms.term(at) == value
            return self._direct(2 * at if held else 2 * at - 1)
        if isinstance(value, float) or self.key.field == "_score":
            return self._direct(int(ordered_bits(np.array([value], np.float64))[0]))
        return self._direct(min(max(int(value), LEAST), GREATEST))

    def _direct(self, key: int) -> int:
        return ~key if self.key.descending else key

    def rank(self, values: Sequence[Any]) -> I64:
        """int64 keys that ascend in the wanted order, of raw values of any segments."""
        present = sorted({v for v in values if v is not None})
        place = {v: i for i, v in enumerate(present)}
        missing = self._missing_key()
        return np.array([missing if v is None else self._direct(place[v]) for v in values], np.int64)


_TEXT_MESSAGE: Final = (
    "Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these "
    "operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [{field}] in order "
    "to load field data by uninverting the inverted index. Note that this can use significant memory."
)


def reduced(values: NDArray[Any], starts: I64, documents: NDArray[np.uint32], mode: str) -> NDArray[Any]:
    """One value for each document by a sort mode; 0 where it has none. Values of a document ascend.

    Whole averages and medians are rounded half up, as Elasticsearch rounds them.
    """
    first, end = starts[documents], starts[documents.astype(np.int64) + 1]
    some = end > first
    out = np.zeros(len(documents), values.dtype)
    first, end = first[some], end[some]
    if mode in {"min", "max"}:
        out[some] = values[first if mode == "min" else end - 1]
        return out
    if mode == "median":
        found = (values[(first + end - 1) // 2] + values[(first + end) // 2]) / 2
    else:
        edges = np.stack([first, end], axis=1).ravel()
        found = np.add.reduceat(np.append(values, values.dtype.type(0)), edges)[::2] if len(edges) else values[:0]
        if mode == "avg":
            found = found / (end - first)
    out[some] = found if values.dtype != np.int64 or mode == "sum" else np.floor(found + 0.5)
    return out


def ordered_bits(values: NDArray[Any]) -> I64:
    """int64 that order as the values do: whole numbers themselves, float64 by their bits (-0.0 before 0.0)."""
    if values.dtype == np.int64:
        return values.astype(np.int64)
    bits = values.astype(np.float64).view(np.int64)
    flipped: I64 = bits ^ ((bits >> 63) & GREATEST)
    return flipped
