"""The commit corpus as a log: every document, then a third updated, then a tenth deleted, and some that cannot be read."""

import json
import random
from pathlib import Path

import numpy as np
import zstandard

from pipeline.app import Node
from schemas.ids import PartitionId
from schemas.records import AppendBatch, ByteColumn
from tests.pipeline.replay.nodes import BOOKS

MAPPING = {
    "dynamic": False,
    "properties": {
        "id": {"type": "keyword"},
        "repo": {"type": "keyword"},
        "author": {"type": "keyword"},
        "ts": {"type": "date", "format": "epoch_second"},
        "subject": {"type": "text"},
        "body": {"type": "text"},
    },
}
Rows = list[tuple[bytes, bytes | None]]
BATCH = 5_000


def rows_of(shared: Path, documents: int | None = None) -> Rows:
    """Key and value of every record."""
    with (shared / "data" / "commits.ndjson.zst").open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    lines = data.split(b"\n")[:-1][:documents]
    ids = [json.loads(line)["id"].encode() for line in lines]
    chosen = random.Random(1)
    rows: Rows = list(zip(ids, lines, strict=True))
    rows += [(ids[n], lines[7 * n % len(lines)]) for n in chosen.sample(range(len(lines)), len(lines) // 3)]
    rows += [(ids[n], None) for n in chosen.sample(range(len(lines)), len(lines) // 10)]
    return [*rows, (b"bad-1", b'{"ts":"x"}'), (b"bad-2", b"{bad")]


def create(node: Node) -> None:
    """The index books with the corpus' mapping."""
    node.indices.create(BOOKS, {"number_of_shards": 1}, MAPPING)


def append(node: Node, rows: Rows) -> None:
    """To the log, in batches."""
    topic = node.index_state("books").topic
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        keys, values = ByteColumn.of([k for k, _ in part]), ByteColumn.of([v for _, v in part])
        node.log.append(topic, PartitionId(0), AppendBatch(keys, values, np.full(len(part), 1000, np.int64)))
