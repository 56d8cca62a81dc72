"""The tables of _cat: aligned text or JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import orjson

from query_api.elastic.admin.cluster import health
from query_api.elastic.admin.indices import states
from query_api.elastic.wire.call import TEXT_TYPE, Call, Reply
from query_api.elastic.wire.names import OPTIONS, Options, Target, options_of, resolve, searchers_of
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import freshness_of, status_of
from query_api.fanout.services import Services
from schemas.errors import SedimentError, illegal_argument
from schemas.results import Freshness

_BYTES = (("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10))
_UNITS = {"b": 1, **dict(_BYTES), "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a _cat table."""

    name: str
    alias: str
    text: str
    right: bool = False
    shown: bool = True


def _table(call: Call, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> Reply:
    """A _cat answer: aligned text or JSON, columns by ``h``, order by ``s``, names with ``v``."""
    if call.flag("help"):
        width = max(len(c.name) for c in columns)
        lines = [f"{c.name:<{width}} | {c.alias} | {c.text} \n" for c in columns]
        return Reply(content="".join(lines).encode(), content_type=TEXT_TYPE)
    chosen = _chosen(call, columns)
    ordered = _ordered(call, columns, rows)
    form = call.text("format", "text")
    if form == "json" or "application/json" in call.headers.get("accept", ""):
        texts = [{name: _cell(call, row.get(c.name)) for name, c in chosen} for row in ordered]
        return Reply(content=orjson.dumps(texts))
    if form not in {"text", "txt"}:
        raise illegal_argument(f"format [{form}] is not supported: use [text] or [json]")
    cells = [[_cell(call, row.get(c.name)) or "" for _, c in chosen] for row in ordered]
    if call.flag("v"):
        cells.insert(0, [name for name, _ in chosen])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    lines = [
        " ".join(
            cell.rjust(width) if c.right else cell.ljust(width)
            for cell, width, (_, c) in zip(line, widths, chosen, strict=True)
        )
        for line in cells
    ]
    return Reply(content="".join(f"{line}\n" for line in lines).encode(), content_type=TEXT_TYPE)


def _chosen(call: Call, columns: Sequence[Column]) -> list[tuple[str, Column]]:
    if not call.text("h"):
        return [(c.name, c) for c in columns if c.shown]
    found: list[tuple[str, Column]] = []
    for wanted in call.text("h").split(","):
        for c in columns:
            names = [c.name, *c.alias.split(",")]
            if wanted in names:
                found.append((wanted, c))
            elif "*" in wanted and fnmatchcase(c.name, wanted.replace("[", "[[]")):
                found.append((c.name, c))
    return found


def _ordered(call: Call, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    ordered = list(rows)
    for wanted in reversed([s for s in call.text("s").split(",") if s]):
        name, _, direction = wanted.partition(":")
        column = next((c for c in columns if name in [c.name, *c.alias.split(",")]), None)
        if column is None:
            raise illegal_argument(f"Unable to sort by unknown sort key `{name}`")
        key = column.name
        present = [r for r in ordered if r.get(key) is not None]
        present.sort(key=_sort_key(key), reverse=direction == "desc")
        ordered = present + [r for r in ordered if r.get(key) is None]
    return ordered


def _sort_key(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: row[name].count if isinstance(row[name], Size) else row[name]


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: ``1.2kb``, or a plain number with ``bytes=b``."""

    count: int


def _cell(call: Call, value: Any) -> str | None:
    if not isinstance(value, Size):
        return None if value is None else str(value)
    unit = call.text("bytes").lower()
    if unit:
        if unit not in _UNITS:
            raise illegal_argument(f"failed to parse [bytes] with value [{unit}]: unknown unit")
        return str(value.count // _UNITS[unit])
    for name, size in _BYTES:
        if value.count >= size:
            return f"{value.count / size:.1f}".removesuffix(".0") + name
    return f"{value.count}b"


_INDEX_COLUMNS = (
    Column("health", "h", "current health status"),
    Column("status", "s", "open/close status"),
    Column("index", "i,idx", "index name"),
    Column("uuid", "id,uuid", "index uuid"),
    Column("pri", "p,shards.primary,shardsPrimary", "number of primary shards", right=True),
    Column("rep", "r,shards.replica,shardsReplica", "number of replica shards", right=True),
    Column("docs.count", "dc,docsCount", "available docs", right=True),
    Column("docs.deleted", "dd,docsDeleted", "deleted docs", right=True),
    Column("store.size", "ss,storeSize", "store size of primaries & replicas", right=True),
    Column("pri.store.size", "", "store size of primaries", right=True),
    Column("creation.date", "cd", "index creation date (millisecond value)", right=True, shown=False),
    Column("creation.date.string", "cds", "index creation date (as string)", shown=False),
    Column("sediment.lag", "lag", "records in the log that are not applied yet", right=True, shown=False),
)


def cat_indices(services: Services, call: Call) -> Reply:
    """Indices as a table."""
    rows: list[dict[str, Any]] = []
    for state in states(services, call, Options(closed=True, hidden=True)):
        answered = freshness_of(services, state)
        alive = [f for f in answered if isinstance(f, Freshness)]
        size = Size(sum(f.bytes for f in alive))
        created = datetime.fromtimestamp(state.created_ms / 1000, UTC)
        rows.append({
            "health": status_of(answered), "status": "close" if state.closed else "open", "index": state.name,
            "uuid": state.uuid, "pri": state.partitions,
            "rep": 0, "docs.count": sum(f.documents for f in alive), "docs.deleted": 0, "store.size": size, "pri.store.size": size,
            "creation.date": state.created_ms, "creation.date.string": created.isoformat(timespec="milliseconds"),
            "sediment.lag": sum(f.end - f.applied for f in alive),
        })  # fmt: skip
    return _table(call, _INDEX_COLUMNS, rows)


_HEALTH_COLUMNS = (
    Column("epoch", "t,time", "seconds since 1970-01-01 00:00:00", right=True),
    Column("timestamp", "ts,hms,hhmmss", "time in HH:MM:SS"),
    Column("cluster", "cl", "cluster name"),
    Column("status", "st", "health status"),
    Column("node.total", "nt,nodeTotal", "total number of nodes", right=True),
    Column("node.data", "nd,nodeData", "number of nodes that can store data", right=True),
    Column("discovered_cluster_manager", "dcm", "cluster manager is discovered or not"),
    Column("shards", "sh,shards.total,shardsTotal", "total number of shards", right=True),
    Column("pri", "p,shards.primary,shardsPrimary", "number of primary shards", right=True),
    Column("relo", "r,shards.relocating,shardsRelocating", "number of relocating nodes", right=True),
    Column("init", "i,shards.initializing,shardsInitializing", "number of initializing nodes", right=True),
    Column("unassign", "u,shards.unassigned,shardsUnassigned", "number of unassigned shards", right=True),
    Column("pending_tasks", "pt,pendingTasks", "number of pending tasks", right=True),
    Column("max_task_wait_time", "mtwt,maxTaskWaitTime", "wait time of longest task pending", right=True),
    Column("active_shards_percent", "asp,activeShardsPercent", "active number of shards in percent", right=True),
)


def cat_health(services: Services, call: Call) -> Reply:
    """The cluster's health as a table."""
    body = health(services, Call("GET", call.uri, call.route_path, {}, call.headers)).value
    now = services.clock_ms() // 1000
    row = {
        "epoch": now, "timestamp": datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S"), "cluster": body["cluster_name"],
        "status": body["status"], "node.total": 1, "node.data": 1, "discovered_cluster_manager": "true",
        "shards": body["active_shards"], "pri": body["active_primary_shards"], "relo": 0, "init": 0,
        "unassign": body["unassigned_shards"], "pending_tasks": 0, "max_task_wait_time": "-",
        "active_shards_percent": f"{body['active_shards_percent_as_number']:.1f}%",
    }  # fmt: skip
    columns = _HEALTH_COLUMNS if call.flag("ts", default=True) else _HEALTH_COLUMNS[2:]
    return _table(call, columns, [row])


_COUNT_COLUMNS = (
    Column("epoch", "t,time", "seconds since 1970-01-01 00:00:00", right=True),
    Column("timestamp", "ts,hms,hhmmss", "time in HH:MM:SS"),
    Column("count", "dc,docs.count,docsCount", "the document count", right=True),
)


def cat_count(services: Services, call: Call) -> Reply:
    """The number of documents as a table."""
    found = [f for s in states(services, call) for f in freshness_of(services, s) if isinstance(f, Freshness)]
    now = services.clock_ms() // 1000
    stamp = datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S")
    return _table(call, _COUNT_COLUMNS, [{"epoch": now, "timestamp": stamp, "count": sum(f.documents for f in found)}])


_SHARD_COLUMNS = (
    Column("index", "i,idx", "index name"),
    Column("shard", "s,sh", "shard name", right=True),
    Column("prirep", "p,pr,primaryOrReplica", "primary or replica"),
    Column("state", "st", "shard state"),
    Column("docs", "d,dc", "number of docs in shard", right=True),
    Column("store", "sto", "store size of shard", right=True),
    Column("ip", "", "ip of node where it lives"),
    Column("node", "n", "name of node where it lives"),
    Column("sediment.applied", "ao", "applied offset", right=True, shown=False),
    Column("sediment.end", "eo", "end offset of the log", right=True, shown=False),
)


def cat_shards(services: Services, call: Call) -> Reply:
    """Partitions as a table."""
    rows: list[dict[str, Any]] = []
    settings = services.settings
    for target in resolve(services.indices, call.path.get("index", "_all"), options_of(call, Options(hidden=True))):
        rows += [
            _shard_row(target, n, f) | {"ip": settings.host, "node": settings.node_name}
            for n, f in _shards(services, target)
        ]
    return _table(call, _SHARD_COLUMNS, rows)


def _shards(services: Services, target: Target) -> list[tuple[int, Freshness | SedimentError]]:
    if not target.dead:
        return list(enumerate(freshness_of(services, target.state)))
    return [(s.partition, s.freshness()) for s in searchers_of(services.topology, target)]


def _shard_row(target: Target, number: int, one: Freshness | SedimentError) -> dict[str, Any]:
    row: dict[str, Any] = {"index": target.name, "shard": number, "prirep": "p"}
    if not isinstance(one, Freshness):
        return row | {"state": "UNASSIGNED"}
    return row | {
        "state": "STARTED" if one.state == "live" else "INITIALIZING",
        "docs": one.documents,
        "store": Size(one.bytes),
        "sediment.applied": one.applied,
        "sediment.end": one.end,
    }


_CAT = OPTIONS | {"v", "h", "s", "help", "bytes", "time", "local", "health", "pri", "include_unloaded_segments", "ts"}
ROUTES: Sequence[Route] = (
    route("GET", "/_cat/indices", cat_indices, _CAT),
    route("GET", "/_cat/indices/{index}", cat_indices, _CAT),
    route("GET", "/_cat/health", cat_health, _CAT),
    route("GET", "/_cat/count", cat_count, _CAT),
    route("GET", "/_cat/count/{index}", cat_count, _CAT),
    route("GET", "/_cat/shards", cat_shards, _CAT),
    route("GET", "/_cat/shards/{index}", cat_shards, _CAT),
)
