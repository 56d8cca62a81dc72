"""``sediment load``: NDJSON, plain or compressed, over REST, with progress; rejected documents are listed."""

import gzip
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

import orjson
import zstandard
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from query_api.cli.client import RETRIES_MAX, Client, segment
from schemas.errors import SedimentError, illegal_argument, not_found

BATCH_DOCUMENTS = 2_000
BATCH_BYTES = 4 << 20
IN_FLIGHT_MAX = 4
LISTED_MAX = 20
_INDEX_LINE = b'{"index":{}}'


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that was not indexed: where it stands in the file and why."""

    line: int
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines with the number of the first (blank lines count)."""

    numbers: Sequence[int]
    lines: Sequence[bytes]


@dataclass(slots=True)
class Loaded:
    """What became of a file."""

    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Documents per second."""
        return self.documents / self.seconds if self.seconds else 0.0


class Source:
    """Lines of a file or of standard input, unpacked by the file's name; ``read`` bytes of ``size`` so far (0: unknown)."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        if name == "-":
            self._raw: IO[bytes] = sys.stdin.buffer
            self.size = 0
            self.lines: IO[bytes] = self._raw
            return
        path = Path(name)
        if not path.is_file():
            raise not_found(
                "file_not_found", f"there is no file [{name}]: name an NDJSON file, or - for standard input"
            )
        self.size = path.stat().st_size
        self._raw = stack.enter_context(path.open("rb"))
        if name.endswith(".zst"):
            # a file may be several frames one after another
            reader = zstandard.ZstdDecompressor().stream_reader(self._raw, read_across_frames=True)
            self.lines = BufferedReader(cast("Any", reader), 1 << 20)
        elif name.endswith(".gz"):
            self.lines = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=self._raw)))
        else:
            self.lines = self._raw

    @property
    def read(self) -> int:
        """Bytes of the file that are behind us."""
        return self._raw.tell() if self.size else 0


def batches(lines: IO[bytes]) -> Iterator[Batch]:
    """Lines that hold something, in batches bounded by count and bytes."""
    numbers: list[int] = []
    kept: list[bytes] = []
    size = 0
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip(b"\r\n")
        if not line or line.isspace():
            continue
        numbers.append(number)
        kept.append(line)
        size += len(line)
        if len(kept) >= BATCH_DOCUMENTS or size >= BATCH_BYTES:
            yield Batch(numbers, kept)
            numbers, kept, size = [], [], 0
    if kept:
        yield Batch(numbers, kept)


def action_of(line: bytes, id_field: str) -> bytes:
    """The action line of a document whose id is one of its fields. Raises ``illegal_argument`` where it has none."""
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _INDEX_LINE  # the server says what is wrong with it
    for name in id_field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise illegal_argument(f"has no usable id in field [{id_field}]")
    return b'{"index":{"_id":' + orjson.dumps(str(value)) + b"}}"


