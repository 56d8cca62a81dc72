"""The log on Kafka: the contract against a real broker, and what only Kafka does."""

from collections.abc import Callable, Iterator

import pytest

from pipeline.log.kafka import KafkaLog
from pipeline.log.ports import Log
from tests.contracts.log_contract import LogContract


class TestKafkaLog(LogContract):
    """The contract. One broker for all; topics have names of their own."""

    exact_trim = True

    @pytest.fixture
    def log(self, kafka: str) -> Iterator[Log]:
        """A client of its own for each test."""
        log = KafkaLog(kafka)
        yield log
        log.close()

    @pytest.fixture
    def reopen(self, kafka: str) -> Callable[[Log], Log]:
        """Another client."""

        def again(log: Log) -> Log:
            log.close()
            return KafkaLog(kafka)

        return again
