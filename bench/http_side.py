"""Ours over HTTP: the server in a process of its own, asked through connections that stay open."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.corpus import ROOT

READY = "ready http://"
STOP_SECONDS_MAX = 60
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: host:port, and its process."""

    address: str
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time that it has taken so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Server]:
    """``sediment serve`` on a free port."""
    command = [sys.executable, "-m", "query_api.cli.main", "serve", "--data", str(folder), "--port", "0", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, env=environment)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if READY in line.decode():
                yield Server(urlsplit(line.decode().split("ready ", 1)[1].strip()).netloc, process.pid)
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


class Prepared:
    """One connection that stays open, and requests whose bytes are made before any clock starts: what a client costs is the
    same for every server, and little. Answers must say how long they are, which both servers here do."""

    def __init__(self, address: str, path: str, bodies: Sequence[bytes], kind: str = "application/json") -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=600)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: "
        self._requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
        self.answer = b""  # the body of the last one

    def ask(self, number: int) -> float:
        """Send one request and read all of its answer; seconds. Raises ``SystemExit`` for a status of 400 or more."""
        begin = time.perf_counter()
        self._socket.sendall(self._requests[number])
        data = self._socket.recv(1 << 18)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        missing = end + 4 + int(LENGTH.search(data, 0, end + 2)[1]) - len(data)  # type: ignore[index]
        while missing > 0:
            more = self._more()
            data, missing = data + more, missing - len(more)
        seconds = time.perf_counter() - begin
        self.answer = data[end + 4 :]
        if data[9:10] not in b"23":
            raise SystemExit(f"request {number} failed: {data[:500].decode(errors='replace')}")
        return seconds

    def _more(self) -> bytes:
        more = self._socket.recv(1 << 20)
        if not more:
            raise SystemExit("the server closed the connection")
        return more

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def bulk_bodies(ids: Sequence[bytes], documents: Sequence[bytes], size: int) -> list[bytes]:
    """Bodies for ``_bulk`` with ``size`` documents each."""
    bodies = []
    for start in range(0, len(ids), size):
        rows = zip(ids[start : start + size], documents[start : start + size], strict=True)
        bodies.append(b"".join(b'{"index":{"_id":' + orjson.dumps(i.decode()) + b"}}\n" + d + b"\n" for i, d in rows))
    return bodies
