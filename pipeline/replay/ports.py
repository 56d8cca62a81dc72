"""What may be asked of an index as a function of its log, and what is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.ids import IndexName


@dataclass(frozen=True, slots=True)
class Job:
    """A rebuild or a verification of one partition, running or over. ``eta_s`` None: not known yet."""

    id: str
    kind: str  # replay, verify, reopen (its store took no commits any more)
    index: str
    partition: int
    state: str  # running, done, failed
    begin: int  # offset at which it began
    position: int  # offset that it has reached
    end: int  # offset that it runs to
    records_per_second: float
    eta_s: float | None
    started_ms: int
    message: str = ""  # why it failed, or what it found
    report: Mapping[str, Any] = field(default_factory=dict)  # of a verification: see docs/reference


@dataclass(frozen=True, slots=True)
class Event:
    """One record of a document's history. ``result`` as a write is answered: created, updated, deleted, version_conflict, rejected …"""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    op: str
    result: str
    version: int
    reason: str = ""
    value: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redriven:
    """A dead letter that was (or, in a dry run, would be) sent again, in key order."""

    id: str  # <partition>-<offset> of the dead letter
    key: str | None
    partition: int
    offset: int
    new_offset: int | None  # None: dry run
    result: str  # created, updated …, rejected (it is a dead letter again), or "" in a dry run
    reason: str = ""


class Operations(Protocol):
    """Long work on indices. Raises ``SedimentError``: NOT_FOUND for an unknown index or partition, INVALID with what would be possible."""

    def replay(
        self,
        index: IndexName,
        *,
        partition: int | None = None,
        from_offset: int | None = None,
        from_timestamp_ms: int | None = None,
        rate: float = 0,
    ) -> Sequence[Job]:
        """Rebuild partitions (None: all) beside the live ones and swap them in when they have caught up. Returns at once; a replay that is
        running or was interrupted goes on. ``rate``: records a second and partition, 0 unbounded. All from the offset (or the first
        record as new as the timestamp) on is decided again, beginning at the newest kept state not after it.
        """
        ...

    def verify(self, index: IndexName, *, partition: int | None = None, deep: bool = False) -> Sequence[Job]:
        """Rebuild partitions aside up to the live ones' offset and compare digests. Returns at once."""
        ...

    def jobs(self, index: IndexName) -> Sequence[Job]:
        """Running and recent jobs of an index, newest first."""
        ...

    def history(self, index: IndexName, identity: str, *, routing: str | None = None) -> Sequence[Event]:
        """The events that made a document, as far as the log reaches, oldest first."""
        ...

    def redrive(self, index: IndexName, dead_letters: Sequence[str], *, dry_run: bool = False) -> Sequence[Redriven]:
        """Send dead letters (ids ``<partition>-<offset>``) again, in the order of their offsets."""
        ...
