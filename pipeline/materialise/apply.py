"""Apply records: decide them in log order and turn what they write into an in-memory segment.

``Materialiser`` holds one partition's state and changes it only through ``apply``, ``install_merge`` and ``install_stored``. It knows no clock, no
thread and no disk; the result of a record depends on the records before it and on the catalog, never on how the log was cut into batches.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import Scratch
from pipeline.catalog.state import Refusal
from pipeline.json_columns.columns import Extracted, Reject
from pipeline.json_columns.extract import extract, select
from pipeline.json_columns.scanner import Scanner
from pipeline.materialise import dead_letters, updates
from pipeline.materialise.dead_letters import DeadLetter, Origin
from pipeline.materialise.decide_kernels import decide
from pipeline.materialise.live_segments import LiveSegments
from pipeline.materialise.outcomes import Outcomes
from pipeline.materialise.requests import RequestWindow
from pipeline.segments.build import build_segment
from pipeline.segments.ids import IdIndex
from pipeline.segments.reader import SegmentReader
from schemas.errors import ErrorKind, SedimentError
from schemas.events import Demands, Op, demands_of
from schemas.ids import LogOffset, SchemaVersion, SegmentId
from schemas.limits import DELETED_IDS_KEPT_OFFSETS, DOCUMENT_BYTES_MAX, ID_BYTES_MAX
from schemas.mapping import Field, IndexMapping
from schemas.outcomes import Result, WriteError
from schemas.records import ByteColumn, RecordBatch

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]
_NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Schema:
    """How a worker learns what the catalog decided. ``bind`` proposes new fields found at an offset and returns the index's mapping
    with the binding definitions; it raises INVALID when they were refused for good.
    """

    bind: Callable[[Mapping[str, Mapping[str, object]], int], IndexMapping]
    at_version: Callable[[int], IndexMapping | None]
    refused: Callable[[], Mapping[int, Refusal]]


@dataclass(frozen=True, slots=True)
class Applied:
    """What one ``apply`` did, for metrics."""

    records: int
    documents: int
    dead: int
    bytes: int


class Materialiser:
    """The state of one partition between the log and its segments."""

    def __init__(
        self, origin: Origin, schema: Schema, new_segment_id: Callable[[], SegmentId], *, primary_term: int = 1
    ) -> None:
        self.origin = origin
        self.mapping = IndexMapping()
        self.schema_version = SchemaVersion(0)
        self.ids = IdIndex()
        self.segments = LiveSegments()
        self.dead = LiveSegments()
        self.outcomes = Outcomes()
        self.requests = RequestWindow()
        self.next_seq_no = 0
        self.dead_count = 0
        self.tombstones: list[I64] = []  # slots deleted since the last commit
        self.lock = threading.RLock()  # the id index and the segment lists, for readers in other threads
        self._schema = schema
        self._new_segment_id = new_segment_id
        self._primary_term = primary_term
        self._scanner = Scanner()
        self._dead_scanner = Scanner()
        self._scratch = Scratch()

    @property
    def applied(self) -> LogOffset:
        """The next offset to apply."""
        return self.outcomes.applied

    def apply(self, batch: RecordBatch) -> Applied:
        """Apply a batch; afterwards ``applied`` is its next offset. Raises only UNAVAILABLE (the control log is away): then
        nothing of the run that failed is applied, and the same records may be applied again.
        """
        documents = dead = 0
        for part in self._runs(batch):
            with_docs, with_dead = self._apply_run(part)
            documents += with_docs
            dead += with_dead
        self.outcomes.advance(batch.next_offset)
        return Applied(len(batch), documents, dead, batch.values.nbytes)

    # --- cutting a batch into runs -------------------------------------------------------------
    def _runs(self, batch: RecordBatch) -> Iterator["_Run"]:
        """Runs inside which no schema changes and no update meets an earlier write of its document."""
        if not len(batch):
            return
        demands = demands_of(batch)
        ids = self._ids_of(batch)
        cuts = _cuts(batch, demands, ids)
        for start, end in pairwise(cuts):
            part = batch if (start, end) == (0, len(batch)) else batch.slice(start, end)
            yield _Run(part, demands if part is batch else demands_of(part), ids.slice(start, end))

    def _ids_of(self, batch: RecordBatch) -> ByteColumn:
        """The document ids: the keys, or ``<partition>-<offset>`` where there is none."""
        nulls = batch.keys.nulls
        if nulls is None or not nulls.any():
            return batch.keys
        keys = batch.keys.to_list()
        for row in np.flatnonzero(nulls).tolist():
            keys[row] = f"{batch.partition}-{int(batch.offsets[row])}".encode()
        return ByteColumn.of(keys)

    # --- one run -------------------------------------------------------------------------------
    def _apply_run(self, run: "_Run") -> tuple[int, int]:
        if run.demands.ops[0] == Op.MARKER:
            return self._apply_marker(run)
        results = np.zeros(len(run.batch), np.uint8)
        letters: dict[int, DeadLetter] = {}
        errors: dict[int, WriteError] = {}
        self._check(run, letters)
        duplicates = self._duplicates(run, results)
        values = self._resolve_updates(run, results, letters, errors)
        values = _without(values, [*letters, *np.flatnonzero(results).tolist()])
        extracted, mapping = self._extract(run, values, letters)
        results[list(letters)] = Result.REJECTED
        decided = self._decide(run, results)
        seq_nos, versions = self._answered(run, decided, duplicates)
        segment = self._build(run, values, extracted, mapping, decided)
        dead_segment = self._build_dead(run, [letters[row] for row in sorted(letters)])
        self._publish(decided, segment, dead_segment)
        self.mapping = mapping
        errors.update(self._errors(run, results, decided, letters))
        by_offset = {int(run.batch.offsets[row]): error for row, error in errors.items()}
        self.outcomes.add(run.batch.offsets, results, seq_nos, versions, by_offset)
        self.requests.remember(run.demands.request_ids, run.batch.offsets, results, seq_nos, versions)
        self.dead_count += len(letters)
        return (segment.meta.documents if segment is not None else 0), len(letters)

    def _apply_marker(self, run: "_Run") -> tuple[int, int]:
        """A schema version begins: explicit changes hold from here on, dynamic fields found so far stay."""
        version = run.demands.schema_versions.get(0)
        mapping = None if version is None else self._schema.at_version(version)
        if mapping is not None and version is not None:
            extra = {path: f for path, f in self.mapping.fields.items() if path not in mapping.fields}
            self.mapping = mapping.with_fields(extra)
            self.schema_version = SchemaVersion(max(version, self.schema_version))
        return 0, 0

    def _check(self, run: "_Run", letters: dict[int, DeadLetter]) -> None:
        """What is wrong with a record whatever the mapping says."""
        for row, fault in run.demands.faults.items():
            letters[row] = DeadLetter(row, "illegal_argument", fault)
        ops = run.demands.ops
        lengths = run.ids.starts[1:] - run.ids.starts[:-1]
        for row in np.flatnonzero((lengths > ID_BYTES_MAX) | (lengths == 0)).tolist():
            reason = f"id is {lengths[row]} bytes long: must be 1 to {ID_BYTES_MAX}"
            letters.setdefault(row, DeadLetter(row, "illegal_argument", reason))
        sizes = run.batch.values.starts[1:] - run.batch.values.starts[:-1]
        for row in np.flatnonzero(sizes > DOCUMENT_BYTES_MAX).tolist():
            reason = f"document is {sizes[row]} bytes long: the limit is {DOCUMENT_BYTES_MAX}"
            letters.setdefault(row, DeadLetter(row, "document_too_large", reason))
        null_keys, null_values = run.batch.keys.nulls, run.batch.values.nulls
        if null_values is not None:
            wrong = null_values & (ops != Op.DELETE) & (ops != Op.MARKER)
            for row in np.flatnonzero(wrong).tolist():
                letters.setdefault(row, DeadLetter(row, "illegal_argument", "a null value can only be a delete"))
            if null_keys is not None:
                for row in np.flatnonzero(null_keys & null_values).tolist():
                    letters.setdefault(
                        row, DeadLetter(row, "illegal_argument", "key and value are null: nothing to delete")
                    )

    def _duplicates(self, run: "_Run", results: U8) -> Mapping[int, tuple[int, int]]:
        """Retried requests: they get the first one's outcome and change nothing."""
        found: dict[int, tuple[int, int]] = {}
        for row, request_id in run.demands.request_ids.items():
            known = self.requests.find(request_id, int(run.batch.offsets[row]))
            if known is not None:
                results[row] = known.result
                found[row] = (known.seq_no, known.version)
        return found

    def _resolve_updates(
        self, run: "_Run", results: U8, letters: dict[int, DeadLetter], errors: dict[int, WriteError]
    ) -> ByteColumn:
        """The batch's values, with the new source in place of each update's body."""
        rows = np.flatnonzero((run.demands.ops == Op.UPDATE) & (results == 0))
        rows = rows[~np.isin(rows, list(letters))] if letters else rows
        if not len(rows):
            return run.batch.values
        values = run.batch.values.to_list()
        for row, current in zip(rows.tolist(), self._sources(run.ids.take(rows)), strict=True):
            try:
                resolved = updates.resolve(current, values[row] or b"")
            except SedimentError as refused:
                letters[row] = DeadLetter(row, refused.code, refused.message)
                continue
            if resolved.resolution is updates.Resolution.MISSING:
                results[row] = Result.MISSING
                identity = (run.ids[row] or b"").decode(errors="replace")
                errors[row] = WriteError("document_missing", f"[{identity}]: document missing", 404)
            elif resolved.resolution is updates.Resolution.NOOP:
                results[row] = Result.NOOP
            else:
                values[row] = resolved.source
        return ByteColumn.of(values)

    def _sources(self, ids: ByteColumn) -> list[bytes | None]:
        """The newest sources of documents, None where there is none."""
        return [None if d is None else d[0].sources(np.array([d[1]], np.int64))[0] for d in self.locate(ids)]

    def locate(self, ids: ByteColumn) -> list[tuple[SegmentReader, int] | None]:
        """(segment, document) of the newest applied version of each id; safe from any thread."""
        with self.lock:
            slots = self.ids.find(ids)
            found: list[tuple[SegmentReader, int] | None] = []
            for slot in slots.tolist():
                if slot < 0 or self.ids.deleted[slot] or self.ids.segment[slot] < 0:
                    found.append(None)
                else:
                    found.append((self.segments[int(self.ids.segment[slot])].reader, int(self.ids.doc[slot])))
            return found

    # --- schema --------------------------------------------------------------------------------
    def _extract(
        self, run: "_Run", values: ByteColumn, letters: dict[int, DeadLetter]
    ) -> tuple[Extracted, IndexMapping]:
        """Columns of all rows that can be indexed, under the mapping that binds them; the others become letters."""
        mapping = self.mapping
        refused = self._schema.refused()
        if refused:
            again = [
                row for row, offset in enumerate(run.batch.offsets.tolist()) if offset in refused and row not in letters
            ]
            for row in again:
                why = refused[int(run.batch.offsets[row])]
                letters[row] = DeadLetter(row, why.code, why.reason)
            values = _without(values, again)
        while True:
            tape = self._scanner.scan(values)
            letters.update({e.row: _letter(e) for e in tape.errors})
            extracted = extract(tape, mapping)
            while extracted.new_fields:
                row = extracted.new_fields[0].row
                proposed = {f.path: f.definition for f in extracted.new_fields if f.row == row}
                try:
                    known = self._schema.bind(proposed, int(run.batch.offsets[row]))
                except SedimentError as error:
                    if error.kind not in {ErrorKind.INVALID, ErrorKind.TOO_LARGE}:
                        raise
                    letters[row] = DeadLetter(row, error.code, error.message)
                    values = _without(values, [row])
                    break
                mapping = mapping.with_fields(_bound(known, proposed))
                extracted = extract(tape, mapping)
            else:
                letters.update({r.row: _letter(r) for r in extracted.rejects if r.row not in letters})
                return extracted, mapping

    # --- decisions -----------------------------------------------------------------------------
    def _decide(self, run: "_Run", results: U8) -> "_Decided":
        with self.lock:
            slots = self.ids.slots(run.ids)
            distinct, local = np.unique(slots, return_inverse=True)
            state = _Documents(
                distinct,
                self.ids.seq_no[distinct].astype(np.int64),
                self.ids.version[distinct].astype(np.int64),
                self.ids.deleted[distinct].astype(np.uint8),
                self.ids.offset[distinct].astype(np.int64),
                np.full(len(distinct), _NO_ROW, np.int64),
                np.zeros(len(distinct), np.bool_),
            )
        seq_nos = np.full(len(run.batch), -1, np.int64)
        versions = np.full(len(run.batch), -1, np.int64)
        current = (state.seq_no[local], state.version[local])
        demands = run.demands
        next_seq_no = decide(
            demands.ops, local.astype(np.int64), np.ascontiguousarray(run.batch.offsets), demands.if_seq_no,
            demands.if_primary_term, demands.version, demands.version_type, results, seq_nos, versions, state.seq_no,
            state.version, state.deleted, state.offset, state.row, state.touched, self.next_seq_no, self._primary_term,
            DELETED_IDS_KEPT_OFFSETS,
        )  # fmt: skip
        idle = (results == Result.NOOP) | (results == Result.MISSING)
        seq_nos[idle], versions[idle] = current[0][idle], current[1][idle]
        return _Decided(state, seq_nos, versions, int(next_seq_no))

    def _answered(self, run: "_Run", decided: "_Decided", duplicates: Mapping[int, tuple[int, int]]) -> tuple[I64, I64]:
        for row, (seq_no, version) in duplicates.items():
            decided.seq_nos[row], decided.versions[row] = seq_no, version
        return decided.seq_nos, decided.versions

    def _errors(
        self, run: "_Run", results: U8, decided: "_Decided", letters: Mapping[int, DeadLetter]
    ) -> dict[int, WriteError]:
        errors = {row: WriteError(one.code, one.reason, 400) for row, one in letters.items()}
        for row in np.flatnonzero(results == Result.CONFLICT).tolist():
            if row not in run.demands.request_ids or decided.versions[row] >= 0:
                errors[row] = WriteError("version_conflict_engine", self._conflict(run, decided, row), 409)
        return errors

    def _conflict(self, run: "_Run", decided: "_Decided", row: int) -> str:
        """Elasticsearch's words for the conflict of a row."""
        identity = (run.ids[row] or b"").decode(errors="replace")
        demands, seq_no, version = run.demands, int(decided.seq_nos[row]), int(decided.versions[row])
        if demands.if_seq_no[row] >= 0:
            wanted = (
                f"required seqNo [{demands.if_seq_no[row]}], primary term [{max(1, int(demands.if_primary_term[row]))}]"
            )
            if seq_no < 0:
                return f"[{identity}]: version conflict, {wanted}. but no document was found"
            found = f"current document has seqNo [{seq_no}] and primary term [{self._primary_term}]"
            return f"[{identity}]: version conflict, {wanted}. {found}"
        if demands.ops[row] == Op.CREATE and demands.version_type[row] == 0:
            return f"[{identity}]: version conflict, document already exists (current version [{version}])"
        relation = "higher or equal to" if demands.version_type[row] == 1 else "higher than"
        return (
            f"[{identity}]: version conflict, current version [{version}] is {relation} the one provided "
            f"[{demands.version[row]}]"
        )

    # --- segments ------------------------------------------------------------------------------
    def _build(
        self, run: "_Run", values: ByteColumn, extracted: Extracted, mapping: IndexMapping, decided: "_Decided"
    ) -> SegmentReader | None:
        rows = np.sort(decided.state.row[decided.state.row >= 0])
        if not len(rows):
            return None
        row_to_doc = np.full(len(run.batch), -1, np.int32)
        row_to_doc[rows] = np.arange(len(rows), dtype=np.int32)
        every = len(rows) == len(run.batch)
        data = build_segment(
            segment_id=self._new_segment_id(),
            schema_version=self.schema_version,
            documents=len(rows),
            columns=select(extracted.columns, row_to_doc),
            mapping=mapping,
            ids=run.ids if every else run.ids.take(rows),
            seq_nos=decided.seq_nos[rows],
            versions=decided.versions[rows],
            offsets=run.batch.offsets[rows],
            timestamps=run.batch.timestamps_ms[rows],
            sources=values if every else values.take(rows),
            routing=_routing(run.demands, rows),
            scratch=self._scratch,
        )
        decided.doc_of_row = row_to_doc
        return SegmentReader(data.meta, data.arrays)

    def _build_dead(self, run: "_Run", letters: Sequence[DeadLetter]) -> SegmentReader | None:
        if not letters:
            return None
        batch = run.batch
        ids, sources = dead_letters.documents(
            letters, self.origin, batch.offsets.tolist(), batch.timestamps_ms.tolist(), batch.keys, batch.values
        )
        rows = dead_letters.rows_of(letters)
        extracted = extract(self._dead_scanner.scan(sources), dead_letters.MAPPING)
        data = build_segment(
            segment_id=self._new_segment_id(),
            schema_version=1,
            documents=len(letters),
            columns=extracted.columns,
            mapping=dead_letters.MAPPING,
            ids=ids,
            seq_nos=np.arange(self.dead_count, self.dead_count + len(letters), dtype=np.int64),
            versions=np.ones(len(letters), np.int64),
            offsets=batch.offsets[rows],
            timestamps=batch.timestamps_ms[rows],
            sources=sources,
        )
        return SegmentReader(data.meta, data.arrays)

    def _publish(self, decided: "_Decided", segment: SegmentReader | None, dead: SegmentReader | None) -> None:
        """The moment at which the run has happened, for readers in other threads."""
        state = decided.state
        touched = state.slots[state.touched]
        with self.lock:
            self.segments.kill(self.ids.segment[touched].astype(np.int64), self.ids.doc[touched].astype(np.int64))
            rows = state.row[state.touched]
            ordinal = -1
            if segment is not None:
                ordinal = self.segments.next_ordinal()
                self.segments.add(ordinal, segment, nbytes_of(segment))
            written = rows >= 0
            self.ids.seq_no[touched] = state.seq_no[state.touched]
            self.ids.version[touched] = state.version[state.touched]
            self.ids.deleted[touched] = state.deleted[state.touched]
            self.ids.offset[touched] = state.offset[state.touched]
            self.ids.segment[touched] = np.where(written, ordinal, -1)
            docs = decided.doc_of_row[np.maximum(rows, 0)] if segment is not None else np.zeros(len(rows), np.int32)
            self.ids.doc[touched] = np.where(written, docs, 0)
            deleted = touched[~written]
            if len(deleted):
                self.tombstones.append(deleted)
            if dead is not None:
                self.dead.add(self.dead.next_ordinal(), dead, nbytes_of(dead))
            self.next_seq_no = decided.next_seq_no


