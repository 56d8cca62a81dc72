"""A partition as a slow, obvious program: one record at a time, dictionaries, the standard library's JSON.

What records come to (documents, outcomes, dead letters, the mapping) is spelled out here once more, without batches, columns or segments. Only the
fold of the control log is shared with what is tested; it has its own tests.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.catalog.commands import AddFields, CreateIndex
from pipeline.catalog.fold import fold
from pipeline.catalog.state import CatalogState, IndexState
from schemas.errors import SedimentError
from schemas.events import REDRIVEN_FROM
from schemas.mapping import Dynamic, Field, IndexMapping
from tests.pipeline.materialise.decisions.decide_twin import Model as Versions
from tests.pipeline.materialise.decisions.decide_twin import Write

UUID = "u1"
TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}


@dataclass(frozen=True)
class Record:
    """A record of the log."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Document:
    """A live document."""

    source: bytes
    version: int
    seq_no: int
    offset: int
    routing: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """What a record came to; ``code`` is its error's."""

    result: str
    seq_no: int = -1
    version: int = -1
    code: str = ""


class Refused(Exception):
    """The record becomes a dead letter."""

    def __init__(self, code: str = "mapper_parsing") -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Demand:
    """The headers of a record; ``fault`` where one cannot be read (those after it are not looked at)."""

    op: str = "index"
    numbers: dict[str, int] = field(default_factory=dict)
    version_type: str = "internal"
    routing: bytes = b""
    request_id: bytes | None = None
    redriven_from: str = ""
    fault: bool = False


def new_catalog(properties: Mapping[str, Any], settings: Mapping[str, str], dynamic: str = "true") -> CatalogState:
    """A control log with one index."""
    mappings = {"properties": properties, "dynamic": dynamic}
    return fold(CatalogState(), CreateIndex("books", UUID, "books", 1, settings, mappings), 0)[0]


class Model:
    """A partition."""

    def __init__(self, catalog: CatalogState, *, deleted_ids: int, request_ids: int) -> None:
        self.catalog = catalog
        self.mapping: IndexMapping = catalog.versions[UUID, 1]
        self.schema_version = 1
        self.versions = Versions(primary_term=1, forget_after=deleted_ids)
        self.documents: dict[str, Document] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.dead: dict[int, str] = {}
        self.requests: dict[bytes, tuple[int, Outcome]] = {}
        self.request_ids = request_ids

    def apply(self, offset: int, record: Record) -> None:
        """Apply one record."""
        demand = demand_of(record)
        fault = fault_of(demand, record)
        if demand.op == "mapping" and not fault:
            self.mark(demand.numbers["schema-version"])
            return
        self.decide_once(offset, record, demand, fault=fault)
        partition, _, number = demand.redriven_from.partition("-")
        if partition == "0" and number.isdigit() and int(number) < offset:
            self.dead.pop(int(number), None)

    def decide_once(self, offset: int, record: Record, demand: Demand, *, fault: bool) -> None:
        """A record of data; retried requests are decided once."""
        known = None if demand.request_id is None else self.requests.get(demand.request_id)
        if known is not None and offset - known[0] <= self.request_ids:
            self.outcomes[offset] = known[1]
            return
        try:
            if fault:
                raise Refused("illegal_argument")
            outcome = self.decide(offset, record, demand)
        except Refused as refused:
            self.dead[offset] = refused.code
            outcome = Outcome("rejected", code=refused.code)
        self.outcomes[offset] = outcome
        if demand.request_id is not None:
            self.requests[demand.request_id] = offset, outcome

    def mark(self, version: int) -> None:
        """A schema version begins."""
        mapping = self.catalog.versions.get((UUID, version))
        if mapping is not None and version > self.schema_version:
            mine = {p: f for p, f in self.mapping.fields.items() if p not in mapping.fields}
            self.mapping = mapping.with_fields(mine)
            self.schema_version = version

    def decide(self, offset: int, record: Record, demand: Demand) -> Outcome:
        """What a record without faults comes to."""
        key = f"0-{offset}" if record.key is None else record.key.decode()
        source = record.value
        old = self.documents.get(key)
        wanted = demand.numbers.get("if_seq_no")
        if demand.op == "update":
            assert record.value is not None
            if old is not None and wanted is not None and not self.same(old, demand):
                source = None
            else:
                source = updated(None if old is None else old.source, record.value)
                if source is None and old is None:
                    return Outcome("missing", code="document_missing")
                if source is None and old is not None:
                    return Outcome("noop", old.seq_no, old.version)
        if demand.op != "delete" and source is not None:
            self.index(offset, source)
        result, seq_no, version = self.versions.apply(
            Write(
                demand.op,
                key,
                offset,
                wanted,
                demand.numbers.get("if_primary_term"),
                demand.numbers.get("version"),
                demand.version_type,
            )
        )
        if result == "conflict":
            return Outcome(result, seq_no, version, "version_conflict_engine")
        self.documents.pop(key, None)
        if demand.op != "delete":
            assert source is not None
            self.documents[key] = Document(source, version, seq_no, offset, demand.routing)
        return Outcome(result, seq_no, version)

    def same(self, old: Document, demand: Demand) -> bool:
        """Whether a document is the one that an update demands."""
        return old.seq_no == demand.numbers["if_seq_no"] and demand.numbers.get("if_primary_term", 1) == 1

    def index(self, offset: int, source: bytes) -> None:
        """Check a document against the mapping and add its new fields. Raises Refused."""
        events = list(events_of((), parse(source)))
        new = new_fields(events, self.mapping)
        if new:
            self.bind(offset, new)
            assert not new_fields(events, self.mapping)

    def bind(self, offset: int, new: Mapping[str, Any]) -> None:
        """Ask the catalog for fields."""
        known = self.catalog.indices["books"]
        if any(path not in known.born for path in new):
            self.catalog, outcome = fold(self.catalog, AddFields(UUID, new, 0, offset), 0)
            if isinstance(outcome, SedimentError):
                raise Refused(outcome.code)
            assert isinstance(outcome, IndexState)
            known = outcome
        wanted = {above for path in new for above in [path, *parents(path)]}
        added = {p: f for p, f in known.born.items() if p in wanted or f.source in wanted}
        self.mapping = self.mapping.with_fields(added)


