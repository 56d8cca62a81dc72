"""The other peer: Lucene, in a JVM of its own, driven by the small program under ``bench/lucene``.

The program holds one index and answers one class of queries after the other on one thread, telling the nanoseconds and the
processor time of each, so that nothing of the way there and back is in its figures. Its compiler is warmed by running a
class over and over before it is timed.
"""

import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import orjson

from bench import fields as kinds
from bench.corpus import ROOT, Corpus
from bench.fields import Field
from bench.queries import HISTOGRAM_DAYS, Case

BUILT = ROOT / "build" / "lucene"
HEAP = "-Xmx1g"
WARM_SECONDS = 4.0
DAY_SECONDS = 86_400
_LENGTH = struct.Struct(">i")


def available() -> bool:
    """Whether ``make lucene`` has been here."""
    return shutil.which("java") is not None and (BUILT / ".complete").exists()


def _command(program: str, *arguments: str) -> list[str]:
    path = f"{BUILT / 'libs'}/*:{BUILT / 'classes'}"
    return ["java", HEAP, "-cp", path, program, *arguments]


def load(corpus: Corpus, folder: Path, *, merged: bool) -> None:
    """Index a corpus into a folder."""
    described = [f"{f.name}:{_kind(f)}" for f in corpus.fields]
    command = _command("Load", str(folder), "merged" if merged else "as-loaded", *described)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _, documents in corpus.batches(2_000):
            process.stdin.write(b"".join(_packed(line, corpus.fields) for line in documents))
        process.stdin.close()
        said = process.stdout.read().decode().strip()
    if process.returncode or int(said) != corpus.documents:
        raise SystemExit(f"Lucene indexed {said or 'nothing'} of {corpus.documents} documents")


def _kind(field: Field) -> str:
    return {kinds.KEY: "key", kinds.TEXT: "text", kinds.KEYWORD: "keyword", kinds.FLOAT: "float"}.get(
        field.kind, "number"
    )


def _packed(line: bytes, fields: Sequence[Field]) -> bytes:
    document = orjson.loads(line)
    parts = []
    for one in fields:
        value = document.get(one.name)
        if value is None:
            parts.append(_LENGTH.pack(-1))
            continue
        text = _number(one, value) if _kind(one) == "number" else str(value).encode()
        parts += [_LENGTH.pack(len(text)), text]
    return b"".join([*parts, _LENGTH.pack(len(line)), line])


def _number(field: Field, value: Any) -> bytes:
    if field.kind == kinds.DATE:
        from datetime import datetime

        return b"%d" % round(datetime.fromisoformat(value).timestamp() * 1000)
    return b"%d" % int(value)


def columns(case: Case, fields: Sequence[Field]) -> list[str]:
    """A case as the program takes it: see Case.java."""
    keyword, between = case.keyword or ("", ""), case.between or ("", "", "")
    seconds = {f.name for f in fields if f.kind == kinds.SECONDS}
    width = DAY_SECONDS * HISTOGRAM_DAYS * (1 if case.histogram in seconds else 1_000)
    plain = [case.how, case.field, " ".join(case.words), *keyword, *between, case.aggregate or ""]
    plain += [case.histogram or "", str(width) if case.histogram else "", case.newest or ""]
    return [quote(str(one), safe="") for one in plain]


class Asked:
    """The program at work on an index; a context."""

    def __init__(self, folder: Path, corpus: Corpus, cases: Mapping[str, Sequence[Case]]) -> None:
        self._process = subprocess.Popen(
            _command("Answer", str(folder)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for kind, some in cases.items():
            for case in some:
                self._ask("add", kind, *columns(case, corpus.fields))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    @property
    def segments(self) -> int:
        """Segments searched."""
        return int(self._ask("segments"))

    def warm(self, kind: str) -> None:
        """Let the compiler see the class."""
        self._ask("warm", kind, str(WARM_SECONDS))

    def timed(self, step: str, kind: str) -> list[tuple[float, float]]:
        """Seconds and seconds of processor time of each query, run once; ``step``: rows or ids."""
        pairs = [one.split(":") for one in self._ask(step, kind).split()]
        return [(int(wall) / 1e9, int(cpu) / 1e9) for wall, cpu in pairs]

    def count(self, kind: str) -> int:
        """How many documents match all queries of the class together."""
        return int(self._ask("count", kind))

    def best(self, kind: str) -> list[list[str]]:
        """The ids of each query's best rows."""
        return [one.split() for one in self._ask("best", kind).split("|")]

    def _ask(self, *words: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\t".join(words).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"Lucene ended at [{words[0]} {words[1] if len(words) > 1 else ''}]")
        return answer.decode().rstrip("\n")
