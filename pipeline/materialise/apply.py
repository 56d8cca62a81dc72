"""Apply records: decide them in log order and turn what they write into an in-memory segment.

``Materialiser`` holds one partition's state and changes it only through ``apply`` and what ``commit`` and ``merger`` install. It knows no clock,
no thread and no disk; the result of a record depends on the records before it and on the catalog, never on how the log was cut into batches.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.scratch import Scratch
from pipeline.catalog.state import Refusal
from pipeline.json_columns.columns import Extracted
from pipeline.json_columns.extract import extract, select
from pipeline.json_columns.scanner import Scanner
from pipeline.kernels.rows import take_rows
from pipeline.materialise import dead_letters
from pipeline.materialise.dead_letters import DeadLetter, Origin, letter_of
from pipeline.materialise.decisions import updates
from pipeline.materialise.decisions.checks import faults_of
from pipeline.materialise.decisions.conflicts import conflict_of
from pipeline.materialise.decisions.decide_kernels import decide
from pipeline.materialise.decisions.outcomes import Outcomes
from pipeline.materialise.decisions.requests import Decided, RequestWindow
from pipeline.materialise.decisions.runs import Run, runs_of
from pipeline.materialise.live_segments import LiveSegments, settle
from pipeline.segments.build import build_segment
from pipeline.segments.digest import add_level_1, no_sums
from pipeline.segments.ids import IdIndex
from pipeline.segments.reader import SegmentReader
from schemas.errors import ErrorKind, SedimentError
from schemas.events import Op
from schemas.ids import LogOffset, SchemaVersion, SegmentId
from schemas.limits import DELETED_IDS_KEPT_OFFSETS, REQUEST_IDS_KEPT_OFFSETS
from schemas.mapping import Field, IndexMapping
from schemas.outcomes import Result, WriteError
from schemas.records import ByteColumn, RecordBatch

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]
_NO_ROW = -1
REFUSED_FIELDS_AT_ONCE = 10_000  # in one command of the control log


@dataclass(frozen=True, slots=True)
class Schema:
    """How a worker learns what the catalog decided.

    ``bind`` proposes new fields found at an offset and returns the index's fields as they were first defined; it raises INVALID
    when they were refused for good. ``refused`` are the proposals that were, by offset: in a replay the same records are refused again.
    ``refuse`` lets (offset, fields) that follow a refused one be refused at once. ``shown``: a mapping at an explicit version as
    searches are to see it.
    """

    bind: Callable[[Mapping[str, Mapping[str, object]], int], IndexMapping]
    at_version: Callable[[int], IndexMapping | None]
    refused: Callable[[], Mapping[int, Refusal]]
    shown: Callable[[IndexMapping, int], IndexMapping] = lambda mapping, _version: mapping
    refuse: Callable[[Sequence[tuple[int, Mapping[str, Mapping[str, object]]]]], None] = lambda _proposals: None


@dataclass(frozen=True, slots=True)
class Horizons:
    """How far back something is remembered, in offsets."""

    deleted_ids: int = DELETED_IDS_KEPT_OFFSETS
    request_ids: int = REQUEST_IDS_KEPT_OFFSETS


@dataclass(frozen=True, slots=True)
class Applied:
    """What one ``apply`` did, for metrics."""

    records: int
    documents: int
    dead: Mapping[str, int]  # dead letters by code
    bytes: int


class Materialiser:
    """The state of one partition between the log and its segments."""

    def __init__(
        self,
        origin: Origin,
        schema: Schema,
        new_segment_id: Callable[[], SegmentId],
        *,
        primary_term: int = 1,
        horizons: Horizons | None = None,
    ) -> None:
        self.origin = origin
        self.horizons = horizons or Horizons()
        self.mapping = IndexMapping()
        self.schema_version = SchemaVersion(0)
        self.ids = IdIndex()
        self.segments = LiveSegments()
        self.dead = LiveSegments()
        self.outcomes = Outcomes()
        self.requests = RequestWindow(self.horizons.request_ids)
        self.next_seq_no = 0
        self.dead_count = 0
        self.digest = no_sums()  # level 1 of the living documents
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
        """Apply a batch; afterwards ``applied`` is its next offset. Where the catalog cannot be asked it raises (UNAVAILABLE as a
        rule): then ``applied`` is where to go on, what lies before has happened, and nothing of what follows.
        """
        documents, dead = 0, Counter[str]()
        runs = deque(runs_of(batch))
        while runs:
            run = runs.popleft()
            done = self._apply_run(run)
            if isinstance(done, int):
                runs.extendleft(reversed(run.cut(done)))
                continue
            documents += done[0]
            dead.update(done[1])
            self.outcomes.advance(run.batch.next_offset)
        self.outcomes.advance(batch.next_offset)
        return Applied(len(batch), documents, dead, batch.values.nbytes)

    def _apply_run(self, run: Run) -> tuple[int, Mapping[str, int]] | int:
        """Decide and build one run; (documents, dead letters by code). A number: nothing was done, the run must be cut at that row."""
        letters = faults_of(run)
        if run.demands.ops[0] == Op.MARKER and not letters:
            self._apply_marker(run.demands.schema_versions[0])
            return 0, {}
        results = np.zeros(len(run.batch), np.uint8)
        errors: dict[int, WriteError] = {}
        duplicates = self._duplicates(run, results)
        letters = {row: letter for row, letter in letters.items() if row not in duplicates}
        values = self._resolve_updates(run, results, letters, errors)
        unread = [*letters, *np.flatnonzero((results != 0) | (run.demands.ops == Op.DELETE)).tolist()]
        values = _without(values, unread)
        found = self._extract(run, values, letters)
        if isinstance(found, int):
            return found
        extracted, mapping = found
        results[list(letters)] = Result.REJECTED
        decided = self._decide(run, results)
        for row, known in duplicates.items():
            decided.seq_nos[row], decided.versions[row] = known.seq_no, known.version
        segment = self._build(run, values, extracted, mapping, decided)
        dead_segment = self._build_dead(run, [letters[row] for row in sorted(letters)])
        self._publish(decided, segment, dead_segment)
        settle(self.dead, self.origin.partition, run.demands.origins, run.batch.offsets)
        self.mapping = mapping
        self.dead_count += len(letters)
        self._explain(run, results, decided, letters, duplicates, errors)
        self._remember(run, results, decided, errors)
        return (segment.meta.documents if segment is not None else 0), Counter(one.code for one in letters.values())

    def _apply_marker(self, version: int) -> None:
        """A schema version begins: explicit changes hold from here on, dynamic fields found so far stay. Markers of two changes may
        come in either order: the newer one counts.
        """
        mapping = self._schema.at_version(version)
        if mapping is not None and version > self.schema_version:
            extra = {path: f for path, f in self.mapping.fields.items() if path not in mapping.fields}
            self.mapping = mapping.with_fields(extra)
            self.schema_version = SchemaVersion(version)

    # --- what needs no schema --------------------------------------------------------------------
    def _duplicates(self, run: Run, results: U8) -> Mapping[int, Decided]:
        """Retried requests: they get the first one's outcome and change nothing."""
        found: dict[int, Decided] = {}
        for row, request_id in run.demands.request_ids.items():
            known = self.requests.find(request_id, int(run.batch.offsets[row]))
            if known is not None:
                results[row] = known.result
                found[row] = known
        return found

    def _resolve_updates(
        self, run: Run, results: U8, letters: dict[int, DeadLetter], errors: dict[int, WriteError]
    ) -> ByteColumn:
        """The batch's values, with the new source in place of each update's body; null where there is nothing to write."""
        rows = np.flatnonzero((run.demands.ops == Op.UPDATE) & (results == 0))
        rows = rows[~np.isin(rows, list(letters))] if letters else rows
        if not len(rows):
            return run.batch.values
        values = run.batch.values.to_list()
        places, clashes = self._targets(run, rows)
        for row, place, clash in zip(rows.tolist(), places, clashes.tolist(), strict=True):
            if clash:  # it will be decided so: the body must not be read as a document
                values[row] = None
                continue
            current = None if place is None else place[0].sources(np.array([place[1]], np.int64))[0]
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

    def _targets(self, run: Run, rows: I64) -> tuple[list[tuple[SegmentReader, int] | None], Bools]:
        """Where the documents of updates are, and which updates demand another sequence number of them."""
        ids, demands = take_rows(run.ids, rows), run.demands
        places = self.locate(ids)
        slots = self.ids.find(ids)
        exists = np.array([place is not None for place in places], np.bool_)
        wanted, term = demands.if_seq_no[rows], demands.if_primary_term[rows]
        other = (self.ids.seq_no[slots] != wanted) | ((term >= 0) & (term != self._primary_term))
        return places, exists & (wanted >= 0) & other

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
        self, run: Run, values: ByteColumn, letters: dict[int, DeadLetter]
    ) -> tuple[Extracted, IndexMapping] | int:
        """Columns of all rows that can be indexed, under the mapping that binds them; the others become letters.

        Fields are bound row by row, and what a row is refused for is decided by the mapping that the rows before it left. Where a
        later row's field would refuse an earlier row (``{"a.b": null}`` before ``{"a": 1}``), that later row: a run begins there.
        """
        values = self._refused_before(run, values, letters)
        mapping = self.mapping
        bound = 0  # rows before it have met no unknown field since
        while True:
            tape = self._scanner.scan(values)
            extracted = extract(tape, mapping)
            while extracted.new_fields:
                row = extracted.new_fields[0].row
                if _refused_late(extracted, letters, bound):
                    return bound
                _add_letters(extracted, letters, before=row)
                proposed = {f.path: f.definition for f in extracted.new_fields if f.row == row}
                try:
                    known = self._schema.bind(proposed, int(run.batch.offsets[row]))
                except SedimentError as error:
                    if error.kind not in {ErrorKind.INVALID, ErrorKind.TOO_LARGE}:
                        raise
                    letters[row] = DeadLetter(row, error.code, error.message)
                    self._refuse_after(run, row, extracted)
                    values = self._refused_before(run, _without(values, [row]), letters)
                    break
                mapping, bound = mapping.with_fields(_bound(known, proposed)), row
                extracted = extract(tape, mapping)
            else:
                if _refused_late(extracted, letters, bound):
                    return bound
                _add_letters(extracted, letters, before=len(run.batch))
                return extracted, mapping

    def _refuse_after(self, run: Run, row: int, extracted: Extracted) -> None:
        """Ask once for the rows behind a refused one: where an index is full, most of what follows is refused too."""
        by_row: dict[int, dict[str, Mapping[str, object]]] = {}
        count = 0
        for new in extracted.proposals():
            if new.row > row and count < REFUSED_FIELDS_AT_ONCE:
                by_row.setdefault(new.row, {})[new.path] = new.definition
                count += 1
        complete = sorted(by_row)[: None if count < REFUSED_FIELDS_AT_ONCE else -1]  # the last one may be cut
        if complete:
            self._schema.refuse([(int(run.batch.offsets[r]), by_row[r]) for r in complete])

    def _refused_before(self, run: Run, values: ByteColumn, letters: dict[int, DeadLetter]) -> ByteColumn:
        """Records whose new fields were refused when they were first read are refused again."""
        refused = self._schema.refused()
        if not refused:
            return values
        again = [(row, refused[o]) for row, o in enumerate(run.batch.offsets.tolist()) if o in refused]
        again = [(row, why) for row, why in again if row not in letters]
        letters.update({row: DeadLetter(row, why.code, why.reason) for row, why in again})
        return _without(values, [row for row, _ in again])

    # --- decisions -----------------------------------------------------------------------------
    def _decide(self, run: Run, results: U8) -> "_Decided":
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
        current = (state.seq_no[local], state.version[local])  # copies
        demands = run.demands
        next_seq_no = decide(
            demands.ops, local.astype(np.int64), np.ascontiguousarray(run.batch.offsets), demands.if_seq_no,
            demands.if_primary_term, demands.version, demands.version_type, results, seq_nos, versions, state.seq_no,
            state.version, state.deleted, state.offset, state.row, state.touched, self.next_seq_no, self._primary_term,
            self.horizons.deleted_ids,
        )  # fmt: skip
        idle = results == Result.NOOP
        seq_nos[idle], versions[idle] = current[0][idle], current[1][idle]
        return _Decided(state, seq_nos, versions, int(next_seq_no))

    def _explain(
        self,
        run: Run,
        results: U8,
        decided: "_Decided",
        letters: Mapping[int, DeadLetter],
        duplicates: Mapping[int, Decided],
        errors: dict[int, WriteError],
    ) -> None:
        """Why rows were not applied, by row."""
        errors.update({row: WriteError(one.code, one.reason, 400) for row, one in letters.items()})
        for row in np.flatnonzero(results == Result.CONFLICT).tolist():
            if row not in duplicates:
                seq_no, version = int(decided.seq_nos[row]), int(decided.versions[row])
                errors[row] = conflict_of(run, row, seq_no=seq_no, version=version, primary_term=self._primary_term)
        errors.update({row: known.error for row, known in duplicates.items() if known.error is not None})

    def _remember(self, run: Run, results: U8, decided: "_Decided", errors: Mapping[int, WriteError]) -> None:
        offsets = run.batch.offsets
        by_offset = {int(offsets[row]): error for row, error in errors.items()}
        self.outcomes.add(offsets, results, decided.seq_nos, decided.versions, by_offset)
        request_ids = run.demands.request_ids
        self.requests.remember(request_ids, offsets, results, decided.seq_nos, decided.versions, errors)

    # --- segments ------------------------------------------------------------------------------
    def _build(
        self, run: Run, values: ByteColumn, extracted: Extracted, mapping: IndexMapping, decided: "_Decided"
    ) -> SegmentReader | None:
        rows = np.sort(decided.state.row[decided.state.row >= 0])
        if not len(rows):
            return None
        assert values.nulls is None or not values.nulls[rows].any(), "a document without a source"
        row_to_doc = np.full(len(run.batch), -1, np.int32)
        row_to_doc[rows] = np.arange(len(rows), dtype=np.int32)
        every = len(rows) == len(run.batch)
        data = build_segment(
            segment_id=self._new_segment_id(),
            schema_version=self.schema_version,
            documents=len(rows),
            columns=select(extracted.columns, row_to_doc),
            mapping=mapping,
            ids=run.ids if every else take_rows(run.ids, rows),
            seq_nos=decided.seq_nos[rows],
            versions=decided.versions[rows],
            offsets=run.batch.offsets[rows],
            timestamps=run.batch.timestamps_ms[rows],
            sources=values if every else take_rows(values, rows),
            routing=_sparse(run.demands.routing, rows),
            origins=_sparse(run.demands.origins, rows),
            scratch=self._scratch,
        )
        decided.doc_of_row = row_to_doc
        return SegmentReader(data.meta, data.arrays)

    def _build_dead(self, run: Run, letters: Sequence[DeadLetter]) -> SegmentReader | None:
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
            places = self.ids.segment[touched].astype(np.int64), self.ids.doc[touched].astype(np.int64)
            self.segments.kill(*places, self.digest)
            rows = state.row[state.touched]
            ordinal = -1
            if segment is not None:
                ordinal = self.segments.next_ordinal()
                self.segments.add(ordinal, segment, nbytes_of(segment))
                add_level_1(segment, np.arange(segment.documents), self.digest)
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


def _sparse(values: Mapping[int, bytes], rows: I64) -> ByteColumn | None:
    """What few records carry, for the rows that become documents; empty where a record has none."""
    return ByteColumn.of([values.get(row, b"") for row in rows.tolist()]) if values else None


def nbytes_of(reader: SegmentReader) -> int:
    """Bytes of a segment's arrays in memory."""
    return sum(int(a.nbytes) for a in reader.arrays.values())


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


def _add_letters(extracted: Extracted, letters: dict[int, DeadLetter], *, before: int) -> None:
    """Rejects of the rows before one become letters; a row keeps its first one."""
    for reject in extracted.rejects:
        if reject.row < before and reject.row not in letters:
            letters[reject.row] = letter_of(reject)


def _refused_late(extracted: Extracted, letters: Mapping[int, DeadLetter], bound: int) -> bool:
    """Whether a row that was good is refused for a field that the row ``bound`` brought."""
    return any(reject.row < bound and reject.row not in letters for reject in extracted.rejects)
