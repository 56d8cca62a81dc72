"""A node in a few dictionaries: indices, writer, partitions that answer. What the REST side is tested against."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import orjson

from pipeline.catalog.commands import (
    AliasAction,
    ChangeAliases,
    Command,
    CreateIndex,
    DeleteIndex,
    PutClusterSettings,
    PutMapping,
    PutSettings,
    PutTemplate,
    RemoveTemplate,
    SetClosed,
)
from pipeline.catalog.fold import fold
from pipeline.catalog.state import CatalogState, IndexState, Template
from pipeline.catalog.templates import beginning
from pipeline.ingest.indices import check_analysis, check_settings
from pipeline.ingest.ports import Op, Outcomes, Result, WriteError, WriteOptions, Writes
from pipeline.replay.ports import Event, Job, Redriven
from query_api.app import build_app
from query_api.fanout.services import Pools, Services
from schemas import query as q
from schemas.errors import SedimentError, invalid
from schemas.ids import IndexName, LogOffset, PartitionId
from schemas.query import SearchRequest
from schemas.records import ByteColumn
from schemas.results import (
    Document,
    FetchedHit,
    Freshness,
    Provenance,
    QueryResult,
    RowHit,
    Statistics,
)
from schemas.routing import partition_of
from schemas.settings import ServeSettings


@dataclass
class FakePartition:
    """Documents by id; ``visible`` is a copy made by refresh. ``failure`` is raised by every question."""

    index: IndexName
    number: int
    applied: dict[str, Document] = field(default_factory=dict)
    visible: dict[str, Document] = field(default_factory=dict)
    offset: int = 0
    seq_no: int = 0
    failure: SedimentError | None = None
    state: str = "live"
    end: int = 0
    dead: int = 0
    reason: str = ""
    done: list[str] = field(default_factory=list)

    @property
    def partition(self) -> PartitionId:
        return PartitionId(self.number)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def view(self) -> "FakeView":
        self._check()
        return FakeView(self, sorted(self.visible.values(), key=lambda d: d.provenance.offset))

    def get(self, ids: Sequence[str], *, realtime: bool) -> Sequence[Document | None]:
        self._check()
        return [(self.applied if realtime else self.visible).get(i) for i in ids]

    def refresh(self) -> None:
        self.visible = dict(self.applied)

    def flush(self) -> None:
        self._check()
        self.done.append("flush")

    def force_merge(self, segments_max: int) -> None:
        self._check()
        self.done.append(f"merge {segments_max}")

    def expunge_deletes(self) -> None:
        self._check()
        self.done.append("expunge")

    def freshness(self) -> Freshness:
        self._check()
        offset = LogOffset(self.offset)
        end = LogOffset(max(self.end, self.offset))
        return Freshness(
            self.partition,
            offset,
            offset,
            offset,
            end,
            LogOffset(0),
            len(self.applied),
            1,
            100,
            self.dead,
            self.state,
            self.reason,
            digest="abcdef012345" + "0" * 52,
            digest_offset=offset,
        )

    def apply(self, op: int, key: str, source: bytes, options: WriteOptions) -> tuple[int, int, int, WriteError | None]:
        """(result, seq_no, version, error)."""
        self.offset += 1
        old = self.applied.get(key)
        if options.if_seq_no is not None and (old is None or old.seq_no != options.if_seq_no):
            return Result.CONFLICT, -1, -1, WriteError("version_conflict_engine", f"[{key}]: version conflict", 409)
        if op == Op.CREATE and old is not None:
            reason = f"[{key}]: version conflict, document already exists (current version [{old.version}])"
            return Result.CONFLICT, -1, -1, WriteError("version_conflict_engine", reason, 409)
        if op == Op.DELETE:
            return self._delete(key, old)
        if op == Op.UPDATE:
            return self._update(key, old, source, options)
        return self._put(key, source, options)

    def _delete(self, key: str, old: Document | None) -> tuple[int, int, int, None]:
        self.seq_no += 1
        self.applied.pop(key, None)
        version = 1 if old is None else old.version + 1
        return (Result.NOT_FOUND if old is None else Result.DELETED), self.seq_no - 1, version, None

    def _put(self, key: str, source: bytes, options: WriteOptions) -> tuple[int, int, int, None]:
        old = self.applied.get(key)
        version = options.version or (1 if old is None else old.version + 1)
        place = Provenance(self.index, self.number, self.offset - 1, 0, 1, "s")
        self.applied[key] = Document(key, version, self.seq_no, source, place, options.routing)
        self.seq_no += 1
        return (Result.CREATED if old is None else Result.UPDATED), self.seq_no - 1, version, None

    def _update(
        self, key: str, old: Document | None, source: bytes, options: WriteOptions
    ) -> tuple[int, int, int, WriteError | None]:
        body = orjson.loads(source)
        if old is None:
            upsert = body.get("upsert") or (body["doc"] if body.get("doc_as_upsert") else None)
            if upsert is None:
                return Result.MISSING, -1, -1, WriteError("document_missing", f"[{key}]: document missing", 404)
            return self._put(key, orjson.dumps(upsert), options)
        merged = {**orjson.loads(old.source), **body["doc"]}
        if merged == orjson.loads(old.source):
            return Result.NOOP, old.seq_no, old.version, None
        return self._put(key, orjson.dumps(merged), options)


def matches(node: Any, document: Document) -> bool:
    """Enough of the query language for these tests."""
    value = orjson.loads(document.source)
    match node:
        case q.MatchAll():
            return True
        case q.Term() | q.Match():
            wanted = node.value if isinstance(node, q.Term) else node.text
            if node.field == "broken":
                raise invalid("query_shard", "field [broken] cannot be searched")
            return str(wanted).lower() in str(value.get(node.field, "")).lower().split()
        case q.Ids():
            return document.id in node.values
        case q.Bool():
            return all(matches(n, document) for n in [*node.must, *node.filter])
        case _:
            return False


@dataclass
class FakeView:
    """What was visible when it was made."""

    owner: FakePartition
    documents: list[Document]

    @property
    def index(self) -> IndexName:
        return self.owner.index

    @property
    def partition(self) -> PartitionId:
        return self.owner.partition

    def statistics(self, request: SearchRequest) -> Statistics:
        return Statistics(len(self.documents))

    def query(self, request: SearchRequest, statistics: Statistics) -> QueryResult:
        rows = [i for i, d in enumerate(self.documents) if matches(request.query, d)]
        hits = [self._row(i, request) for i in rows]
        if request.sort:
            hits.sort(key=lambda h: h.sort, reverse=request.sort[0].descending)
        best = hits[: request.offset + request.size]
        score = None if request.sort or not hits else 1.0
        return QueryResult(
            self.index, self.partition, len(rows), True, score, best, visible=LogOffset(self.owner.offset)
        )

    def _row(self, i: int, request: SearchRequest) -> RowHit:
        document = self.documents[i]
        sort = tuple(orjson.loads(document.source).get(k.field, 0) for k in request.sort)
        sort = tuple(v.encode() if isinstance(v, str) else v for v in sort)
        return RowHit(0, i, None if request.sort else 1.0, sort, document.provenance.offset)

    def fetch(self, request: SearchRequest, hits: Sequence[RowHit], statistics: Statistics) -> Sequence[FetchedHit]:
        found = [self.documents[h.doc] for h in hits]
        return [FetchedHit(d.id, d.version, d.seq_no, d.source, d.provenance, d.routing) for d in found]


class FakeNode:
    """Indices, Writer and Topology in one."""

    def __init__(self) -> None:
        self.catalog = CatalogState()
        self.made = 0
        self.parts: dict[str, list[FakePartition]] = {}
        self.dead: dict[str, list[FakePartition]] = {}
        self.lock = threading.Lock()
        self.write_failure: SedimentError | None = None
        self.undecided = False

    @property
    def states(self) -> Mapping[str, IndexState]:
        return self.catalog.indices

    # Indices: the fold of the control log without the log
    def propose(self, command: Command) -> IndexState:
        self.catalog, outcome = fold(self.catalog, command, 1_700_000_000_000)
        if isinstance(outcome, SedimentError):
            raise outcome
        return outcome  # type: ignore[return-value]  # None where nobody looks at it

    def state(self) -> CatalogState:
        return self.catalog

    def index(self, name: str) -> IndexState | None:
        return self.states.get(name)

    def indices(self) -> Sequence[IndexState]:
        return [self.states[n] for n in sorted(self.states)]

    def create(
        self,
        name: str,
        settings: Mapping[str, Any],
        mappings: Mapping[str, Any],
        aliases: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> IndexState:
        begun = beginning(self.catalog, name).under(settings, mappings, aliases or {})
        flat = {k: str(v) for k, v in begun.settings.items() if v is not None}
        check_settings(flat)
        check_analysis(flat, begun.mappings)
        count = int(flat.get("number_of_shards", 1))
        uuid = f"u{self.made:021d}"
        self.made += 1
        state = self.propose(CreateIndex(name, uuid, name, count, flat, begun.mappings, begun.aliases))
        self.parts[name] = [FakePartition(state.name, i) for i in range(count)]
        self.dead[name] = [FakePartition(state.name, i) for i in range(count)]
        return state

    def delete(self, name: IndexName) -> None:
        self.propose(DeleteIndex(self.states[name].uuid))
        del self.parts[name], self.dead[name]

    def put_mapping(self, name: IndexName, mappings: Mapping[str, Any]) -> IndexState:
        return self.propose(PutMapping(self.states[name].uuid, mappings))

    def put_settings(self, name: IndexName, settings: Mapping[str, Any]) -> IndexState:
        return self.propose(PutSettings(self.states[name].uuid, settings))

    def change_aliases(self, actions: Sequence[AliasAction]) -> None:
        self.propose(ChangeAliases(actions))

    def set_closed(self, name: IndexName, closed: bool) -> IndexState:
        return self.propose(SetClosed(self.states[name].uuid, closed))

    def put_template(self, template: Template, *, create: bool) -> None:
        self.propose(PutTemplate(template, create))

    def put_cluster_settings(self, settings: Mapping[str, str | None]) -> None:
        self.propose(PutClusterSettings(settings))

    def remove_template(self, kind: str, name: str) -> None:
        self.propose(RemoveTemplate(name, kind))

    # Topology
    def partitions(self, index: IndexName) -> Sequence[FakePartition]:
        return self.parts[index]

    def dead_letters(self, index: IndexName) -> Sequence[FakePartition]:
        return self.dead[index]

    # Writer
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
        if self.write_failure is not None:
            raise self.write_failure
        with self.lock:
            return self._write(index, writes, decided=wait and not self.undecided)

    def _write(self, index: IndexState, writes: Writes, *, decided: bool) -> Outcomes:
        count = len(writes)
        columns = [np.full(count, -1, np.int64) for _ in range(4)]
        results = np.zeros(count, np.uint8)
        errors: dict[int, WriteError] = {}
        ids: list[bytes | None] = []
        for row in range(count):
            key = writes.ids[row] or f"generated-{row}".encode()
            ids.append(key)
            source = writes.sources[row] or b""
            if writes.ops[row] != Op.DELETE and not _is_object(source):
                results[row] = Result.REJECTED
                errors[row] = WriteError("mapper_parsing", "failed to parse", 400)
                continue
            options = writes.options.get(row, WriteOptions())
            place = partition_of(options.routing.encode() if options.routing else key, index.partitions)
            part = self.parts[index.name][place]
            columns[2][row], columns[3][row] = place, part.offset
            result, seq_no, version, error = part.apply(int(writes.ops[row]), key.decode(), source, options)
            results[row] = result if decided else Result.PENDING
            columns[0][row], columns[1][row] = seq_no, version
            if error is not None and decided:
                errors[row] = error
        return Outcomes(
            results, columns[0], columns[1], columns[2].astype(np.int32), columns[3], ByteColumn.of(ids), 1, errors
        )


class FakeOperations:
    """Operations that remember what they were asked for; ``found`` are the jobs they show, oldest first."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.found: list[Job] = []
        self.events: list[Event] = []
        self.failure: SedimentError | None = None

    def _begin(self, kind: str, index: str, **given: Any) -> list[Job]:
        self.asked.append((kind, {"index": index, **given}))
        if self.failure is not None:
            raise self.failure
        numbers = [0, 1] if given["partition"] is None else [given["partition"]]
        count = len(self.asked)
        begun = [
            Job(f"{kind}-{index}-{n}-{count}", kind, index, n, "running", 0, 25, 100, 10.0, 7.5, 1) for n in numbers
        ]
        self.found += begun
        return begun

    def replay(self, index: IndexName, **given: Any) -> Sequence[Job]:
        return self._begin("replay", index, **given)

    def verify(self, index: IndexName, **given: Any) -> Sequence[Job]:
        return self._begin("verify", index, **given)

    def jobs(self, index: IndexName) -> Sequence[Job]:
        return [j for j in reversed(self.found) if j.index == index]

    def history(self, index: IndexName, identity: str, *, routing: str | None = None) -> Sequence[Event]:
        self.asked.append(("history", {"index": index, "id": identity, "routing": routing}))
        return self.events

    def redrive(self, index: IndexName, dead_letters: Sequence[str], *, dry_run: bool = False) -> Sequence[Redriven]:
        self.asked.append(("redrive", {"index": index, "ids": list(dead_letters), "dry_run": dry_run}))
        done: list[Redriven] = []
        for one in dead_letters:
            partition, offset = map(int, one.split("-"))
            new = None if dry_run else offset + 100
            done.append(Redriven(one, "k", partition, offset, new, "" if dry_run else "created"))
        return done

    def finish(self, **changes: Any) -> None:
        """Every job is over."""
        self.found = [replace(j, **{"state": "done", "position": j.end, **changes}) for j in self.found]


