"""Compound keys as byte strings that order as the keys do, so that they are merged like any names.

Each part is a piece: a byte for its kind, then its value so that bytes order as values do; pieces of one part never begin one another.

    whole number   10, 8 bytes, greatest first, of the number with its sign turned around
    fraction       20, 8 bytes of its bits, made to order as ``kernels.zone_kernels`` does
    text, address  30, its bytes, each 00 followed by FF, then 00 01
    none           00 where it comes first, FF where it comes last

A part whose order descends has the complement of every byte, but for none.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

from pipeline.search.aggregations.partials import Shown

WHOLE, FRACTION, TEXT = 0x10, 0x20, 0x30
NONE_FIRST, NONE_LAST = b"\x00", b"\xff"
_SIGN: Final = 1 << 63
_MASK: Final = (1 << 64) - 1
_TURNED: Final = bytes(range(255, -1, -1))


def piece_of(value: Any, *, descending: bool, missing_first: bool) -> bytes:
    """A part's bytes: of an int, a float, bytes, or None."""
    if value is None:
        return NONE_FIRST if missing_first else NONE_LAST
    if isinstance(value, bytes):
        piece = bytes([TEXT]) + value.replace(b"\x00", b"\x00\xff") + b"\x00\x01"
    elif isinstance(value, float):
        (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))
        piece = bytes([FRACTION]) + struct.pack(">Q", bits ^ (_MASK if bits & _SIGN else _SIGN))
    else:
        piece = bytes([WHOLE]) + struct.pack(">Q", (value + _SIGN) & _MASK)
    return piece.translate(_TURNED) if descending else piece


def values_of(key: bytes, parts: Sequence[Shown]) -> list[Any]:
    """The values of a compound key."""
    found: list[Any] = []
    at = 0
    for part in parts:
        value, at = _read(key, at, descending=part.descending)
        found.append(value)
    return found


def _read(key: bytes, at: int, *, descending: bool) -> tuple[Any, int]:
    if key[at : at + 1] in {NONE_FIRST, NONE_LAST}:
        return None, at + 1
    rest = key[at : at + 9].translate(_TURNED) if descending else key[at : at + 9]
    kind = rest[0]
    if kind == TEXT:
        whole = key[at + 1 :].translate(_TURNED) if descending else key[at + 1 :]
        end = whole.index(b"\x00\x01")
        return whole[:end].replace(b"\x00\xff", b"\x00"), at + 1 + end + 2
    (bits,) = struct.unpack(">Q", rest[1:9])
    if kind == WHOLE:
        return bits - _SIGN, at + 9
    (value,) = struct.unpack(">d", struct.pack(">Q", bits ^ (_SIGN if bits & _SIGN else _MASK)))
    return value, at + 9
