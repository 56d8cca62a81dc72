"""Work that goes on behind an answer: `_tasks`, and where a request may leave such work."""

from collections.abc import Sequence
from typing import Any, Final

from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.services import Services
from query_api.fanout.tasks import Task
from schemas.errors import illegal_argument, not_found
from schemas.fields.wildcards import fits_any

LISTING: Final = "cluster:monitor/tasks/lists"


def shown(services: Services, task: Task) -> dict[str, Any]:
    """A task as the API shows it."""
    ended = task.ended if task.ended is not None else services.monotonic()
    return {
        "node": services.cluster_uuid,
        "id": task.number,
        "type": "transport",
        "action": task.action,
        "description": task.description,
        "start_time_in_millis": task.started_ms,
        "running_time_in_nanos": int((ended - task.started) * 1e9),
        "cancellable": task.cancellable,
        "cancelled": task.cancelled,
        "headers": {"X-Opaque-Id": task.opaque_id} if task.opaque_id else {},
        **({"status": dict(task.status)} if task.status else {}),
    }


def tasks_of(services: Services, call: Call) -> list[dict[str, Any]]:
    """Running tasks that a request asks for, and itself."""
    opaque = call.headers.get("x-opaque-id", "")
    own = services.tasks.make(LISTING, "", opaque_id=opaque)
    patterns = [p for p in call.text("actions", "*").split(",") if p]
    found = [*services.tasks.running(), own]
    return [shown(services, one) for one in found if fits_any(patterns, one.action)]


def list_tasks(services: Services, call: Call) -> Reply:
    """Running work."""
    found = tasks_of(services, call)
    by_id = {f"{one['node']}:{one['id']}": one for one in found}
    grouping = call.text("group_by", "nodes")
    if grouping == "none":
        return Reply({"tasks": found})
    if grouping == "parents":
        return Reply({"tasks": by_id})
    if grouping != "nodes":
        raise illegal_argument(f"[group_by] must be one of [nodes], [parents] or [none] but was [{grouping}]")
    settings = services.settings
    address = f"{settings.host}:{settings.port}"
    node = {
        "name": settings.node_name, "transport_address": address, "host": settings.host, "ip": address,
        "roles": ["cluster_manager", "data", "ingest", "remote_cluster_client"], "tasks": by_id,
    }  # fmt: skip
    return Reply({"nodes": {services.cluster_uuid: node}})


def _number(services: Services, text: str) -> int:
    node, _, number = text.rpartition(":")
    if node != services.cluster_uuid or not number.isdigit():
        if not node or not number.isdigit():
            raise illegal_argument(f"malformed task id {text}")
        raise not_found(
            "resource_not_found", f"task [{text}] belongs to the node [{node}] which isn't part of the cluster"
        )
    return int(number[:18])


def _task(services: Services, text: str) -> Task:
    found = services.tasks.get(_number(services, text))
    if found is None:
        raise not_found("resource_not_found", f"task [{text}] isn't running and hasn't stored its results")
    return found


def get_task(services: Services, call: Call) -> Reply:
    """One piece of work: how far it is, or what came of it."""
    task = _task(services, call.path["task_id"])
    if call.flag("wait_for_completion"):
        services.tasks.wait(task, call.seconds("timeout", 30.0))
    body: dict[str, Any] = {"completed": task.ended is not None, "task": shown(services, task)}
    if task.error is not None:
        body["error"] = task.error
    elif task.response is not None:
        body["response"] = task.response
    return Reply(body)


def cancel(services: Services, call: Call) -> Reply:
    """Ask work to stop; it does so between two pages."""
    if "task_id" in call.path:
        chosen = [_task(services, call.path["task_id"])]
    else:
        patterns = [p for p in call.text("actions", "*").split(",") if p]
        chosen = [one for one in services.tasks.running() if fits_any(patterns, one.action)]
    for one in chosen:
        one.cancelled = True
    tasks = {f"{services.cluster_uuid}:{one.number}": shown(services, one) for one in chosen}
    return Reply(
        {"nodes": {services.cluster_uuid: {"name": services.settings.node_name, "tasks": tasks}} if tasks else {}}
    )


_LIST: Final = {"actions", "detailed", "group_by", "nodes", "parent_task_id", "wait_for_completion"}
ROUTES: Sequence[Route] = (
    route("GET", "/_tasks", list_tasks, _LIST),
    route("GET", "/_tasks/{task_id}", get_task, {"wait_for_completion"}),
    route("POST", "/_tasks/_cancel", cancel, _LIST, where=Where.WRITE),
    route("POST", "/_tasks/{task_id}/_cancel", cancel, _LIST, where=Where.WRITE),
)
