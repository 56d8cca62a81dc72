"""Ours beside OpenSearch, both over HTTP on this machine: ``_bulk``, then the same queries, answered by both in turns.

Both servers run at the same time, and one request at a time is under way, so that the one that is not asked rests. Requests
are bytes made beforehand, sent through one connection a side that stays open; the time is from the first byte sent to the last
byte read. Bodies are the same, hits with their sources; what size 0 answers is remembered by neither.
"""

import random
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench import corpus as corpora
from bench import opensearch_side, queries
from bench.fields import mappings
from bench.http_side import Client, Prepared, Server, bulk_bodies, served
from bench.queries import Case
from bench.rounds import machine, number, percentiles, print_machine, save, table

INDEX = opensearch_side.INDEX
BULK_DOCUMENTS = 2_000
WARM_DOCUMENTS = 20_000
WARM_SECONDS = 2.0
QUIET_SECONDS = 3.0
OURS, PEER = "sediment", "opensearch"


@dataclass(frozen=True, slots=True)
class Side:
    """A server, and a connection for everything but what is timed."""

    name: str
    server: Server

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """JSON out, JSON back, on a connection of its own."""
        client = Client(self.server.address)
        try:
            return client.send(method, path, content) if content is not None else orjson.loads(client.ask(method, path))
        finally:
            client.close()


def _create(side: Side, corpus: corpora.Corpus, name: str) -> None:
    if side.name == PEER:
        client = Client(side.server.address)
        opensearch_side.create(client, corpus, name)
        client.close()
    else:
        side.ask("PUT", f"/{name}", {"settings": {"number_of_shards": 1}, "mappings": mappings(corpus.fields)})


def _bulk(side: Side, name: str, bodies: Sequence[bytes], clients: int) -> dict[str, float]:
    """All bodies through so many connections; the clock stops when a refresh and a flush after them are back."""
    path, kind = f"/{name}/_bulk", "application/x-ndjson"
    connections = [Prepared(side.server.address, path, bodies[turn::clients], kind) for turn in range(clients)]
    failures: list[bytes] = []

    def work(connection: Prepared, count: int) -> None:
        for at in range(count):
            connection.ask(at)
            if b'"errors":true' in connection.answer[:200]:
                failures.append(connection.answer[:500])

    counts = [len(bodies[turn::clients]) for turn in range(clients)]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(connections, counts, strict=True)]
    begin, cpu = time.perf_counter(), side.server.cpu_seconds()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    answered = time.perf_counter() - begin
    side.ask("POST", f"/{name}/_refresh")
    side.ask("POST", f"/{name}/_flush")
    seconds, cpu = time.perf_counter() - begin, side.server.cpu_seconds() - cpu
    if failures:
        raise SystemExit(f"{side.name}: _bulk failed: {failures[0]!r}")
    for connection in connections:
        connection.close()
    return {"seconds": seconds, "answered_seconds": answered, "cpu_seconds": cpu}


def _load(sides: Sequence[Side], corpus: corpora.Corpus, clients: int) -> dict[str, Any]:
    """Warm both with a small index, then the whole corpus into each, one after the other."""
    warm = bulk_bodies(corpus.ids(0, WARM_DOCUMENTS), corpus.lines(0, WARM_DOCUMENTS), BULK_DOCUMENTS)
    bodies = bulk_bodies(corpus.ids(), corpus.lines(), BULK_DOCUMENTS)
    figures = {}
    for side in sides:
        for turn in range(3):
            _create(side, corpus, f"warm-{turn}")
            _bulk(side, f"warm-{turn}", warm, clients)
            side.ask("DELETE", f"/warm-{turn}")
        _create(side, corpus, INDEX)
        seconds = _bulk(side, INDEX, bodies, clients)
        figures[side.name] = seconds | {
            "docs_per_second": corpus.documents / seconds["seconds"],
            "cpu_us_per_document": seconds["cpu_seconds"] / corpus.documents * 1e6,
            "resident_mb": side.server.resident_bytes() / 1e6,
        }
        print(f"  {side.name:12} {number(figures[side.name]['docs_per_second'])} documents/s", flush=True)
    return figures


def _segments(side: Side) -> int:
    return int(side.ask("GET", f"/{INDEX}/_stats/segments,docs")["_all"]["primaries"]["segments"]["count"])


def _settle(side: Side, *, merged: bool) -> int:
    """Merges at an end, everything visible and durable; segments that are left."""
    if merged:
        side.ask("POST", f"/{INDEX}/_forcemerge?max_num_segments=1")
    since, last = time.monotonic(), -1
    while time.monotonic() - since < QUIET_SECONDS:
        side.ask("POST", f"/{INDEX}/_refresh")
        found = _segments(side)
        if found != last:
            since, last = time.monotonic(), found
        time.sleep(0.2)
    side.ask("POST", f"/{INDEX}/_flush")
    return last


