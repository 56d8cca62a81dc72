"""A whole node in this process, asked over its ASGI application: everything is real but the socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from pipeline.telemetry.tracing import Tracer
from query_api.app import build_app
from query_api.cli.serve import RunningNode, open_pipeline
from schemas.settings import IndexSettings, ServeSettings


@dataclass
class NearNode:
    """A running node; each request opens a client of its own, since every test has its own event loop."""

    running: RunningNode
    app: Any

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A request; dictionaries are sent as JSON, lists as NDJSON, bytes as they are. No answer may be a 500."""
        content: bytes | None = None
        if isinstance(body, list):
            content = b"".join((one if isinstance(one, bytes) else orjson.dumps(one)) + b"\n" for one in body)
            headers.setdefault("content-type", "application/x-ndjson")
        elif body is not None:
            content = body if isinstance(body, bytes) else orjson.dumps(body)
        if content is not None:
            headers.setdefault("content-type", "application/json")
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            answer = await client.request(method, path, content=content, headers=headers, timeout=60)
        assert answer.status_code != 500, answer.text
        return answer

    async def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer's JSON."""
        return (await self.send(method, path, body, **headers)).json()


@contextmanager
def near_node(folder: Path, tracer: Tracer | None = None) -> Iterator[NearNode]:
    """A node on a data folder; closed at the end."""
    settings = ServeSettings(data=str(folder), index=IndexSettings(refresh_ms=10))
    with open_pipeline(settings, tracer) as running:
        try:
            yield NearNode(running, build_app(running.services))
        finally:
            running.services.pools.close()
