"""From a write to a search that sees it, at rest and while bulk writes come at full speed; documents a second by each way in.

``write``       one document: from the call until the log has it durably and the partition has decided it
``seen``        one document: from the call until the published view shows it (the default refresh interval)
``refreshed``   the same, with a refresh asked for after the write, as ``?refresh=true`` does

*while loading*: two producers send batches, each when its last one is decided. *while flooded*: they do not wait for decisions
(``?ack=log``), so only admission bounds what they put before a partition.
"""

import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpus as corpora
from bench.rounds import machine, percentiles, print_machine, run_side, save, table

PROBES = 50
SEEN_SECONDS_MAX = 60.0
BULK_DOCUMENTS = 2_000
LOADERS = 2
PAUSE_SECONDS = 0.01
STATES = ("at rest", "while loading", "while flooded")


def _writes(ids: list[bytes], documents: list[bytes]) -> Any:
    from pipeline.ingest.ports import Writes
    from schemas.events import Op
    from schemas.records import ByteColumn

    return Writes(np.full(len(ids), Op.INDEX, np.uint8), ByteColumn.of(ids), ByteColumn.of(documents))


class _Probe:
    """Single writes into an index, timed."""

    def __init__(self, node: Any, index: Any, documents: list[bytes]) -> None:
        from bench import sediment_side

        self._node, self._index, self._documents = node, index, documents
        self._workers = node.workers(sediment_side.INDEX)
        self._number = 0

    def _write(self) -> tuple[int, int]:
        document = self._documents[self._number % len(self._documents)]
        self._number += 1
        outcomes = self._node.writer.write(self._index, _writes([b"probe-%d" % self._number], [document]), wait=True)
        assert outcomes.offsets[0] >= 0, outcomes.errors
        return int(outcomes.partitions[0]), int(outcomes.offsets[0])

    def write(self) -> float:
        """Seconds until it is durable in the log and decided."""
        begin = time.perf_counter()
        self._write()
        return time.perf_counter() - begin

    def seen(self) -> float:
        """Seconds until the view shows it by itself."""
        begin = time.perf_counter()
        partition, offset = self._write()
        while self._workers[partition].view.visible <= offset:
            if time.perf_counter() - begin > SEEN_SECONDS_MAX:
                raise SystemExit("a write did not become visible within a minute")
            time.sleep(0.0005)
        return time.perf_counter() - begin

    def refreshed(self) -> float:
        """Seconds until the view shows it, asked to."""
        begin = time.perf_counter()
        partition, offset = self._write()
        self._workers[partition].refresh()
        assert self._workers[partition].view.visible > offset
        return time.perf_counter() - begin

    def measure(self, count: int) -> dict[str, Any]:
        """All three, ``count`` times each, spread over the refresh interval."""
        figures = {}
        for name in ("write", "refreshed", "seen"):
            seconds = []
            for turn in range(count):
                seconds.append(getattr(self, name)())
                time.sleep(PAUSE_SECONDS * (1 + turn % 7))
            figures[name] = percentiles(seconds)
        return figures


def node(*, path: str, partitions: int, probes: int, kafka: str) -> dict[str, Any]:
    """A node in a process of its own: probes at rest, probes while other threads load the corpus over and over, and the loads' rates."""
    from bench import sediment_side as ours

    corpus = corpora.load(Path(path))
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="visible-") as folder:
        settings = {"kafka": kafka, "log.topic_prefix": f"bench-{time.time_ns()}."} if kafka else {}
        with ours.opened(Path(folder) / "data", settings) as opened:
            ours.warm_up(opened, corpus, partitions=partitions)
            index = ours.create(opened, corpus.fields, partitions=partitions)
            ids, documents = corpus.ids(), corpus.lines()
            probe = _Probe(opened, index, documents[:1_000])
            probe.measure(5)
            figures["at rest"] = probe.measure(probes)
            begin = time.perf_counter()
            ours.append_all(opened, index, ids, documents, ours.BATCH_RECORDS)
            ours.wait_applied(opened)
            opened.refresh(ours.INDEX)
            opened.flush(ours.INDEX)
            figures["docs_per_second"] = len(ids) / (time.perf_counter() - begin)
            for state in STATES[1:]:
                with _loading(opened, index, ids, documents, wait=state == "while loading") as load:
                    figures[state] = probe.measure(probes)
                ours.wait_applied(opened)
                figures[f"docs_per_second {state}"] = load["documents"] / load["seconds"]
            if kafka:
                opened.indices.delete(index.name)
    return figures


