"""A real node over a folder, with an index that has a history; and waiting for its jobs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.app import Node, open_node
from pipeline.replay.ports import Job
from schemas.ids import IndexName, PartitionId
from schemas.records import AppendBatch, ByteColumn, Header
from schemas.settings import IndexSettings, LogSettings, ServeSettings

BOOKS = IndexName("books")
PROPERTIES = {"n": {"type": "long"}, "word": {"type": "keyword"}, "text": {"type": "text"}}
WAIT_S = 60.0


def settings_of(folder: Path, **log: Any) -> ServeSettings:
    """Commits often; samples only when asked."""
    index = IndexSettings(refresh_ms=20, flush_ms=30, verify_ms=-1)
    return ServeSettings(data=str(folder), index=index, log=LogSettings(**log))


@contextmanager
def node_in(folder: Path, **log: Any) -> Iterator[Node]:
    """An open node."""
    node = open_node(settings_of(folder, **log))
    try:
        yield node
    finally:
        node.close()


def create(node: Node, partitions: int = 1, dynamic: object = None) -> None:
    """The index books."""
    mappings = {"properties": PROPERTIES, **({} if dynamic is None else {"dynamic": dynamic})}
    node.indices.create(BOOKS, {"number_of_shards": partitions}, mappings)


def put(
    node: Node,
    rows: list[tuple[str | None, str | None]],
    partition: int = 0,
    headers: dict[int, tuple[Header, ...]] | None = None,
) -> list[int]:
    """Append to the log, key and value; the offsets."""
    keys = ByteColumn.of([None if k is None else k.encode() for k, _ in rows])
    values = ByteColumn.of([None if v is None else v.encode() for _, v in rows])
    times = np.full(len(rows), 1000, np.int64)
    topic = node.operations._host.index_state("books").topic
    return node.log.append(topic, PartitionId(partition), AppendBatch(keys, values, times, headers or {})).tolist()


def document(n: int) -> str:
    """A document."""
    return f'{{"n":{n},"word":"w{n % 5}","text":"some words of number {n % 11}"}}'


def load(node: Node, count: int = 300, partition: int = 0) -> None:
    """Documents of which a third is updated, a tenth deleted and two cannot be read; some commits on the way."""
    for start in range(0, count, 50):
        put(node, [(f"id-{n}", document(n)) for n in range(start, min(count, start + 50))], partition)
        settle(node)
        node.flush("books")
    put(node, [(f"id-{n}", document(n + 1)) for n in range(0, count, 3)], partition)
    put(node, [(f"id-{n}", None) for n in range(0, count, 10)], partition)
    put(node, [("bad", '{"n":"x"}'), ("bad", "{")], partition)
    settle(node)


def settle(node: Node) -> None:
    """Everything is applied and visible."""
    assert node.wait_applied("books", WAIT_S), [w.freshness() for w in node.workers("books")]
    node.refresh("books")


def digests(node: Node) -> list[tuple[int, str]]:
    """Offset and level 1 digest of each partition."""
    settle(node)
    return [(int(f.digest_offset), f.digest) for f in (w.freshness() for w in node.workers("books"))]


def finished(node: Node, started: list[Job]) -> list[Job]:
    """The same jobs when they are over."""
    deadline = time.monotonic() + WAIT_S
    wanted = {job.id for job in started}
    while time.monotonic() < deadline:
        jobs = [job for job in node.operations.jobs(BOOKS) if job.id in wanted]
        if all(job.state != "running" for job in jobs):
            return sorted(jobs, key=lambda job: job.partition)
        time.sleep(0.02)
    raise AssertionError(node.operations.jobs(BOOKS))
