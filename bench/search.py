"""Latency of queries: the same queries on all sides, alternating; ours over HTTP too.

Ours and tantivy are asked in one process, Lucene (where ``make lucene`` has been) by a program of its own; each asks all queries of a
class before the next side does, in an order that changes from pass to pass. Each side holds the whole corpus as its own ingestion
left it (``--merged``: in one segment).
Query objects are made before the clock starts, on all sides. ``rows`` is the ten best rows with scores, or the buckets;
``ids`` fetches their ids too, which the others keep in their stored documents and ours beside the rows, with the source left
out. Total hits are not counted on any side.
"""

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench import corpus as corpora
from bench import queries
from bench.queries import SIZE, Case
from bench.rounds import machine, percentiles, print_machine, run_side, save, table

Times = list[tuple[float, float]]  # seconds, seconds of the processor
PEERS = ("tantivy", "lucene")


def in_process(*, path: str, per_class: int, passes: int, merged: bool, http: bool, lucene: bool) -> dict[str, Any]:
    """Load all, ask all; then ours over HTTP on the same folder."""
    from bench import lucene_side, sediment_side, tantivy_side

    corpus = corpora.load(Path(path))
    cases = queries.choose(corpus, per_class)
    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="search-") as name, ExitStack() as stack:
        folder = Path(name)
        tantivy_side.ingest(corpus, folder / "tantivy", **(tantivy_side.ONE_SEGMENT if merged else {}))
        peer = tantivy_side.Asked(folder / "tantivy" / "index", corpus.fields)
        java = None
        if lucene:
            lucene_side.load(corpus, folder / "lucene", merged=merged)
            java = stack.enter_context(lucene_side.Asked(folder / "lucene", corpus, cases))
        with sediment_side.opened(folder / "sediment") as node:
            sediment_side.load(node, corpus, merged=merged)
            ours = sediment_side.Asked(node)
            facts = {"sediment_segments": sediment_side.segments(node), "tantivy_segments": peer.segments}
            if java:
                facts["lucene_segments"] = java.segments
            figures = {kind: _compare(kind, some, (ours, peer, java), passes) for kind, some in cases.items()}
        if http:
            for kind, some in _over_http(folder / "sediment", cases, passes).items():
                figures[kind] |= {"sediment_http": some}
    return {"facts": facts, "classes": figures}


def _compare(kind: str, cases: Sequence[Case], sides: tuple[Any, Any, Any], passes: int) -> dict[str, Any]:
    ours, peer, java = sides
    pairs = [(ours.prepared(case), peer.prepared(case)) for case in cases]
    figures: dict[str, Any] = {}
    order = random.Random(len(kind))
    if java:
        java.warm(kind)
    for step in ("rows",) if cases[0].counts else ("rows", "ids"):
        asked: dict[str, Callable[[int], Times]] = {
            "sediment": _one_by_one(getattr(ours, step), [mine for mine, _ in pairs]),
            "tantivy": _one_by_one(getattr(peer, step), [theirs for _, theirs in pairs]),
        }
        if cases[0].counts:
            asked["sediment"] = _one_by_one(ours.buckets, [mine for mine, _ in pairs])
            asked["tantivy"] = _one_by_one(peer.buckets, [theirs for _, theirs in pairs])
        figures[step] = _timed(asked, partial(java.timed, step, kind) if java else None, (len(pairs), passes), order)
    figures["matches"] = {
        "sediment": sum(ours.count(mine) for mine, _ in pairs),
        "tantivy": sum(peer.count(theirs) for _, theirs in pairs),
    }
    if java:
        figures["matches"]["lucene"] = java.count(kind)
    if not cases[0].counts:
        best = [set(ours.ids(mine)) for mine, _ in pairs]
        figures["same_best"] = {"tantivy": _shared(best, [peer.ids(theirs) for _, theirs in pairs])}
        if java:
            figures["same_best"]["lucene"] = _shared(best, java.best(kind))
    return figures


def _one_by_one(ask: Callable[[Any], Any], prepared: Sequence[Any]) -> Callable[[int], Times]:
    """Query number so and so, timed."""

    def timed(number: int) -> Times:
        cpu, begin = time.thread_time(), time.perf_counter()
        ask(prepared[number])
        return [(time.perf_counter() - begin, time.thread_time() - cpu)]

    return timed


