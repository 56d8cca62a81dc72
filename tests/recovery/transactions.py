"""A Kafka topic in which some transactions were aborted: offsets with holes."""

import time
from uuid import uuid4

from confluent_kafka import Producer

from pipeline.log.kafka import KafkaLog
from pipeline.log.ports import Log
from schemas.ids import LogOffset, PartitionId, TopicName

Rows = list[tuple[bytes, bytes | None]]


def produce(log: Log, bootstrap: str, topic: TopicName, transactions: list[tuple[Rows, bool]]) -> None:
    """Each list of records in a transaction of its own, which is committed or aborted; returns when the last one can be read."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"tests-{uuid4().hex}"})
    producer.init_transactions(60)
    for rows, committed in transactions:
        producer.begin_transaction()
        for key, value in rows:
            producer.produce(topic, value=value, key=key, partition=0)
        producer.flush(60)
        if committed:
            producer.commit_transaction(60)
        else:
            producer.abort_transaction(60)
    end = sum(
        len(rows) + 1 for rows, _ in transactions
    )  # each leaves a marker; a commit is answered before it can be read
    deadline = time.monotonic() + 30
    while log.end_offset(topic, PartitionId(0)) < end:
        assert time.monotonic() < deadline, "a transaction did not end"
        time.sleep(0.02)


def topic_with_aborted(bootstrap: str, transactions: int) -> tuple[Log, TopicName, LogOffset]:
    """Every other transaction is aborted; the log, the topic and its end."""
    log = KafkaLog(bootstrap)
    topic = TopicName(f"aborted-{uuid4().hex[:8]}")
    log.create_topic(topic, 1)
    rows: Rows = [(b"k%d" % n, b'{"n":%d}' % n) for n in range(3)]
    produce(log, bootstrap, topic, [(rows, number % 2 == 0) for number in range(transactions)])
    return log, topic, log.end_offset(topic, PartitionId(0))
