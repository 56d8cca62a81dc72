"""The stored documents: zstd blocks of SOURCE_BLOCK_DOCS documents, compressed and read without the interpreter lock.

Block b holds documents [16 b, 16 b + 16), their bytes one after another, as one zstd frame at level 1 that carries its content
size. Blocks are cut by document number, never by size, so that the same documents give the same bytes however they came
into the segment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from pipeline.segments.format import SOURCE_BLOCK_DOCS, Array
from schemas.errors import damaged
from schemas.records import ByteColumn

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class Sources:
    """source/blocks and source/starts of ``pipeline.segments.format``; source/data is read piece by piece.

    ``read_data(start, end)`` gives source/data[start:end], so that a few documents do not need the whole array in memory.
    """

    read_data: Callable[[int, int], U8]
    blocks: I64
    starts: I64
    block_docs: int = SOURCE_BLOCK_DOCS

    @property
    def documents(self) -> int:
        """How many."""
        return len(self.starts) - 1

    def read(self, documents: I64) -> list[bytes]:
        """The sources of these documents, in this order; each block is decompressed once."""
        context = zstandard.ZstdDecompressor()  # its memory is as much work to get as a block is to decompress
        numbers = documents // self.block_docs
        # a page is a few rows: plain numbers are quicker than arrays of them, and one look at each array for all rows
        firsts = self.starts[numbers * self.block_docs].tolist()
        ends = self.starts[np.minimum((numbers + 1) * self.block_docs, self.documents)].tolist()
        rows = zip(
            numbers.tolist(), self.starts[documents].tolist(), self.starts[documents + 1].tolist(), firsts, ends,
            self.blocks[numbers].tolist(), self.blocks[numbers + 1].tolist(), strict=True,
        )  # fmt: skip
        buffers: dict[int, bytes] = {}
        found = []
        for number, begin, end, base, last, low, high in rows:
            content = buffers.get(number)
            if content is None:
                content = buffers[number] = _content(number, self.read_data(low, high), last - base, context)
            found.append(content[begin - base : end - base])
        return found

    def frame(self, number: int) -> U8:
        """The compressed bytes of one block."""
        return self.read_data(int(self.blocks[number]), int(self.blocks[number + 1]))

    def block(self, number: int) -> bytes:
        """The uncompressed bytes of one block."""
        first = number * self.block_docs
        last = min(first + self.block_docs, self.documents)
        size = int(self.starts[last] - self.starts[first])
        return _content(number, self.frame(number), size, zstandard.ZstdDecompressor())


def _content(number: int, frame: U8, size: int, context: Any) -> bytes:
    try:
        content: bytes = context.decompress(frame.data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise damaged(f"source block {number} cannot be decompressed: {error}") from error
    if len(content) != size:
        raise damaged(f"source block {number} holds {len(content)} bytes instead of {size}")
    return content


@dataclass(frozen=True, slots=True)
class SourceArrays:
    """The three arrays, made."""

    data: U8
    blocks: I64
    starts: I64

    def fields(self) -> dict[str, Array]:
        """By their names in the segment."""
        return {
            "source/data": self.data,
            "source/blocks": self.blocks,
            "source/starts": self.starts,
        }

    def reader(self) -> Sources:
        """To be read again."""
        return Sources(lambda start, end: self.data[start:end], self.blocks, self.starts)


def write_sources(sources: ByteColumn) -> SourceArrays:
    """Compress the sources of documents 0..n-1."""
    starts = sources.starts - sources.starts[0]
    edges = sources.starts[block_edges(len(sources))]
    frames = compress(sources.data, edges)
    blocks = np.zeros(len(frames) + 1, np.int64)
    np.cumsum([len(f) for f in frames], out=blocks[1:])
    data = np.concatenate(frames) if frames else np.zeros(0, np.uint8)
    return SourceArrays(data, blocks, starts)


def block_edges(documents: int) -> I64:
    """int64[b + 1]: the document each block begins with, and the number of documents."""
    edges = np.arange(0, documents + SOURCE_BLOCK_DOCS, SOURCE_BLOCK_DOCS)
    return np.minimum(edges, documents) if documents else edges[:1]


def compress(data: U8, edges: I64) -> Sequence[U8]:
    """data[edges[b]:edges[b + 1]] as one zstd frame each. Releases the interpreter lock."""
    if len(edges) < 2:
        return []
    segments = np.empty((len(edges) - 1, 2), np.uint64)
    segments[:, 0] = edges[:-1] - edges[0]
    segments[:, 1] = np.diff(edges)
    content = data[edges[0] : edges[-1]]
    if not segments[:, 1].all():  # the library refuses empty segments
        return [_frame(content[int(a) : int(a + n)]) for a, n in segments]
    buffer: Any = zstandard.BufferWithSegments(content.data, segments.tobytes())
    frames: Any = zstandard.ZstdCompressor(level=LEVEL).multi_compress_to_buffer(buffer, threads=0)
    return [np.frombuffer(frames[i], np.uint8) for i in range(len(frames))]


def _frame(content: U8) -> U8:
    return np.frombuffer(zstandard.ZstdCompressor(level=LEVEL).compress(content.data), np.uint8)