@dataclass(frozen=True, slots=True)
class _Run:
    batch: RecordBatch
    demands: Demands
    ids: ByteColumn


@dataclass(slots=True)
class _Documents:
    """The distinct documents of a run: their slots in the id index, and their state while it is decided."""

    slots: I64
    seq_no: I64
    version: I64
    deleted: U8
    offset: I64
    row: I64
    touched: Bools


@dataclass(slots=True)
class _Decided:
    state: _Documents
    seq_nos: I64
    versions: I64
    next_seq_no: int
    doc_of_row: NDArray[np.int32] = None  # type: ignore[assignment]  # filled by _build


def _routing(demands: Demands, rows: I64) -> ByteColumn | None:
    """Routing values of the rows that become documents; empty where a record has none."""
    if not demands.routing:
        return None
    return ByteColumn.of([demands.routing.get(row, b"") for row in rows.tolist()])


def nbytes_of(reader: SegmentReader) -> int:
    """Bytes of a segment's arrays in memory."""
    return sum(int(a.nbytes) for a in reader.arrays.values())


def _cuts(batch: RecordBatch, demands: Demands, ids: ByteColumn) -> list[int]:
    """Where runs begin: [0, …, n]. A marker is a run of its own; an update begins one where its document occurred in the run."""
    cuts = {0, len(batch)}
    for row in np.flatnonzero(demands.ops == Op.MARKER).tolist():
        cuts |= {row, row + 1}
    updates_at = np.flatnonzero(demands.ops == Op.UPDATE).tolist()
    repeated = demands.request_ids
    if updates_at or repeated:
        seen: dict[bytes | None, int] = {}
        start = 0
        keys = ids.to_list()
        watched = set(updates_at)
        for row, key in enumerate(keys):
            if row in cuts:
                start = row
            if row in watched and seen.get(key, -1) >= start:
                cuts.add(row)
                start = row
            seen[key] = row
        cuts |= _repeated_requests(repeated)
    return sorted(cuts)


def _repeated_requests(request_ids: Mapping[int, bytes]) -> set[int]:
    """Rows that repeat a request-id of the same batch begin a run: the first must be decided before."""
    seen: set[bytes] = set()
    cuts = set()
    for row in sorted(request_ids):
        if request_ids[row] in seen:
            cuts.add(row)
        seen.add(request_ids[row])
    return cuts


def _without(values: ByteColumn, rows: Sequence[int]) -> ByteColumn:
    """The same values with some rows null, so that nobody reads them."""
    if not len(rows):
        return values
    nulls = values.null_mask().copy()
    nulls[list(rows)] = True
    return ByteColumn(values.data, values.starts, nulls)


def _bound(known: IndexMapping, proposed: Mapping[str, object]) -> dict[str, Field]:
    """The proposed fields as the catalog has them: with the objects above and the multi-fields below them."""
    wanted = set(proposed)
    for path in proposed:
        parts = path.split(".")
        wanted |= {".".join(parts[:i]) for i in range(1, len(parts))}
    return {p: f for p, f in known.fields.items() if p in wanted or f.source in wanted}


def _letter(reject: Reject) -> DeadLetter:
    return DeadLetter(reject.row, reject.code, reject.reason, reject.field, reject.position)
