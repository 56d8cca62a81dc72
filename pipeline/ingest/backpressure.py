"""Refuse early: how many bytes of writes are on their way, and the bound above which more are refused."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from schemas.errors import ErrorKind, SedimentError

RETRY_AFTER_S = 1


class InFlight:
    """Counts bytes between a request's arrival and its answer. Thread-safe. ``refused`` is called for each request that is too much."""

    def __init__(self, bytes_max: int, refused: Callable[[], None] = lambda: None) -> None:
        self._bytes_max = bytes_max
        self._refused = refused
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Bytes in flight now."""
        return self._bytes

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Hold ``size`` bytes for the duration of the block. Raises OVERLOADED; a single request larger than the bound
        is admitted when nothing else is in flight, else it could never be.
        """
        with self._lock:
            if self._bytes and self._bytes + size > self._bytes_max:
                self._refused()
                raise SedimentError(
                    ErrorKind.OVERLOADED,
                    "es_rejected_execution",
                    f"rejected execution of a write of {size} bytes: {self._bytes} of {self._bytes_max} bytes are in flight; "
                    "send it again later",
                    details={"retry_after_s": RETRY_AFTER_S},
                )
            self._bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._bytes -= size
