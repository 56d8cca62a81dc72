"""One process with all roles: the log, the partitions, the REST API. The composition root of ``serve`` and ``demo``."""

import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from schemas.errors import SedimentError
from schemas.settings import ServeSettings

READY: Final = "ready {url}"
DRAIN_S: Final = 10
COLLECTED_AFTER: Final = (10_000, 20, 100)  # objects, young collections, middle ones
KEEP_ALIVE_S: Final = 75


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node in this process with what the REST side needs."""

    node: Any  # pipeline.app.Node; imported late
    services: Any  # query_api.fanout.services.Services

    def refresh(self, index: str) -> None:
        """Make everything applied visible."""
        self.node.refresh(index)

    def flush(self, index: str) -> None:
        """Make everything applied durable in the index."""
        self.node.flush(index)


def use_kernels(report: Callable[[str], None] = lambda _line: None) -> None:
    """Point numba at the cache folder, and compile what is missing there, with progress. Before any kernel is imported."""
    from pipeline.kernels.cache import default_base, use_cache
    from pipeline.kernels.warm import marker

    base = default_base()
    use_cache(base)
    if marker(base).exists():
        return
    report("compiling kernels (once)")
    # a process of its own: its workers are spawned, and would run the caller's main module again
    subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "pipeline.kernels.warm", "--cache", str(base)], check=False
    )


@contextmanager
def open_node(settings: ServeSettings) -> Iterator[RunningNode]:
    """Open everything; at the end commit and close. Raises ``SedimentError`` with what to do."""
    use_kernels(lambda line: print(line, file=sys.stderr, flush=True))
    with open_pipeline(settings) as running:
        yield running


@contextmanager
def open_pipeline(settings: ServeSettings, given: Any = None) -> Iterator[RunningNode]:
    """The same without a look at the kernels' cache. ``given``: a tracer instead of the settings' one."""
    from pipeline import app
    from pipeline.telemetry.metrics import Metrics
    from pipeline.telemetry.tracing import Tracer

    metrics = Metrics()
    telemetry = settings.telemetry
    tracer: Tracer = given or Tracer.off()
    if given is None and telemetry.otlp_endpoint:
        tracer = Tracer.exporting(
            endpoint=telemetry.otlp_endpoint, service=settings.cluster_name, sampled_ratio=telemetry.trace_ratio
        )
    try:
        # reading what lies on disk gives the interpreter lock away, to the imports of the REST side
        importing = threading.Thread(target=_import_rest, name="import")
        importing.start()
        try:
            node = app.open_node(settings, metrics=metrics, tracer=tracer)
        finally:
            importing.join()
        try:
            yield RunningNode(node, _services(settings, node, metrics, tracer))
        finally:
            node.close()
    finally:
        tracer.close()  # sends what is left


def _import_rest() -> None:
    """What is imported once more by those who need it; an error is theirs to tell."""
    with suppress(ImportError):
        import uvicorn  # noqa: F401

        from query_api import app  # noqa: F401
        from query_api.elastic.wire import protocol  # noqa: F401


def _services(settings: ServeSettings, node: Any, metrics: Any, tracer: Any) -> Any:
    from pipeline.telemetry import names
    from query_api.fanout.local import LocalTopology
    from query_api.fanout.services import Check, Pools, Services

    def lookup(cache: str, outcome: str) -> None:
        metrics.add(names.CACHE_LOOKUPS, cache=cache, outcome=outcome)

    def log_check() -> Any:
        health = node.log.health()
        skipped = [f"{s.file}: {s.reason} (offsets {s.first_offset} to {s.next_offset})" for s in health.skipped]
        if not health.healthy:
            return Check("log", "red", health.reason)
        return Check("log", "yellow" if skipped else "green", "; ".join(skipped))

    def partitions_check() -> Any:
        damaged = "; ".join(node.quarantined.values())
        return (
            Check("storage", "yellow", f"damaged, growing again from the log: {damaged}")
            if damaged
            else Check("storage", "green")
        )

    def disk_check() -> Any:
        free = shutil.disk_usage(settings.data).free
        if free < settings.limits.disk_free_bytes:
            return Check(
                "disk", "red", f"{free} bytes are free in {settings.data}: make room, writing stops when it is full"
            )
        return Check("disk", "green")

    topology = LocalTopology(node.workers, lookup, settings.memory.search_bytes)
    node.measured.append(topology.cache_bytes)
    return Services(
        indices=node.indices,
        writer=node.writer,
        topology=topology,
        settings=settings,
        pools=Pools.of(settings, os.cpu_count() or 1),
        cluster_uuid=str(uuid5(NAMESPACE_URL, settings.cluster_name)),
        metrics=metrics,
        tracer=tracer,
        checks=(log_check, disk_check, partitions_check),
        operations=node.operations,
    )


def serve(settings: ServeSettings) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Prints one line ``ready http://…`` when requests are answered."""
    from pipeline.telemetry import logs

    logs.configure(settings.telemetry.log_level, settings.telemetry.log_format, sys.stderr)
    gc.disable()  # what a start makes stays: looking through it again and again is a tenth of its time
    try:
        with open_node(settings) as running:
            return _listen(settings, running)
    except SedimentError as error:
        print(f"sediment: {error.message}", file=sys.stderr)
        return 1
    finally:
        gc.enable()


def _listen(settings: ServeSettings, running: RunningNode) -> int:
    import uvicorn

    from query_api.app import build_app
    from query_api.elastic.wire.protocol import protocol_of

    app = build_app(running.services)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        loop="uvloop",
        http=protocol_of(app.elastic),
        proxy_headers=False,  # nobody asks where a request came from
        # clients keep connections for their next burst, and a request that meets a closing one fails
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        server_header=False,
    )
    server = uvicorn.Server(config)
    announcer = threading.Thread(target=_announce, args=(server, settings), daemon=True)
    announcer.start()

    def leave(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    # A full collection would go over all that was imported, compiled and opened, a tenth of a second and more in which nothing is
    # answered. What is there now stays; cycles that come later are few, since columns are no containers.
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
    gc.enable()
    try:
        server.run()
    except SystemExit:
        logging.getLogger(__name__).critical("cannot listen on %s:%s", settings.host, settings.port)
        return 1
    return 0


def _announce(server: Any, settings: ServeSettings) -> None:
    """Print the address once the socket listens (port 0: the one that was chosen)."""
    waited = threading.Event()
    while not server.started and not server.should_exit:
        waited.wait(0.01)
    for one in server.servers:
        for socket in one.sockets:
            port = socket.getsockname()[1]
            print(READY.format(url=f"http://{settings.host}:{port}"), flush=True)
            return
