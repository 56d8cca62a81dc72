"""What every test may rely on: shared data, a broker, compiled kernels kept between runs."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from pipeline.kernels.cache import default_base, use_cache

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = (ROOT / os.environ.get("SEDIMENT_SHARED_DATA", "../shared")).resolve()
# Marker -> the variable that turns a skip of a test so marked into a failure.
REQUIRED = {"kafka": "SEDIMENT_REQUIRE_KAFKA", "shared": "SEDIMENT_REQUIRE_SHARED"}
BROKER_READY_SECONDS_MAX = 90

use_cache(default_base())  # before any test module imports a kernel
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for the shared data or the broker carries the marker without writing it."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "shared_data" in names:
            item.add_marker("shared")
        if "kafka" in names:
            item.add_marker("kafka")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a thing is required (CI), its absence is a failure, not a skip."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        for marker, variable in REQUIRED.items():
            if item.get_closest_marker(marker) and os.environ.get(variable) == "1":
                report.outcome = "failed"
                report.longrepr = f"skipped although {variable}=1: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of corpora, golden answers and conformance cases that lies outside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data at {SHARED_DATA}: set SEDIMENT_SHARED_DATA")
    return SHARED_DATA


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the broker accepts connections; its log if it does not."""
    end = time.monotonic() + BROKER_READY_SECONDS_MAX
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the broker did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real broker on free ports; its bootstrap address. Topics are each test's own to name."""
    libs = ROOT / "build" / "kafka" / "libs"
    if shutil.which("java") is None or not (libs / ".complete").exists():
        pytest.skip("no Kafka broker: `make kafka` (needs java and mvn)")
    home = tmp_path_factory.mktemp("kafka")
    port, controller = free_ports(2)
    text = (ROOT / "deploy" / "kafka" / "server.properties").read_text()
    properties = home / "server.properties"
    properties.write_text(text.replace("19092", str(port)).replace("19093", str(controller)))
    run = str(ROOT / "deploy" / "kafka" / "run.sh")
    log = home / "broker.log"
    environment = os.environ | {"KAFKA_LIBS": str(libs), "KAFKA_OPTS": "-XX:TieredStopAtLevel=1"}
    with log.open("wb") as out:
        common = {"cwd": home, "stdout": out, "stderr": subprocess.STDOUT, "env": environment}
        subprocess.run([run, "format", str(properties)], check=True, **common)  # type: ignore[call-overload]
        process = subprocess.Popen([run, "start", str(properties)], **common)  # type: ignore[call-overload]
        try:
            wait_for_port(port, process, log)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()
