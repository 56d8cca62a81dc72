"""The embedded log: the contract, and what a directory of files adds to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.log.embedded import EmbeddedLog
from pipeline.log.ports import Log
from tests.contracts.log_contract import LogContract


class TestEmbeddedLog(LogContract):
    """The contract, as it is used."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        """A log of its own for each test, with files small enough to be trimmed."""
        log = EmbeddedLog(tmp_path, file_bytes_max=1000)
        yield log
        log.close()

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[Log], Log]:
        """Close and open the directory."""

        def again(log: Log) -> Log:
            log.close()
            return EmbeddedLog(tmp_path, file_bytes_max=1000)

        return again


class TestEmbeddedLogFromFiles(TestEmbeddedLog):
    """The contract without a tail cache: every read comes from the files."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        """No cache, small files."""
        log = EmbeddedLog(tmp_path, file_bytes_max=800, tail_cache_bytes_max=0)
        yield log
        log.close()
