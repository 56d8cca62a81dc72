"""Writes to the log and their outcomes back to the client: what _bulk and the document routes share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import orjson

from pipeline.catalog.state import IndexState
from pipeline.ingest.ports import Op, Outcomes, Result, WriteError, Writes
from pipeline.telemetry import names, propagation
from query_api.elastic.wire import errors
from query_api.elastic.wire.blocks import Level, check_block
from query_api.elastic.wire.call import Call
from query_api.elastic.wire.names import DEAD_SUFFIX, check_name, known, missing
from query_api.elastic.writing.actions import Actions
from query_api.fanout.services import Services
from schemas.errors import ErrorKind, SedimentError, illegal_argument, invalid
from schemas.fields.wildcards import fits_any
from schemas.records import ByteColumn

PARAMETERS = frozenset({
    "refresh", "routing", "timeout", "wait_for_active_shards", "pipeline", "require_alias", "ack", "_source", "_source_includes",
    "_source_excludes",
})  # fmt: skip
OP_NAMES = {Op.INDEX: "index", Op.CREATE: "create", Op.UPDATE: "update", Op.DELETE: "delete"}
# result -> (word, HTTP status); the others are errors
WORDS: Mapping[int, tuple[str, int]] = {
    Result.PENDING: ("accepted", 202),
    Result.CREATED: ("created", 201),
    Result.UPDATED: ("updated", 200),
    Result.DELETED: ("deleted", 200),
    Result.NOOP: ("noop", 200),
    Result.NOT_FOUND: ("not_found", 404),
}
_KINDS = {kind.status: kind for kind in ErrorKind}


@dataclass(frozen=True, slots=True)
class WriteCall:
    """What the URL and the headers say about how to write."""

    refresh: str  # "", "true", "wait_for"
    wait: bool  # False: ack=log
    timeout_s: float
    request_id: str


def write_call(services: Services, call: Call) -> WriteCall:
    """The parameters that every write takes. Raises ``illegal_argument``."""
    refresh = call.parameters.get("refresh", "false")
    if refresh not in {"", "true", "false", "wait_for"}:
        raise illegal_argument(f"Unknown value for refresh: [{refresh}].")
    ack = call.text("ack", "applied")
    if ack not in {"applied", "log"}:
        raise illegal_argument(f"Unknown value for ack: [{ack}], expected [applied] or [log]")
    _check_active_shards(call.text("wait_for_active_shards", "1"))
    default_s = services.settings.limits.write_timeout_ms / 1000
    return WriteCall(
        refresh="true" if refresh == "" else refresh.replace("false", ""),
        wait=ack == "applied",
        timeout_s=min(call.seconds("timeout", default_s), default_s),
        request_id=call.headers.get("request-id") or call.text("request_id"),
    )


def write(services: Services, how: WriteCall, state: IndexState, writes: Writes) -> Outcomes:
    """Write, within a span; the records carry its context, so that the trace goes on where they are applied."""
    size = writes.sources.nbytes
    with services.tracer.span(names.SPAN_INGEST, index=state.name, documents=len(writes), bytes=size):
        return services.writer.write(
            state,
            writes,
            request_id=how.request_id,
            wait=how.wait,
            timeout_s=how.timeout_s,
            traceparent=propagation.to_header() or b"",
        )


def _check_active_shards(text: str) -> None:
    if text not in {"all", "index-setting", ""} and not (text.isascii() and text.isdigit() and len(text) < 9):
        raise illegal_argument(f"cannot parse ActiveShardCount[{text}]")


@dataclass(frozen=True, slots=True)
class Destination:
    """The index that a write goes to, and the routing that an alias gives it."""

    state: IndexState
    alias: str = ""
    routing: str | None = None

    def routed(self, given: str | None, key: str = "") -> str | None:
        """The routing of one write. Raises ``illegal_argument`` where it is not the alias's, ``routing_missing`` where there must be one."""
        if self.routing is None or given in {None, self.routing}:
            routing = given if self.routing is None else self.routing
            check_routing(self.state, key, routing)
            return routing
        raise illegal_argument(
            f"Alias [{self.alias}] has index routing associated with it [{self.routing}], and was provided with routing value "
            f"[{given}], rejecting operation"
        )


def check_routing(state: IndexState, key: str, routing: str | None) -> None:
    """Raises ``routing_missing`` where the mapping demands a routing and there is none."""
    if state.mapping.routing_required and not routing:
        raise invalid("routing_missing", f"routing is required for [{state.name}]/[{key}]", index=state.name)


