"""A Kafka broker for the tests: one that is there, one in a container, or one from plain jars.

Looked for in this order:
1. the address in SEDIMENT_KAFKA_BOOTSTRAP;
2. a container, where a Docker daemon answers at once and the image can be had;
3. a JVM started from the jars in build/kafka/libs, which `make kafka` fetches (and this module, if Maven is there).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.broker import free_ports

ROOT = Path(__file__).resolve().parent.parent
LIBS = ROOT / "build" / "kafka" / "libs"
DEPLOY = ROOT / "deploy" / "kafka"
COMPLETE = LIBS / ".complete"  # `make kafka` leaves it when all jars are there
IMAGE = "confluentinc/cp-kafka:7.6.0"
READY_SECONDS_MAX = 120
FETCH_SECONDS_MAX = 600
PULL_SECONDS_MAX = 120


class NoBrokerError(Exception):
    """There is no broker; the message says what to do."""


def fetch_jars() -> None:
    """Have the broker's jars, or say what is missing."""
    if shutil.which("java") is None:
        raise NoBrokerError("there is no java: install a JRE 17, or set SEDIMENT_KAFKA_BOOTSTRAP")
    if COMPLETE.exists():
        return
    if shutil.which("mvn") is None:
        raise NoBrokerError(f"there are no jars in {LIBS}: install Maven, then run `make kafka`")
    command = ["mvn", "-q", "-B", "-f", str(DEPLOY / "pom.xml"), "dependency:copy-dependencies"]
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={LIBS}"]
    LIBS.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command + options,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=FETCH_SECONDS_MAX,
    )
    if done.returncode:
        raise NoBrokerError(f"`make kafka` failed: {done.stdout[-500:]}")
    COMPLETE.touch()


class JvmBroker:
    """One broker from jars on free ports, in a directory of its own; it can be killed and started again."""

    def __init__(self, home: Path) -> None:
        fetch_jars()
        self.port, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._home = home
        self._log = home / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = home / "server.properties"
        text = (DEPLOY / "server.properties").read_text()
        text = text.replace("19092", str(self.port)).replace("19093", str(controller))
        self._properties.write_text(text)
        self._run("format").wait(timeout=READY_SECONDS_MAX)

    def _run(self, action: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as out:
            return subprocess.Popen(
                [str(DEPLOY / "run.sh"), action, str(self._properties)],
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | {"KLIBS": str(LIBS), "KOPTS": "-XX:TieredStopAtLevel=1"},
            )

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        assert self._process is None
        self._process = self._run("start")
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.2)
            else:
                return
        pytest.fail(f"the broker did not start:\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def container_bootstrap() -> tuple[str, object] | None:
    """A broker in a container, if Docker is there and has or gets the image."""
    if shutil.which("docker") is None:
        return None
    quiet = {"stdin": subprocess.DEVNULL, "capture_output": True}
    try:
        subprocess.run(["docker", "version"], check=True, timeout=5, **quiet)  # type: ignore[call-overload]
        subprocess.run(  # type: ignore[call-overload]
            ["sh", "-c", f"docker image inspect {IMAGE} || docker pull -q {IMAGE}"],
            check=True,
            timeout=PULL_SECONDS_MAX,
            **quiet,
        )
    except (subprocess.SubprocessError, OSError):
        return None
    from testcontainers.community.kafka import KafkaContainer

    container = KafkaContainer(IMAGE).with_kraft()
    container.start()
    return container.get_bootstrap_server(), container


@contextmanager
def running_broker(home: Path) -> Iterator[str]:
    """A broker's address; what was started for it ends with the context."""
    given = os.environ.get("SEDIMENT_KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    contained = container_bootstrap()
    if contained is not None:
        bootstrap, container = contained
        try:
            yield bootstrap
        finally:
            container.stop()  # type: ignore[attr-defined]
        return
    broker = JvmBroker(home)
    try:
        broker.start()
        yield broker.bootstrap
    finally:
        broker.kill()
