"""Latency of queries: the same queries on both sides in one process, alternating, and ours over HTTP.

Each side holds the whole corpus as its own ingestion left it (``--merged``: after both have merged to one segment). Query
objects are made before the clock starts, on both sides. ``rows`` is the ten best rows with scores; ``ids`` fetches their
ids too, which tantivy keeps in its stored documents and ours beside the rows, with the source left out. Total hits are not
counted on either side.
"""

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench import corpus as corpora
from bench import queries
from bench.queries import SIZE, Case
from bench.rounds import machine, percentiles, print_machine, run_side, save, table

Timed = Callable[[], Any]


def in_process(*, path: str, per_class: int, passes: int, merged: bool, http: bool) -> dict[str, Any]:
    """Load both, ask both, in one process; then ours over HTTP on the same folder."""
    from bench import sediment_side, tantivy_side

    corpus = corpora.load(Path(path))
    cases = queries.choose(corpus, per_class)
    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="search-") as name:
        folder = Path(name)
        tantivy_side.ingest(corpus, folder / "tantivy")
        peer = tantivy_side.Asked(folder / "tantivy" / "index", corpus.key, merged=merged)
        with sediment_side.opened(folder / "sediment") as node:
            index = sediment_side.create(node, corpus.fields, partitions=1)
            for ids, documents in corpus.batches(sediment_side.BATCH_RECORDS):
                sediment_side.append(node, index, ids, documents)
            sediment_side.wait_applied(node)
            sediment_side.settle(node, merged=merged)
            ours = sediment_side.Asked(node)
            facts = {"sediment_segments": sediment_side.segments(node), "tantivy_segments": peer.segments}
            figures = {kind: _compare(kind, some, ours, peer, passes) for kind, some in cases.items()}
        if http:
            for kind, some in _over_http(folder / "sediment", cases, passes).items():
                figures[kind] |= {"sediment_http": some}
    return {"facts": facts, "classes": figures}


def _compare(kind: str, cases: Sequence[Case], ours: Any, peer: Any, passes: int) -> dict[str, Any]:
    pairs = [(ours.prepared(case), peer.prepared(case)) for case in cases]
    aggregating = cases[0].aggregate is not None
    steps = ("buckets",) if aggregating else ("rows", "ids")
    figures: dict[str, Any] = {}
    order = random.Random(len(kind))
    for step in steps:
        ask_ours: Callable[[Any], Any] = getattr(ours, step)
        ask_peer: Callable[[Any], Any] = getattr(peer, step)
        first: dict[str, list[float]] = {"sediment": [], "tantivy": []}
        seconds: dict[str, list[float]] = {"sediment": [], "tantivy": []}
        for number_of_pass in range(passes + 1):
            for mine, theirs in pairs:
                todo = [("sediment", partial(ask_ours, mine)), ("tantivy", partial(ask_peer, theirs))]
                order.shuffle(todo)
                for side, ask in todo:
                    begin = time.perf_counter()
                    ask()
                    (seconds if number_of_pass else first)[side].append(time.perf_counter() - begin)
        figures[step] = {
            side: percentiles(some) | {"first_us": percentiles(first[side])["p50_us"]} for side, some in seconds.items()
        }
    found = [(ours.count(mine), peer.count(theirs)) for mine, theirs in pairs]
    figures["matches"] = {"sediment": sum(a for a, _ in found), "tantivy": sum(b for _, b in found)}
    if not aggregating:
        shared = [(set(ours.ids(mine)), set(peer.ids(theirs))) for mine, theirs in pairs]
        figures["same_best"] = sum(len(a & b) for a, b in shared) / max(1, sum(max(len(a), len(b)) for a, b in shared))
    return figures


def _over_http(folder: Path, cases: Mapping[str, Sequence[Case]], passes: int) -> dict[str, dict[str, float]]:
    from bench.http_side import Client, served
    from bench.sediment_side import INDEX

    figures = {}
    with served(folder) as address:
        client = Client(address)
        for kind, some in cases.items():
            bodies = [orjson.dumps(case.elastic() | {"_source": False}) for case in some]
            for body in bodies:
                client.ask("POST", f"/{INDEX}/_search", body)
            seconds = []
            for _ in range(passes):
                for body in bodies:
                    begin = time.perf_counter()
                    client.ask("POST", f"/{INDEX}/_search", body)
                    seconds.append(time.perf_counter() - begin)
            figures[kind] = percentiles(seconds)
        client.close()
    return figures


def run(
    *,
    corpus: str = "auto",
    documents: int = 100_000,
    per_class: int = 60,
    passes: int = 4,
    merged: bool = False,
    http: bool = True,
) -> None:
    """Compare, print, write."""
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(f"search: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), 1 partition")
    print(f"{per_class} queries a class, {passes} passes after one to warm up, the {SIZE} best, total hits not counted")
    print_machine(started)
    arguments = {"per_class": per_class, "passes": passes, "merged": merged, "http": http}
    result = run_side("bench.search:in_process", path=str(prepared.path), **arguments)
    segments = result["facts"]
    print(f"segments: ours {segments['sediment_segments']}, tantivy {segments['tantivy_segments']}; microseconds")
    headers = [
        "class", "ours p50", "p99", "first", "tantivy p50", "p99", "first", "ratio", "ids: ours", "tantivy", "ratio",
        "HTTP p50", "p99", "matches", "same ten",
    ]  # fmt: skip
    rows = [_row(kind, figures) for kind, figures in result["classes"].items()]
    table(headers, rows)
    print("ratio: tantivy's p50 over ours (more than 1: ours is faster). first: p50 of each query's first run;")
    print(
        "afterwards ours remembers filters per segment (a bounded cache), tantivy does not. matches: documents ours finds over"
    )
    print("those tantivy finds (tokenizers differ: see bench/queries.py). same ten: share of best ids on both sides.")
    save("search", started, {"corpus": facts, "arguments": arguments, **result})


def _row(kind: str, figures: Mapping[str, Any]) -> list[Any]:
    first = figures.get("rows") or figures["buckets"]
    ours, peer = first["sediment"], first["tantivy"]
    shown = ("p50_us", "p99_us", "first_us")
    row = [kind, *(ours[k] for k in shown), *(peer[k] for k in shown), peer["p50_us"] / ours["p50_us"]]
    ids = figures.get("ids")
    if ids:
        mine, theirs = ids["sediment"]["p50_us"], ids["tantivy"]["p50_us"]
        row += [mine, theirs, theirs / mine]
    else:
        row += ["", "", ""]
    http = figures.get("sediment_http")
    row += [http["p50_us"], http["p99_us"]] if http else ["", ""]
    found = figures["matches"]
    row.append(f"{found['sediment'] / max(1, found['tantivy']):.0%}")
    return [*row, f"{figures['same_best']:.0%}" if "same_best" in figures else ""]
