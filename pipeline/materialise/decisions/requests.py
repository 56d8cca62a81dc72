"""Request ids: a retried write is decided once, by the partition, in log order, within a window of offsets."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.limits import REQUEST_IDS_KEPT_OFFSETS
from schemas.outcomes import WriteError


class Decided(NamedTuple):
    """What the first request came to."""

    offset: int
    result: int
    seq_no: int
    version: int
    error: WriteError | None = None


_Entry = tuple[bytes, int, int, int, int, WriteError | None]


class RequestWindow:
    """Request ids of recent offsets and their outcomes. How far back it looks counts in offsets, never in time."""

    def __init__(self, kept: int = REQUEST_IDS_KEPT_OFFSETS) -> None:
        self._kept = kept
        self._known: dict[bytes, Decided] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, request_id: bytes, offset: int) -> Decided | None:
        """The outcome of an earlier record with this request id, if it lies within the window before ``offset``."""
        known = self._known.get(request_id)
        if known is None or offset - known.offset > self._kept:
            return None
        return known

    def remember(
        self,
        request_ids: Mapping[int, bytes],
        offsets: NDArray[np.int64],
        results: NDArray[np.uint8],
        seq_nos: NDArray[np.int64],
        versions: NDArray[np.int64],
        errors: Mapping[int, WriteError],
    ) -> None:
        """Keep the outcomes of the rows that carry a request id; ``errors`` by row."""
        for row, request_id in request_ids.items():
            offset = int(offsets[row])
            if self.find(request_id, offset) is None:
                self._known.pop(request_id, None)
                self._known[request_id] = Decided(
                    offset, int(results[row]), int(seq_nos[row]), int(versions[row]), errors.get(row)
                )
        if len(request_ids) and len(offsets):
            self._forget(int(offsets[-1]))

    def _forget(self, newest: int) -> None:
        """Entries are in order of offset: the oldest leave first."""
        while self._known:
            first = next(iter(self._known))
            if newest - self._known[first].offset <= self._kept:
                return
            del self._known[first]

    def encode(self) -> bytes:
        """As bytes for the committed state."""
        return msgspec.msgpack.encode([(key, *known) for key, known in self._known.items()])

    @staticmethod
    def decode(data: bytes, kept: int = REQUEST_IDS_KEPT_OFFSETS) -> "RequestWindow":
        """From committed bytes."""
        window = RequestWindow(kept)
        if data:
            for key, offset, result, seq_no, version, error in msgspec.msgpack.decode(data, type=list[_Entry]):
                window._known[key] = Decided(offset, result, seq_no, version, error)
        return window
