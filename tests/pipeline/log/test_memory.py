"""The log in memory: the contract, and that the same calls give the same log."""

from collections.abc import Iterator

import pytest

from pipeline.log.memory import MemoryLog
from pipeline.log.ports import Log
from schemas.ids import TopicName
from tests.contracts.log_contract import LogContract


class TestMemoryLog(LogContract):
    """The contract."""

    exact_trim = True

    @pytest.fixture
    def log(self) -> Iterator[Log]:
        """A log of its own for each test."""
        log = MemoryLog()
        yield log
        log.close()


def test_topic_ids_repeat_from_run_to_run() -> None:
    """A simulation that creates topics gets the same ids each time, but never one twice."""

    def ids() -> list[str]:
        log = MemoryLog()
        first = log.create_topic(TopicName("a"), 1)
        log.delete_topic(TopicName("a"))
        return [first.topic_id, log.create_topic(TopicName("a"), 1).topic_id]

    assert ids() == ids()
    assert len(set(ids())) == 2
