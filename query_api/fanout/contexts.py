"""Searches that go on: points in time that are kept between requests, each until it was not asked for so long.

A kept view holds its segments: merging and deleting go on, the files stay. Contexts end when they are closed, when their time is over,
or with the process.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from query_api.fanout.scatter import View
from schemas.errors import ErrorKind, SedimentError, not_found
from schemas.limits import CONTEXTS_MAX


@dataclass(slots=True)
class Context:
    """Views that are kept. ``content`` is what whoever opened it wants to find again; ``lock``: one page at a time."""

    id: str
    kind: str  # scroll, pit
    views: Sequence[View]
    content: Any
    keep_s: float
    created_ms: int
    expires: float
    lock: threading.Lock = field(default_factory=threading.Lock)


class Contexts:
    """All contexts of a process. Thread-safe; what is over its time is dropped whenever a context is opened or asked for, and by
    ``sweep``.
    """

    def __init__(self, monotonic: Callable[[], float], clock_ms: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._clock_ms = clock_ms
        self._open: dict[str, Context] = {}
        self._lock = threading.Lock()

    def open(self, kind: str, views: Sequence[View], content: Any, keep_s: float) -> Context:
        """Keep some views. Raises OVERLOADED where too many are kept already."""
        self.sweep()
        with self._lock:
            if sum(one.kind == kind for one in self._open.values()) >= CONTEXTS_MAX:
                raise SedimentError(
                    ErrorKind.OVERLOADED,
                    f"too_many_{kind}_contexts",
                    f"Trying to create too many {kind} contexts. Must be less than or equal to: [{CONTEXTS_MAX}]: close those that "
                    "are not needed any more",
                )
            identity = f"{kind}-{secrets.token_urlsafe(24)}"
            context = Context(identity, kind, views, content, keep_s, self._clock_ms(), self._monotonic() + keep_s)
            self._open[identity] = context
        return context

    def get(self, kind: str, identity: str, keep_s: float | None = None) -> Context:
        """A context, kept on for at least so long from now. Raises ``search_context_missing``."""
        self.sweep()
        with self._lock:
            found = self._open.get(identity)
            if found is None or found.kind != kind:
                raise not_found("search_context_missing", f"No search context found for id [{identity}]")
            longer = self._monotonic() + (found.keep_s if keep_s is None else keep_s)
            found.expires = max(found.expires, longer)
            return found

    def close(self, kind: str, identities: Iterable[str]) -> list[str]:
        """Drop contexts; those that were there."""
        with self._lock:
            found = [i for i in identities if i in self._open and self._open[i].kind == kind]
            for identity in found:
                self._open.pop(identity, None)
        return found

    def all(self, kind: str) -> list[Context]:
        """All contexts of a kind, oldest first."""
        self.sweep()
        with self._lock:
            return [one for one in self._open.values() if one.kind == kind]

    def sweep(self) -> None:
        """Drop what is over its time; every search does, so that nothing is held for good."""
        if not self._open:
            return
        now = self._monotonic()
        with self._lock:
            for identity in [i for i, one in self._open.items() if one.expires < now]:
                del self._open[identity]
