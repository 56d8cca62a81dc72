"""A cheap look, now and then: does the kept digest say what the columns say, and do stored sources equal their records?

It reads ids and hashes of every document, and some records; a verification (``verify``) rebuilds. What it finds is a metric and a
health state: whoever runs the index decides whether to look or to replay.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from pipeline.catalog.state import IndexState
from pipeline.log.ports import Log
from pipeline.materialise.worker import Worker
from pipeline.segments import digest
from pipeline.segments.view import PartitionView
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas.errors import SedimentError
from schemas.events import Op, demands_of
from schemas.ids import LogOffset
from schemas.records import RecordBatch

RECORDS: Final = 16
READ_S: Final = 5.0
READ_BYTES: Final = 1 << 20
Row = tuple[bytes, bytes]  # id and source
_log = logging.getLogger(__name__)


class Sampled(Protocol):
    """What is sampled."""

    @property
    def log(self) -> Log:
        """The log."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The metrics."""
        ...

    def all_states(self) -> Sequence[IndexState]:
        """Every index."""
        ...

    def workers(self, name: str) -> Sequence[Worker]:
        """Its live partitions."""
        ...


class Sampler:
    """Compares a sample of every partition each so often, in a thread."""

    def __init__(self, host: Sampled, every_s: float, seed: int = 0) -> None:
        self._host = host
        self._every_s = every_s
        self._random = np.random.default_rng(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sample", daemon=True)

    def start(self) -> None:
        """Begin, unless it is switched off."""
        if self._every_s > 0:
            self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.sample_all()

    def sample_all(self) -> None:
        """One round."""
        for state in self._host.all_states():
            try:
                for worker in self._host.workers(state.name):
                    self._sample(state, worker)
            except SedimentError as error:  # damage reports itself; a log that is away is asked again
                _log.warning("index %s was not sampled: %s", state.name, error.message)
            except Exception:  # noqa: BLE001 - the outermost loop of a thread
                _log.exception("index %s was not sampled", state.name)

    def _sample(self, state: IndexState, worker: Worker) -> None:
        found = difference(worker.view, self._host.log, RECORDS, self._random)
        self._host.metrics.add(names.SAMPLES, index=state.name, outcome="different" if found else "equal")
        if found:
            _log.error("partition %s of %s: %s", worker.view.partition, state.name, found)
            worker.damage.note(f"{found}: run sediment verify, then sediment replay")


def difference(view: PartitionView, log: Log, records: int, random: np.random.Generator) -> str:
    """What is wrong with a view, by its digest and by some of its documents; empty where nothing is."""
    if view.digest is not None:
        sums = digest.level_1((s.reader, s.alive) for s in view.segments)
        if (sums != view.digest).any():
            return f"the digest kept at offset {view.visible} is not that of the columns"
    info = log.topic(view.topic)
    if info is None or "compact" in info.config.get("cleanup.policy", ""):
        return ""  # records may be gone
    begin = log.begin_offset(view.topic, view.partition)
    rows = {offset: row for offset, row in _drawn(view, records, random).items() if offset >= begin}
    return _compared(view, log, rows)


def _drawn(view: PartitionView, count: int, random: np.random.Generator) -> Mapping[int, Row]:
    """Some documents by offset."""
    if not view.documents:
        return {}
    found: dict[int, Row] = {}
    ends = np.cumsum([s.reader.documents - s.dead for s in view.segments])
    for at in np.unique(random.integers(0, view.documents, count)).tolist():
        number = int(np.searchsorted(ends, at, side="right"))
        segment = view.segments[number]
        row = np.flatnonzero(segment.alive)[at - int(ends[number])]
        source = segment.reader.sources(np.array([row], np.int64))[0]
        found[int(segment.reader.offsets()[row])] = segment.reader.ids()[int(row)] or b"", source
    return found


def _compared(view: PartitionView, log: Log, rows: Mapping[int, Row]) -> str:
    if not rows:
        return ""
    reader = log.reader(view.topic, view.partition, LogOffset(min(rows)))
    try:
        for offset in sorted(rows):
            reader.seek(LogOffset(offset))
            batch = reader.read(records_max=1, bytes_max=READ_BYTES, timeout_s=READ_S)
            if not _same(batch, offset, *rows[offset]):
                identity = rows[offset][0].decode(errors="replace")
                return f"document [{identity}] is not what the log has at offset {offset}"
    finally:
        reader.close()
    return ""


def _same(batch: RecordBatch, offset: int, identity: bytes, source: bytes) -> bool:
    if not len(batch) or int(batch.offsets[0]) != offset:
        return False
    key, value = batch.keys[0], batch.values[0]
    expected = f"{batch.partition}-{offset}".encode() if key is None else key
    updated = int(demands_of(batch).ops[0]) == Op.UPDATE  # its value is not the document
    return expected == identity and (updated or value == source)