def destination(services: Services, name: str, *, create: bool) -> Destination:
    """Where a write to an index or an alias goes; a missing index is created unless that is switched off."""
    found = known(services.indices, name)
    state = _writer(name, found) if found else _created(services, name, create=create)
    check_block(state, Level.WRITE)
    if state.name == name:
        return Destination(state)
    return Destination(state, name, state.aliases[name].index_routing)


def _writer(name: str, found: Sequence[IndexState]) -> IndexState:
    """Of the indices behind a name the one that is written to."""
    if found[0].name == name:
        return found[0]
    writers = [one for one in found if one.aliases[name].is_write_index]
    if not writers and len(found) == 1 and found[0].aliases[name].is_write_index is None:
        return found[0]
    if not writers:
        raise illegal_argument(
            f"no write index is defined for alias [{name}]. The write index may be explicitly disabled using "
            "is_write_index=false or the alias points to multiple indices without one being designated as a write index"
        )
    return writers[0]


def _created(services: Services, name: str, *, create: bool) -> IndexState:
    check_name(name)
    if name.endswith(DEAD_SUFFIX) and services.indices.index(name.removesuffix(DEAD_SUFFIX)) is not None:
        raise illegal_argument(
            f"[{name}] holds dead letters and is read only: write to [{name.removesuffix(DEAD_SUFFIX)}]"
        )
    if not create:
        raise missing(name)
    automatic = _automatic(services, name)
    if automatic:
        error = missing(name)
        error.message = f"no such index [{name}] and [action.auto_create_index] {automatic}"
        raise error
    try:
        return services.indices.create(name, {}, {})
    except SedimentError as error:
        state = services.indices.index(name)
        if error.code != "resource_already_exists" or state is None:
            raise
        return state


def _automatic(services: Services, name: str) -> str:
    """Why an index of that name is not created by a write; nothing where it is."""
    default = "true" if services.settings.index.auto_create else "false"
    allowed = services.indices.state().setting("action.auto_create_index", default)
    if allowed in {"true", "false"}:
        return "" if allowed == "true" else "is [false]"
    for one in allowed.split(","):
        pattern = one.strip().removeprefix("+")
        if fits_any([pattern.removeprefix("-")], name):
            return f"contains [{one}] which forbids automatic creation of the index" if pattern.startswith("-") else ""
    return f"([{allowed}]) doesn't match"


def copies(state: IndexState) -> int:
    """How many copies a write goes to, as ``_shards.total`` counts them."""
    return 1 + state.replicas


def columns(actions: Actions, rows: Sequence[int]) -> Writes:
    """Some rows of a request as the writer takes them."""
    everything = len(rows) == len(actions)
    ops = actions.ops if everything else [actions.ops[r] for r in rows]
    ids = actions.ids if everything else [actions.ids[r] for r in rows]
    sources = actions.sources if everything else [actions.sources[r] for r in rows]
    at = {row: i for i, row in enumerate(rows)} if actions.options else {}
    options = {at[r]: o for r, o in actions.options.items() if r in at}
    return Writes(np.array(ops, np.uint8), ByteColumn.of(ids), ByteColumn.of(sources), options)


def refresh_partitions(services: Services, state: IndexState, partitions: Iterable[int]) -> None:
    """Make what these partitions have applied visible."""
    wanted = set(partitions)
    for searcher in services.topology.partitions(state.name):
        if searcher.partition in wanted:
            searcher.refresh()


def touched(outcomes: Outcomes) -> list[int]:
    """The partitions that something was written to."""
    found: list[int] = np.unique(outcomes.partitions[outcomes.offsets >= 0]).tolist()
    return found


def offsets_header(written: Sequence[tuple[str, Outcomes]]) -> dict[str, str]:
    """``X-Sediment-Offsets``: the last offset in each partition, ``0:17,1:4``; with several indices ``name/0:17``."""
    parts: list[str] = []
    for name, outcomes in written:
        prefix = f"{name}/" if len(written) > 1 else ""
        for partition in touched(outcomes):
            last = int(outcomes.offsets[outcomes.partitions == partition].max())
            parts.append(f"{prefix}{partition}:{last}")
    return {"x-sediment-offsets": ",".join(parts)} if parts else {}


def error_of(error: WriteError) -> SedimentError:
    """A refused row as an error of its own."""
    kind = _KINDS.get(error.status, ErrorKind.INVALID)
    return SedimentError(kind, error.code, error.reason, details=error.details)


def row_ids(outcomes: Outcomes) -> list[bytes]:
    """All ids, generated ones included."""
    column = outcomes.ids
    base = int(column.starts[0])
    data = column.data[base : int(column.starts[-1])].tobytes()
    starts = (column.starts - base).tolist()
    return [data[a:b] for a, b in pairwise(starts)]