# ------------------------------------------------------------------ headers


def demand_of(record: Record) -> Demand:
    """Read the headers in order, up to the first one that cannot be read."""
    demand = Demand(op="delete" if record.value is None else "index")
    for name, value in record.headers:
        if name == "op":
            demand.fault = value.decode() not in {"index", "create", "update", "delete", "mapping"}
            demand.op = demand.op if demand.fault else value.decode()
        elif name == "version_type":
            demand.fault = value.decode() not in {"internal", "external", "external_gte"}
            demand.version_type = demand.version_type if demand.fault else value.decode()
        elif name == "routing":
            demand.routing = value
        elif name == "request-id":
            demand.request_id = value
        elif name == REDRIVEN_FROM:
            demand.redriven_from = value.decode()
        else:
            demand.fault = not value.isdigit()
            if not demand.fault:
                demand.numbers[name] = int(value)
        if demand.fault:
            break
    return demand


def fault_of(demand: Demand, record: Record) -> bool:
    """Whether a record is wrong whatever else there is."""
    if demand.fault or (demand.op == "mapping" and "schema-version" not in demand.numbers):
        return True
    if demand.version_type != "internal" and "version" not in demand.numbers:
        return True
    if record.key is not None and not (0 < len(record.key) <= 512 and is_text(record.key)):
        return True
    if record.value is None and demand.op not in {"delete", "mapping"}:
        return True
    return record.key is None and demand.op == "delete"


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    return data.decode(errors="replace").encode() == data


# ------------------------------------------------------------------ updates


def updated(old: bytes | None, body: bytes) -> bytes | None:
    """The new source, None where nothing is to be done. Raises Refused."""
    try:
        request = json.loads(body)
    except ValueError:
        raise Refused from None
    if not isinstance(request, dict):
        raise Refused
    if set(request) - {"doc", "upsert", "doc_as_upsert", "detect_noop", "script"}:
        raise Refused("x_content_parse")
    if "script" in request:
        raise Refused("illegal_argument")
    if any(not isinstance(request.get(name, {}), dict) for name in ("doc", "upsert")):
        raise Refused("x_content_parse")
    if "doc" not in request:
        raise Refused("action_request_validation")
    if old is None:
        chosen = request.get("upsert", request["doc"] if request.get("doc_as_upsert") else None)
        return None if chosen is None else dumped(chosen)
    before = json.loads(old)
    after = laid_over(json.loads(old), request["doc"])
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    return None if same and request.get("detect_noop", True) else dumped(after)


