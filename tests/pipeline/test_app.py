"""A whole node over a log in memory and RocksDB: indices come and go, and what is wrong is said."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from pipeline.app import Node, open_node
from pipeline.ingest.ports import Op, Outcomes, Writes
from pipeline.log.memory import MemoryLog
from pipeline.log.ports import TopicInfo
from pipeline.telemetry import names
from schemas.errors import SedimentError
from schemas.ids import IndexName, LogOffset, PartitionId, TopicName
from schemas.outcomes import Result
from schemas.records import ByteColumn
from schemas.settings import MemorySettings, ServeSettings


class GrowingLog(MemoryLog):
    """A log whose topics may seem to have more partitions."""

    more = 0

    @override
    def topic(self, name: TopicName) -> TopicInfo | None:
        known = super().topic(name)
        if known is None or not self.more or name != "books":
            return known
        return TopicInfo(known.name, known.topic_id, known.partitions + self.more, known.config)

    @override
    def close(self) -> None:
        """The test's log outlives a node."""


@pytest.fixture
def log() -> Iterator[GrowingLog]:
    """A log that outlives the node."""
    made = GrowingLog()
    yield made
    MemoryLog.close(made)


def opened(folder: Path, log: MemoryLog) -> Node:
    """A node."""
    return open_node(ServeSettings(data=str(folder), partitions=2), log=log)


def write(node: Node, sources: dict[str, str], **more: Any) -> Outcomes:
    """Index documents."""
    index = node.indices.index("books")
    assert index is not None
    ops = np.full(len(sources), Op.INDEX, np.uint8)
    ids, values = (ByteColumn.of([one.encode() for one in column]) for column in (sources.keys(), sources.values()))
    return node.writer.write(index, Writes(ops, ids, values), **more)


def found(node: Node) -> dict[str, int]:
    """Version by id of the visible documents."""
    node.refresh("books")
    views = [worker.view for worker in node.workers("books")]
    return {
        (segment.reader.ids()[row] or b"").decode(): int(segment.reader.versions()[row])
        for view in views
        for segment in view.segments
        for row in np.flatnonzero(segment.alive).tolist()
    }


def test_a_node_is_found_again_as_it_was(tmp_path: Path, log: GrowingLog) -> None:
    """Documents, dynamic fields of several partitions and the mapping survive closing and opening."""
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {"properties": {"a": {"type": "long"}}})
    results = write(node, {f"id-{n}": f'{{"a":{n},"new":"x"}}' for n in range(20)}).results
    assert (results == Result.CREATED).all()
    node.indices.put_mapping(IndexName("books"), {"properties": {"k": {"type": "keyword"}}, "dynamic": "strict"})
    strict = write(node, {"bad": '{"other":1}', "id-3": '{"k":"v"}'})
    assert strict.results.tolist() == [Result.REJECTED, Result.UPDATED]
    seen = found(node)
    node.close()
    node = opened(tmp_path, log)
    assert all(worker.freshness().durable == worker.freshness().end for worker in node.workers("books"))
    assert node.wait_applied("books")
    assert found(node) == seen == {f"id-{n}": 1 + (n == 3) for n in range(20)}
    assert all({"a", "new", "k"} <= set(worker.view.mapping.fields) for worker in node.workers("books"))
    assert write(node, {"bad": '{"other":1}'}).errors[0].code == "strict_dynamic_mapping"
    node.close()


def test_an_index_can_be_deleted_and_made_again(tmp_path: Path, log: GrowingLog) -> None:
    """Its data go; the new one begins empty, at version 1."""
    node = opened(tmp_path, log)
    for _ in range(2):
        node.indices.create("books", {}, {})
        assert write(node, {"x": "{}"}).versions.tolist() == [1]
        assert found(node) == {"x": 1}
        node.indices.delete(IndexName("books"))
        with pytest.raises(SedimentError) as raised:
            node.workers("books")
        assert raised.value.code == "index_not_found"
    node.close()
    assert list((tmp_path / "partitions").iterdir()) == []


