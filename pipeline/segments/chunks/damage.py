"""Damage met after a partition was opened: noted once, and told to whoever can rebuild the partition from its log."""

import threading
from collections.abc import Callable

from schemas.errors import ErrorKind, SedimentError

Listener = Callable[[SedimentError], None]


class Damage:
    """What is known of a partition's damage; any thread may report. ``listener`` is called once, in the thread that met it first."""

    def __init__(self, listener: Listener = lambda _error: None) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._reason = ""
        self._error: SedimentError | None = None

    @property
    def reason(self) -> str:
        """What was wrong; empty while nothing is."""
        return self._reason

    def note(self, reason: str) -> None:
        """Note what somebody should look at; nobody is told."""
        with self._lock:
            self._reason = self._reason or reason

    def report(self, error: SedimentError) -> None:
        """Note an error, where it is one of damage."""
        if error.kind is not ErrorKind.DAMAGED:
            return
        with self._lock:
            first = not self._reason
            self._reason = self._reason or error.message
            self._error = self._error or error
        if first:
            self._listener(error)

    def repeat(self) -> None:
        """Tell the listener again, where there was damage."""
        if self._error is not None:
            self._listener(self._error)
