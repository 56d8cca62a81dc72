"""What an aggregation of one segment, partition or index is until it is shown: columns over its buckets.

A partial describes *all* buckets of one aggregation, under all buckets of its parent, in a few arrays:
bucket i has the parent's bucket ``parents[i]``, a key and a count. The buckets are sorted by (parent, key),
which makes the form canonical: equal contents are equal partials, so merging is associative and commutative
to the byte. Children are partials whose parents are these bucket numbers. Between processes: dicts of bytes (``to_wire``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.summaries.sums import Sums

Array = NDArray[Any]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Keys = NDArray[np.int64] | NDArray[np.float64] | Names
UNIVERSE: Final = -1  # the parent of keys that exist somewhere: for buckets without documents


@dataclass(frozen=True, slots=True)
class Shown:
    """How keys and values are shown. ``type`` is a field type, "slot" (keys are numbers of given buckets) or "" (unmapped).

    ``bounds`` are a date histogram's extended bounds in ms; ``labels`` what is shown of each slot.
    """

    type: str = ""
    format: str = ""
    zone: str = ""
    bounds: tuple[int, int] | None = None
    labels: tuple[tuple[str | None, float | None, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Buckets:
    """n buckets under p parent buckets, sorted by (parent, key)."""

    parents: I64
    keys: Keys
    counts: I64
    shown: Shown
    children: "Mapping[str, Partial]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Values:
    """One row for each of p parent buckets: counts int64[p]; what a metric does not need is None."""

    counts: I64
    shown: Shown
    low: F64 | None = None  # +inf where there is no value
    high: F64 | None = None  # -inf where there is no value
    sums: Sums | None = None


Partial = Buckets | Values


def keys_at(partial: Buckets, numbers: I64) -> list[Any]:
    """The keys of these buckets as Python's values."""
    if isinstance(partial.keys, Names):
        return partial.keys.texts(numbers)
    found: list[Any] = partial.keys[numbers].tolist()
    return found


def owned(partial: Partial) -> Partial:
    """The same, holding on to no arrays of segments: for what is kept."""
    if isinstance(partial, Values):
        return partial
    keys = partial.keys.compact() if isinstance(partial.keys, Names) else partial.keys
    children = {name: owned(child) for name, child in partial.children.items()}
    return Buckets(partial.parents, keys, partial.counts, partial.shown, children)


def size_of(partial: Partial) -> int:
    """About how many bytes it takes."""
    if isinstance(partial, Values):
        limbs = 0 if partial.sums is None else partial.sums.limbs.nbytes
        return int(200 + 3 * partial.counts.nbytes + limbs)
    children = sum(map(size_of, partial.children.values()))
    return int(400 + partial.parents.nbytes + partial.counts.nbytes + partial.keys.nbytes + children)


def to_wire(partial: Partial) -> dict[str, Any]:
    """The partial as dicts, strings, numbers and bytes."""
    shown = partial.shown
    wire: dict[str, Any] = {
        "counts": _pack(partial.counts),
        "shown": [shown.type, shown.format, shown.zone, shown.bounds, shown.labels],
    }
    if isinstance(partial, Values):
        for name, array in (("low", partial.low), ("high", partial.high)):
            wire[name] = None if array is None else _pack(array)
        if partial.sums is not None:
            wire["limbs"] = _pack(partial.sums.limbs)
            wire["width"] = partial.sums.limbs.shape[1]
            wire["base"] = partial.sums.base
        return wire
    wire["parents"] = _pack(partial.parents)
    keys = partial.keys
    if isinstance(keys, Names):
        tight = keys.compact()
        wire["data"] = tight.data[: tight.starts[-1]].tobytes()
        wire["ends"] = _pack(tight.starts[1:])
    else:
        wire["keys"] = _pack(keys)
        wire["floats"] = keys.dtype == np.float64
    wire["children"] = {name: to_wire(child) for name, child in partial.children.items()}
    return wire


def from_wire(wire: Mapping[str, Any]) -> Partial:
    """The inverse of ``to_wire``."""
    kind, form, zone, bounds, labels = wire["shown"]
    given = None if bounds is None else (int(bounds[0]), int(bounds[1]))
    shown = Shown(kind, form, zone, given, tuple((a, b, c) for a, b, c in labels))
    counts = _unpack(wire["counts"])
    if "parents" not in wire:
        low, high = (None if wire[n] is None else _unpack_floats(wire[n]) for n in ("low", "high"))
        sums = None
        if "limbs" in wire:
            sums = Sums(_unpack(wire["limbs"]).reshape(len(counts), wire["width"]), wire["base"])
        return Values(counts, shown, low, high, sums)
    keys: Keys
    if "data" in wire:
        keys = Names.from_parts(wire["data"], _unpack(wire["ends"]))
    else:
        keys = _unpack_floats(wire["keys"]) if wire["floats"] else _unpack(wire["keys"])
    children = {name: from_wire(child) for name, child in wire["children"].items()}
    return Buckets(_unpack(wire["parents"]), keys, counts, shown, children)


def _pack(array: Array) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _unpack(data: bytes) -> I64:
    return np.frombuffer(data, np.int64)


def _unpack_floats(data: bytes) -> F64:
    return np.frombuffer(data, np.float64)
