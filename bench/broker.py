"""A Kafka broker, where one is given (SEDIMENT_KAFKA_BOOTSTRAP) or can be started from the jars of ``make kafka``."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.corpus import ROOT

LIBS = ROOT / "build" / "kafka" / "libs"
DEPLOY = ROOT / "deploy" / "kafka"
READY_SECONDS_MAX = 90


@contextmanager
def broker(home: Path) -> Iterator[str | None]:
    """Its address; None where there is no broker. What was started ends with the context."""
    given = os.environ.get("SEDIMENT_KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    if shutil.which("java") is None or not (LIBS / ".complete").exists():
        print("no Kafka: set SEDIMENT_KAFKA_BOOTSTRAP, or run `make kafka` (needs java and mvn); left out")
        yield None
        return
    process, address = _start(home)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def _start(home: Path) -> "tuple[subprocess.Popen[bytes], str]":
    home.mkdir(parents=True, exist_ok=True)
    port, controller = free_ports(2)
    text = (DEPLOY / "server.properties").read_text()
    properties = home / "server.properties"
    properties.write_text(text.replace("19092", str(port)).replace("19093", str(controller)))
    run = str(DEPLOY / "run.sh")
    environment = os.environ | {"KLIBS": str(LIBS)}
    with (home / "broker.log").open("wb") as out:
        subprocess.run([run, "format", str(properties)], check=True, cwd=home, stdout=out, stderr=out, env=environment)
        process = subprocess.Popen([run, "start", str(properties)], cwd=home, stdout=out, stderr=out, env=environment)
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return process, f"127.0.0.1:{port}"
    process.kill()
    raise SystemExit(f"the broker did not start:\n{(home / 'broker.log').read_text()[-2000:]}")


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
