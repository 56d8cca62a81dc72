"""query_api.cli.load: files into an index, over REST."""

import asyncio
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
import zstandard

from query_api.app import build_app
from query_api.cli.background import serving
from query_api.cli.client import Client as RestClient
from query_api.cli.load import BATCH_DOCUMENTS, action_of, batches, load
from query_api.cli.search import CLOSE, OPEN, marked, search
from query_api.cli.status import size_text, status
from schemas.errors import SedimentError
from tests.query_api.fakes import Client

LINES = [orjson.dumps({"id": i, "t": f"word {i}"}) for i in range(5)]


@pytest.fixture
def served() -> Iterator[tuple[Client, str]]:
    """A node behind a real socket."""
    client = Client()
    with serving(build_app(client.services)) as url:
        yield client, url
    asyncio.run(client.close())


def arguments(url: str, file: Path, **more: Any) -> Any:
    return SimpleNamespace(
        **{"url": url, "index": "a", "file": str(file), "id": None, "mapping": None, "parallel": 0, **more}
    )


@pytest.mark.parametrize("name", ["x.ndjson", "x.ndjson.gz", "x.ndjson.zst"])
def test_every_kind_of_file(
    served: tuple[Client, str], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain and compressed; two frames of zstd one after another."""
    client, url = served
    data = b"\n".join(LINES) + b"\n\n"
    packed = {
        "x.ndjson": data,
        "x.ndjson.gz": gzip.compress(data),
        "x.ndjson.zst": zstandard.compress(data[:50]) + zstandard.compress(data[50:]),
    }
    file = tmp_path / name
    file.write_bytes(packed[name])
    assert load(arguments(url, file, id="id")) == 0
    assert sorted(client.node.parts["a"][0].visible) == ["0", "1", "2", "3", "4"]
    assert "5 documents into a" in capsys.readouterr().out


def test_rejected_documents_are_listed(
    served: tuple[Client, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With line, id and reason; the exit code is 1; the others are indexed."""
    client, url = served
    file = tmp_path / "x.ndjson"
    file.write_bytes(b'{"id":"1"}\n{broken\n\n{"no":1}\n{"id":"2"}\n')
    assert load(arguments(url, file, id="id")) == 1
    message = capsys.readouterr().err
    assert "line 2" in message
    assert "line 4: has no usable id in field [id]" in message
    assert sorted(client.node.parts["a"][0].applied) == ["1", "2"]


def test_mapping_file(served: tuple[Client, str], tmp_path: Path) -> None:
    """The index is created with it; a file that is none is refused."""
    client, url = served
    file, mapping = tmp_path / "x.ndjson", tmp_path / "mapping.json"
    file.write_bytes(b"{}\n")
    mapping.write_text('{"properties": {"t": {"type": "keyword"}}}')
    assert load(arguments(url, file, mapping=str(mapping))) == 0
    field = client.node.states["a"].mapping.get("t")
    assert field is not None
    assert field.type == "keyword"
    mapping.write_text("[")
    with pytest.raises(SedimentError, match="cannot read the mapping file"):
        load(arguments(url, file, mapping=str(mapping)))


def test_broken_compression(served: tuple[Client, str], tmp_path: Path) -> None:
    """Said as such."""
    for name in ("x.gz", "x.zst"):
        file = tmp_path / name
        file.write_bytes(b"not compressed at all")
        with pytest.raises(SedimentError, match="cannot unpack"):
            load(arguments(served[1], file))


def test_batches_are_bounded() -> None:
    """By count; line numbers go on."""
    found = list(batches(io.BytesIO(b"{}\n" * (BATCH_DOCUMENTS + 1))))
    assert [len(b.lines) for b in found] == [BATCH_DOCUMENTS, 1]
    assert found[1].numbers == [BATCH_DOCUMENTS + 1]


def test_ids_from_a_field() -> None:
    """Dotted fields, numbers; what is no id is refused."""
    assert action_of(b'{"a":{"b":7}}', "a.b") == b'{"index":{"_id":"7"}}'
    for line in (b'{"a":true}', b'{"a":""}', b"{}", b'{"a":[1]}', b"[]"):
        with pytest.raises(SedimentError):
            action_of(line, "a")


def test_a_busy_node_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After: wait, then the same request."""
    answers = [
        httpx.Response(429, headers={"retry-after": "1"}),
        httpx.Response(503),
        httpx.Response(200, json={"ok": 1}),
    ]
    waits: list[float] = []
    with RestClient("http://node", sleep=waits.append) as client:
        monkeypatch.setattr(client._http, "request", lambda *a, **k: answers.pop(0))
        assert client.call("GET", "/") == {"ok": 1}
    assert len(waits) == 2


def test_search_and_status(
    served: tuple[Client, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hits and a table, or the answer as JSON."""
    _, url = served
    file = tmp_path / "x.ndjson"
    file.write_bytes(b"\n".join(LINES))
    load(arguments(url, file, id="id"))
    capsys.readouterr()
    asked = SimpleNamespace(url=url, index="a", query="t:3", size=2, json=False)
    assert search(asked) == 0
    assert "1 hits in" in capsys.readouterr().out
    assert search(SimpleNamespace(**{**vars(asked), "json": True})) == 0
    assert orjson.loads(capsys.readouterr().out)["hits"]["hits"][0]["_id"] == "3"
    monkeypatch.setenv("COLUMNS", "40")
    served[0].node.parts["a"][0].reason = "the log of [a] says so"
    assert status(SimpleNamespace(url=url, json=False)) == 0
    heads, row, reason = capsys.readouterr().out.splitlines()
    assert heads.split()[-3:] == ["letters", "bytes", "digest"], "nothing is cut, however narrow it is"
    assert row.split()[:3] == ["a", "0", "live"]
    assert "abcdef012345@" in row
    assert reason == "a/0: live: the log of [a] says so"
    assert status(SimpleNamespace(url=url, json=True)) == 0


def test_marks_become_styles() -> None:
    """Fragments without, with one and with several matches; an unclosed one does no harm."""
    text = marked(f"a {OPEN}b{CLOSE} c {OPEN}d{CLOSE}")
    assert (text.plain, len([s for s in text.spans if s.style])) == ("a b c d", 2)
    assert marked("plain").plain == "plain"
    assert marked(f"x {OPEN}y").plain == "x y"


def test_sizes() -> None:
    """Bytes for a person."""
    assert [size_text(n) for n in (5, 2048, 3 << 30, 5 << 40)] == ["5 B", "2.0 KB", "3.0 GB", "5.0 TB"]
