"""query_api.cli.produce: documents straight onto a topic."""

import pytest

from pipeline.log.memory import MemoryLog
from query_api.cli.load import Batch
from query_api.cli.produce import Producer
from schemas.errors import SedimentError
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.routing import partition_of

TOPIC = TopicName("a")


def records(log: MemoryLog, partition: int) -> list[tuple[bytes | None, bytes | None]]:
    batch = log.reader(TOPIC, PartitionId(partition), LogOffset(0)).read(
        records_max=100, bytes_max=1 << 20, timeout_s=0
    )
    return list(zip(batch.keys.to_list(), batch.values.to_list(), strict=True))


def test_keys_decide_the_partition() -> None:
    """As any Kafka producer places them; a document without a usable id is refused by line."""
    log = MemoryLog()
    log.create_topic(TOPIC, 3)
    producer = Producer(log, TOPIC, id_field="id")
    producer.send(Batch([1, 2, 3], [b'{"id":"x"}', b'{"id":7}', b"{}"]))
    assert (partition_of(b"x", 3), b"x") in {(p, k) for p in range(3) for k, _ in records(log, p)}
    assert (b"7", b'{"id":7}') in records(log, partition_of(b"7", 3))
    assert (producer.done.documents, [r.line for r in producer.done.rejected]) == (2, [3])


def test_without_ids_batches_take_turns() -> None:
    """Null keys: the partition and offset become the id."""
    log = MemoryLog()
    log.create_topic(TOPIC, 2)
    producer = Producer(log, TOPIC)
    for _ in range(2):
        producer.send(Batch([1], [b"{}"]))
    assert [records(log, p) for p in range(2)] == [[(None, b"{}")]] * 2


def test_a_missing_topic() -> None:
    """Says how to get one."""
    with pytest.raises(SedimentError, match="create the index first"):
        Producer(MemoryLog(), TOPIC)
