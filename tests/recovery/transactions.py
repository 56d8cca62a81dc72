"""A Kafka topic in which some transactions were aborted: offsets with holes."""

from uuid import uuid4

from confluent_kafka import Producer

from pipeline.log.kafka import KafkaLog
from pipeline.log.ports import Log
from schemas.ids import LogOffset, PartitionId, TopicName

Rows = list[tuple[bytes, bytes | None]]


def produce(bootstrap: str, topic: str, transactions: list[tuple[Rows, bool]]) -> None:
    """Each list of records in a transaction of its own, which is committed or aborted."""
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


def topic_with_aborted(bootstrap: str, transactions: int) -> tuple[Log, TopicName, LogOffset]:
    """Every other transaction is aborted; the log, the topic and its end."""
    log = KafkaLog(bootstrap)
    topic = TopicName(f"aborted-{uuid4().hex[:8]}")
    log.create_topic(topic, 1)
    rows: Rows = [(b"k%d" % n, b'{"n":%d}' % n) for n in range(3)]
    produce(bootstrap, topic, [(rows, number % 2 == 0) for number in range(transactions)])
    return log, topic, log.end_offset(topic, PartitionId(0))