def _is_object(source: bytes) -> bool:
    try:
        return isinstance(orjson.loads(source), dict)
    except orjson.JSONDecodeError:
        return False


class Client:
    """A node and a client that talks to it in process."""

    def __init__(self, settings: ServeSettings | None = None, **more: Any) -> None:
        self.node = FakeNode()
        settings = settings or ServeSettings()
        pools = Pools.of(settings, 2)
        self.operations = FakeOperations()
        more.setdefault("operations", self.operations)
        self.services = Services(self.node, self.node, self.node, settings, pools, **more)
        transport = httpx.ASGITransport(build_app(self.services), raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://node")

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """A request; dictionaries are sent as JSON, lists as NDJSON, bytes as they are."""
        headers = dict(options.pop("headers", {}))
        if body is not None:
            if isinstance(body, list):
                data = b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in body)
            else:
                data = body if isinstance(body, bytes) else orjson.dumps(body)
            headers.setdefault("content-type", "application/x-ndjson" if isinstance(body, list) else "application/json")
            options["content"] = data
        response = await self.http.request(method, path, headers=headers, **options)
        assert response.status_code != 500, response.text
        return response

    async def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer's JSON."""
        return (await self.send(method, path, body, **options)).json()

    async def close(self) -> None:
        """End the threads."""
        await self.http.aclose()
        self.services.pools.close()
