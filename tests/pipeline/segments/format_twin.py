"""A reader of stored partitions written from docs/internals/segments.md alone: bytes in, plain Python out.

Nothing of ours is imported and nothing is quick: no numpy, one value at a time. What it reads of a store is a mapping from keys
to values.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import zstandard

CHUNK = 256 * 1024
SIZES = {"u1": 1, "b1": 1, "u2": 2, "u4": 4, "u8": 8, "i4": 4, "i8": 8, "f8": 8}
CODES = {"u1": "B", "b1": "?", "u2": "H", "u4": "I", "u8": "Q", "i4": "i", "i8": "q", "f8": "d"}
NO_ORDINAL = 0xFFFFFFFF


def unframed(data: bytes, magic: bytes) -> tuple[int, Any]:
    """Format version and content of the manifest or of a descriptor."""
    assert data[:4] == magic
    assert struct.unpack("<I", data[5:9])[0] == zlib.crc32(data[4:5] + data[9:])
    return data[4], msgspec.msgpack.decode(data[9:])


def content_of(stored: bytes, encoding: str, size: int) -> bytes:
    """A chunk's own bytes."""
    if encoding == "":
        return stored
    plain = zstandard.ZstdDecompressor().decompress(stored)
    if encoding == "zstd":
        return plain
    assert encoding == "deltas"
    count, word, out = len(plain) // size, 0, b""
    for i in range(count):
        difference = sum(plain[k * count + i] << (8 * k) for k in range(size))
        word = (word + difference) % (1 << (8 * size))
        out += word.to_bytes(size, "little")
    return out


@dataclass
class Posting:
    """A document of a term."""

    document: int
    frequency: int
    positions: list[int]


class Segment:
    """One segment: its descriptor and the numbers of its arrays."""

    def __init__(self, store: Mapping[bytes, bytes], name: str) -> None:
        _, content = unframed(store[b"d" + name.encode()], b"SDSG")
        self.meta = content["meta"]
        self._store, self._name = store, name
        self._described = {one["name"]: one for one in content["arrays"]}

    def has(self, array: str) -> bool:
        """Whether the segment has it."""
        return array in self._described

    def raw(self, array: str) -> bytes:
        """All its bytes, its chunks one after another."""
        one = self._described[array]
        size, out = SIZES[one["dtype"][1:]], b""
        for number, checksum in enumerate(one["crcs"]):
            key = b"c" + self._name.encode() + array.encode() + b"\0" + struct.pack(">I", number)
            assert zlib.crc32(self._store[key]) == checksum
            out += content_of(self._store[key], one["encoding"], size)
            assert len(out) <= (number + 1) * CHUNK
        return out

    def numbers(self, array: str) -> list[Any]:
        """Its numbers, in order; of several dimensions row by row."""
        kind, data = self._described[array]["dtype"][1:], self.raw(array)
        count = len(data) // SIZES[kind]
        return list(struct.unpack(f"<{count}{CODES[kind]}", data))

    def texts(self, prefix: str) -> list[bytes]:
        """Values of a pair of arrays, data and starts."""
        data, starts = self.raw(f"{prefix}/data"), self.numbers(f"{prefix}/starts")
        return [data[begin:end] for begin, end in pairwise(starts)]

    def sources(self) -> list[bytes]:
        """Every document's source."""
        data, blocks = self.raw("source/data"), self.numbers("source/blocks")
        whole = b"".join(
            zstandard.ZstdDecompressor().decompress(data[begin:end]) if end > begin else b""
            for begin, end in pairwise(blocks)
        )
        starts = self.numbers("source/starts")
        return [whole[begin:end] for begin, end in pairwise(starts)]

    def prefix(self, path: str) -> str:
        """What the arrays of a field begin with."""
        return f"f{next(f['number'] for f in self.meta['fields'] if f['path'] == path)}"

    def values(self, path: str) -> list[list[Any]]:
        """Of each document, the values of a number's column or the terms of a keyword's."""
        at = self.prefix(path)
        terms = self.texts(f"{at}/terms") if self.has(f"{at}/ordinals") else []
        slots = self.numbers(f"{at}/ordinals" if terms else f"{at}/values")
        present = self.numbers(f"{at}/present") if self.has(f"{at}/present") else [1] * self.meta["documents"]
        starts = self.numbers(f"{at}/starts") if self.has(f"{at}/starts") else list(range(len(present) + 1))
        return [
            [terms[one] if terms else one for one in slots[begin:end]] if here else []
            for here, begin, end in zip(present, starts, starts[1:], strict=False)
        ]

    def postings(self, path: str) -> dict[bytes, list[Posting]]:
        """Of each term, its documents with frequencies and positions."""
        at = self.prefix(path)
        first, df = self.numbers(f"{at}/block/term"), self.numbers(f"{at}/df")
        last, offset, bits = (self.numbers(f"{at}/block/{name}") for name in ("last", "offset", "bits"))
        data = self.raw(f"{at}/postings")
        found: dict[bytes, list[Posting]] = {}
        for number, term in enumerate(self.texts(f"{at}/terms")):
            held: list[Posting] = []
            for block in range(first[number], first[number + 1]):
                before = -1 if block == first[number] else last[block - 1]
                held += block_of(data[offset[block] :], bits[block], before, last[block])
            assert len(held) == df[number]
            found[term] = held
        return found


