"""The cheap look in the background: what it finds, and that it is said."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.replay.sample import Sampler, difference
from schemas.ids import LogOffset
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import PARTITION, TOPIC, FoldedCatalog, Partition, SimulatedLog
from tests.pipeline.replay.nodes import BOOKS, create, digests, finished, load, node_in
from tests.pipeline.replay.test_operations import exposed
from tests.pipeline.replay.test_verify import PROPERTIES, books, changed


def partition_of(records: list[Record], step: int = 7) -> Partition:
    """A partition in some segments."""
    log = SimulatedLog()
    log.put(records)
    partition = Partition(log, FoldedCatalog(new_catalog(PROPERTIES, {})))
    while partition.worker.machine.applied < len(records):
        partition.step(step)
    partition.worker.refresh()
    return partition


MIXED = [
    *books(),
    Record(None, b'{"n":1}'),
    Record(b"id-3", b'{"doc":{"n":5}}', (("op", b"update"),)),
    Record(b"id-4", None),
    Record(b"id-9", b'{"s":"other"}'),
]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    """Also among updates, deletes and records without a key, and in an empty partition."""
    random = np.random.default_rng(1)
    for records in (MIXED, [], MIXED[:1]):
        partition = partition_of(records)
        for _ in range(5):
            assert difference(partition.worker.view, partition.log, 100, random) == ""


@pytest.mark.parametrize("name", ["version", "seq_no", "id/data", "source/hash"])
def test_columns_that_are_not_those_of_the_digest(name: str) -> None:
    """Found without the log."""
    partition = partition_of(MIXED)

    def flip(array: np.ndarray) -> np.ndarray:
        array.reshape(-1)[0] ^= array.dtype.type(1)
        return array

    found = difference(changed(partition.worker.view, name, flip), partition.log, 0, np.random.default_rng(1))
    assert "the digest kept at offset 44 is not that of the columns" in found


def test_a_source_that_is_not_the_record() -> None:
    """Found where it is drawn."""
    forged = [replace(r, value=b'{"n":77}') if r.key == b"id-5" else r for r in MIXED]
    view, log = partition_of(forged).worker.view, partition_of(MIXED).log
    found = {difference(view, log, 10, np.random.default_rng(seed)) for seed in range(40)}
    assert found == {"", "document [id-5] is not what the log has at offset 5"}


def test_what_the_log_no_longer_has_is_not_compared() -> None:
    """Retention is not damage."""
    partition = partition_of(MIXED)
    partition.log.trim(TOPIC, PARTITION, LogOffset(44))
    assert difference(partition.worker.view, partition.log, 100, np.random.default_rng(1)) == ""


def test_a_difference_is_a_state_and_a_metric(tmp_path: Path) -> None:
    """Until a replay takes it away."""
    with node_in(tmp_path) as node:
        create(node)
        load(node, 60)
        sampler = Sampler(node, 0.05, seed=1)
        sampler.start()
        deadline = time.monotonic() + 10
        while (
            not any(line.startswith("sediment_samples_total{") for line in exposed(node.metrics))
            and time.monotonic() < deadline
        ):
            time.sleep(0.02)
        worker = node.workers("books")[0]
        assert worker.freshness().state != "damaged"
        before = digests(node)
        with worker.exclusive():
            worker.machine.digest[3, 1] += np.uint64(1)
            worker._publish()
        while worker.freshness().state != "damaged" and time.monotonic() < deadline:
            time.sleep(0.02)
        sampler.close()
        assert "run sediment verify, then sediment replay" in worker.freshness().reason
        lines = [line for line in exposed(node.metrics) if line.startswith("sediment_samples_total")]
        assert any('outcome="different"' in line for line in lines)
        assert any('outcome="equal"' in line for line in lines)
        assert finished(node, list(node.operations.replay(BOOKS)))[0].state == "done"
        assert digests(node) == before
        assert node.workers("books")[0].freshness().state != "damaged"
