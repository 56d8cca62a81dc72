"""A node that is killed: loads documents, writes down what was acknowledged, and ends by SIGKILL at a step of its own choosing.

``python -m tests.integration.kill_node FOLDER`` reads one JSON line per life from standard input and forks a process for each, so that kernels are
loaded once; it answers with the process id and, when that process has ended, with how.

A life opens the data folder, waits until it has caught up, and compares everything with the model applied to the log and with the
journal of what earlier lives were told. Then it loads until it is killed.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from pipeline.app import Node, open_node  # noqa: E402
from pipeline.dsl.parse import parse_search  # noqa: E402
from pipeline.ingest.ports import Op, WriteOptions, Writes  # noqa: E402
from pipeline.search.searcher import Searcher  # noqa: E402
from schemas.ids import LogOffset, PartitionId, TopicName  # noqa: E402
from schemas.outcomes import Result  # noqa: E402
from schemas.records import ByteColumn  # noqa: E402
from schemas.settings import IndexSettings, ServeSettings  # noqa: E402
from tests.pipeline.materialise.model import Model, Outcome, Record, new_catalog  # noqa: E402
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog, documents_of  # noqa: E402

PARTITIONS = 2
IDS = 150
ROWS = 12
PROPERTIES = {"n": {"type": "long"}, "word": {"type": "keyword"}, "text": {"type": "text"}}
WORDS = ["alpha", "beta", "gamma", "delta"]
OPS = {"index": Op.INDEX, "create": Op.CREATE, "update": Op.UPDATE, "delete": Op.DELETE}
Row = tuple[str, str, str | None, int | None]  # op, id, source, external version


class Journal:
    """What was asked and answered, line by line; lines written are there after kill -9."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self.lines = [json.loads(one) for one in path.read_text().splitlines() if one.endswith("}")]

    def put(self, **line: Any) -> None:
        """Add a line."""
        os.write(self._file, json.dumps(line).encode() + b"\n")


def settings_of(folder: Path) -> ServeSettings:
    """Commits many times a second, so that there are merges."""
    return ServeSettings(data=str(folder / "data"), index=IndexSettings(refresh_ms=30, flush_ms=15))


class Probe:
    """Ends the process at the nth step of the chosen names."""

    def __init__(self, journal: Journal, names: str, nth: int) -> None:
        self._journal = journal
        self._names = names
        self._left = nth
        self.armed = False

    def __call__(self, name: str) -> None:
        if self.armed and self._names and name.startswith(self._names):
            self._left -= 1
            if self._left == 0:
                self._journal.put(killed=name)
                os.kill(os.getpid(), signal.SIGKILL)