def laid_over(old: Any, new: Any) -> Any:
    """Objects key by key, anything else replaced."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    for key in new:
        old[key] = laid_over(old[key], new[key]) if key in old else new[key]
    return old


def dumped(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# ------------------------------------------------------------------ documents


def parse(source: bytes) -> dict[str, Any]:
    """A JSON object without duplicate keys. Raises Refused."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) < len(items):
            raise ValueError
        return dict(items)

    def constant(name: str) -> None:
        raise ValueError(name)

    try:
        found = json.loads(source.decode(), object_pairs_hook=pairs, parse_constant=constant)
    except ValueError:
        raise Refused from None
    if not isinstance(found, dict) or "\\ud8" in source.decode():
        raise Refused
    return found


Event = tuple[tuple[str, ...], str, Any]  # path, what, value


def events_of(path: tuple[str, ...], value: Any) -> Iterator[Event]:
    """Everything that a document says, in its order."""
    if isinstance(value, dict):
        if path:
            yield path, "object", None
        for key, inner in value.items():
            yield from events_of((*path, key), inner)
    elif isinstance(value, list):
        if not value:
            yield path, "empty", None
        for inner in value:
            yield from events_of(path, inner)
    else:
        yield path, "null" if value is None else "scalar", value


def parents(path: str) -> list[str]:
    """The names above a dotted name."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def new_fields(events: list[Event], mapping: IndexMapping) -> dict[str, Any]:
    """Fields that a document adds to a mapping, with definitions. Raises Refused for the first thing that is wrong."""
    unknown: dict[str, list[tuple[str, Any]]] = {}
    for keys, what, value in events:
        path = ".".join(keys)
        known = {p: f for p, f in mapping.fields.items() if f.source == p}
        leaf = next((p for p in parents(path) if p in known and known[p].type != "object"), None)
        if leaf is not None:
            raise Refused  # at the object itself, or here where the name is dotted
        if path in known:
            check(known[path], what, value)
        elif mapping.dynamic is Dynamic.STRICT and what != "null":
            raise Refused("strict_dynamic_mapping")
        elif mapping.dynamic is Dynamic.TRUE and what not in {"null", "empty"}:
            unknown.setdefault(path, []).append((what, value))
    return {path: definition_of(path, found) for path, found in unknown.items() if wanted(path, found, unknown)}


def wanted(path: str, found: list[tuple[str, Any]], unknown: Mapping[str, Any]) -> bool:
    """Whether a name is proposed: with a value, or as an object that has nothing below. Raises Refused for both at once."""
    below = any(other.startswith(path + ".") for other in unknown)
    has_value = any(what == "scalar" for what, _ in found)
    if has_value and below:
        raise Refused
    return has_value or not below


def definition_of(path: str, found: list[tuple[str, Any]]) -> Any:
    """The definition by the first value; the further ones must fit. Raises Refused."""
    values = [value for what, value in found if what == "scalar"]
    if not values:
        return {"type": "object"}
    if len(values) < len(found):
        raise Refused
    first = values[0]
    names = {bool: "boolean", int: "long", float: "float", str: "text"}
    kind = names[type(first)]
    for value in values:
        check_value(kind, value)
    return TEXT if kind == "text" else {"type": kind}


def check(one: Field, what: str, value: Any) -> None:
    """Whether a field takes something. Raises Refused."""
    if one.type == "object":
        if what == "scalar":
            raise Refused
    elif what == "object":
        raise Refused
    elif what == "scalar":
        check_value(one.type, value)


def check_value(kind: str, value: Any) -> None:
    """Whether a type takes a scalar. Raises Refused. The strings of the tests are words or small numbers."""
    fits = True
    if kind in {"long", "float"}:
        fits = not isinstance(value, bool) and (not isinstance(value, str) or value.strip("0123456789") == "")
    elif kind == "boolean":
        fits = isinstance(value, bool) or value in ("true", "false", "")
    if not fits:
        raise Refused
