"""What was decided for recent offsets: the API reads its answers here, also after a restart.

A ring by offset: columns of ``capacity`` slots, offset o in slot o mod capacity. The newest ``OUTCOMES_KEPT`` of them and the
errors among them are part of the committed state. One worker writes; readers take copies under the lock.
"""

import threading
import time
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.ids import LogOffset
from schemas.limits import OUTCOMES_KEPT
from schemas.outcomes import WriteError

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
CAPACITY = 1 << 18


class Outcomes:
    """Outcomes of one partition, by offset."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        assert capacity >= OUTCOMES_KEPT
        self._capacity = capacity
        self._offset = np.full(capacity, -1, np.int64)
        self._result = np.zeros(capacity, np.uint8)
        self._seq_no = np.zeros(capacity, np.int64)
        self._version = np.zeros(capacity, np.int64)
        self._errors: dict[int, WriteError] = {}
        self._applied = LogOffset(0)
        self._stopped: str | None = None
        self._successor: Outcomes | None = None
        self._changed = threading.Condition()

    @property
    def applied(self) -> LogOffset:
        """Records below this offset are decided."""
        return self._applied

    def add(self, offsets: I64, results: U8, seq_nos: I64, versions: I64, errors: Mapping[int, WriteError]) -> None:
        """Outcomes of a run; ``errors`` by offset. Not visible to waiters before ``advance``."""
        with self._changed:
            slots = offsets % self._capacity
            self._offset[slots] = offsets
            self._result[slots] = results
            self._seq_no[slots] = seq_nos
            self._version[slots] = versions
            self._errors.update(errors)
            if len(self._errors) > OUTCOMES_KEPT and len(offsets):
                horizon = int(offsets[-1]) - self._capacity
                self._errors = {o: e for o, e in self._errors.items() if o > horizon}

    def advance(self, applied: LogOffset) -> None:
        """Everything below this offset is decided: wake up who waits."""
        with self._changed:
            self._applied = applied
            self._changed.notify_all()

    def stop(self, reason: str) -> None:
        """The partition has stopped: nobody waits in vain."""
        with self._changed:
            self._stopped = reason
            self._changed.notify_all()

    def resume(self) -> None:
        """The partition goes on."""
        with self._changed:
            self._stopped = None

    def hand_to(self, successor: "Outcomes") -> None:
        """Another worker has taken this one's place: who waits here, or asks, is answered there."""
        with self._changed:
            self._successor = successor
            self._changed.notify_all()

    def wait(self, below: LogOffset, timeout_s: float) -> bool:
        """Wait until everything below an offset is decided; False when it was not in time or the partition stopped."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._changed.wait_for(
                lambda: self._applied >= below or self._stopped is not None or self._successor is not None, timeout_s
            )
            if self._successor is None:  # else what this one still applies is not yet there where it is looked for
                return self._applied >= below
        return self._successor.wait(below, max(0.0, deadline - time.monotonic()))

    def of(self, offsets: I64) -> tuple[U8, I64, I64, dict[int, WriteError]]:
        """(results, sequence numbers, versions, errors by offset) of the given offsets; 0 (pending) where unknown."""
        if self._successor is not None:
            return self._successor.of(offsets)
        with self._changed:
            slots = offsets % self._capacity
            known = self._offset[slots] == offsets
            results = np.where(known, self._result[slots], 0).astype(np.uint8)
            errors = {
                int(o): self._errors[int(o)] for o in offsets[np.isin(results, (6, 7, 8))] if int(o) in self._errors
            }
            return results, self._seq_no[slots].copy(), self._version[slots].copy(), errors

    def encode(self) -> bytes:
        """The newest outcomes as bytes for the committed state."""
        with self._changed:
            newest = np.sort(self._offset[self._offset >= max(0, self._applied - OUTCOMES_KEPT)])
            newest = newest[newest < self._applied]
            slots = newest % self._capacity
            errors = {o: self._errors[o] for o in newest.tolist() if o in self._errors} if self._errors else {}
            columns = (newest, self._result[slots], self._seq_no[slots], self._version[slots])
            return msgspec.msgpack.encode([*(c.tobytes() for c in columns), errors])

    @staticmethod
    def decode(data: bytes, applied: LogOffset) -> "Outcomes":
        """From committed bytes; ``applied`` is the committed offset."""
        outcomes = Outcomes()
        outcomes._applied = applied
        if data:
            offsets, results, seq_nos, versions, errors = msgspec.msgpack.decode(
                data, type=tuple[bytes, bytes, bytes, bytes, dict[int, WriteError]]
            )
            outcomes.add(
                np.frombuffer(offsets, np.int64),
                np.frombuffer(results, np.uint8),
                np.frombuffer(seq_nos, np.int64),
                np.frombuffer(versions, np.int64),
                errors,
            )
        return outcomes
