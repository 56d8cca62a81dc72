"""What every test may rely on: shared data, a broker, compiled kernels kept between runs."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from pipeline.kernels.cache import default_base, use_cache
from tests.kafka_broker import NoBrokerError, running_broker

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = (ROOT / os.environ.get("SEDIMENT_SHARED_DATA", "../shared")).resolve()
# Marker -> the variable that turns a skip of a test so marked into a failure.
REQUIRED = {"kafka": "SEDIMENT_REQUIRE_KAFKA", "shared": "SEDIMENT_REQUIRE_SHARED"}

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


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real broker; its bootstrap address. Topics are each test's own to name."""
    with ExitStack() as stack:
        try:
            bootstrap = stack.enter_context(running_broker(tmp_path_factory.mktemp("kafka")))
        except NoBrokerError as missing:
            pytest.skip(f"no Kafka broker: {missing}")
        yield bootstrap
