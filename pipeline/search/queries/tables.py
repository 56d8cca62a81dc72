"""Where the arrays of a view's fields lie, a row of addresses for each segment, and what is known of their terms.

Built once for a view and field. A term's lookup, and so its live count, is one call for all segments; only segments with dead rows
are asked one by one for the count (``SegmentQueries.live_df``, which remembers it beyond the view).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.kernels import limit_kernels as limits
from pipeline.search.kernels import view_kernels as columns
from pipeline.search.kernels.view_kernels import find_terms
from schemas.limits import READABLE_PAD_BYTES
from schemas.mapping import FieldType
from schemas.results import FieldStatistics

if TYPE_CHECKING:
    from pipeline.search.queries.evaluate import SegmentQueries

I64 = NDArray[np.int64]
KEPT_MAX: Final = 512  # lookups a field
KEPT_CELLS_MAX: Final = 256  # terms times segments of one that is kept
ZONED_MIN: Final = 1 << 13  # documents of a segment whose zones are worth finding
LOOKED_AT: Final = [
    limits.KIND, limits.VALUES, limits.STARTS, limits.PRESENT, limits.WIDTH, limits.ZONE_LEAST, limits.ZONE_MOST,
    limits.ZONE_LACKS,
]  # fmt: skip
_PAD: Final = bytes(READABLE_PAD_BYTES)


@dataclass(slots=True)
class Found:
    """Some terms of a field: where their postings are, as ``view_kernels`` takes it, and how many live documents have each."""

    postings: I64
    counts: list[int]


class FieldTable:
    """One field in all segments of a view. ``rows`` int64[segments, COLUMNS]: see ``view_kernels``."""

    def __init__(self, path: str, segments: Sequence["SegmentQueries"]) -> None:
        self.path = path
        self.rows = np.zeros((len(segments), columns.COLUMNS), np.int64)
        self.is_boolean = False
        self._segments = segments
        self._kept: list[object] = []  # the arrays whose addresses are in the table
        self._found: dict[tuple[bytes, ...], Found] = {}
        self._statistics: FieldStatistics | None = None
        self._dirty: list[tuple[int, SegmentQueries]] = []
        self._column: I64 | None = None
        for place, segment in enumerate(segments):
            field = segment.reader.field(path)
            if field is not None:
                self.is_boolean |= field.type == FieldType.BOOLEAN
                self._fill(place, segment)

    def _fill(self, place: int, segment: "SegmentQueries") -> None:
        terms, postings = segment.terms(self.path), segment.postings(self.path)
        if terms is None or postings is None:
            return
        arrays: dict[int, NDArray[Any]] = {
            columns.DATA: postings.data, columns.LAST: postings.block_last, columns.OFFSET: postings.block_offset,
            columns.BITS: postings.block_bits, columns.IMPACT: postings.block_impact,
            columns.NORMS: segment.norms(self.path), columns.OFFSETS: segment.reader.offsets(),
            columns.TERMS: terms.data, columns.TERM_STARTS: terms.starts,
            columns.BLOCK_TERM: postings.block_term, columns.FREQUENCY: postings.df,
        }  # fmt: skip
        arrays[columns.GUIDE] = guide = segment.guide(self.path, terms)
        if segment.view.dead:
            arrays[columns.ALIVE] = segment.view.alive
            self._dirty.append((place, segment))
        row = self.rows[place]
        for column, array in arrays.items():
            assert array.flags.c_contiguous
            row[column] = address(array)
        row[columns.DATA_SIZE], row[columns.BLOCKS] = len(postings.data), len(postings.block_last)
        row[columns.TERM_BYTES], row[columns.TERM_COUNT] = len(terms.data), terms.count
        row[columns.GUIDE_SIZE] = len(guide)
        row[columns.DOCUMENTS], row[columns.NUMBER] = segment.size, segment.number
        self._kept.append(arrays)

    def find(self, terms: tuple[bytes, ...]) -> Found:
        """The terms' blocks and live counts."""
        found = self._found.get(terms)
        if found is None:
            found = self._look_up(terms)
            if len(terms) * len(self._segments) <= KEPT_CELLS_MAX:
                if len(self._found) >= KEPT_MAX:
                    self._found.clear()
                self._found[terms] = found
        return found

    def _look_up(self, terms: tuple[bytes, ...]) -> Found:
        postings = np.zeros((len(terms), columns.FOUND + columns.CELLS * len(self._segments)), np.int64)
        if self.is_boolean:
            return Found(postings, [sum(s.live_df(self.path, term) for s in self._segments) for term in terms])
        if len(terms) == 1:
            text = terms[0] + _PAD
            postings[0, columns.LENGTH] = len(terms[0])
        else:
            text = b"".join((*terms, _PAD))
            postings[:, columns.LENGTH] = list(map(len, terms))
        find_terms(self.rows, np.frombuffer(text, np.uint8), postings)
        counts = postings[:, columns.COUNT].tolist()
        for place, segment in self._dirty:
            for at, term in enumerate(terms):
                df = postings.item(at, columns.FOUND + columns.CELLS * place + 2)
                if df:
                    counts[at] += segment.live_df(self.path, term) - df
        return Found(postings, counts)

    @property
    def column(self) -> I64:
        """int64[segments, len(LOOKED_AT)]: the column of values or ordinals as ``limit_kernels`` looks at it; NEVER where there is none."""
        rows = self._column
        if rows is None:
            rows = np.zeros((len(self._segments), len(LOOKED_AT)), np.int64)
            for place, segment in enumerate(self._segments):
                rows[place] = self._looked_at(segment)
            self._column = rows
        return rows

    def _looked_at(self, segment: "SegmentQueries") -> list[int]:
        numbers, ordinals = segment.reader.numbers(self.path), segment.reader.ordinals(self.path)
        zones = [0, 0, 0]
        if segment.size >= ZONED_MIN:
            known = segment.columns.zones_of(self.path)
            if known is not None:
                zones = self._addresses(known.least, known.most, known.lacking)
        if numbers is not None:
            whole = numbers.values.dtype == np.int64
            arrays = self._addresses(numbers.values, numbers.starts, numbers.present)
            return [limits.WHOLE, *arrays, 0, *zones] if whole else [limits.FRACTION, *arrays, 0, 0, 0, 0]
        if ordinals is None:
            return [limits.NEVER] + [0] * (len(LOOKED_AT) - 1)
        codes = segment.columns.codes(self.path)
        values, present = (ordinals.ordinals, ordinals.present) if codes is None else (codes.values, None)
        return [limits.ORDINAL, *self._addresses(values, ordinals.starts, present), values.itemsize, *zones]

    def _addresses(self, *arrays: NDArray[Any] | None) -> list[int]:
        """Where arrays lie, which are kept; 0 for one that is not there."""
        self._kept.append(arrays)
        assert all(array is None or array.flags.c_contiguous for array in arrays)
        return [0 if array is None else address(array) for array in arrays]

    @property
    def statistics(self) -> FieldStatistics:
        """Live documents with the field, and their tokens."""
        total = self._statistics
        if total is None:
            total = FieldStatistics()
            for segment in self._segments:
                total = total.plus(segment.live_field(self.path))
            self._statistics = total
        return total


class Tables:
    """The fields of a view, each as it is first asked for. ``segments``: in the order of their offsets."""

    def __init__(self, segments: Sequence["SegmentQueries"]) -> None:
        self.segments = segments
        self._fields: dict[str, FieldTable] = {}

    def field(self, path: str) -> FieldTable:
        """The table of a field, known to the segments or not."""
        table = self._fields.get(path)
        if table is None:
            table = self._fields[path] = FieldTable(path, self.segments)
        return table


def address(array: NDArray[Any]) -> int:
    """Where an array's bytes lie. The array must be kept alive while they are read."""
    found: int = array.__array_interface__["data"][0]
    return found
