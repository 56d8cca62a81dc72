"""What the REST side is given by the composition root: ports, settings, clocks, thread pools."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pipeline.ingest.ports import Indices, Writer
from pipeline.replay.ports import Operations
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from query_api.fanout.contexts import Contexts
from query_api.fanout.ports import Topology
from query_api.fanout.tasks import Tasks
from schemas.settings import ServeSettings


@dataclass(frozen=True, slots=True)
class Check:
    """One reason for the node's health: ``status`` is green, yellow or red."""

    name: str
    status: str
    reason: str = ""


def wall_clock_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Pools:
    """Threads for work that blocks. ``partitions`` serves the others and never waits for them, so nothing can deadlock; ``bulk`` requests
    may have to wait for their turn, and must not keep others out meanwhile.
    """

    search: ThreadPoolExecutor
    write: ThreadPoolExecutor
    bulk: ThreadPoolExecutor
    partitions: ThreadPoolExecutor

    @staticmethod
    def of(settings: ServeSettings, cores: int) -> "Pools":
        """Pools as the settings ask; 0 threads: by the number of cores."""
        threads = settings.threads
        return Pools(
            ThreadPoolExecutor(threads.search or max(4, 2 * cores), "search"),
            ThreadPoolExecutor(threads.write, "write"),
            ThreadPoolExecutor(threads.write, "bulk"),
            ThreadPoolExecutor(threads.partitions or max(2, cores), "partition"),
        )

    def close(self) -> None:
        """Let running work end; queued work is dropped."""
        for pool in (self.search, self.write, self.bulk, self.partitions):
            pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request handler may use. ``checks`` are asked by /health for what only the composition root knows
    (log, disk); partitions and their lag are judged here. ``operations``: None where this process does not rebuild indices.
    """

    indices: Indices
    writer: Writer
    topology: Topology
    settings: ServeSettings
    pools: Pools
    cluster_uuid: str = "_na_"
    version: str = "0.1.0"
    metrics: Metrics = field(default_factory=Metrics)
    tracer: Tracer = field(default_factory=Tracer.off)
    clock_ms: Callable[[], int] = wall_clock_ms
    monotonic: Callable[[], float] = time.monotonic
    checks: Sequence[Callable[[], Check]] = ()
    operations: Operations | None = None
    tasks: Tasks = field(default_factory=lambda: Tasks(time.monotonic, wall_clock_ms))
    contexts: Contexts = field(default_factory=lambda: Contexts(time.monotonic, wall_clock_ms))
