"""One way to ask a node, wherever it is: over REST (``--url``), or opened in this process on a data directory (``--data``)."""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from query_api.cli.client import Client, segment
from query_api.cli.operations.arguments import URL_DEFAULT
from schemas.errors import illegal_argument, not_found, unavailable

POLL_S = 0.2


class Node(Protocol):
    """What the commands ask, and of whom."""

    @property
    def near(self) -> Any | None:
        """The node in this process; None over REST."""
        ...

    def call(self, method: str, path: str, body: Any = None, *, parameters: Mapping[str, str] | None = None) -> Any:
        """One request; the answer's JSON. Raises ``SedimentError``."""
        ...


class Far:
    """A node behind a URL."""

    near = None

    def __init__(self, client: Client) -> None:
        self._client = client

    def call(self, method: str, path: str, body: Any = None, *, parameters: Mapping[str, str] | None = None) -> Any:
        """One request over HTTP."""
        return self._client.call(method, path, body, parameters=parameters)


class Near:
    """A node in this process: requests go to the handlers themselves, no socket is opened."""

    def __init__(self, node: Any, services: Any) -> None:
        from query_api.app import routes
        from query_api.elastic.wire.router import Router

        self.near = node
        self._services = services
        self._router = Router(routes())

    def call(self, method: str, path: str, body: Any = None, *, parameters: Mapping[str, str] | None = None) -> Any:
        """One request, answered in this thread."""
        import orjson

        from query_api.elastic.wire.call import Call, render
        from query_api.elastic.wire.router import Match

        found = self._router.find(method, path)
        assert isinstance(found, Match), f"{method} {path} is no route"
        data = b"" if body is None else orjson.dumps(body)
        call = Call(method, path, path, dict(parameters or {}), {}, data, found.values)
        return orjson.loads(render(found.route.handler(self._services, call), call))


@contextmanager
def node_of(arguments: argparse.Namespace) -> Iterator[Node]:
    """The node that the arguments name. Raises INVALID for arguments that contradict each other, NOT_FOUND for a directory
    that is none.
    """
    if arguments.data is None:
        if arguments.kafka is not None:
            raise illegal_argument("--kafka goes with --data: a node behind --url knows its log")
        with Client(arguments.url or os.environ.get("SEDIMENT_URL", URL_DEFAULT)) as client:
            yield Far(client)
        return
    if arguments.url is not None:
        raise illegal_argument("--url and --data exclude each other: name a running node, or a directory")
    with _opened(arguments.data, arguments.kafka) as near:
        yield near


@contextmanager
def _opened(data: str, kafka: str | None) -> Iterator[Near]:
    from query_api.cli.serve import open_node
    from schemas.settings import settings_from

    if kafka is None and not (Path(data) / "log").is_dir():
        raise not_found(
            "no_data_directory", f"[{data}] is no data directory: it has no log; with Kafka add --kafka HOSTS"
        )
    settings = settings_from(file={}, environment=os.environ, flags={"data": data, "kafka": kafka})
    with open_node(settings) as running:
        try:
            yield Near(running.node, running.services)
        finally:
            running.services.pools.close()


def partitions_of(node: Node, index: str) -> dict[str, Any]:
    """Where the partitions of an index stand. Raises NOT_FOUND."""
    found: dict[str, Any] = node.call("GET", f"/_sediment/indices/{segment(index)}/partitions")
    return found


def catch_up(node: Node, index: str) -> None:
    """Wait until a node that was just opened has read its log to the end. Raises why a partition has stopped."""
    from time import sleep

    ends = [one.get("end", 0) for one in partitions_of(node, index)["partitions"]]
    while True:
        found = partitions_of(node, index)["partitions"]
        stopped = [one for one in found if one["state"] in {"stopped", "unavailable"}]
        if stopped:
            raise unavailable("partition_stopped", f"{index}/{stopped[0]['partition']}: {stopped[0]['reason']}")
        if all(one["applied"] >= end for one, end in zip(found, ends, strict=True)):
            return
        sleep(POLL_S)