def _timed(
    asked: Mapping[str, Callable[[int], Times]],
    java: Callable[[], Times] | None,
    sizes: tuple[int, int],
    order: random.Random,
) -> dict[str, dict[str, float]]:
    """Every query on all sides, pass by pass, each side's pass in one go (Lucene's program takes its turns so); the first pass is told
    apart.
    """
    count, passes = sizes
    first: dict[str, Times] = {side: [] for side in asked}
    later: dict[str, Times] = {side: [] for side in (*asked, *(["lucene"] if java else []))}
    for number_of_pass in range(passes + 1):
        sides = [*asked, *(["lucene"] if java and number_of_pass else [])]
        order.shuffle(sides)
        for side in sides:
            times = (later if number_of_pass else first)[side]
            if side in asked:
                for number in range(count):
                    times += asked[side](number)
            elif java:
                times += java()
    figures = {side: _summed(times) for side, times in later.items()}
    for side, times in first.items():
        figures[side]["first_us"] = _summed(times)["p50_us"]
    return figures


def _summed(times: Times) -> dict[str, float]:
    return percentiles([wall for wall, _ in times]) | {"cpu_us": percentiles([cpu for _, cpu in times])["p50_us"]}


def _shared(best: Sequence[set[str]], others: Sequence[Sequence[str]]) -> float:
    pairs = [(one, set(other)) for one, other in zip(best, others, strict=True)]
    return sum(len(a & b) for a, b in pairs) / max(1, sum(max(len(a), len(b)) for a, b in pairs))


def _over_http(folder: Path, cases: Mapping[str, Sequence[Case]], passes: int) -> dict[str, dict[str, float]]:
    from bench.http_side import Prepared, served
    from bench.sediment_side import INDEX

    figures = {}
    with served(folder) as server:
        for kind, some in cases.items():
            bodies = [orjson.dumps(case.elastic() | {"_source": False}) for case in some]
            client = Prepared(server.address, f"/{INDEX}/_search", bodies)
            for number in range(len(bodies)):
                client.ask(number)
            figures[kind] = percentiles([client.ask(number) for _ in range(passes) for number in range(len(bodies))])
            client.close()
    return figures


def run(
    *,
    corpus: str = "auto",
    documents: int = 100_000,
    per_class: int = 60,
    passes: int = 8,
    merged: bool = False,
    http: bool = True,
    lucene: bool = True,
) -> None:
    """Compare, print, write."""
    from bench import lucene_side

    if lucene and not lucene_side.available():
        print("no Lucene: run `make lucene` (needs java, javac and mvn); left out")
        lucene = False
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(f"search: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), 1 partition")
    print(f"{per_class} queries a class, {passes} passes after one to warm up, the {SIZE} best, total hits not counted")
    print_machine(started)
    arguments = {"per_class": per_class, "passes": passes, "merged": merged, "http": http, "lucene": lucene}
    result = run_side("bench.search:in_process", path=str(prepared.path), **arguments)
    _print(result, [name for name in PEERS if lucene or name != "lucene"])
    save("search", started, {"corpus": facts, "arguments": arguments, **result})


def _print(result: Mapping[str, Any], peers: Sequence[str]) -> None:
    segments = result["facts"]
    print("segments: " + ", ".join(f"{name.removesuffix('_segments')} {count}" for name, count in segments.items()))
    headers = ["microseconds", "ours p50", "p99", "CPU", "first"]
    for name in peers:
        headers += [f"{name} p50", "p99", "CPU"]
    headers += [f"p50 over {name}'s" for name in peers] + [f"CPU over {name}'s" for name in peers]
    headers += ["HTTP p50", "p99", "matches", "same ten"]
    table(headers, [_row(kind, figures, peers) for kind, figures in result["classes"].items()])
    print(
        "over: ours divided by the other's (below 1: ours is faster). CPU: p50 of the thread's processor time, which other"
    )
    print(
        "work disturbs least. first: p50 of each query's first run; afterwards ours remembers plans and filters (bounded"
    )
    print(
        "caches), as Lucene does with filters. matches: documents ours finds over those the others find (tantivy's tokenizer"
    )
    print(
        "differs, and its fuzzy and prefix queries rewrite otherwise: see bench/queries.py). same ten: of the best ids."
    )


def _row(kind: str, figures: Mapping[str, Any], peers: Sequence[str]) -> list[Any]:
    rows = figures["rows"]
    ours = rows["sediment"]
    row: list[Any] = [kind, *(ours[k] for k in ("p50_us", "p99_us", "cpu_us", "first_us"))]
    for name in peers:
        row += [rows[name][k] for k in ("p50_us", "p99_us", "cpu_us")]
    row += [ours[k] / max(1e-9, rows[name][k]) for k in ("p50_us", "cpu_us") for name in peers]
    http = figures.get("sediment_http")
    row += [http["p50_us"], http["p99_us"]] if http else ["", ""]
    found = figures["matches"]
    row.append(" ".join(f"{found['sediment'] / max(1, found[name]):.0%}" for name in peers))
    best = figures.get("same_best")
    return [*row, " ".join(f"{best[name]:.0%}" for name in peers) if best else ""]
