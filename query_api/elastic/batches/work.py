"""What is counted of such work, how conflicts and failures end it, and how it goes on in the background."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from pipeline.catalog.state import IndexState
from pipeline.ingest.ports import Op, Outcomes, Result, WriteError, WriteOptions, Writes
from query_api.elastic.wire import errors
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.writing.writes import WriteCall, error_of, refresh_partitions, row_ids, touched, write
from query_api.fanout.services import Services
from query_api.fanout.tasks import Task
from schemas.errors import SedimentError, illegal_argument
from schemas.records import ByteColumn

PAGE_DEFAULT: Final = 1_000
PAGE_MAX: Final = 10_000
FAILURES_SHOWN: Final = 100


class StoppedError(Exception):
    """The work ends here: cancelled, or something failed."""


@dataclass(slots=True)
class Work:
    """The counts of one piece of work."""

    proceed: bool  # past conflicts
    task: Task
    started: float
    rate: float = -1.0  # documents a second; negative: as fast as may be
    throttled_ms: int = 0
    total: int = 0
    updated: int = 0
    created: int = 0
    deleted: int = 0
    noops: int = 0
    batches: int = 0
    conflicts: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    written: dict[str, tuple[IndexState, set[int]]] = field(default_factory=dict)

    def shown(self, kind: str) -> dict[str, Any]:
        """As OpenSearch shows it; each kind of work has its own counts."""
        counts = {
            "delete": {"deleted": self.deleted},
            "update": {"updated": self.updated, "deleted": self.deleted},
            "reindex": {"updated": self.updated, "created": self.created, "deleted": self.deleted},
        }[kind]
        return {
            "total": self.total,
            **counts,
            "batches": self.batches,
            "version_conflicts": self.conflicts,
            "noops": self.noops,
            "retries": {"bulk": 0, "search": 0},
            "throttled_millis": self.throttled_ms,
            "requests_per_second": self.rate,
            "throttled_until_millis": 0,
        }

    def page(self, services: Services, state: IndexState, writes: Writes) -> None:
        """Write a page and count what became of it. Raises StoppedError where it is not to go on."""
        how = WriteCall("", wait=True, timeout_s=services.settings.limits.write_timeout_ms / 1000, request_id="")
        outcomes = write(services, how, state, writes)
        self.batches += 1
        results = outcomes.results
        self.created += int((results == Result.CREATED).sum())
        self.updated += int((results == Result.UPDATED).sum())
        self.deleted += int((results == Result.DELETED).sum())
        self.noops += int((results == Result.NOOP).sum())
        self.written.setdefault(state.name, (state, set()))[1].update(touched(outcomes))
        self._count_refused(state, outcomes)

    def _count_refused(self, state: IndexState, outcomes: Outcomes) -> None:
        refused = np.flatnonzero((outcomes.results >= Result.CONFLICT) | (outcomes.results == Result.PENDING)).tolist()
        ids = row_ids(outcomes) if refused else []
        for row in refused:
            conflict = int(outcomes.results[row]) in {Result.CONFLICT, Result.MISSING}
            self.conflicts += conflict
            if conflict and self.proceed:
                continue
            known = outcomes.errors.get(row) or WriteError("timeout", "the write was not decided in time", 503)
            error = error_of(known)
            if len(self.failures) < FAILURES_SHOWN:
                self.failures.append({
                    "index": state.name,
                    "id": ids[row].decode("utf-8", "replace"),
                    "cause": errors.cause(error),
                    "status": errors.status_of(error),
                })  # fmt: skip
        if self.failures:
            raise StoppedError


def columns(
    ops: Sequence[Op], ids: Sequence[str], sources: Sequence[bytes | None], options: Mapping[int, WriteOptions]
) -> Writes:
    """Rows as the writer takes them."""
    keys = ByteColumn.of([one.encode("utf-8", "replace") for one in ids])
    return Writes(np.array([int(op) for op in ops], np.uint8), keys, ByteColumn.of(list(sources)), options)


def page_size(call: Call, name: str = "scroll_size", given: Any = None) -> int:
    """How many documents at once. Raises ``illegal_argument``."""
    size = call.integer(name) if given is None else given
    if size is None:
        return PAGE_DEFAULT
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= PAGE_MAX:
        raise illegal_argument(f"[{name}] must be between 1 and {PAGE_MAX}, not [{size}]")
    return size


def proceeds(text: Any) -> bool:
    """Whether conflicts are only counted. Raises ``illegal_argument``."""
    if text not in {"abort", "proceed"}:
        raise illegal_argument(f'conflicts may only be "proceed" or "abort" but was [{text}]')
    return bool(text == "proceed")


def check_slices(call: Call) -> None:
    """``slices`` asks for parallel work: what is done is the same. Raises ``illegal_argument``."""
    text = call.text("slices", "1")
    if text != "auto" and not (text.isdigit() and int(text[:9]) >= 1):
        raise illegal_argument(f"[slices] must be at least 1, or [auto], but was [{text}]")


def run(services: Services, call: Call, kind: str, description: str, do: Callable[[Work], None]) -> Reply:
    """Do the work before the answer, or with ``wait_for_completion=false`` behind it. ``do`` counts in the work that it is given."""
    task = services.tasks.make(
        _ACTIONS[kind], description, opaque_id=call.headers.get("x-opaque-id", ""), cancellable=True
    )
    proceed = proceeds(call.text("conflicts", "abort"))
    work = Work(proceed, task, services.monotonic(), _rate(call))
    refresh = call.text("refresh", "false") != "false"
    services.tasks.begin(task)
    if call.flag("wait_for_completion", default=True):
        return _finish(services, work, kind, do, refresh=refresh)

    def behind() -> None:
        try:
            _finish(services, work, kind, do, refresh=refresh)
        except SedimentError:
            return  # it is told by the task

    threading.Thread(target=behind, name=f"task-{task.number}", daemon=True).start()
    return Reply({"task": f"{services.cluster_uuid}:{task.number}"})


_ACTIONS: Final = {
    "delete": "indices:data/write/delete/byquery",
    "update": "indices:data/write/update/byquery",
    "reindex": "indices:data/write/reindex",
}


def _finish(services: Services, work: Work, kind: str, do: Callable[[Work], None], *, refresh: bool) -> Reply:
    try:
        do(work)
    except StoppedError:
        pass  # told by the failures, or by ``canceled``
    except SedimentError as error:
        services.tasks.end(work.task, None, errors.body(error)["error"])
        raise
    if refresh:
        for state, partitions in work.written.values():
            refresh_partitions(services, state, partitions)
    answer = {
        "took": int((services.monotonic() - work.started) * 1000),
        "timed_out": False,
        **work.shown(kind),
        **({"canceled": "by user request"} if work.task.cancelled else {}),
        "failures": work.failures,
    }
    services.tasks.end(work.task, answer)
    status = max((one["status"] for one in work.failures), default=200)
    return Reply(answer, status)


def _rate(call: Call) -> float:
    text = call.text("requests_per_second", "-1")
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e9 and rate != -1:
        raise illegal_argument(
            f"[requests_per_second] must be a float greater than 0. Use -1 to disable throttling, but was [{text}]"
        )
    return rate


def progress(work: Work, kind: str, documents: int) -> None:
    """Between two pages: say how far it is, and keep to the rate. Raises StoppedError where somebody wants it to end."""
    work.task.status = work.shown(kind)
    if work.rate > 0:
        pause = documents / work.rate
        threading.Event().wait(pause)
        work.throttled_ms += int(pause * 1000)
    if work.task.cancelled:
        raise StoppedError


__all__ = ["StoppedError", "Work", "check_slices", "columns", "page_size", "proceeds", "progress", "run"]
