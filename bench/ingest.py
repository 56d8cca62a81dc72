"""JSON bytes in memory to visible and durable: documents a second, ours against tantivy's.

Both clocks start at the same list of JSON documents in memory. Ours stops when every record is fsynced in the log, visible to
a search and flushed by RocksDB; tantivy's when ``commit()`` has returned and the reader is reloaded. Merging that is still
under way then is in neither figure (tantivy's is printed beside). Ours writes every document twice (log and index) and
keeps ids for upserts; tantivy's writes it once and appends.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench import corpus as corpora
from bench.rounds import alternate, machine, median_of, print_machine, run_side, save, settle, table

BATCH_RECORDS = 2_000
HEAP_MB = 64


def sediment(*, path: str, partitions: int, batch: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Our side, in a process of its own."""
    from bench import sediment_side

    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="sediment-") as folder:
        settle()
        corpus = corpora.load(Path(path))
        return sediment_side.ingest(corpus, Path(folder), partitions=partitions, batch=batch, settings=settings)


def tantivy(*, path: str, heap_mb: int, threads: int) -> dict[str, Any]:
    """The peer's side, in a process of its own."""
    from bench import tantivy_side

    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="tantivy-") as folder:
        settle()
        return tantivy_side.ingest(corpora.load(Path(path)), Path(folder), heap_mb=heap_mb, threads=threads)


def run(
    *,
    corpus: str = "auto",
    documents: int = 100_000,
    rounds: int = 3,
    partitions: Sequence[int] = (1, 2),
    batch: int = BATCH_RECORDS,
    heap_mb: int = HEAP_MB,
    threads: int = 2,
    settings: dict[str, Any] | None = None,
) -> None:
    """Compare, print, write."""
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    chosen = settings or {}
    print(
        f"ingest: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}, {prepared.base:,} distinct)"
    )
    print(f"ours: batches of {batch:,}, settings {chosen or 'default'}; tantivy: {threads} threads, heap {heap_mb} MB")
    print_machine(started)
    path = str(prepared.path)
    peer = "tantivy"
    sides = {
        f"sediment, {n} partition{'s' if n > 1 else ''}": partial(
            run_side, "bench.ingest:sediment", path=path, partitions=n, batch=batch, settings=chosen
        )
        for n in partitions
    }
    sides[peer] = partial(run_side, "bench.ingest:tantivy", path=path, heap_mb=heap_mb, threads=threads)
    figures = alternate(sides, rounds)
    base = median_of(figures[peer], "documents_per_second")
    headers = [
        "side",
        "docs/s (median)",
        "min",
        "max",
        "ratio",
        "CPU us/doc",
        "segments",
        "index MB",
        "live MB",
        "log MB",
    ]
    rows = [_row(name, runs, base, is_peer=name == peer) for name, runs in figures.items()]
    table(headers, rows)
    print(
        "CPU: of all threads of the process, the measure that other work disturbs least; live: what segments in use take,"
    )
    print("the rest of the index being what merges have left to be cleaned up")
    medians = {row[0]: dict(zip(headers[1:], row[1:], strict=True)) for row in rows}
    arguments = {"rounds": rounds, "batch": batch, "heap_mb": heap_mb, "threads": threads, "settings": chosen}
    save("ingest", started, {"corpus": facts, "arguments": arguments, "medians": medians, "rounds": figures})


def _row(name: str, runs: Sequence[Mapping[str, Any]], base: float, *, is_peer: bool) -> list[Any]:
    rates = [run["documents_per_second"] for run in runs]
    rate = median_of(runs, "documents_per_second")
    row = [name, rate, min(rates), max(rates), rate / base, median_of(runs, "cpu_us_per_document")]
    if is_peer:
        disk = round(median_of(runs, "disk_bytes") / 1e6)
        return [*row, median_of(runs, "segments_at_commit"), disk, disk, 0]
    sizes = [round(median_of(runs, kind) / 1e6) for kind in ("index_bytes", "live_bytes", "log_bytes")]
    return [*row, median_of(runs, "segments_at_flush"), *sizes]