def json_ids(ids: Sequence[bytes]) -> list[str]:
    """The ids as JSON strings with their quotes; a column without anything to escape is not looked at one by one."""
    joined = b"\n".join(ids)
    text = joined.decode("utf-8", "replace")
    if (
        '"' not in text
        and "\\" not in text
        and text.replace("\n", "").isprintable()
        and joined.count(b"\n") == len(ids) - 1
    ):
        return [f'"{one}"' for one in text.split("\n")]
    return [orjson.dumps(one.decode("utf-8", "replace")).decode() for one in ids]


@dataclass(frozen=True, slots=True)
class ItemFrame:
    """What all items of one index have in common."""

    state: IndexState
    forced_refresh: bool

    @property
    def shards(self) -> str:
        """``_shards`` of a write that went well, as JSON."""
        return f'{{"total":{copies(self.state)},"successful":1,"failed":0}}'


def item_error(op: int, index: str, key: str | None, error: SedimentError, uuid: str = "_na_") -> str:
    """A bulk item that was refused."""
    value = {
        "_index": index,
        "_id": key,
        "status": errors.status_of(error),
        "error": errors.item_error(error, index, uuid),
    }
    return orjson.dumps({OP_NAMES[Op(op)]: value}, default=str).decode()


def items(frame: ItemFrame, ops: Sequence[int], outcomes: Outcomes) -> list[str]:
    """The bulk items of one index as JSON: one pass, strings only."""
    state = frame.state
    index = orjson.dumps(state.name).decode()
    heads = [f'{{"{name}":{{"_index":{index},"_id":' for name in OP_NAMES.values()]
    forced = '"forced_refresh":true,' if frame.forced_refresh else ""
    tails = {
        int(r): (f'"result":"{word}",{forced}"_shards":{frame.shards},"_seq_no":', status)
        for r, (word, status) in WORDS.items()
        if r != Result.PENDING
    }
    term = outcomes.primary_term
    ids = row_ids(outcomes)
    rows = zip(
        ops,
        json_ids(ids),
        outcomes.results.tolist(),
        outcomes.versions.tolist(),
        outcomes.seq_nos.tolist(),
        strict=True,
    )
    found: list[str] = []
    for row, (op, key, result, version, seq_no) in enumerate(rows):
        tail = tails.get(result)
        if tail is not None:
            found.append(
                f'{heads[op]}{key},"_version":{version},{tail[0]}{seq_no},"_primary_term":{term},"status":{tail[1]}}}}}'
            )
        elif result == Result.PENDING:
            accepted = pending(state.name, ids[row], outcomes, row)
            found.append(orjson.dumps({OP_NAMES[Op(op)]: {**accepted, "status": 202}}).decode())
        else:
            error = outcomes.errors.get(row) or WriteError("unavailable", "the write was not applied", 503)
            found.append(item_error(op, state.name, ids[row].decode("utf-8", "replace"), error_of(error), state.uuid))
    return found


def pending(index: str, key: bytes, outcomes: Outcomes, row: int) -> dict[str, Any]:
    """A write that is in the log and not decided yet."""
    place = {"partition": int(outcomes.partitions[row]), "offset": int(outcomes.offsets[row])}
    return {
        "_index": index,
        "_id": key.decode("utf-8", "replace"),
        "result": "accepted",
        "_sediment": place,
    }


def single(frame: ItemFrame, outcomes: Outcomes) -> dict[str, Any]:
    """The answer to a write of one document. Raises what the partition decided against it."""
    state, result = frame.state, int(outcomes.results[0])
    key = row_ids(outcomes)[0]
    if result == Result.PENDING:
        return pending(state.name, key, outcomes, 0)
    if result not in WORDS:
        refused = outcomes.errors.get(0) or WriteError("unavailable", "the write was not applied", 503)
        error = error_of(refused)
        error.details = {"index": state.name, "index_uuid": state.uuid, **error.details}
        raise error
    answer: dict[str, Any] = {
        "_index": state.name,
        "_id": key.decode("utf-8", "replace"),
        "_version": int(outcomes.versions[0]),
        "result": WORDS[result][0],
    }
    if frame.forced_refresh:
        answer["forced_refresh"] = True
    answer["_shards"] = {"total": copies(state), "successful": 1, "failed": 0}
    answer["_seq_no"] = int(outcomes.seq_nos[0])
    answer["_primary_term"] = outcomes.primary_term
    return answer
