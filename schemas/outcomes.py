"""What became of a write: the partition's decision, as both sides of the log name it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Result(IntEnum):
    """What the partition decided; the numbers are those in the ``results`` column."""

    PENDING = 0  # acknowledged by the log only (ack=log), or not decided within the timeout
    CREATED = 1
    UPDATED = 2
    DELETED = 3
    NOOP = 4
    NOT_FOUND = 5  # delete of a document that is not there (404), nothing wrong
    CONFLICT = 6  # version conflict (409): see ``errors``
    MISSING = 7  # update of a document that is not there (404): see ``errors``
    REJECTED = 8  # cannot be indexed (400): see ``errors``; it is among the dead letters


@dataclass(frozen=True, slots=True)
class WriteError:
    """Why one write was not applied, for a person and for a machine (code as in ``schemas.errors``)."""

    code: str
    reason: str
    status: int
    details: Mapping[str, Any] = field(default_factory=dict)