def run_of(data: bytes, width: int, count: int) -> tuple[list[int], int]:
    """So many values of so many bits, and the bytes that they take."""
    length = (count * width + 7) // 8
    whole = int.from_bytes(data[:length], "little")
    return [(whole >> (i * width)) & ((1 << width) - 1) for i in range(count)], length


def block_of(data: bytes, bits: int, before: int, last: int) -> list[Posting]:
    """A block's postings."""
    count, widths = (bits & 0xFF) + 1, [(bits >> shift) & 0xFF for shift in (8, 16, 24)]
    gaps, at = run_of(data, widths[0], count)
    frequencies, taken = run_of(data[at:], widths[1], count)
    frequencies = [one + 1 for one in frequencies]
    places, _ = run_of(data[at + taken :], widths[2], sum(frequencies))
    if count == 1:
        gaps = [last - before - 1]
    found: list[Posting] = []
    for gap, frequency in zip(gaps, frequencies, strict=True):
        before += gap + 1
        positions, places = places[:frequency], places[frequency:]
        found.append(Posting(before, frequency, [sum(positions[: i + 1]) for i in range(frequency)]))
    assert found[-1].document == last
    return found


class Partition:
    """A whole store, from its manifest on."""

    def __init__(self, store: Mapping[bytes, bytes]) -> None:
        _, self.manifest = unframed(store[b"m"], b"SDMF")
        self._store = store

    def segments(self) -> Sequence[tuple[Segment, list[bool]]]:
        """The live segments, each with which of its rows are alive."""
        found = []
        for one in self.manifest["segments"]:
            assert zlib.crc32(self._store[b"d" + one["id"].encode()]) == one["descriptor_crc"]
            segment = Segment(self._store, one["id"])
            alive = [True] * segment.meta["documents"]
            if one["alive"] is not None:
                mask = self._blob(one["alive"]["blob"])
                alive = [bool(mask[row // 8] >> (row % 8) & 1) for row in range(len(alive))]
                assert alive.count(False) == one["alive"]["dead"]
            found.append((segment, alive))
        return found

    def _blob(self, ref: Mapping[str, Any]) -> bytes:
        out = b""
        for number, checksum in enumerate(ref["crcs"]):
            chunk = self._store[b"b" + ref["id"].encode() + struct.pack(">I", number)]
            assert zlib.crc32(chunk) == checksum
            out += chunk
        assert len(out) == ref["length"]
        return out
