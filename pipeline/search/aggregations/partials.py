"""What an aggregation of one segment, partition or index is until it is shown: columns over its buckets.

A partial describes *all* buckets of one aggregation, under all buckets of its parent, in a few arrays:
bucket i has the parent's bucket ``parents[i]``, a key and a count. The buckets are sorted by (parent, key),
which makes the form canonical: equal contents are equal partials, so merging is associative and commutative
to the byte. Children are partials whose parents are these bucket numbers. Between processes: dicts of bytes (``to_wire``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.summaries.digests import Digests
from pipeline.search.aggregations.summaries.sketches import Sketches
from pipeline.search.aggregations.summaries.sums import Sums

Array = NDArray[Any]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Keys = NDArray[np.int64] | NDArray[np.float64] | Names
UNIVERSE: Final = -1  # the parent of keys that exist somewhere: for buckets without documents


class Shown(Struct, frozen=True):
    """How keys and values are shown. ``type`` is a field type, "slot" (keys are numbers of given buckets), "compound" or "" (unmapped).

    ``bounds`` are a date histogram's extended bounds in ms; ``labels`` what is shown of each slot; ``parts`` how each part of a
    compound key is shown, and ``descending`` whether this one's order is turned around.
    """

    type: str = ""
    format: str = ""
    zone: str = ""
    bounds: tuple[int, int] | None = None
    labels: tuple[tuple[str | None, float | None, float | None], ...] = ()
    parts: "tuple[Shown, ...]" = ()
    descending: bool = False


class Buckets(Struct, frozen=True):
    """n buckets under p parent buckets, sorted by (parent, key)."""

    parents: I64
    keys: Keys
    counts: I64
    shown: Shown
    children: "Mapping[str, Partial]" = {}


@dataclass(frozen=True, slots=True)
class Values:
    """One row for each of p parent buckets: counts int64[p]; what a metric does not need is None."""

    counts: I64
    shown: Shown
    low: F64 | None = None  # +inf where there is no value
    high: F64 | None = None  # -inf where there is no value
    sums: Sums | None = None
    others: Sums | None = None  # of squares, or of weights
    sketches: Sketches | None = None
    digests: Digests | None = None


@dataclass(frozen=True, slots=True)
class TopRows:
    """The best rows of each of p parent buckets, by (parent, order): totals int64[p] documents, best float64[p] greatest scores (-inf: none).

    places: the number of the partition's answer; segments, documents, offsets: as ``RowHit``. ``values``: raw sort values, None where the
    order is that of scores. ``orders``: (descending, whether rows without a value come first) of each sort key.
    """

    totals: I64
    best: F64
    parents: I64
    places: I64
    segments: I64
    documents: I64
    offsets: I64
    scores: NDArray[np.float32]
    values: list[tuple[Any, ...]] | None
    orders: tuple[tuple[bool, bool], ...]


Partial = Buckets | Values | TopRows


def keys_at(partial: Buckets, numbers: I64) -> list[Any]:
    """The keys of these buckets as Python's values."""
    if isinstance(partial.keys, Names):
        return partial.keys.texts(numbers)
    found: list[Any] = partial.keys[numbers].tolist()
    return found


def owned(partial: Partial) -> Partial:
    """The same, holding on to no arrays of segments: for what is kept."""
    if not isinstance(partial, Buckets):
        return partial
    keys = partial.keys.compact() if isinstance(partial.keys, Names) else partial.keys
    children = {name: owned(child) for name, child in partial.children.items()}
    return Buckets(partial.parents, keys, partial.counts, partial.shown, children)


def size_of(partial: Partial) -> int:
    """About how many bytes it takes."""
    if isinstance(partial, TopRows):
        return 1000 + 200 * len(partial.parents)
    if isinstance(partial, Values):
        return 200 + sum(array.nbytes for array in _arrays(partial).values())
    children = sum(map(size_of, partial.children.values()))
    return int(400 + partial.parents.nbytes + partial.counts.nbytes + partial.keys.nbytes + children)


