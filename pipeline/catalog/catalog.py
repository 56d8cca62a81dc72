"""The catalog: follows the control log, proposes commands, answers what indices there are.

One thread follows the log and folds; ``propose`` appends a command and waits until the fold has reached it, so that a caller
learns the outcome that everyone else sees.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.catalog.commands import AddFields, Command, Proposal, RefuseFields, decode, encode
from pipeline.catalog.fold import Outcome, fold
from pipeline.catalog.names import CONTROL_TOPIC
from pipeline.catalog.state import CatalogState, IndexState, Refusal
from pipeline.log.ports import Log, PartitionReader
from schemas.errors import ErrorKind, SedimentError, unavailable
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.mapping import IndexMapping
from schemas.records import AppendBatch, ByteColumn

_PARTITION = PartitionId(0)
_RECORDS_MAX = 1000
_BYTES_MAX = 4 << 20
_POLL_S = 0.2
_RETRY_S = 0.5
_log = logging.getLogger(__name__)
Listener = Callable[[CatalogState, CatalogState], None]


class Catalog:
    """The folded control log of one process. Thread-safe."""

    def __init__(self, log: Log, clock_ms: Callable[[], int], topic: TopicName = CONTROL_TOPIC) -> None:
        self._log = log
        self._clock_ms = clock_ms
        self._topic = topic
        self._state = CatalogState()
        self._shown: Callable[[CatalogState], CatalogState] = lambda state: state
        self._offset = LogOffset(0)
        self._outcomes: dict[int, Outcome] = {}
        self._changed = threading.Condition()
        self._proposing = threading.Lock()
        self._listeners: list[Listener] = []
        self._stopping = threading.Event()
        self._failure: SedimentError | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read the control log to its end, then follow it in the background."""
        if self._log.topic(self._topic) is None:
            self._create_topic()
        end = self._log.end_offset(self._topic, _PARTITION)
        reader = self._log.reader(self._topic, _PARTITION, LogOffset(0))
        while self._offset < end:
            self._step(reader, 1.0)
        self._thread = threading.Thread(target=self._follow, args=(reader,), name="catalog", daemon=True)
        self._thread.start()

    def _create_topic(self) -> None:
        try:
            self._log.create_topic(self._topic, 1, {"cleanup.policy": "delete", "retention.ms": "-1"})
        except SedimentError as error:
            if error.code != "topic_exists":
                raise

    def close(self) -> None:
        """Stop following."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def listen(self, listener: Listener) -> None:
        """Call ``listener(before, after)`` from the following thread after each batch of commands."""
        self._listeners.append(listener)

    @property
    def state(self) -> CatalogState:
        """The newest state, as it is shown."""
        return self._shown(self._state)

    def show(self, shown: Callable[[CatalogState], CatalogState]) -> None:
        """Let whoever looks at indices see them so. What workers ask (``bind``, ``mapping_at``) stays as it is."""
        self._shown = shown

    def index(self, name: str) -> IndexState | None:
        """One index, or None."""
        return self.state.indices.get(name)

    def indices(self) -> Sequence[IndexState]:
        """All indices by name."""
        return sorted(self.state.indices.values(), key=lambda i: i.name)

    def mapping_at(self, uuid: str, version: int) -> IndexMapping | None:
        """The mapping that an explicit schema version means, or None."""
        return self._state.versions.get((uuid, version))

    def explicit_version(self, uuid: str) -> int:
        """The newest schema version that somebody asked for (dynamic fields have versions too, but no markers)."""
        return max(version for known, version in self._state.versions if known == uuid)

    def refused(self, uuid: str, partition: int) -> Mapping[int, Refusal]:
        """By offset, the proposals of fields of a partition that were refused for good."""
        return self._state.refused.get((uuid, partition), {})

    def bind(
        self, uuid: str, fields: Mapping[str, Mapping[str, Any]], partition: int, offset: int, timeout_s: float = 30.0
    ) -> IndexMapping:
        """The index's fields, each as it was first defined, the proposed ones among them. Raises INVALID where they were refused,
        UNAVAILABLE where the index is gone or the control log is away.
        """
        known: IndexState | None = next((i for i in self._state.indices.values() if i.uuid == uuid), None)
        if known is not None and not all(path in known.born for path in fields):
            try:
                known = self.propose(AddFields(uuid, fields, partition, offset), timeout_s)
            except SedimentError as error:
                if error.kind is not ErrorKind.NOT_FOUND:
                    raise
                known = None
        if known is None:
            raise unavailable("index_deleted", "the index was deleted")
        return replace(known.mapping, fields=known.born)

    def refuse(self, uuid: str, partition: int, proposals: Sequence[Proposal], timeout_s: float = 30.0) -> None:
        """Let proposals that follow a refused one be refused at once, up to the first that need not be; ``refused`` tells which were.
        Raises UNAVAILABLE where the index is gone or the control log is away.
        """
        try:
            self.propose(RefuseFields(uuid, partition, proposals), timeout_s)
        except SedimentError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            raise unavailable("index_deleted", "the index was deleted") from error

    def propose(self, command: Command, timeout_s: float = 30.0) -> IndexState | None:
        """Append a command, wait for its outcome, and return the index after it; raises what refused it."""
        value = ByteColumn.of([encode(command)])
        batch = AppendBatch(ByteColumn.of([None]), value, np.array([self._clock_ms()], np.int64))
        with self._proposing:
            offset = int(self._log.append(self._topic, _PARTITION, batch)[0])
            outcome = self._wait(offset, timeout_s)
        if isinstance(outcome, SedimentError):
            raise outcome
        return outcome

    def _wait(self, offset: int, timeout_s: float) -> Outcome:
        with self._changed:
            done = self._changed.wait_for(lambda: self._offset > offset or self._failure is not None, timeout_s)
            if self._failure is not None:
                raise self._failure
            if not done:
                raise unavailable(
                    "control_log_timeout",
                    "the control log did not show the command in time; look whether the log is healthy and try again",
                )
            return self._outcomes.pop(offset, None)

    def _follow(self, reader: PartitionReader) -> None:
        while not self._stopping.is_set():
            try:
                self._step(reader, _POLL_S)
            except SedimentError as error:
                if error.kind is ErrorKind.UNAVAILABLE:
                    self._stopping.wait(_RETRY_S)
                    continue
                self._fail(error)
                return
            except Exception as error:  # noqa: BLE001 - the thread's outermost loop: proposers must not wait for nobody
                _log.exception("the catalog stopped")
                self._fail(unavailable("catalog_stopped", f"the catalog stopped: {error!r}; restart the process"))
                return

    def _fail(self, error: SedimentError) -> None:
        with self._changed:
            if not self._stopping.is_set():
                self._failure = error
            self._changed.notify_all()

    def _step(self, reader: PartitionReader, timeout_s: float) -> None:
        batch = reader.read(records_max=_RECORDS_MAX, bytes_max=_BYTES_MAX, timeout_s=timeout_s)
        before = state = self._state
        outcomes: dict[int, Outcome] = {}
        for row in range(len(batch)):
            value = batch.values[row]
            if value is None:
                continue
            state, outcome = fold(state, decode(value), int(batch.timestamps_ms[row]))
            outcomes[int(batch.offsets[row])] = outcome
        self._state = state
        if state is not before:
            for listener in self._listeners:
                listener(before, state)
        with self._changed:
            self._offset = batch.next_offset
            self._keep(outcomes)
            self._changed.notify_all()

    def _keep(self, outcomes: Mapping[int, Outcome]) -> None:
        """Outcomes stay until their proposer has read them; proposers are few and wait right after the append."""
        self._outcomes.update(outcomes)
        while len(self._outcomes) > _RECORDS_MAX:
            self._outcomes.pop(next(iter(self._outcomes)))
