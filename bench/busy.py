"""Searches at rest and while the same index is loaded at full speed, in process and over HTTP: what ingestion costs those who search.

One client asks a mix of all classes of queries, one request at a time; meanwhile a process of its own sends ``_bulk`` requests
through several connections, each as soon as the one before it is answered. The documents that are loaded replace those that are
there, so that the index stays as large as it is, and every refresh gives the searches a new view.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench import corpus as corpora
from bench import queries
from bench.fields import mappings
from bench.http_side import Client, Prepared, Server, bulk_bodies, served
from bench.rounds import MARK, ROOT, machine, number, percentiles, print_machine, run_side, save, table

INDEX = "bench"
BULK_DOCUMENTS = 2_000
LOADED_DOCUMENTS = 40_000  # sent over and over
WARM_PASSES = 3
START_SECONDS = 3.0


def loader(*, address: str, path: str, clients: int) -> dict[str, Any]:
    """The process that loads: until its standard input ends; documents and seconds."""
    import threading

    corpus = corpora.load(Path(path))
    count = min(LOADED_DOCUMENTS, corpus.documents)
    bodies = bulk_bodies(corpus.ids(0, count), corpus.lines(0, count), BULK_DOCUMENTS)
    stop = threading.Event()
    sent = [0] * clients

    def work(turn: int) -> None:
        mine = bodies[turn::clients] or bodies
        connection = Prepared(address, f"/{INDEX}/_bulk", mine, "application/x-ndjson")
        at = 0
        while not stop.is_set():
            connection.ask(at % len(mine))
            at, sent[turn] = at + 1, sent[turn] + BULK_DOCUMENTS
        connection.close()

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(clients)]
    begin = time.perf_counter()
    for one in threads:
        one.start()
    sys.stdin.read()
    seconds = time.perf_counter() - begin
    documents = sum(sent)
    stop.set()
    for one in threads:
        one.join()
    return {"documents_per_second": documents / seconds}


@contextmanager
def _loading(server: Server, path: str, clients: int) -> Iterator[dict[str, Any]]:
    """Loads while the context lasts; afterwards the dictionary says how fast."""
    keywords = orjson.dumps({"address": server.address, "path": path, "clients": clients}).decode()
    command = [sys.executable, "-m", "bench.rounds", "bench.busy:loader", keywords]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    figures: dict[str, Any] = {}
    time.sleep(START_SECONDS)
    yield figures
    out, _ = process.communicate()
    line = next((one for one in out.splitlines() if one.startswith(MARK)), None)
    if line is None:
        raise SystemExit(f"loading failed with exit code {process.returncode}")
    figures |= orjson.loads(line[len(MARK) :])


def _asked(server: Server, bodies: Sequence[bytes], seconds: float) -> dict[str, float]:
    """The mix over and over for so long."""
    connection = Prepared(server.address, f"/{INDEX}/_search?request_cache=false", bodies)
    order = list(range(len(bodies)))
    for _ in range(WARM_PASSES):
        for at in order:
            connection.ask(at)
    times: list[float] = []
    shuffled = random.Random(len(bodies))
    begin, cpu = time.perf_counter(), server.cpu_seconds()
    while time.perf_counter() - begin < seconds:
        shuffled.shuffle(order)
        times += [connection.ask(at) for at in order]
    took, cpu = time.perf_counter() - begin, server.cpu_seconds() - cpu
    connection.close()
    return percentiles(times) | {"requests_per_second": len(times) / took, "server_cores": cpu / took}


def run(
    *, corpus: str = "auto", documents: int = 100_000, per_class: int = 5, seconds: float = 20.0, clients: int = 2
) -> None:
    """Measure, print, write."""
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(f"busy: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), 1 partition")
    print_machine(started)
    inside = run_side("bench.busy_inside:inside", path=str(prepared.path), per_class=per_class, seconds=seconds)
    print("in process, without HTTP")
    _print(inside)
    cases = [case for some in queries.choose(prepared, per_class).values() for case in some]
    bodies = [orjson.dumps(case.elastic()) for case in cases]
    with tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="busy-") as name, served(Path(name) / "data") as server:
        client = Client(server.address)
        client.send("PUT", f"/{INDEX}", {"mappings": mappings(prepared.fields)})
        for ids, rows in prepared.batches(BULK_DOCUMENTS):
            (body,) = bulk_bodies(ids, rows, BULK_DOCUMENTS)
            client.ask("POST", f"/{INDEX}/_bulk", body, "application/x-ndjson")
        for step in ("_refresh", "_flush", "_forcemerge?max_num_segments=1"):
            client.ask("POST", f"/{INDEX}/{step}", b"")
        client.close()
        quiet = _asked(server, bodies, seconds)
        with _loading(server, str(prepared.path), clients) as load:
            busy = _asked(server, bodies, seconds)
        again = _asked(server, bodies, seconds)
    figures = {"quiet": quiet, "busy": busy, "quiet_again": again, "load": load}
    print(f"over HTTP, loaded by {clients} clients through _bulk")
    _print(figures)
    arguments = {"per_class": per_class, "seconds": seconds, "clients": clients}
    save("busy", started, {"corpus": facts, "arguments": arguments, "in_process": inside, "figures": figures})


def _print(figures: Mapping[str, Mapping[str, float]]) -> None:
    quiet = figures["quiet"]
    rows = [
        [name, one["p50_us"], one["p99_us"], one["p50_us"] / quiet["p50_us"], one["p99_us"] / quiet["p99_us"],
         one["requests_per_second"], one.get("server_cores", "")]
        for name, one in (("at rest", quiet), ("while loading", figures["busy"]), ("at rest again", figures["quiet_again"]))
    ]  # fmt: skip
    table(["microseconds", "p50", "p99", "p50 ratio", "p99 ratio", "requests/s", "cores"], rows)
    print(
        f"loaded meanwhile: {number(figures['load']['documents_per_second'])} documents/s. cores: that the server kept busy."
    )