def test_a_topic_that_grew_stops_the_index(tmp_path: Path, log: GrowingLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may lie elsewhere now: it says so, keeps answering searches, and takes no more."""
    monkeypatch.setattr("pipeline.app.WATCH_S", 0.05)
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {})
    write(node, {"x": "{}"})
    log.more = 3
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(w.freshness().state != "stopped" for w in node.workers("books")):
        time.sleep(0.02)
    reasons = {worker.freshness().reason for worker in node.workers("books")}
    assert all("has 5 partitions now, the index was made with 2" in reason for reason in reasons)
    assert found(node) == {"x": 1}
    with pytest.raises(SedimentError, match=r"takes no writes: topic .books. has 5 partitions"):
        write(node, {"y": "{}"}, timeout_s=10)
    time.sleep(0.3)
    assert all(worker.freshness().state == "stopped" for worker in node.workers("books"))
    node.close()


def test_a_topic_that_was_replaced_is_not_opened(tmp_path: Path, log: GrowingLog) -> None:
    """The index is there, its error says what to do, and other indices work."""
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {})
    write(node, {"x": "{}"})
    node.close()
    log.delete_topic(TopicName("books"))
    log.create_topic(TopicName("books"), 2)
    node = opened(tmp_path, log)
    with pytest.raises(SedimentError) as raised:
        node.workers("books")
    assert raised.value.code == "store_identity"
    assert "delete the directory" in raised.value.message
    node.indices.create("other", {}, {})
    node.refresh("other")
    node.close()


def test_a_data_folder_in_use_is_refused(tmp_path: Path, log: GrowingLog) -> None:
    """A second process says so for each index; the first one goes on."""
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {})
    second = opened(tmp_path, log)
    with pytest.raises(SedimentError) as raised:
        second.workers("books")
    assert raised.value.code == "data_directory_in_use"
    second.close()
    assert write(node, {"x": "{}"}).results.tolist() == [Result.CREATED]
    node.close()


def test_many_may_write_and_search_at_once(tmp_path: Path, log: GrowingLog) -> None:
    """Writers with new fields of their own, refreshes and flushes: every answer is right in the end."""
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {})
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(10):
                answer = write(node, {f"{number}-{count}": f'{{"f{number}":{count}}}', "shared": f'{{"n":{count}}}'})
                assert answer.results[0] == Result.CREATED
                node.refresh("books")
            node.flush("books", 30)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    versions = found(node)
    assert len(versions) == 41
    assert versions["shared"] == 40
    ends = [log.end_offset(TopicName("books"), PartitionId(p)) for p in range(2)]
    assert sum(ends) == 80
    assert all(w.outcomes.wait(LogOffset(e), 1) for w, e in zip(node.workers("books"), ends, strict=True))
    node.close()


def test_deleting_an_index_does_not_wait_for_its_idle_partitions(
    tmp_path: Path, log: GrowingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads of the log that would go on for an hour are woken."""
    monkeypatch.setattr("pipeline.materialise.worker.wait_s", lambda *_: 3600.0)
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {})
    workers = node.workers("books")
    node.indices.delete(IndexName("books"))
    assert not any(worker._thread.is_alive() for worker in workers)
    node.close()


def test_metrics_say_how_far_partitions_are(tmp_path: Path, log: GrowingLog) -> None:
    """Whoever asks a partition brings its gauges up to date."""
    node = opened(tmp_path, log)
    node.indices.create("books", {}, {})
    write(node, {f"id-{n}": "{}" for n in range(20)})
    for worker in node.workers("books"):
        worker.freshness()
    parts = [{"index": "books", "partition": str(n)} for n in range(2)]
    assert sum(node.metrics.value(names.DOCUMENTS, **one) or 0 for one in parts) == 20
    assert [node.metrics.value(names.LAG, **one) for one in parts] == [0, 0]
    assert [node.metrics.value(names.MATERIALISE_QUEUE_SECONDS, **one) for one in parts] == [0, 0]
    node.close()


def test_ten_partitions_share_what_is_allowed_for_stores(
    tmp_path: Path, log: GrowingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write buffers of all together stay within the budget while they commit; the id index of each is counted."""
    monkeypatch.setattr("pipeline.app.WATCH_S", 0.01)
    budget = 16 << 20
    node = open_node(
        ServeSettings(data=str(tmp_path), partitions=10, memory=MemorySettings(stores_bytes=budget)), log=log
    )
    node.indices.create("books", {}, {})
    random, highest = np.random.default_rng(7), 0.0
    for turn in range(3):
        write(node, {f"{turn}-{n}": f'{{"text": "{random.bytes(60_000).hex()}"}}' for n in range(120)})
        flushing = threading.Thread(target=node.flush, args=("books",))
        flushing.start()
        while flushing.is_alive():
            highest = max(highest, node.metrics.value(names.STORE_BUFFER_BYTES) or 0)
            flushing.join(0.01)
    assert 0 < highest <= budget
    for n, worker in enumerate(node.workers("books")):
        worker.freshness()
        assert (node.metrics.value(names.ID_INDEX_BYTES, index="books", partition=str(n)) or 0) > 0
    node.close()