class Loader:
    """Sends batches to one index; several at a time where order does not matter (no ids of the user's)."""

    def __init__(self, client: Client, index: str, *, id_field: str = "", parallel: int = 0) -> None:
        self._client = client
        self._path = f"/{segment(index)}/_bulk"
        self._id_field = id_field
        self._parallel = parallel or (1 if id_field else IN_FLIGHT_MAX)
        self.done = Loaded()

    def load(self, lines: IO[bytes], progress: Callable[[Loaded], None] = lambda done: None) -> Loaded:
        """All lines. Raises ``SedimentError`` when the server goes away or refuses a whole request."""
        started = time.perf_counter()
        waiting: deque[Future[tuple[Batch, list[Rejected]]]] = deque()
        with ThreadPoolExecutor(self._parallel) as pool:
            for batch in batches(lines):
                if len(waiting) > self._parallel:
                    self._take(waiting.popleft().result(), progress, started)
                waiting.append(pool.submit(self._send, batch))
            while waiting:
                self._take(waiting.popleft().result(), progress, started)
        return self.done

    def _take(self, sent: tuple[Batch, list[Rejected]], progress: Callable[[Loaded], None], started: float) -> None:
        batch, rejected = sent
        self.done.rejected += rejected
        self.done.documents += len(batch.lines) - len(rejected)
        self.done.bytes += sum(map(len, batch.lines))
        self.done.seconds = time.perf_counter() - started
        progress(self.done)

    def _send(self, batch: Batch) -> tuple[Batch, list[Rejected]]:
        rejected: list[Rejected] = []
        rows = self._with_actions(batch, rejected)
        for attempt in range(RETRIES_MAX + 1):
            if not rows:
                break
            body = b"".join(action + b"\n" + line + b"\n" for _, action, line in rows)
            answer = self._client.call("POST", self._path, body)
            if not answer["errors"]:
                break
            rows = self._refused(rows, answer["items"], rejected, last=attempt == RETRIES_MAX)
            if rows:
                self._client.wait(attempt)
        return batch, rejected

    def _with_actions(self, batch: Batch, rejected: list[Rejected]) -> list[tuple[int, bytes, bytes]]:
        if not self._id_field:
            return [(n, _INDEX_LINE, line) for n, line in zip(batch.numbers, batch.lines, strict=True)]
        rows: list[tuple[int, bytes, bytes]] = []
        for number, line in zip(batch.numbers, batch.lines, strict=True):
            try:
                rows.append((number, action_of(line, self._id_field), line))
            except SedimentError as error:
                rejected.append(Rejected(number, "", error.message))
        return rows

    @staticmethod
    def _refused(
        rows: Sequence[tuple[int, bytes, bytes]],
        items: Sequence[dict[str, Any]],
        rejected: list[Rejected],
        *,
        last: bool,
    ) -> list[tuple[int, bytes, bytes]]:
        """The rows to be sent again (the server was busy); the others that failed are noted."""
        again: list[tuple[int, bytes, bytes]] = []
        for row, item in zip(rows, items, strict=True):
            one = item["index"]
            if "error" not in one:
                continue
            if one["status"] == 429 and not last:
                again.append(row)
                continue
            error = one["error"]
            inner = error.get("caused_by") or {}
            reason = f"{error['type']}: {error['reason']}"
            rejected.append(
                Rejected(
                    row[0], str(one.get("_id") or ""), f"{reason}: {inner['reason']}" if inner.get("reason") else reason
                )
            )
        return again


def prepare_index(client: Client, index: str, mapping: str) -> None:
    """Create the index with a mapping file: a ``mappings`` object, bare or as the body of a creation."""
    try:
        body = orjson.loads(Path(mapping).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise illegal_argument(f"cannot read the mapping file [{mapping}]: {error}") from error
    if not isinstance(body, dict):
        raise illegal_argument(f"the mapping file [{mapping}] must hold a JSON object")
    whole = body if body.keys() & {"mappings", "settings"} else {"mappings": body}
    if client.call("GET", f"/{segment(index)}", missing_ok=True) is None:
        client.call("PUT", f"/{segment(index)}", whole)


def bar(console: Console) -> Progress:
    """A progress bar with a rate; silent where nobody looks."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def load_source(loader: Loader, source: Source, console: Console, label: str) -> Loaded:
    """Everything in a source, with the bar."""
    with bar(console) as progress:
        task = progress.add_task(label, total=source.size or None, rate="")

        def show(done: Loaded) -> None:
            rate = f"{done.documents:,} documents, {done.rate:,.0f}/s"
            progress.update(task, completed=source.read, rate=rate)

        return loader.load(source.lines, show)


def report(done: Loaded, index: str, console: Console, errors: Console) -> int:
    """The last lines; the exit code."""
    console.print(
        f"[bold]{done.documents:,}[/] documents into [bold]{index}[/] in {done.seconds:,.1f} s: "
        f"[bold]{done.rate:,.0f}[/] documents/s, {done.bytes / max(done.seconds, 1e-9) / 1e6:,.1f} MB/s",
        highlight=False,
    )
    for one in done.rejected[:LISTED_MAX]:
        known = f" (id {one.id})" if one.id else ""
        errors.print(f"rejected: line {one.line}{known}: {one.reason}", markup=False, highlight=False)
    if len(done.rejected) > LISTED_MAX:
        errors.print(f"rejected: {len(done.rejected) - LISTED_MAX:,} more")
    return 1 if done.rejected else 0


def load(arguments: Any) -> int:
    """The command."""
    console, errors = Console(), Console(stderr=True)
    with Client(arguments.url) as client, ExitStack() as stack:
        source = Source(arguments.file, stack)
        if arguments.mapping:
            prepare_index(client, arguments.index, arguments.mapping)
        loader = Loader(client, arguments.index, id_field=arguments.id or "", parallel=arguments.parallel)
        try:
            done = load_source(loader, source, console, f"loading {arguments.index}")
        except (zstandard.ZstdError, gzip.BadGzipFile, EOFError) as error:
            raise illegal_argument(f"cannot unpack [{arguments.file}]: {error}") from error
        client.call("POST", f"/{segment(arguments.index)}/_refresh", missing_ok=True)
        return report(done, arguments.index, console, errors)
