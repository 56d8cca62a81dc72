"""How cost grows with the number of documents: ingestion, queries, memory, disk, and opening again; a table and a picture.

For each size, in a process of its own: the corpus is loaded (the clock as in ``ingest``), merges come to rest, queries are timed
as ingestion left the segments and after a forced merge, and what lies on disk is counted. Then another process serves the folder, which
gives the seconds until ``ready``, until a first search is answered, and its resident memory after all queries; last, tantivy indexes the same
corpus, for the size of its index.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from bench import corpus as corpora
from bench import queries
from bench.queries import Case
from bench.rounds import ROOT, bytes_below, machine, number, percentiles, print_machine, run_side, save, table

SIZES = (10_000, 100_000, 750_000, 1_000_000, 3_000_000)
CLASSES = ("term, frequent", "or of 2", "and of 2", "phrase of 2", "term + keyword filter")
PICTURE = ROOT / "docs" / "images" / "growth.svg"
PASSES = 5
MEGA = 1e6


def side(*, path: str, folder: str, per_class: int) -> dict[str, Any]:
    """Load into a folder, ask, merge, ask again."""
    from bench import sediment_side as ours

    corpus = corpora.load(Path(path))
    chosen = _cases(corpus, per_class)
    with ours.opened(Path(folder)) as node:
        ours.warm_up(node, corpus, partitions=1)
        index = ours.create(node, corpus.fields, partitions=1)
        begin, cpu = time.perf_counter(), time.process_time()
        for ids, documents in corpus.batches(ours.BATCH_RECORDS):
            ours.append(node, index, ids, documents)
        ours.wait_applied(node)
        node.refresh(ours.INDEX)
        node.flush(ours.INDEX)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        ours.settle(node, merged=False)
        figures: dict[str, Any] = {
            "documents_per_second": corpus.documents / seconds,
            "cpu_us_per_document": cpu / corpus.documents * 1e6,
            "segments": ours.segments(node),
            "queries": _asked(ours.Asked(node), chosen),
        }
        ours.settle(node, merged=True)
        figures["queries_merged"] = _asked(ours.Asked(node), chosen)
        figures["live_bytes"] = sum(worker.freshness().bytes for worker in node.workers(ours.INDEX))
    figures["index_bytes"] = bytes_below(Path(folder) / "partitions")
    figures["log_bytes"] = bytes_below(Path(folder) / "log")
    return figures


def peer(*, path: str) -> dict[str, Any]:
    """The same corpus in tantivy, as its own merging leaves it."""
    from bench import tantivy_side

    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="growth-tantivy-") as name:
        return tantivy_side.ingest(corpora.load(Path(path)), Path(name))


def _cases(corpus: corpora.Corpus, per_class: int) -> dict[str, list[Case]]:
    return {kind: some for kind, some in queries.choose(corpus, per_class).items() if kind in CLASSES}


def _asked(asked: Any, cases: Mapping[str, Sequence[Case]]) -> dict[str, dict[str, float]]:
    figures = {}
    for kind, some in cases.items():
        prepared = [asked.prepared(case) for case in some]
        walls, cpus = [], []
        for turn in range(PASSES + 1):
            for one in prepared:
                begin, cpu = time.perf_counter(), time.thread_time()
                asked.rows(one)
                if turn:  # the first pass warms
                    walls.append(time.perf_counter() - begin)
                    cpus.append(time.thread_time() - cpu)
        figures[kind] = percentiles(walls) | {"cpu_us": percentiles(cpus)["p50_us"]}
    return figures


def _started(folder: Path, corpus: corpora.Corpus, per_class: int) -> dict[str, float]:
    """Serve what lies there: seconds until it says ready, until it answers, and its memory after the queries."""
    from bench.http_side import Prepared, served
    from bench.sediment_side import INDEX

    bodies = [orjson.dumps(case.elastic()) for some in _cases(corpus, per_class).values() for case in some]
    begin = time.perf_counter()
    with served(folder) as server:
        ready = time.perf_counter() - begin
        client = Prepared(server.address, f"/{INDEX}/_search", bodies)
        client.ask(0)
        first = time.perf_counter() - begin
        idle = server.resident_bytes()
        for at in range(len(bodies)):
            client.ask(at)
        client.close()
        figures = {"ready_seconds": ready, "first_answer_seconds": first, "resident_at_start_bytes": idle}
        return figures | {"resident_bytes": server.resident_bytes()}


def run(*, corpus: str = "auto", sizes: Sequence[int] = SIZES[:2], per_class: int = 30, image: str = "") -> None:
    """Measure every size, print, draw, write; ``image``: where the picture goes (default: docs/images from a million on)."""
    started = machine()
    print(f"growth: {', '.join(f'{size:,}' for size in sizes)} documents, 1 partition")
    print_machine(started)
    found: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}
    for size in sizes:
        prepared = corpora.prepare(corpus, size)
        facts = prepared.facts()
        path = str(prepared.path)
        with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="growth-") as name:
            folder = Path(name) / "data"
            one = run_side("bench.growth:side", path=path, folder=str(folder), per_class=per_class)
            one |= _started(folder, prepared, per_class)
        one["tantivy_bytes"] = run_side("bench.growth:peer", path=path)["disk_bytes"]
        found[str(size)] = one
        print(f"  {size:,}: {number(one['documents_per_second'])} documents/s", flush=True)
    _print(found)
    path_of_picture = Path(image) if image else PICTURE if max(sizes) >= 1_000_000 else corpora.FOLDER / "growth.svg"
    picture(found, path_of_picture)
    print(f"picture: {path_of_picture}")
    save(
        "growth",
        started,
        {"corpus": facts, "arguments": {"sizes": list(sizes), "per_class": per_class}, "sizes": found},
    )


def _print(found: Mapping[str, Mapping[str, Any]]) -> None:
    headers = ["documents", "docs/s", "CPU us/doc", "segments", "live MB", "disk MB", "tantivy MB", "live over tantivy"]
    headers += ["ready s", "first answer s", "MB at start", "MB after queries"]
    rows = []
    for size, one in found.items():
        row = [f"{int(size):,}", one["documents_per_second"], one["cpu_us_per_document"], one["segments"]]
        row += [one[k] / MEGA for k in ("live_bytes", "index_bytes", "tantivy_bytes")]
        row += [one["live_bytes"] / one["tantivy_bytes"], one["ready_seconds"], one["first_answer_seconds"]]
        rows.append([*row, one["resident_at_start_bytes"] / MEGA, one["resident_bytes"] / MEGA])
    table(headers, rows)
    print("live: what segments in use take after a forced merge; disk: with what merges have left to be cleaned up\n")
    kinds = list(next(iter(found.values()))["queries"])
    cells = [
        [f"{int(size):,}", *(f"{one[when][kind]['p50_us']:,.0f} / {one[when][kind]['p99_us']:,.0f}" for kind in kinds)]
        for when in ("queries", "queries_merged")
        for size, one in found.items()
    ]
    table(["p50 / p99, us; as loaded, then merged", *kinds], cells)


def picture(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Four panels over the number of documents, on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sediment"  # the same figures give the same bytes
    from matplotlib import pyplot as plt

    sizes = [int(size) for size in found]
    all_of_them = list(found.values())
    figure, panels = plt.subplots(2, 2, figsize=(10, 7))
    rate, latency, memory, disk = panels.flat
    rate.plot(sizes, [one["documents_per_second"] for one in all_of_them], marker="o")
    rate.set_title("ingestion, documents a second")
    rate.set_ylim(bottom=0)
    for kind in all_of_them[0]["queries_merged"]:
        latency.plot(sizes, [one["queries_merged"][kind]["p50_us"] for one in all_of_them], marker="o", label=kind)
    latency.set_title("queries in process, one segment, p50 in microseconds")
    latency.set_yscale("log")
    latency.legend(fontsize=7)
    memory.plot(sizes, [one["resident_bytes"] / MEGA for one in all_of_them], marker="o")
    memory.set_title("resident memory after the queries, MB")
    memory.set_ylim(bottom=0)
    disk.plot(sizes, [one["live_bytes"] / MEGA for one in all_of_them], marker="o", label="ours, merged")
    disk.plot(sizes, [one["tantivy_bytes"] / MEGA for one in all_of_them], marker="o", label="tantivy")
    disk.set_title("index, MB")
    disk.set_yscale("log")
    disk.legend(fontsize=7)
    for panel in panels.flat:
        panel.set_xscale("log")
        panel.set_xlabel("documents")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": "python -m bench growth"}, bbox_inches="tight")
    plt.close(figure)
