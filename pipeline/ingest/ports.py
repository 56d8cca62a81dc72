"""Writes on their way in and what became of them, in columns; and what the REST side may ask of the write side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.commands import AliasAction
from pipeline.catalog.state import CatalogState, IndexState, Template
from schemas.events import Op
from schemas.ids import IndexName, LogOffset, PartitionId
from schemas.outcomes import Result, WriteError
from schemas.records import ByteColumn


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What a single write may demand; rows without any have no entry."""

    if_seq_no: int | None = None
    if_primary_term: int | None = None
    version: int | None = None
    version_type: str = "internal"  # internal, external, external_gte
    routing: str | None = None


@dataclass(frozen=True, slots=True)
class Writes:
    """n writes to one index, in order. A null id asks for a generated one (INDEX and CREATE only)."""

    ops: NDArray[np.uint8]
    ids: ByteColumn
    sources: ByteColumn  # null for DELETE
    options: Mapping[int, WriteOptions] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ops)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of n writes; columns are aligned with ``Writes``. Rows refused at the door have offset -1."""

    results: NDArray[np.uint8]  # Result
    seq_nos: NDArray[np.int64]
    versions: NDArray[np.int64]
    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    ids: ByteColumn  # generated ids filled in
    primary_term: int = 1
    errors: Mapping[int, WriteError] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.results)


class Amount(Protocol):
    """So many records of so many bytes of keys and values together."""

    @property
    def records(self) -> int:
        """Records."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes."""
        ...


class Decisions(Protocol):
    """The decisions of one partition, as its worker makes them, and how fast it does."""

    @property
    def applied(self) -> LogOffset:
        """Records below this offset are decided."""
        ...

    def hurry(self) -> None:
        """Somebody is about to append few records and wait for them."""
        ...

    def wait(self, below: LogOffset, timeout_s: float, *, hurry: bool = True) -> bool:
        """Wait until every record below this offset is decided; False if not in time or the partition has stopped. ``hurry``: sooner
        rather than together with what comes after it.
        """
        ...

    def queue_s(self, records: int, nbytes: int) -> float:
        """How long it will be until the partition is through with so much, which is all that it has before it, seconds. 0 where it does not
        follow the log now.
        """
        ...

    def amount(self, seconds: float) -> Amount:
        """About how much the partition applies in so many seconds."""
        ...

    def of(
        self, offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], dict[int, WriteError]]:
        """(results, sequence numbers, versions, errors by offset); 0 (pending) where an offset is not known."""
        ...


class DecisionSource(Protocol):
    """Who decides for which partition."""

    def decisions(self, index: IndexState, partition: PartitionId) -> Decisions:
        """The decisions of a partition. Raises UNAVAILABLE where nobody decides."""
        ...

    def check_log(self, index: IndexState, partition: PartitionId) -> None:
        """Raise UNAVAILABLE where nothing may be appended, not even by who does not wait for a decision: the partition has stopped, since its log
        is not what it was.
        """
        ...


class Writer(Protocol):
    """Accept writes: check, route, append, wait for the decision."""

    def write(
        self,
        index: IndexState,
        writes: Writes,
        *,
        request_id: str = "",
        wait: bool = True,
        timeout_s: float = 60.0,
        traceparent: bytes = b"",
    ) -> Outcomes:
        """Append and (with ``wait``) return what the partitions decided, once the log has made the records durable.

        With a ``request_id`` a repeated request is decided once: the second answer is the first one's.
        Raises OVERLOADED when too much is in flight, UNAVAILABLE when the log is away, TIMEOUT never (rows that are not
        decided in time stay PENDING).
        """
        ...


class Indices(Protocol):
    """Indices and their mappings: every change goes through the control log. Blocks until it is in force here."""

    def index(self, name: str) -> IndexState | None:
        """One index by its exact name, or None."""
        ...

    def indices(self) -> Sequence[IndexState]:
        """All indices, by name."""
        ...

    def state(self) -> CatalogState:
        """All that the control log says: indices, aliases, templates."""
        ...

    def create(
        self,
        name: str,
        settings: Mapping[str, Any],
        mappings: Mapping[str, Any],
        aliases: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> IndexState:
        """Create topic and index, over what templates say; ``resource_already_exists``, ``invalid_index_name`` and mapping errors."""
        ...

    def delete(self, name: IndexName) -> None:
        """Delete index, topic and data."""
        ...

    def put_mapping(self, name: IndexName, mappings: Mapping[str, Any]) -> IndexState:
        """Merge fields into the mapping; a marker in every partition log says from which offset on it holds."""
        ...

    def put_settings(self, name: IndexName, settings: Mapping[str, Any]) -> IndexState:
        """Change dynamic settings (``index.refresh_interval`` …)."""
        ...

    def change_aliases(self, actions: Sequence[AliasAction]) -> None:
        """Add and remove aliases, and indices, all at once or not at all."""
        ...

    def set_closed(self, name: IndexName, closed: bool) -> IndexState:
        """Close an index to the REST side, or open it again."""
        ...

    def put_template(self, template: Template, *, create: bool) -> None:
        """What indices that are created from now on begin with. ``create``: refused where there is one of that name."""
        ...

    def put_cluster_settings(self, settings: Mapping[str, str | None]) -> None:
        """Change settings of the cluster; None takes one away."""
        ...

    def remove_template(self, kind: str, name: str) -> None:
        """Forget a template. Raises NOT_FOUND."""
        ...


__all__ = ["Indices", "Op", "Outcomes", "Result", "WriteError", "WriteOptions", "Writer", "Writes"]