def live(folder: Path, life: dict[str, Any]) -> None:
    """One life."""
    journal = Journal(folder / "journal")
    probe = Probe(journal, life["probe"], life["nth"])
    node = open_node(settings_of(folder), probe=probe)
    if node.indices.index("books") is None:
        node.indices.create("books", {"number_of_shards": PARTITIONS}, {"properties": PROPERTIES})
    unanswered = resend(node, journal)
    assert node.wait_applied("books", 30.0), [w.freshness() for w in node.workers("books")]
    node.refresh("books")
    checked = check(node, journal)
    journal.put(ready=life["number"], resent=unanswered, **checked)
    if life["last"]:
        node.flush("books")
        node.close()
        return
    probe.armed = True
    threads = [threading.Thread(target=load, args=(node, journal, life["number"], n)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raise AssertionError("it was not killed")


# ------------------------------------------------------------------ load


def load(node: Node, journal: Journal, number: int, thread: int) -> None:
    """Write for some seconds, at most."""
    chosen = random.Random(1000 * number + thread)
    end = time.monotonic() + 20
    for count in range(1 << 30):
        if time.monotonic() > end:
            return
        rows = [row_of(chosen) for _ in range(ROWS)]
        write(node, journal, f"{number}-{thread}-{count}", rows)


def row_of(chosen: random.Random) -> Row:
    """A write."""
    op = chosen.choices(list(OPS), [5, 1, 4, 2])[0]
    key = f"id-{chosen.randrange(IDS)}"
    source = {"n": chosen.randrange(100), "word": chosen.choice(WORDS), "text": "some text"}
    if op == "delete":
        return op, key, None, None
    if op == "update":
        return (
            op,
            key,
            json.dumps({"doc": {"n": chosen.randrange(3)}, **({"upsert": source} if chosen.random() < 0.5 else {})}),
            None,
        )
    version = chosen.randrange(50) if op == "index" and chosen.random() < 0.1 else None
    return op, key, json.dumps(source), version


def write(node: Node, journal: Journal, request: str, rows: list[Row], *, note: bool = True) -> None:
    """Write with a request id, and write down both sides of it."""
    if note:
        journal.put(asked=request, rows=rows)
    index = node.indices.index("books")
    assert index is not None
    writes = Writes(
        np.array([OPS[op] for op, *_ in rows], np.uint8),
        ByteColumn.of([key.encode() for _, key, _, _ in rows]),
        ByteColumn.of([None if source is None else source.encode() for _, _, source, _ in rows]),
        {n: WriteOptions(version=v, version_type="external") for n, (*_, v) in enumerate(rows) if v is not None},
    )
    found = node.writer.write(index, writes, request_id=request)
    assert (found.results != Result.PENDING).all()
    columns = (found.partitions, found.offsets, found.results, found.seq_nos, found.versions)
    journal.put(answered=request, columns=[c.tolist() for c in columns])


def resend(node: Node, journal: Journal) -> int:
    """Requests that had no answer are sent again, under the same id."""
    answered = {line["answered"] for line in journal.lines if "answered" in line}
    lost = [line for line in journal.lines if "asked" in line and line["asked"] not in answered]
    for line in lost:
        write(node, journal, line["asked"], [tuple(row) for row in line["rows"]], note=False)
    return len(lost)


# ------------------------------------------------------------------ check


def check(node: Node, journal: Journal) -> dict[str, int]:
    """The log holds what was acknowledged; the index is what the model makes of the log; searches count it."""
    models, logs = [], []
    for number, worker in enumerate(node.workers("books")):
        records = list(log_of(node, number))
        model = Model(new_catalog(PROPERTIES, {}), deleted_ids=1_000_000, request_ids=100_000)
        for offset, record in enumerate(records):
            model.apply(offset, record)
        models.append(model)
        logs.append(records)
        view = worker.view
        assert view.visible == len(records)
        assert documents_of(view) == model.documents
        assert worker.machine.next_seq_no == model.versions.next_seq_no
        for segment in worker.machine.segments:
            segment.validate()
    acknowledged = check_answers(Journal(Path(node.settings.data).parent / "journal"), models, logs)
    check_searches(node, models)
    return {
        "records": sum(map(len, logs)),
        "acknowledged": acknowledged,
        "documents": sum(len(m.documents) for m in models),
        "segments": sum(w.freshness().segments for w in node.workers("books")),
    }


def log_of(node: Node, number: int) -> Iterator[Record]:
    """The records of a partition."""
    partition, topic = PartitionId(number), TopicName("books")
    reader = node.log.reader(topic, partition, LogOffset(0))
    end = node.log.end_offset(topic, partition)
    while reader.position < end:
        batch = reader.read(records_max=10_000, bytes_max=1 << 30, timeout_s=0)
        for row in range(len(batch)):
            yield Record(batch.keys[row], batch.values[row], batch.headers.get(row, ()))
    reader.close()


def check_answers(journal: Journal, models: list[Model], logs: list[list[Record]]) -> int:
    """Whatever a client was told is so: the record is in the log, and came to that. How many rows were told."""
    asked = {line["asked"]: line["rows"] for line in journal.lines if "asked" in line}
    rows = 0
    for line in journal.lines:
        if "answered" not in line:
            continue
        wanted = asked[line["answered"]]
        for row, (partition, offset, result, seq_no, version) in enumerate(zip(*line["columns"], strict=True)):
            record, (_, key, source, _) = logs[partition][offset], wanted[row]
            assert record.key == key.encode()
            assert record.value == (None if source is None else source.encode())
            told = Outcome(Result(result).name.lower(), seq_no, version)
            found = models[partition].outcomes[offset]
            assert (told.result, told.seq_no, told.version) == (found.result, found.seq_no, found.version)
            rows += 1
    return rows


def check_searches(node: Node, models: list[Model]) -> None:
    """Totals of all documents and of each word."""
    sources = [json.loads(d.source) for m in models for d in m.documents.values()]
    assert total(node, {"match_all": {}}) == len(sources)
    assert total(node, {"match": {"text": "text"}}) == sum("text" in s for s in sources)
    for word in WORDS:
        assert total(node, {"term": {"word": word}}) == sum(s.get("word") == word for s in sources)


def total(node: Node, query: dict[str, Any]) -> int:
    """Documents that match, over all partitions."""
    request = parse_search({"query": query, "track_total_hits": True, "size": 1}, now_ms=0)
    found = 0
    for worker in node.workers("books"):
        searcher = Searcher(worker.view)
        found += searcher.query(request, searcher.statistics(request)).total
    return found


# ------------------------------------------------------------------ lives


def warm() -> None:
    """Load the kernels on this thread, before any process is forked."""
    log = SimulatedLog()
    log.put([Record(b"x", json.dumps({"n": n, "word": "alpha", "text": "a b"}).encode()) for n in range(3)])
    partition = Partition(log, FoldedCatalog(new_catalog(PROPERTIES, {})))
    for _ in range(3):
        partition.step(1)
        partition.begin_commit()
        partition.run_job()
    partition.begin_merge(0, 3)
    partition.run_job()
    partition.crash()


def main(folder: Path) -> None:
    """Fork a process for each line of standard input."""
    warm()
    assert threading.active_count() == 1
    for line in sys.stdin:
        life = json.loads(line)
        process = os.fork()
        if process == 0:
            try:
                live(folder, life)
            except BaseException as error:
                import traceback

                Journal(folder / "journal").put(failed=life["number"], error=repr(error), where=traceback.format_exc())
                os._exit(1)
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