def _arrays(partial: Values) -> dict[str, Array]:
    """All arrays of a metric's partial by name."""
    found = {"counts": partial.counts}
    for name in ("low", "high"):
        array = getattr(partial, name)
        if array is not None:
            found[name] = array
    for name in _PARTS:
        part = getattr(partial, name)
        for one in fields(part) if part is not None else ():
            value = getattr(part, one.name)
            if isinstance(value, np.ndarray):
                found[f"{name}.{one.name}"] = value
    return found


_PARTS: Final[Mapping[str, type]] = {"sums": Sums, "others": Sums, "sketches": Sketches, "digests": Digests}


def to_wire(partial: Partial) -> dict[str, Any]:
    """The partial as dicts, strings, numbers and bytes."""
    if isinstance(partial, TopRows):
        return {"rows": {name: _pack(array) for name, array in _plain_arrays(partial).items()}, **_plain(partial)}
    shown = partial.shown
    wire: dict[str, Any] = {"shown": _shown_to_wire(shown)}
    if isinstance(partial, Values):
        wire["arrays"] = {name: _pack(array) for name, array in _arrays(partial).items()}
        wire["parts"] = {name: _plain(getattr(partial, name)) for name in _PARTS if getattr(partial, name) is not None}
        return wire
    wire["counts"] = _pack(partial.counts)
    wire["parents"] = _pack(partial.parents)
    keys = partial.keys
    if isinstance(keys, Names):
        tight = keys.compact()
        wire["data"] = tight.data[: tight.starts[-1]].tobytes()
        wire["ends"] = _pack(tight.starts[1:])
    else:
        wire["keys"] = _pack(keys)
    wire["children"] = {name: to_wire(child) for name, child in partial.children.items()}
    return wire


def _shown_to_wire(shown: Shown) -> list[Any]:
    parts = [_shown_to_wire(part) for part in shown.parts]
    return [shown.type, shown.format, shown.zone, shown.bounds, shown.labels, parts, shown.descending]


def _shown_from_wire(wire: Sequence[Any]) -> Shown:
    kind, form, zone, bounds, labels, parts, descending = wire
    given = None if bounds is None else (int(bounds[0]), int(bounds[1]))
    shown = tuple(_shown_from_wire(part) for part in parts)
    return Shown(kind, form, zone, given, tuple((a, b, c) for a, b, c in labels), shown, descending)


def _plain_arrays(part: Any) -> dict[str, Array]:
    values = {one.name: getattr(part, one.name) for one in fields(part)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _plain(part: Any) -> dict[str, Any]:
    """What of a summary is no array."""
    values = {one.name: getattr(part, one.name) for one in fields(part)}
    return {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}


def from_wire(wire: Mapping[str, Any]) -> Partial:
    """The inverse of ``to_wire``."""
    if "rows" in wire:
        arrays = {name: _unpack(packed) for name, packed in wire["rows"].items()}
        values = None if wire["values"] is None else [tuple(row) for row in wire["values"]]
        return TopRows(**arrays, values=values, orders=tuple((bool(d), bool(f)) for d, f in wire["orders"]))
    shown = _shown_from_wire(wire["shown"])
    if "arrays" in wire:
        arrays = {name: _unpack(packed) for name, packed in wire["arrays"].items()}
        parts = {
            part: _PARTS[part](
                **plain, **{n.partition(".")[2]: a for n, a in arrays.items() if n.startswith(part + ".")}
            )
            for part, plain in wire["parts"].items()
        }
        plain: dict[str, Any] = {name: array for name, array in arrays.items() if "." not in name}
        return Values(shown=shown, **plain, **parts)
    names = "data" in wire
    keys: Keys = Names.from_parts(wire["data"], _unpack(wire["ends"])) if names else _unpack(wire["keys"])
    children = {name: from_wire(child) for name, child in wire["children"].items()}
    return Buckets(_unpack(wire["parents"]), keys, _unpack(wire["counts"]), shown, children)


def _pack(array: Array) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes()


def _unpack(packed: tuple[str, tuple[int, ...], bytes]) -> Array:
    dtype, shape, data = packed
    return np.frombuffer(data, np.dtype(dtype)).reshape(shape)