def _compare(sides: Sequence[Side], cases: Sequence[Case], passes: int, totals: bool) -> dict[str, Any]:
    path = f"/{INDEX}/_search?request_cache=false"
    wanted = {"track_total_hits": True} if totals else {}
    bodies = [orjson.dumps(case.elastic() | wanted) for case in cases]
    asked = {side.name: Prepared(side.server.address, path, bodies) for side in sides}
    for one in asked.values():
        end = time.monotonic() + WARM_SECONDS
        while time.monotonic() < end:
            for at in range(len(bodies)):
                one.ask(at)
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    before = {side.name: side.server.cpu_seconds() for side in sides}
    order = random.Random(len(bodies))
    for _ in range(passes):
        for at in range(len(bodies)):
            names = list(asked)
            order.shuffle(names)
            for name in names:
                seconds[name].append(asked[name].ask(at))
    figures: dict[str, Any] = {}
    for side in sides:
        cpu = (side.server.cpu_seconds() - before[side.name]) / len(seconds[side.name])
        figures[side.name] = percentiles(seconds[side.name]) | {"server_cpu_us": cpu * 1e6}
    figures["same"] = _agreement(asked, len(bodies))
    for one in asked.values():
        one.close()
    return figures


def _agreement(asked: Mapping[str, Prepared], count: int) -> float:
    """The share of ids (or buckets) that both answers have."""
    common = all_of_them = 0
    for at in range(count):
        sets = []
        for one in asked.values():
            one.ask(at)
            sets.append(_shown(orjson.loads(one.answer)))
        common += len(sets[0] & sets[1])
        all_of_them += max(len(sets[0]), len(sets[1]))
    return common / max(1, all_of_them)


def _shown(answer: Mapping[str, Any]) -> set[Any]:
    buckets = answer.get("aggregations", {}).get("top", {}).get("buckets")
    if buckets is not None:
        return {(bucket["key"], bucket["doc_count"]) for bucket in buckets if bucket["doc_count"]}
    return {hit["_id"] for hit in answer["hits"]["hits"]}


def run(
    *,
    corpus: str = "auto",
    documents: int = 100_000,
    per_class: int = 60,
    passes: int = 8,
    clients: int = 2,
    totals: bool = False,
) -> None:
    """Compare, print, write."""
    if opensearch_side.home() is None:
        print("no OpenSearch: run `make opensearch` (needs java 17 and mvn); left out\n")
        return
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(
        f"opensearch: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), 1 shard a side"
    )
    print(f"{per_class} queries a class, {passes} passes, hits {'' if totals else 'not '}counted; OpenSearch's heap")
    print(f"{opensearch_side.HEAP}; _bulk of {BULK_DOCUMENTS:,} documents a request, {clients} connections")
    print_machine(started)
    cases = queries.choose(prepared, per_class)
    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="opensearch-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the peer's user must get through
        with served(folder / "sediment") as ours, opensearch_side.served(folder / "opensearch") as peer:
            sides = (Side(OURS, ours), Side(PEER, peer))
            bulk = _load(sides, prepared, clients)
            _print_bulk(bulk)
            compared = {
                state: _queries(sides, cases, partial(_compare, sides, passes=passes, totals=totals), merged=merged)
                for state, merged in (("as loaded", False), ("one segment", True))
            }
    arguments = {"per_class": per_class, "passes": passes, "clients": clients, "totals": totals}
    save("opensearch", started, {"corpus": facts, "arguments": arguments, "bulk": bulk, "queries": compared})


def _queries(
    sides: Sequence[Side], cases: Mapping[str, Sequence[Case]], compare: Any, *, merged: bool
) -> dict[str, Any]:
    segments = {side.name: _settle(side, merged=merged) for side in sides}
    print(f"\nsegments: {', '.join(f'{name} {count}' for name, count in segments.items())}; microseconds over HTTP")
    figures = {kind: compare(some) for kind, some in cases.items()}
    headers = ["class", "ours p50", "p99", "CPU", "OpenSearch p50", "p99", "CPU", "p50 ratio", "p99 ratio", "same"]
    rows = []
    for kind, one in figures.items():
        mine, theirs = one[OURS], one[PEER]
        row = [kind, *(side[k] for side in (mine, theirs) for k in ("p50_us", "p99_us", "server_cpu_us"))]
        rows.append([*row, *(mine[k] / theirs[k] for k in ("p50_us", "p99_us")), f"{one['same']:.0%}"])
    table(headers, rows)
    print(
        "ratio: ours over OpenSearch's. CPU: processor time of the whole server, a request. same: ids or buckets in both."
    )
    return {"segments": segments, "classes": figures}


def _print_bulk(bulk: Mapping[str, Mapping[str, float]]) -> None:
    rows = [
        [name, one["docs_per_second"], one["docs_per_second"] / bulk[PEER]["docs_per_second"], one["cpu_us_per_document"], one["resident_mb"]]
        for name, one in bulk.items()
    ]  # fmt: skip
    table(["_bulk, visible and durable", "docs/s", "ratio", "CPU us/doc", "resident MB"], rows)
