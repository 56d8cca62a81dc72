"""How fast documents become columns: `python tests/bench/bench_json_columns.py [documents]`.

Prints documents and megabytes a second of processor time, one core, best of five: scan; scan and every column; orjson.loads per
document; the twin. Corpus: commit messages, and the same documents with more fields.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import zstandard

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.corpus import required_commits  # noqa: E402
from pipeline.json_columns.extract import extract  # noqa: E402
from pipeline.json_columns.scanner import Scanner  # noqa: E402
from pipeline.json_columns.twin import extract_slowly  # noqa: E402
from schemas.mapping import parse_mapping  # noqa: E402
from schemas.records import ByteColumn  # noqa: E402

BATCH = 2000
COMMITS = {
    "id": {"type": "keyword"}, "repo": {"type": "keyword"}, "author": {"type": "keyword"}, "ts": {"type": "date", "format": "epoch_second"},
    "subject": {"type": "text"}, "body": {"type": "text"},
}  # fmt: skip
EVENTS = {
    **COMMITS, "level": {"type": "keyword"}, "host": {"properties": {"name": {"type": "keyword"}, "ip": {"type": "ip"}}},
    "at": {"type": "date"}, "took": {"type": "double"}, "count": {"type": "integer"}, "ok": {"type": "boolean"}, "tags": {"type": "keyword"},
}  # fmt: skip


def commits(count: int) -> list[bytes]:
    """Lines of the corpus."""
    with required_commits().open("rb") as file:
        text = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file))
        return [line.rstrip(b"\n") for _, line in zip(range(count), text, strict=False)]


def events(lines: list[bytes]) -> list[bytes]:
    """The same documents, with ten more fields."""
    out = []
    for i, line in enumerate(lines):
        more = {
            "level": "info", "host": {"name": f"web-{i % 50}", "ip": f"10.0.{i % 256}.{i % 100}"},
            "at": f"2024-0{i % 9 + 1}-{i % 28 + 1:02d}T10:{i % 60:02d}:30.{i % 1000:03d}Z",
            "took": i * 0.37, "count": i, "ok": i % 2 == 0, "tags": ["a", "b", f"t{i % 10}"],
        }  # fmt: skip
        out.append(json.dumps(json.loads(line) | more, separators=(",", ":")).encode())
    return out


def report(name: str, documents: list[bytes], work: Callable[[], object]) -> None:
    """Run five times, print the best."""
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        work()
        best = min(best, time.thread_time() - started)
    size = sum(map(len, documents))
    print(f"  {name:28s} {len(documents) / best / 1e3:9,.0f} k docs/s {size / best / 1e6:8,.0f} MB/s")


def main() -> None:
    """The command."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    lines = commits(count)
    for name, documents, properties in (("commits", lines, COMMITS), ("events", events(lines), EVENTS)):
        mapping = parse_mapping({"properties": properties})
        batches = [ByteColumn.of(documents[i : i + BATCH]) for i in range(0, len(documents), BATCH)]
        scanner = Scanner()
        print(
            f"{name}: {len(documents)} documents of {sum(map(len, documents)) // len(documents)} bytes, batches of {BATCH}"
        )
        report("scan", documents, lambda b=batches, s=scanner: [s.scan(one) for one in b])
        report(
            "scan and all columns",
            documents,
            lambda b=batches, s=scanner, m=mapping: [extract(s.scan(one), m) for one in b],
        )
        report("orjson.loads per document", documents, lambda d=documents: [orjson.loads(one) for one in d])
        some = documents[:BATCH]
        column = ByteColumn.of(some)
        report("twin", some, lambda c=column, m=mapping: extract_slowly(c, m))


if __name__ == "__main__":
    main()
