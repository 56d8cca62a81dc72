"""How fast columns become segments: `python tests/bench/bench_segments.py [documents] [batch]`.

Prints documents per second of processor time, best of three: tokenise, sort terms, invert and encode, keywords, sources, the whole
build; then the merge of all batches. Corpus: commit messages.
"""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.corpus import required_commits  # noqa: E402
from pipeline.analysis.columns import intern_column, tokenize  # noqa: E402
from pipeline.analysis.registry import build_analyzer  # noqa: E402
from pipeline.analysis.scratch import Scratch  # noqa: E402
from pipeline.json_columns.columns import BytesValues, NumberValues  # noqa: E402
from pipeline.segments.build import build_segment  # noqa: E402
from pipeline.segments.columns.inverted import write_text  # noqa: E402
from pipeline.segments.columns.sources import write_sources  # noqa: E402
from pipeline.segments.columns.terms import order_of_terms  # noqa: E402
from pipeline.segments.merge import merge_segments  # noqa: E402
from pipeline.segments.reader import SegmentReader  # noqa: E402
from schemas.ids import SegmentId  # noqa: E402
from schemas.mapping import parse_mapping  # noqa: E402
from schemas.records import ByteColumn  # noqa: E402

MAPPING = parse_mapping(
    {
        "dynamic": False,
        "properties": {
            "repo": {"type": "keyword"},
            "author": {"type": "keyword"},
            "ts": {"type": "date", "format": "epoch_second"},
            "subject": {"type": "text"},
            "body": {"type": "text"},
        },
    }
)
TEXTS = ("subject", "body")


def commits(count: int) -> list[bytes]:
    """Lines of the corpus."""
    with required_commits().open("rb") as file:
        text = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file))
        return [line.rstrip(b"\n") for _, line in zip(range(count), text, strict=False)]


def columns_of(lines: list[bytes]) -> dict[str, Any]:
    """The fields of these lines in columns, by json.loads: not measured here."""
    docs = [orjson.loads(line) for line in lines]
    rows = np.arange(len(docs), dtype=np.int32)
    columns: dict[str, Any] = {
        path: BytesValues(rows, ByteColumn.of([d[path].encode() for d in docs])) for path in ("repo", "author", *TEXTS)
    }
    columns["ts"] = NumberValues(rows, np.array([d["ts"] * 1000 for d in docs], np.int64))
    return columns


def best(work: Callable[[], Any], rounds: int = 3) -> float:
    """Processor seconds of the fastest round: other work on the machine counts less than on a clock."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def main() -> None:
    """Run all phases."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    lines = commits(count)
    batches = [ByteColumn.of(lines[i : i + size]) for i in range(0, len(lines), size)]
    columns = [columns_of(lines[i : i + size]) for i in range(0, len(lines), size)]
    ids = [ByteColumn.of([b"%016d" % r for r in range(len(b))]) for b in batches]
    scratch, analyzer = Scratch(), build_analyzer()
    total = sum(b.nbytes for b in batches)
    print(f"{len(lines)} documents of {total / len(lines):.0f} bytes, batches of {size}")

    def build(number: int) -> Any:
        n = len(batches[number])
        rows = np.arange(n) + number * size
        return build_segment(
            segment_id=SegmentId(f"s{number}"),
            schema_version=1,
            documents=n,
            columns=columns[number],
            mapping=MAPPING,
            ids=ids[number],
            seq_nos=rows,
            versions=rows,
            offsets=rows,
            timestamps=rows,
            sources=batches[number],
            scratch=scratch,
        )

    def tokens(number: int, path: str) -> Any:
        values = columns[number][path]
        n = len(batches[number])
        return tokenize(analyzer, rows=values.rows, values=values.values, documents=n, scratch=scratch)

    def each(work: Callable[[int], Any]) -> Callable[[], None]:
        def run() -> None:
            for number in range(len(batches)):
                work(number)

        return run

    def text(step: Callable[[Any], Any]) -> Callable[[], None]:
        return each(lambda b: [step(tokens(b, p)) for p in TEXTS])

    def say(name: str, seconds: float, less: float = 0.0) -> None:
        took = seconds - less
        print(f"{name:28} {took / len(lines) * 1e6:7.2f} us/doc {len(lines) / took:12,.0f} docs/s")

    build(0)
    cut = best(text(lambda t: t))
    say("tokenise", cut)
    say("sort terms", best(text(lambda t: order_of_terms(t.terms))), cut)
    whole = text(lambda t: write_text(t, norms=True, scratch=scratch))
    say("sort, invert, encode", best(whole), cut)
    keywords = ("repo", "author")
    say("number keywords", best(each(lambda b: [intern_column(columns[b][k].values, scratch) for k in keywords])))
    say("compress sources", best(each(lambda b: write_sources(batches[b]))))
    say("build", best(each(build)))
    segments = [build(b) for b in range(len(batches))]
    inputs = [(SegmentReader(s.meta, s.arrays), np.ones(s.meta.documents, np.bool_)) for s in segments]

    def merge() -> Any:
        return merge_segments(inputs, segment_id=SegmentId("m"), schema_version=1, mapping=MAPPING)

    merge()
    say("merge", best(merge))
    bytes_of = {name: a.nbytes for name, a in merge().data.arrays.items()}
    print({name: f"{n / len(lines):.1f}" for name, n in sorted(bytes_of.items())}, "bytes a document")


if __name__ == "__main__":
    main()
