"""Columns of a batch: what the JSON scanner hands to the segment builder, field by field.

Rows are numbers of the documents in the batch, ascending; a row may occur several times (arrays) or not at
all (the field is absent or null).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.records import ByteColumn

I32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BytesValues:
    """Values of a text or keyword field (UTF-8), or of an ip field (16 bytes each, IPv4 mapped into IPv6).

    ``rows`` int32[v] ascending; ``values`` holds v byte strings, READABLE_PAD_BYTES readable (zero) bytes before and after.
    """

    rows: I32
    values: ByteColumn


@dataclass(frozen=True, slots=True)
class NumberValues:
    """Values of a numeric, date (ms since 1970) or boolean (0/1) field: int64[v] or float64[v] beside ``rows`` int32[v]."""

    rows: I32
    values: NDArray[np.int64] | NDArray[np.float64]


Values = BytesValues | NumberValues


@dataclass(frozen=True, slots=True)
class Reject:
    """A document that cannot be indexed: why, and where in it (byte position, -1 where unknown)."""

    row: int
    code: str  # mapper_parsing, strict_dynamic_mapping, illegal_argument, ...
    reason: str  # for a person; names the field and shows a preview of the value, as Elasticsearch does
    field: str = ""
    position: int = -1
    cause: str = ""  # what Elasticsearch would show as ``caused_by``


@dataclass(frozen=True, slots=True)
class NewField:
    """A path that the mapping does not know, seen first in ``row``; ``definition`` is what Elasticsearch would infer
    from that row's value, in REST form (``{"type": "long"}``, ``{"type": "text", "fields": {"keyword": …}}``).
    """

    row: int
    path: str
    definition: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Extracted:
    """All fields of a batch. Rows in ``rejects`` have no values in ``columns`` that anyone may rely on.

    ``new_fields``: unknown paths with a value in a row that is not rejected, ordered by (row, position); only where the
    mapping's dynamic setting there is ``true``. The caller gets their mapping decided and extracts again. ``proposals``: the same of
    every such row, not only of the first that has a path.
    """

    columns: Mapping[str, Values]
    rejects: Sequence[Reject]
    new_fields: Sequence[NewField] = field(default_factory=tuple)
    proposals: Callable[[], Sequence[NewField]] = field(default=tuple, compare=False, repr=False)
