"""The peer over HTTP: OpenSearch, started from what ``make opensearch`` has unpacked, on a free port of 127.0.0.1.

It refuses to run as root; where the benchmark does, the server runs as the user ``nobody``, whose own the folder of its data,
settings and logs becomes. Its smallest distribution has no security plugin. The translog is fsynced at every request, which
is the default and what ours does with its log.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.broker import free_ports
from bench.corpus import ROOT, Corpus
from bench.fields import mappings
from bench.http_side import Client, Server

BUILT = ROOT / "build" / "opensearch"
USER = "nobody"
HEAP = "1g"
INDEX = "bench"
READY_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60
SETTINGS: Mapping[str, Any] = {
    "number_of_shards": 1,
    "number_of_replicas": 0,
    # off on both sides: an answer that is remembered measures nothing
    "requests.cache.enable": False,
}


def home() -> Path | None:
    """Where the server was unpacked; None where ``make opensearch`` has not been, or Java is missing."""
    if shutil.which("java") is None or not (BUILT / ".complete").exists():
        return None
    return next(BUILT.glob("opensearch-*"), None)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """The server with its data in a folder."""
    unpacked = home()
    assert unpacked is not None, "asked for before home()"
    port, transport = free_ports(2)
    for name in ("config", "data", "logs", "tmp"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(unpacked / "config", folder / "config", dirs_exist_ok=True)
    (folder / "config" / "opensearch.yml").write_text(
        f"cluster.name: bench\nnode.name: bench\ndiscovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: {port}\n"
        f"transport.port: {transport}\npath.data: {folder / 'data'}\npath.logs: {folder / 'logs'}\n"
        "cluster.routing.allocation.disk.threshold_enabled: false\nbootstrap.system_call_filter: false\n"
    )
    options = folder / "config" / "jvm.options"
    options.write_text(options.read_text().replace("logs/", f"{folder / 'logs'}/"))
    environment = {
        "PATH": os.environ["PATH"],
        "OPENSEARCH_PATH_CONF": str(folder / "config"),
        "OPENSEARCH_TMPDIR": str(folder / "tmp"),
        "OPENSEARCH_JAVA_OPTS": f"-Xms{HEAP} -Xmx{HEAP}",
        "OPENSEARCH_JAVA_HOME": str(Path(shutil.which("java") or "").resolve().parents[1]),
    }
    user = {}
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, USER)
        user = {"user": USER, "group": "nogroup", "extra_groups": []}
    log = folder / "server.log"
    with log.open("wb") as out:
        command = ["bash", str(unpacked / "bin" / "opensearch")]
        process = subprocess.Popen(  # type: ignore[call-overload]
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, **user
        )
    try:
        address = f"127.0.0.1:{port}"
        _wait(process, address, log)
        yield Server(address, _java(process.pid))
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


def _wait(process: Any, address: str, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end and process.poll() is None:
        try:
            client = Client(address)
            client.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=60s")
        except OSError:
            time.sleep(0.5)
        else:
            client.close()
            return
    process.kill()
    raise SystemExit(f"OpenSearch did not start:\n{log.read_text()[-3000:]}")


def _java(pid: int) -> int:
    """The server's own process: the start script becomes it, or has it as a child."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def create(client: Client, corpus: Corpus, name: str = INDEX) -> None:
    """An index for a corpus' fields, as ours has it: one shard, no copies."""
    client.send("PUT", f"/{name}", {"settings": {"index": dict(SETTINGS)}, "mappings": mappings(corpus.fields)})
