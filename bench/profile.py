"""Where the time of ingestion goes: stacks of all threads, sampled, and summed up by what they were in.

A sample belongs to the innermost frame of ours in a thread that is not waiting. Kernels release the interpreter lock and
have no frames, so their time is that of the line that calls them. The sampler needs the lock too: what holds it long
(a RocksDB write) is seen less often than it should be.
"""

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Self

from bench import corpus as corpora
from bench.rounds import ROOT, machine, print_machine, run_side, save, table

SAMPLE_SECONDS = 0.002
OURS = tuple(str(ROOT / name) + "/" for name in ("pipeline", "schemas", "query_api", "bench"))
# the innermost frame of a thread that waits for something: these functions of the standard library, and these lines of ours
WAITING = {("threading.py", "wait"), ("threading.py", "acquire"), ("thread.py", "_worker"), ("selectors.py", "select"),
           ("threading.py", "_wait_for_tstate_lock"), ("queue.py", "get"), ("threading.py", "join")}  # fmt: skip
ROWS = 40


class Sampler:
    """A thread that looks at all others now and then."""

    def __init__(self) -> None:
        self.lines: Counter[tuple[str, str]] = Counter()  # (thread, function and line)
        self.functions: Counter[tuple[str, str]] = Counter()
        self.packages: Counter[tuple[str, str]] = Counter()
        self.samples = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        me = threading.get_ident()
        while not self._stop.wait(SAMPLE_SECONDS):
            self.samples += 1
            names = {t.ident: t.name for t in threading.enumerate()}
            for identity, frame in sys._current_frames().items():  # noqa: SLF001  the documented way to do this
                if identity != me:
                    self._count(_family(names.get(identity, "?")), frame)

    def _count(self, thread: str, frame: FrameType) -> None:
        innermost = (Path(frame.f_code.co_filename).name, frame.f_code.co_name)
        if innermost in WAITING:
            return
        ours = next(_ours(frame), None)
        if ours is None:
            return
        module = ours.f_code.co_filename.removeprefix(str(ROOT) + "/").removesuffix(".py").replace("/", ".")
        package = ".".join(module.split(".")[:2])
        self.packages[thread, package] += 1
        self.functions[thread, f"{module}.{ours.f_code.co_qualname}"] += 1
        self.lines[thread, f"{module}.{ours.f_code.co_name}:{ours.f_lineno}"] += 1


def _ours(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS):
            yield frame
        frame = frame.f_back


def _family(name: str) -> str:
    """``worker-bench-0`` and ``worker-bench-1`` are one."""
    return name.rstrip("0123456789").rstrip("-_")


def ingest(*, path: str, partitions: int, batch: int) -> dict[str, Any]:
    """Ingestion as in ``bench.ingest``, sampled."""
    from bench import sediment_side as ours

    corpus = corpora.load(Path(path))
    with (
        tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="profile-") as folder,
        ours.opened(Path(folder) / "data") as node,
    ):
        ours.warm_up(node, corpus, partitions=partitions)
        documents, ids = corpus.lines(), corpus.ids()
        index = ours.create(node, corpus.fields, partitions=partitions)
        begin, cpu = time.perf_counter(), time.process_time()
        with Sampler() as sampler:
            ours.append_all(node, index, ids, documents, batch)
            ours.wait_applied(node)
            node.refresh(ours.INDEX)
            node.flush(ours.INDEX)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return {
        "docs_per_second": corpus.documents / seconds,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "samples": sampler.samples,
        "packages": _listed(sampler.packages),
        "functions": _listed(sampler.functions),
        "lines": _listed(sampler.lines),
    }


def _listed(counted: "Counter[tuple[str, str]]") -> list[list[Any]]:
    return [[thread, what, count] for (thread, what), count in counted.most_common()]


def run(
    *, corpus: str = "auto", documents: int = 100_000, partitions: int = 1, batch: int = 2_000, by: str = "functions"
) -> None:
    """Sample, print, write; ``by``: packages, functions or lines."""
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(
        f"profile: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), {partitions} partition(s)"
    )
    print_machine(started)
    figures = run_side("bench.profile:ingest", path=str(prepared.path), partitions=partitions, batch=batch)
    seconds = figures["seconds"]
    print(
        f"{figures['docs_per_second']:,.0f} docs/s while sampled; {seconds:.2f} s, {figures['cpu_seconds']:.2f} s of CPU"
    )
    share = 1e6 * seconds / figures["samples"] / documents
    for kind in ("packages", by):
        rows = [[f"{t}: {w}", n * share, f"{n / figures['samples']:.1%}"] for t, w, n in figures[kind][:ROWS]]
        table([kind, "us a document", "of the time"], rows)
        print()
    arguments = {"partitions": partitions, "batch": batch}
    save("profile", started, {"corpus": facts, "arguments": arguments, **figures})
