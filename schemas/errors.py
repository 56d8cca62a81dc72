"""The ten error kinds, each with its HTTP status hint and whether a retry may help.

A kind exists only where a caller would act otherwise. ``code`` is a stable word for machines, written
as Elasticsearch names its exceptions without the ending (``mapper_parsing``, ``index_not_found``), so
that the Elasticsearch dialect can render it by adding ``_exception``; the message is for a person.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any


class ErrorKind(Enum):
    """What went wrong, as far as a caller would act on it: (HTTP status hint, a retry may help)."""

    INVALID = (400, False)
    UNAUTHENTICATED = (401, False)
    FORBIDDEN = (403, False)
    NOT_FOUND = (404, False)
    CONFLICT = (409, False)
    TOO_LARGE = (413, False)
    OVERLOADED = (429, True)
    DAMAGED = (500, False)
    UNAVAILABLE = (503, True)
    TIMEOUT = (504, True)

    @property
    def status(self) -> int:
        """The HTTP status that a dialect uses unless it knows better."""
        return self.value[0]

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.value[1]


class SedimentError(Exception):
    """The one exception that crosses a boundary; a person reads the message, a machine the code."""

    def __init__(
        self,
        kind: ErrorKind,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.details: Mapping[str, Any] = details or {}


def invalid(code: str, message: str, **details: Any) -> SedimentError:
    """A request that can never succeed as it stands."""
    return SedimentError(ErrorKind.INVALID, code, message, details=details)


def illegal_argument(message: str, **details: Any) -> SedimentError:
    """Elasticsearch's most frequent error: a value that is not allowed."""
    return SedimentError(ErrorKind.INVALID, "illegal_argument", message, details=details)


def not_found(code: str, message: str, **details: Any) -> SedimentError:
    """What was asked for is not there."""
    return SedimentError(ErrorKind.NOT_FOUND, code, message, details=details)


def conflict(code: str, message: str, **details: Any) -> SedimentError:
    """The state is not what the caller assumed."""
    return SedimentError(ErrorKind.CONFLICT, code, message, details=details)


def unavailable(code: str, message: str, **details: Any) -> SedimentError:
    """Something this needs is away; the same call may succeed later."""
    return SedimentError(ErrorKind.UNAVAILABLE, code, message, details=details)


def damaged(message: str, **details: Any) -> SedimentError:
    """Bytes on disk are not what was written."""
    return SedimentError(ErrorKind.DAMAGED, "corrupted_data", message, details=details)
