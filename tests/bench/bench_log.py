"""How fast the logs are: python -m tests.bench.bench_log [embedded|kafka ...]."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from uuid import uuid4

import numpy as np

from pipeline.log.embedded import EmbeddedLog
from pipeline.log.kafka import KafkaLog
from pipeline.log.ports import Log
from schemas.ids import LogOffset, PartitionId, TopicName
from schemas.records import AppendBatch, ByteColumn
from tests.kafka_broker import running_broker

P0 = PartitionId(0)
VALUE_BYTES = 780
DOCUMENTS = 300_000


def documents(count: int) -> AppendBatch:
    """Records of 780 bytes that compress about as text does."""
    words = np.random.default_rng(1).integers(0, 5000, (count, VALUE_BYTES // 6))
    values = [b" ".join(b"w%04d" % w for w in row)[:VALUE_BYTES] for row in words.tolist()]
    keys = [b"id-%012d" % i for i in range(count)]
    return AppendBatch(ByteColumn.of(keys), ByteColumn.of(values), np.arange(count, dtype=np.int64))


def measure_append(log: Log, records: int, threads: int) -> float:
    """Documents per second, all threads together."""
    topic = TopicName(f"bench-{uuid4().hex[:8]}")
    log.create_topic(topic, 1)
    batch = documents(records)
    log.append(topic, P0, batch)
    rounds = max(min(DOCUMENTS // records, 2000) // threads, 5)

    def work(_: int) -> None:
        for _ in range(rounds):
            log.append(topic, P0, batch)

    before = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return rounds * threads * records / (time.perf_counter() - before)


def measure_read(log: Log, records_max: int) -> float:
    """Documents per second of one reader from the beginning."""
    topic = TopicName(f"bench-{uuid4().hex[:8]}")
    log.create_topic(topic, 1)
    batch = documents(10_000)
    for _ in range(DOCUMENTS // 10_000):
        log.append(topic, P0, batch)
    reader = log.reader(topic, P0, LogOffset(0))
    before = time.perf_counter()
    count = 0
    while count < DOCUMENTS:
        count += len(reader.read(records_max=records_max, bytes_max=16 << 20, timeout_s=1.0))
    seconds = time.perf_counter() - before
    reader.close()
    return count / seconds


def measure_latency(log: Log) -> float:
    """Milliseconds from the call of append to a waiting reader's return, median of 100."""
    topic = TopicName(f"bench-{uuid4().hex[:8]}")
    log.create_topic(topic, 1)
    reader = log.reader(topic, P0, LogOffset(0))
    batch = documents(1)
    found = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(100):
            waiting = pool.submit(reader.read, records_max=100, bytes_max=1 << 20, timeout_s=10.0)
            time.sleep(0.02)
            before = time.perf_counter()
            log.append(topic, P0, batch)
            waiting.result()
            found.append((time.perf_counter() - before) * 1000)
    reader.close()
    return median(found)


def lines(name: str, log: Log) -> Iterator[str]:
    """The figures of one log."""
    for records, threads in ((1, 1), (1, 8), (1_000, 1), (1_000, 4), (10_000, 1)):
        rate = measure_append(log, records, threads)
        yield f"{name} append {records:>6} x {VALUE_BYTES} B, {threads} threads: {rate:>9,.0f} docs/s"
    yield f"{name} read up to 10,000: {measure_read(log, 10_000):>9,.0f} docs/s"
    yield f"{name} append to read: {measure_latency(log):.2f} ms"


def main() -> None:
    """Print the figures of the named logs."""
    names = sys.argv[1:] or ["embedded", "kafka"]
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as home:
        if "embedded" in names:
            log: Log = EmbeddedLog(Path(home) / "log")
            for line in lines("embedded", log):
                print(line, flush=True)
            log.close()
            log = EmbeddedLog(Path(home) / "cold", tail_cache_bytes_max=0)
            print(f"embedded read from files: {measure_read(log, 10_000):>9,.0f} docs/s")
            log.close()
        if "kafka" in names:
            with running_broker(Path(home)) as bootstrap:
                log = KafkaLog(bootstrap)
                for line in lines("kafka", log):
                    print(line, flush=True)
                log.close()


if __name__ == "__main__":
    main()
