"""A corpus as one file of JSON documents and one of their ids, repeated under new ids up to a size.

    build/bench/<name>-<documents>.ndjson     a JSON document a line, with its id in the key field
                                  .ids        the ids, a line each
                                  .json       name, fields, documents, bytes

The repetition changes nothing but ids: the vocabulary stops growing after the first pass. Tables say how often it was
repeated.
"""

import io
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import zstandard

from bench.fields import KNOWN, Field, infer

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "bench"
SAMPLE_DOCUMENTS = 2_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents on disk; ``base`` is how many of them differ in more than their id."""

    name: str
    path: Path
    fields: tuple[Field, ...]
    documents: int
    json_bytes: int
    base: int

    @property
    def key(self) -> str:
        """The field that holds the id."""
        return self.fields[0].name

    def lines(self, start: int = 0, end: int | None = None) -> list[bytes]:
        """Documents [start, end) in memory, without line ends."""
        with self.path.open("rb") as file:
            return [line.rstrip(b"\n") for line in itertools.islice(file, start, end)]

    def ids(self, start: int = 0, end: int | None = None) -> list[bytes]:
        """The ids of the same documents."""
        with self.path.with_suffix(".ids").open("rb") as file:
            return [line.rstrip(b"\n") for line in itertools.islice(file, start, end)]

    def batches(self, size: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """(ids, documents) of ``size`` rows each, read as they are needed."""
        with self.path.open("rb") as documents, self.path.with_suffix(".ids").open("rb") as ids:
            while rows := [line.rstrip(b"\n") for line in itertools.islice(documents, size)]:
                yield [next(ids).rstrip(b"\n") for _ in rows], rows

    def facts(self) -> dict[str, object]:
        """What a table says about the corpus."""
        return {
            "corpus": self.name,
            "documents": self.documents,
            "json_bytes": self.json_bytes,
            "bytes_per_document": round(self.json_bytes / self.documents),
            "distinct_documents": self.base,
            "fields": {f.name: f.kind for f in self.fields},
        }


def prepare(choice: str, documents: int) -> Corpus:
    """The corpus of that name (``commits``, ``demo``, ``auto``) or NDJSON file, cut or repeated to a size, made once."""
    name, source = _source(choice)
    path = FOLDER / f"{name}-{documents}.ndjson"
    if not path.with_suffix(".json").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        _write(name, source, path, documents)
    return load(path)


def load(path: Path) -> Corpus:
    """A corpus that ``prepare`` has made."""
    facts = orjson.loads(path.with_suffix(".json").read_bytes())
    fields = KNOWN.get(facts["name"]) or tuple(Field(f["name"], f["kind"]) for f in facts["fields"])
    return Corpus(facts["name"], path, fields, facts["documents"], facts["bytes"], facts["base"])


def commits_file() -> Path | None:
    """The corpus of commit messages, where SEDIMENT_SHARED_DATA names a folder that has it."""
    shared = os.environ.get("SEDIMENT_SHARED_DATA")
    path = ROOT / shared / "data" / "commits.ndjson.zst" if shared else None
    return path if path is not None and path.exists() else None


def required_commits() -> Path:
    """The same where nothing else will do. Ends the program where it is missing."""
    found = commits_file()
    if found is None:
        shared = os.environ.get("SEDIMENT_SHARED_DATA")
        place = (
            f"there is no {ROOT / shared / 'data' / 'commits.ndjson.zst'}"
            if shared
            else "SEDIMENT_SHARED_DATA is not set"
        )
        raise SystemExit(
            f"no corpus of commits ({place}): set SEDIMENT_SHARED_DATA to a folder with data/commits.ndjson.zst"
        )
    return found


def _source(choice: str) -> tuple[str, Path]:
    commits = commits_file()
    if choice == "auto":
        choice = "commits" if commits else "demo"
    if choice == "commits":
        return choice, required_commits()
    if choice == "demo":
        from query_api.cli.corpus import corpus_file

        return choice, corpus_file(FOLDER / "demo")
    if not Path(choice).exists():
        raise SystemExit(f"there is no corpus [{choice}]: use auto, commits, demo or an NDJSON file")
    return Path(choice).name.split(".")[0], Path(choice)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    with path.open("rb") as file:
        if path.suffix != ".zst":
            yield file
            return
        with zstandard.ZstdDecompressor().stream_reader(file) as stream:
            yield io.BufferedReader(stream)


def _read(source: Path, documents: int) -> list[bytes]:
    """At most so many lines, evenly spread over the source."""
    with _opened(source) as opened:
        lines = [line.rstrip(b"\n") for line in opened]
    return lines if len(lines) <= documents else [lines[i * len(lines) // documents] for i in range(documents)]


def _write(name: str, source: Path, path: Path, documents: int) -> None:
    base = _read(source, documents)
    if not base:
        raise SystemExit(f"the corpus [{name}] is empty")
    sample = [orjson.loads(line) for line in base[:: max(1, len(base) // SAMPLE_DOCUMENTS)]]
    key = next((k for k in ("id", "_id") if k in sample[0]), "id")
    fields = KNOWN[name] if name in KNOWN else infer(sample, key)
    total = 0
    with path.open("wb") as out, path.with_suffix(".ids").open("wb") as ids:
        for number in range(documents):
            again, row = divmod(number, len(base))
            identifier, line = _identified(base[row], key, again, number)
            out.write(line + b"\n")
            ids.write(identifier + b"\n")
            total += len(line)
    facts = {
        "name": name,
        "fields": [asdict(f) for f in fields],
        "documents": documents,
        "bytes": total,
        "base": len(base),
    }
    path.with_suffix(".json").write_bytes(orjson.dumps(facts))


def _identified(line: bytes, key: str, again: int, number: int) -> tuple[bytes, bytes]:
    document = orjson.loads(line)
    known = document.get(key)
    name = str(number) if known is None else f"{known}-{again}" if again else str(known)
    document[key] = name
    return name.encode(), orjson.dumps(document)
