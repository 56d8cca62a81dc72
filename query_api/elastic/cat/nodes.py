"""The tables of _cat about the cluster and its one node."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from query_api.elastic.admin.cluster import COMPATIBLE_NUMBER, health
from query_api.elastic.cat.table import PARAMETERS, Column, Size, table
from query_api.elastic.monitoring.machine import Machine
from query_api.elastic.monitoring.tasks import tasks_of
from query_api.elastic.wire.call import TEXT_TYPE, Call, Reply
from query_api.elastic.wire.router import Route, route
from query_api.fanout.freshness import freshness_of
from query_api.fanout.services import Services
from schemas.results import Freshness

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
    return table(call, columns, [row])


_NODE_COLUMNS = (
    Column("id", "id,nodeId", "unique node id", shown=False),
    Column("pid", "p", "process id", right=True, shown=False),
    Column("ip", "i", "ip address"),
    Column("port", "po", "bound transport port", right=True, shown=False),
    Column("http_address", "http", "bound http address", shown=False),
    Column("version", "v", "version", shown=False),
    Column("type", "t", "distribution type", shown=False),
    Column("build", "b", "build hash", shown=False),
    Column("disk.total", "dt,diskTotal", "total disk space", right=True, shown=False),
    Column("disk.used", "du,diskUsed", "used disk space", right=True, shown=False),
    Column("disk.avail", "d,da,disk,diskAvail", "available disk space", right=True, shown=False),
    Column("disk.used_percent", "dup,diskUsedPercent", "used disk space percentage", right=True, shown=False),
    Column("heap.current", "hc,heapCurrent", "memory of the process", right=True, shown=False),
    Column("heap.percent", "hp,heapPercent", "memory of the process in percent of the machine's", right=True),
    Column("heap.max", "hm,heapMax", "memory of the machine", right=True, shown=False),
    Column("ram.current", "rc,ramCurrent", "used machine memory", right=True, shown=False),
    Column("ram.percent", "rp,ramPercent", "used machine memory ratio", right=True),
    Column("ram.max", "rm,ramMax", "total machine memory", right=True, shown=False),
    Column("file_desc.current", "fdc,fileDescriptorCurrent", "used file descriptors", right=True, shown=False),
    Column("file_desc.percent", "fdp,fileDescriptorPercent", "used file descriptor ratio", right=True, shown=False),
    Column("file_desc.max", "fdm,fileDescriptorMax", "max file descriptors", right=True, shown=False),
    Column("cpu", "cpu", "recent cpu usage", right=True),
    Column("load_1m", "l", "1m load avg", right=True),
    Column("load_5m", "l", "5m load avg", right=True),
    Column("load_15m", "l", "15m load avg", right=True),
    Column("uptime", "u", "node uptime", right=True, shown=False),
    Column("node.role", "r,role,nodeRole", "roles of the node, one letter each"),
    Column("node.roles", "rs,all roles", "roles of the node"),
    Column("cluster_manager", "cm,m", "*:current cluster manager"),
    Column("name", "n", "node name"),
)


def _node(services: Services) -> dict[str, Any]:
    """The node as every table shows it."""
    settings = services.settings
    return {"id": services.cluster_uuid, "host": settings.host, "ip": settings.host, "node": settings.node_name}


def cat_nodes(services: Services, call: Call) -> Reply:
    """The one node as a table."""
    settings, machine = services.settings, Machine.now(services.settings.data)
    node = _node(services)
    row = {
        **node, "pid": machine.pid, "port": settings.port, "http_address": f"{settings.host}:{settings.port}",
        "version": COMPATIBLE_NUMBER, "type": "sediment", "build": f"sediment-{services.version}",
        "disk.total": Size(machine.disk_total), "disk.used": Size(machine.disk_used), "disk.avail": Size(machine.disk_free),
        "disk.used_percent": f"{machine.disk_percent:.2f}", "heap.current": Size(machine.process_bytes),
        "heap.percent": machine.process_percent, "heap.max": Size(machine.memory_total),
        "ram.current": Size(machine.memory_used), "ram.percent": machine.memory_percent, "ram.max": Size(machine.memory_total),
        "file_desc.current": machine.files, "file_desc.percent": machine.files_percent, "file_desc.max": machine.files_max,
        "cpu": machine.cpu_percent, "load_1m": f"{machine.loads[0]:.2f}", "load_5m": f"{machine.loads[1]:.2f}",
        "load_15m": f"{machine.loads[2]:.2f}", "uptime": f"{machine.uptime_s:.1f}s", "node.role": "dimr",
        "node.roles": "cluster_manager,data,ingest,remote_cluster_client", "cluster_manager": "*", "name": settings.node_name,
    }  # fmt: skip
    return table(call, _NODE_COLUMNS, [row])


_MANAGER_COLUMNS = (
    Column("id", "", "node id"),
    Column("host", "h", "host name"),
    Column("ip", "", "ip address"),
    Column("node", "n", "node name"),
)


def cat_manager(services: Services, call: Call) -> Reply:
    """The cluster manager as a table: the one node."""
    return table(call, _MANAGER_COLUMNS, [_node(services)])


_ALLOCATION_COLUMNS = (
    Column("shards", "s", "number of shards on node", right=True),
    Column("disk.indices", "di,diskIndices", "disk used by indices", right=True),
    Column("disk.used", "du,diskUsed", "disk used (total, not just indices)", right=True),
    Column("disk.avail", "da,diskAvail", "disk available", right=True),
    Column("disk.total", "dt,diskTotal", "total capacity of all volumes", right=True),
    Column("disk.percent", "dp,diskPercent", "percent disk used", right=True),
    Column("host", "h", "host of node"),
    Column("ip", "", "ip of node"),
    Column("node", "n", "name of node"),
)


def cat_allocation(services: Services, call: Call) -> Reply:
    """How many partitions and how much disk the node has."""
    found = [f for s in services.indices.indices() for f in freshness_of(services, s) if isinstance(f, Freshness)]
    machine = Machine.now(services.settings.data)
    row = {
        **_node(services), "shards": len(found), "disk.indices": Size(sum(f.bytes for f in found)),
        "disk.used": Size(machine.disk_used), "disk.avail": Size(machine.disk_free), "disk.total": Size(machine.disk_total),
        "disk.percent": int(machine.disk_percent),
    }  # fmt: skip
    return table(call, _ALLOCATION_COLUMNS, [row])


_TASK_COLUMNS = (
    Column("id", "id", "id of the task with the node", shown=False),
    Column("action", "ac", "task action"),
    Column("task_id", "ti", "unique task id"),
    Column("parent_task_id", "pti", "parent task id"),
    Column("type", "ty", "task type"),
    Column("start_time", "start", "start time in ms"),
    Column("timestamp", "ts,hms,hhmmss", "start time in HH:MM:SS"),
    Column("running_time_ns", "rt", "running time ns", shown=False),
    Column("running_time", "rt", "running time"),
    Column("ip", "i", "ip address"),
    Column("node", "n", "node name"),
    Column("description", "desc", "task action", shown=False),
    Column("x_opaque_id", "x", "X-Opaque-ID header", shown=False),
)


def cat_tasks(services: Services, call: Call) -> Reply:
    """Running work as a table."""
    rows = [
        {
            **_node(services), "action": one["action"], "task_id": f"{one['node']}:{one['id']}", "id": one["id"],
            "parent_task_id": "-", "type": one["type"], "start_time": one["start_time_in_millis"],
            "timestamp": datetime.fromtimestamp(one["start_time_in_millis"] / 1000, UTC).strftime("%H:%M:%S"),
            "running_time_ns": one["running_time_in_nanos"], "running_time": f"{one['running_time_in_nanos'] / 1e6:.1f}ms",
            "description": one["description"], "x_opaque_id": one["headers"].get("X-Opaque-Id", "-"),
        }
        for one in tasks_of(services, call)
    ]  # fmt: skip
    return table(call, _TASK_COLUMNS, rows)


# tables of what there is nothing of: name -> columns (name, alias, meaning)
_EMPTY: dict[str, tuple[Column, ...]] = {
    "plugins": (
        Column("id", "", "unique node id", shown=False),
        Column("name", "n", "node name"),
        Column("component", "c", "component"),
        Column("version", "v", "component version"),
        Column("description", "d", "plugin details", shown=False),
    ),
    "nodeattrs": (
        Column("node", "name", "node name"),
        Column("host", "h", "host name"),
        Column("ip", "i", "ip address"),
        Column("attr", "attr.name", "attribute description"),
        Column("value", "attr.value", "attribute value"),
    ),
    "pending_tasks": (
        Column("insertOrder", "o", "task insertion order", right=True),
        Column("timeInQueue", "t", "how long task has been in queue", right=True),
        Column("priority", "p", "task priority"),
        Column("source", "s", "task source"),
    ),
    "repositories": (Column("id", "id,repoId", "unique repository id"), Column("type", "t,type", "repository type")),
    "fielddata": (
        Column("id", "", "node id"),
        Column("host", "h", "host name"),
        Column("ip", "", "ip address"),
        Column("node", "n", "node name"),
        Column("field", "f", "field name"),
        Column("size", "s", "field data usage", right=True),
    ),
}


def cat_empty(services: Services, call: Call) -> Reply:
    """A table without rows: there is nothing of this kind here."""
    return table(call, _EMPTY[call.route_path.strip("/").split("/")[1]], [])


def cat_help(services: Services, call: Call) -> Reply:
    """The names of the tables."""
    names = sorted({one.template for one in ROUTES} | {"/_cat/indices", "/_cat/shards", "/_cat/count", "/_cat/aliases"})
    text = "=^.^=\n" + "".join(f"{name}\n" for name in names if name != "/_cat")
    return Reply(content=text.encode(), content_type=TEXT_TYPE)


ROUTES: Sequence[Route] = (
    route("GET", "/_cat", cat_help),
    route("GET", "/_cat/health", cat_health, PARAMETERS | {"ts"}),
    route("GET", "/_cat/nodes", cat_nodes, PARAMETERS | {"full_id"}),
    route("GET", "/_cat/cluster_manager", cat_manager, PARAMETERS),
    route("GET", "/_cat/master", cat_manager, PARAMETERS),
    route("GET", "/_cat/allocation", cat_allocation, PARAMETERS),
    route("GET", "/_cat/allocation/{node}", cat_allocation, PARAMETERS),
    route("GET", "/_cat/tasks", cat_tasks, PARAMETERS | {"detailed", "nodes", "actions", "parent_task_id"}),
    *(route("GET", f"/_cat/{name}", cat_empty, PARAMETERS | {"fields"}) for name in _EMPTY),
    route("GET", "/_cat/fielddata/{fields}", cat_empty, PARAMETERS),
)
