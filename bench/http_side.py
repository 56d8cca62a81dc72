"""Ours over HTTP: the server in a process of its own, asked through connections that stay open."""

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.corpus import ROOT

READY = "ready http://"
STOP_SECONDS_MAX = 60


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """``sediment serve`` on a free port; its host:port."""
    command = [sys.executable, "-m", "query_api.cli.main", "serve", "--data", str(folder), "--port", "0", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, env=environment)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if READY in line.decode():
                yield urlsplit(line.decode().split("ready ", 1)[1].strip()).netloc
                break
        else:
            raise SystemExit(f"the server did not start: see {folder.parent / (folder.name + '.log')}")
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


class Client:
    """One connection that stays open."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=600)
        self._connection.connect()

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """The answer's body; raises ``SystemExit`` for a status of 400 or more."""
        self._connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {data[:500].decode(errors='replace')}")
        return data

    def send(self, method: str, path: str, content: Any) -> Any:
        """JSON out, JSON back."""
        return orjson.loads(self.ask(method, path, orjson.dumps(content)))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def bulk_bodies(ids: Sequence[bytes], documents: Sequence[bytes], size: int) -> list[bytes]:
    """Bodies for ``_bulk`` with ``size`` documents each."""
    bodies = []
    for start in range(0, len(ids), size):
        rows = zip(ids[start : start + size], documents[start : start + size], strict=True)
        bodies.append(b"".join(b'{"index":{"_id":' + orjson.dumps(i.decode()) + b"}}\n" + d + b"\n" for i, d in rows))
    return bodies
