"""The use case of writing: check, route, append, wait for what the partitions decide.

Columns in, columns out: per write there is Python work only where it carries options or headers.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.state import IndexState
from pipeline.ingest.backpressure import PIECE_S, InFlight, Lanes
from pipeline.ingest.check import Check
from pipeline.ingest.ports import Decisions, DecisionSource, Op, Outcomes, Result, WriteError, WriteOptions, Writes
from pipeline.kernels.murmur2_kernels import partitions_of_keys
from pipeline.kernels.rows import take_rows
from pipeline.log.ports import Log
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas import events
from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId
from schemas.records import AppendBatch, ByteColumn, Headers

I64 = NDArray[np.int64]
APPEND_RECORDS_MAX = 50_000  # so that decisions are read before the ring of outcomes comes round
SMALL_RECORDS_MAX = 32  # writes so small do not wait for their turn, and are decided as soon as they can be
SMALL_BYTES_MAX = 256 << 10
_OP_HEADERS: Mapping[int, Headers] = {
    Op.CREATE: ((events.OP, b"create"),),
    Op.UPDATE: ((events.OP, b"update"),),
}


@dataclass(frozen=True, slots=True)
class WriterParts:
    """What a writer is made of."""

    log: Log
    decisions: DecisionSource
    in_flight: InFlight
    metrics: Metrics
    clock_ms: Callable[[], int]
    new_ids: Callable[[int], Sequence[bytes]]
    executor: Executor  # appends to several partitions at once


class LogWriter:
    """Writes to the log of an index and answers what became of it; see ``pipeline.ingest.ports.Writer``."""

    def __init__(self, parts: WriterParts) -> None:
        self._parts = parts
        self._check = Check()
        self._lanes = Lanes()

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
        """Append and (with ``wait``) return what the partitions decided. Where only some partitions took their writes, the others'
        rows carry the error; where none did, it is raised.
        """
        ids = self._with_ids(writes, request_id)
        faults = self._check.faults(writes)
        answer = _Answer(len(writes), ids, index.primary_term)
        for row, fault in faults.items():
            answer.refuse(row, fault)
        rows = np.flatnonzero(answer.results == Result.PENDING)
        with self._parts.in_flight.admit(writes.sources.nbytes, small=_small(writes)):
            partitions = self._partitions(index, ids, writes.options)
            answer.partitions[:] = partitions
            request = _Request(index, writes, ids, request_id, traceparent, timeout_s, wait)
            parts = [(p, rows[partitions[rows] == p]) for p in np.unique(partitions[rows]).tolist()]
            if len(parts) == 1:
                self._write_partition(request, *parts[0], answer)
            else:
                submit = self._parts.executor.submit
                _gather([(r, submit(self._write_partition, request, p, r, answer)) for p, r in parts], answer)
        self._measure(index, writes, answer)
        return answer.outcomes()

    def _with_ids(self, writes: Writes, request_id: str) -> ByteColumn:
        """The ids, fresh ones where there is none: of a request that may be sent again the same ones each time."""
        nulls = writes.ids.nulls
        if nulls is None or not nulls.any():
            return writes.ids
        ids = writes.ids.to_list()
        rows = np.flatnonzero(nulls).tolist()
        fresh = [_repeatable_id(request_id, row) for row in rows] if request_id else self._parts.new_ids(len(rows))
        for row, one in zip(rows, fresh, strict=True):
            ids[row] = one
        return ByteColumn.of(ids)

    def _partitions(self, index: IndexState, ids: ByteColumn, options: Mapping[int, WriteOptions]) -> NDArray[np.int32]:
        if index.partitions == 1:
            return np.zeros(len(ids), np.int32)
        keys = ids
        routed = {row: o.routing.encode() for row, o in options.items() if o.routing is not None}
        if routed:
            values = ids.to_list()
            for row, routing in routed.items():
                values[row] = routing
            keys = ByteColumn.of(values)
        return partitions_of_keys(keys.data, keys.starts, index.partitions)

    def _write_partition(self, request: "_Request", partition: int, rows: I64, answer: "_Answer") -> None:
        """Append what goes to a partition, in pieces where it is much, and wait for what is decided. Where a piece fails after others
        did not, its rows and those that follow carry the error.
        """
        undecided: list[I64] = []
        decisions = self._decisions(request, PartitionId(partition))
        for piece in self._pieces(request, rows, decisions):
            try:
                self._append(request, PartitionId(partition), piece, answer, decisions)
            except SedimentError as error:
                if piece[0] == rows[0]:
                    raise
                answer.refuse_rest(rows, error)
                break
            undecided.append(piece)
            if sum(map(len, undecided)) >= APPEND_RECORDS_MAX:
                self._settle(request, np.concatenate(undecided), answer, decisions)
                undecided = []
        if undecided:
            self._settle(request, np.concatenate(undecided), answer, decisions)

    def _decisions(self, request: "_Request", partition: PartitionId) -> Decisions | None:
        """Who decides; None where nobody does and nobody waits for it. Raises before anything is appended: UNAVAILABLE where nobody
        decides, or what is wrong with the log.
        """
        source = self._parts.decisions
        if request.wait:
            return source.decisions(request.index, partition)
        source.check_log(request.index, partition)
        with suppress(SedimentError):
            return source.decisions(request.index, partition)
        return None

    def _pieces(self, request: "_Request", rows: I64, decisions: Decisions | None) -> Iterator[I64]:
        """What is appended together: as much as the partition applies in PIECE_S; little is never cut."""
        start = 0
        while start < len(rows):
            records = APPEND_RECORDS_MAX
            if decisions is not None and not request.small:
                piece = decisions.amount(PIECE_S)
                nbytes = max(1, request.writes.sources.nbytes // len(request.writes))  # of a row, on average
                records = min(records, max(SMALL_RECORDS_MAX, min(piece.records, piece.nbytes // nbytes)))
            if len(rows) - start < records * 3 // 2:
                records = min(APPEND_RECORDS_MAX, len(rows) - start)
            yield rows[start : start + records]
            start += records

    def _append(
        self, request: "_Request", partition: PartitionId, rows: I64, answer: "_Answer", decisions: Decisions | None
    ) -> None:
        everything = len(rows) == len(request.writes)
        sources = request.writes.sources
        batch = AppendBatch(
            keys=request.ids if everything else take_rows(request.ids, rows),
            values=sources if everything else take_rows(sources, rows),
            timestamps_ms=np.full(len(rows), self._parts.clock_ms(), np.int64),
            headers=request.headers(rows),
        )
        if decisions is None:
            answer.offsets[rows] = self._log_append(request, partition, batch)
            return
        nbytes = batch.keys.nbytes + batch.values.nbytes
        if request.small and request.wait:
            decisions.hurry()
        timeout_s = None if request.small else request.timeout_s
        with self._turn(request.index.name, decisions, len(batch), nbytes, timeout_s) as appended:
            offsets = self._log_append(request, partition, batch)
            appended(int(offsets[-1]) + 1)
        answer.offsets[rows] = offsets

    def _log_append(self, request: "_Request", partition: PartitionId, batch: AppendBatch) -> I64:
        with self._parts.metrics.timed(names.INGEST_SECONDS, index=request.index.name):
            return self._parts.log.append(request.index.topic, partition, batch)

    @contextmanager
    def _turn(
        self, index: str, decisions: Decisions, records: int, nbytes: int, timeout_s: float | None
    ) -> Iterator[Callable[[int], None]]:
        """The lane into the partition."""
        metrics = self._parts.metrics
        waited = nullcontext() if timeout_s is None else metrics.timed(names.INGEST_QUEUE_SECONDS, index=index)
        with ExitStack() as stack:
            try:
                with waited:
                    appended = stack.enter_context(self._lanes.of(decisions).enter(records, nbytes, timeout_s))
            except SedimentError:
                metrics.add(names.INGEST_REFUSED, reason="lag")
                raise
            yield appended

    def _settle(self, request: "_Request", rows: I64, answer: "_Answer", decisions: Decisions | None) -> None:
        """Wait for the decisions on rows that were appended, in order, and answer them."""
        if decisions is None or not request.wait:
            return
        offsets = answer.offsets[rows]
        with self._parts.metrics.timed(names.INGEST_DECISION_SECONDS, index=request.index.name):
            decisions.wait(LogOffset(int(offsets[-1]) + 1), request.timeout_s, hurry=request.small)
        results, seq_nos, versions, errors = decisions.of(offsets)
        answer.results[rows] = results
        answer.seq_nos[rows] = seq_nos
        answer.versions[rows] = versions
        if errors:
            row_of = dict(zip(offsets.tolist(), rows.tolist(), strict=True))
            answer.errors.update({row_of[offset]: error for offset, error in errors.items()})

    def _measure(self, index: IndexState, writes: Writes, answer: "_Answer") -> None:
        metrics = self._parts.metrics
        refused = int(np.isin(answer.results, (Result.REJECTED, Result.MISSING)).sum())
        clashed = int((answer.results == Result.CONFLICT).sum())
        for outcome, count in (
            ("accepted", len(writes) - refused - clashed),
            ("rejected", refused),
            ("conflict", clashed),
        ):
            if count:
                metrics.add(names.INGEST_DOCUMENTS, count, index=index.name, outcome=outcome)
        metrics.add(names.INGEST_BYTES, writes.sources.nbytes, index=index.name)
        metrics.observe(names.INGEST_BATCH_DOCUMENTS, len(writes), index=index.name)
        metrics.set(names.INGEST_IN_FLIGHT_BYTES, self._parts.in_flight.bytes)


@dataclass(frozen=True, slots=True)
class _Request:
    index: IndexState
    writes: Writes
    ids: ByteColumn
    request_id: str
    traceparent: bytes
    timeout_s: float
    wait: bool

    @property
    def small(self) -> bool:
        """Whether it need not wait for its turn."""
        return _small(self.writes)

    def headers(self, rows: I64) -> dict[int, Headers]:
        """The headers of the rows that need any, by their place in ``rows``."""
        options, ops = self.writes.options, self.writes.ops[rows]
        found: dict[int, Headers] = {}
        for place in np.flatnonzero((ops == Op.CREATE) | (ops == Op.UPDATE)).tolist():
            found[place] = _OP_HEADERS[int(ops[place])]
        if options:
            for place, row in enumerate(rows.tolist()):
                if row in options:
                    found[place] = (*found.get(place, ()), *_option_headers(options[row]))
        if self.request_id:
            for place, row in enumerate(rows.tolist()):
                own = (events.REQUEST_ID, f"{self.request_id}/{row}".encode())
                found[place] = (*found.get(place, ()), own)
        if self.traceparent and len(rows):
            found[0] = (*found.get(0, ()), (events.TRACEPARENT, self.traceparent))
        return found


def _small(writes: Writes) -> bool:
    return len(writes) <= SMALL_RECORDS_MAX and writes.sources.nbytes <= SMALL_BYTES_MAX


def _option_headers(options: WriteOptions) -> Headers:
    given: list[tuple[str, bytes]] = []
    for name, value in (
        (events.IF_SEQ_NO, options.if_seq_no),
        (events.IF_PRIMARY_TERM, options.if_primary_term),
        (events.VERSION, options.version),
        (events.ROUTING, options.routing),
    ):
        if value is not None:
            given.append((name, str(value).encode()))
    if options.version_type != "internal":
        given.append((events.VERSION_TYPE, options.version_type.encode()))
    return tuple(given)


def _repeatable_id(request_id: str, row: int) -> bytes:
    """120 bits of a digest as 20 characters, like other generated ids."""
    return base64.urlsafe_b64encode(blake2b(f"{request_id}/{row}".encode(), digest_size=15).digest())


def _gather(tasks: Iterable[tuple[I64, Future[None]]], answer: "_Answer") -> None:
    """Wait for all partitions. Raises the first failure where all failed."""
    failed: list[tuple[I64, SedimentError]] = []
    done = 0
    for rows, task in tasks:
        try:
            task.result()
            done += 1
        except SedimentError as error:
            failed.append((rows, error))
    if failed and not done:
        raise failed[0][1]
    for rows, why in failed:
        answer.refuse_rest(rows, why)


class _Answer:
    """The outcomes while they come in, row by row of the request."""

    def __init__(self, rows: int, ids: ByteColumn, primary_term: int) -> None:
        self.results = np.zeros(rows, np.uint8)
        self.seq_nos = np.full(rows, -1, np.int64)
        self.versions = np.full(rows, -1, np.int64)
        self.partitions = np.zeros(rows, np.int32)
        self.offsets = np.full(rows, -1, np.int64)
        self.errors: dict[int, WriteError] = {}
        self._ids = ids
        self._primary_term = primary_term

    def refuse(self, row: int, error: WriteError) -> None:
        """Answer a row without appending it."""
        self.results[row] = Result.REJECTED
        self.errors[row] = error

    def refuse_rest(self, rows: I64, why: SedimentError) -> None:
        """Those rows that were not appended."""
        fault = WriteError(why.code, why.message, why.kind.status, why.details)
        for row in rows[self.offsets[rows] < 0].tolist():
            self.refuse(row, fault)

    def outcomes(self) -> Outcomes:
        """As the caller gets them."""
        return Outcomes(
            self.results,
            self.seq_nos,
            self.versions,
            self.partitions,
            self.offsets,
            self._ids,
            self._primary_term,
            self.errors,
        )
