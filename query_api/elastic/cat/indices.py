"""The tables of _cat about indices: themselves, their documents, partitions, aliases and templates."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.catalog import templates
from query_api.elastic.admin.indices import states
from query_api.elastic.cat.table import PARAMETERS, Column, Size, table
from query_api.elastic.metadata.aliases import aliases_of, selects
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import Options, Target, options_of, resolve, searchers_of
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import color_of, freshness_of
from query_api.fanout.services import Services
from schemas.errors import SedimentError
from schemas.results import Freshness

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
    for state in states(services, call, Options(closed=True)):
        answered = freshness_of(services, state)
        alive = [f for f in answered if isinstance(f, Freshness)]
        size = None if state.closed else Size(sum(f.bytes for f in alive))
        created = datetime.fromtimestamp(state.created_ms / 1000, UTC)
        rows.append({
            "health": color_of(state, answered), "status": "close" if state.closed else "open", "index": state.name,
            "uuid": state.uuid, "pri": state.partitions,
            "rep": state.replicas, "docs.count": None if state.closed else sum(f.documents for f in alive),
            "docs.deleted": None if state.closed else 0, "store.size": size, "pri.store.size": size,
            "creation.date": state.created_ms, "creation.date.string": created.isoformat(timespec="milliseconds"),
            "sediment.lag": sum(f.end - f.applied for f in alive),
        })  # fmt: skip
    return table(call, _INDEX_COLUMNS, rows)


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
    return table(call, _COUNT_COLUMNS, [{"epoch": now, "timestamp": stamp, "count": sum(f.documents for f in found)}])


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
        rows += [
            {"index": target.name, "shard": n, "prirep": "r", "state": "UNASSIGNED"}
            for n in range(target.state.partitions * target.state.replicas * (not target.dead))
        ]
    return table(call, _SHARD_COLUMNS, rows)


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


_ALIAS_COLUMNS = (
    Column("alias", "a", "alias name"),
    Column("index", "i,idx", "index alias points to"),
    Column("filter", "f,fi", "filter"),
    Column("routing.index", "ri,routingIndex", "index routing"),
    Column("routing.search", "rs,routingSearch", "search routing"),
    Column("is_write_index", "w,isWriteIndex", "write index"),
)


def cat_aliases(services: Services, call: Call) -> Reply:
    """Aliases as a table."""
    names = [n for n in call.path.get("name", "").split(",") if n]
    options = options_of(call, Options(closed=True, hidden=True))
    rows: list[dict[str, Any]] = []
    for alias, state in aliases_of(services, names):
        one = state.aliases[alias]
        if one.is_hidden and not options.hidden and alias not in names:
            continue
        flag = one.is_write_index
        rows.append({
            "alias": alias, "index": state.name, "filter": "*" if one.filter else "-", "routing.index": one.index_routing or "-",
            "routing.search": one.search_routing or "-", "is_write_index": "-" if flag is None else str(flag).lower(),
        })  # fmt: skip
    return table(call, _ALIAS_COLUMNS, rows)


_TEMPLATE_COLUMNS = (
    Column("name", "n", "template name"),
    Column("index_patterns", "t", "template index patterns"),
    Column("order", "o,p", "template application order/priority number"),
    Column("version", "v", "version"),
    Column("composed_of", "c", "component templates comprising index template"),
)


def cat_templates(services: Services, call: Call) -> Reply:
    """Templates as a table."""
    known = services.indices.state()
    names = [n for n in call.path.get("name", "*").split(",") if n]
    found = templates.templates_of(known, templates.LEGACY) + templates.templates_of(known, templates.INDEX)
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "index_patterns": f"[{', '.join(one.patterns)}]",
            "order": one.priority,
            "version": one.version,
            "composed_of": "" if one.kind == templates.LEGACY else f"[{', '.join(one.composed_of)}]",
        }
        for one in found
        if selects(names, one.name)
    ]
    return table(call, _TEMPLATE_COLUMNS, rows)


_CAT = PARAMETERS | {"health", "pri", "include_unloaded_segments"}
ROUTES: Sequence[Route] = (
    route("GET", "/_cat/indices", cat_indices, _CAT),
    route("GET", "/_cat/indices/{index}", cat_indices, _CAT),
    route("GET POST", "/_cat/count", cat_count, _CAT),
    route("GET POST", "/_cat/count/{index}", cat_count, _CAT),
    route("GET", "/_cat/shards", cat_shards, _CAT),
    route("GET", "/_cat/shards/{index}", cat_shards, _CAT),
    route("GET", "/_cat/aliases", cat_aliases, _CAT),
    route("GET", "/_cat/aliases/{name}", cat_aliases, _CAT),
    route("GET", "/_cat/templates", cat_templates, _CAT),
    route("GET", "/_cat/templates/{name}", cat_templates, _CAT),
)
