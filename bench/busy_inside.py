"""Searches in the process that ingests, at rest and while it ingests at full speed: the engine without HTTP around it.

A thread appends batches to the log as fast as the partition applies them; the documents replace those that are there, so that the
index stays as large as it is, and every refresh gives the searches a new view. The queries are those of ``busy``, each asked on the newest
view, until the rows and their ids, or the buckets, are there.
"""

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpus as corpora
from bench import queries
from bench.rounds import percentiles

LOADED_DOCUMENTS = 40_000  # appended over and over
AHEAD_RECORDS = 10_000  # of the log before the partition: it never waits for more, and a lag would only add up
WARM_PASSES = 3
START_SECONDS = 3.0


@contextmanager
def _loading(node: Any, corpus: corpora.Corpus) -> Iterator[dict[str, Any]]:
    """Ingests while the context lasts; afterwards the dictionary says how fast."""
    from bench.sediment_side import BATCH_RECORDS, INDEX
    from schemas.ids import PartitionId
    from schemas.records import AppendBatch, ByteColumn

    (worker,) = node.workers(INDEX)
    topic = node.catalog.state.indices[INDEX].topic
    count = min(LOADED_DOCUMENTS, corpus.documents)
    ids, rows = corpus.ids(0, count), corpus.lines(0, count)
    batches = [
        (ByteColumn.of(ids[at : at + BATCH_RECORDS]), ByteColumn.of(rows[at : at + BATCH_RECORDS]))
        for at in range(0, count, BATCH_RECORDS)
    ]
    stop = threading.Event()
    sent = 0

    def load() -> None:
        nonlocal sent
        turn = 0
        while not stop.is_set():
            keys, values = batches[turn % len(batches)]
            stamps = np.full(len(keys), time.time_ns() // 1_000_000, np.int64)
            appended = node.log.append(topic, PartitionId(0), AppendBatch(keys, values, stamps))
            end = int(appended[-1]) + 1
            turn, sent = turn + 1, sent + len(keys)
            while worker.machine.applied < end - AHEAD_RECORDS and not stop.is_set():
                time.sleep(0.002)

    figures: dict[str, Any] = {}
    thread = threading.Thread(target=load, name="load")
    thread.start()
    time.sleep(START_SECONDS)
    begin, before = time.perf_counter(), sent
    yield figures
    figures["documents_per_second"] = (sent - before) / (time.perf_counter() - begin)
    stop.set()
    thread.join()


def _asked(ask: Sequence[Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The mix over and over for so long."""
    order = list(range(len(ask)))
    for _ in range(WARM_PASSES):
        for at in order:
            ask[at]()
    times: list[float] = []
    shuffled = random.Random(len(ask))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        shuffled.shuffle(order)
        for at in order:
            begin = time.perf_counter()
            ask[at]()
            times.append(time.perf_counter() - begin)
    return percentiles(times) | {"requests_per_second": len(times) / seconds}


def inside(*, path: str, per_class: int, seconds: float) -> dict[str, Any]:
    """Load, merge, ask: at rest, while loading, at rest again."""
    from bench import sediment_side

    corpus = corpora.load(Path(path))
    cases = [case for some in queries.choose(corpus, per_class).values() for case in some]
    with (
        tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="busy-inside-") as name,
        sediment_side.opened(Path(name)) as node,
    ):
        sediment_side.load(node, corpus, merged=True)
        asked = sediment_side.Asked(node)

        def answer(case: queries.Case, request: Any) -> None:
            asked.renew()
            asked.buckets(request) if case.counts else asked.ids(request)

        ask = [partial(answer, case, asked.prepared(case)) for case in cases]
        quiet = _asked(ask, seconds)
        with _loading(node, corpus) as load:
            busy = _asked(ask, seconds)
        sediment_side.settle(node, merged=False)
        again = _asked(ask, seconds)
    return {"quiet": quiet, "busy": busy, "quiet_again": again, "load": load}
