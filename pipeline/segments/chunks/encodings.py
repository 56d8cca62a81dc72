"""How the bytes of an array's chunk lie in the store (``pipeline.segments.format.Encoding``), chosen by array.

The choice is a matter of space only. An array's name and type decide what is tried; where that saves less than a tenth of the
first chunk, the array stays raw.
"""

from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from pipeline.kernels.arrays import frozen
from pipeline.segments.chunks.encode_kernels import planes_of_differences, words_of_planes
from pipeline.segments.format import Encoding
from schemas.errors import damaged
from schemas.limits import CHUNK_BYTES

U8 = NDArray[np.uint8]
LEVEL: Final = 1
WORTH: Final = 0.9  # of the bytes it had
BYTES_MIN: Final = 256  # below it nothing is tried
PACKED: Final = frozenset({"postings", "source/data", "source/hash"})  # whole names, or what follows a field's number


def choose(name: str, dtype: np.dtype[np.generic], data: U8) -> Encoding:
    """The encoding of an array of this name and type, whose bytes these are."""
    within = name.partition("/")[2] if name[:1] == "f" and name[1:2].isdigit() else name
    if within in PACKED or len(data) < BYTES_MIN:
        return Encoding.RAW
    tried = Encoding.DELTAS if dtype.itemsize in {2, 4, 8} else Encoding.ZSTD
    first = data[:CHUNK_BYTES]
    return tried if len(encode(first, tried, dtype.itemsize)) < WORTH * len(first) else Encoding.RAW


def encode(chunk: U8, encoding: Encoding, itemsize: int) -> bytes:
    """A chunk's bytes, uint8[n], as they are stored."""
    if encoding is Encoding.RAW:
        return chunk.tobytes()
    content = chunk
    if encoding is Encoding.DELTAS:
        content = np.empty(len(chunk), np.uint8)
        planes_of_differences(frozen(chunk.view(f"<u{itemsize}")), content)
    return zstandard.ZstdCompressor(level=LEVEL).compress(np.ascontiguousarray(content).data)


def decode(stored: bytes, encoding: Encoding, itemsize: int, out: U8) -> None:
    """Fill ``out``, uint8[n], with the chunk's bytes. Raises DAMAGED where they are not so many."""
    if encoding is Encoding.RAW:
        content = np.frombuffer(stored, np.uint8)
    else:
        try:
            content = np.frombuffer(zstandard.ZstdDecompressor().decompress(stored, max_output_size=len(out)), np.uint8)
        except zstandard.ZstdError as error:
            raise damaged(f"a stored chunk cannot be decompressed: {error}") from error
    if len(content) != len(out):
        raise damaged(f"a stored chunk holds {len(content)} bytes instead of {len(out)}")
    if encoding is Encoding.DELTAS:
        words_of_planes(content, out.view(f"<u{itemsize}"))
    else:
        out[:] = content


def warm() -> None:
    """Compile the kernels for words of each size."""
    for itemsize in (2, 4, 8):
        data = np.arange(8, dtype=f"<u{itemsize}").view(np.uint8)
        decode(encode(data, Encoding.DELTAS, itemsize), Encoding.DELTAS, itemsize, np.empty_like(data))
