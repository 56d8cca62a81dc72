"""``sediment produce``: NDJSON straight onto an index's Kafka topic, as any producer would put it there."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import numpy as np
from rich.console import Console

from pipeline.catalog.names import topic_of
from pipeline.log.kafka import KafkaLog
from pipeline.log.ports import Log
from query_api.cli.load import Batch, Loaded, Rejected, Source, action_of, bar, batches, report
from query_api.fanout.services import wall_clock_ms
from schemas.errors import SedimentError, not_found
from schemas.ids import PartitionId, TopicName
from schemas.records import AppendBatch, ByteColumn
from schemas.routing import partition_of

Keyed = tuple[bytes | None, bytes]


class Producer:
    """Appends batches; a document without an id gets one from where it lands (``<partition>-<offset>``)."""

    def __init__(self, log: Log, topic: TopicName, *, id_field: str = "") -> None:
        info = log.topic(topic)
        if info is None:
            raise not_found(
                "topic_not_found", f"there is no topic [{topic}]: create the index first, with PUT /{topic}"
            )
        self._log = log
        self._topic = topic
        self._partitions = info.partitions
        self._id_field = id_field
        self._turns = count()
        self.done = Loaded()

    def send(self, batch: Batch) -> None:
        """Append one batch, each document to its partition; returns once the log has made them durable."""
        groups: dict[int, list[Keyed]] = {}
        turn = next(self._turns) % self._partitions  # documents without a key: batches take turns
        for key, line in self._keyed(batch):
            place = turn if key is None else partition_of(key, self._partitions)
            groups.setdefault(place, []).append((key, line))
        for place, rows in groups.items():
            keys, values = ByteColumn.of([k for k, _ in rows]), ByteColumn.of([v for _, v in rows])
            stamps = np.full(len(rows), wall_clock_ms(), np.int64)
            self._log.append(self._topic, PartitionId(place), AppendBatch(keys, values, stamps))
            self.done.documents += len(rows)
            self.done.bytes += values.nbytes

    def _keyed(self, batch: Batch) -> Iterator[Keyed]:
        for number, line in zip(batch.numbers, batch.lines, strict=True):
            if not self._id_field:
                yield None, line
                continue
            try:
                action = action_of(line, self._id_field)
            except SedimentError as error:
                self.done.rejected.append(Rejected(number, "", error.message))
                continue
            yield _id_of(action), line


def _id_of(action: bytes) -> bytes | None:
    import orjson

    name = orjson.loads(action)["index"].get("_id")
    return None if name is None else str(name).encode()


def produce(arguments: Any) -> int:
    """The command."""
    import time

    console = Console()
    topic = topic_of(arguments.index, arguments.topic_prefix)
    log = KafkaLog(arguments.kafka)
    try:
        with ExitStack() as stack, bar(console) as progress:
            source = Source(arguments.file, stack)
            producer = Producer(log, topic, id_field=arguments.id or "")
            task = progress.add_task(f"producing to {topic}", total=source.size or None, rate="")
            started = time.perf_counter()
            for batch in batches(source.lines):
                producer.send(batch)
                producer.done.seconds = time.perf_counter() - started
                rate = f"{producer.done.documents:,} documents, {producer.done.rate:,.0f}/s"
                progress.update(task, completed=source.read, rate=rate)
    finally:
        log.close()
    return report(producer.done, topic, console, Console(stderr=True))
