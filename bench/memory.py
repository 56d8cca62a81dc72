"""Resident memory while many documents load with the default settings: figures, and a picture of them over time.

The documents are read from a file batch by batch, so that what is measured is the node's memory and not the corpus'.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench import corpus as corpora
from bench.rounds import MARK, ROOT, machine, print_machine, save, table

SAMPLE_SECONDS = 0.25
REST_SECONDS = 10.0
PROGRESS = b"PROGRESS "
PICTURE = ROOT / "docs" / "images" / "memory.svg"


def load(*, path: str, partitions: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The side that is watched: tells how many documents a search sees as it goes."""
    from bench import sediment_side as ours

    corpus = corpora.load(Path(path))
    with (
        tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="memory-") as folder,
        ours.opened(Path(folder) / "data", settings) as node,
    ):
        _say(0)
        index = ours.create(node, corpus.fields, partitions=partitions)
        begin = time.perf_counter()
        with _telling(lambda: ours.visible_documents(node)):
            for ids, documents in corpus.batches(ours.BATCH_RECORDS):
                ours.append(node, index, ids, documents)
            appended = time.perf_counter() - begin
            ours.wait_applied(node)
            node.refresh(ours.INDEX)
            node.flush(ours.INDEX)
            seconds = time.perf_counter() - begin
            time.sleep(REST_SECONDS)  # what merges still take, and what is left at rest
        chosen = node.settings
    return {
        "docs_per_second": corpus.documents / seconds,
        "seconds": seconds,
        "appending_seconds": appended,
        "bounds": {
            "memory.arrays_bytes": chosen.memory.arrays_bytes,
            "memory.stores_bytes": chosen.memory.stores_bytes,
            "log.cache_bytes": chosen.log.cache_bytes,
            "index.flush_bytes": chosen.index.flush_bytes,
        },
    }


@contextmanager
def _telling(documents: Callable[[], int]) -> Iterator[None]:
    """Say how many there are, several times a second, while the context lasts."""
    stop = threading.Event()

    def tell() -> None:
        while not stop.wait(SAMPLE_SECONDS / 2):
            _say(documents())

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()
    _say(documents())


def _say(documents: int) -> None:
    sys.stdout.buffer.write(PROGRESS + b"%d\n" % documents)
    sys.stdout.buffer.flush()


class _Watched:
    """A child process and its samples: seconds, documents, anonymous and file-backed resident bytes."""

    def __init__(self, keywords: Mapping[str, Any]) -> None:
        command = [sys.executable, "-m", "bench.rounds", "bench.memory:load", orjson.dumps(keywords).decode()]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        self._documents = 0
        self._figures: dict[str, Any] = {}
        self._reader = threading.Thread(target=self._read)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(PROGRESS):
                self._documents = int(line[len(PROGRESS) :])
            elif line.startswith(MARK):
                self._figures = orjson.loads(line[len(MARK) :])

    def watch(self) -> tuple[list[list[float]], dict[str, Any]]:
        """Samples until it ends."""
        self._reader.start()
        samples, begin = [], time.monotonic()
        while self._process.poll() is None:
            resident = _resident(self._process.pid)
            if resident:
                samples.append([round(time.monotonic() - begin, 2), self._documents, *resident])
            time.sleep(SAMPLE_SECONDS)
        self._reader.join()
        if self._process.returncode or not self._figures:
            raise SystemExit(f"loading failed with exit code {self._process.returncode}")
        return samples, self._figures


def _resident(pid: int) -> tuple[int, int] | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    lines = dict(line.split(":", 1) for line in status.splitlines())
    if "RssAnon" not in lines:
        return None
    return int(lines["RssAnon"].split()[0]) << 10, int(lines["RssFile"].split()[0]) << 10


def picture(samples: Sequence[Sequence[float]], title: str, path: Path) -> None:
    """Resident memory and documents over time."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sediment"  # the same figures give the same bytes
    from matplotlib import pyplot as plt

    seconds = [s[0] for s in samples]
    figure, left = plt.subplots(figsize=(9, 4.5))
    anonymous = [s[2] / 1e6 for s in samples]
    files = [s[3] / 1e6 for s in samples]
    left.stackplot(
        seconds, anonymous, files, labels=["memory of its own", "mapped files (code)"], colors=["#4c78a8", "#c7d6e8"]
    )
    left.set_xlabel("seconds")
    left.set_ylabel("resident MB")
    left.set_ylim(bottom=0)
    right = left.twinx()
    right.plot(seconds, [s[1] / 1e3 for s in samples], color="#e45756", label="documents that a search sees")
    right.set_ylabel("thousand documents")
    right.set_ylim(bottom=0)
    left.legend(loc="upper left")
    right.legend(loc="center right")
    left.set_title(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": "python -m bench memory"}, bbox_inches="tight")
    plt.close(figure)


def run(
    *,
    corpus: str = "auto",
    documents: int = 200_000,
    partitions: int = 1,
    settings: dict[str, Any] | None = None,
    image: str = "",
) -> None:
    """Load, watch, print, write; ``image``: where the picture goes (default: docs/images/memory.svg from a million on)."""
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    facts = prepared.facts()
    print(
        f"memory: {documents:,} documents of {facts['bytes_per_document']} bytes ({prepared.name}), {partitions} partition(s)"
    )
    print_machine(started)
    samples, figures = _Watched(
        {"path": str(prepared.path), "partitions": partitions, "settings": settings or {}}
    ).watch()
    loaded = [s for s in samples if s[1] > 0]
    totals = [s[2] + s[3] for s in samples]
    begin = next((s for s in samples if s[1] > 0), samples[0])
    rows = [
        ["before the first document", (begin[2] + begin[3]) / 1e6],
        *(
            [f"at {share:.0%} of the documents", _at(loaded, share * documents) / 1e6]
            for share in (0.25, 0.5, 0.75, 1.0)
        ),
        ["highest", max(totals) / 1e6],
        ["at the end", totals[-1] / 1e6],
    ]
    table(["resident memory", "MB"], rows)
    bounds = ", ".join(f"{name} {value >> 20} MB" for name, value in figures["bounds"].items())
    print(
        f"settings that bound it: {bounds} (and what one merge holds while it works); {figures['docs_per_second']:,.0f} docs/s"
    )
    path = Path(image) if image else PICTURE if documents >= 1_000_000 else corpora.FOLDER / "memory.svg"
    title = f"Resident memory while {documents:,} documents load, {partitions} partition(s)\n{bounds}"
    picture(samples, title, path)
    print(f"picture: {path}")
    arguments = {"partitions": partitions, "settings": settings or {}}
    save("memory", started, {"corpus": facts, "arguments": arguments, "figures": figures, "samples": samples})


def _at(samples: Sequence[Sequence[float]], documents: float) -> float:
    sample = next((s for s in samples if s[1] >= documents), samples[-1])
    return sample[2] + sample[3]