class _loading:  # noqa: N801  used as a function
    """Threads that write batches over and over while the context lasts, each as soon as its last batch is decided (``wait``) or in the
    log. Yields how many documents, in which time.
    """

    def __init__(self, node: Any, index: Any, ids: list[bytes], documents: list[bytes], *, wait: bool) -> None:
        self._node, self._index, self._ids, self._documents, self._wait = node, index, ids, documents, wait
        self._stop = threading.Event()
        self._figures = {"documents": 0, "seconds": 0.0}
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(LOADERS)]
        self._begin = 0.0

    def _run(self, number: int) -> None:
        from bench.sediment_side import BATCH_RECORDS

        starts = range(number * BATCH_RECORDS, len(self._ids) - BATCH_RECORDS + 1, LOADERS * BATCH_RECORDS)
        for start in itertools.cycle(starts):
            if self._stop.is_set():
                return
            rows = slice(start, start + BATCH_RECORDS)
            self._node.writer.write(self._index, _writes(self._ids[rows], self._documents[rows]), wait=self._wait)
            self._figures["documents"] += BATCH_RECORDS

    def __enter__(self) -> dict[str, Any]:
        self._begin = time.perf_counter()
        for one in self._threads:
            one.start()
        return self._figures

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._figures["seconds"] = time.perf_counter() - self._begin
        for one in self._threads:
            one.join()


def bulk(*, path: str, clients: int, size: int) -> dict[str, Any]:
    """``_bulk`` over HTTP: bodies prepared before the clock starts; it stops when all answers and a ``_refresh`` and ``_flush`` are back."""
    from bench.fields import mappings
    from bench.http_side import Client, bulk_bodies, served

    corpus = corpora.load(Path(path))
    with (
        tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="bulk-") as folder,
        served(Path(folder) / "data") as server,
    ):
        at = server.address
        control = Client(at)
        for name in ("warm", "bench"):
            control.send("PUT", f"/{name}", {"mappings": mappings(corpus.fields)})
        warm = bulk_bodies(corpus.ids(0, 6_000), corpus.lines(0, 6_000), size)
        _send_all(at, "warm", iter(warm), clients)
        bodies = bulk_bodies(corpus.ids(), corpus.lines(), size)
        begin = time.perf_counter()
        _send_all(at, "bench", iter(bodies), clients)
        answered = time.perf_counter()
        control.close()
        control = Client(at)  # the server closes connections that idle as long as a load lasts
        control.ask("POST", "/bench/_refresh", b"")
        control.ask("POST", "/bench/_flush", b"")
        end = time.perf_counter()
        count = control.send("POST", "/bench/_count", {"query": {"match_all": {}}})["count"]
        assert count == corpus.documents, f"{count} of {corpus.documents} documents are found"
        control.close()
    return {
        "docs_per_second": corpus.documents / (end - begin),
        "answered_docs_per_second": corpus.documents / (answered - begin),
        "clients": clients,
        "documents_a_request": size,
    }


def _send_all(address: str, index: str, bodies: Iterator[bytes], clients: int) -> None:
    from bench.http_side import Client

    lock = threading.Lock()
    failures: list[bytes] = []

    def work() -> None:
        client = Client(address)
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                break
            answer = client.ask("POST", f"/{index}/_bulk", body, "application/x-ndjson")
            if not answer.startswith(b'{"took"') or b'"errors":true' in answer[:200]:
                failures.append(answer[:500])
        client.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if failures:
        raise SystemExit(f"_bulk failed: {failures[0]!r}")


def run(
    *, corpus: str = "auto", documents: int = 50_000, partitions: int = 1, probes: int = PROBES, clients: int = 2
) -> None:
    """Measure, print, write."""
    from bench.broker import broker

    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(
        f"visible: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), {partitions} partition(s)"
    )
    print_machine(started)
    path = str(prepared.path)
    figures: dict[str, Any] = {}
    figures["embedded log"] = run_side("bench.visible:node", path=path, partitions=partitions, probes=probes, kafka="")
    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="kafka-") as home, broker(Path(home)) as address:
        if address:
            figures["Kafka"] = run_side(
                "bench.visible:node", path=path, partitions=partitions, probes=probes, kafka=address
            )
    http = run_side("bench.visible:bulk", path=path, clients=clients, size=BULK_DOCUMENTS)
    rows = [
        [
            f"{log}, {when}",
            *(
                figures[log][when][what][p] / 1e3
                for what in ("write", "refreshed", "seen")
                for p in ("p50_us", "p99_us")
            ),
        ]
        for log in figures
        for when in STATES
    ]
    table(["milliseconds", "write p50", "p99", "refreshed p50", "p99", "seen p50", "p99"], rows)
    rates = [
        [log, figures[log]["docs_per_second"], *(figures[log][f"docs_per_second {state}"] for state in STATES[1:])]
        for log in figures
    ]
    rates.append([f"_bulk over HTTP, {clients} clients", http["docs_per_second"], "", ""])
    print()
    table(["documents a second", "visible and durable", "while loading, probed", "while flooded, probed"], rates)
    arguments = {"partitions": partitions, "probes": probes, "clients": clients}
    save("visible", started, {"corpus": facts, "arguments": arguments, "nodes": figures, "http": http})
