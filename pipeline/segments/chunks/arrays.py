"""A stored segment as a mapping of arrays: each is read, checked and joined when it is first asked for."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from pipeline.kernels.arrays import frozen
from pipeline.rocks.ports import Store
from pipeline.segments.chunks.cache import ArrayCache, CacheKey
from pipeline.segments.chunks.damage import Damage
from pipeline.segments.chunks.keys import chunk_key
from pipeline.segments.chunks.pieces import padded, read_chunks
from pipeline.segments.format import Array
from pipeline.segments.manifest import StoredArray, StoredSegment
from schemas.errors import SedimentError
from schemas.limits import CHUNK_BYTES

Bytes = NDArray[np.uint8]


class StoredArrays(Mapping[str, Array]):
    """Arrays of one stored segment, equal to those it was made from; any thread may read.

    An array lies in memory with READABLE_PAD_BYTES zero bytes before and after it. Nobody may write to it. While this object lives,
    the segment's chunks stay in the store, also where the segment was dropped.
    """

    def __init__(
        self, stored: StoredSegment, store: Store, cache: ArrayCache, space: int, damage: Damage | None = None
    ) -> None:
        self._stored = stored
        self._arrays = {array.name: array for array in stored.arrays}
        self._keys = {name: CacheKey(space, stored.meta.id, name) for name in self._arrays}
        self._store = store
        self._cache = cache
        self._space = space
        self._damage = damage or Damage()

    @override
    def __getitem__(self, name: str) -> Array:
        """Raises KeyError for a name the segment does not have, DAMAGED where its bytes are not what was written."""
        key = self._keys[name]
        found = self._cache.find(key)
        return found if found is not None else self._read(key, partial(self._load, self._arrays[name]))

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    @override
    def __len__(self) -> int:
        return len(self._arrays)

    def read_range(self, name: str, start: int, end: int) -> Bytes:
        """``self[name][start:end]`` of a uint8 array, reading no more than the chunks that hold it."""
        array = self._arrays[name]
        assert array.dtype == "|u1"
        assert 0 <= start <= end <= array.nbytes
        whole = self._cache.find(CacheKey(self._space, self._stored.meta.id, name))
        if whole is not None:
            return whole[start:end]
        first, last = start // CHUNK_BYTES, max(end - 1, start) // CHUNK_BYTES
        if start == end:
            return padded(0)
        if first == last:
            return self._chunk(array, first)[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES]
        data = padded(end - start)
        for number in range(first, last + 1):
            low, high = max(start, number * CHUNK_BYTES), min(end, (number + 1) * CHUNK_BYTES)
            base = number * CHUNK_BYTES
            data[low - start : high - start] = self._chunk(array, number)[low - base : high - base]
        return data

    def _load(self, array: StoredArray) -> Array:
        segment = self._stored.meta.id
        key_of = partial(chunk_key, segment, array.name)
        what = f"array {array.name} of segment {segment}"
        itemsize = np.dtype(array.dtype).itemsize
        data = read_chunks(
            self._store, key_of, array.crcs, array.nbytes, what=what, encoding=array.encoding, itemsize=itemsize
        )
        return frozen(data.view(array.dtype).reshape(array.shape))

    def _chunk(self, array: StoredArray, number: int) -> Bytes:
        key = CacheKey(self._space, self._stored.meta.id, array.name, number)
        found = self._cache.find(key)
        return found if found is not None else self._read(key, partial(self._load_chunk, array, number))

    def _load_chunk(self, array: StoredArray, number: int) -> Bytes:
        segment, start = self._stored.meta.id, number * CHUNK_BYTES
        return read_chunks(
            self._store,
            lambda _: chunk_key(segment, array.name, number),
            array.crcs[number : number + 1],
            min(CHUNK_BYTES, array.nbytes - start),
            what=f"array {array.name} from byte {start} of segment {segment}",
            encoding=array.encoding,
        )

    def _read(self, key: CacheKey, load: Callable[[], Array]) -> Array:
        try:
            return self._cache.get(key, load)
        except SedimentError as error:
            self._damage.report(error)
            raise
